"""What a job says when the machine lacks something."""

import errno
import os
from collections import namedtuple

import pytest

from auric import progress
from auric.errors import MachineError
from auric.progress import log_to, reason_of


@pytest.fixture(autouse=True)
def no_watch(monkeypatch):
    monkeypatch.setattr(progress, "end_with_parent", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


def said(error, tmp_path, capsys):
    with pytest.raises(SystemExit), log_to(tmp_path / "job.log"):
        raise error
    assert "Traceback" in (tmp_path / "job.log").read_text()
    return capsys.readouterr().err


def test_a_full_disk_is_named(tmp_path, capsys, monkeypatch):
    told = said(OSError(errno.ENOSPC, "No space left on device"), tmp_path, capsys)
    assert f"auric: the disk of {tmp_path} is full; make room and run the same command again" in told
    usage = namedtuple("usage", "total used free")
    assert "RuntimeError: odd" in said(RuntimeError("odd"), tmp_path, capsys)
    monkeypatch.setattr(progress.shutil, "disk_usage", lambda _: usage(10, 10, 0))
    assert "is full" in said(RuntimeError("HDF5 cannot write"), tmp_path, capsys)


def test_too_little_memory_is_named(tmp_path, capsys):
    for error in (MemoryError(), MachineError("a: not enough memory; a job that may be tried again asks for more")):
        assert "not enough memory; a job that may be tried again asks for more" in said(error, tmp_path, capsys)


def test_a_log_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(progress.logging, "FileHandler", refuse)
    with pytest.raises(SystemExit), log_to(tmp_path / "job.log"):
        pytest.fail("the job began")
    assert capsys.readouterr().err == (
        f"auric: cannot write {tmp_path}/job.log: Permission denied; choose a folder you may write to\n"
    )


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota")])
def test_what_the_machine_lacks_is_no_fault_of_a_structure(error):
    with pytest.raises(MachineError):
        reason_of(error, "au4_0001")


def test_other_errors_are_the_structures():
    assert "FileNotFoundError" in reason_of(FileNotFoundError(errno.ENOENT, "gone"), "au4_0001")
