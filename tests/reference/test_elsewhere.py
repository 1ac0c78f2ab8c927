"""Labelled frames made elsewhere, as runs of a reference set."""

import os

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from auric.errors import InputError, StructureError
from auric.files import read_frames, read_tables
from auric.provenance import digest, file_digest
from auric.reference import elsewhere
from auric.reference.elsewhere import GIVEN, fingerprint_of_given, given_frames
from auric.reference.runs import read_runs, run_row
from auric.reference.runs import reference_set as runs_of_system

SETTINGS = {
    "equilibration_steps": 0, "steps": 0, "every": 1, "temperature_k": 300.0, "end_temperature_k": None, "seed": 0,
}  # fmt: skip


def frames(count=6, **info):
    """Water that stretches, each frame with its energy and forces."""
    found = []
    for number in range(count):
        atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93 + 0.01 * number, 0]], info={"time": number, **info})
        forces = np.full((3, 3), 0.1 * number)
        atoms.calc = SinglePointCalculator(atoms, energy=-10.0 - number, forces=forces)
        found.append(atoms)
    return found


@pytest.fixture
def given(tmp_path):
    """Write frames and read them as a run."""

    def read(found, words="method=PBE", name="water.extxyz", **changes):
        path = tmp_path / name
        write(path, found)
        recipe = f"frames={path} {words}".strip()
        common = {"name": "water", "run": "w_1", "charge": 0, "multiplicity": 1, "mirror": None}
        return given_frames(recipe, **common | {"settings": SETTINGS | changes})

    return read


@pytest.mark.parametrize("name", ["water.extxyz", "water.traj"])
def test_frames_keep_their_labels_and_are_stamped(given, name):
    found = given(frames(), "method=PBE engine=cp2k basis=DZVP", name)
    assert [atoms.info["energy_ev"] for atoms in found] == [-10, -11, -12, -13, -14, -15]
    assert [atoms.info["step"] for atoms in found] == [1, 2, 3, 4, 5, 6]
    for number, atoms in enumerate(found):
        assert np.allclose(atoms.arrays["forces_ev_angstrom"], 0.1 * number, atol=1e-12)
        assert {key: atoms.info[key] for key in ("name", "engine", "method", "basis", "ensemble")} == {
            "name": f"w_1_{number + 1:04d}", "engine": "cp2k", "method": "PBE", "basis": "DZVP", "ensemble": GIVEN,
        }  # fmt: skip
        assert np.isnan(atoms.info["temperature_k"])
        assert atoms.calc is None


def test_what_the_file_says_of_level_step_and_temperature_is_kept(given):
    found = frames(2, method="B3LYP", temperature_k=287.5)
    for number, atoms in enumerate(found):
        atoms.info["step"] = 40 * (number + 1)
    (first, second) = given(found, "")
    assert (first.info["method"], first.info["engine"]) == ("B3LYP", "elsewhere")
    assert (first.info["step"], second.info["step"], first.info["temperature_k"]) == (40, 80, 287.5)


def test_part_of_a_file_and_the_bath_of_a_heated_one(given):
    found = given(frames(), equilibration_steps=1, steps=4, every=2, end_temperature_k=500.0)
    assert [atoms.info["step"] for atoms in found] == [2, 4]
    assert [atoms.info["target_temperature_k"] for atoms in found] == [300, 500]


def changed(number, change):
    found = frames()
    change(found[number])
    return found


def no_forces(atoms):
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0)


def infinite(atoms):
    atoms.calc = SinglePointCalculator(atoms, energy=np.inf, forces=np.zeros((3, 3)))


def other_atom(atoms):
    atoms.symbols[0] = "S"


def other_charge(atoms):
    atoms.info["charge"] = -1


def lost(atoms):
    atoms.positions[1] = np.nan


def touching(atoms):
    atoms.positions[1] = [0.05, 0, 0]


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (2, no_forces, "frame 3: .*no finite forces"),
        (3, infinite, "frame 4: .*no finite energy"),
        (1, other_atom, "frame 2: other atoms"),
        (4, other_charge, "frame 5: charge -1, the row says 0"),
        (1, lost, "frame 2: a coordinate is not finite"),
        (0, touching, "apart"),
    ],
)
def test_a_bad_frame_is_named(given, number, change, reason):
    with pytest.raises((InputError, StructureError), match=reason) as caught:
        given(changed(number, change), name="water.traj")
    assert "\n" not in str(caught.value)


def test_bad_recipes_and_files_are_refused_in_one_line(given, tmp_path):
    with pytest.raises(InputError, match=r"no method named; add method="):
        given(frames(), "")
    with pytest.raises(StructureError, match="keeps none"):
        given(frames(), equilibration_steps=6)
    with pytest.raises(StructureError, match="unknown word 'metod'"):
        given(frames(), "metod=PBE")
    (tmp_path / "text.extxyz").write_text("three words only\n")
    common = {"name": "w", "run": "w", "charge": 0, "multiplicity": 1, "settings": SETTINGS}
    with pytest.raises(StructureError, match="ASE reads no frames"):
        given_frames(f"frames={tmp_path}/text.extxyz", **common, mirror=None)
    with pytest.raises(StructureError, match=r"no frames at gone\.extxyz, and AURIC_MIRROR"):
        given_frames("frames=gone.extxyz", **common, mirror=None)
    with pytest.raises(StructureError, match=r"no frames at gone\.extxyz nor in the mirror"):
        given_frames("frames=gone.extxyz", **common, mirror=tmp_path)


def test_a_file_is_found_in_the_mirror_and_its_fingerprint_follows_it(tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "runs").mkdir(parents=True)
    recipe = "frames=runs/water.extxyz method=PBE"
    results = tmp_path / "results"
    assert fingerprint_of_given(recipe, mirror, results) == ""
    file = mirror / "runs/water.extxyz"
    write(file, frames(2))
    first = fingerprint_of_given(recipe, mirror, results)
    assert first == digest(file.read_bytes())
    write(file, frames(3))
    assert fingerprint_of_given(recipe, mirror, results) not in ("", first)


def test_a_file_is_read_again_only_when_its_size_or_time_changed(tmp_path, monkeypatch):
    file, results = tmp_path / "water.extxyz", tmp_path / "results"
    write(file, frames(2))
    recipe, read_again = f"frames={file} method=PBE", []
    monkeypatch.setattr(elsewhere, "file_digest", lambda path: read_again.append(path) or file_digest(path))
    first = fingerprint_of_given(recipe, None, results)
    assert fingerprint_of_given(recipe, None, results) == first
    assert len(read_again) == 1
    os.utime(file, ns=(0, 0))
    assert fingerprint_of_given(recipe, None, results) == first
    assert len(read_again) == 2
    (results / elsewhere.SEEN).write_text("[damaged")
    assert fingerprint_of_given(recipe, None, results) == first


def test_a_file_that_no_memory_holds_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "LIMIT_BYTES", 100)
    with pytest.raises(StructureError, match=r"GB of frames, above .*; keep fewer"):
        given(frames())


HEADER = (
    "name\tsystem\tstructure\tbuilder\trecipe\tcharge\tmultiplicity\trole\tensemble\ttemperature_k\tend_temperature_k\tseed\t"
    "equilibration_steps\tsteps\tevery"
)


def row(name, **changes):
    cells = {
        "name": name, "system": "s", "structure": "water", "builder": "file", "recipe": f"frames={name}.extxyz method=PBE",
        "charge": "0", "multiplicity": "1", "role": "train", "ensemble": "given", "temperature_k": "300",
        "end_temperature_k": "", "seed": "0", "equilibration_steps": "0", "steps": "0", "every": "1",
    }  # fmt: skip
    return "\t".join((cells | changes).values())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe": "frames=a.extxyz method=PBE"}, "the run a has the same frames; in one system a file is one run"),
        ({"builder": "ring"}, "builder 'ring': frames made elsewhere are read from a file"),
        ({"recipe": "a.extxyz"}, "unknown word 'a.extxyz'"),
        ({"recipe": "method=PBE"}, "frames= is missing"),
        ({"every": "0"}, "numbers above 0"),
    ],
)
def test_a_bad_row_is_told(tmp_path, changes, reason):
    path = tmp_path / "runs.tsv"
    path.write_text("\n".join([HEADER, row("a"), row("b", **changes)]) + "\n")
    good, bad = read_runs(path)
    assert good.error == ""
    assert bad.error.startswith(f"{path}, line 3: ")
    assert reason in bad.error


def test_a_file_may_serve_two_systems_and_stand_beside_runs_made_here(tmp_path):
    path = tmp_path / "runs.tsv"
    made = row("m", builder="smiles", recipe="smiles=O", ensemble="nve", steps="4")
    other = row("c", system="u", recipe="frames=a.extxyz method=PBE")
    path.write_text("\n".join([HEADER, row("a"), row("b", role="test"), made, other]) + "\n")
    assert [run.error for run in read_runs(path)] == [""] * 4


def test_a_row_is_read_into_the_places_of_a_run(tmp_path):
    write(tmp_path / "a.extxyz", frames(3))
    path = tmp_path / "runs.tsv"
    path.write_text("\n".join([HEADER, row("a"), row("gone")]) + "\n")
    outputs = [tmp_path / name for name in ("f.extxyz", "s.csv", "x.csv")]
    good, gone = runs_of_system(read_runs(path), "s", ("train",))
    common = {"xtb": {}, "store": tmp_path / "store", "mirror": str(tmp_path)}
    run_row(good._asdict(), *outputs, **common)
    assert [(atoms.info["system"], atoms.info["role"]) for atoms in read_frames(outputs[0])] == [("s", "train")] * 3
    (told,) = read_tables([outputs[1]]).to_dict("records")
    assert (told["frames"], told["steps"]) == (3, 0)
    run_row(gone._asdict(), *outputs, **common)
    assert read_frames(outputs[0]) == []
    (failure,) = read_tables([outputs[2]]).to_dict("records")
    assert "no frames at gone.extxyz nor in the mirror" in failure["reason"]
