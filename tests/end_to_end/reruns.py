"""What must run again after a change, nothing more and nothing less: on the finished `test` study, by dry runs.

`python -m tests.end_to_end.reruns FOLDER` prints the table of docs/operations.md from a finished copy.
"""

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


RULERS = {
    "ruler_images": 1,
    "ruler_fold": 12,
    "ruler_final": 1,
    "ruler_set": 1,
    "ruler_twin": 1,
    "ruler_seen": 1,
    "ruler_validate": 1,
}
EXPLORED = {"ruler_variant": 4, "ruler_variants": 1}
SHOWN = {"report": 1, "all": 1}
CHANGES = (
    Change("one atom of one structure", "resources/structures/ausch3.xyz", swapped("2.240000", "2.250000"), {}),
    Change("an SCF setting", STUDY, swapped("conv_tol_hartree: 1.0e-5", "conv_tol_hartree: 2.0e-5"), {}),
    Change("a weight of a length bin", STUDY, swapped("ruler:\n", "ruler:\n  bin_weights: [1, 2, 20, 31]\n"), {}),
    Change("the seed", STUDY, swapped("study: test\n", "study: test\nseed: 7\n"), {}),
    Change("a training setting", STUDY, swapped("epochs: 3", "epochs: 4"), {}),
    Change(
        "a label of a plot", "src/auric/report/figures.py", swapped('"mean absolute error', '"mean absolute  error'), {}
    ),
    Change("the style of the report", "src/auric/report/style.css", lambda text: text + "\nem { color: black; }\n", {}),
    Change("a function of the room elf", "src/auric/elf/quality.py", lambda text: text + "\n\n_UNUSED = 1\n", {}),
    Change("a comment", "src/auric/elf/formula.py", lambda text: text + "\n# A comment.\n", {}),
    Change(
        "one structure more", STRUCTURES, lambda text: text.rstrip("\n") + "\nau4_sh4\tring\tn=4 R=H\t0\t1\t0\n", {}
    ),
    Change("one SOAP more in the scan", STUDY, swapped("l_max: [1, 2]", "l_max: [0, 1, 2]"), {}),
    Change("steps of a walk", STUDY, swapped("steps: 20\n", "steps: 22\n"), {}),
)


@contextmanager
def changed(folder: Path, change: Change) -> Iterator[None]:
    """The change made in a copy of the workflow, and taken back at the end; times of files stay, as editors of pipelines see to it."""
    path = folder / change.file
    before, stat = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(change.edit(before), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        import os

        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def main() -> None:
    """Print what would run after each change."""
    from tests.end_to_end.test_study import planned

    folder = Path(sys.argv[1])
    for change in CHANGES:
        with changed(folder, change):
            found = planned(folder)
        found.pop("total", None)
        print(f"{change.what}: {found}", flush=True)
    print(f"nothing: {planned(folder)}")


if __name__ == "__main__":
    main()
