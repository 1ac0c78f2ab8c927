"""Copy the label store's entries of finished runs of dynamics into `resources/labels`, so that nobody needs to make them again.

    python resources/ship_labels.py au38 au38_sch3_24_q_test270 au38_sch3_24_t_test270
    python resources/ship_labels.py --points ../clone/results/store

Nothing is computed: a run that the store does not hold whole is refused, unless `--unfinished` asks for what is there. With `--points`, all single points (with orbitals, and those
of relaxations) and all relaxed structures of a store are copied, such as that of a clone in which one study alone was run. What is copied is found by every study, as long as the structure, the
settings, the engine and the method's version are the same.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auric.errors import InputError, suggestion
from auric.files import read_npz
from auric.reference import make_engine
from auric.reference.runs import Run, read_runs, reference_run
from auric.reference.store import SHIPPED, Entry, Store, entry_key
from auric.study import load

POINTS = ("label", "point", "frames")
"""Kinds of entries that `--points` copies."""


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


def ship_points(store: str | Path, shipped: str | Path = SHIPPED) -> list[Path]:
    """Copy the single points, with orbitals or gradients, and the relaxed structures of a store.

    Args:
        store: Folder of the label store.
        shipped: Folder to copy into.

    Returns:
        The files that were copied.

    Raises:
        InputError: If there is none, or an entry is damaged.
    """
    found = [path for path in sorted(Path(store).glob("??/*.npz")) if read_npz(path)[0]["identity"]["kind"] in POINTS]
    if not found:
        raise InputError(f"{store}: no single points; give the label store of a clone in which the study was run")
    Path(shipped).mkdir(parents=True, exist_ok=True)
    places = [(path, Path(shipped, path.name)) for path in found]
    return [Path(shutil.copyfile(path, place)) for path, place in places if not place.exists()]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", help="study that made them, such as au38")
    parser.add_argument("runs", nargs="*", help="names of runs")
    parser.add_argument(
        "--points", metavar="STORE", help="copy all single points and relaxed structures of this store instead"
    )
    parser.add_argument("--unfinished", action="store_true", help="copy what is there of runs that are not finished")
    parser.add_argument("--store", default="results/store", help="folder of the label store")
    given = parser.parse_args()
    if bool(given.points) == bool(given.runs):
        parser.error("give a study and names of its runs, or --points and a store")
    try:
        copied = ship_points(given.points) if given.points else _runs(given)
    except InputError as error:
        parser.error(str(error))
    size = sum(path.stat().st_size for path in copied)
    print(f"{len(copied)} entries, {size / 1e6:.1f} MB, copied into {SHIPPED}")


def _runs(given: argparse.Namespace) -> list[Path]:
    """Copy the runs that are named."""
    reference = load({"study": given.study}, Path(__file__).parents[1])["reference"]
    known = {run.name: run for run in read_runs(reference["dynamics"])}
    if unknown := [name for name in given.runs if name not in known]:
        raise InputError(f"{reference['dynamics']} has no run '{unknown[0]}'; {suggestion(unknown[0], list(known))}")
    return ship([known[name] for name in given.runs], given.store, reference["xtb"], unfinished=given.unfinished)


if __name__ == "__main__":
    main()
