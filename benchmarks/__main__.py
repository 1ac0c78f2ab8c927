"""Benchmarks, side by side with peers or the plain way in one run; not part of the tests.

`python -m benchmarks [alkanes] [descriptors] [elf] [equivariant] [gth] [intervals] [levels] [matching] [memory] [microscopes] [microscopy] [noise] [oamlm] [plan] [potential] [relaxation] [sampling] [scale] [seeing] [steadiness] [structures] [synthesis] [training] [workflow]` measures those named, or all, and puts their rows into
docs/benchmarks.csv in place of earlier ones.
"""

import sys
from pathlib import Path

import pandas as pd

from auric.files import read_tables
from auric.memory import keep_freed_memory
from auric.scorecard import write_scorecard
from benchmarks import (
    alkanes,
    descriptors,
    elf,
    emlm,
    equivariant,
    gth,
    intervals,
    levels,
    matching,
    memory,
    microscopes,
    microscopy,
    noise,
    oamlm,
    plan,
    relaxation,
    sampling,
    scale,
    seeing,
    steadiness,
    structures,
    synthesis,
    training,
    workflow,
)

KEPT = Path("docs/benchmarks.csv")
STUDY = "benchmarks: {}"
BENCHMARKS = {
    "alkanes": alkanes.measure_alkanes,
    "descriptors": descriptors.measure_descriptors,
    "elf": elf.measure_elf,
    "equivariant": equivariant.measure_equivariant,
    "gth": gth.measure_gth,
    "intervals": intervals.measure_intervals,
    "levels": levels.measure_levels,
    "matching": matching.measure_matching,
    "memory": memory.measure_memory,
    "microscopes": microscopes.measure_microscopes,
    "microscopy": microscopy.measure_microscopy,
    "noise": noise.measure_noise,
    "oamlm": oamlm.measure_oamlm,
    "plan": plan.measure_plan,
    "potential": emlm.measure_emlm,
    "relaxation": relaxation.measure_relaxation,
    "sampling": sampling.measure_sampling,
    "scale": scale.measure_scale,
    "seeing": seeing.measure_seeing,
    "steadiness": steadiness.measure_steadiness,
    "structures": structures.measure_structures,
    "synthesis": synthesis.measure_synthesis,
    "training": training.measure_training,
    "workflow": workflow.measure_workflow,
}
chosen = sys.argv[1:] or list(BENCHMARKS)
if unknown := set(chosen) - set(BENCHMARKS):
    sys.exit(f"unknown benchmark {sorted(unknown)[0]}; choose from {', '.join(BENCHMARKS)}")
if "training" in chosen and not Path(training.IMAGES).exists():
    sys.exit(f"{training.IMAGES} is missing; run `make run` first, or name other benchmarks")
keep_freed_memory()  # as jobs do
measured = []
for name in chosen:
    for row in BENCHMARKS[name]():
        print(
            f"{row['quantity']:20s} {row['subject']:42s} {row['data']:22s} {row['ours']:.3g} {row['unit']}", flush=True
        )
        measured.append(row | {"study": STUDY.format(name)})
kept = read_tables([KEPT]) if KEPT.exists() else pd.DataFrame(columns=["study"])
rows = kept[~kept["study"].isin([STUDY.format(name) for name in chosen])].to_dict("records") + measured
write_scorecard(KEPT, rows)
print(f"written to {KEPT}; `auric results > docs/results.md` makes the page")
