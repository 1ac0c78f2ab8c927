"""Make `small_clusters_dft.csv`: DFT single points of the small clusters over multiplicities, at the workstation study's level.

Stopped and run again, it goes on from the label store. The table that it prints is that of `small_clusters.md`.
"""

import argparse
from pathlib import Path

import pandas as pd
from ase import Atoms

from auric import study
from auric.files import read_frames
from auric.reference import Store, make_engine
from auric.reference.search import lowest_multiplicities, rerank

HERE = Path(__file__).parent


def main() -> None:
    """Label, rank, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("results/store"), help="label store")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE / "small_clusters_dft.csv")
    options = parser.parse_args()
    reference = study.load({"study": "workstation"}, HERE.parent)["reference"]
    engine = make_engine(reference["engine"], reference["gth"], threads=options.threads, memory_mb=3000)
    compositions: dict[str, list[Atoms]] = {}
    for atoms in read_frames(HERE / "small_clusters.extxyz"):
        compositions.setdefault(atoms.info["name"].rsplit("_", 1)[0], []).append(atoms)
    print(
        "| cluster | above the lowest, GFN1-xTB (eV) | above the lowest, PBE (eV) | next multiplicity lies higher by (eV) |"
    )
    print("|---|---|---|---|")
    store = Store(options.store)
    # What matters most first, should it be stopped: the lowest multiplicity of all, then the others of each one's best.
    for candidates in compositions.values():
        rerank(candidates, engine, store, multiplicities=lowest_multiplicities(candidates[0], 0)[:1])
    for candidates in compositions.values():
        lowest = rerank(candidates, engine, store, multiplicities=lowest_multiplicities(candidates[0], 0)[:1])[0]
        rerank([atoms for atoms in candidates if atoms.info["name"] == lowest.info["name"]], engine, store)
    tables = []
    for candidates in compositions.values():
        tables.append(ranking(candidates, rerank(candidates, engine, store)))
        for row in tables[-1].itertuples():
            print(
                f"| {row.name} | {row.gfn1_relative_ev:.3f} | {row.relative_ev:.3f} | {row.promotion_ev:.3f} |",
                flush=True,
            )
    pd.concat(tables).to_csv(options.output, index=False, float_format="%.6f")


def ranking(candidates: list[Atoms], ranked: list[Atoms]) -> pd.DataFrame:
    """One row per structure, lowest by DFT first; `promotion_ev` is from the best multiplicity to the other one."""
    lowest_gfn1 = min(float(atoms.info["gfn1_energy_ev"]) for atoms in candidates)
    rows = []
    for atoms in ranked:
        energies = [float(part.split(":")[1]) for part in atoms.info["energies_ev"].split(", ")]
        rows.append(
            {key: atoms.info[key] for key in ("name", "charge", "multiplicity", "energy_ev")}
            | {
                "relative_ev": atoms.info["relative_energy_ev"],
                "promotion_ev": sorted(energies)[1] - min(energies) if len(energies) > 1 else float("nan"),
                "gfn1_relative_ev": float(atoms.info["gfn1_energy_ev"]) - lowest_gfn1,
                **{key: atoms.info[key] for key in ("engine", "method", "basis")},
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
