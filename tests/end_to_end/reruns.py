"""What must run again after a change, nothing more and nothing less: on the finished `test` study, by dry runs.

`python -m tests.end_to_end.reruns FOLDER` prints the table of docs/operations.md from a finished copy.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

STUDY = "config/studies/test.yaml"
STRUCTURES = "config/studies/test_structures.tsv"


class Change(NamedTuple):
    """One change a user makes.

    Attributes:
        what: In words.
        file: That is changed.
        edit: From its text to the changed one.
        runs: Jobs that must run, by rule; `report`, `all` and the scorecard of a room that changed are named too.
    """

    what: str
    file: str
    edit: Callable[[str], str]
    runs: dict[str, int]


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
READ = {"ruler_images": 1, "distorted": 2, "ruler_distortions": 1, "failures": 1, **TRAINED}
SEEN = {"labels": 3, "grid": 1, "images": 3, "reference_scorecard": 1, "elf_scorecard": 1, **READ}
"""Labels are in the store, but orbitals are not kept (`reference.keep_orbitals`): a job takes them from there again, and computes nothing."""
FRAMES = {"frames": 2, **SEEN}
LEARNED = {"potential_scorecard": 1, **SHOWN}
CHANGES = (
    Change(
        "one atom of one structure", "resources/structures/ausch3.xyz", swapped("2.240000", "2.250000"),
        {"structures": 1, "frames": 1, **SEEN, "labels": 1, "images": 1},
    ),
    Change("an SCF setting", STUDY, swapped("conv_tol_hartree: 1.0e-5", "conv_tol_hartree: 2.0e-5"), FRAMES),
    Change("a weight of a length bin", STUDY, swapped("ruler:\n", "ruler:\n  bin_weights: [1, 2, 20, 31]\n"), READ),
    Change("a training setting", STUDY, swapped("epochs: 3", "epochs: 4"), TRAINED),
    Change("a label of a plot", "src/auric/report/figures.py", swapped('"mean absolute error', '"mean absolute  error'), SHOWN),
    Change("the style of the report", "src/auric/report/style.css", lambda text: text + "\nem { color: black; }\n", SHOWN),
    Change("a function of the room elf", "src/auric/elf/quality.py", lambda text: text + "\n\n_UNUSED = 1\n", SEEN),
    Change("a comment", "src/auric/elf/formula.py", lambda text: text + "\n# A comment.\n", {}),
    Change(
        "one structure more", STRUCTURES, lambda text: text.rstrip("\n") + "\nau4_sh4\tring\tn=4 R=H\t0\t1\t0\n",
        {"structures": 1, "frames": 1, **{key: value for key, value in SEEN.items() if key != "grid"}, "labels": 2, "images": 2},
    ),
    Change(
        "one SOAP more in the scan", STUDY, swapped("l_max: [1, 2]", "l_max: [0, 1, 2]"),
        {"soap_scan": 2, "soap_choice": 1, "potential_forces": 1, **LEARNED},
    ),
    Change(
        "steps of a walk", STUDY, swapped("    steps: 20\n    equilibration_steps: 10", "    steps: 22\n    equilibration_steps: 10"),
        {"walk": 2, "walk_geometry": 1, "walk_isomers": 1, "walk_map": 1, "sampling_scorecard": 1, **SHOWN},
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
    ),
)  # fmt: skip


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


def main() -> None:
    """Print what would run after each change."""
    from tests.end_to_end.test_study import planned

    folder = Path(sys.argv[1])
    for change in CHANGES:
        with changed(folder, change):
            found = planned(folder)
        found.pop("total", None)
        verdict = "as expected" if found == change.runs else f"NOT as expected ({change.runs})"
        print(
            f"| {change.what} | {', '.join(f'{rule} {count}' for rule, count in sorted(found.items())) or 'nothing'} | {verdict} |",
            flush=True,
        )
    print(f"| nothing, after all of these | {planned(folder) or 'nothing'} | |")


if __name__ == "__main__":
    main()
