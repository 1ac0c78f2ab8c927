"""Locks of killed runs go, those of live ones stay; jobs end with what started them."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from auric import running
from auric.errors import InputError, MachineError
from auric.files import remove_partial
from tests.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from auric.running import begin_run, note_what_is_left
import logging
folder, study, *locks = sys.argv[1:]
begin_run(study, Path(folder))
for lock in locks:
    Path(folder, "locks", lock).write_text(study)
note_what_is_left(logging.getLogger("run"), lambda: [Path(folder, "locks", lock) for lock in locks])
logging.getLogger("run").warning("Building DAG of jobs...")
print('here', flush=True)
time.sleep(60)
"""
CHILD = "import time; from auric.running import end_with_parent; end_with_parent(); print('child', flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {CHILD!r}]); time.sleep(60)"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/0.input.lock").write_text("a")
    return tmp_path


@pytest.fixture(autouse=True)
def none_held(monkeypatch):
    held = []
    monkeypatch.setattr(running, "_held", held)
    monkeypatch.setattr(running.atexit, "register", lambda *_, **__: None)
    monkeypatch.setenv(running.RUN, "")  # and so as it was, afterwards
    yield
    for file in held:
        file.close()


def started(*command):
    process = subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() in ("here", "child")
    return process


def killed(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lock_stays_while_its_run_lives_and_goes_when_it_was_killed(folder, capsys):
    (folder / "locks/0.input.lock").unlink()
    process = started(HOLD, str(folder), "test")
    (folder / "locks/0.output.lock").write_text("b")
    assert not running.begin_run("other", folder)
    assert (folder / "locks/0.output.lock").exists()
    running._held.pop().close()  # this run ends
    killed(process)
    assert running.begin_run("other", folder)
    assert not list((folder / "locks").iterdir())
    assert "a run here was killed; its lock is removed" in capsys.readouterr().err
    running._held.pop().close()
    next((folder / "auric_runs").iterdir()).unlink()
    assert not running.begin_run("other", folder)  # nothing left, nothing said
    assert capsys.readouterr().err == ""


def test_a_lock_of_a_killed_run_goes_while_another_study_is_at_work_whose_own_stays(folder, capsys):
    process = started(HOLD, str(folder), "test", "0.output.lock")
    killed(started(HOLD, str(folder), "other", "1.output.lock"))
    assert not running.begin_run("other", folder)
    assert [path.name for path in (folder / "locks").iterdir()] == ["0.output.lock"]
    assert "its lock is removed" in capsys.readouterr().err
    running._held.pop().close()
    killed(process)
    assert running.begin_run("other", folder), "what the killed ones were writing is removed by the first that is alone"


def test_a_lock_that_nobody_noted_is_told_in_one_line_where_another_study_is_at_work(folder):
    process = started(HOLD, str(folder), "test", "0.output.lock")
    (folder / "locks/1.output.lock").write_text("c")
    assert not running.begin_run("other", folder), "of a run that is about to note it"
    running._held.pop().close()
    for path in (folder / "auric_runs").iterdir():
        if path.read_text().strip() == "other":
            path.unlink()
    killed(started(HOLD, str(folder), "other"))
    with pytest.raises(
        InputError, match=r"1\.output\.lock: a lock of a run that was killed as it started.*snakemake --unlock"
    ):
        running.begin_run("other", folder)
    assert (folder / "locks/1.output.lock").exists()
    killed(process)


def test_locks_and_the_name_in_slurm_are_noted_from_snakemakes_records(folder):
    locks = []
    logger = logging.getLogger("test_running")
    running.begin_run("test", folder)
    running.note_what_is_left(logger, lambda: locks)
    logger.warning("Building DAG of jobs...")
    (folder / "locks/0.input.lock").write_text("a")
    locks.append(str(folder / "locks/0.input.lock"))
    logger.warning("SLURM run ID: 12ab")
    logger.warning("another")
    (notes,) = (folder / "auric_notes").iterdir()
    assert [json.loads(line) for line in notes.read_text().splitlines()] == [
        {"slurm": "12ab"},
        {"lock": f"0.input.lock {(folder / 'locks/0.input.lock').stat().st_mtime_ns}"},
    ]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stands for Slurm's programs: jobs of one name, one of which goes at each `scancel`."""
    queue = tmp_path / "queue"
    queue.write_text("7\n8\n")
    for name, text in {
        "squeue": f'[ "$3" = --name=12ab ] && cat {queue}; true',
        "scancel": f'[ "$1" = --name=12ab ] && sed -i 1d {queue}',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(running, "SLURM_ASK_S", 0.01)
    return queue


def left_in_slurm(folder):
    """A run that was killed when it had jobs in Slurm."""
    process = started(HOLD, str(folder), "test")
    (notes,) = (folder / "auric_notes").iterdir()
    notes.write_text('{"slurm": "12ab"}\n{"lo')
    killed(process)


def test_jobs_that_a_killed_run_left_in_slurm_are_cancelled_and_waited_for(folder, slurm, capsys):
    left_in_slurm(folder)
    assert running.begin_run("test", folder)
    assert slurm.read_text() == ""
    assert "2 jobs that it left in Slurm are cancelled" in capsys.readouterr().err


def test_jobs_that_do_not_go_or_a_slurm_that_does_not_answer_stop_the_run_in_one_line(folder, slurm, monkeypatch):
    left_in_slurm(folder)
    (folder / "locks/0.input.lock").write_text("a")
    monkeypatch.setattr(running, "SLURM_S", 0.0)
    (folder / "scancel").write_text("#!/bin/sh\nsleep 0.1\n")
    with pytest.raises(MachineError, match="jobs 7, 8 of a killed run are still in Slurm"):
        running.begin_run("test", folder)
    running._held.pop().close()
    (folder / "squeue").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(MachineError, match="name 12ab, and Slurm does not answer"):
        running.begin_run("test", folder)
    assert (folder / "locks/0.input.lock").exists()


def test_traces_of_ended_runs_do_not_pile_up(folder):
    for _ in range(3):
        process = started(HOLD, str(folder), "test")
        killed(process)
    running.begin_run("other", folder)
    assert len(list((folder / "auric_runs").iterdir())) == len(list((folder / "auric_notes").iterdir())) == 1


def test_a_second_run_of_the_same_study_is_refused_and_the_first_goes_on(folder):
    process = started(HOLD, str(folder), "test")
    (folder / "locks/0.output.lock").write_text("b")
    with pytest.raises(InputError, match=f"a run of the study test is at work in this folder .process {process.pid}"):
        running.begin_run("test", folder)
    assert process.poll() is None
    assert (folder / "locks/0.output.lock").exists()
    killed(process)


def test_without_locks_of_the_operating_system_nothing_is_removed(folder, monkeypatch):
    def flock(*_):
        raise OSError("Function not implemented")

    monkeypatch.setattr(running.fcntl, "flock", flock)
    assert not running.begin_run("other", folder)
    assert (folder / "locks/0.input.lock").exists()


def test_a_job_ends_with_what_started_it():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "child"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # The child holds the other end of the pipe: it is closed when the child has ended.
    ended = time.monotonic()
    process.stdout.read()
    process.stdout.close()
    assert time.monotonic() - ended < 20


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    write = "import sys, time; from auric.files import atomic\nwith atomic(sys.argv[1]) as path:\n    path.write_text('half'); print('here', flush=True); time.sleep(60)"
    for name in ("table.csv", "store/ab/entry.npz"):
        killed(started(write, str(tmp_path / name)))
    (tmp_path / ".snakemake_timestamp").write_text("")
    (tmp_path / "store/ab/other.npz").write_text("whole")
    assert not list(tmp_path.rglob("table.csv"))
    assert len(remove_partial(tmp_path)) == 2
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {".snakemake_timestamp", "other.npz"}


def test_the_environment_is_not_made_anew_under_a_run(tmp_path):
    """What the run has begun would end in modules that are gone."""
    for name in ("Makefile", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/ready").touch()
    os.utime(tmp_path / ".venv/ready", (1e9, 1e9))
    (tmp_path / "requirements.lock").write_text("changed\n")
    process = started(HOLD, str(tmp_path / ".snakemake"), "a")
    try:
        ended = subprocess.run(
            ["make", f"PYTHON={sys.executable}", ".venv/ready"], cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == 2
        assert "a run is at work in this folder; let it finish" in ended.stderr
        assert (tmp_path / ".venv/ready").is_file()
    finally:
        killed(process)
