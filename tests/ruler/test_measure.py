"""Measuring a structure: what is read, how far it is believed, what is refused, and what is told first."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ase import Atoms
from ase.io import write
from pyscf.tools import molden
from sklearn.decomposition import PCA

from auric.cli import main
from auric.errors import InputError, ScfError, StructureError
from auric.files import write_dataset
from auric.reference import GtoEngine, GtoSettings, write_orbitals
from auric.reference.version import METHOD_VERSION
from auric.ruler import (
    MEASURED_COLUMNS,
    READERS,
    Domain,
    ImageSet,
    RulerSet,
    bond_reading,
    check_level,
    engine_of,
    forecast_measurement,
    level_text,
    measure,
    measure_frame,
    measure_study_frame,
    orbitals_of_file,
    shipped_ruler,
    structure_to_measure,
    train_set,
)
from auric.ruler.domain import COMPONENTS
from auric.ruler.forecast import duration
from auric.ruler.level import level_parts
from auric.ruler.reading import SD_OVER_MAE
from auric.structures import BondRule

PIXELS = 20
GTO = GtoEngine(GtoSettings(grid_level=0, conv_tol_hartree=1e-5)).identity() | {"method_version": METHOD_VERSION}
GTH_LEVEL = {
    "engine": "pyscf-gth", "method": "pbe", "basis": {"default": "gth-dzvp-molopt-sr"}, "method_version": METHOD_VERSION,
    "settings": {"xc": "pbe", "basis": {"default": "gth-dzvp-molopt-sr"}},
}  # fmt: skip
COST = {
    "of": "electrons",
    "log_slope": 2.0,
    "log_intercept": -6.0,
    "log_open_shell": 0.5,
    "log_sd": 0.25,
    "points": 60,
    "range": [18.0, 402.0],
}
AUSH = Atoms("AuSH", [[0, 0, 0], [2.22, 0.1, 0], [2.35, 1.43, 0.1]])


def shells(rng, bonds, planes=3, pixels=PIXELS):
    """Images of two Gaussian shells whose widths, in units of the bond, tell its length; lengths and bonds."""
    lengths = np.repeat(rng.uniform(2.1, 2.7, bonds), planes)
    centres = (np.arange(pixels) + 0.5) / pixels
    x, y = np.meshgrid(centres, centres)
    tilts = rng.uniform(0, 0.1, len(lengths))
    elf = [
        0.8 * np.exp(-(((np.hypot(x, y - 0.5) * r - 1.0) / 0.3) ** 2)) + t * y
        for r, t in zip(lengths, tilts, strict=True)
    ]
    return np.array(elf, dtype="float32"), lengths, np.repeat(np.arange(bonds), planes)


@pytest.fixture(scope="module")
def trained():
    """A set of rulers on synthetic images that say to be of a coarse B3LYP."""
    elf, lengths, bonds = shells(np.random.default_rng(0), bonds=40)
    names = np.array([f"s{bond // 10}" for bond in bonds])
    data = ImageSet(
        elf, lengths, np.ones(len(elf)), np.arange(len(elf)).astype(str), names, names, bonds.astype(str), bonds,
        {"frames_json": json.dumps({"s0": GTO}), "elf_offset_hartree_per_bohr3": 1e-5},
    )  # fmt: skip
    errors = {reader: {"image": 0.001, "structure": 0.002} for reader in READERS}
    made = train_set(
        data, folds=4, seed=0, bond={"cutoff_angstrom": 2.7}, errors_angstrom=errors, costs=[],
        elf={"pixels": PIXELS, "planes": 7, "min_perpendicular_angstrom": 0.3, "offset": "multiwfn"},
    )  # fmt: skip
    made.header["cost"] = COST
    return made


@pytest.fixture
def rulers(trained, tmp_path):
    trained.save(tmp_path / "rulers.safetensors")
    return tmp_path / "rulers.safetensors"


@pytest.fixture
def xyz(tmp_path):
    write(tmp_path / "aush.xyz", AUSH)
    return tmp_path / "aush.xyz"


@pytest.fixture
def aush(labels):
    """Orbitals of AuSH as a study would have them: at the level of the rulers, near enough."""
    return dataclasses.replace(labels["AuSH"].orbitals, provenance=GTO)


class Fixed:
    """A ruler that says what it is told to."""

    def __init__(self, readings, scores):
        self.readings, self.header = np.array(readings), {
            "error_angstrom": {READERS[0]: {"image": 0.001, "structure": 0.002}, READERS[1]: {"image": 0.003}},
            "trained_on": {"lengths_angstrom": [2.2, 2.6]},
        }  # fmt: skip
        self.domain = self
        self.score = lambda elf: np.array(scores)

    def read(self, elf, *, reader):
        return self.readings


# --- the domain


def test_images_that_are_all_alike_make_no_domain(rng):
    one = rng.random((1, 20, 20))
    for elf, groups in ((np.repeat(one, 4, axis=0), np.arange(4) // 2), (rng.random((2, 20, 20)), np.arange(2))):
        with pytest.raises(InputError, match="all alike say nothing of others; give more frames or structures"):
            Domain.fit(elf, groups)


def test_domain_knows_its_kind_from_others(rng):
    elf, _, bonds = shells(rng, bonds=200)
    domain = Domain.fit(elf, bonds // 10)
    new, _, _ = shells(rng, bonds=100)
    assert (domain.score(new) <= 1).mean() >= 0.95
    for alien in (new[:, :, ::-1], np.roll(new, 1, axis=2), rng.random(new.shape), np.full_like(new, 0.5)):
        assert (domain.score(alien) > 1).all()


def test_domain_keeps_its_promise_on_groups_left_out(rng):
    """Each group has a tilt of its own, so a group left out is farther away than an image left out."""
    elf, _, bonds = shells(rng, bonds=300)
    groups = bonds // 3
    tilted = elf + rng.normal(0, 0.05, 100)[groups][:, None, None] * np.linspace(0, 1, PIXELS)
    kept = groups < 60
    by_group = Domain.fit(tilted[kept], groups[kept]).score(tilted[~kept]) <= 1
    assert by_group.mean() >= 0.95


def test_domain_distances_are_those_of_whitened_principal_components(rng):
    elf, _, bonds = shells(rng, bonds=60)
    domain = Domain.fit(elf, bonds // 10)
    flat = elf.reshape(len(elf), -1).astype(float)
    spread = np.maximum(flat.std(axis=0), 0.1 * np.median(flat.std(axis=0)))
    pca = PCA(COMPONENTS, whiten=True, svd_solver="full").fit(flat / spread)
    codes = pca.transform(flat / spread)[:, : len(domain.parts()[1]["spread"])]  # the others are rounding
    codes *= np.sqrt(len(flat) / (len(flat) - 1))  # sklearn divides by n - 1
    along = np.sqrt((codes**2).mean(axis=1))
    left = flat / spread - pca.mean_
    left -= left @ pca.components_[: codes.shape[1]].T @ pca.components_[: codes.shape[1]]
    beside = np.sqrt((left**2).mean(axis=1))
    expected = np.maximum(along / domain.header["limits"][0], beside / domain.header["limits"][1])
    np.testing.assert_allclose(domain.score(elf), expected, rtol=1e-3)


def test_domain_does_not_mind_the_scale_of_pixels_and_survives_its_file(rng):
    elf, _, bonds = shells(rng, bonds=60)
    elf = elf.astype(float)
    domain = Domain.fit(elf, bonds // 10)
    np.testing.assert_allclose(
        Domain.fit(0.5 * elf + 0.2, bonds // 10).score(0.5 * elf + 0.2), domain.score(elf), rtol=0.02
    )
    header, arrays = domain.parts()
    again = Domain.from_parts(json.loads(json.dumps(header)), arrays)
    np.testing.assert_array_equal(again.score(elf), domain.score(elf))
    assert domain.score(elf[:0]).shape == (0,)


def test_domain_is_small_whatever_the_pixels(rng):
    elf, _, bonds = shells(rng, bonds=20, pixels=57)  # no multiple of the coarse image's side
    domain = Domain.fit(elf, bonds // 4)
    assert sum(array.nbytes for array in domain.parts()[1].values()) < 300_000
    assert (domain.score(elf) <= 1).mean() > 0.9
    with pytest.raises(ValueError, match=r"shape \(n, 57, 57\)"):
        domain.score(elf[:, :50, :50])
    with pytest.raises(ValueError, match="two groups"):
        Domain.fit(elf, np.zeros(len(elf)))


# --- the level of theory


def test_level_is_that_of_the_engine(aush):
    level = trained_level()
    assert engine_of(level).identity() == GtoEngine(GtoSettings(**level["settings"])).identity()
    assert level_text(GTH_LEVEL) == "pbe, gth-dzvp-molopt-sr (pyscf-gth)"
    assert level_text(GTH_LEVEL | {"basis": {"default": "a", "Au": "b"}}) == "pbe, a, Au b (pyscf-gth)"
    basis, cores = level_parts(level, aush.symbols)
    assert cores == {"Au": [60, []]}
    assert json.loads(json.dumps(basis)) == aush.basis
    assert {s: core for s, (core, _) in level_parts(GTH_LEVEL, aush.symbols)[1].items()} == {"Au": 68, "S": 10}
    with pytest.raises(StructureError, match=r"has no basis for Ce"):
        level_parts(GTH_LEVEL, ["Ce"])
    with pytest.raises(InputError, match=r"method version 0 of b3lyp.*train it again"):
        engine_of(level | {"method_version": "0"})
    with pytest.raises(InputError, match="of another version"):
        engine_of(level | {"settings": {"colour": "gold"}})


def trained_level():
    keys = ("engine", "method", "basis", "method_version")
    return {key: GTO[key] for key in keys} | {
        "settings": {key: value for key, value in GTO.items() if key not in ("engine", "method", "method_version")}
    }


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        ({"engine": "pyscf-gth"}, {}, "of another engine: .* def2-svp .*, the ruler was trained on b3lyp"),
        (
            {"method": "pbe"},
            {},
            "another functional: it is of pbe, def2-svp .*, the ruler was trained on b3lyp, def2-svp",
        ),
        ({"method": "unknown"}, {}, "does not state its functional; say it"),
        ({"method_version": "0"}, {}, "method versions 0 and"),
        ({}, {"basis": {"default": "def2-svp", "S": "def2-tzvp"}}, "another basis of S"),
        ({"engine": "molden"}, {"basis": {"default": "def2-tzvp"}}, "another basis of Au"),
        ({"engine": "molden", "method": "pbe"}, GTH_LEVEL, "60 core electrons of Au, not 68"),
    ],
)
def test_another_level_is_refused_and_both_are_named(aush, changed, level, words):
    with pytest.raises(InputError, match=words):
        check_level(trained_level() | level, dataclasses.replace(aush, provenance=GTO | changed))


def test_cartesian_functions_are_another_basis(aush):
    with pytest.raises(InputError, match="another basis of Au"):
        check_level(trained_level(), dataclasses.replace(aush, cartesian=True))


def test_the_same_level_by_another_name_is_taken(aush):
    check_level(trained_level(), aush)
    theirs = {"engine": "gaussian", "method": "B3LYP", "basis": "def2svp"}
    check_level(trained_level(), dataclasses.replace(aush, provenance=theirs))
    check_level(trained_level() | {"engine": "gpu4pyscf"}, aush)
    check_level(
        trained_level() | {"method": "pbe"}, dataclasses.replace(aush, provenance=theirs | {"method": "PBEPBE"})
    )


# --- reading


def test_reading_of_a_bond():
    readings = np.array([[2.31, 2.32, 2.33], [2.33, 2.35, 2.34]])
    found = bond_reading(np.zeros((3, 2, 2)), 2.30, Fixed(readings, [0.5, 1.0, 1.1]))
    planes, members = np.std([2.32, 2.335, 2.335], ddof=1), np.std([2.32, 2.34], ddof=1)
    assert found["reading_angstrom"] == pytest.approx(2.33)
    assert found["difference_angstrom"] == pytest.approx(0.03)
    assert (found["spread_planes_angstrom"], found["spread_members_angstrom"]) == pytest.approx((planes, members))
    expected = np.sqrt(planes**2 + members**2 + (0.002 * np.sqrt(np.pi / 2)) ** 2)
    assert found["uncertainty_angstrom"] == pytest.approx(expected)
    assert not found["notable"]
    assert bond_reading(np.zeros((3, 2, 2)), 2.33 + 2.01 * expected, Fixed(readings, [0, 0, 0]))["notable"]
    assert (found["planes"], found["inside_share"]) == (3, pytest.approx(2 / 3))


def test_reading_of_lengths_never_seen_is_outside():
    found = bond_reading(np.zeros((2, 2, 2)), 2.3, Fixed([[2.65, 2.5]], [0.1, 0.1]), READERS[1])
    assert found["inside_share"] == 0.5
    assert found["spread_members_angstrom"] == 0
    spread = np.std([2.65, 2.5], ddof=1)
    assert found["uncertainty_angstrom"] == pytest.approx(np.hypot(spread, 0.003 * SD_OVER_MAE))
    assert bond_reading(np.zeros((0, 2, 2)), 2.3, Fixed([[]], [])) == {
        "length_angstrom": 2.3, "planes": 0, "notable": False
    }  # fmt: skip


def test_a_ruler_without_errors_is_refused():
    ruler = Fixed([[2.3]], [0.1])
    ruler.header["error_angstrom"] = {READERS[0]: {}}
    with pytest.raises(InputError, match="tells no error"):
        bond_reading(np.zeros((1, 2, 2)), 2.3, ruler)


def test_a_frame_is_measured_with_every_bond_in_the_table(trained, aush, labels):
    atoms = AUSH.copy()
    atoms.info |= {"structure": "aush", "name": "aush_0000"}
    table = measure_frame(atoms, aush, trained)
    assert tuple(table.columns) == MEASURED_COLUMNS
    assert table[["bond", "planes"]].values.tolist() == [["S1-Au0", 1]]
    assert table["length_angstrom"][0] == pytest.approx(atoms.get_distance(0, 1))
    assert table["inside_share"][0] == 0  # real ELF is not two Gaussian shells
    straight = Atoms("AuSH", [[0, 0, 0], [2.2, 0, 0], [3.5, 0, 0]], info=atoms.info)
    empty = measure_frame(straight, dataclasses.replace(aush, positions_angstrom=straight.positions), trained)
    assert empty["planes"].tolist() == [0]
    assert np.isnan(empty["reading_angstrom"].astype(float)[0])
    assert "no image" in measure.measured_text(empty, trained)
    assert json.loads(json.dumps(measure.measured_json(empty, trained), allow_nan=False))["bonds"][0]["planes"] == 0


def test_a_frame_of_a_study_is_measured_as_its_images_are(trained, rulers, tmp_path, rng):
    elf, lengths, bonds = shells(rng, bonds=4)
    data = xr.Dataset({"elf": (("image", "y", "x"), elf), "bond_length_angstrom": ("image", lengths)})
    data["frame"] = ("image", np.where(bonds < 2, "s_0000", "s_0001"))
    data["bond"] = ("image", np.array([f"s:S{bond}-Au{bond}" for bond in bonds]))
    for name in ("left_atom", "right_atom"):
        data[name] = ("image", bonds)
    write_dataset(tmp_path / "images.nc", data)
    measure_study_frame(tmp_path / "images.nc", rulers, tmp_path / "table.csv", frame="s_0001")
    table = pd.read_csv(tmp_path / "table.csv")
    assert set(table["bond"]) == {"S2-Au2", "S3-Au3"}
    assert table["difference_angstrom"].abs().is_monotonic_decreasing
    for row in table.itertuples():
        expected = bond_reading(elf[bonds == row.right_atom], lengths[bonds == row.right_atom][0], trained)
        assert row.reading_angstrom == pytest.approx(expected["reading_angstrom"], abs=1e-9)
    assert table["difference_angstrom"].abs().max() < 0.02
    measure_study_frame(tmp_path / "images.nc", rulers, tmp_path / "none.csv", frame="s_0009")
    assert tuple(pd.read_csv(tmp_path / "none.csv").columns) == MEASURED_COLUMNS


# --- the forecast


def forecast(trained, cost, threads=2, **changed):
    atoms = AUSH.copy()
    atoms.info |= {"charge": 0, "multiplicity": 1}
    header = trained.header | {"cost": cost} | changed
    return forecast_measurement(header, atoms, orbitals=changed.get("orbitals"), threads=threads)


def test_forecast_is_a_power_law_shared_by_threads(trained, labels):
    found = forecast(trained, COST)
    electrons = labels["AuSH"].details["electrons"]
    assert found.electrons == electrons
    assert found.field_seconds == pytest.approx(np.exp(-6.0) * electrons**2 / 2)
    assert found.factor == pytest.approx(np.exp(0.5))
    assert str(found).startswith(
        "about 2 s on 2 threads (1 s to 3 s), judged by 60 single points of 18 to 402 electrons; images"
    )
    assert forecast(trained, COST, level=GTH_LEVEL).electrons == 18
    assert "has 36 electrons, outside that range" in str(forecast(trained, COST | {"range": [50, 402]}))
    unknown = forecast(trained, {})
    assert unknown.field_seconds is None
    assert str(unknown).startswith("self-consistent field unknown")


def test_forecast_of_given_orbitals_is_that_of_images(trained, aush):
    atoms = AUSH.copy()
    found = forecast_measurement(trained.header, atoms, orbitals=aush, threads=1)
    assert found.field_seconds == 0
    assert 0 < found.images_seconds == found.most_seconds < 60
    assert str(found).startswith("images about")
    straight = Atoms("AuSH", [[0, 0, 0], [2.2, 0, 0], [3.5, 0, 0]])
    assert forecast_measurement(trained.header, straight, orbitals=aush, threads=1).images_seconds == 0


def test_durations_in_words():
    times = {0.2: "1 s", 89: "89 s", 91: "1.5 min", 180: "3 min", 700: "12 min", 5400: "1.5 h", 90000: "25 h"}
    assert {seconds: duration(seconds) for seconds in times} == times


# --- what is measured


def given(xyz, **changed):
    said = {"charge": 0, "multiplicity": 1} | changed
    return structure_to_measure(xyz, None, None, **said)


def test_a_structure_is_checked_before_anything_is_computed(xyz, tmp_path):
    assert given(xyz).info["structure"] == "aush"
    with pytest.raises(InputError, match="name a structure file"):
        given(None)
    with pytest.raises(InputError, match="give --charge and --multiplicity"):
        given(xyz, charge=None)
    with pytest.raises(StructureError, match=r"aush\.xyz: multiplicity 2 is impossible"):
        given(xyz, multiplicity=2)
    with pytest.raises(StructureError, match="no S-Au bond"):
        given(xyz, rule=BondRule(cutoff_angstrom=2.0))
    write(tmp_path / "stated.xyz", AUSH, comment="charge = -1")
    assert given(tmp_path / "stated.xyz", charge=None, multiplicity=2).info["charge"] == -1
    with pytest.raises(StructureError, match="charge 0 contradicts the file, which states -1"):
        given(tmp_path / "stated.xyz")


def test_orbitals_of_a_study_and_their_structure(xyz, tmp_path, aush, labels):
    path = tmp_path / "orbitals.npz"
    write_orbitals(path, {"aush_0000": aush, "h2s_0000": labels["H2S"].orbitals})
    said = {"charge": None, "multiplicity": None}
    with pytest.raises(InputError, match="holds 2 frames; name one by --frame: aush_0000, h2s_0000"):
        orbitals_of_file(path, **said)
    with pytest.raises(InputError, match=r"no frame 'aush_000'.*Did you mean 'aush_0000'"):
        orbitals_of_file(path, **said, frame="aush_000")
    with pytest.raises(InputError, match="its charge is 0, 1 was stated"):
        orbitals_of_file(path, charge=1, multiplicity=1, frame="aush_0000")
    found = orbitals_of_file(path, **said, frame="aush_0000")
    turned = AUSH.copy()
    turned.rotate(40, "x")
    turned.translate([1, 2, 3])
    write(xyz, turned)
    atoms = structure_to_measure(xyz, path, found, **said)
    np.testing.assert_allclose(atoms.positions, AUSH.positions)
    assert (atoms.info["structure"], atoms.info["charge"], atoms.info["multiplicity"]) == ("aush", 0, 1)
    assert structure_to_measure(None, path, found, **said).info["source"] == f"file {path}"
    turned.positions[2] += 0.1
    write(xyz, turned)
    with pytest.raises(StructureError, match=r"differ from the wave function's by up to 0\.1"):
        structure_to_measure(xyz, path, found, **said)
    write(xyz, AUSH[[1, 0, 2]])
    with pytest.raises(StructureError, match="in the order of its file"):
        structure_to_measure(xyz, path, found, **said)
    path.write_bytes(b"PK not really")
    with pytest.raises(InputError, match="no orbitals file"):
        orbitals_of_file(path, **said)


# --- the command


def auric(capsys, *arguments):
    code = main(["measure", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_command(xyz, rulers, tmp_path, capsys, monkeypatch):
    common = (xyz, "--charge", 0, "--multiplicity", 1, "--ruler", rulers, "--store", tmp_path / "store", "--threads", 1)
    code, out, _ = auric(capsys, *common, "--forecast-only")
    assert code == 0
    assert out.startswith("b3lyp, def2-svp (pyscf-gto): about 3 s on 1 thread")
    assert not (tmp_path / "store").exists()
    assert json.loads(auric(capsys, *common, "--forecast-only", "--json")[1])["electrons"] == 36
    code, out, err = auric(capsys, *common, "--csv", tmp_path / "bonds.csv")
    assert code == 0
    assert err.startswith("auric: b3lyp, def2-svp (pyscf-gto): about")
    assert "0/1 *?" in out
    assert pd.read_csv(tmp_path / "bonds.csv")["bond"].tolist() == ["S1-Au0"]
    # The single point is kept, so a second time nothing is computed.
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed again"))
    found = json.loads(auric(capsys, *common, "--json", "--reader", "ridge")[1])
    assert found["ruler"]["reader"] == READERS[1]
    assert found["bonds"][0]["length_angstrom"] == pytest.approx(AUSH.get_distance(0, 1))
    for arguments, words in [
        (("--threads", 0), "--threads 0: give 1"),
        (("--multiplicity", 3, "--charge", 1), "multiplicity 3 is impossible"),
        (("--wave-function", xyz), "is no wave function"),
        (("--wave-function", xyz, "--core-electrons", "Au"), "write elements and numbers"),
        (("--ruler", xyz), "not a"),
    ]:
        code, _, err = auric(capsys, *common, *arguments)
        assert code == 2
        assert words in err
    assert auric(capsys, *common[1:])[0] == 2


def test_a_long_measurement_is_asked_for(xyz, rulers, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("auric.cli.ASK_ABOVE_SECONDS", 0)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    monkeypatch.setattr(measure, "label_once", lambda *_: ({"failure": "SCF not converged"}, {}))
    common = (xyz, "--charge", 0, "--multiplicity", 1, "--ruler", rulers, "--store", tmp_path, "--threads", 1)
    code, _, err = auric(capsys, *common)
    assert code == 2
    assert "not started" in err
    code, _, err = auric(capsys, *common, "--yes")
    assert code == ScfError.exit_code
    assert "SCF not converged" in err


@pytest.mark.filterwarnings("ignore:Basis may be available")
def test_elements_without_a_basis_are_refused_before_the_forecast(xyz, trained, tmp_path, capsys):
    other = RulerSet(trained.rulers, trained.header | {"level": GTH_LEVEL}, trained.domain)
    other.save(tmp_path / "gth.safetensors")
    write(xyz, AUSH + Atoms("Ce", [[0, 0, 5]]))
    code, _, err = auric(capsys, xyz, "--charge", 0, "--multiplicity", 1, "--ruler", tmp_path / "gth.safetensors")
    assert code == 2
    assert "no basis" in err
    assert "about" not in err


def test_wave_functions_of_other_programs(rulers, aush, tmp_path, capsys):
    path = tmp_path / "aush.molden"
    molecule = aush.molecule()
    molden.from_mo(molecule, str(path), aush.coefficients[0], occ=2 * aush.occupations[0])
    common = ("--wave-function", path, "--ruler", rulers, "--charge", 0, "--core-electrons", "Au=60", "--threads", 1)
    code, _, err = auric(capsys, *common)
    assert code == 2
    assert "does not state its functional; say it, e.g. --method b3lyp" in err
    code, _, err = auric(capsys, *common, "--method", "pbe")
    assert code == 2
    assert "it is of pbe" in err
    assert "the ruler was trained on b3lyp, def2-svp (pyscf-gto)" in err
    code, out, _ = auric(capsys, *common, "--method", "b3lyp", "--json")
    assert code == 0
    atoms = AUSH.copy()
    atoms.info |= {"structure": "aush", "name": "aush"}
    expected = measure_frame(atoms, aush, RulerSet.load(rulers))
    assert json.loads(out)["bonds"][0]["reading_angstrom"] == pytest.approx(expected["reading_angstrom"][0], abs=1e-5)


def test_the_shipped_ruler_is_found_or_its_absence_told(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "SHIPPED", tmp_path / "rulers.safetensors")
    with pytest.raises(InputError, match="name one by --ruler"):
        shipped_ruler()
    (tmp_path / "rulers.safetensors").touch()
    assert shipped_ruler() == tmp_path / "rulers.safetensors"


def test_a_reader_that_has_seen_enough_ends_the_command_quietly():
    with subprocess.Popen(
        [sys.executable, "-m", "auric.cli", "settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_motifs_are_not_asked_of_overlapping_atoms(tmp_path, capsys):
    write(tmp_path / "twice.xyz", AUSH + Atoms("H", AUSH.positions[2:] + 0.1))
    assert main(["motifs", str(tmp_path / "twice.xyz")]) == 2
    assert "atoms 3 (H) and 4 (H) overlap: 0.173 angstrom apart" in capsys.readouterr().err
