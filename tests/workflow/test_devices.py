"""GPUs, one for each job."""

import os
import subprocess
import sys
import tempfile
import time

import pytest

from auric import devices
from auric.devices import VISIBLE, claim_gpu, gpus_asked, take_gpu
from auric.reference import gto
from auric.reference.orbitals import make_molecule

JOB = """
import sys, time
from pathlib import Path
from auric.devices import take_gpu
print(take_gpu(["GPU-a", "GPU-b"], folder=Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    held: dict = {}
    monkeypatch.setattr(devices, "_held", held)
    yield
    for file in held.values():
        file.close()


def started(folder):
    return subprocess.Popen([sys.executable, "-c", JOB, str(folder)], stdout=subprocess.PIPE, text=True)


def test_each_job_has_its_own_and_the_killed_ones_is_free_again(tmp_path):
    jobs = [started(tmp_path), started(tmp_path)]
    try:
        assert sorted(job.stdout.readline().strip() for job in jobs) == ["0", "1"]
        third = started(tmp_path)
        jobs.append(third)
        time.sleep(0.5)
        assert third.poll() is None
        jobs[0].kill()
        jobs[0].wait()
        assert third.stdout.readline().strip() in ("0", "1")
    finally:
        for job in jobs:
            job.kill()
            job.wait()
            job.stdout.close()


def test_the_same_process_keeps_its_own(tmp_path):
    assert take_gpu(["GPU-x", "MIG/y"], folder=tmp_path) == 0
    assert take_gpu(["GPU-x", "MIG/y"], folder=tmp_path) == 0
    assert take_gpu(["MIG/y"], folder=tmp_path) == 0  # another device, named so that its lock has a plain name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MIG_y.lock", "x.lock"]


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A machine with two GPUs, as its driver tells of them."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho GPU-a\necho GPU-b\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv(VISIBLE, raising=False)
    return tmp_path


CLAIM = """
import os, sys
from auric.devices import claim_gpu
claim_gpu()
claim_gpu()
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


def test_jobs_side_by_side_see_different_devices_and_each_only_its_own(driver):
    jobs = [
        subprocess.Popen([sys.executable, "-c", CLAIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sorted(job.stdout.readline().strip() for job in jobs) == ["GPU-a", "GPU-b"]
    for job in jobs:
        job.communicate()


@pytest.mark.parametrize(
    ("allowed", "seen"), [(None, "GPU-a"), ("1", "GPU-b"), ("GPU-b", "GPU-b"), ("", ""), ("7", "7")]
)
def test_only_what_the_allocation_allows_is_taken(driver, monkeypatch, allowed, seen):
    if allowed is not None:
        monkeypatch.setenv(VISIBLE, allowed)
    claim_gpu()
    assert os.environ[VISIBLE] == seen


def test_without_a_driver_nothing_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VISIBLE, raising=False)
    claim_gpu()
    assert VISIBLE not in os.environ


def test_a_job_asks_for_a_gpu_where_it_would_use_one(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    assert [gpus_asked(device) for device in ("cpu", "auto", "cuda")] == [0, 0, 1]
    (tmp_path / "nvidia0").touch()
    assert [gpus_asked(device) for device in ("cpu", "auto", "cuda")] == [0, 1, 1]


def test_a_label_on_a_gpu_claims_it_before_gpu4pyscf_is_loaded(monkeypatch):
    order = []
    monkeypatch.setattr(gto, "claim_gpu", lambda: order.append("claimed"))
    monkeypatch.setattr("pyscf.df.df_jk._DFHF.to_gpu", lambda self: order.append("loaded"))
    engine = gto.GpuEngine(gto.GtoSettings())
    assert order == []
    engine._mean_field(make_molecule(["He"], [[0, 0, 0]], {"He": [[0, [1.0, 1.0]]]}, {}, 0, 1), None)
    assert order == ["claimed", "loaded"]
