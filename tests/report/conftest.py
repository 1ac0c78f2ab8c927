"""A small synthetic study: everything the report reads, in files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ase import Atoms

from auric.files import write_dataset, write_frames, write_table
from auric.report import build_report, inputs
from auric.scorecard import COLUMNS, write_scorecard

WICKED = """</script><script>alert("x")</script>'& <img src=x onerror=alert(1)>"""
ERRORS = {"elfnet": 0.004, "ridge on the bond line": 0.008, "mean": 0.06}


def every_page(folder: Path, name: str = "*.html") -> str:
    """The pages of a report, one after the other, `index.html` first."""
    pages = sorted(folder.glob(name), key=lambda path: (path.name != "index.html", path.name))
    return "\n".join(path.read_text(encoding="utf-8") for path in pages)


def ring(gold: int, rng: np.random.Generator) -> Atoms:
    """Gold and sulfur by turns around a ring, a hydrogen on each sulfur."""
    angles = 2 * np.pi * np.arange(2 * gold) / (2 * gold)
    radius = 2.35 / (2 * np.sin(np.pi / (2 * gold)))
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(2 * gold)], axis=1)
    positions = np.concatenate([radius * around, (radius + 1.1) * around[1::2] + [0, 0, 0.75]])
    return Atoms("AuS" * gold + "H" * gold, positions + rng.normal(0, 0.04, positions.shape))


def elf_image(length: float, size: int = 40) -> np.ndarray:
    """Two shells whose distance follows the bond length, shape (size, size), values in [0, 1]."""
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]  # type: ignore[misc]
    sulfur = np.exp(-(((np.hypot(x, y - 0.5) - 0.35) / 0.12) ** 2))
    gold = 0.7 * np.exp(-(((np.hypot(x - 1, y - 0.5) - 0.9 + 0.28 * length) / 0.09) ** 2))
    return np.clip(np.maximum(sulfur, gold), 0, 1).astype("float32")


class Study:
    """Tables in memory that a test may change before `build` writes them and makes the report."""

    def __init__(self, folder: Path, structures: tuple[str, ...] = ("Au4(SH)4", "Au3(SH)3", WICKED)) -> None:
        rng = np.random.default_rng(5)
        self.folder, self.name = folder, f"tiny {WICKED}"
        self.frames: list[Atoms] = []
        for number, name in enumerate(structures):
            for step in range(4):
                atoms = ring(3 + number, rng)
                atoms.info = {
                    "name": f"{name}/{step}", "structure": name, "charge": 0, "multiplicity": 1, "source": "built",
                    "energy_ev": -1000.0 - step, "engine": "pyscf-gto", "method": "b3lyp", "basis": "def2-svp",
                    "converged": True, "seconds": 12.5,
                }  # fmt: skip
                self.frames.append(atoms)
        rows = [
            (name, f"{name}/{step}", f"S{bond}-Au{bond}", third)
            for number, name in enumerate(structures)
            for step in range(4) for bond in range(3 + number) for third in (0, 1)
        ]  # fmt: skip
        self.bonds = pd.DataFrame(rows, columns=["structure", "frame", "bond", "third_atom"])
        self.bonds["image"] = [f"{row.frame}:{row.bond}:{row.third_atom}" for row in self.bonds.itertuples()]
        lengths = np.repeat(rng.uniform(2.25, 2.65, len(self.bonds) // 2), 2)
        self.bonds["bond_length_angstrom"] = lengths
        self.bonds["weight"] = 1.0
        self.predictions = pd.concat(
            [self._predict(split, subject, error, rng) for split in ("image", "bond", "structure", "leaky")
             for subject, error in ERRORS.items()], ignore_index=True,
        )  # fmt: skip
        self.history = pd.DataFrame(
            [(split, fold, epoch, 1e-3, 0.1 * 0.8**epoch + 0.002, 0.12 * 0.8**epoch * (1 + 0.1 * k) + 0.004, 0.5)
             for split in ("image", "bond", "structure") for k, fold in enumerate(("holdout", *"01234"))
             for epoch in range(12)],
            columns=list(inputs.HISTORY),
        )  # fmt: skip
        self.failures = pd.DataFrame([("label", WICKED, "f/1", f"SCF did not converge {WICKED}")],
                                     columns=list(inputs.FAILURES))  # fmt: skip
        self.dropped = pd.DataFrame(
            [(WICKED, f"f/{i}", "S1-Au2", 3, "third atom on the bond line") for i in range(40)],
            columns=list(inputs.DROPPED),
        )
        self.scorecard: list[dict[str, Any]] = [
            {"study": "tiny", "system": "ruler", "quantity": "mae", "unit": "angstrom", "subject": "elfnet",
             "paper": 0.0021, "ours": 0.0045, "ci_low": 0.004, "ci_high": 0.005, "n": 90, "data": "built rings",
             "split": "image", "comparable": "same protocol, other data", "better": "lower", "seconds": 31.0},
            {"study": "tiny", "system": "elf", "quantity": "elf_speedup", "unit": "", "subject": WICKED, "ours": 14.2,
             "data": "rings", "split": "", "comparable": "not comparable", "better": "higher"},
        ]  # fmt: skip
        self.potentials: dict[str, dict[str, pd.DataFrame]] = {}
        self.winners = pd.DataFrame(columns=list(inputs.RECOMMENDED))
        self.walks: list[dict[str, pd.DataFrame]] = []
        self.isomers: list[pd.DataFrame] = []
        self.relaxed: dict[str, list[pd.DataFrame]] = {}
        self.configuration: dict[str, Any] = {"study": "tiny", "reference": {"method": "b3lyp", "note": WICKED}}

    def _predict(self, split: str, subject: str, error: float, rng: np.random.Generator) -> pd.DataFrame:
        folds = [str(number % 5) for number in range(len(self.bonds))]
        table = self.bonds.assign(split=split, fold=folds, subject=subject)
        true = table["bond_length_angstrom"]
        noise = rng.normal(0, error, len(table))
        table["predicted_angstrom"] = 2.45 + noise / 10 if subject == "mean" else true + noise
        holdout = table.iloc[::3].assign(fold="holdout", predicted_angstrom=9.0)  # would be seen in any error
        return pd.concat([table, holdout])[list(inputs.PREDICTIONS)]

    def add_potential(
        self, name: str, errors: dict[str, float], *, tests: int = 2, random: bool = True, forces: bool = True, temperature: bool = True,
        coverage: bool = True,
    ) -> None:  # fmt: skip
        """Add a system: contenders that err by so many standard deviations, on runs of 30 frames."""
        rng = np.random.default_rng(8)
        runs = [f"{name}_test{number}" for number in range(tests)]
        true = {run: rng.normal(-500, 0.2 * (1 + number), 30) for number, run in enumerate([*runs, f"{name}_heating"])}
        energies, judged = [], []
        for subject, error in errors.items():
            for run, values in true.items():
                unseen = run in runs
                if not unseen and not random:
                    continue
                noise = rng.normal(size=30)
                noise *= (error * (1 + 0.2 * runs.index(run)) if unseen else error / 5) * values.std() / noise.std()
                split = "independent runs" if unseen else "random 80/20"
                energies += [(split, subject, run, 5 * step, energy, energy + off + 3)
                             for step, (energy, off) in enumerate(zip(values, noise, strict=True))]  # fmt: skip
                ratio = noise.std() / values.std()
                judged.append(("energy_rmse_over_sd", subject, ratio, 0.9 * ratio, 1.1 * ratio, run, split))
                if unseen and coverage:
                    judged.append(("coverage_90", subject, 0.8 + 0.1 * runs.index(run), np.nan, np.nan, run, split))
                    judged.append(("interval_width", subject, 0.05, np.nan, np.nan, run, split))
        self.scorecard += [
            {"study": "tiny", "system": "potential", "quantity": quantity, "unit": "1", "subject": subject, "ours": ours,
             "ci_low": low, "ci_high": high, "n": 30, "data": run, "split": split, "comparable": "not comparable",
             "better": "higher" if quantity == "coverage_90" else "lower"}
            for quantity, subject, ours, low, high, run, split in judged
        ]  # fmt: skip
        angles = [
            (split, subject, run, kind, 40, angle / 50, angle)
            for subject, angle in (("linear, energies and forces", 3.0), ("emlm norms, oamlm directions", 30.0))
            for split, places in (("independent runs", runs), ("leftovers of training runs", ["training runs"]))
            for run in places for kind in ("C", "unit Au", WICKED)
        ]  # fmt: skip
        places = [
            ("test" if run in runs else "train", run, "Au4S4", 5 * step, 300.0 + step if temperature else np.nan, energy, *rng.normal(size=2),
             0.5, 0.25)
            for run, values in true.items() for step, energy in enumerate(values)
        ]  # fmt: skip
        self.potentials[name] = {
            "energies": pd.DataFrame(energies, columns=list(inputs.ENERGIES)),
            "forces": pd.DataFrame(angles if forces else [], columns=list(inputs.FORCES)),
            "maps": pd.DataFrame(places, columns=list(inputs.PLACES)),
        }

    def add_walk(self, run: str, shifts: dict[str, float]) -> None:
        """Walks beside a run, each with its shift of the peak of Au-Au (angstrom); their angles are right."""
        kinds = (("Au-Au", "angstrom", 2.9, 0.1), ("S-Au-S", "degree", 170.0, 4.0))
        geometry, curves = [], []
        for walker, shift in shifts.items():
            for kind, unit, middle, width in kinds:
                off = shift if kind == "Au-Au" else 0.0
                for part in ("whole walk", "last 500 steps"):
                    geometry.append(
                        (
                            "ring",
                            run,
                            walker,
                            300.0,
                            part,
                            kind,
                            unit,
                            off,
                            off - 0.01,
                            off + 0.01,
                            abs(off),
                            0.0,
                            0.1,
                            0.02,
                            50.0,
                            320.0,
                        )
                    )
                for value in np.linspace(middle - 3 * width, middle + 2 * width, 50):
                    heights = (np.exp(-0.5 * ((value - middle - by) / width) ** 2) / width for by in (off, 0.0))
                    curves.append((run, walker, kind, unit, value, *heights))
        changes, change_curves, rng = [], [], np.random.default_rng(9)
        for walker in shifts:
            for apart in ("next", "half the length"):
                changes.append(
                    (run, walker, apart, 0.1, 0.2, 0.11, 0.19, -0.03 if walker.startswith("emlm") else -0.02, 0.01)
                )
                for value in np.linspace(-0.5, 0.5, 50):
                    heights = (np.exp(-0.5 * (value / width) ** 2) / width for width in (0.1, 0.2))
                    change_curves.append((run, walker, apart, "eV", value, *heights))
        places = [
            (run, source, *rng.normal(size=2), 0.5, 0.25, int(source == "dynamics" and k < 5)) for source in ("training", "dynamics", *shifts) for k in range(20)
        ]  # fmt: skip
        self.walks.append(
            {
                "geometry": pd.DataFrame(geometry, columns=list(inputs.GEOMETRY)),
                "curves": pd.DataFrame(curves, columns=list(inputs.CURVES)),
                "changes": pd.DataFrame(changes, columns=list(inputs.CHANGES)),
                "change_curves": pd.DataFrame(change_curves, columns=list(inputs.CURVES)),
                "walk_maps": pd.DataFrame(places, columns=list(inputs.WALK_PLACES)),
            }
        )

    def add_isomers(self, first: str, second: str, shifts: dict[str, float]) -> None:
        """Two isomers at two temperatures, by how much their peaks of Au-Au differ in each source."""
        rows = [
            (first, second, temperature, source, kind, unit, shift, shift - 0.01, shift + 0.01, abs(shift), 0.0, 0.1)
            for temperature in (200.0, 300.0) for source, shift in shifts.items()
            for kind, unit in (("Au-Au", "angstrom"), ("S-Au-S", "degree"))
        ]  # fmt: skip
        self.isomers.append(pd.DataFrame(rows, columns=list(inputs.ISOMERS)))

    def add_relaxations(self, system: str, starts: int = 3) -> None:
        """Starts of a system that go down by the reference, by a potential and by both, and rise again on the thesis's forces."""
        rows, points, series = [], [], []
        ways = (
            ("bfgs", "reference alone", 60, -2.0), ("precon_lbfgs", "reference alone", 50, -2.01),
            ("linear, full", "potential alone", 40, -1.9), ("thesis's forces, full", "potential alone", 40, -1.0),
            ("gfn1-xtb, then bfgs", "cheap level first", 20, -2.0), ("hybrid", "both", 8, -2.02),
        )  # fmt: skip
        for start in range(starts):
            place = (system, f"{system}_test", 5 * start)
            for method, uses, calls, end in ways:
                alone, thesis = uses == "potential alone", method.startswith("thesis")
                rows.append((*place, method, uses, "rising" if thesis else "converged", end, end / -2, 0.25 if alone and thesis else "",
                             0 if alone else calls, 1.5 * calls, calls if alone else 0, 2.0))  # fmt: skip
                along = np.linspace(0, end, calls)
                along[-1] += 0.25 * thesis
                points += [(*place, method, uses, call, energy) for call, energy in enumerate(along)]
            series.append((*place, 60 if not start else 10, -2.0))
        columns = (inputs.RELAXATIONS, inputs.TRACES, inputs.SERIES)
        for kind, told, names in zip(("relaxations", "traces", "series"), (rows, points, series), columns, strict=True):
            self.relaxed.setdefault(kind, []).append(pd.DataFrame(told, columns=list(names)))
        rings = [(4, seed, stage, "converged", -5.0 + 0.1 * (stage == "hybrid"), 3.0 - 6 * (stage == "hybrid"), stage == "hybrid", 30)
                 for seed in range(2) for stage in ("reference", "potential", "hybrid")]  # fmt: skip
        self.relaxed.setdefault("rings", []).append(pd.DataFrame(rings, columns=list(inputs.RINGS)))
        pulled = [(system, "end", "potential", 0.05, "stalled", 0.93, 0.4, 151)]
        self.relaxed.setdefault("stretched", []).append(pd.DataFrame(pulled, columns=list(inputs.STRETCHED)))

    def dataset(self) -> xr.Dataset:
        """Images of every bond, in the layout of the `elf` room."""
        lengths = self.bonds["bond_length_angstrom"].to_numpy()
        elf = np.stack([elf_image(length) for length in lengths]) if len(lengths) else np.zeros((0, 40, 40), "float32")
        text = {name: ("image", self.bonds[name].to_numpy(dtype=str)) for name in ("structure", "frame", "bond")}
        return xr.Dataset(
            {"elf": (("image", "y", "x"), elf), "bond_length_angstrom": ("image", lengths),
             "weight": ("image", self.bonds["weight"].to_numpy(dtype=float)), **text},
            coords={"image": self.bonds["image"].to_numpy(dtype=str),
                    "third_atom": ("image", self.bonds["third_atom"].to_numpy(dtype=int)),
                    "third_element": ("image", np.full(len(lengths), "H"))},
        )  # fmt: skip

    def forget_the_ruler(self) -> None:
        """Leave nothing but potentials and the scorecard: such a report is made sooner."""
        for name in ("predictions", "history", "failures", "dropped", "bonds"):
            setattr(self, name, getattr(self, name).iloc[:0])
        self.frames = []

    def write(self) -> dict[str, Any]:
        """Write the inputs; returns what `ReportFiles` calls them."""
        source = self.folder / "inputs"
        write_table(source / "predictions.csv", self.predictions, inputs.PREDICTIONS)
        write_table(source / "history.csv", self.history, inputs.HISTORY)
        write_table(source / "failures.csv", self.failures, inputs.FAILURES)
        write_table(source / "dropped.csv", self.dropped, inputs.DROPPED)
        write_scorecard(source / "ruler.csv", self.scorecard)
        write_table(source / "empty.csv", [], COLUMNS)
        write_frames(source / "frames.extxyz", self.frames)
        write_frames(source / "none.extxyz", [])
        write_dataset(source / "images.nc", self.dataset())
        paths: dict[str, Any] = {
            name: source / f"{name}.csv" for name in ("predictions", "history", "failures", "dropped")
        }
        paths |= {"scorecards": [source / "ruler.csv", source / "empty.csv"], "images": source / "images.nc",
                  "frames": [source / "frames.extxyz", source / "none.extxyz"]}  # fmt: skip
        write_table(source / "recommended.csv", self.winners, inputs.RECOMMENDED)
        kinds = ("geometry", "curves", "changes", "change_curves", "walk_maps", "isomers")
        walked: dict[str, list[Path]] = {kind: [] for kind in kinds}
        for place, table in enumerate(self.isomers):
            walked["isomers"].append(source / f"isomers_{place}.csv")
            write_table(walked["isomers"][-1], table, list(table.columns))
        for place, tables in enumerate(self.walks):
            for kind, table in tables.items():
                walked[kind].append(source / f"walk_{place}_{kind}.csv")
                write_table(walked[kind][-1], table, list(table.columns))
        relaxed: dict[str, list[Path]] = {}
        for kind, found in self.relaxed.items():
            for place, table in enumerate(found):
                relaxed.setdefault(kind, []).append(source / f"place_{place}" / f"{kind}.csv")
                write_table(relaxed[kind][-1], table, list(table.columns))
        return paths | walked | relaxed | {"recommended": source / "recommended.csv"} | self.write_potentials()

    def write_potentials(self) -> dict[str, list[Path]]:
        """Write the tables of the potentials, a folder for each system."""
        paths: dict[str, list[Path]] = {"energies": [], "forces": [], "maps": []}
        for system, tables in self.potentials.items():
            for kind, table in tables.items():
                paths[kind].append(self.folder / "inputs" / system / f"{kind}.csv")
                write_table(paths[kind][-1], table, list(table.columns))
        return paths

    def build(self, name: str = "report") -> Path:
        """Write the inputs, make the report, return its folder."""
        build_report(
            inputs.ReportFiles(**self.write()),
            configuration=self.configuration,
            folder=self.folder / name,
            archive=self.folder / f"{name}.zip",
            study=self.name,
        )
        return self.folder / name


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of three structures, one of them with a hostile name."""
    return Study(tmp_path)


@pytest.fixture
def study_of(tmp_path: Path) -> Callable[..., Study]:
    """Make a study of other structures."""
    return lambda *structures: Study(tmp_path, structures)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study and its report, made once, for tests that only read."""
    study = Study(tmp_path_factory.mktemp("finished"))
    study.add_potential(
        "ring", {"linear, energies and forces": 0.1, "emlm on MBTR, second parameters": 0.8, WICKED: 0.4, "mean": 1.0}
    )
    study.winners = pd.DataFrame(
        [("ring", "energies along a run", "1", "linear, energies and forces", 0.1, "emlm on MBTR, second parameters", 0.8, 2, 2),
         ("ring", "energy of one moved block", "eV", "linear, energies and forces", 0.002, "", np.nan, np.nan, 2)],
        columns=list(inputs.RECOMMENDED),
    )  # fmt: skip
    study.add_walk("ring_test", {"linear, energies and forces": 0.004, "emlm on MBTR, second parameters": 0.06})
    study.add_walk(WICKED, {"linear, energies and forces": -0.02})
    study.add_isomers(
        "<i>q", WICKED, {"dynamics": 0.02, "linear, energies and forces": 0.03, "emlm on MBTR, second parameters": 0.1}
    )
    study.add_potential("<b>two", {"linear, energies and forces": 0.3, "mean": 1.0}, tests=1, coverage=False)
    return study, study.build()
