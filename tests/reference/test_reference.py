import errno
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from pyscf import dft as molecular_dft
from pyscf import gto
from pyscf.pbc import dft
from pyscf.pbc.tools import cutoff_to_mesh
from scipy.fft import next_fast_len
from scipy.spatial.transform import Rotation

from auric.costs import KEPT
from auric.errors import InputError, MachineError, ScfError, StructureError
from auric.files import read_frames, read_npz, read_tables, write_frames, write_npz
from auric.provenance import block_of
from auric.reference import (
    GthEngine,
    GthSettings,
    GtoEngine,
    GtoSettings,
    Orbitals,
    Store,
    XtbEngine,
    XtbSettings,
    frames_block,
    kohn_sham,
    label_block,
    make_engine,
    read_orbitals,
    structure_hash,
    summarise_reference,
    write_orbitals,
)
from auric.reference.store import entry_key
from auric.reference.version import METHOD_VERSION
from auric.structures import build_ring
from auric.units import HARTREE_EV
from tests.conftest import MOLECULES

FAST = {"grid_level": 0, "conv_tol_hartree": 1e-6, "xc": "pbe"}
WATER_LIKE = Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]])
FRAMES = {
    "relax": True, "fmax_ev_angstrom": 0.1, "relax_steps": 50, "count": 2, "temperature_k": 300, "timestep_fs": 1.0,
    "friction_per_fs": 0.02, "equilibration_steps": 5, "interval_steps": 5, "seed": 3,
}  # fmt: skip
SETTINGS = {"frames": FRAMES, "xtb": {}}


class EngineContract:
    """What every engine must satisfy."""

    tolerance_ev = 2e-5
    step_angstrom = 0.01

    def engine(self):
        raise NotImplementedError

    def test_leaves_its_input_alone(self):
        atoms = WATER_LIKE.copy()
        self.engine().label(atoms, 0, 1)
        assert atoms == WATER_LIKE
        assert atoms.calc is None

    def test_energy_does_not_depend_on_place_and_turn_and_forces_turn_along(self):
        turn = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix()
        moved = Atoms(WATER_LIKE.numbers, WATER_LIKE.positions @ turn.T + [1.0, -2.0, 0.5])
        here, there = self.engine().label(WATER_LIKE, 0, 1), self.engine().label(moved, 0, 1)
        assert there.energy_ev == pytest.approx(here.energy_ev, abs=50 * self.tolerance_ev)
        np.testing.assert_allclose(there.forces_ev_angstrom, here.forces_ev_angstrom @ turn.T, atol=0.01)

    def test_forces_are_the_slope_of_the_energy(self):
        engine = self.engine()
        forces = engine.label(WATER_LIKE, 0, 1).forces_ev_angstrom
        energies = []
        for sign in (1, -1):
            moved = WATER_LIKE.copy()
            moved.positions[1, 1] += sign * self.step_angstrom
            energies.append(engine.label(moved, 0, 1).energy_ev)
        assert forces[1, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * self.step_angstrom), abs=0.02)
        np.testing.assert_allclose(forces.sum(axis=0), 0, atol=0.02)

    def test_open_shell(self):
        result = self.engine().label(Atoms("SH", [[0, 0, 0], [0, 0, 1.34]]), 0, 2)
        assert np.isfinite(result.energy_ev)


class WithGold(EngineContract):
    """Engines with cores behind potentials, whose forces have parts of their own."""

    def test_forces_are_the_slope_of_the_energy_beside_gold(self):
        engine, bent = self.engine(), Atoms("AuSH", [[0, 0, 0], [2.05, 0.5, 0.1], [2.5, 1.6, -0.2]])
        forces = engine.label(bent, 0, 1).forces_ev_angstrom
        axis = int(np.abs(forces[1]).argmax())
        assert abs(forces[1, axis]) > 0.5  # so that a part left out would show
        energies = []
        for sign in (1, -1):
            moved = bent.copy()
            moved.positions[1, axis] += sign * self.step_angstrom
            energies.append(engine.label(moved, 0, 1).energy_ev)
        slope = -(energies[0] - energies[1]) / (2 * self.step_angstrom)
        assert forces[1, axis] == pytest.approx(slope, abs=self.force_tolerance_ev_angstrom)


class TestXtb(EngineContract):
    def engine(self):
        return XtbEngine(XtbSettings())

    def test_failure_tells_what_was_tried(self, monkeypatch):
        def fail(*_):
            raise CalculationFailed("SCF not converged in 250 cycles")

        monkeypatch.setattr("tblite.ase.TBLite.calculate", fail)
        with pytest.raises(ScfError, match=r"up to 3000 K .SCF not converged in 250 cycles"):
            self.engine().label(WATER_LIKE, 0, 1)


class TestGto(WithGold):
    force_tolerance_ev_angstrom = 5e-3

    def engine(self):
        return GtoEngine(GtoSettings(**FAST | {"conv_tol_hartree": 1e-9, "grid_level": 2}, forces=True))

    def test_radical_has_one_more_alpha_electron(self, labels):
        alpha, beta = labels["SH radical"].orbitals.coefficients
        assert (alpha.shape[1], beta.shape[1]) == (9, 8)
        assert not labels["SH radical"].orbitals.closed_shell

    def test_gold_keeps_nineteen_electrons(self, labels):
        assert labels["AuSH"].details["electrons"] == 19 + 16 + 1
        assert set(labels["AuSH"].orbitals.ecp) == {"Au"}

    def test_retry_ladder_goes_on_where_plain_iterations_stop(self):
        result = GtoEngine(GtoSettings(**FAST | {"max_cycles": 2})).label(WATER_LIKE, 0, 1)
        plain = GtoEngine(GtoSettings(**FAST)).label(WATER_LIKE, 0, 1)
        assert plain.details["attempt"] == "plain"
        assert result.details["attempt"] != "plain"
        assert result.energy_ev == pytest.approx(plain.energy_ev, abs=1e-3)

    def test_levels_that_change_places_are_held(self):
        radical = Atoms("SH", [[0, 0, 0], [1.36, 0, 0]])
        held = GtoEngine(GtoSettings(**FAST | {"max_cycles": 3})).label(radical, 0, 2)
        plain = GtoEngine(GtoSettings(**FAST)).label(radical, 0, 2)
        assert (plain.details["attempt"], held.details["attempt"]) == ("plain", "maximum overlap")
        assert held.energy_ev == pytest.approx(plain.energy_ev, abs=1e-3)

    def test_from_an_excited_filling_the_ground_state_is_found(self):
        molecule = gto.M(atom="S 0 0 0; H 1.36 0 0", basis="def2-svp", spin=1, verbose=0)
        ground = molecular_dft.UKS(molecule, xc="pbe").run()
        excited = ground.mo_occ.copy()
        excited[1, [7, 9]] = excited[
            1, [9, 7]
        ]  # of the beta electrons one from the highest level but one, two levels up
        found, cycles = kohn_sham._held(
            lambda: molecular_dft.UKS(molecule, xc="pbe"), SimpleNamespace(mo_coeff=ground.mo_coeff, mo_occ=excited)
        )
        assert found.converged
        assert cycles > 0
        assert found.e_tot == pytest.approx(ground.e_tot, abs=1e-5)

    def test_where_levels_cross_the_lower_energy_is_taken(self, monkeypatch, caplog):
        class Crossing(SimpleNamespace):
            """Converged at once; the lowest levels are always those that it does not fill."""

            get_occ = staticmethod(lambda *_: np.array([[0, 1], [1, 0]]))

            def make_rdm1(self, *_):
                return np.eye(2)

            def kernel(self, dm0):
                assert dm0.shape == (2, 2)

        energies = iter((-2.0, -1.0))

        def hold(field, orbitals, filled):
            field.get_occ = field.get_occ
            return field

        monkeypatch.setattr("pyscf.scf.addons.mom_occ", hold)
        filled = np.array([[1, 0], [1, 0]])
        found, _ = kohn_sham._held(
            lambda: Crossing(
                e_tot=next(energies), converged=True, mo_coeff=np.eye(2), mo_energy=None, mo_occ=filled, cycles=1
            ),
            SimpleNamespace(mo_coeff=np.eye(2), mo_occ=filled),
        )
        assert found.e_tot == -2.0
        assert "two levels cross" in caplog.text

    def test_failure_names_all_attempts(self, monkeypatch):
        monkeypatch.setattr("auric.reference.kohn_sham.ATTEMPTS", ("plain", "level shift"))
        with pytest.raises(ScfError, match="plain, then level shift"):
            GtoEngine(GtoSettings(**FAST | {"max_cycles": 1})).label(WATER_LIKE, 0, 1)

    def test_valence_basis_of_a_light_element_takes_its_potential_and_heavy_ones_need_one(self):
        engine = GtoEngine(GtoSettings(basis={"default": "lanl2dz", "Au": "ano-rcc"}))
        assert set(engine.basis_of(["Cu", "S"])[1]) == {"Cu", "S"}
        with pytest.raises(StructureError, match="no effective core potential for Au"):
            engine.check(["Au"])

    def test_unknown_functional_is_refused(self):
        with pytest.raises(InputError, match="no functional 'b4lyp'"):
            GtoEngine(GtoSettings(xc="b4lyp"))

    @pytest.mark.parametrize(
        ("basis", "reason"),
        [
            ({"default": "def3-svp"}, "no basis 'def3-svp' for H"),
            ({"default": "/etc/passwd"}, "no basis name"),
            ({"Gold": "def2-svp"}, "'Gold' is no element"),
            ({"S": "def2-svp"}, "no basis '' for H"),
        ],
    )
    def test_unusable_basis_is_refused(self, basis, reason):
        with pytest.raises(InputError, match=reason):
            GtoEngine(GtoSettings(basis=basis)).label(WATER_LIKE, 0, 1)


class TestGth(WithGold):
    force_tolerance_ev_angstrom = 0.02  # the grid's
    tolerance_ev = 4e-4  # the grid is fixed in space, so that turning and shifting changes energies a little

    def engine(self):
        return GthEngine(GthSettings(cutoff_hartree=120.0, margin_angstrom=4.0, conv_tol_hartree=1e-8, forces=True))

    def test_orbitals_are_normalised_outside_the_box_and_gold_keeps_eleven_electrons(self):
        atoms, charge, spin = MOLECULES["AuSH"]
        engine = GthEngine(GthSettings(cutoff_hartree=60.0, margin_angstrom=5.0))
        result = engine.label(atoms, charge, spin)
        assert result.details["electrons"] == 11 + 6 + 1
        molecule = result.orbitals.molecule()
        assert molecule.nelectron == 18
        (coefficients,) = result.orbitals.coefficients
        norm = coefficients.T @ molecule.intor("int1e_ovlp") @ coefficients
        np.testing.assert_allclose(norm, np.eye(9), atol=1e-5)

    @pytest.mark.parametrize("stretch", [0.0, 0.7, 1.4])
    def test_grids_are_fast_and_no_coarser_than_asked_for(self, stretch):
        atoms, charge, spin = MOLECULES["AuSH"]
        atoms = atoms.copy()
        atoms.positions[0, 0] -= stretch
        engine = GthEngine(GthSettings(cutoff_hartree=60.0, margin_angstrom=3.0))
        basis, pseudo, _ = engine._parts(["Au", "S", "H"])
        cell = engine._cell(atoms, basis, pseudo, charge, spin)
        assert (np.array(cell.mesh) >= cutoff_to_mesh(cell.lattice_vectors(), 60.0)).all()
        assert [next_fast_len(int(points)) for points in cell.mesh] == list(cell.mesh)

    def test_charged_molecules_are_labelled(self):
        result = GthEngine(GthSettings(cutoff_hartree=60.0, margin_angstrom=3.0)).label(
            Atoms("SH", [[0, 0, 0], [0, 0, 1.34]]), -1, 1
        )
        assert result.details["electrons"] == 8

    def test_nested_grids_agree_with_one_plain_grid(self):
        engine = GthEngine(GthSettings(cutoff_hartree=80.0, margin_angstrom=3.0, conv_tol_hartree=1e-8))
        basis, pseudo, _ = engine._parts(["S", "H"])
        plain = dft.RKS(engine._cell(WATER_LIKE, basis, pseudo, 0, 1), xc="pbe")
        plain.conv_tol = 1e-8
        assert engine.label(WATER_LIKE, 0, 1).energy_ev == pytest.approx(plain.kernel() * HARTREE_EV, abs=5e-3)

    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            ({"xc": "b3lyp"}, "no pseudopotentials go with 'b3lyp'; choose from pbe"),
            ({"basis": {"Gold": "gth-szv"}}, "'Gold' is no element"),
        ],
    )
    def test_unusable_settings_are_refused(self, settings, reason):
        with pytest.raises(InputError, match=reason):
            GthEngine(GthSettings(**settings))

    def test_elements_without_basis_or_pseudopotential_are_refused(self):
        with pytest.raises(StructureError, match="no basis 'def3' for H"):
            GthEngine(GthSettings(basis={"default": "def3"})).check(["H"])
        with pytest.raises(StructureError, match="no gth-blyp pseudopotential for Pt"):
            GthEngine(GthSettings(xc="blyp")).check(["Pt"])


@pytest.mark.parametrize("engine", [
    GtoEngine(GtoSettings(**FAST | {"conv_tol_hartree": 1e-9, "grid_level": 3})),
    GthEngine(GthSettings(cutoff_hartree=60.0, margin_angstrom=3.0, conv_tol_hartree=1e-8)),
])  # fmt: skip
@pytest.mark.parametrize(("charge", "spin"), [(0, 1), (1, 2)])
def test_a_warm_start_takes_fewer_cycles_to_the_same_energy(engine, charge, spin):
    """The open shell has one lowest state: of SH the hole may point anywhere, and on a grid the two starts find different places for it."""
    atoms = MOLECULES["H2S"][0]
    moved = atoms.copy()
    moved.positions[1] += [0.0, 0.02, 0.01]
    first = engine.label(atoms, charge, spin)
    cold, warm = engine.label(moved, charge, spin), engine.label(moved, charge, spin, start=first.orbitals)
    assert (cold.details["started_warm"], warm.details["started_warm"]) == (False, True)
    assert warm.details["cycles"] < cold.details["cycles"]
    assert warm.energy_ev == pytest.approx(cold.energy_ev, abs=1e-5)


def test_orbitals_of_another_molecule_or_basis_are_no_start(labels):
    atoms, charge, spin = MOLECULES["H2S"]
    assert (
        not GtoEngine(GtoSettings(**FAST))
        .label(atoms, charge, spin, start=labels["AuSH"].orbitals)
        .details["started_warm"]
    )
    smaller = GtoEngine(GtoSettings(**FAST | {"basis": {"default": "sto-3g"}}))
    assert not smaller.label(atoms, charge, spin, start=labels["H2S"].orbitals).details["started_warm"]


@pytest.mark.parametrize("name", ["gpu4pyscf", "gpaw"])
def test_an_optional_engine_that_is_absent_says_so(name, monkeypatch):
    monkeypatch.setattr("auric.reference.engines.find_spec", lambda _: None)
    with pytest.raises(InputError, match=f"the engine {name} is not installed here; install"):
        make_engine(name, {})


def test_unknown_engine_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="Did you mean 'pyscf-gto'"):
        make_engine("pyscf-gtp", {})


def test_orbitals_make_the_round_trip_and_give_the_same_density(tmp_path, labels):
    kept = {name.replace(" ", "_"): label.orbitals for name, label in labels.items()}
    write_orbitals(tmp_path / "o.npz", kept)
    back = dict(read_orbitals(tmp_path / "o.npz"))
    assert set(back) == set(kept)
    for name, orbitals in kept.items():
        np.testing.assert_array_equal(back[name].coefficients[0], orbitals.coefficients[0])
        molecule = back[name].molecule()
        overlap = molecule.intor("int1e_ovlp")
        for spin in back[name].coefficients:
            np.testing.assert_allclose(spin.T @ overlap @ spin, np.eye(spin.shape[1]), atol=1e-9)


def test_structure_hash_ignores_names_and_rounding_but_nothing_else():
    ring = build_ring(3)
    same = ring.copy()
    same.positions += 1e-9
    same.info["name"] = "other"
    moved = ring.copy()
    moved.positions[0, 0] += 1e-4
    first = structure_hash(ring, 0, 1)
    assert structure_hash(same, 0, 1) == first
    assert len({first, structure_hash(moved, 0, 1), structure_hash(ring, 1, 1), structure_hash(ring, 0, 3)}) == 4


def test_store_makes_once_and_makes_again_what_is_damaged(tmp_path):
    store, calls = Store(tmp_path), []

    def make():
        calls.append(1)
        return {"energy_ev": -1.0}, {"x": np.arange(3)}

    identity = {"structure": "abc", "settings": {"tol": 1e-6, "channels": (1, 2)}}
    assert store.get(identity) is None
    (content, arrays), known = store.get_or_make(identity, make)
    assert (content["energy_ev"], known) == (-1.0, False)
    (_, arrays), known = store.get_or_make(identity, make)
    assert known
    np.testing.assert_array_equal(arrays["x"], [0, 1, 2])
    assert store.get({**identity, "structure": "abd"}) is None
    (entry,) = tmp_path.rglob("*.npz")
    entry.write_bytes(entry.read_bytes()[:100])
    _, known = store.get_or_make(identity, make)
    assert (known, len(calls)) == (False, 2)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [entry.name]


def test_of_two_that_make_an_entry_at_once_both_have_the_first(tmp_path):
    """Ways of a relaxation begin at the same point; where one went on from other digits, nothing of it would be found again."""
    identity = {"structure": "abc"}

    def slow():
        Store(tmp_path).get_or_make(identity, lambda: ({"energy_ev": -1.0}, {}))  # another job's
        return {"energy_ev": -1.0000000001}, {}

    (content, _), known = Store(tmp_path).get_or_make(identity, slow)
    assert (content["energy_ev"], known) == (-1.0, False)
    assert Store(tmp_path).get(identity)[0]["energy_ev"] == -1.0


def test_a_log_tells_of_entries_that_an_earlier_job_made(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    identities = [{"structure": name} for name in ("abc", "abd")]
    for identity in identities:
        for _ in range(2):  # a job that asks twice has made it itself
            Store(tmp_path).get_or_make(identity, lambda: ({}, {}))
    assert KEPT not in caplog.text
    monkeypatch.setattr("auric.reference.store._MADE", set())
    later = Store(tmp_path)
    for identity in identities:
        later.get_or_make(identity, lambda: ({}, {}))
    assert caplog.text.count(KEPT) == 1


def test_store_finds_what_comes_along_and_writes_nothing_there(tmp_path):
    identity = {"structure": "abc", "settings": {"tol": 1e-6}}
    first = Store(tmp_path / "first", tmp_path / "nowhere")
    first.get_or_make(identity, lambda: ({"energy_ev": -1.0}, {"x": np.arange(3)}))
    (tmp_path / "shipped").mkdir()
    (entry,) = (tmp_path / "first").rglob("*.npz")
    shutil.copy(entry, tmp_path / "shipped")

    def never():
        raise AssertionError("it was there")

    store = Store(tmp_path / "second", tmp_path / "shipped")
    (content, arrays), known = store.get_or_make(identity, never)
    assert (content, arrays["x"].tolist(), known) == ({"energy_ev": -1.0}, [0, 1, 2], True)
    assert not (tmp_path / "second").exists()
    store.get_or_make({**identity, "structure": "abd"}, lambda: ({}, {}))
    assert [path.name for path in (tmp_path / "shipped").iterdir()] == [entry.name]


def test_entries_that_come_along_are_whole_and_of_the_method_of_now(root):
    files = sorted((root / "resources/labels").glob("*.npz"))
    assert files
    assert sum(path.stat().st_size for path in files) < 45e6, (
        "a clone is to stay small: ship only what hours of computing made"
    )
    for path in files:
        header, arrays = read_npz(path)
        assert path.stem == entry_key(header["identity"])
        assert header["identity"]["method_version"] == METHOD_VERSION, "none would be found any more: remove them"
        assert sorted(arrays) == header["arrays"]
        assert all(np.isfinite(array).all() for array in arrays.values())


def structure(name="ring", **info):
    ring = build_ring(3)
    ring.info = {"name": name, "charge": 0, "multiplicity": 1, "source": "test"} | info
    return ring


def molecule(name, scale=1.0):
    """A frame whose single point takes a second."""
    small = Atoms(WATER_LIKE.numbers, WATER_LIKE.positions * scale)
    small.info = {"name": name, "structure": name.split("_")[0], "charge": 0, "multiplicity": 1, "source": "test"}
    return small


def run_frames(tmp_path, *structures, settings=SETTINGS):
    write_frames(tmp_path / "s.extxyz", structures)
    frames_block(
        tmp_path / "s.extxyz",
        tmp_path / "f.extxyz",
        tmp_path / "f.csv",
        settings=settings,
        store=tmp_path / "store",
        labels={"engine": "pyscf-gto", "settings": FAST},
    )
    return read_frames(tmp_path / "f.extxyz"), read_tables([tmp_path / "f.csv"])


def test_frames_are_relaxed_seeded_and_do_not_depend_on_names(tmp_path):
    frames, failures = run_frames(tmp_path / "a", structure(), structure("one", thermal_frames=1))
    again, _ = run_frames(tmp_path / "b", structure("other"))
    assert [frame.info["name"] for frame in frames] == ["ring_0000", "ring_0001", "ring_0002", "one_0000", "one_0001"]
    assert not len(failures)
    for first, second in zip(frames[:3], again, strict=True):
        np.testing.assert_allclose(first.positions, second.positions, atol=1e-6)
    np.testing.assert_allclose(frames[1].positions, frames[4].positions, atol=1e-6)
    relaxed = XtbEngine(XtbSettings()).label(frames[0], 0, 1)
    assert np.linalg.norm(relaxed.forces_ev_angstrom, axis=1).max() < 0.11
    other, _ = run_frames(tmp_path / "c", structure(), settings={"frames": FRAMES | {"seed": 4}, "xtb": {}})
    assert np.abs(other[1].positions - frames[1].positions).max() > 1e-3


def test_a_structure_that_fails_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr("auric.reference.frames.RETRY_TEMPERATURES_K", (None,))
    wild = structure("wild")
    wild.positions += np.random.default_rng(1).uniform(-1.5, 1.5, (9, 3))
    settings = {"frames": FRAMES | {"relax": False, "temperature_k": 2000.0, "timestep_fs": 5.0}, "xtb": {}}
    frames, failures = run_frames(tmp_path, wild, structure("good", thermal_frames=0), settings=settings)
    assert "good_0000" in {frame.info["name"] for frame in frames}
    assert set(failures["structure"]) == {"wild"}


def test_an_element_without_a_basis_is_refused_before_it_is_relaxed_and_others_go_on(tmp_path):
    odd = structure("odd")
    odd.symbols[-1] = "Rn"
    write_frames(tmp_path / "s.extxyz", [odd, structure("good", thermal_frames=0)])
    frames_block(
        tmp_path / "s.extxyz", tmp_path / "f.extxyz", tmp_path / "f.csv", settings=SETTINGS, store=tmp_path / "store",
        labels={"engine": "pyscf-gto", "settings": FAST | {"basis": {"default": "6-31g", "Au": "def2-svp"}}},
    )  # fmt: skip
    assert [frame.info["structure"] for frame in read_frames(tmp_path / "f.extxyz")] == ["good"]
    assert "no basis '6-31g' for Rn" in read_tables([tmp_path / "f.csv"]).loc[0, "reason"]


def test_a_store_on_a_full_disk_ends_the_job_and_is_no_failure_of_the_structure(tmp_path, monkeypatch):
    def trajectory(atoms, *_):
        return {"stopped": ""}, {"positions_angstrom": atoms.positions[None]}

    def full(dir, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("auric.reference.frames._trajectory", trajectory)
    write_frames(tmp_path / "s.extxyz", [structure("good")])
    monkeypatch.setattr("auric.files.tempfile.mkstemp", full)
    with pytest.raises(MachineError, match=r"the disk of .*store.* is full"):
        frames_block(
            tmp_path / "s.extxyz", tmp_path / "f.extxyz", tmp_path / "f.csv", settings=SETTINGS, store=tmp_path / "store",
            labels={"engine": "pyscf-gto", "settings": FAST},
        )  # fmt: skip
    assert not (tmp_path / "f.csv").exists()


def test_a_store_entry_without_its_arrays_is_made_again(tmp_path):
    store = Store(tmp_path)
    store.get_or_make({"a": 1}, lambda: ({}, {"x": np.arange(3)}))
    (entry,) = tmp_path.rglob("*.npz")
    header, _ = read_npz(entry)
    write_npz(entry, header, {})
    assert store.get({"a": 1}) is None


def test_labels_are_collected_from_the_store_the_second_time(tmp_path, monkeypatch):
    frames = [molecule(f"small_{number:04d}", 1 + 0.01 * number) for number in range(3)]
    write_frames(tmp_path / "f.extxyz", frames)

    def run(block):
        label_block(
            tmp_path / "f.extxyz", tmp_path / "l.extxyz", tmp_path / "o.npz", tmp_path / "f.csv",
            block=block, blocks=2, engine="pyscf-gto", settings=FAST, store=tmp_path / "store",
        )  # fmt: skip
        return read_frames(tmp_path / "l.extxyz")

    both = [frame for block in (0, 1) for frame in run(block)]
    assert {frame.info["name"] for frame in both} == {frame.info["name"] for frame in frames}
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed again"))
    again = [frame for block in (0, 1) for frame in run(block)]
    assert [frame.info["energy_ev"] for frame in again] == [frame.info["energy_ev"] for frame in both]
    for frame in again:
        assert block_of(frame.info["name"], 2) in (0, 1)
        assert frame.info["method"] == "pbe"
        assert frame.info["basis"] == "def2-svp"
    summarise_reference([tmp_path / "l.extxyz"], tmp_path / "score.csv", study="test")
    assert read_tables([tmp_path / "score.csv"])["quantity"].tolist() == ["core_minutes"]


def test_a_failed_scf_is_stored_with_its_reason_and_others_go_on(tmp_path, monkeypatch):
    frames = [molecule("bad_0000", 1.01), molecule("good_0000")]
    write_frames(tmp_path / "f.extxyz", frames)
    label = GtoEngine.label

    def fail_for_the_first(self, atoms, charge, multiplicity, **start):
        if atoms.info["name"].startswith("bad"):
            raise ScfError("SCF not converged after 9 cycles")
        return label(self, atoms, charge, multiplicity, **start)

    monkeypatch.setattr(GtoEngine, "label", fail_for_the_first)
    label_block(
        tmp_path / "f.extxyz", tmp_path / "l.extxyz", tmp_path / "o.npz", tmp_path / "f.csv",
        block=0, blocks=1, engine="pyscf-gto", settings=FAST, store=tmp_path / "store",
    )  # fmt: skip
    assert [frame.info["name"] for frame in read_frames(tmp_path / "l.extxyz")] == ["good_0000"]
    assert [name for name, _ in read_orbitals(tmp_path / "o.npz")] == ["good_0000"]
    failures = read_tables([tmp_path / "f.csv"])
    assert failures.loc[0, "frame"] == "bad_0000"
    assert "9 cycles" in failures.loc[0, "reason"]


def test_no_file_holds_pickled_objects(tmp_path, labels):
    write_orbitals(tmp_path / "o.npz", {"a": labels["H2S"].orbitals})
    _, arrays = read_npz(tmp_path / "o.npz")
    assert all(array.dtype != object for array in arrays.values())
    assert isinstance(next(read_orbitals(tmp_path / "o.npz"))[1], Orbitals)
