"""How large each job of a study is, known before it runs: a number in proportion to its work, as the settings tell.

The unit is the rule's own; only ratios within a rule mean anything. Two kinds of jobs of one rule whose cost cannot be compared by size
(such as contenders, or levels of theory) are variants of it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from auric import study
from auric.errors import AuricError
from auric.jobs import Job
from auric.provenance import block_of
from auric.structures.table import Row, frame_names

if TYPE_CHECKING:
    from ase import Atoms

FIELD_POWER = 2.5
"""A self-consistent field takes about so high a power of the electrons, at the sizes met here."""
OPEN_SHELL = 6.0
"""A field with unpaired electrons takes twice as long for a cycle, and two to four times as many of them."""
RELAXATION_STEPS = 60
"""Typical steps of a relaxation at GFN1-xTB."""
LEVEL_STEPS = 12
"""Typical steps of a relaxation at a better level, by way of GFN1-xTB."""
CORE_ELECTRONS = ((72, 60), (37, 28))
"""From which atomic number on how many electrons are in an effective core."""


class Extent(NamedTuple):
    """What of a structure makes work: numbers of atoms, of electrons outside effective cores, of bonds that are read, and its box
    (edges of the box around all atoms, angstrom).
    """

    atoms: int
    electrons: int
    bonds: int
    box_angstrom: tuple[float, float, float]


class Sized(NamedTuple):
    """A job's kind within its rule, and its size; None where the structure that decides it is not at hand."""

    variant: str
    size: float | None


class Sizes:
    """Sizes of the jobs of a study.

    Args:
        settings: The study's, complete.
        root: The repository; its working folder is the process's.

    Raises:
        InputError: If a table that the study names is wrong.
    """

    def __init__(self, settings: Mapping[str, Any], root: Path) -> None:
        self.all, self.root = settings, root
        self.rows = study.structures(settings, root)
        self.by_block = study.rows_by_block(settings, self.rows)
        self.runs = study.runs(settings, root)
        self.variants = study.variants(settings, root)
        self.candidates = study.candidates(settings, root)
        self.experiments = study.experiments(settings)
        self.run_of_name = {run["name"]: run for runs in self.runs.values() for run in runs}
        self._extents: dict[tuple[str, str], Extent | None] = {}
        self._given: dict[str, tuple[int, int]] = {}

    def of(self, job: Job) -> Sized:
        """Variant and size of a job."""
        variant = VARIANTS[job.rule](self, job.wildcards) if job.rule in VARIANTS else ""
        size = SIZES.get(job.rule)
        try:
            number = None if size is None else float(size(self, job.wildcards))
        except (_UnknownError, AuricError, OSError, KeyError, ValueError):
            number = None
        return Sized(variant, number if number is not None and math.isfinite(number) and number > 0 else None)

    def level(self, engine: str | None = None) -> str:
        """Level of theory in one line; what decides how long a single point takes."""
        engine = engine or self.all["reference"]["engine"]
        if engine == "gfn1-xtb":
            return engine
        wanted = self.all["reference"]["gth" if engine == "pyscf-gth" else "gto"]
        fineness = wanted.get("cutoff_hartree", wanted.get("grid_level", ""))
        basis = wanted["basis"] if isinstance(wanted["basis"], str) else wanted["basis"].get("default", "mixed")
        forces = " forces" if wanted.get("forces") else ""
        return f"{engine} {wanted['xc']} {basis} {fineness}{forces}".replace("\t", " ")

    def extent(self, builder: str, recipe: str) -> Extent:
        """Extent of what a recipe makes; nothing is downloaded for it."""
        key = (builder, recipe)
        if key not in self._extents:
            self._extents[key] = self._look(builder, recipe)
        found = self._extents[key]
        if found is None:
            raise _UnknownError
        return found

    def _look(self, builder: str, recipe: str) -> Extent | None:
        from auric.structures.manifest import mirror_folder
        from auric.structures.recipes import Places, build_recipe

        row = Row(name="", builder=builder, recipe=recipe, charge=0, multiplicity=1, frames=None, error="")
        try:
            if study.at_hand(self.all, [row], self.root)[0][1].startswith(("to be", "not in", "missing", "you must")):
                return None
            mirror = mirror_folder(self.all["structures"]["mirror"] or None)
            return self._measured(build_recipe(builder, recipe, Places(self.root / "resources", mirror, study.CACHE)))
        except (AuricError, OSError):
            return None

    def _measured(self, atoms: "Atoms") -> Extent:
        from auric.structures.bonds import BondRule

        bonds = len(BondRule(**self.all["structures"]["bond"]).bonds(atoms))
        cores = sum(next((core for least, core in CORE_ELECTRONS if number >= least), 0) for number in atoms.numbers)
        edges = tuple(float(edge) for edge in atoms.positions.max(axis=0) - atoms.positions.min(axis=0))
        return Extent(len(atoms), int(atoms.numbers.sum()) - cores, bonds, (edges[0], edges[1], edges[2]))

    @cached_property
    def bundled(self) -> dict[str, Extent]:
        """Extents of the structures of the bundle, where the study is on one."""
        from auric.elf.bundle import unrattled

        bundle = self.all["structures"]["bundle"]
        return {name: self._measured(atoms) for name, atoms in unrattled(bundle).items()} if bundle else {}

    def row(self, structure: str) -> Row:
        """The row of a structure."""
        return next(row for row in self.rows if row["name"] == structure)

    def of_row(self, row: Mapping[str, Any]) -> Extent:
        """Extent of a row of a table of structures or of runs."""
        if row["error"]:
            return Extent(0, 0, 0, (0.0, 0.0, 0.0))
        if row.get("settings", {}).get("ensemble") == "given":
            return Extent(self.frames_given(row["recipe"])[1], 0, 0, (0.0, 0.0, 0.0))
        return self.extent(row["builder"], row["recipe"])

    def frames_given(self, recipe: str) -> tuple[int, int]:
        """Numbers of frames in a file made elsewhere, judged by the length of the first, and of atoms in each."""
        if recipe not in self._given:
            from auric.reference.elsewhere import given_file
            from auric.structures.manifest import mirror_folder

            path = given_file(recipe, mirror_folder(self.all["structures"]["mirror"] or None))
            with path.open("rb") as file:
                atoms = int(file.readline(100))
                for _ in range(atoms + 1):
                    file.readline(10_000)
                self._given[recipe] = (round(path.stat().st_size / file.tell()), atoms)
        return self._given[recipe]

    def frames_of_run(self, run: Mapping[str, Any]) -> float:
        """Frames that a run of dynamics gives."""
        if run["error"]:
            return 0
        wanted = run["settings"]
        if wanted.get("ensemble") == "given":
            return self.frames_given(run["recipe"])[0]
        return float(wanted["steps"] / max(1, wanted["every"]))

    def learned(self, system: str, role: str = "train", power: float = 1.0) -> float:
        """Frames of a system's runs in a role, each times a power of its atoms."""
        most = self.all["potential"]["sample"]["frames"] if role == "train" else None
        runs = [run for run in self.runs[system] if run["role"] == role]
        frames = [min(self.frames_of_run(run), most or math.inf) for run in runs]
        return float(sum(count * self.of_row(run).atoms ** power for count, run in zip(frames, runs, strict=True)))

    def frames(self, s: str, f: str | None = None) -> list[tuple[Extent, int]]:
        """Structures of a block, and how many frames of each fall into a block of frames (or all of them)."""
        found = []
        for row in self.by_block.get(s, []):
            names = frame_names(row, self.all["reference"]["frames"]["count"])
            blocks = self.all["reference"]["frame_blocks"]
            mine = [name for name in names if f is None or f"{block_of(name, blocks):03d}" == f]
            if mine and not row["error"]:
                found.append((self.of_row(row), len(mine)))
        return found

    @cached_property
    def images(self) -> float:
        """Images of the study."""
        if self.all["structures"]["bundle"]:
            return Path(self.all["structures"]["bundle"]).stat().st_size / 25_000
        pairs = [pair for s in study.blocks(self.all, self.rows) for pair in self.frames(s)]
        return sum(extent.bonds * count for extent, count in pairs) * float(self.all["elf"]["planes"])

    def network(self, changes: Mapping[str, Any] | None = None) -> float:
        """Multiplications that one image takes in a network, in an arbitrary unit."""
        wanted = {"pixels": self.all["elf"]["pixels"]} | self.all["ruler"]["network"] | (changes or {})
        side, before, work = float(wanted["pixels"]), 1, 0.0
        for channels in wanted["channels"]:
            work += side**2 * (before * wanted["kernel"] ** 2 + 10) * channels
            side, before = max(1.0, side / 2), channels
        return work

    def trained(self, changes: Mapping[str, Any] | None = None) -> float:
        """Work of one training of a network."""
        epochs = (changes or {}).get("epochs", self.all["ruler"]["network"]["epochs"])
        return self.images * self.network(changes) * float(epochs)


class _UnknownError(Exception):
    """The structure that decides a size is not at hand."""


Wildcards = Mapping[str, str]
Measure = Callable[[Sizes, Wildcards], float]


def _labels(sizes: Sizes, wildcards: Wildcards) -> float:
    return float(
        sum(count * extent.electrons**FIELD_POWER for extent, count in sizes.frames(wildcards["s"], wildcards["f"]))
    )


def _structures(sizes: Sizes, wildcards: Wildcards) -> float:
    return len(sizes.by_block.get(wildcards["s"], []))


def _frames(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["reference"]["frames"]
    relaxation = RELAXATION_STEPS * bool(wanted["relax"])
    steps = wanted["equilibration_steps"], wanted["interval_steps"]
    return float(
        sum(
            (relaxation + steps[0] * (count > 1) + steps[1] * (count - 1)) * extent.atoms**2
            for extent, count in sizes.frames(wildcards["s"])
        )
    )


def _images(sizes: Sizes, wildcards: Wildcards) -> float:
    points = sizes.all["elf"]["planes"] * sizes.all["elf"]["pixels"] ** 2
    pairs = sizes.frames(wildcards["s"], wildcards["f"])
    return float(sum(count * extent.bonds * points * extent.electrons**1.5 for extent, count in pairs))


def _grid(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["elf"]["grid"]
    extent = sizes.of_row(sizes.row(wildcards["structure"]))
    edges = [edge + 2 * wanted["margin_angstrom"] for edge in extent.box_angstrom]
    return float(math.prod(edges) / wanted["spacing_angstrom"] ** 3 * extent.electrons**1.5)


def _relabel(sizes: Sizes, wildcards: Wildcards) -> float:
    run = sizes.run_of_name[wildcards["run"]]
    electrons = sizes.extent(run["builder"], run["recipe"]).electrons
    return float(sizes.frames_of_run(run) / sizes.all["potential"]["correction"]["every"] * electrons**FIELD_POWER)


def _dynamics(sizes: Sizes, wildcards: Wildcards) -> float:
    run = sizes.run_of_name[wildcards["run"]]
    if run["settings"].get("ensemble") == "given":
        return math.prod(sizes.frames_given(run["recipe"]))
    return float(
        (run["settings"]["equilibration_steps"] + run["settings"]["steps"]) * max(1, sizes.of_row(run).atoms) ** 2
    )


def _trial_moves(sizes: Sizes, wildcards: Wildcards) -> float:
    return float(
        sizes.all["potential"]["moves"]["trials"] * sizes.of_row(sizes.run_of_name[wildcards["run"]]).atoms ** 2
    )


def _energies(sizes: Sizes, wildcards: Wildcards) -> float:
    split = sizes.all["potential"]["random_split"]
    twice = split if isinstance(split, bool) else wildcards["contender"] in split
    trained = sizes.learned(wildcards["system"])
    return trained * (1 + twice) + sizes.learned(wildcards["system"], "test")


def _forces(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["potential"]
    references = wanted["forces"]["norm_references"] + wanted["forces"]["direction_references"]
    tested = sizes.learned(wildcards["system"], "test") / wanted["test_every"]
    return float(tested * references * float(1 + wanted["forces"]["rotations"]) + sizes.learned(wildcards["system"]))


def _scan(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["potential"]["scan"]
    sets = math.prod(len(wanted[key]) for key in ("n_max", "cutoff_angstrom", "sigma_angstrom")) / wanted["blocks"]
    return float(sets * len(wanted["l_max"]) * _scanned(sizes, wildcards["system"]) * wanted["references"])


def _choice(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["potential"]["scan"]
    models = wanted["best"] * len(wanted["targets"]) * len(wanted["losses"]) * len(wanted["sigma_2_angstrom"])
    return float(models * _scanned(sizes, wildcards["system"]) * wanted["references"])


def _scanned(sizes: Sizes, system: str) -> float:
    """Atoms that a scan learns from: those of all runs, or of as many frames as it takes."""
    runs = [run for run in sizes.runs[system] if run["role"] == "train"]
    count = sum(map(sizes.frames_of_run, runs))
    return float(sizes.learned(system) * min(1.0, 2 * sizes.all["potential"]["scan"]["frames"] / max(1.0, count)))


def _walked(sizes: Sizes, wildcards: Wildcards, power: float = 2.0) -> float:
    wanted = sizes.all["sampling"]
    steps = wanted["walk"]["steps"] + wanted["walk"]["equilibration_steps"]
    atoms = sizes.of_row(sizes.run_of_name[wildcards["run"]]).atoms
    return float(wanted["chains"] * (1 + len(wanted["ladder"])) * steps * atoms**power)


def _walks(sizes: Sizes, wildcards: Wildcards) -> float:
    runs = [run for runs in sizes.runs.values() for run in runs if run["role"] == "test"]
    return sum(_walked(sizes, {"run": run["name"]}, 1.0) for run in runs)


def _reweighted(sizes: Sizes, wildcards: Wildcards) -> float:
    run = sizes.run_of_name[wildcards["run"]]
    electrons = sizes.extent(run["builder"], run["recipe"]).electrons
    return float(sizes.all["sampling"]["reweight"]["frames"] * electrons**FIELD_POWER)


def _expansion(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["sampling"]["expansion"]
    steps = wanted["walk"]["steps"] + wanted["walk"]["equilibration_steps"]
    atoms = max(sizes.of_row(run).atoms for run in sizes.runs[wildcards["system"]])
    return float((len(wanted["temperatures_k"]) * wanted["chains"] * steps + 20 * wanted["labels"]) * atoms**2)


def _started(sizes: Sizes, runs: Iterable[Mapping[str, Any]]) -> float:
    """Steps that relaxations from frames of runs take, each by the square of the atoms."""
    return float(
        sum(sizes.all["relaxation"]["starts"] * RELAXATION_STEPS * sizes.of_row(run).atoms ** 2 for run in runs)
    )


def _relaxed(sizes: Sizes, wildcards: Wildcards) -> float:
    return _started(sizes, [sizes.run_of_name[wildcards["run"]]])


def _series(sizes: Sizes, wildcards: Wildcards) -> float:
    return _started(sizes, [run for run in sizes.runs[wildcards["system"]] if run["role"] == "test"])


def _bettered(sizes: Sizes, wildcards: Wildcards) -> float:
    run = sizes.run_of_name[wildcards["run"]]
    electrons = sizes.extent(run["builder"], run["recipe"]).electrons
    return float(sizes.all["relaxation"]["starts"] * electrons**FIELD_POWER)


def _rings(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["relaxation"]
    return float(sum(wanted["starts"] * RELAXATION_STEPS * (6 * n) ** 2 for n in wanted["ring_sizes"]))


def _stretched(sizes: Sizes, wildcards: Wildcards) -> float:
    run = next(run for run in sizes.runs[wildcards["system"]] if run["structure"] == wildcards["structure"])
    return float((2 + len(sizes.all["relaxation"]["max_steps_angstrom"])) * sizes.of_row(run).atoms ** 2)


def _perturbed(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted, structure = sizes.all["ruler"]["perturb"], wildcards["structure"]
    extent = sizes.bundled[structure] if sizes.bundled else sizes.of_row(sizes.row(structure))
    lowest = 1 + extent.electrons % 2
    points = (1 + 2 * 3 * wanted["field_bonds"] * len(wanted["fields_au"])) * _shells(lowest)
    points += sum(_shells(1 + (extent.electrons + added) % 2) for added in wanted["charges"])
    points += _tried(wanted["oxygen_multiplicities"]) if wanted["oxygen_angstrom"] else 0
    return float(points * extent.electrons**FIELD_POWER)


def _distorted(sizes: Sizes, wildcards: Wildcards) -> float:
    rows = study.distortions(sizes.all)
    row = rows[wildcards["structure"]]
    made = rows[row["parent"]] if row["builder"] == "adsorbed" else row
    spins = row["multiplicities"]
    points = _tried(spins) + min(row["level_steps"], LEVEL_STEPS) * _shells(min(spins))
    return float(points * sizes.extent(made["builder"], made["recipe"]).electrons ** FIELD_POWER)


def _shells(multiplicity: int) -> float:
    """What a single point costs, in those of a closed shell."""
    return OPEN_SHELL if multiplicity > 1 else 1.0


def _tried(multiplicities: Sequence[int]) -> float:
    """The same for all multiplicities that parity allows, whichever that is."""
    return max(sum(_shells(spin) for spin in multiplicities if spin % 2 == parity) for parity in (0, 1))


def _candidate(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["microscopy"]
    atoms = sizes.of_row(sizes.candidates[wildcards["candidate"]]).atoms
    return float(wanted["directions"] * (wanted["images"]["pixels"] ** 2 + 50 * atoms))


def _matched(sizes: Sizes, particles: float) -> float:
    """Comparisons of particles with all images of all candidates, by their pixels."""
    wanted = sizes.all["microscopy"]
    compared = len(wanted["compared"] or sizes.candidates)
    return float(
        particles * wanted["directions"] * wanted["rotations"] * compared * wanted["images"]["pixels"] ** 2
    ) * len(wanted["measures"])


def _match(sizes: Sizes, wildcards: Wildcards) -> float:
    return _matched(sizes, sizes.experiments[wildcards["experiment"]]["particles"])


def _calibrated(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["microscopy"]
    conditions = len(wanted["calibration"]["doses"]) + len(wanted["calibration"]["underfocus_angstrom"]) - 1
    cases = wanted["calibration"]["cases"] * len(wanted["compared"] or sizes.candidates)
    return _matched(sizes, cases * conditions)


def _predicted(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["synthesis"]
    sets = 1 if wildcards["data"] in wanted["records"] else wanted["simulated"][wildcards["data"]]
    folds = wanted["folds"] if wildcards["holdout"] == "folds" else 10
    trials = 1 if wildcards["tuning"] == "defaults" else 1 + wanted["tuning"]["trials"]
    steps = wanted["network"]["steps"] if wildcards["learner"].endswith("nn") else 300
    return float(sets * folds * wanted["repeats"] * trials * steps)


def _explained(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["synthesis"]
    asked = wanted["map"]["points"] ** 2 + wanted["map"]["levels"] ** 5 + wanted["surrogate"]["examples"]
    return float(asked + 30 * wanted["network"]["steps"])


def _encoded(sizes: Sizes) -> float:
    """Work of one pass of the core encoder over the bare clusters."""
    wanted = sizes.all["matching"]
    encoder = wanted["encoder"]
    clusters = 6 * wanted["model_clusters"] if not wanted["clusters"] else 3000
    return float(clusters * wanted["pretraining"]["epochs"] * encoder["layers"] * encoder["width"] * encoder["radial"])


def _formation(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["matching"]["formation"]
    return _encoded(sizes) * float(len(wanted["encoders"]) * wanted["folds"] * len(wanted["splits"]))


def _ligand_encoder(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["matching"]["ligand_encoder"]
    return float((wanted["ligands"] or 10_000) * wanted["epochs"] * wanted["layers"] * wanted["width"])


def _folds(sizes: Sizes, wildcards: Wildcards) -> float:
    wanted = sizes.all["matching"]
    return float(wanted["folds"] * wanted["seeds"] * len(wanted["subjects"]) * wanted["training"]["epochs"])


def _setting(*path: str, times: Measure = lambda sizes, wildcards: 1.0) -> Measure:
    """A setting (a number, or a list whose length counts), times another measure."""

    def size(sizes: Sizes, wildcards: Wildcards) -> float:
        value: Any = sizes.all
        for key in path:
            value = value[key]
        return float(value if isinstance(value, int | float) else len(value)) * times(sizes, wildcards)

    return size


_ensemble = _setting("matching", "seeds", times=_setting("matching", "training", "epochs"))
"""Work of training the members that are kept."""


def _one(sizes: Sizes, wildcards: Wildcards) -> float:
    return 1.0


def _pictures(sizes: Sizes, wildcards: Wildcards) -> float:
    return sizes.images * float(sizes.all["elf"]["pixels"]) ** 2


def _learned(sizes: Sizes, wildcards: Wildcards) -> float:
    return sizes.learned(wildcards["system"])


def _charted(sizes: Sizes, wildcards: Wildcards) -> float:
    return sizes.learned(wildcards["system"]) + sizes.learned(wildcards["system"], "test")


def _trained(sizes: Sizes, wildcards: Wildcards) -> float:
    return sizes.trained(sizes.variants[wildcards["variant"]] if "variant" in wildcards else None)


SIZES: dict[str, Measure] = {
    "structures": _structures, "frames": _frames, "labels": _labels, "relabel": _relabel, "images": _images, "grid": _grid,
    "unpack": _pictures, "dynamics": _dynamics, "trial_moves": _trial_moves, "potential": _learned, "emlm": _learned,
    "potential_energies": _energies, "potential_forces": _forces, "soap_scan": _scan, "soap_choice": _choice,
    "descriptor_map": _charted, "potential_correction": _charted, "potential_corrected": _one, "potential_scorecard": _setting("potential", "contenders"),
    "walk": _walked, "walk_geometry": partial(_walked, power=1.0), "walk_map": partial(_walked, power=1.0),
    "walk_isomers": _walks, "walk_reweighted": _reweighted, "sampling_scorecard": _one, "expansion_round": _expansion,
    "expanded": _learned, "relax_run": _relaxed, "relax_series": _series, "relax_way": _bettered, "relax_better": _setting("relaxation", "starts"), "relax_rings": _rings,
    "relax_stretched": _stretched, "relax_directed": _learned, "relaxation_scorecard": _one, "ruler_images": _pictures,
    "ruler_fold": _trained, "ruler_twin": _trained, "ruler_final": _trained, "ruler_variant": _trained,
    "ruler_validate": _setting("ruler", "splits", times=lambda sizes, wildcards: sizes.images),
    "ruler_set": _setting("ruler", "folds", times=_pictures), "ruler_valence": _setting("ruler", "folds", times=_pictures),
    "ruler_seen": _setting("ruler", "seeing", "images", times=lambda sizes, wildcards: sizes.network()),
    "ruler_variants": lambda sizes, wildcards: len(sizes.variants), "ruler_mask": _setting("ruler", "folds", times=_pictures),
    "ruler_masks": _setting("ruler", "masks"), "ruler_bonding": _setting("ruler", "folds", times=_pictures),
    "ruler_distortions": _setting("ruler", "distortions", times=_pictures), "perturbed": _perturbed, "distorted": _distorted,
    "measure": _one, "tem_library": _candidate, "tem_particles": _setting("microscopy", "images", "pixels"), "tem_match": _match,
    "tem_calibration": _calibrated, "tem_answer": _one, "microscopy_scorecard": _one, "synthesis_predict": _predicted,
    "synthesis_explain": _explained, "synthesis_scorecard": _setting("synthesis", "bootstrap_samples"), "matching_pairs": _one,
    "matching_clusters": _setting("matching", "model_clusters"), "matching_formation": _formation,
    "matching_bare": lambda sizes, wildcards: _encoded(sizes), "matching_core_encoder": lambda sizes, wildcards: _encoded(sizes), "matching_ligand_encoder": _ligand_encoder,
    "matching_folds": _folds, "matching_summary": _setting("matching", "bootstrap_samples"),
    "matching_matcher": _ensemble, "matching_told": _ensemble,
    "failures": _one, "report": _one, "reference_scorecard": _one, "elf_scorecard": _one,
}  # fmt: skip
"""For each rule the size of a job."""


def _by(*names: str) -> Callable[[Sizes, Wildcards], str]:
    """The variant is told by wildcards."""
    return lambda sizes, wildcards: " ".join(wildcards[name] for name in names)


def _by_level(sizes: Sizes, wildcards: Wildcards) -> str:
    return sizes.level()


def _by_origin(sizes: Sizes, wildcards: Wildcards) -> str:
    return "given" if sizes.run_of_name[wildcards["run"]]["settings"].get("ensemble") == "given" else ""


VARIANTS: dict[str, Callable[[Sizes, Wildcards], str]] = {
    **dict.fromkeys(("labels", "relabel", "perturbed", "distorted", "walk_reweighted", "relax_way"), _by_level),
    "dynamics": _by_origin, "potential": _by("learned"), "potential_energies": _by("contender"), "walk": _by("walker"),
    "expansion_round": _by("walker"), "expanded": _by("walker"), "synthesis_predict": _by("learner", "holdout"),
    "synthesis_explain": _by("learner"),
}  # fmt: skip
"""Rules whose jobs are of several kinds, and what tells them apart."""


def sizes_of(jobs: Sequence[Job], settings: Mapping[str, Any], root: Path) -> list[Sized]:
    """Variants and sizes of jobs of one study.

    Raises:
        InputError: If a table that the study names is wrong.
    """
    sizes = Sizes(settings, root)
    return [sizes.of(job) for job in jobs]
