"""All benchmarks, side by side with peers or the plain way in one run; figures go to docs/benchmarks.csv. Not part of the tests."""

from pathlib import Path

from auric.scorecard import write_scorecard
from benchmarks import elf, training

rows = elf.measure_elf()
if Path(training.IMAGES).exists():
    rows += training.measure_training()
else:
    print(f"{training.IMAGES} is missing, so trainings are not compared; run `make run` first")
for row in rows:
    print(f"{row['quantity']:20s} {row['subject']:42s} {row['data']:12s} {row['ours']:.3g} {row['unit']}")
write_scorecard("docs/benchmarks.csv", rows)
print("written to docs/benchmarks.csv; `auric results > docs/results.md` makes the page")
