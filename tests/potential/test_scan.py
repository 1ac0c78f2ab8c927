"""The scan of SOAP settings: cut features against whole computations, scores against models made by hand, choices that repeat."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.morse import MorsePotential

from auric.descriptors import FeatureScaler, PowerSpectrumSettings, Soap, SoapSettings
from auric.errors import InputError
from auric.files import write_frames, write_table
from auric.potential import (
    ClassSettings,
    DirectedForces,
    DirectedSettings,
    Emlm,
    Oamlm,
    ScanSettings,
    select_references,
    weighted_angle,
)
from auric.potential.comparison import DIRECTED_CHOSEN, compare_forces
from auric.potential.directed import THESIS_SOAP, environments_of
from auric.potential.environments import join_environments
from auric.potential.labels import forces_of
from auric.potential.linear import LinearPotential
from auric.potential.oamlm import cosines_of_projections
from auric.potential.scan import (
    CHOICE_COLUMNS,
    CHOSEN_SUBJECT,
    NORM_COLUMNS,
    THESIS_SUBJECT,
    angular_momenta,
    best_sets,
    choose_soap,
    halves,
    read_choice,
    scan_norms,
)
from auric.potential.scores import FORCE_COLUMNS
from auric.structures import build_ring

SMALL: dict[str, Any] = {
    "n_max": [3], "l_max": [1, 2], "cutoff_angstrom": [4.0], "sigma_angstrom": [0.5, 0.4], "metal_sigma_angstrom": [0.4],
    "references": 30, "frames": 12, "best": 1, "sigma_2_angstrom": [0.25, 0.5],
    "targets": ["cosines", "projections"], "losses": ["average", "minimiser", "numeric"],
}  # fmt: skip


def _frames(structure: str, run: str, seed: int, count: int) -> list[Atoms]:
    """A methyl thiolate ring under a law of pairs."""
    rng, start, made = np.random.default_rng(seed), build_ring(3, ligand="CH3"), []
    for step in range(count):
        atoms = start.copy()
        atoms.positions += rng.normal(0, 0.04, size=atoms.positions.shape)
        atoms.calc = MorsePotential(rho0=4.0, r0=2.4, epsilon=0.5, rcut1=4.5, rcut2=5.5)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = None
        atoms.info = {
            "name": f"{run}_{step}", "structure": structure, "system": "tiny", "run": run, "step": step,
            "energy_ev": energy, "engine": "morse", "method": "Morse", "basis": "none", "charge": 0, "multiplicity": 1,
        }  # fmt: skip
        atoms.arrays["forces_ev_angstrom"] = forces
        made.append(atoms)
    return made


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("scan")
    frames = {name: _frames(name, f"{name}_run", seed, 12) for seed, name in enumerate(("first", "second"))}
    for name, members in frames.items():
        write_frames(folder / f"{name}.extxyz", members)
    return {"files": [folder / f"{name}.extxyz" for name in frames], "folder": folder} | frames


@pytest.fixture(scope="module")
def scanned(runs: dict[str, Any]) -> dict[str, Path]:
    """Tables of a whole small scan, in two blocks."""
    folder = runs["folder"]
    norms = [folder / f"{block}.csv" for block in range(2)]
    for block, path in enumerate(norms):
        scan_norms(runs["files"], path, settings=SMALL, block=block, blocks=2)
    paths = {name: folder / f"{name}.csv" for name in ("angles", "choice", "scores")}
    choose_soap(runs["files"], norms, *paths.values(), settings=SMALL)
    return paths | {"norms": norms}


def _atoms_of(name: str, frames: list[Atoms], settings: SoapSettings) -> Any:
    """Descriptors, surroundings and forces of a class, frame by frame."""
    soap = Soap(["Au", "C", "H", "S"], settings)
    around = [environments_of(atoms, plain=False)[name] for atoms in frames]
    rows = np.concatenate([soap.local(a, e.atoms) for a, e in zip(frames, around, strict=True)]).astype(np.float32)
    forces = np.concatenate([forces_of(a)[e.atoms] for a, e in zip(frames, around, strict=True)])
    return rows, join_environments(around), forces


class TestSets:
    def test_the_papers_grid(self) -> None:
        scan = ScanSettings()
        for name, count in (("S", 240), ("plain C", 240), ("unit Au", 60), ("core Au", 60)):
            assert sum(len(scan.l_max) for *_, sigma in scan.bases() if scan.wanted(name, sigma)) == count

    @pytest.mark.parametrize(("n_max", "l_max"), [(3, 2), (2, 0), (4, 1)])
    def test_features_up_to_an_angular_momentum_are_soap_with_that_one(self, n_max: int, l_max: int) -> None:
        atoms, species = build_ring(3, ligand="CH3"), ["Au", "C", "H", "S"]
        highest = Soap(species, SoapSettings(n_max, 3, 4.0, 0.4)).local(atoms, np.arange(6))
        direct = Soap(species, SoapSettings(n_max, l_max, 4.0, 0.4)).local(atoms, np.arange(6))
        np.testing.assert_array_equal(highest[:, angular_momenta(4, n_max, 3) <= l_max], direct)

    def test_bad_settings(self) -> None:
        with pytest.raises(InputError, match="n_max is empty"):
            ScanSettings(n_max=[])
        with pytest.raises(InputError, match="Did you mean 'average'"):
            ScanSettings(losses=["averge"])
        with pytest.raises(InputError, match="target 'forces' is unknown"):
            ScanSettings(targets=["forces"])


class TestHalves:
    def test_by_structure_then_run_then_time(self) -> None:
        made = [_frames(f"s{k}", f"r{k}", k, 1)[0] for k in (2, 0, 1)]
        assert {half: len(members) for half, members in halves(made).items()} == {"s0+s1": 2, "s2": 1}
        for atoms in made:
            atoms.info["structure"] = "one"
        assert list(halves(made)) == ["r0+r1", "r2"]
        early = halves(_frames("one", "r", 0, 5))
        assert {half: [a.info["step"] for a in members] for half, members in early.items()} == {
            "r, early": [0, 1], "r, late": [2, 3, 4],
        }  # fmt: skip

    def test_a_single_frame(self) -> None:
        with pytest.raises(InputError, match="cannot be halved"):
            halves(_frames("one", "r", 0, 1))


class TestScan:
    def test_blocks_hold_every_set_once(self, scanned: dict[str, Any]) -> None:
        table = pd.concat([pd.read_csv(path) for path in scanned["norms"]])
        assert list(table) == list(NORM_COLUMNS)
        assert not table.duplicated(list(NORM_COLUMNS[:7])).any()
        sets = table.groupby("class")[["l_max", "sigma_angstrom"]].apply(lambda rows: set(map(tuple, rows.to_numpy())))
        assert sets["S"] == sets["H"] == set(itertools.product([1.0, 2.0], [0.4, 0.5]))
        assert sets["unit Au"] == {(1.0, 0.4), (2.0, 0.4)}

    def test_a_class_of_many_atoms_gives_up_frames(self, runs: dict[str, Any], tmp_path: Path) -> None:
        settings = SMALL | {"sigma_angstrom": [0.4], "l_max": [1], "points": 50}
        scan_norms(runs["files"], tmp_path / "norms.csv", settings=settings, block=0, blocks=1)
        counts = pd.read_csv(tmp_path / "norms.csv").groupby("class")["n"].unique()
        assert counts["S"].tolist() == [36]
        assert counts["H"].tolist() == [36], "nine in each of every third frame; 108 in all"

    def test_norms_by_hand(self, runs: dict[str, Any], scanned: dict[str, Any]) -> None:
        table = pd.concat([pd.read_csv(path) for path in scanned["norms"]])
        wanted = {"class": "S", "l_max": 1, "sigma_angstrom": 0.5, "learned_from": "second"}
        row = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].iloc[0]
        mine, theirs = (_atoms_of("S", runs[name], SoapSettings(3, 1, 4.0, 0.5)) for name in ("second", "first"))
        # 36 atoms, of which 30 are chosen: RS-maximin of scaled descriptors
        chosen = select_references(FeatureScaler().fit_transform(mine[0]).astype(np.float32), 30)
        found = Emlm().fit(mine[0][chosen], np.linalg.norm(mine[2][chosen], axis=1)).predict(theirs[0])
        true = np.linalg.norm(theirs[2], axis=1)
        assert row["force_norm_rmse"] == pytest.approx(np.sqrt(((found - true) ** 2).mean()), rel=1e-6)
        assert row["force_norm_rmse_over_sd"] == pytest.approx(row["force_norm_rmse"] / true.std(), rel=1e-6)
        assert (row["tested_on"], row["n"]) == ("first", 36)

    def test_angles_are_those_of_oamlm(self, runs: dict[str, Any], scanned: dict[str, Any]) -> None:
        table = pd.read_csv(scanned["angles"])
        first = table[(table["class"] == "H") & (table["learned_from"] == "first") & (table["n_max"] == 3)].iloc[0]
        soap = SoapSettings(3, int(first["l_max"]), 4.0, float(first["sigma_angstrom"]))
        mine, theirs = (_atoms_of("H", runs[name], soap) for name in ("first", "second"))
        scaler = FeatureScaler().fit(mine[0])
        chosen = select_references(scaler.transform(mine[0]).astype(np.float32), 30)
        rows = scaler.transform(mine[0]).astype(np.float32)[chosen].astype(float)
        norms = np.linalg.norm(mine[2][chosen], axis=1)
        directions = mine[2][chosen] / norms[:, None]
        for target, lengths in (("cosines", None), ("projections", norms)):
            way = ("numeric", 0.25) if target == "projections" else ("average", 0.5)
            model = Oamlm(loss=way[0], sigma_2=way[1]).fit(rows, mine[1][chosen], directions, lengths)
            found, _ = model.predict(scaler.transform(theirs[0]), theirs[1])
            wanted = {"class": "H", "learned_from": "first", "n_max": 3, "target": target}
            wanted |= {"loss": way[0], "sigma_2_angstrom": way[1]}
            row = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
            assert row["weighted_angle"].item() == pytest.approx(weighted_angle(found, theirs[2]), rel=1e-6)

    def test_the_thesis_stands_beside_the_best(self, scanned: dict[str, Any]) -> None:
        for found in best_sets(scanned["norms"], 2).values():
            assert len(found) == 3
            assert found[-1] == THESIS_SOAP
        table = pd.concat([pd.read_csv(path) for path in scanned["norms"]])
        mean = table[table["class"] == "S"].groupby(["l_max", "sigma_angstrom"])["force_norm_rmse"].mean()
        best = best_sets(scanned["norms"], 1)["S"][0]
        assert (best.l_max, best.sigma_angstrom) == mean.idxmin()

    def test_choice(self, runs: dict[str, Any], scanned: dict[str, Any], tmp_path: Path) -> None:
        choice, angles = pd.read_csv(scanned["choice"]), pd.read_csv(scanned["angles"])
        assert list(choice) == list(CHOICE_COLUMNS)
        mean = angles.groupby(["class", *CHOICE_COLUMNS[1:8]])["weighted_angle"].mean()
        for row in choice.to_dict("records"):
            assert row["weighted_angle"] == pytest.approx(mean[row["class"]].min())
        read = read_choice(scanned["choice"])
        assert set(read) == {"C", "H", "S", "unit Au"}
        row = choice.set_index("class").loc["S"]
        assert read["S"] == ClassSettings(
            SoapSettings(int(row["n_max"]), int(row["l_max"]), row["cutoff_angstrom"], row["sigma_angstrom"]),
            row["loss"], row["sigma_2_angstrom"], row["target"] == "projections",
        )  # fmt: skip
        again = [tmp_path / f"{name}.csv" for name in ("angles", "choice", "scores")]
        choose_soap(runs["files"], scanned["norms"], *again, settings=SMALL)
        for path in again:
            assert path.read_bytes() == scanned[path.stem].read_bytes()

    def test_scores_go_into_the_scorecard(self, scanned: dict[str, Any]) -> None:
        scores = pd.read_csv(scanned["scores"])
        assert list(scores) == list(FORCE_COLUMNS)
        assert scores.groupby(["subject", "class"]).size().eq(2).all()  # both ways
        assert set(scores["subject"]) == {CHOSEN_SUBJECT, THESIS_SUBJECT}
        angles = scores.groupby(["class", "subject"])["weighted_angle"].mean().unstack()
        assert (angles[CHOSEN_SUBJECT] <= angles[THESIS_SUBJECT] + 1e-9).all()

    def test_a_choice_is_a_contender(self, runs: dict[str, Any], scanned: dict[str, Any], tmp_path: Path) -> None:
        model, out = tmp_path / "linear.npz", tmp_path / "forces.csv"
        spectrum = PowerSpectrumSettings(pair_functions=4, functions=2, l_max=1, cutoff_angstrom=3.0)
        LinearPotential.fit(runs["first"], spectrum=spectrum).save(model)
        settings = {"norm_references": 30, "direction_references": 20}
        compare_forces(
            runs["files"][:1], runs["files"][1:], out, models={"linear": model}, settings=settings, every=4,
            choice=read_choice(scanned["choice"]),
        )  # fmt: skip
        table = pd.read_csv(out)
        assert set(table.loc[table["subject"] == DIRECTED_CHOSEN, "split"]) == {
            "independent runs", "leftovers of training runs",
        }  # fmt: skip

    def test_no_choice(self, tmp_path: Path) -> None:
        write_table(tmp_path / "x.csv", [], ["class", "n_max"])
        with pytest.raises(InputError, match="no column 'l_max'"):
            read_choice(tmp_path / "x.csv")


class TestProjections:
    """OAMLM on norms times cosines."""

    def _learned(self, runs: dict[str, Any], lengths: np.ndarray | None, **settings: Any) -> tuple[Oamlm, Any]:
        rows, around, forces = _atoms_of("S", runs["first"], SoapSettings(3, 2, 4.0, 0.5))
        directions = forces / np.linalg.norm(forces, axis=1)[:, None]
        scaled = FeatureScaler().fit_transform(rows)
        return Oamlm(**settings).fit(scaled, around, directions, lengths), (scaled, around, forces)

    @pytest.mark.parametrize("loss", ["average", "minimiser", "numeric"])
    def test_equal_lengths_change_nothing(self, runs: dict[str, Any], loss: str) -> None:
        plain, (scaled, around, _) = self._learned(runs, None, loss=loss)
        times, _ = self._learned(runs, np.full(len(around), 7.0), loss=loss)
        inputs = around[np.arange(0, 36, 5)]
        near = scaled[::5] + np.random.default_rng(0).normal(0, 0.02, size=scaled[::5].shape)
        found, sure = plain.predict(near, inputs)
        again, sure_again = times.predict(near, inputs)
        # The minimiser's length is not one, so that cosines come back scaled by it: what depends on their size may move.
        np.testing.assert_allclose(np.einsum("nc,nc->n", found, again), 1, atol=1e-8 if loss != "numeric" else 0.05)
        np.testing.assert_allclose(sure, sure_again, atol=0.2)

    def test_exact_projections_give_exact_cosines(self) -> None:
        rng = np.random.default_rng(1)
        turned = rng.normal(size=(4, 20, 3))
        turned /= np.linalg.norm(turned, axis=2)[:, :, None]
        vectors, weights = rng.normal(size=(4, 3)), rng.uniform(0.1, 1, size=(4, 20))
        projections = np.einsum("nkc,nc->nk", turned, vectors)
        cosines = projections / np.linalg.norm(vectors, axis=1)[:, None]
        np.testing.assert_allclose(cosines_of_projections(turned, projections, weights), cosines, atol=1e-10)
        assert not cosines_of_projections(turned, 0 * projections, weights).any()

    def test_small_forces_of_any_direction_do_no_harm(self, runs: dict[str, Any]) -> None:
        """Where every third direction is noise and its length small, projections find the others better."""
        rows, around, forces = _atoms_of("H", runs["first"], SoapSettings(3, 2, 4.0, 0.5))
        asked = _atoms_of("H", runs["second"], SoapSettings(3, 2, 4.0, 0.5))
        scaler = FeatureScaler().fit(rows)
        directions = forces / np.linalg.norm(forces, axis=1)[:, None]
        noise = np.random.default_rng(2).normal(size=directions.shape)
        small = np.arange(len(rows)) % 3 == 0
        directions[small] = (noise / np.linalg.norm(noise, axis=1)[:, None])[small]
        angles = []
        for lengths in (None, np.where(small, 1e-3, 1.0)):
            model = Oamlm().fit(scaler.transform(rows), around, directions, lengths)
            angles.append(weighted_angle(model.predict(scaler.transform(asked[0]), asked[1])[0], asked[2]))
        assert angles[1] < 0.9 * angles[0]

    def test_saved_and_loaded(self, runs: dict[str, Any], tmp_path: Path) -> None:
        model, (scaled, around, _) = self._learned(runs, np.ones(36) + np.arange(36))
        model.save(tmp_path / "m.npz")
        loaded = Oamlm.load(tmp_path / "m.npz")
        assert loaded.projections_
        for one, other in zip(model.predict(scaled, around), loaded.predict(scaled, around), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_wrong_lengths(self, runs: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=r"lengths of shape \(3,\)"):
            self._learned(runs, np.ones(3))


class TestClassSettings:
    def test_the_thesis_widths_are_the_defaults(self, runs: dict[str, Any]) -> None:
        """0.25 for unit gold, 0.5 for all others; no other width gives the same forces."""
        frames, sizes = runs["first"], {"norm_references": 30, "direction_references": 30}
        soap = SoapSettings(3, 2, 4.0, 0.5)
        default = DirectedForces(DirectedSettings(soap=soap, **sizes)).fit(frames).forces(runs["second"][0])
        gold = np.array(runs["second"][0].symbols) == "Au"
        for width, same in ((0.25, gold), (0.5, ~gold)):
            found = DirectedForces(DirectedSettings(soap=soap, sigma_2=width, **sizes)).fit(frames)
            forces = found.forces(runs["second"][0])
            np.testing.assert_array_equal(forces[same], default[same])
            assert (np.abs(forces[~same] - default[~same]).max(axis=1) > 0).all()

    def test_each_class_has_its_own(self, runs: dict[str, Any]) -> None:
        frames, atoms = runs["first"], runs["second"][0]
        sizes = {"norm_references": 30, "direction_references": 30}
        one, other = SoapSettings(3, 2, 4.0, 0.5), SoapSettings(2, 1, 3.0, 0.4)
        own = ClassSettings(other, "minimiser", 0.3, projections=True)
        mixed = DirectedForces(DirectedSettings(soap=one, classes={"S": own}, **sizes)).fit(frames).forces(atoms)
        first = DirectedForces(DirectedSettings(soap=one, **sizes)).fit(frames).forces(atoms)
        whole = DirectedSettings(soap=other, loss="minimiser", sigma_2=0.3, projections=True, **sizes)
        second = DirectedForces(whole).fit(frames)
        sulfur = np.array(atoms.symbols) == "S"
        np.testing.assert_array_equal(mixed[~sulfur], first[~sulfur])
        np.testing.assert_array_equal(mixed[sulfur], second.forces(atoms)[sulfur])
        assert np.abs(mixed[sulfur] - first[sulfur]).max() > 1e-3

    def test_a_class_without_settings_of_its_own_has_the_thesis_s(self) -> None:
        own = ClassSettings(THESIS_SOAP, "minimiser", 0.25, projections=True)
        settings = DirectedSettings(classes={"S": own})
        assert settings.of("S") == own
        assert settings.of("core Au") == ClassSettings(THESIS_SOAP, "average", None)
