"""GPUs, one for each job."""

import subprocess
import sys
import time

import pytest

from auric import devices
from auric.devices import take_gpu

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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["GPU-x.lock", "MIG_y.lock"]
