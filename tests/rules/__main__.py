"""`python -m tests.rules` makes the expected outputs again from the stored inputs; with a folder of a finished `test` study
(`python -m tests.rules results/test`) it takes new inputs first. Look at what changed before you keep it.
"""

import sys
import tempfile
from pathlib import Path

from tests.rules.stored import HERE, keep_inputs, keep_outputs, run

if len(sys.argv) > 1:
    keep_inputs(Path(sys.argv[1]))
with tempfile.TemporaryDirectory() as folder:
    keep_outputs(run(Path(folder)))
size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
print(f"{size / 1e3:.0f} kB in {HERE}")
