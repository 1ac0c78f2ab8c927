"""The correction between two levels: it finds a known difference, refuses what it does not know, and is set beside simpler ways."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms, units
from ase.calculators.morse import MorsePotential
from ase.geometry import get_distances
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct

from auric.descriptors import PowerSpectrum, PowerSpectrumSettings
from auric.errors import InputError, StructureError
from auric.files import write_frames
from auric.potential import Correction, EnergyUncertainty, LinearPotential, compare_correction, energy_of, forces_of
from auric.potential.comparison import ENERGY_COLUMNS, FORCE_COLUMNS, INDEPENDENT
from auric.potential.corrected import KNOWN, REFUSAL_COLUMNS, STRANGE, TAKEN, add_correction, pairs
from auric.potential.correction import difference_of
from auric.potential.linear import LinearSettings
from auric.potential.scores import energy_scores
from auric.potential.summary import summarise_potentials
from auric.structures import build_ring

SMALL = PowerSpectrumSettings(pair_functions=8, functions=3, l_max=1, cutoff_angstrom=4.0)
LEVELS = ("cheap", "better")


def _labelled(atoms: Atoms, level: str, *, forces: bool = True) -> Atoms:
    """Pairs bound by a Morse law; the better level adds the root of each atom's density, which no sum of few bodies gives."""
    atoms = atoms.copy()
    atoms.calc = MorsePotential(rho0=4.0, r0=2.35, epsilon=0.5, rcut1=4.5, rcut2=5.5)
    energy, pulls = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    if level == "better":
        vectors, lengths = get_distances(atoms.positions)
        near = np.where(lengths > 0, np.exp(-2 * (lengths - 2.4)), 0)
        roots = np.sqrt(near.sum(axis=1))
        energy -= 0.5 * roots.sum()
        slopes = -0.5 * (1 / roots[:, None] + 1 / roots) * near * 0.5 * -2
        pulls += np.einsum("ij,ijx->ix", slopes / np.where(lengths > 0, lengths, 1), vectors)
    atoms.info |= {"engine": level, "method": level, "basis": "b", "energy_ev": energy}
    if forces:
        atoms.arrays["forces_ev_angstrom"] = pulls
    return atoms


def _frame(seed: int, level: str, *, forces: bool = True, rattle: float = 0.04) -> Atoms:
    atoms = build_ring(4)
    atoms.rattle(rattle, seed=seed)
    atoms.info = {"name": f"f{seed}", "run": "a"}
    return _labelled(atoms, level, forces=forces)


def _run(
    path: str, name: str, seed: int, *, frames: int, ligand: str = "H", step: float = 0.02, better: int = 0
) -> list[str]:
    """A run of a ring at the cheap level, every frame a small step from the last, and each so many frames at the better one."""
    rng, made = np.random.default_rng(seed), []
    start = build_ring(4, ligand=ligand)
    shift = np.zeros((len(start), 3))
    for number in range(1, frames + 1):
        shift = 0.9 * shift + rng.normal(0, step, size=shift.shape)
        atoms = start.copy()
        atoms.positions += shift
        atoms.info = {
            "name": f"{name}_{number:04d}", "structure": "ring", "system": "tiny", "run": name, "step": number,
            "charge": 0, "multiplicity": 1,
        }  # fmt: skip
        made.append(atoms)
    files = [f"{path}/{name}_{level}.extxyz" for level in LEVELS]
    write_frames(files[0], [_labelled(atoms, "cheap") for atoms in made])
    write_frames(files[1], [_labelled(atoms, "better") for atoms in made[better - 1 :: better]] if better else [])
    return files


def test_the_stand_in_has_true_forces() -> None:
    atoms, step = _frame(0, "better"), 1e-5
    for atom, axis in ((0, 0), (7, 2)):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            ends.append(energy_of(_labelled(moved, "better")))
        assert forces_of(atoms)[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-6)


@pytest.fixture(scope="module")
def correction() -> Correction:
    both = [[_frame(seed, level, forces=seed % 2 == 0) for seed in range(30)] for level in LEVELS]
    return Correction.fit(*both, spectrum=SMALL)


def test_a_known_difference_is_found(correction: Correction) -> None:
    for seed in (50, 51):
        energy, forces = correction.corrected(_frame(seed, "cheap"))
        true = _frame(seed, "better")
        before = abs(energy_of(_frame(seed, "cheap")) - energy_of(true))
        assert abs(energy - energy_of(true)) < 0.02 * before
        np.testing.assert_allclose(forces, forces_of(true), atol=0.05)


def test_saved_and_loaded(correction: Correction, tmp_path: object) -> None:
    correction.save(f"{tmp_path}/c.npz")
    again = Correction.load(f"{tmp_path}/c.npz")
    for seed, rattle in ((52, 0.04), (54, 1.0)):
        frame = _frame(seed, "cheap", rattle=rattle)
        assert again.unchecked(frame)[0] == correction.unchecked(frame)[0]
        assert again.refusal(frame) == correction.refusal(frame)
    assert again.difference.header["trained_on"]["levels"]["better"] == ["better", "better", "b"]
    products = Correction.fit(
        *[[_frame(seed, level) for seed in range(10)] for level in LEVELS],
        spectrum=SMALL, settings=LinearSettings(products=2),
    )  # fmt: skip
    products.save(f"{tmp_path}/q.npz")
    frame = _frame(52, "cheap")
    assert Correction.load(f"{tmp_path}/q.npz").unchecked(frame)[0] == products.unchecked(frame)[0]
    correction.difference.save(f"{tmp_path}/p.npz")
    with pytest.raises(InputError, match="format is 'auric LinearPotential 1' where 'auric Correction 2' is needed"):
        Correction.load(f"{tmp_path}/p.npz")
    with pytest.raises(InputError, match="format is 'auric Correction 2' where 'auric LinearPotential 1' is needed"):
        LinearPotential.load(f"{tmp_path}/c.npz")


def test_added_to_a_potential_it_makes_one_of_the_better_level(correction: Correction, tmp_path: Path) -> None:
    frames = [_frame(seed, "cheap") for seed in range(20)]
    told = {"engine": "cheap", "method": "cheap", "basis": "b", "study": "tests", "systems": ["x"]}
    cheap = LinearPotential.fit(frames, spectrum=correction.difference.spectrum.settings, trained_on=told)
    cheap.save(tmp_path / "linear.npz")
    correction.save(tmp_path / "correction.npz")
    add_correction(tmp_path / "linear.npz", tmp_path / "correction.npz", tmp_path / "corrected.npz")
    whole, frame = LinearPotential.load(tmp_path / "corrected.npz"), _frame(91, "cheap")
    for ours, one, other in zip(
        whole.energy_and_forces(frame), cheap.energy_and_forces(frame), correction.difference.energy_and_forces(frame), strict=True
    ):  # fmt: skip
        np.testing.assert_allclose(ours, one + other, atol=1e-9)
    assert whole.energy(frame) == pytest.approx(energy_of(_frame(91, "better")), abs=0.05)
    assert [whole.header["trained_on"][key] for key in ("engine", "method", "basis", "systems")] == [
        "better", "better", "b", ["x"]
    ]  # fmt: skip
    assert whole.header["trained_on"]["correction"]["states"] == [list(state) for state in correction.states]
    with pytest.raises(InputError, match="on a potential of better better b"):
        correction.added_to(whole)
    other = LinearPotential.fit(frames, spectrum=PowerSpectrumSettings(pair_functions=6), trained_on=told)
    with pytest.raises(InputError, match="have no sum"):
        correction.added_to(other)


def test_the_limit_is_a_quarter_of_thermal_motion(correction: Correction) -> None:
    """Potential energies of oscillators drawn from Boltzmann's distribution at 300 K."""
    energies = units.kB * 300 / 2 * np.random.default_rng(0).normal(size=(20000, 3 * 12)) ** 2
    assert energies.sum(axis=1).std() / 4 == pytest.approx(correction.limit_ev * np.sqrt(12), rel=0.02)


def test_what_it_refuses(correction: Correction) -> None:
    with pytest.raises(InputError, match="on a frame of better better b"):
        correction.corrected(_frame(53, "better"))
    with pytest.raises(StructureError, match="f54: the correction is uncertain by"):
        correction.corrected(_frame(54, "cheap", rattle=1.0))
    ion = _frame(55, "cheap")
    ion.info |= {"charge": -2, "multiplicity": 3}
    with pytest.raises(
        StructureError, match="f55: charge -2, multiplicity 3, but the correction was learned from 0 and 1"
    ):
        correction.corrected(ion)
    methyl = build_ring(4, ligand="CH3")
    methyl.info |= {"name": "methyl", "engine": "cheap", "method": "cheap", "basis": "b", "energy_ev": 0.0}
    with pytest.raises(StructureError, match="methyl: element C is not among those described"):
        correction.corrected(methyl)
    with pytest.raises(InputError, match="2 frames of one level and 1 of the other"):
        Correction.fit([_frame(1, "cheap"), _frame(2, "cheap")], [_frame(1, "better")])
    with pytest.raises(InputError, match="f1 and f2 are not the same structure"):
        Correction.fit([_frame(1, "cheap")], [_frame(2, "better")])
    with pytest.raises(InputError, match="the better frames are of 2 levels"):
        Correction.fit([_frame(1, "cheap")] * 2, [_frame(1, "better"), _frame(1, "cheap")])
    with pytest.raises(InputError, match="both labels are of cheap cheap b; give those of two levels"):
        Correction.fit([_frame(1, "cheap")], [_frame(1, "cheap")])


class TestUncertainty:
    def test_it_is_the_deviation_of_a_gaussian_process(self) -> None:
        """Ridge regression on rows of energies alone is a Gaussian process with their scalar products as its kernel."""
        frames = [difference_of(*(_frame(seed, level, forces=False) for level in LEVELS)) for seed in range(20)]
        settings = LinearSettings(penalties=(1e-3,))
        learned = LinearPotential.fit(frames, spectrum=SMALL, settings=settings)
        known = EnergyUncertainty.fit(frames, learned)
        maker = PowerSpectrum(["Au", "S", "H"], SMALL)

        def rows(some: list[Atoms]) -> np.ndarray:
            counts = [[list(atoms.symbols).count(symbol) for symbol in maker.species] for atoms in some]
            return np.column_stack([[maker.describe(atoms) for atoms in some], counts])

        weight = settings.energy_weight_angstrom / np.sqrt(12)
        squares = weight**2 * (rows(frames) ** 2).mean(axis=0)
        scale = np.sqrt(squares + settings.floor**2 * squares.mean())
        process = GaussianProcessRegressor(DotProduct(0.0, "fixed"), alpha=1e-3 * len(frames), optimizer=None)
        process.fit(weight * rows(frames) / scale, np.zeros(len(frames)))
        asked = [
            _frame(seed, "cheap", rattle=rattle) for seed, rattle in ((60, 0.02), (61, 0.05), (62, 0.2), (63, 0.4))
        ]
        deviations = process.predict(rows(asked) / scale, return_std=True)[1]
        expected = [known.expected_error_ev(atoms) for atoms in asked]
        np.testing.assert_allclose(np.array(expected) / deviations, known.unit_ev, rtol=0.02)
        assert expected[1] < expected[2] < expected[3]

    def test_errors_are_as_large_as_expected(self, correction: Correction) -> None:
        for rattle in (0.04, 0.08, 0.15, 0.4):
            asked = [
                difference_of(*(_frame(seed, level, rattle=rattle) for level in LEVELS)) for seed in range(100, 130)
            ]
            errors = [energy_of(atoms) - correction.difference.energy(atoms) for atoms in asked]
            expected = [correction.uncertainty.expected_error_ev(atoms) for atoms in asked]
            assert 0.5 < np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(expected))) < 2

    def test_it_is_the_same_turned_and_relabelled(self, correction: Correction) -> None:
        atoms = _frame(70, "cheap")
        turned = atoms[np.random.default_rng(0).permutation(len(atoms))]
        turned.rotate(40, (1, 2, 3))
        told = [correction.uncertainty.expected_error_ev(each) for each in (atoms, turned)]
        assert told[0] == pytest.approx(told[1], rel=1e-6)


class TestComparison:
    @pytest.fixture(scope="class")
    def made(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
        folder = str(tmp_path_factory.mktemp("runs"))
        training = [_run(folder, f"train{k}", k, frames=40, better=4) for k in range(3)]
        tests = [
            _run(folder, "test", 10, frames=60, better=2), _run(folder, "wild", 11, frames=60, step=0.12, better=2)
        ]  # fmt: skip
        strange = [
            _run(folder, "hot", 20, frames=10, step=0.5)[0],
            _run(folder, "methyl", 21, frames=10, ligand="CH3")[0],
        ]
        out = {name: f"{folder}/{name}.csv" for name in ("energies", "forces", "refusals")} | {
            "model": f"{folder}/c.npz"
        }
        compare_correction(
            *zip(*training, strict=True), *zip(*tests, strict=True), strange, **out, study="tests", spectrum=SMALL
        )
        return out | {"folder": folder}

    def test_the_correction_is_worth_its_labels(self, made: dict[str, str]) -> None:
        table = pd.read_csv(made["energies"])
        assert list(table) == list(ENERGY_COLUMNS)
        mine = table[(table["run"] == "test") & (table["split"] == INDEPENDENT)]
        errors = {
            subject: energy_scores(*(one[key].to_numpy() for key in ("predicted_ev", "energy_ev")), samples=100, seed=0)
            for subject, one in mine.groupby("subject")
        }
        assert len(errors) == 5
        assert {error["n"] for error in errors.values()} == {30}
        ours = errors.pop("cheap and correction, for better")["energy_rmse"]
        assert ours < 0.3 * min(error["energy_rmse"] for error in errors.values())
        forces = pd.read_csv(made["forces"])
        assert list(forces) == list(FORCE_COLUMNS)
        angles = forces[forces["run"] == "test"].groupby("subject")["weighted_angle"].max()
        assert angles["cheap and correction, for better"] < 0.5 * angles["cheap and constants, for better"]
        assert "cheap and ridge on summed SOAP, for better" not in angles  # it knows energies alone

    def test_constants_and_scale_are_least_squares(self, made: dict[str, str]) -> None:
        """On one composition the constants are the mean difference, which a run-centred error does not see."""
        table = pd.read_csv(made["energies"]).query("split == @INDEPENDENT")
        constants = table[table["subject"] == "cheap and constants, for better"].set_index(["run", "step"])
        scaled = table[table["subject"] == "cheap scaled, for better"].set_index(["run", "step"])
        slope = np.polyfit(constants["predicted_ev"], scaled["predicted_ev"], 1)
        np.testing.assert_allclose(np.polyval(slope, constants["predicted_ev"]), scaled["predicted_ev"], atol=1e-8)
        assert abs(slope[0] - 1) > 0.01

    def test_what_is_refused_and_what_that_spares(self, made: dict[str, str]) -> None:
        table = pd.read_csv(made["refusals"])
        assert list(table) == list(REFUSAL_COLUMNS)
        assert dict(zip(table["run"], table["split"], strict=True)) == {
            "test": KNOWN, "wild": KNOWN, "hot": STRANGE, "methyl": STRANGE
        }  # fmt: skip
        share = (table["refused"] / table["frames"]).set_axis(table["run"])
        assert share["test"] < 0.1
        assert 0 < share["wild"] < 1
        assert share["hot"] == share["methyl"] == 1
        energies = pd.read_csv(made["energies"])
        wild = energies[(energies["run"] == "wild") & (energies["subject"] == "cheap and correction, for better")]
        error = (wild["predicted_ev"] - wild["energy_ev"]).groupby(wild["split"]).std()
        assert error[TAKEN] < error[INDEPENDENT]
        assert table["reason"].notna().tolist() == (table["refused"] > 0).tolist()

    def test_rows_of_the_scorecard(self, made: dict[str, str]) -> None:
        card = f"{made['folder']}/card.csv"
        summarise_potentials(
            [made["energies"]], [made["forces"]], card, study="t", samples=100, seed=0, refusals=[made["refusals"]]
        )
        rows = pd.read_csv(card)
        refused = rows[rows["quantity"] == "refused_share"].set_index("data")
        assert refused.loc["methyl", ["ours", "better", "split"]].tolist() == [1, "higher", STRANGE]
        assert refused.loc["test", ["better", "split"]].tolist() == ["lower", KNOWN]
        told = rows[(rows["quantity"] == "energy_rmse_over_sd") & (rows["split"] == INDEPENDENT)]
        assert told["ci_low"].notna().all()
        assert len(told) == 10

    def test_the_file_is_a_correction_of_this_study(self, made: dict[str, str]) -> None:
        header = Correction.load(made["model"]).difference.header
        assert (header["trained_on"]["study"], header["frames"]) == ("tests", 30)

    def test_frames_without_a_partner(self) -> None:
        with pytest.raises(InputError, match="f2 is labelled at the better level, but is no frame of the runs given"):
            pairs([_frame(1, "cheap")], [_frame(1, "better"), _frame(2, "better")])
