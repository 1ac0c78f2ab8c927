"""Forces from norms and directions, atom by atom: what they know, and their files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.morse import MorsePotential
from scipy.spatial.transform import Rotation

from auric.descriptors import SoapSettings
from auric.errors import InputError, StructureError
from auric.files import read_npz, write_npz
from auric.modelfile import write_model
from auric.potential import ClassSettings, DirectedCalculator, DirectedForces, DirectedSettings, weighted_angle
from auric.potential.directed import environments_of
from auric.potential.labels import forces_of
from auric.structures import build_ring

SMALL = DirectedSettings(SoapSettings(3, 2, 4.0, 0.5), norm_references=20, direction_references=20)


@pytest.fixture(scope="module")
def rings() -> list[Atoms]:
    """A ring of thiolates without carbon under a law of pairs, every frame a small step from the last."""
    rng, start, made = np.random.default_rng(1), build_ring(3), []
    shift = np.zeros((len(start), 3))
    for _ in range(21):
        shift = 0.9 * shift + rng.normal(0, 0.03, size=shift.shape)
        atoms = start.copy()
        atoms.positions += shift
        atoms.calc = MorsePotential(rho0=4.0, r0=2.4, epsilon=0.5, rcut1=4.5, rcut2=5.5)
        atoms.arrays["forces_ev_angstrom"] = atoms.get_forces()
        atoms.calc = None
        made.append(atoms)
    return made


@pytest.fixture(scope="module")
def methyl() -> list[Atoms]:
    """A ring of methyl thiolates, shaken, with forces of no law in particular."""
    rng, made = np.random.default_rng(4), []
    for _ in range(3):
        atoms = build_ring(3, ligand="CH3")
        atoms.positions += rng.normal(0, 0.03, size=atoms.positions.shape)
        atoms.arrays["forces_ev_angstrom"] = np.cross(atoms.positions, np.roll(atoms.positions, 1, axis=0))
        made.append(atoms)
    return made


class TestDirectedForces:
    def test_it_knows_what_it_has_seen(self, rings: list[Atoms]) -> None:
        settings = DirectedSettings(norm_references=200, direction_references=200, loss="minimiser")
        model = DirectedForces(settings).fit(rings[:10])
        assert set(model.chosen) == {"plain S", "plain H", "plain Au"}  # the thesis's rules need carbon
        found, true = model.forces(rings[3]), forces_of(rings[3])
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(true, axis=1), atol=2e-3)
        assert weighted_angle(found, true) < 20

    def test_atoms_of_classes_it_has_not_learned(self, methyl: list[Atoms]) -> None:
        """A CH2 among methyls: its atoms get nan; the calculator refuses them, or gives them no force if told so."""
        model = DirectedForces(SMALL).fit(methyl)
        assert set(model.chosen) == {"C", "H", "S", "unit Au"}
        atoms = methyl[0].copy()
        lost = int(np.flatnonzero(atoms.symbols == "H")[0])
        del atoms[lost]
        around = environments_of(atoms, plain=False)
        strange = np.sort(np.concatenate([around["plain C"].atoms, around["plain H"].atoms]))
        assert len(strange) == 3
        found = model.forces(atoms)
        assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == strange.tolist()
        first = (
            f"atom {strange[0] + 1} \\({atoms.symbols[strange[0]]}\\) is of class 'plain {atoms.symbols[strange[0]]}'"
        )
        atoms.calc = DirectedCalculator(model)
        with pytest.raises(StructureError, match=f"{first}, and the model has learned C, H, S, unit Au; learn from"):
            atoms.get_forces()
        atoms.calc = DirectedCalculator(model, unknown="zero")
        np.testing.assert_array_equal(atoms.get_forces(), np.nan_to_num(found))
        assert not atoms.get_forces()[strange].any()
        model.refuse_unknown(methyl[1])  # knows all of its atoms

    def test_directions_found_another_way_without_learning_anew(self, rings: list[Atoms]) -> None:
        model = DirectedForces(SMALL).fit(rings[:10])
        anew = DirectedForces(replace(SMALL, loss="minimiser")).fit(rings[:10])
        other = model.with_loss("minimiser")
        np.testing.assert_array_equal(other.forces(rings[15]), anew.forces(rings[15]))
        assert np.abs(other.forces(rings[15]) - model.forces(rings[15])).max() > 0.01
        assert model.settings.loss == "average"

    def test_structures_without_a_known_atom(self, rings: list[Atoms], methyl: list[Atoms]) -> None:
        model = DirectedForces(SMALL).fit(rings[:4])
        words = r"atom 1 \(Au\) is of class 'unit Au', and the model has learned plain Au, plain H, plain S; learn from"
        for calculator in (DirectedCalculator(model), DirectedCalculator(model, unknown="zero")):
            with pytest.raises(StructureError, match=words):
                calculator.get_forces(methyl[0])
        with pytest.raises(StructureError, match=words):
            model.forces(methyl[0])

    def test_elements_it_has_not_learned(self, rings: list[Atoms], methyl: list[Atoms]) -> None:
        """Atoms of known classes stand beside a strange element: no zeros for it even if zeros are asked for."""
        atoms = methyl[0].copy()
        atoms.symbols[np.flatnonzero(atoms.symbols == "H")[0]] = "F"
        atoms.calc = DirectedCalculator(DirectedForces(SMALL).fit(methyl), unknown="zero")
        with pytest.raises(StructureError, match="element F"):
            atoms.get_forces()

    def test_unequal_structures_together_are_as_one_by_one(self, rings: list[Atoms], methyl: list[Atoms]) -> None:
        model = DirectedForces(SMALL).fit([*rings[:4], *methyl])
        mixed = [rings[9], methyl[0], rings[12]]
        for together, atoms in zip(model.forces_of_all(mixed), mixed, strict=True):
            np.testing.assert_allclose(together, model.forces(atoms), rtol=0, atol=1e-10)

    def test_a_class_that_nothing_can_be_learned_of_is_left_out(
        self, rings: list[Atoms], caplog: pytest.LogCaptureFixture
    ) -> None:
        odd = [atoms.copy() for atoms in rings[:6]]
        forces = odd[0].arrays["forces_ev_angstrom"]
        odd[0].symbols[np.flatnonzero(odd[0].symbols == "H")[0]] = "F"
        with caplog.at_level("WARNING", logger="auric"):
            model = DirectedForces(SMALL).fit(odd)
        assert "class 'plain F' is left out: 1 of its 1 atoms have a force" in caplog.text
        assert set(model.chosen) == {"plain S", "plain H", "plain Au"}
        assert np.isnan(model.forces(odd[0])).any(axis=1).sum() == 1
        for atoms in odd:
            atoms.arrays["forces_ev_angstrom"] = np.zeros_like(forces)
        with pytest.raises(InputError, match="no class of atoms"):
            DirectedForces(SMALL).fit(odd)

    def test_bad_input(self, methyl: list[Atoms]) -> None:
        with pytest.raises(InputError, match="has learned nothing yet; call fit or load"):
            DirectedForces().forces(methyl[0])
        with pytest.raises(InputError, match="has learned nothing yet; call fit or load"):
            DirectedForces().refuse_unknown(methyl[0])
        with pytest.raises(InputError, match="unknown='nought' cannot be done; choose from refuse, zero"):
            DirectedCalculator(DirectedForces(), unknown="nought")

    def test_directed_forces_have_no_energy(self, rings: list[Atoms]) -> None:
        model = DirectedForces(DirectedSettings(norm_references=60, direction_references=40)).fit(rings[:8])
        atoms = rings[20].copy()
        atoms.calc = DirectedCalculator(model)
        np.testing.assert_array_equal(atoms.get_forces(), model.forces(atoms))
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_potential_energy()


class TestReflections:
    """Mirror images of references may be laid upon an atom, or they may not; rotated copies always are."""

    @pytest.fixture(scope="class")
    def models(self, methyl: list[Atoms]) -> dict[bool, DirectedForces]:
        return {each: DirectedForces(replace(SMALL, reflections=each)).fit(methyl) for each in (True, False)}

    @pytest.fixture(scope="class")
    def unseen(self, methyl: list[Atoms]) -> Atoms:
        atoms = methyl[1].copy()
        atoms.positions += np.random.default_rng(8).normal(0, 0.05, size=atoms.positions.shape)
        return atoms

    @pytest.mark.parametrize("reflections", [True, False])
    def test_forces_turn_with_the_structure(
        self, models: dict[bool, DirectedForces], unseen: Atoms, reflections: bool
    ) -> None:
        assert self._apart(models[reflections], unseen, 1) < 1e-4  # descriptors are rounded to single precision

    def test_forces_are_mirrored_with_the_structure_only_with_reflections(
        self, models: dict[bool, DirectedForces], unseen: Atoms
    ) -> None:
        assert self._apart(models[True], unseen, -1) < 1e-4
        assert self._apart(models[False], unseen, -1) > 1

    @staticmethod
    def _apart(model: DirectedForces, atoms: Atoms, determinant: int) -> float:
        """Largest difference between forces on a turned (or mirrored and turned) structure and the forces turned with it."""
        turn = determinant * Rotation.random(rng=np.random.default_rng(2)).as_matrix()
        turned = atoms.copy()
        turned.positions = atoms.positions @ turn.T
        return float(np.abs(model.forces(turned) - model.forces(atoms) @ turn.T).max())

    def test_today_and_by_default_they_may(self, models: dict[bool, DirectedForces], methyl: list[Atoms]) -> None:
        found = DirectedForces(SMALL).fit(methyl).forces(methyl[1])
        np.testing.assert_array_equal(models[True].forces(methyl[1]), found)

    def test_files_keep_the_choice(
        self, models: dict[bool, DirectedForces], methyl: list[Atoms], tmp_path: Path
    ) -> None:
        for each, model in models.items():
            model.save(tmp_path / "forces.npz")
            again = DirectedForces.load(tmp_path / "forces.npz")
            assert again.settings.reflections is each
            np.testing.assert_array_equal(again.forces(methyl[0]), model.forces(methyl[0]))

    def test_neither_true_nor_false(self) -> None:
        with pytest.raises(InputError, match=r"reflections='SO\(3\)'; give True"):
            DirectedSettings(reflections="SO(3)")


class TestFiles:
    @pytest.fixture(scope="class")
    def model(self, methyl: list[Atoms]) -> DirectedForces:
        own = ClassSettings(SoapSettings(2, 1, 3.0, 0.4), "minimiser", 0.3, projections=True)
        settings = DirectedSettings(
            SMALL.soap, classes={"S": own}, norm_references=20, direction_references=15, huber=1.5, select=True
        )
        return DirectedForces(settings).fit(methyl)

    def test_loaded_models_predict_the_same(self, model: DirectedForces, methyl: list[Atoms], tmp_path: Path) -> None:
        path, atoms = tmp_path / "forces.npz", methyl[0].copy()
        model.save(path, {"engine": "gfn1-xtb"})
        again = DirectedForces.load(path)
        assert again.settings == model.settings
        assert again.trained_on == {"engine": "gfn1-xtb"}
        atoms.positions += np.random.default_rng(9).normal(0, 0.05, size=atoms.positions.shape)
        np.testing.assert_array_equal(again.forces(atoms), model.forces(atoms))
        np.testing.assert_array_equal(DirectedCalculator(again).get_forces(atoms), model.forces(atoms))
        for name, chosen in model.chosen.items():
            np.testing.assert_array_equal(again.chosen[name], chosen)
        again.save(path)
        assert DirectedForces.load(path).trained_on == {"engine": "gfn1-xtb"}
        again.fit(methyl)
        assert again.trained_on == {}

    def test_plain_models_too(self, rings: list[Atoms], tmp_path: Path) -> None:
        model = DirectedForces(DirectedSettings(SMALL.soap, norm_references=20, plain=True)).fit(rings[:5])
        model.save(tmp_path / "forces.npz")
        again = DirectedForces.load(tmp_path / "forces.npz")
        np.testing.assert_array_equal(again.forces(rings[9]), model.forces(rings[9]))
        assert again.trained_on == {}

    def test_foreign_and_tampered_files_are_refused(self, model: DirectedForces, tmp_path: Path) -> None:
        good, bad = tmp_path / "forces.npz", tmp_path / "bad.npz"
        model.save(good)
        header, arrays = read_npz(good)

        def refused(words: str) -> None:
            with pytest.raises(InputError, match=words) as caught:
                DirectedForces.load(bad)
            assert "\n" not in str(caught.value)

        refused(r"no model file .*bad\.npz")
        weights = arrays["S/direction/cosine_weights"].copy()
        weights[0, 0] *= 1 + 1e-15
        write_npz(bad, header, arrays | {"S/direction/cosine_weights": weights})
        refused("does not fit its digest")
        write_npz(bad, header | {"species": ["Au", "H", "S"]}, arrays)
        refused("does not fit its digest")
        np.savez(bad, weights=weights)
        refused("damaged, or no model of auric")
        bad.write_bytes(good.read_bytes()[:500])
        refused("damaged, or no model of auric")
        write_model(bad, {"format": "auric Oamlm 1"}, {})
        refused("'auric DirectedForces 1' is needed")
        kept = {key: value for key, value in header.items() if key != "digest"}
        write_model(bad, kept, {name: array for name, array in arrays.items() if name != "unit Au/norm/centre"})
        refused("a part of the forces' model is missing")
        write_model(bad, kept | {"settings": header["settings"] | {"colour": "red"}}, arrays)
        refused("a part of the forces' model is missing.*colour")

    def test_what_has_learned_nothing_is_not_saved(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="has learned nothing yet"):
            DirectedForces().save(tmp_path / "forces.npz")
