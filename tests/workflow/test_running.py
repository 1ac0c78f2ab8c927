"""Locks of killed runs go, those of live ones stay; jobs end with what started them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from auric import running
from auric.errors import InputError
from auric.files import remove_partial

HOLD = "import sys, time; from pathlib import Path; from auric.running import begin_run; begin_run('test', Path(sys.argv[1])); print('here', flush=True); time.sleep(60)"
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
    process = started(HOLD, str(folder))
    (folder / "locks/0.output.lock").write_text("b")
    assert not running.begin_run("other", folder)
    assert (folder / "locks/0.output.lock").exists()
    running._held.pop().close()  # this run ends
    killed(process)
    assert running.begin_run("other", folder)
    assert not list((folder / "locks").iterdir())
    assert "the last run here was killed; its lock is removed" in capsys.readouterr().err
    running._held.pop().close()
    next((folder / "auric_runs").iterdir()).unlink()
    assert not running.begin_run("other", folder)  # nothing left, nothing said
    assert capsys.readouterr().err == ""


def test_traces_of_ended_runs_do_not_pile_up(folder):
    for _ in range(3):
        process = started(HOLD, str(folder))
        killed(process)
    running.begin_run("other", folder)
    assert len(list((folder / "auric_runs").iterdir())) == 1


def test_a_second_run_of_the_same_study_is_refused_and_the_first_goes_on(folder):
    process = started(HOLD, str(folder))
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
