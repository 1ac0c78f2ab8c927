"""Make `small_clusters_dft.csv`: DFT single points of the small clusters over multiplicities, at the workstation study's level.

Stopped and run again, it goes on from the label store; `--kept` writes what is there and computes nothing. The table that it
prints is that of `small_clusters.md`.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from ase import Atoms

from auric import study
from auric.files import read_frames
from auric.reference import Engine, Store, known_label, make_engine
from auric.reference.label import basis_name
from auric.reference.search import lowest_multiplicities, rerank

HERE = Path(__file__).parent


def main() -> None:
    """Label, rank, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("results/store"), help="label store")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="compute nothing")
    parser.add_argument("--output", type=Path, default=HERE / "small_clusters_dft.csv")
    options = parser.parse_args()
    reference = study.load({"study": "workstation"}, HERE.parent)["reference"]
    engine = make_engine(reference["engine"], reference["gth"], threads=options.threads, memory_mb=3000)
    compositions: dict[str, list[Atoms]] = {}
    for atoms in read_frames(HERE / "small_clusters.extxyz"):
        compositions.setdefault(atoms.info["name"].rsplit("_", 1)[0], []).append(atoms)
    store = Store(options.store)
    if not options.kept:
        compute(list(compositions.values()), engine, store)
    table = pd.DataFrame([row for candidates in compositions.values() for row in ranking(candidates, engine, store)])
    table.to_csv(options.output, index=False, float_format="%.6f")
    print("| cluster | above the lowest, GFN1-xTB (eV) | above the lowest, PBE (eV) | next multiplicity (eV) |")
    print("|---|---|---|---|")
    for row in table.itertuples():
        print(f"| {row.name} | {row.gfn1_relative_ev:.3f} | {row.relative_ev:.3f} | {row.next_multiplicity} |")


def compute(compositions: list[list[Atoms]], engine: Engine, store: Store) -> None:
    """All single points; what matters most first: the lowest multiplicity of all, then the others of each one's best."""
    for candidates in compositions:
        rerank(candidates, engine, store, multiplicities=lowest_multiplicities(candidates[0], 0)[:1])
    for candidates in compositions:
        lowest = rerank(candidates, engine, store, multiplicities=lowest_multiplicities(candidates[0], 0)[:1])[0]
        rerank([atoms for atoms in candidates if atoms.info["name"] == lowest.info["name"]], engine, store)
    for candidates in compositions:
        rerank(candidates, engine, store)


def ranking(candidates: list[Atoms], engine: Engine, store: Store) -> list[dict[str, Any]]:
    """One row per structure with a label, lowest by DFT first; energies above the lowest of either method."""
    lowest_gfn1 = min(float(atoms.info["gfn1_energy_ev"]) for atoms in candidates)
    rows, identity = [], engine.identity()
    for atoms in candidates:
        energies, failed = labels(atoms, engine, store)
        if not energies:
            continue
        best = min(energies, key=lambda multiplicity: energies[multiplicity])
        above = [f"{key}: +{energies[key] - energies[best]:.3f}" for key in sorted(energies) if key != best]
        words = [*above, *(f"{key}: not converged" for key in failed)]
        rows.append(
            {"name": atoms.info["name"], "charge": 0, "multiplicity": best, "energy_ev": energies[best]}
            | {"gfn1_relative_ev": float(atoms.info["gfn1_energy_ev"]) - lowest_gfn1}
            | {"next_multiplicity": ", ".join(words) or "not computed"}
            | {key: identity[key] for key in ("engine", "method")}
            | {"basis": basis_name(identity["basis"])}
        )
    lowest = min(row["energy_ev"] for row in rows)
    return sorted(
        ({**row, "relative_ev": row["energy_ev"] - lowest} for row in rows), key=lambda row: row["relative_ev"]
    )


def labels(atoms: Atoms, engine: Engine, store: Store) -> tuple[dict[int, float], list[int]]:
    """Kept energies (eV) by multiplicity, and multiplicities that did not converge."""
    energies, failed = {}, []
    for multiplicity in lowest_multiplicities(atoms, 0):
        copy = atoms.copy()
        copy.info["multiplicity"] = multiplicity
        entry = known_label(copy, engine, store)
        if entry and entry[0]["failure"]:
            failed.append(multiplicity)
        elif entry:
            energies[multiplicity] = float(entry[0]["energy_ev"])
    return energies, failed


if __name__ == "__main__":
    main()
