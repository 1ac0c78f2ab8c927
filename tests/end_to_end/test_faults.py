"""What kills a study and compares it afterwards: that it tells what it should, on small stand-ins for a study."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from safetensors.numpy import save_file

from auric.files import write_dataset, write_frames, write_npz
from tests.end_to_end import faults
from tests.end_to_end.faults import Story, damaged, differences, torture

FINISH = "mkdir -p results/test; for k in 1 2; do printf 'a,b\\n1,2\\n' > .$k; mv .$k results/test/$k.csv; done"
EVERY_OTHER = (
    f"n=$(cat .n || echo 0); echo $((n + 1)) > .n; if [ $((n % 2)) = 0 ]; then exec sleep 60; else {FINISH}; fi"
)
"""Waits to be killed at its first start, finishes at its second, and so on."""


@pytest.fixture
def places(tmp_path):
    """Folders of an undisturbed study and of one to be killed."""
    for name in ("whole", "folder"):
        (tmp_path / name / "results").mkdir(parents=True)
    subprocess.run(["sh", "-c", FINISH], cwd=tmp_path / "whole", check=True)
    return tmp_path / "whole", tmp_path / "folder"


@pytest.fixture
def killed(places, monkeypatch):
    """Kill a program that stands for a study."""

    def run(program, kills=4):
        def start(folder, *_):
            (folder / "results").mkdir(exist_ok=True)
            return subprocess.Popen(["sh", "-c", program], cwd=folder, start_new_session=True)

        monkeypatch.setattr(faults, "start", start)
        return torture(*places, "test", kills=kills, seed=1, longest_s=2, cores=1)

    return run


def test_a_study_that_has_finished_begins_again_until_there_were_so_many_kills(killed, places):
    story = killed(EVERY_OTHER, kills=4)
    assert len(story.kills) == 4
    assert story.ends > 1
    assert story.sound(4)
    assert not story.sound(5)
    assert (places[1] / "results/test/2.csv").exists()


def test_a_run_that_ends_by_itself_with_an_error_is_a_fault(killed):
    story = killed("sleep 0.1; exit 1")
    assert story.fault.startswith("a run ended by itself (exit 1, failed: no job)")
    assert not story.sound(0)


def test_an_error_that_no_kill_explains_is_a_fault(killed):
    story = killed(
        "mkdir -p results/test; echo '12:00:00 FAILED labels 001 after 3 s' >> results/test/progress.log; exit 1"
    )
    assert "failed: labels" in story.fault


def test_a_file_that_a_kill_left_half_written_is_told(killed):
    story = killed("printf PK > results/a.npz; exec sleep 20", kills=1)
    assert "results/a.npz" in story.damaged[0]
    assert not story.sound(1)


def test_what_the_next_run_makes_again_may_be_half_written(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.csv").write_text("")
    assert damaged(tmp_path)
    (tmp_path / ".snakemake/incomplete").mkdir(parents=True)
    (tmp_path / ".snakemake/incomplete/cmVzdWx0cy9hLmNzdg==").write_text("")
    assert not damaged(tmp_path)


def test_other_numbers_are_not_sound(killed, places):
    (places[0] / "results/test/2.csv").write_text("a,b\n1,2.1\n")
    story = killed(EVERY_OTHER, kills=1)
    assert [one.file for one in story.differences] == ["test/2.csv"] * story.ends
    assert not story.sound(1)


def write_all(folder: Path, value: float, seconds: float) -> None:
    """A file of each kind that holds one number and one time."""
    write_npz(folder / "store/ab/entry.npz", {"content": {"energy_ev": value, "seconds": seconds}}, {"a": np.ones(2)})
    write_npz(folder / "test/model.npz", {"a": 1}, {"a": np.full(2, value)})
    grid = xr.Dataset({"elf": ("x", np.ones(2))}, attrs={"value": value, "created": seconds})
    grid["elf"].attrs["offset"] = value
    write_dataset(folder / "test/grid.nc", grid)
    save_file({"w": np.full(3, value)}, folder / "test/net.safetensors", metadata={"header": f'{{"value": {value}}}'})
    frame = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]], info={"energy_ev": value, "seconds": seconds})
    write_frames(folder / "test/frames.extxyz", [frame])
    (folder / "test/table.csv").write_text(f"value,seconds\n{value},{seconds}\n")


def test_every_kind_of_file_is_compared_and_times_are_left_out(tmp_path):
    write_all(tmp_path / "a", 1.5, 10.0)
    write_all(tmp_path / "b", 1.5, 11.0)
    assert not list(differences(tmp_path / "a", tmp_path / "b"))
    write_all(tmp_path / "b", 1.5 * (1 + 1e-3), 10.0)
    found = {(one.file, one.where): one.size for one in differences(tmp_path / "a", tmp_path / "b")}
    assert set(found) == {
        ("store/ab/entry.npz", "header content energy_ev"), ("test/model.npz", "a"), ("test/grid.nc", "attributes value"),
        ("test/grid.nc", "attributes of elf offset"), ("test/net.safetensors", "w"), ("test/net.safetensors", "header header value"),
        ("test/frames.extxyz", "0 energy_ev"), ("test/table.csv", "value"),
    }  # fmt: skip
    assert all(size == pytest.approx(1e-3) for size in found.values())


def test_a_story_is_sound_only_with_all_its_kills():
    assert Story(kills=["job"] * 3, ends=1).sound(3)
    assert not Story(kills=["job"] * 2, ends=1).sound(3)
    assert not Story(kills=["job"] * 3, ends=0).sound(3)
