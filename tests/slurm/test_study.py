"""A study through a real Slurm: whole, with a node lost in the middle and a job cancelled, and with its scheduler killed.

`AURIC_SLURM=1` takes a part of the `test` study, `AURIC_SLURM=test` all of it.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.end_to_end.copied import copy_workflow
from tests.end_to_end.faults import TOLERANCE, differences, leftovers
from tests.end_to_end.reruns import write_part
from tests.slurm.cluster import Cluster, absent, at_work_in, cluster_in

STUDY = "test" if os.environ.get("AURIC_SLURM") == "test" else "part"
SITE = {
    "slurm-status-command": "squeue", "slurm-no-account": True, "slurm-init-seconds-before-status-checks": 3,
    "seconds-between-status-checks": 3, "latency-wait": 20,
}  # fmt: skip
"""What a site of one machine without accounting adds to profiles/slurm."""
PATIENCE_S = 3000
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif("AURIC_SLURM" not in os.environ, reason="takes eight minutes of two free cores, and root: make test-slurm"),
    pytest.mark.skipif(bool(absent()), reason=f"needs slurm-wlm and munge; not installed: {', '.join(absent())}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("slurm")) as found:
        yield found


def copy(place: Path) -> Path:
    """A copy of the workflow, with the site's own profile, in a folder that all nodes see."""
    copy_workflow(place)
    profile = yaml.safe_load((place / "profiles/slurm/config.yaml").read_text()) | SITE
    (place / "profiles/site").mkdir()
    (place / "profiles/site/config.yaml").write_text(yaml.safe_dump(profile))
    write_part(place, "part", ruler={"splits": ["bond"]})
    return place


@pytest.fixture
def folder(tmp_path, cluster):
    yield copy(tmp_path)
    cluster.call("scancel", "--user=root")
    end = time.monotonic() + 60
    while (left := at_work_in(tmp_path)) and time.monotonic() < end:
        time.sleep(1)
    assert not left, "processes of the study are left"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Results of the same study without Slurm."""
    place = copy(tmp_path_factory.mktemp("undisturbed"))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={STUDY}"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def start(folder: Path, cluster: Cluster, *more: str) -> "subprocess.Popen[str]":
    command = [
        sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/site", "--config", f"study={STUDY}", *more
    ]  # fmt: skip
    environment = {**os.environ, **cluster.environment, "PYTHONPATH": str(folder / "src")}
    with (folder / "run.log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, text=True, env=environment)


def finish(process: "subprocess.Popen[str]", folder: Path) -> str:
    code = process.wait(timeout=PATIENCE_S)
    text = (folder / "run.log").read_text()
    assert code == 0, text[-6000:]
    return text


def assert_sound(folder: Path, undisturbed: Path) -> None:
    """The finished study holds the numbers of a run that nothing disturbed."""
    results = folder / "results" / STUDY
    assert (results / "report.zip").is_file()
    assert pd.read_csv(results / "failures.csv").empty
    found = [one for one in differences(undisturbed / "results", folder / "results") if one.size > TOLERANCE]
    assert not found


def counted(folder: Path) -> tuple[list[int], int]:
    """Jobs that each run so far set out to do, and how many were done in all."""
    lines = (folder / "results" / STUDY / "progress.log").read_text().splitlines()
    planned = [int(found[1]) for line in lines if (found := re.search(r" (\d+) jobs to run", line))]
    return planned, sum(re.search(r" \d+ of \d+(,| in) .* \| ", line) is not None for line in lines)


def test_a_study_runs_through_in_arrays_and_again_does_nothing(folder, cluster, undisturbed):
    before = set(cluster.arrays())
    finish(start(folder, cluster), folder)
    assert_sound(folder, undisturbed)
    assert max(tasks for number, tasks in cluster.arrays().items() if number not in before) > 1, "no array"
    (folder / "run.log").write_text("")
    assert "Nothing to be done" in finish(start(folder, cluster), folder)


def test_a_node_is_lost_and_jobs_are_cancelled_and_the_study_ends_right(folder, cluster, undisturbed):
    process = start(folder, cluster)
    lost, cancelled = [], False
    while process.poll() is None:
        running = cluster.jobs()
        if running and not lost:
            busy = cluster.call("squeue", "--noheader", "--states=R", "--format=%N").split()
            if busy and set(cluster.processes(busy[0])) & set(at_work_in(folder)):
                lost = cluster.lose_node(busy[0])
                assert not set(lost) & set(at_work_in(folder)), (
                    "what ran there must not work beside the job that is queued again"
                )
                time.sleep(5)
                cluster.start_node(busy[0])
                cluster.call("scontrol", "update", f"nodename={busy[0]}", "state=resume")
        elif running and not cancelled:
            cluster.call("scancel", running[-1])
            cancelled = True
        time.sleep(1)
    assert lost
    assert cancelled
    planned, done = counted(folder)
    (folder / "run.log").write_text("")
    text = finish(start(folder, cluster), folder)
    # A job that was cancelled may have used up its tries: the second run has the rest to do, and no more.
    if done == planned[0]:
        assert "Nothing to be done" in text
    else:
        assert counted(folder)[0] == [planned[0], planned[0] - done]
    assert_sound(folder, undisturbed)


def test_a_scheduler_is_killed_and_the_next_run_ends_its_jobs_before_it_starts_them_again(folder, cluster):
    process = start(folder, cluster, "--until", "frames")
    end = time.monotonic() + PATIENCE_S
    while not (left := at_work(cluster)) and time.monotonic() < end:
        assert process.poll() is None, (folder / "run.log").read_text()[-6000:]
        time.sleep(0.2)
    process.kill()
    process.wait()
    time.sleep(1)
    assert left <= at_work(cluster), "Slurm's jobs outlive the scheduler"
    (folder / "run.log").write_text("")
    again = start(folder, cluster, "--until", "frames")
    while "jobs to run" not in (folder / "run.log").read_text():
        assert again.poll() is None, (folder / "run.log").read_text()[-6000:]
        time.sleep(0.2)
    assert not left & set(cluster.jobs()), "its jobs run beside those of the next"
    assert "that it left in Slurm are cancelled" in finish(again, folder)
    assert not leftovers(folder)


def at_work(cluster: Cluster) -> set[str]:
    return set(cluster.call("squeue", "--noheader", "--states=R", "--format=%A").split())
