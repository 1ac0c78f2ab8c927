"""How long whole studies take from nothing, on two cores, in a copy without results: the aims are 10 minutes for the
demonstration, 4 for the `test` study, and 10 seconds for a second run that finds nothing to do.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COPIED = ("Snakefile", "config", "envs", "profiles", "resources", "src", "workflow")
STUDIES = {"test": ["--config", "study=test"], "demo": []}


def measure_workflow() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for part in COPIED:
            source, target = Path(part), Path(name, part)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        for study, arguments in STUDIES.items():
            for subject in ("from nothing", "second run"):
                seconds = _run(name, arguments)
                rows.append(
                    {
                        "system": "workflow", "quantity": "wall_minutes", "unit": "min",
                        "subject": subject, "ours": seconds / 60, "n": 1, "data": f"{study} study, 2 cores", "split": "none",
                        "comparable": "not comparable", "better": "lower", "seconds": seconds,
                    }
                )  # fmt: skip
    return rows


def _run(folder: str, arguments: list[str]) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started
