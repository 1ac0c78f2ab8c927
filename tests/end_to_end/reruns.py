"""What must run again after a change, nothing more and nothing less: on the finished `test` study, by dry runs.

`python -m tests.end_to_end.reruns FOLDER` prints the table of docs/operations.md as it is in a finished copy of the workflow, and
ends with 1 where it is not as expected.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml

STUDY = "config/studies/test.yaml"
STRUCTURES = "config/studies/test_structures.tsv"
HEADER = "| change | runs | jobs |"
SWITCHED = "all of these taken back; another study's structures made, and back"


class Change(NamedTuple):
    """One change a user makes.

    Attributes:
        what: In words.
        file: That is changed.
        edit: From its text to the changed one.
        runs: Jobs that must run, by rule; `report`, `all` and the scorecard of a room that changed are named too.
        told: The same in words.
    """

    what: str
    file: str
    edit: Callable[[str], str]
    runs: dict[str, int]
    told: str


def swapped(old: str, new: str) -> Callable[[str], str]:
    """Replaces a text that must be there, once."""

    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return edit


SHOWN = {"report": 1, "all": 1}
TRAINED = {
    "ruler_final": 1, "ruler_fold": 12, "ruler_twin": 1, "ruler_variant": 4, "ruler_seen": 1, "ruler_validate": 1, "ruler_variants": 1,
    "ruler_set": 1, **SHOWN,
}  # fmt: skip
"""What reads images again; `ruler_validate` and the like are joined from it."""
READ = {
    "ruler_images": 1, "ruler_distortions": 1, "ruler_mask": 3, "ruler_masks": 1, "ruler_valence": 1, "ruler_bonding": 1, **TRAINED,
}  # fmt: skip
SEEN = {
    "labels": 3, "perturbed": 1, "grid": 1, "images": 3, "reference_scorecard": 1, "elf_scorecard": 1, "distorted": 2, "failures": 1, **READ,
}  # fmt: skip
"""Labels are in the store, but orbitals are not kept (`reference.keep_orbitals`): a job takes them from there again, and computes nothing."""
FRAMES = {"frames": 2, **SEEN}
LEARNED = {"potential_scorecard": 1, **SHOWN}
CHANGES = (
    Change(
        "one atom of one structure", "resources/structures/ausch3.xyz", swapped("2.240000", "2.250000"),
        {"structures": 1, "frames": 1, **SEEN, "labels": 1, "images": 1},
        "that structure's block, frames, label and images; its grid; distorted and perturbed structures; all readings; report",
    ),
    Change(
        "an SCF setting", STUDY, swapped("conv_tol_hartree: 1.0e-5", "conv_tol_hartree: 2.0e-5"), FRAMES,
        "frames and labels of all structures (frames are in the store), images, distorted and perturbed structures, readings, report",
    ),
    Change(
        "a weight of a length bin", STUDY, swapped("ruler:\n", "ruler:\n  bin_weights: [1, 2, 20, 31]\n"), READ,
        "joining the images, readings, report",
    ),
    Change(
        "a training setting", STUDY, swapped("    epochs: 3\n", "    epochs: 4\n"), TRAINED,
        "trainings and what is read by them, report",
    ),
    Change(
        "the seed of the training (`ruler.network.seed`)", STUDY, swapped("    epochs: 3\n", "    epochs: 3\n    seed: 7\n"), TRAINED,
        "trainings and what is read by them, report; folds stay",
    ),
    Change(
        "a label of a plot", "src/auric/report/figures.py", swapped('"mean absolute error', '"mean absolute  error'), SHOWN,
        "the report",
    ),
    Change(
        "the style of the report", "src/auric/report/style.css", lambda text: text + "\nem { color: black; }\n", SHOWN,
        "the report",
    ),
    Change(
        "a function of the room elf", "src/auric/elf/quality.py", swapped("image.max() > 1:", "image.max() > 1.0:"), SEEN,
        "images, distorted and perturbed structures, readings, report; labels are taken from the store, not computed, since orbitals are not kept",
    ),
    Change("a comment", "src/auric/elf/formula.py", lambda text: text + "\n# A comment.\n", {}, "nothing"),
    Change(
        "one structure more", STRUCTURES, lambda text: text.rstrip("\n") + "\nau4_sh4\tring\tn=4 R=H\t0\t1\t0\n",
        {
            "structures": 1, "frames": 1, **{key: value for key, value in SEEN.items() if key not in ("grid", "perturbed")}, "labels": 2,
            "images": 2,
        },
        "its block, the labels and images of blocks that it falls into, distorted structures, readings, report",
    ),
    Change(
        "one SOAP more in the scan", STUDY, swapped("l_max: [1, 2]", "l_max: [0, 1, 2]"),
        {"soap_scan": 2, "soap_choice": 1, "potential_forces": 1, **LEARNED},
        "the scan, its choice, forces, scorecard of potentials, report",
    ),
    Change(
        "steps of a walk", STUDY, swapped("    steps: 20\n    equilibration_steps: 10", "    steps: 22\n    equilibration_steps: 10"),
        {"walk": 2, "walk_geometry": 1, "walk_isomers": 1, "walk_map": 1, "sampling_scorecard": 1, **SHOWN},
        "walks, what is told of them, report",
    ),
    Change(
        "the seed", STUDY, swapped("study: test\n", "study: test\nseed: 7\n"),
        {
            **FRAMES, "matching_clusters": 1, "matching_ligand_encoder": 1, "matching_pairs": 1, "matching_core_encoder": 1,
            "matching_bare": 1, "matching_formation": 1, "matching_folds": 1, "matching_matcher": 1, "matching_summary": 1, "matching_told": 1,
            "relax_rings": 1, "relaxation_scorecard": 1, "synthesis_explain": 1, "synthesis_predict": 6, "synthesis_scorecard": 1,
            "tem_calibration": 1, "tem_particles": 1, "tem_match": 1, "tem_answer": 1, "microscopy_scorecard": 1, "trial_moves": 1,
            "walk": 2, "walk_geometry": 1, "walk_isomers": 1, "walk_map": 1, "sampling_scorecard": 1, "potential_energies": 4,
            "potential_scorecard": 1,
        },
        "whatever draws: frames, folds, trainings, walks, trial moves, matching, syntheses, micrographs; not the dynamics, whose "
        "seeds are in their table, nor the potentials learned from them",
    ),
)  # fmt: skip


def table_row(what: str, told: str, runs: dict[str, int]) -> str:
    """A row of the table; `all` is no job."""
    return f"| {what} | {told} | {sum(runs.values()) - runs.get('all', 0)} |"


@contextmanager
def changed(folder: Path, change: Change) -> Iterator[None]:
    """The change made in a copy of the workflow, and taken back at the end, time of the file included."""
    path = folder / change.file
    before, stat = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(change.edit(before), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def snakemake(folder: Path, study: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the workflow in a copy of it."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={study}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def planned(folder: Path, study: str = "test") -> dict[str, int]:
    """Rules and numbers of jobs that a run would start.

    Raises:
        RuntimeError: If the dry run fails.
    """
    done = snakemake(folder, study, "--dry-run")
    if done.returncode:
        raise RuntimeError(f"the dry run failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    if "Nothing to be done" in done.stdout:
        return {}
    lines = done.stdout.split("Job stats:")[-1].splitlines()
    found = {words[0]: int(words[1]) for line in lines if len(words := line.split()) == 2 and words[1].isdigit()}
    found.pop("total", None)
    return found


def write_part(folder: Path, study: str, **changes: dict[str, object]) -> None:
    """A study with the structures, densities, images and rulers of `test` alone; changes are sections to update."""
    whole = yaml.safe_load((folder / STUDY).read_text(encoding="utf-8"))
    part = {key: whole[key] for key in ("structures", "reference", "elf", "ruler")}
    del part["reference"]["dynamics"]
    for key in ("seeing", "exploration", "distortions", "masks", "perturb"):
        del part["ruler"][key]
    for section, update in changes.items():
        part[section] |= update
    text = yaml.safe_dump({"study": study, **part})
    (folder / f"config/studies/{study}.yaml").write_text(text, encoding="utf-8")


def switched(folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Make the structures of another study; what then would run of that one, and of `test`.

    Raises:
        RuntimeError: If they cannot be made.
    """
    write_part(folder, "other")
    done = snakemake(folder, "other", "--until", "structures")
    if done.returncode:
        raise RuntimeError(f"the other study did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return planned(folder, "other"), planned(folder)


def main() -> int:
    """Print what would run after each change; 1 if anything is not as expected."""
    folder, wrong = Path(sys.argv[1]), 0
    print(f"{HEADER}\n|---|---|---|")
    for change in CHANGES:
        with changed(folder, change):
            found = planned(folder)
        wrong += found != change.runs
        told = change.told if found == change.runs else f"NOT as expected: {found} instead of {change.runs}"
        print(table_row(change.what, told, found), flush=True)
    other, found = switched(folder)
    wrong += bool(found) or not other or "structures" in other
    print(table_row(SWITCHED, "nothing" if not found else f"NOT as expected: {found}", found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
