"""What the machine lacks is told as that, and not as a damaged file or as the fault of a structure."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from auric import files, machine, study
from auric.errors import InputError, MachineError
from auric.files import alone_with, atomic, read_dataset, read_frames, read_npz, write_dataset, write_npz
from auric.machine import lack_of, raise_lack
from auric.modelfile import fitting
from auric.progress import reason_of

TORCH = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4000000000 bytes. Error code 12 (Cannot allocate memory)"
)
HDF5 = "Can't synchronously read data (memory allocation failed for raw data chunk)"


class OutOfMemoryError(RuntimeError):
    """As torch and CuPy name theirs."""


class SafetensorError(Exception):
    """As safetensors names its own."""


WITHOUT_MEMORY = [
    MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), RuntimeError(TORCH), OSError(HDF5),
    OutOfMemoryError("CUDA out of memory"), SafetensorError("Cannot allocate memory (os error 12)"),
]  # fmt: skip


def raising(error):
    def raises(*_, **__):
        raise error

    return raises


@pytest.mark.parametrize("error", WITHOUT_MEMORY, ids=lambda error: type(error).__name__)
def test_too_little_memory_is_known_however_a_library_says_it(error):
    assert "not enough memory" in lack_of(error, "somewhere")
    with pytest.raises(MachineError, match="not enough memory"):
        reason_of(error, "au4_0001")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape mismatch: 3 and 4"), ValueError("out of memory.xyz: 3 atoms"), OSError(errno.EACCES, "Permission denied"),
        FileNotFoundError(errno.ENOENT, "gone"), InputError("a wrong number"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_other_errors_are_no_lack(error):
    assert lack_of(error, "somewhere") == ""
    raise_lack(error, "somewhere")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ENOTDIR])
@pytest.mark.parametrize("step", ["mkdir", "mkstemp"])
def test_what_cannot_be_written_is_the_machines_and_ends_the_job(tmp_path, monkeypatch, number, step):
    target = files.tempfile if step == "mkstemp" else files.Path
    monkeypatch.setattr(target, step, raising(OSError(number, os.strerror(number))))
    with pytest.raises(MachineError) as raised, atomic(tmp_path / "new/table.csv"):
        pytest.fail("it was written")
    assert ("is full; make room" in str(raised.value)) == (number in (errno.ENOSPC, errno.EDQUOT))
    with pytest.raises(MachineError):
        reason_of(raised.value, "au4_0001")
    if step == "mkdir":
        with pytest.raises(MachineError), alone_with(tmp_path / "walk"):
            pytest.fail("it was locked")


def test_a_disk_that_is_full_in_the_middle_is_named_by_its_folder(tmp_path):
    def fill(path):
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MachineError, match=f"the disk of {tmp_path}/store is full"):
        fill(tmp_path / "store/entry.npz")
    assert not list((tmp_path / "store").iterdir())


def test_a_reader_without_memory_does_not_call_its_file_damaged(tmp_path, monkeypatch):
    write_dataset(tmp_path / "a.nc", xr.Dataset({"a": ("x", np.ones(3))}))
    write_npz(tmp_path / "a.npz", {}, {"a": np.ones(3)})
    (tmp_path / "a.xyz").write_text("1\n\nH 0 0 0\n")
    monkeypatch.setattr(machine, "_at_hand", lambda size: size < files.LEAST_UNPACKED_BYTES)
    for error in WITHOUT_MEMORY:
        with monkeypatch.context() as patched:
            patched.setattr(files, "_load_dataset", raising(error))
            patched.setattr(files, "read", raising(error))
            with pytest.raises(MachineError, match="not enough memory"):
                read_dataset(tmp_path / "a.nc")
            with pytest.raises(MachineError, match="not enough memory"):
                read_frames(tmp_path / "a.xyz")
        if not isinstance(error, SafetensorError):
            with pytest.raises(MachineError, match="not enough memory"), fitting(tmp_path / "a.npz", "network"):
                raise error
    with monkeypatch.context() as patched:
        patched.setattr(files.np.lib.format, "read_array", raising(MemoryError()))
        with pytest.raises(MemoryError):
            read_npz(tmp_path / "a.npz")


def test_a_file_that_announces_more_than_it_holds_is_damaged_however_much_memory_there_is(tmp_path, monkeypatch):
    write_dataset(tmp_path / "a.nc", xr.Dataset({"a": ("x", np.ones(3))}))
    for error in (MemoryError(), RuntimeError(TORCH), OSError(HDF5)):
        with pytest.raises(InputError, match="does not fit"), fitting(tmp_path / "a.nc", "network"):
            raise error
        monkeypatch.setattr(files, "_load_dataset", raising(error))
        with pytest.raises(files.AuricError, match="damaged"):
            read_dataset(tmp_path / "a.nc")
    # A GPU's memory says nothing of the machine's.
    with pytest.raises(MachineError), fitting(tmp_path / "a.nc", "network"):
        raise OutOfMemoryError("CUDA out of memory")


def test_real_limits_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="does not fit"), fitting(__file__, "network"):
        np.empty(10**15)


@pytest.mark.parametrize("part", ["x", "store"])
def test_a_folder_of_the_study_or_the_store_that_cannot_be_written_stops_before_any_step(
    tmp_path, root, monkeypatch, part
):
    (tmp_path / "config").mkdir()
    (tmp_path / "workflow").symlink_to(root / "workflow")
    (tmp_path / "results" / part).mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text(f"study: x\nresults: {tmp_path}/results\n")
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != part)
    with pytest.raises(InputError, match=f"results/{part} is not writable"):
        study.load({}, tmp_path)
