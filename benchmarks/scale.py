"""What the workflow itself costs with many structures: up to 10,000 of 20 frames each, with jobs that import what the real ones do and then
write empty files.

Aims: a dry run below a minute, less than 4 GiB for Snakemake, below half a minute to see that nothing is to be done, below 3 s for each job.
Jobs of the largest studies are not run: their files are made beforehand, and Snakemake is told that they are up to date (--touch).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from auric.jobs import jobs_of
from benchmarks.workflow import COPIED

STRUCTURES = (100, 1_000, 10_000)
PER_BLOCK, FRAMES, FRAME_BLOCKS = 20, 20, 4
RUN_UP_TO = 100
"""Studies of up to so many structures are run whole."""
STUDY = f"""\
study: scale
structures:
  table: config/studies/scale.tsv
  blocks: {{blocks}}
reference:
  frame_blocks: {FRAME_BLOCKS}
  frames: {{{{count: {FRAMES}}}}}
ruler:
  splits: [image]
  folds: 2
  seeing: {{{{images: 0}}}}
"""


MEASURED = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stderr=subprocess.STDOUT)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""Runs a command and prints its memory (kilobyte). A process of its own, as a child's memory counts its parent's at the start."""


class Spent(NamedTuple):
    """What a command took: seconds, and most memory of its largest process (gigabyte)."""

    seconds: float
    gigabytes: float


def measure_scale() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    rows = []
    for count in STRUCTURES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _prepare(folder, count)
            dry = _snakemake(folder, "--dry-run")
            jobs = len(jobs_of("scale", folder))
            found = {"seconds of a dry run": dry.seconds, "memory of a dry run": dry.gigabytes}
            if count <= RUN_UP_TO:
                whole = _snakemake(folder, "--cores", "2")
                found["core seconds for each job"] = whole.seconds * 2 / jobs
            else:
                for job in jobs_of("scale", folder):
                    for path in (folder / name for name in (*job.output, job.benchmark)):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.touch() if path.suffix else path.mkdir()
                touched = _snakemake(folder, "--cores", "2", "--touch")
                found["memory of a run"] = touched.gigabytes
            again = _snakemake(folder, "--cores", "2")
            found["seconds to see that nothing is to be done"] = again.seconds
            for subject, ours in found.items():
                memory = subject.startswith("memory")
                print(f"{count} structures, {jobs} jobs: {subject} {ours:.2f}", flush=True)
                rows.append(
                    {
                        "system": "workflow", "quantity": "peak_memory" if memory else "seconds", "unit": "GB" if memory else "s",
                        "subject": subject, "ours": ours, "n": jobs, "data": f"{count} structures x {FRAMES} frames",
                        "split": "none", "comparable": "not comparable", "better": "lower", "seconds": ours,
                    }
                )  # fmt: skip
    return rows


def _prepare(folder: Path, count: int) -> None:
    """A copy of the workflow whose scripts do nothing, and a study of so many structures."""
    for part in COPIED:
        source, target = Path(part), folder / part
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    for script in (folder / "workflow/scripts").glob("*.py"):
        imports = [line for line in script.read_text().splitlines() if line.startswith(("import ", "from "))]
        touched = (
            "from pathlib import Path\n"
            "for path in map(Path, snakemake.output):\n"
            "    path.touch() if path.suffix else path.mkdir(exist_ok=True)\n"
        )
        script.write_text("\n".join([*imports, touched]))
    (folder / "config/studies/scale.yaml").write_text(STUDY.format(blocks=min(1000, max(1, count // PER_BLOCK))))
    lines = ["name\tbuilder\trecipe\tcharge\tmultiplicity\tframes"]
    lines += [f"s{number}\tfile\tresources/structures/ausch3.xyz\t0\t1\t{FRAMES}" for number in range(count)]
    (folder / "config/studies/scale.tsv").write_text("\n".join(lines) + "\n")


def _snakemake(folder: Path, *arguments: str) -> Spent:
    started = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", *arguments, "--config", "study=scale"]
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}")
    return Spent(time.perf_counter() - started, int(done.stdout.split()[-1]) / 1e6)
