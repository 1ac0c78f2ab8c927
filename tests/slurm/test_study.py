"""Part of the `test` study through a real Slurm: whole, with a node lost in the middle, and with jobs cancelled."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.end_to_end.test_study import COPIED, write_part
from tests.slurm.cluster import Cluster, absent, cluster_in

SITE = {
    "slurm-status-command": "squeue", "slurm-no-account": True, "slurm-init-seconds-before-status-checks": 3,
    "seconds-between-status-checks": 3, "latency-wait": 20,
}  # fmt: skip
"""What a site of one machine without accounting adds to profiles/slurm."""
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif("AURIC_SLURM" not in os.environ, reason="takes a quarter of an hour, and root: make test-slurm"),
    pytest.mark.skipif(bool(absent()), reason=f"needs slurm-wlm and munge; not installed: {', '.join(absent())}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def folder(tmp_path, cluster):
    """A copy of the workflow, with the site's own profile, in a folder that all nodes see."""
    for name in COPIED:
        source = Path(__file__).parents[2] / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    profile = yaml.safe_load((tmp_path / "profiles/slurm/config.yaml").read_text()) | SITE
    (tmp_path / "profiles/site").mkdir()
    (tmp_path / "profiles/site/config.yaml").write_text(yaml.safe_dump(profile))
    write_part(tmp_path, "part", ruler={"splits": ["bond"]})
    return tmp_path


def start(folder: Path, cluster: Cluster, *more: str) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--workflow-profile",
        "profiles/site",
        "--config",
        "study=part",
        *more,
    ]
    environment = {**os.environ, **cluster.environment, "PYTHONPATH": str(folder / "src")}
    with (folder / "run.log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, text=True, env=environment)


def finish(process: "subprocess.Popen[str]", folder: Path) -> str:
    code = process.wait(timeout=1500)
    text = (folder / "run.log").read_text()
    assert code == 0, text[-6000:]
    return text


def sound(folder: Path) -> pd.DataFrame:
    """Predictions of the finished study, all there."""
    assert (folder / "results/part/report.zip").is_file()
    assert not [path for path in (folder / "results/part").rglob("*.tmp*")]
    failures = pd.read_csv(folder / "results/part/failures.csv")
    assert failures.empty
    return pd.read_csv(folder / "results/part/ruler/predictions.csv", dtype={"fold": str})


def test_a_study_runs_through_and_again_does_nothing(folder, cluster):
    text = finish(start(folder, cluster), folder)
    found = sound(folder)
    assert found["predicted_angstrom"].notna().all()
    assert "array" in text.lower() or list((folder / ".snakemake/slurm_logs").rglob("*")), "nothing went through Slurm"
    (folder / "run.log").write_text("")
    assert "Nothing to be done" in finish(start(folder, cluster), folder)


def test_a_node_is_lost_and_jobs_are_cancelled_and_the_study_ends_right(folder, cluster):
    process = start(folder, cluster)
    lost = cancelled = False
    while process.poll() is None:
        running = cluster.jobs()
        if running and not lost:
            busy = cluster.call("squeue", "--noheader", "--states=R", "--format=%N").split()
            if busy:
                cluster.lose_node(busy[0])
                lost = busy[0]
                time.sleep(5)
                cluster.start_node(busy[0])
                cluster.call("scontrol", "update", f"nodename={busy[0]}", "state=resume")
        elif running and not cancelled:
            cluster.call("scancel", running[-1])
            cancelled = True
        time.sleep(1)
    assert lost
    assert cancelled
    # A job that was cancelled may have used up its tries: the second run has the rest to do, and no more.
    if process.returncode:
        finish(start(folder, cluster), folder)
    sound(folder)
