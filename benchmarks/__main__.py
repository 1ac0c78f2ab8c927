"""All benchmarks, side by side with a peer in one run; figures go to docs/benchmarks.csv. Not part of the tests."""

from auric.scorecard import write_scorecard
from benchmarks.elf import measure_elf

rows = measure_elf()
for row in rows:
    print(f"{row['quantity']:20s} {row['data']:24s} {row['ours']:.3g} {row['unit']}")
write_scorecard("docs/benchmarks.csv", rows)
print("written to docs/benchmarks.csv; `auric results > docs/results.md` makes the page")
