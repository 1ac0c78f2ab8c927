"""The command line for people; the workflow calls functions instead."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from auric import __version__, elf, matching, report, ruler, structures, study
from auric.cleaning import removable, remove
from auric.configuration import settings_page
from auric.errors import EXIT_OK, AuricError, InputError
from auric.files import write_table
from auric.memory import keep_freed_memory
from auric.plan import plan_study
from auric.progress import log
from auric.results import results_page
from auric.scorecard import scorecard_text
from auric.tally import in_words

ASK_ABOVE_SECONDS = 600
READERS = ("elfnet", "ridge", "valence", "valence-image", "valence-elfnet")
"""Words for `auric.ruler.measure.READER_WORDS`, which takes long to load."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is one of `auric.errors`."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(prog="auric", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    motifs = commands.add_parser("motifs", help="print a cluster's core and protecting units")
    motifs.add_argument("file", type=Path, help="structure, in a format that the structures table takes")
    motifs.add_argument("--json", action="store_true", help="with atom classes and atom indices, which count from 0")
    motifs.add_argument("--cutoff", type=float, default=2.7, help="longest S-metal bond, angstrom (%(default)s)")
    motifs.add_argument("--metal-cutoff", type=float, default=3.0, help="metals nearer touch, angstrom (%(default)s)")
    motifs.add_argument("--most-contacts", type=int, help="metal that touches more is core, whatever its sulfur")
    motifs.set_defaults(run=_motifs)

    measure = commands.add_parser("measure", help="read S-Au bonds off the ELF images of a structure, with a ruler")
    measure.add_argument("file", type=Path, nargs="?", help="structure; may be left out where a wave function is given")
    measure.add_argument("--charge", type=int, help="total charge")
    measure.add_argument("--multiplicity", type=int, help="2S + 1")
    measure.add_argument("--ruler", type=Path, help="rulers.safetensors of a study (default: the one that comes along)")
    measure.add_argument("--reader", choices=READERS, default="elfnet", help="what reads (%(default)s)")
    measure.add_argument("--wave-function", type=Path, help="made before: .molden, .fchk, or a study's orbitals .npz")
    measure.add_argument("--frame", help="which frame of an orbitals file that holds several")
    measure.add_argument("--method", help="functional of a wave function that does not state it, such as b3lyp")
    measure.add_argument("--core-electrons", default="", metavar="Au=60,...", help="its effective cores, likewise")
    measure.add_argument("--store", type=Path, default=Path("results/store"), help="keeps single points (%(default)s)")
    measure.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (here %(default)s)")
    measure.add_argument("--csv", type=Path, help="write the bonds to this file, too")
    measure.add_argument("--json", action="store_true", help="print JSON")
    start = measure.add_mutually_exclusive_group()
    start.add_argument("--yes", action="store_true", help="do not ask before what takes longer than ten minutes")
    start.add_argument("--forecast-only", action="store_true", help="only say how long it would take")
    measure.set_defaults(run=_measure)

    ligands = commands.add_parser("ligands", help="rank ligands, and sets of them, for a core")
    ligands.add_argument("core", type=Path, help="a core, or a whole cluster whose core is taken")
    ligands.add_argument("--candidates", type=Path, required=True, help="file with one SMILES a line")
    ligands.add_argument(
        "--model", type=Path, default=Path("results/demo/matching/colim.npz"), help="of a study (%(default)s)"
    )
    ligands.add_argument("--kinds", type=int, default=1, help="up to so many kinds in a set, 1 to 4 (%(default)s)")
    ligands.add_argument("--edit", default="", help="edits of the core: -3, 3=Ag, +Cu@x/y/z, separated by commas")
    ligands.add_argument("--top", type=int, default=20, help="rows to print (%(default)s)")
    ligands.add_argument("--csv", type=Path, help="write the rows to this file, too")
    ligands.set_defaults(run=_ligands)

    at_hand = commands.add_parser("structures", help="say which structures of a study are at hand on this machine")
    at_hand.add_argument("--study", help="a study of config/studies (default: config/config.yaml)")
    at_hand.set_defaults(run=_at_hand)

    plan = commands.add_parser(
        "plan", help="forecast what a study would cost: jobs, core time, memory and disk by rule"
    )
    plan.add_argument("--study", help="a study of config/studies (default: config/config.yaml)")
    plan.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="cores to run on (here %(default)s)")
    plan.add_argument("--json", action="store_true", help="print JSON")
    plan.set_defaults(run=_plan)

    clean = commands.add_parser("clean", help="remove what a study left in results/; labels stay")
    clean.add_argument("study", help="its name, such as demo")
    clean.add_argument("--yes", action="store_true", help="do not ask")
    clean.set_defaults(run=_clean)

    pack = commands.add_parser("pack", help="put a study's labelled frames and images into one small file")
    pack.add_argument("results", type=Path, help="folder of a study, such as results/workstation")
    pack.add_argument("bundle", type=Path, help="file to write (.nc)")
    pack.add_argument("--about", required=True, help="what the data are, whose, and under which licence")
    pack.set_defaults(run=_pack)

    scorecard = commands.add_parser("scorecard", help="print a study's scorecard, ours beside the paper's")
    scorecard.add_argument("results", type=Path, help="folder of a study, such as results/demo")
    scorecard.set_defaults(run=_scorecard)

    masks = commands.add_parser(
        "masks", help="print errors behind masks of several studies beside each other (Markdown)"
    )
    masks.add_argument("scorecard", type=Path, nargs="+", help="docs/scorecard_core11.csv, or of results/*/scorecard/")
    masks.add_argument("--split", default="structure", help="what training and test do not share (%(default)s)")
    masks.add_argument("--figure", type=Path, help="write a figure of errors against what is kept, too (.svg)")
    masks.set_defaults(run=lambda chosen: report.masks_beside(chosen.scorecard, chosen.figure, split=chosen.split))

    settings = commands.add_parser("settings", help="print the page of all settings (Markdown)")
    settings.add_argument("--schema", type=Path, default=Path("workflow/schemas/config.schema.yaml"))
    settings.set_defaults(run=lambda chosen: settings_page(chosen.schema))

    results = commands.add_parser("results", help="print the page of kept results (Markdown)")
    results.add_argument("--docs", type=Path, default=Path("docs"))
    results.set_defaults(run=lambda chosen: results_page(chosen.docs))

    chosen = parser.parse_args(_edits_joined(sys.argv[1:] if arguments is None else arguments))
    try:
        print(chosen.run(chosen).removesuffix("\n"), flush=True)
    except AuricError as error:
        print(f"auric: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # who reads wants no more, as `| head`; Python must not try to write again as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


def _motifs(chosen: argparse.Namespace) -> str:
    rule = structures.MotifRule(chosen.cutoff, chosen.metal_cutoff, chosen.most_contacts)
    atoms = structures.read_structure(chosen.file)
    try:
        structures.check_overlap(atoms)
        found = structures.find_motifs(atoms, rule)
    except AuricError as error:
        raise type(error)(f"{chosen.file}: {error}") from None
    broken = sum(unit.kind.startswith(("loose", "half")) for unit in found.units)
    if broken:
        log.warning("%s: %d loose or half units; is the molecule whole, and is the cutoff right?", chosen.file, broken)
    return json.dumps(found.as_json() | {"source": atoms.info["source"]}, indent=2) if chosen.json else str(found)


def _measure(chosen: argparse.Namespace) -> str:
    if chosen.threads < 1:
        raise InputError(f"--threads {chosen.threads}: give 1 or more")
    trained, reader = ruler.ruler_for(chosen.reader, chosen.ruler)
    level = trained.header["level"]
    said = {"charge": chosen.charge, "multiplicity": chosen.multiplicity}
    with threadpool_limits(chosen.threads):
        orbitals = None
        if chosen.wave_function:
            others = {"method": chosen.method, "core_electrons": _core_electrons(chosen), "frame": chosen.frame}
            orbitals = ruler.orbitals_of_file(chosen.wave_function, **said, **others)
            ruler.check_level(level, orbitals)
        atoms = ruler.structure_to_measure(chosen.file, chosen.wave_function, orbitals, **said, rule=trained.rule)
        if orbitals is None:
            engine = ruler.engine_of(level, threads=chosen.threads)
            engine.check(atoms.get_chemical_symbols())
        forecast = ruler.forecast_measurement(trained.header, atoms, orbitals=orbitals, threads=chosen.threads)
        words = f"{ruler.level_text(level)}: {forecast}"
        if chosen.forecast_only:
            return json.dumps(forecast._asdict(), indent=2) if chosen.json else words
        print(f"auric: {words}", file=sys.stderr, flush=True)
        if forecast.most_seconds > ASK_ABOVE_SECONDS and not chosen.yes and not _agreed():
            raise InputError("not started; --yes starts without asking")
        if orbitals is None:
            orbitals = ruler.computed_orbitals(atoms, engine, chosen.store)
        table = ruler.measure_frame(atoms, orbitals, trained, reader=reader, threads=chosen.threads)
    if chosen.csv:
        write_table(chosen.csv, table, ruler.MEASURED_COLUMNS)
    if not chosen.json:
        return str(ruler.measured_text(table, trained, reader))
    about = {key: atoms.info[key] for key in ("source", "charge", "multiplicity")}
    found = about | {"forecast": forecast._asdict()} | ruler.measured_json(table, trained, reader)
    return json.dumps(found, indent=2, allow_nan=False)


def _core_electrons(chosen: argparse.Namespace) -> dict[str, int]:
    text = chosen.core_electrons
    try:
        return {element: int(count) for element, count in (word.split("=") for word in text.split(",") if text)}
    except ValueError:
        raise InputError(f"--core-electrons {text}: write elements and numbers, such as Au=60,Cd=28") from None


def _agreed(question: str = "go on?") -> bool:
    """Whether someone who can be asked agrees; who cannot be asked does."""
    return not sys.stdin.isatty() or input(f"auric: {question} [y/N] ").strip().lower() in ("y", "yes")


def _edits_joined(arguments: Sequence[str]) -> list[str]:
    """The words of a command line, an edit that begins with a minus sign joined to its option: argparse takes it for an option, too."""
    found: list[str] = []
    for word in arguments:
        if found and found[-1] == "--edit" and re.match(r"-\d", word):
            found[-1] = f"--edit={word}"
        else:
            found.append(word)
    return found


def _ligands(chosen: argparse.Namespace) -> str:
    if chosen.csv and not chosen.csv.parent.is_dir():
        raise InputError(f"--csv {chosen.csv}: there is no folder {chosen.csv.parent}; make it first, or name another")
    formula, rows = matching.ask_ligands(
        chosen.core, chosen.candidates, chosen.model, kinds=chosen.kinds, edit=chosen.edit, most=chosen.top
    )
    if chosen.csv:
        write_table(chosen.csv, rows, matching.RANK_COLUMNS)
    if rows and rows[0]["warning"]:
        print(f"auric: {formula}: {rows[0]['warning']}; its numbers are guesses", file=sys.stderr, flush=True)
    lines = [
        f"{row['rank']:4d}  {row['probability']:.2f} +- {row['spread']:.2f}  {row['ligands']}"
        + (f"  ({row['ligand_warning']})" if row["ligand_warning"] else "")
        for row in rows
    ]
    return "\n".join(
        [f"{formula}: probability that a set of ligands holds it, and its spread over the ensemble", *lines]
    )


def _at_hand(chosen: argparse.Namespace) -> str:
    settings = study.load({"study": chosen.study} if chosen.study else {}, Path.cwd())
    found = study.at_hand(settings, study.structures(settings, Path.cwd()), Path.cwd())
    width = max((len(name) for name, _ in found), default=0)
    return "\n".join(f"{name:{width}s}  {where}" for name, where in found)


def _plan(chosen: argparse.Namespace) -> str:
    found = plan_study(chosen.study, Path.cwd(), cores=chosen.cores)
    return json.dumps(found.as_json(), indent=2, allow_nan=False) if chosen.json else str(found)


def _clean(chosen: argparse.Namespace) -> str:
    found = removable(chosen.study, Path.cwd())
    words = (
        f"{found.folder}: {found.files} files, {found.megabytes:.0f} MB, which took {in_words(found.core_seconds)} of core time; "
        f"labels in results/store ({found.store_megabytes:.0f} MB) stay, so that single points and dynamics are not made again"
    )
    if not chosen.yes:
        if not sys.stdin.isatty():
            raise InputError(f"{words}. Nothing was removed; --yes removes it")
        print(words, file=sys.stderr)
        if not _agreed("remove it?"):
            raise InputError("nothing was removed")
    remove(found)
    return f"removed {words}"


def _pack(chosen: argparse.Namespace) -> str:
    labels = sorted((chosen.results / "reference").glob("labels_*.extxyz"))
    images = chosen.results / "ruler/images.nc"
    if not labels or not images.is_file():
        raise InputError(f"{chosen.results}: no labelled frames and joined images in it; run the study first")
    elf.pack(labels, images, chosen.bundle, about=chosen.about)
    return f"{chosen.bundle}: {chosen.bundle.stat().st_size / 1e6:.1f} MB"


def _scorecard(chosen: argparse.Namespace) -> str:
    fragments = sorted((chosen.results / "scorecard").glob("*.csv"))
    if not fragments:
        raise InputError(f"{chosen.results}: no scorecard in it; run the study first, e.g. `make run`")
    return scorecard_text(fragments)


if __name__ == "__main__":
    sys.exit(main())
