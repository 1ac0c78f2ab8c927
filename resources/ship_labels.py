"""Copy the label store's entries of finished runs of dynamics into `resources/labels`, so that nobody needs to make them again.

    python resources/ship_labels.py au38 au38_sch3_24_q_test270 au38_sch3_24_t_test270

Nothing is computed: a run that the store does not hold whole is refused, unless `--unfinished` asks for what is there. What is copied is found by every study, as long as the
structure, the settings of the run, the engine and the method's version are the same.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auric.errors import InputError, suggestion
from auric.reference import make_engine
from auric.reference.runs import Run, read_runs, reference_run
from auric.reference.store import SHIPPED, Entry, Store, entry_key
from auric.study import load


class _Noting(Store):
    """Notes which entries are asked for, and makes none."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []

    def get_or_make(self, identity: Mapping[str, Any], make: Callable[[], Entry]) -> tuple[Entry, bool]:
        self.asked.append(entry_key(identity))
        found = self.get(identity)
        if found is None:
            raise InputError("the store does not hold it whole; run the study first")
        return found, True


def ship(
    runs: Sequence[Run],
    store: str | Path,
    xtb: Mapping[str, Any],
    shipped: str | Path = SHIPPED,
    *,
    unfinished: bool = False,
) -> list[Path]:
    """Copy the entries of runs on GFN1-xTB.

    Args:
        runs: Rows of a table of runs.
        store: Folder of the label store.
        xtb: Settings of the engine.
        shipped: Folder to copy into.
        unfinished: Whether to copy what is there of runs that are not finished.

    Returns:
        The files that were copied.

    Raises:
        InputError: If a run is not finished in the store, or was cut short.
    """
    copied = []
    for run in runs:
        noting = _Noting(store)
        with tempfile.TemporaryDirectory() as folder:
            failures = Path(folder, "failures.csv")
            reference_run(
                run, Path(folder, "frames.extxyz"), Path(folder, "run.csv"), failures,
                engine=make_engine("gfn1-xtb", dict(xtb)), store=noting,
            )  # fmt: skip
            if not unfinished and (reasons := failures.read_text(encoding="utf-8").splitlines()[1:]):
                raise InputError(f"{run.name}: {reasons[0]}")
        for key in noting.asked:
            place = Path(shipped, f"{key}.npz")
            if noting.path(key).exists() and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                copied.append(Path(shutil.copyfile(noting.path(key), place)))
    return copied


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="study that made them, such as au38")
    parser.add_argument("runs", nargs="+", help="names of runs")
    parser.add_argument("--unfinished", action="store_true", help="copy what is there of runs that are not finished")
    parser.add_argument("--store", default="results/store", help="folder of the label store")
    given = parser.parse_args()
    try:
        reference = load({"study": given.study}, Path(__file__).parents[1])["reference"]
        known = {run.name: run for run in read_runs(reference["dynamics"])}
        if unknown := [name for name in given.runs if name not in known]:
            raise InputError(
                f"{reference['dynamics']} has no run '{unknown[0]}'; {suggestion(unknown[0], list(known))}"
            )
        copied = ship([known[name] for name in given.runs], given.store, reference["xtb"], unfinished=given.unfinished)
    except InputError as error:
        parser.error(str(error))
    size = sum(path.stat().st_size for path in copied)
    print(f"{len(copied)} entries, {size / 1e6:.1f} MB, copied into {SHIPPED}")


if __name__ == "__main__":
    main()
