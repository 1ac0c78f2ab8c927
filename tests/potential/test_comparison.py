"""Contenders side by side: scores by hand, files in and out, forces of springs, and whole potentials on a known law."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.fd import calculate_numerical_forces
from ase.calculators.morse import MorsePotential

from auric.descriptors import MBTR_SECOND, Mbtr
from auric.errors import InputError, StructureError
from auric.files import write_frames
from auric.potential import (
    BondStretch,
    Emlm,
    EmlmCalculator,
    load_emlm,
    save_model,
    train_emlm,
)
from auric.potential.comparison import DIRECTED, ENERGY_COLUMNS, FORCE_COLUMNS, compare_energies, compare_forces
from auric.potential.contenders import ENERGY_MODELS, RECOMMENDED
from auric.potential.labels import energy_of, folds_of, forces_of, read_runs, sampled
from auric.potential.linear import LinearPotential, train_linear
from auric.potential.scores import energy_scores, force_scores
from auric.potential.summary import summarise_potentials
from auric.scorecard import COLUMNS
from auric.structures import build_ring


def _run(path: str, name: str, seed: int, frames: int, stride: float = 0.03) -> str:
    """A run of a ring under a law of pairs, every frame a small step from the last."""
    rng = np.random.default_rng(seed)
    start = build_ring(3)
    made = []
    shift = np.zeros((len(start), 3))
    for step in range(frames):
        shift = 0.9 * shift + rng.normal(0, stride, size=shift.shape)
        atoms = start.copy()
        atoms.positions += shift
        atoms.calc = MorsePotential(rho0=4.0, r0=2.4, epsilon=0.5, rcut1=4.5, rcut2=5.5)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = None
        atoms.info = {
            "name": "au3_sh3", "structure": "au3_sh3", "system": "tiny", "run": name, "step": step,
            "energy_ev": energy, "engine": "morse", "method": "Morse", "basis": "none", "charge": 0, "multiplicity": 1,
        }  # fmt: skip
        atoms.arrays["forces_ev_angstrom"] = forces
        made.append(atoms)
    write_frames(path, made)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    training = _run(f"{folder}/training.extxyz", "training", 1, 40)
    test = _run(f"{folder}/test.extxyz", "test", 2, 24)
    model = f"{folder}/linear.npz"
    products = f"{folder}/quadratic.npz"
    train_linear([training], model, study="tests")
    train_linear([training], products, study="tests", products=4)
    return {"training": training, "test": test, "model": model, "products": products, "folder": str(folder)}


class TestScores:
    def test_by_hand(self) -> None:
        true, wrong = np.array([1.0, 2.0, 4.0, 5.0]), np.array([11.0, 12.5, 13.5, 15.0])
        score = energy_scores(wrong, true, samples=10, seed=0)
        assert score["offset"] == pytest.approx(10)
        assert score["energy_rmse"] == pytest.approx(np.sqrt(0.125))
        assert score["energy_rmse_over_sd"] == pytest.approx(np.sqrt(0.125) / true.std())
        assert score["energy_rmse_over_range"] == pytest.approx(np.sqrt(0.125) / 4)
        assert np.isnan(score["ci_low"])

    def test_interval_knows_that_neighbours_are_alike(self) -> None:
        """Errors that come in long stretches say less than as many independent ones."""
        rng = np.random.default_rng(0)
        true, independent = rng.normal(size=200), rng.normal(size=200)
        stretches = np.repeat(rng.normal(size=10), 20)
        widths = []
        for error in (independent, stretches):
            score = energy_scores(true + error, true, samples=400, seed=1)
            assert score["ci_low"] < score["energy_rmse_over_sd"] * 1.05
            widths.append(score["ci_high"] - score["ci_low"])
        assert widths[1] > 1.5 * widths[0]

    def test_forces_by_class(self) -> None:
        true = [np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 1.0]])]
        ours = [np.array([[0, 1.0, 0], [0, 1.5, 0], [0, 0, 1.0]])]
        scores = force_scores(ours, true, [["S", "core Au", "S"]])
        assert scores["S"]["weighted_angle"] == pytest.approx(45)
        assert scores["core Au"]["force_norm_rmse"] == pytest.approx(0.5)
        assert scores["S"]["n"] == 2
        assert np.isnan(scores["core Au"]["force_norm_rmse_over_sd"])  # one atom has no spread of norms

    def test_intervals_of_forces_come_from_blocks_of_frames(self) -> None:
        rng = np.random.default_rng(0)
        true = [rng.normal(size=(4, 3)) for _ in range(40)]
        noise = [0.1 * np.linalg.norm(each, axis=1, keepdims=True) * rng.normal(size=(4, 3)) for each in true]
        ours, names = [t + e for t, e in zip(true, noise, strict=True)], [["S"] * 4] * 40
        score = force_scores(ours, true, names)["S"]
        assert score["norm_low"] < score["force_norm_rmse"] < score["norm_high"]
        assert score["angle_low"] < score["weighted_angle"] < score["angle_high"]
        # The same frame again and again is known no better.
        again = force_scores([ours[k // 4] for k in range(160)], [true[k // 4] for k in range(160)], [["S"] * 4] * 160)[
            "S"
        ]
        width, narrower = score["angle_high"] - score["angle_low"], again["angle_high"] - again["angle_low"]
        assert narrower == pytest.approx(width, rel=1e-9)
        few = force_scores(ours[:7], true[:7], names[:7])["S"]
        assert np.isnan([few[key] for key in ("norm_low", "norm_high", "angle_low", "angle_high")]).all()

    def test_the_thesis_stands_beside_what_follows_its_protocol(self, tmp_path: object) -> None:
        rows = [
            (
                "independent runs",
                subject,
                "s",
                "au38_sch3_24_q",
                run,
                300,
                step,
                "",
                "",
                0.1 * step,
                0.1 * step + step % 2 + off,
            )
            for subject in ("emlm on MBTR, second parameters", "linear, energies and forces")
            for run, off in (("r", 0.0), ("t", 3.0))
            for step in range(30)
        ]
        pd.DataFrame(rows, columns=list(ENERGY_COLUMNS)).to_csv(f"{tmp_path}/e.csv", index=False)
        common = {
            "structure": "au38_sch3_24_q",
            "run": "r",
            "n": 9,
            "force_norm_rmse": 0.2,
            "force_norm_rmse_over_sd": 0.5,
            "weighted_angle": 12.0,
        }
        forces = [
            common | {"split": split, "subject": DIRECTED, "class": kind, "norm_low": 0.1, "norm_high": 0.3}
            for split in ("leftovers of training runs", "independent runs")
            for kind in ("S", "C")
        ]
        pd.DataFrame(forces, columns=list(FORCE_COLUMNS)).to_csv(f"{tmp_path}/f.csv", index=False)
        summarise_potentials(
            [f"{tmp_path}/e.csv"], [f"{tmp_path}/f.csv"], f"{tmp_path}/c.csv", study="t", samples=100, seed=0
        )
        card = pd.read_csv(f"{tmp_path}/c.csv")
        beside = card[card["paper"].notna()]
        assert set(beside["comparable"]) == {"not comparable"}  # another engine, other runs
        pooled = card[(card["split"] == "independent runs, pooled") & (card["quantity"] == "energy_rmse")].set_index(
            "subject"
        )
        assert pooled["data"].eq("all test runs of s").all()
        # Half the errors are 0 and half 1, and 3 more in the other run: offsets count here, and nowhere else.
        assert pooled["ours"].to_numpy() == pytest.approx(np.sqrt((0 + 1 + 9 + 16) / 4))
        over = card[(card["split"] == "independent runs, pooled") & (card["quantity"] == "energy_rmse_over_range")]
        assert over["ours"].to_numpy() == pytest.approx(pooled["ours"].to_numpy() / 2.9)
        assert (
            card.loc[(card["quantity"] == "energy_rmse") & (card["split"] == "independent runs"), "ours"] == 0.5
        ).all()
        assert dict(zip(beside["subject"] + " " + beside["quantity"], beside["paper"], strict=True)) == {
            "emlm on MBTR, second parameters energy_rmse": 2.67,  # of all runs together
            f"{DIRECTED}: S force_norm_rmse": 0.3,
            f"{DIRECTED}: S weighted_angle": 24.7,
        }
        over = card[card["quantity"] == "force_norm_rmse_over_sd"]
        assert (over["ci_low"] == 0.25).all()
        assert (over["ci_high"] == 0.75).all()

    def test_folds_keep_neighbours_together(self) -> None:
        folds = folds_of(np.array(["a"] * 16 + ["b"] * 3), folds=2, chunks=4)
        assert folds[:16].tolist() == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4
        assert set(folds[16:]) == {0, 1}


class TestBondStretch:
    def test_a_spring_is_found(self) -> None:
        frames = []
        for length in (2.1, 2.2, 2.4):
            atoms = Atoms("AuS", [[0, 0, 0], [0, 0, length]])
            pull = 7.0 * (length - 2.3)
            atoms.arrays["forces_ev_angstrom"] = np.array([[0, 0, pull], [0, 0, -pull]])
            frames.append(atoms)
        springs = BondStretch().fit(frames)
        assert springs.springs[16, 79] == pytest.approx((7.0, -7.0 * 2.3))
        for atoms in frames:
            np.testing.assert_allclose(springs.forces(atoms), forces_of(atoms), atol=1e-10)
        assert not springs.forces(Atoms("H2", [[0, 0, 0], [0, 0, 0.7]])).any()

    def test_bad_input(self) -> None:
        with pytest.raises(InputError, match="no frames to learn from"):
            BondStretch().fit([])
        atoms = Atoms("AuS2", [[0, 0, 0], [0, 0, 2.3], [0, 0, 2.3]])
        atoms.arrays["forces_ev_angstrom"] = np.zeros((3, 3))
        with pytest.raises(StructureError, match="atoms 2 and 3 lie on one another"):
            BondStretch().fit([atoms])


class TestCalculators:
    def test_emlm_forces_are_gradients(self, files: dict[str, str]) -> None:
        frames = read_runs([files["training"]], "training")
        mbtr = Mbtr(["Au", "S", "H"], MBTR_SECOND)
        model = Emlm().fit(mbtr.describe_all(frames), np.array([energy_of(atoms) for atoms in frames]))
        atoms = read_runs([files["test"]], "test")[3]
        atoms.calc = EmlmCalculator(mbtr, model)
        forces = atoms.get_forces()
        np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-10)
        np.testing.assert_allclose(forces, calculate_numerical_forces(atoms, eps=1e-6), rtol=0, atol=1e-7)

    def test_a_file_of_emlm_names_its_descriptor_and_its_level(self, files: dict[str, str]) -> None:
        frames, path = read_runs([files["training"]], "training"), f"{files['folder']}/emlm.npz"
        train_emlm([files["training"]], path, study="tests")
        mbtr, model, told = load_emlm(path)
        assert mbtr.settings == MBTR_SECOND
        assert (told["engine"], told["method"], told["basis"]) == ("morse", "Morse", "none")
        calculator = EmlmCalculator.load(path)
        assert calculator.get_potential_energy(frames[5]) == pytest.approx(energy_of(frames[5]), abs=1e-5)
        assert model.predict(mbtr.describe(frames[5])[None])[0] == calculator.get_potential_energy(frames[5])
        with pytest.raises(InputError, match="give the descriptor that it was learned with"):
            EmlmCalculator(Mbtr(["Au", "S"], MBTR_SECOND), model)
        save_model(path, model, {"species": ["Au", "S", "H"]})
        with pytest.raises(InputError, match="no EMLM of whole structures with its descriptor"):
            load_emlm(path)
        save_model(path, model, {"species": ["Au", "S"], "mbtr": asdict(MBTR_SECOND)})
        with pytest.raises(InputError, match="its descriptor has 300 features, its model 600"):
            load_emlm(path)
        save_model(path, model, {"species": ["Au", "S", "H"], "mbtr": {"points": 100}})
        with pytest.raises(InputError, match="a part of the descriptor is missing, or does not fit the others"):
            load_emlm(path)

    def test_frames_of_two_levels_train_no_file(self, files: dict[str, str]) -> None:
        frames, mixed = read_runs([files["training"]], "training"), f"{files['folder']}/mixed.extxyz"
        for atoms in frames[::2]:
            atoms.info["method"] = "PBE"
        write_frames(mixed, frames)
        for train in (train_emlm, train_linear):
            with pytest.raises(InputError, match="frames of 2 levels of theory"):
                train([mixed], f"{files['folder']}/none.npz", study="tests")


class TestComparison:
    @pytest.mark.parametrize("contender", ENERGY_MODELS)
    def test_every_contender_runs(self, files: dict[str, str], contender: str) -> None:
        out = f"{files['folder']}/{contender}.csv"
        compare_energies(
            [files["training"]],
            [files["test"]],
            out,
            contender=contender,
            random_split=contender == "ridge_soap",
            seed=0,
        )
        table = pd.read_csv(out)
        assert list(table) == list(ENERGY_COLUMNS)
        assert set(table["subject"]) == {ENERGY_MODELS[contender].subject}
        unseen = table[table["split"] == "independent runs"]
        score = energy_scores(unseen["predicted_ev"].to_numpy(), unseen["energy_ev"].to_numpy(), samples=100, seed=0)
        assert np.isfinite(score["energy_rmse"])
        if contender == "mean":
            assert score["energy_rmse_over_sd"] == pytest.approx(1)
        if contender == RECOMMENDED:
            assert score["energy_rmse_over_sd"] < 0.05
        if contender == "ridge_soap":
            assert (table["split"] == "random 80/20").sum() == 8
            assert set(table.loc[table["split"] == "random 80/20", "run"]) == {"training"}

    def test_molecules_of_several_sizes_are_told_apart_by_their_elements(self) -> None:
        """Learned with other rings, thousands of eV away, a model of whole structures still says what it says alone."""
        rng, frames = np.random.default_rng(0), {}
        for n in (3, 4):
            frames[n] = []
            for step in range(24):
                atoms = build_ring(n)
                atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
                energy = -5000.0 * n + float(atoms.get_distance(0, n))
                atoms.info |= {"run": f"r{n}", "step": step, "energy_ev": energy}
                frames[n].append(atoms)
        model = ENERGY_MODELS["emlm"].make().fit(frames[3][:16] + frames[4][:16])
        for n in (3, 4):
            true = np.array([atoms.info["energy_ev"] for atoms in frames[n][16:]])
            assert np.abs(model.energies(frames[n][16:]) - true).max() < 0.3

    def test_forces_and_scorecard(self, files: dict[str, str]) -> None:
        forces, card, energies = (f"{files['folder']}/{name}.csv" for name in ("forces", "card", "linear"))
        compare_energies([files["training"]], [files["test"]], energies, contender="linear", random_split=False, seed=0)
        compare_forces(
            [files["training"]], [files["test"]], forces, models={"linear": files["model"], "quadratic": files["products"]},
            settings={"norm_references": 60, "direction_references": 40, "loss": "average"}, every=1, rotations=True,
        )  # fmt: skip
        table = pd.read_csv(forces)
        others = {f"emlm norms, oamlm directions, {way}" for way in ("minimiser", "numeric", "rotations alone")}
        assert list(table) == list(FORCE_COLUMNS)
        assert set(table["subject"]) == {
            "bond stretch", DIRECTED, *others, "linear, energies and forces", ENERGY_MODELS["quadratic"].subject,
        }  # fmt: skip
        unseen = table[table["split"] == "independent runs"]
        assert unseen.groupby("class")["n"].nunique().eq(1).all()  # all are judged on the same atoms
        left = table[table["split"] == "leftovers of training runs"]
        assert set(left["subject"]) == {DIRECTED, *others}
        assert left.groupby("subject")["n"].sum().max() < 40 * 12
        assert set(left["run"]) == {"training runs of tiny, au3_sh3"}  # sets may share a structure
        angles = table.groupby("subject")["weighted_angle"].max()
        assert angles[ENERGY_MODELS[RECOMMENDED].subject] < 3
        winners = f"{files['folder']}/recommended.csv"
        summarise_potentials([energies], [forces], card, recommendations=winners, study="tests", samples=100, seed=0)
        best = pd.read_csv(winners).set_index("task")
        assert best.loc["directions of forces", "recommended"] in [
            ENERGY_MODELS[n].subject for n in (RECOMMENDED, "quadratic")
        ]
        assert set(best["ahead"].dropna()) <= set(range(2))  # of one test run
        rows = pd.read_csv(card)
        assert list(rows) == list(COLUMNS)
        assert {"energy_rmse_over_sd", "weighted_angle", "force_norm_rmse"} <= set(rows["quantity"])
        assert not rows.duplicated(["quantity", "subject", "data", "split"]).any()
        assert "coverage_90" not in set(rows["quantity"])  # one test run alone cannot calibrate for another

    def test_the_random_split_is_told_by_all_measures(self, tmp_path: object) -> None:
        """Beside independent runs the thesis's own measure, over the range, is there for the random split too."""
        rng, rows = np.random.default_rng(0), []
        for split, width in (("independent runs", 1.0), ("random 80/20", 0.1)):
            for step, error in enumerate(rng.normal(0, width, size=50)):
                rows.append((split, "model", "s", "x", "a", 300, step, "", "", 0.1 * step, 0.1 * step + error))
        pd.DataFrame(rows, columns=list(ENERGY_COLUMNS)).to_csv(f"{tmp_path}/e.csv", index=False)
        pd.DataFrame([], columns=list(FORCE_COLUMNS)).to_csv(f"{tmp_path}/f.csv", index=False)
        summarise_potentials(
            [f"{tmp_path}/e.csv"], [f"{tmp_path}/f.csv"], f"{tmp_path}/c.csv", study="t", samples=100, seed=0
        )
        card = pd.read_csv(f"{tmp_path}/c.csv").set_index(["split", "quantity"])["ours"]
        true = 0.1 * np.arange(50)
        for split in ("independent runs", "random 80/20"):
            rmse = card[split, "energy_rmse"]
            assert card[split, "energy_rmse_over_range"] == pytest.approx(rmse / np.ptp(true))
            assert card[split, "energy_rmse_over_sd"] == pytest.approx(rmse / true.std())
        assert card["random 80/20", "energy_rmse"] < 0.2 * card["independent runs", "energy_rmse"]

    def test_coverage_of_intervals_calibrated_on_other_runs(self, tmp_path: object) -> None:
        rng, rows = np.random.default_rng(0), []
        for run, bath_k, width in (("a", 300, 1.0), ("b", 300, 1.0), ("hot", 900, 10.0)):
            for step, error in enumerate(rng.normal(0, width, size=300)):
                energies = (0.1 * step, 0.1 * step + error + 5)
                rows.append(("independent runs", "model", "s", "x", run, bath_k, step, "", "", *energies))
        pd.DataFrame(rows, columns=list(ENERGY_COLUMNS)).to_csv(f"{tmp_path}/e.csv", index=False)
        pd.DataFrame([], columns=list(FORCE_COLUMNS)).to_csv(f"{tmp_path}/f.csv", index=False)
        summarise_potentials(
            [f"{tmp_path}/e.csv"], [f"{tmp_path}/f.csv"], f"{tmp_path}/c.csv", study="t", samples=100, seed=0
        )
        card = pd.read_csv(f"{tmp_path}/c.csv")
        covered = card[card["quantity"] == "coverage_90"].set_index(["split", "data"])["ours"]
        assert covered["independent runs"].between(0.85, 0.95).all()
        assert list(covered["independent runs"].index) == ["a", "b"]
        elsewhere = covered["intervals from other temperatures"]
        assert elsewhere["a"] == 1  # from a hot run
        assert elsewhere["hot"] < 0.3  # from cold runs
        assert len(covered) == 5  # there is no second hot run

    def test_moved_blocks_are_judged_by_differences(self, files: dict[str, str]) -> None:
        """By the model's file as it is, and by a constant, whose error is the change itself."""
        unseen = read_runs([files["test"]], "test")
        rng, moved, changes = np.random.default_rng(0), [], []
        for trial, before in enumerate(unseen[:12]):
            after = before.copy()
            after.positions[trial % 3] += rng.uniform(-0.1, 0.1, 3)
            after.calc = MorsePotential(rho0=4.0, r0=2.4, epsilon=0.5, rcut1=4.5, rcut2=5.5)
            after.info |= {"energy_ev": after.get_potential_energy(), "trial": trial, "block": "metal"}
            changes.append(abs(after.info["energy_ev"] - before.info["energy_ev"]))
            after.calc = None
            moved.append(after)
        moves, card = f"{files['folder']}/moves.extxyz", f"{files['folder']}/moved_card.csv"
        write_frames(moves, moved)
        tables = []
        for contender, model in (("mean", None), ("linear", files["model"])):
            tables.append(f"{files['folder']}/moved_{contender}.csv")
            compare_energies(
                [files["training"]], [files["test"]], tables[-1], contender=contender, random_split=False, seed=0,
                moves=[moves], model=model,
            )  # fmt: skip
        predicted = pd.read_csv(tables[1])
        expected = LinearPotential.load(files["model"]).energies(unseen + moved)
        np.testing.assert_allclose(predicted["predicted_ev"], expected, atol=1e-9)
        assert predicted.loc[predicted["split"] == "moved blocks", "block"].eq("metal").all()
        pd.DataFrame([], columns=list(FORCE_COLUMNS)).to_csv(f"{files['folder']}/none.csv", index=False)
        summarise_potentials(tables, [f"{files['folder']}/none.csv"], card, study="t", samples=100, seed=0)
        rows = pd.read_csv(card).query("quantity == 'block_energy_error'").set_index("subject")
        assert rows.loc["mean", "ours"] == pytest.approx(np.median(changes))
        assert rows.loc["linear, energies and forces", "ours"] < 0.1 * np.median(changes)
        assert (rows["ci_low"] <= rows["ours"]).all()
        assert (rows["ours"] <= rows["ci_high"]).all()

    def test_a_part_of_a_run(self, files: dict[str, str]) -> None:
        frames = [Atoms(info={"step": step}) for step in range(100)]
        steps = [atoms.info["step"] for atoms in sampled(frames, frames=20)]
        gaps = np.diff(steps)
        assert len(steps) == 20
        assert steps[-1] == 99
        assert gaps[:3].mean() > 3 * gaps[-3:].mean()
        assert [a.info["step"] for a in sampled(frames, frames=4, spacing="even")] == [24, 49, 74, 99]
        assert len(sampled(frames)) == len(sampled(frames, frames=500)) == 100
        dense = [atoms.info["step"] for atoms in sampled(frames, frames=80)]
        assert len(set(dense)) == len(dense) < 80  # where more are asked for than lie there
        with pytest.raises(InputError, match="choose even or logarithmic"):
            sampled(frames, frames=3, spacing="odd")
        assert len(read_runs([files["training"]], "training", {"frames": 10})) == 10

    def test_the_model_tells_what_it_has_learned_from(self, files: dict[str, str]) -> None:
        potential = LinearPotential.load(files["model"])
        assert potential.header["trained_on"]["method"] == "Morse"
        frames = read_runs([files["test"]], "test")
        errors = potential.energies(frames) - [energy_of(atoms) for atoms in frames]
        assert np.abs(errors).max() < 0.02

    def test_bad_input(self, files: dict[str, str]) -> None:
        empty, mixed = f"{files['folder']}/empty.extxyz", f"{files['folder']}/mixed.extxyz"
        write_frames(empty, [])
        with pytest.raises(InputError, match="no test frames"):
            compare_energies([files["training"]], [empty], "x.csv", contender="mean", random_split=False, seed=0)
        frames = read_runs([files["training"]], "training")
        frames[0].info["method"] = "another"
        write_frames(mixed, frames)
        with pytest.raises(InputError, match="2 levels of theory"):
            train_linear([mixed], f"{files['folder']}/x.npz", study="tests")
