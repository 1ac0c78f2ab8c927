"""One study as the workflow sees it: its configuration, its table of structures, and how they fall into blocks."""

import csv
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auric.configuration import load_configuration
from auric.errors import AuricError, InputError
from auric.provenance import block_of
from auric.structures.table import Row, file_of, frame_names, read_structures_table

if TYPE_CHECKING:
    from auric.ruler.masks import Mask

__all__ = ["AuricError", "blocks", "closing_words", "failing_words", "load", "rows_by_block", "structures"]

CONFIGURATION = "config/config.yaml"
MANIFEST = "resources/manifest.tsv"
CACHE = Path("results/external")
SHARED = ("store", "external", "benchmarks")
"""Folders of results that are no study's; the schema refuses their names."""
CONFIGURATION_SCHEMA = "workflow/schemas/config.schema.yaml"
STRUCTURES_SCHEMA = "workflow/schemas/structures.schema.yaml"
VARIANTS_SCHEMA = "workflow/schemas/variants.schema.yaml"
RUNS_BESIDE = 5
"""Columns of the table of potentials' errors, so that it fits a terminal."""


def load(command_line: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Read the study named on the command line (`--config study=NAME`), or the user's own.

    Args:
        command_line: Snakemake's `config`, which must hold nothing but `study`: studies are whole and never merged.
        root: The repository.

    Raises:
        InputError: If the study does not exist, its configuration is wrong, masks are, or its results cannot be written.
    """
    others = sorted(set(command_line) - {"study"})
    if others:
        raise InputError(
            f"'{others[0]}' was given by --config or --configfile, but studies are whole and never merged; "
            "put all settings in config/studies/NAME.yaml and use --config study=NAME"
        )
    name = command_line.get("study")
    if name is not None and not re.fullmatch("[a-z][a-z0-9_-]{0,31}", str(name)):
        raise InputError(
            f"--config study={str(name)[:40]}: not a study's name; use lower-case letters, digits, - and _"
        )
    path = root / (CONFIGURATION if name is None else f"config/studies/{name}.yaml")
    if not (root / "config").is_dir():
        raise InputError(
            f"{root}: there is no folder config in it; studies need a checkout of auric, so run this in one"
        )
    if not path.is_file():
        known = sorted(file.stem for file in (root / "config/studies").glob("*.yaml"))
        raise InputError(
            f"there is no study '{name}'; choose from {', '.join(known)}, or leave it out for {CONFIGURATION}"
        )
    _find_package_in_jobs(root / "src")
    settings = load_configuration(path, root / CONFIGURATION_SCHEMA)
    if name is not None and settings["study"] != name:
        raise InputError(
            f"{path}: the file is named {name} but says 'study: {settings['study']}', whose results it would overwrite; "
            f"write 'study: {name}'"
        )
    masks(settings)
    for folder in ("", settings["study"], "store"):
        _check_writable(Path(settings["results"]) / folder)
    return settings


def masks(settings: Mapping[str, Any]) -> dict[str, "Mask"]:
    """Masks of a study by name: none first, that of the valence ruler last.

    Raises:
        InputError: If one cannot be used, two have one name, or there is no split in which readings through them could be validated.
    """
    from auric.ruler.masks import masks_of

    ruler, bond = settings["ruler"], settings["structures"]["bond"]
    if ruler["masks"] and set(ruler["splits"]) == {"leaky"}:
        raise InputError(
            "ruler.masks: readings through masks are not validated in the split 'leaky'; add image, bond or structure to ruler.splits"
        )
    return masks_of(ruler, (bond["left"], bond["right"]))


def structures(settings: Mapping[str, Any], root: Path) -> list[Row]:
    """Rows of the study's table of structures; files in it are relative to the working directory.

    A study on a bundle of images has none, nor has one without a table, which has no images and no ruler.
    """
    bundle, table = settings["structures"]["bundle"], settings["structures"]["table"]
    wanted = {
        "elf.grid.structures": settings["elf"]["grid"]["structures"],
        "ruler.measure.structures": settings["ruler"]["measure"]["structures"],
        "ruler.perturb.structures": settings["ruler"]["perturb"]["structures"],
    }
    if bundle:
        for key in ("elf.grid.structures", "ruler.measure.structures"):
            if wanted[key]:
                raise InputError(f"{key} needs frames of the study's own, and one on a bundle has none; leave it empty")
        if not Path(bundle).is_file():
            raise InputError(f"structures.bundle: there is no file {bundle}; give a bundle that `auric pack` wrote")
        if perturbed := wanted["ruler.perturb.structures"]:
            from auric.elf.bundle import unrattled  # not before it is needed: it loads much

            _choose("ruler.perturb.structures", perturbed, unrattled(bundle))
        return []
    others = [settings["potential"]["systems"], settings["potential"]["correction"]["systems"]]
    others += [settings["matching"]["reported"], settings["matching"]["structures"]]
    others += [settings["synthesis"]["records"], any(settings["synthesis"]["simulated"].values())]
    others += [settings["microscopy"]["experiments"]]
    if not table and not any(others):
        raise InputError(
            "structures.table, potential.systems, microscopy, synthesis and matching are all empty: there is nothing to do; name one"
        )
    rows = read_structures_table(table, root / STRUCTURES_SCHEMA) if table else []
    good = {row["name"] for row in rows if not row["error"]}
    for key, names in wanted.items():
        _choose(key, names, good)
    ruler = settings["ruler"]
    if table and ruler["masks"] and len(good) < 2 and set(ruler["splits"]) <= {"structure", "leaky"}:
        raise InputError(
            "ruler.masks: one structure cannot be left out, so readings through masks are validated nowhere; "
            "add bond to ruler.splits, or another structure"
        )
    return rows


def _choose(key: str, names: Sequence[str], good: Collection[str]) -> None:
    for name in names:
        if name not in good:
            raise InputError(f"{key}: there is no good structure '{name}'; choose from {', '.join(sorted(good))}")


def matched(settings: Mapping[str, Any]) -> bool:
    """Whether a study matches cores and ligands.

    Raises:
        InputError: Settings of matching that need another.
    """
    wanted = settings["matching"]
    gap = wanted["pretraining"]["gap"]
    if gap and not wanted["clusters"]:
        raise InputError(
            "matching.pretraining.gap: built clusters have no gaps; name some in matching.clusters, or set it to false"
        )
    if "colim, pretrained on gaps" in wanted["subjects"] and not gap:
        raise InputError("matching.subjects: 'colim, pretrained on gaps' needs matching.pretraining.gap: true")
    if wanted["ligand_encoder"]["kind"] == "unimol" and not wanted["ligand_encoder"]["weights"]:
        raise InputError("matching.ligand_encoder.weights: name the folder with Uni-Mol's weights, or set kind to own")
    return bool(wanted["reported"] or wanted["structures"])


def variants(settings: Mapping[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Variants of ELFnet that a study explores: their names, and the settings that each changes; none without a table.

    Raises:
        InputError: If the table is wrong, or ruler.seeing wants a split that the study does not make.
    """
    ruler = settings["ruler"]
    if ruler["seeing"]["images"] and ruler["seeing"]["split"] not in ruler["splits"]:
        raise InputError(
            f"ruler.seeing.split: '{ruler['seeing']['split']}' is not among ruler.splits; add it there, or set ruler.seeing.images to 0"
        )
    if not ruler["exploration"]["variants"]:
        return {}
    from auric.ruler.variants import read_variants

    found = read_variants(ruler["exploration"]["variants"], root / VARIANTS_SCHEMA)
    wide = [one.name for one in found if one.changes.get("pixels", 0) > settings["elf"]["pixels"]]
    if wide:
        raise InputError(f"variant '{wide[0]}' asks for more pixels than elf.pixels; images are only averaged down")
    return {one.name: one.changes for one in found}


def distortions(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Structures of `ruler.distortions` by name, complete, parents first; what a parent was learned as holds for what is compared with it.

    Raises:
        InputError: If a name comes twice, a parent is not there or has one itself, or nothing is distorted.
    """
    rows = {row["name"]: row for row in settings["ruler"]["distortions"]}
    key = "ruler.distortions"
    if len({name.casefold() for name in rows}) < len(settings["ruler"]["distortions"]):
        raise InputError(f"{key}: a name is given twice; names must differ, in more than upper and lower case")
    for name, row in rows.items():
        parent = rows.get(row["parent"])
        if row["parent"] and (parent is None or parent["parent"]):
            raise InputError(
                f"{key}, {name}: '{row['parent']}' is no parent; name a structure of this list that has none itself"
            )
        if row["builder"] == "adsorbed" and not row["parent"]:
            raise InputError(f"{key}, {name}: an adsorbed atom needs the parent that it is bound to; name it")
        if row["parent"] and row["learned_as"]:
            raise InputError(f"{key}, {name}: what a structure was learned as is said of its parent; move it there")
        if parent is not None and bool(row["level_steps"]) != bool(parent["level_steps"]):
            raise InputError(
                f"{key}, {name}: one of it and its parent is relaxed by level_steps, the other is not, so that their bonds differ by the "
                "level of theory; give both level_steps, or neither"
            )
    if rows and not any(row["parent"] for row in rows.values()):
        raise InputError(f"{key}: no structure has a parent, so nothing can be compared; give one")
    if rows and not settings["structures"]["bundle"] and not settings["structures"]["table"]:
        raise InputError(f"{key}: the study has no images to learn from; name a table of structures or a bundle")
    complete = {
        name: row | {"learned_as": rows[row["parent"]]["learned_as"]} if row["parent"] else row
        for name, row in rows.items()
    }
    return dict(sorted(complete.items(), key=lambda pair: bool(pair[1]["parent"])))


def blocks(settings: Mapping[str, Any], rows: list[Row]) -> dict[str, list[str]]:
    """Names of the blocks of structures that hold any, and for each the blocks of frames that hold any."""
    if settings["structures"]["bundle"]:
        return {"000": ["000"]}
    found: dict[str, set[str]] = {}
    for row in rows:
        parts = found.setdefault(_block(row["name"], settings["structures"]["blocks"]), set())
        names = frame_names(row, settings["reference"]["frames"]["count"])
        parts |= {_block(name, settings["reference"]["frame_blocks"]) for name in names}
    return {s: sorted(parts) for s, parts in sorted(found.items())}


def rows_by_block(settings: Mapping[str, Any], rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by the block that their names fall into."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(_block(row["name"], settings["structures"]["blocks"]), []).append(row)
    return found


def blocks_of_frame(settings: Mapping[str, Any], structure: str, frame: str) -> dict[str, str]:
    """Both blocks of a frame; a bundle is one of each."""
    if settings["structures"]["bundle"]:
        return {"s": "000", "f": "000"}
    return {
        "s": _block(structure, settings["structures"]["blocks"]),
        "f": _block(frame, settings["reference"]["frame_blocks"]),
    }


def files_of(rows: list[Row]) -> list[str]:
    """Files of rows that exist; a missing one is told by the job, so that other structures go on."""
    return sorted({path for path in map(file_of, rows) if path and _is_plain_file(path)})


def manifest_rows(rows: Sequence[Mapping[str, Any]], root: Path) -> dict[str, str]:
    """The sha256 of what these rows take from the manifest: what is made of them changes with it, not with other entries."""
    from auric.structures.manifest import read_manifest  # not before it is needed: it loads much

    named = [row["recipe"].strip() for row in rows if row["builder"] == "manifest" and not row["error"]]
    entries = read_manifest(root / MANIFEST) if named else {}
    return {name: entries[name].sha256 for name in named if name in entries}


def runs(settings: Mapping[str, Any], root: Path) -> dict[str, list[dict[str, Any]]]:
    """For each of the study's reference sets its runs of dynamics, rows of the table as plain values.

    Those to learn from come first, then those on which a correction is learned, what it should refuse, and what walks stand beside.

    `sources` of a run are digests of what it takes from the manifest, or of the file it is, so that it changes with them.
    """
    correction = settings["potential"]["correction"]
    learned = dict.fromkeys([*settings["potential"]["systems"], *correction["systems"]])
    if twice := [system for system in correction["refuse"] if system in correction["systems"]]:
        raise InputError(f"potential.correction.refuse: '{twice[0]}' is learned from too; name other systems")
    if correction["systems"] and settings["reference"]["engine"] == "gfn1-xtb":
        raise InputError(
            "potential.correction.systems: runs are at gfn1-xtb, and so is reference.engine; name a better one there"
        )
    others = [*settings["sampling"]["walks"], *settings["relaxation"]["elsewhere"]]
    wanted = [*correction["refuse"], *(other["beside"] for other in others)]
    systems = [*learned, *dict.fromkeys(system for system in wanted if system not in learned)]
    if not systems:
        _check_among_potentials(settings)
        return {}
    if settings["structures"]["bundle"]:
        raise InputError("potential needs dynamics, and a study on a bundle has none; leave its systems empty")
    from auric.reference.elsewhere import GIVEN, fingerprint_of_given  # not before they are needed: they load much
    from auric.reference.runs import ROLES, read_runs, reference_set

    table = read_runs(settings["reference"]["dynamics"])
    found: dict[str, list[dict[str, Any]]] = {}
    for system in systems:
        roles = ROLES if system in learned else ()
        rows = [run._asdict() | {"settings": dict(run.settings)} for run in reference_set(table, system, roles)]
        found[system] = [row | {"sources": manifest_rows([row], root)} for row in rows]
        for row in found[system]:
            if not row["error"] and row["settings"]["ensemble"] == GIVEN:
                row["sources"] = {
                    "frames": fingerprint_of_given(row["recipe"], settings["structures"]["mirror"], settings["results"])
                }
    _check_among_potentials(settings)  # last, so that a name that is nowhere is told as such
    return found


def _check_among_potentials(settings: Mapping[str, Any]) -> None:
    """Refuse parts of a study that build on a potential which it does not learn."""
    learned, sampling, relaxation = settings["potential"]["systems"], settings["sampling"], settings["relaxation"]
    walkers = sampling["walkers"]
    if "corrected" in walkers and not sampling["walks"]:
        raise InputError("sampling.walkers: corrected walks nowhere; name walks under sampling.walks, or leave it out")
    if sampling["expansion"]["systems"] and walkers == ["corrected"]:
        raise InputError(
            "sampling.expansion: corrected is not expanded; name linear or emlm under sampling.walkers too"
        )
    reweighted = sampling["reweight"]["walkers"] if sampling["walks"] and sampling["reweight"]["frames"] else []
    for key, names, among, known in (
        ("potential.scan.systems", settings["potential"]["scan"]["systems"], "potential.systems", learned),
        ("sampling.walks", [walk["potential"] for walk in sampling["walks"]], "potential.systems", learned),
        (
            "sampling.walkers: corrected",
            [walk["potential"] for walk in sampling["walks"] if "corrected" in sampling["walkers"]],
            "potential.correction.systems",
            settings["potential"]["correction"]["systems"],
        ),
        ("sampling.reweight.walkers", reweighted, "sampling.walkers", walkers),
        ("sampling.expansion.systems", sampling["expansion"]["systems"], "potential.systems", learned),
        ("relaxation.systems", relaxation["systems"], "potential.systems", learned),
        *(
            (f"relaxation.{key}", relaxation[key], "relaxation.systems", relaxation["systems"])
            for key in ("stretched", "directed", "series")
        ),
        (
            "relaxation.elsewhere",
            [one["potential"] for one in relaxation["elsewhere"]],
            "relaxation.systems",
            relaxation["systems"],
        ),
        (
            "relaxation.better",
            relaxation["better"],
            "potential.correction.systems",
            settings["potential"]["correction"]["systems"],
        ),
    ):
        if absent := [name for name in names if name not in known]:
            raise InputError(f"{key}: '{absent[0]}' is not among {among}; add it there too")
    for key, names in (
        ("sampling.walks", [walk["beside"] for walk in sampling["walks"]]),
        ("relaxation.elsewhere", [*relaxation["systems"], *(one["beside"] for one in relaxation["elsewhere"])]),
    ):
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(
                f"{key}: runs of '{twice[0]}' are named for two potentials, whose results would be told as one; "
                "make a study of each"
            )


def candidates(settings: Mapping[str, Any], root: Path) -> dict[str, Row]:
    """Rows of the table of candidates of microscopy, by name; none without a table.

    Raises:
        InputError: If a row is wrong, or a name that the study uses is not in the table.
    """
    wanted = settings["microscopy"]
    if not wanted["candidates"]:
        for key in ("compared", "experiments"):
            if wanted[key]:
                raise InputError(
                    f"microscopy.{key} needs candidates; set microscopy.candidates to a table of structures"
                )
        return {}
    rows = read_structures_table(wanted["candidates"], root / STRUCTURES_SCHEMA)
    for row in rows:
        if row["error"]:
            raise InputError(row["error"])
    found = {row["name"]: row for row in rows}
    used = {
        "microscopy.compared": wanted["compared"],
        "microscopy.experiments": [one["simulated"] for one in wanted["experiments"] if "simulated" in one],
    }
    for key, names in used.items():
        if absent := [name for name in names if name not in found]:
            raise InputError(f"{key}: there is no candidate '{absent[0]}'; choose from {', '.join(sorted(found))}")
    return found


def experiments(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The experiments of microscopy by name, complete.

    Raises:
        InputError: If a name is given twice, or an experiment has no particles, or two kinds of them.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in settings["microscopy"]["experiments"]:
        where = f"microscopy.experiments, {one['name']}"
        if one["name"] in found or one["name"] == "libraries":
            raise InputError(f"{where}: the name is taken; give another")
        if ("table" in one) == ("simulated" in one):
            raise InputError(f"{where}: give either a table of particles or a candidate to be simulated")
        if "table" in one and not _is_plain_file(one["table"]):
            raise InputError(f"{where}: there is no table {one['table']}; correct its name")
        found[one["name"]] = {"table": "", "simulated": "", "particles": 13, "dose": 10000.0, "shared": True} | one
    return found


def micrographs(experiment: Mapping[str, Any]) -> list[str]:
    """Files that an experiment reads and that must be watched; missing ones are told by the job."""
    if not experiment["table"]:
        return []
    from auric.microscopy.experiment import read_particle_table  # not before it is needed: it loads much

    table = Path(experiment["table"])
    images = sorted({str(table.parent / row["image"]) for row in read_particle_table(table)})
    return [str(table), *(path for path in images if _is_plain_file(path))]


def at_hand(settings: Mapping[str, Any], rows: list[Row], root: Path) -> list[tuple[str, str]]:
    """For each row its name and whether its structure is at hand here, or where it would have to come from."""
    from auric.structures.manifest import mirror_folder

    mirror = mirror_folder(settings["structures"]["mirror"] or None)
    return [(row["name"], row["error"] or _where(row, mirror, root)) for row in rows]


def _where(row: Row, mirror: Path | None, root: Path) -> str:
    from auric.structures.manifest import read_manifest

    if row["builder"] in ("ring", "staple"):
        return "built here"
    if row["builder"] != "manifest":
        path = file_of(row, root / "resources") or row["recipe"]
        missing = "you must supply it" if row["builder"] == "file" else "missing from resources"
        return f"at hand: {path}" if _is_plain_file(path) else f"{missing}: {path}"
    entry = read_manifest(root / MANIFEST).get(row["recipe"].strip())
    if entry is None:
        return f"not in the manifest: {row['recipe']}"
    if mirror is not None and (mirror / entry.path).is_file():
        return f"in the mirror: {entry.path}"
    if (CACHE / entry.sha256).exists():
        return "in the cache"
    return f"to be fetched: {entry.url}"


def like_paper(settings: Mapping[str, Any]) -> bool:
    """Whether images and training are as in Zhang et al., so that an error may stand beside theirs."""
    ruler, network = settings["ruler"], settings["ruler"]["network"]
    return bool(
        settings["elf"]["pixels"] == 200
        and ruler["weighting"] == "duplication"
        and len(network["channels"]) == 6
        and network["channels"][-1] == 64
        and (network["architecture"], network["kernel"], network["activation"], network["pooling"])
        == ("plain", 3, "relu", "max")
        and not (network["batch_norm"] or network["dropout"])
        and (network["learning_rate"], network["batch_size"], network["schedule"]) == (1e-4, 64, "constant")
    )


def closing_words(results: str) -> str:
    """What a finished run left, and which structures failed."""
    report, table = Path(results, "report/index.html"), Path(results, "failures.csv")
    if not (report.is_file() and table.is_file()):
        return "\nauric: done with the part that was asked for."
    failures = _rows(table)
    words: list[str] = []
    for room, told in (("ruler", _errors), ("potential", _potentials)):
        scorecard = Path(results, f"scorecard/{room}.csv")
        words += told(_rows(scorecard)) if scorecard.is_file() else []
    words.append(f"\nauric: done. Open {report} (or send {results}/report.zip).")
    if failures:
        shown = "\n".join(f"  {row['frame'] or row['structure']}: {row['reason']}" for row in failures[:10])
        stages = ", ".join(f"{count} at {stage}" for stage, count in Counter(row["stage"] for row in failures).items())
        words.append(f"auric: {len(failures)} failed ({stages}); all are in {results}/failures.csv:\n{shown}")
    return "\n".join(words)


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _errors(scorecard: list[dict[str, str]]) -> list[str]:
    """The ruler's errors as lines of text, one per split."""
    errors = {(row["split"], row["subject"]): float(row["ours"]) for row in scorecard if row["quantity"] == "mae"}
    if not errors:
        return []
    subjects = list(dict.fromkeys(subject for _, subject in errors))
    lines = [
        "\nMean absolute error of the bond length read off an ELF image (angstrom), by what test images do not share with training:"
    ]
    lines.append("  ".join(f"{word:>{max(9, len(word))}}" for word in ("split", *subjects)))
    for split in dict.fromkeys(split for split, _ in errors):
        numbers = [f"{errors.get((split, subject), float('nan')):>{max(9, len(subject))}.2g}" for subject in subjects]
        lines.append("  ".join([f"{split:>9}", *numbers]))
    return lines


def _potentials(scorecard: list[dict[str, str]]) -> list[str]:
    """Errors of learned energies as lines of text, one per model."""
    wanted = [
        row for row in scorecard if (row["quantity"], row["split"]) == ("energy_rmse_over_sd", "independent runs")
    ]
    errors = {(row["subject"], row["data"]): float(row["ours"]) for row in wanted}
    runs = list(dict.fromkeys(run for _, run in errors))
    subjects = list(dict.fromkeys(subject for subject, _ in errors))
    if not errors:
        return []
    width = max(map(len, subjects))
    lines = [
        "\nError of energies of runs that were not learned from, over the run's own standard deviation (1: a constant):"
    ]
    for start in range(0, len(runs), RUNS_BESIDE):
        shown = runs[start : start + RUNS_BESIDE]
        lines.append("  ".join([" " * width, *shown]))
        for subject in subjects:
            cells = [f"{errors.get((subject, run), float('nan')):>{len(run)}.2g}" for run in shown]
            lines.append("  ".join([f"{subject:>{width}}", *cells]))
    return lines


def failing_words(results: str) -> str:
    """Where a failed run says why, and that nothing finished is lost."""
    reasons = [row for path in sorted(Path(results).glob("*/*failures_*.csv")) for row in _rows(path)]
    known = "".join(f"\n  {row['frame'] or row['structure']}: {row['reason']}" for row in reasons[:10])
    return (
        f"\nauric: a step failed; lines above that begin with 'auric:' say why, logs are in {results}/logs. "
        "What is finished is kept: correct the cause and run the same command again."
        + (f"\nauric: {len(reasons)} structures or frames could not be used:{known}" if reasons else "")
    )


def _is_plain_file(path: str) -> bool:
    """Whether Snakemake can watch it: it exists, and its name holds nothing that Snakemake reads as a wildcard."""
    try:
        return not set("{}") & set(path) and Path(path).is_file()
    except (OSError, ValueError):  # a name too long, or with a null byte; the reader tells the user
        return False


def _block(name: str, count: int) -> str:
    return f"{block_of(name, count):03d}"


def _find_package_in_jobs(source: Path) -> None:
    """Jobs run in environments that have the libraries but not this package; they find it by PYTHONPATH."""
    found = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(source), *(path for path in found if path not in ("", str(source)))]
    )


def _check_writable(folder: Path) -> None:
    """Before any step: the nearest existing folder must be one we can write to."""
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
    if not existing.is_dir():
        raise InputError(f"results folder {folder}: {existing} is a file; set `results` to a folder you may write to")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"results folder {folder}: {existing} is not writable; set `results` to a folder you may write to"
        )
