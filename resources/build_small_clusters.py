"""Make `small_clusters.extxyz`: the lowest GFN1-xTB minima found of the small Au_m(SH)_n without published coordinates.

Stopped and run again, it goes on: what was found of one composition and seed is a file of its own in the work folder.
The table that it prints is that of `small_clusters.md`.
"""

import argparse
from pathlib import Path

from ase import Atoms

from auric.files import read_frames, write_frames
from auric.reference.search import SearchSettings, distinct, same_framework, search_minima, settle_hydrogens
from auric.reference.store import structure_hash
from auric.reference.xtb import XtbEngine, XtbSettings
from auric.structures.bonds import gold_sulfur_bonds
from auric.structures.motifs import find_motifs

COMPOSITIONS = ((7, 6), (8, 6), (8, 7), (9, 5), (9, 6), (9, 7), (10, 7), (11, 6), (11, 7), (11, 8))
SETTLED = 5
"""So many of the lowest minima have their S-H turned in the end."""
KEPT = 3
ENGINE, SETTINGS = XtbEngine(XtbSettings()), SearchSettings()


def main() -> None:
    """Search, settle, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("results/small_clusters"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="one run of each composition per seed")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("small_clusters.extxyz"))
    options = parser.parse_args()
    runs = {(size, seed): run(*size, seed, options.work) for seed in options.seeds for size in COMPOSITIONS}
    chosen: list[Atoms] = []
    print(
        "| cluster | energy above the lowest (eV) | framework found in runs | motifs lowest in runs | S-Au bonds | motifs |"
    )
    print("|---|---|---|---|---|---|")
    for gold, thiolates in COMPOSITIONS:
        found = [runs[(gold, thiolates), seed] for seed in options.seeds]
        lowest = distinct([atoms for minima in found for atoms in minima])[:SETTLED]
        pairs = [(settled(atoms, options.work), atoms) for atoms in lowest]
        best = distinct([after for after, _ in pairs])[:KEPT]
        for rank, atoms in enumerate(best, start=1):
            atoms.info |= {
                "name": f"au{gold}_sh{thiolates}_{rank}",
                "source": f"GFN1-xTB search, {len(found)} runs of {SETTINGS.trials} relaxations, seed={atoms.info['seed']}",
            }
            before = next(before for after, before in pairs if after is atoms)
            print(row(atoms, before, best[0], found), flush=True)
        chosen += best
    write_frames(options.output, chosen)


def run(gold: int, thiolates: int, seed: int, work: Path) -> list[Atoms]:
    """The minima of one run, made if they are not there."""
    path = work / f"au{gold}_sh{thiolates}_seed{seed}.extxyz"
    if not path.exists():
        write_frames(path, search_minima(gold, thiolates, seed=seed, engine=ENGINE, settings=SETTINGS))
    return read_frames(path)


def settled(atoms: Atoms, work: Path) -> Atoms:
    """A minimum with its S-H turned, made if it is not there."""
    path = work / f"settled_{structure_hash(atoms, 0, int(atoms.info['multiplicity']))}.extxyz"
    if not path.exists():
        write_frames(path, [settle_hydrogens(atoms, engine=ENGINE, settings=SETTINGS)])
    return read_frames(path)[0]


def row(atoms: Atoms, before: Atoms, best: Atoms, found: list[list[Atoms]]) -> str:
    """One line of the table; `before` is what the search found, with its S-H not yet turned."""
    above = atoms.info["gfn1_energy_ev"] - best.info["gfn1_energy_ev"]
    seen = sum(any(same_framework(before, other) for other in minima) for minima in found)
    motifs = str(find_motifs(atoms))
    first = sum(motifs == str(find_motifs(minima[0])) for minima in found)
    cells = (
        atoms.info["name"],
        f"{above:.3f}",
        f"{seen} of {len(found)}",
        first,
        len(gold_sulfur_bonds(atoms)),
        motifs,
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
