"""What the workflow itself costs with many structures: up to 10,000 of 20 frames each, with jobs that import what the real ones do and then
write empty files.

Aims: a dry run below a minute, less than 4 GiB for Snakemake, below half a minute to see that nothing is to be done, below 3 s for each job.
Times are processor time, so that other work on the machine does not count; the wall time is in the column `seconds`. Jobs of studies of more
than `AURIC_SCALE_RUN_UP_TO` structures (100, a few core minutes; 1000 takes half a core hour) are not run: their files are made beforehand,
and Snakemake is told that they are up to date (--touch). One job is started as a cluster starts each (--mode remote).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auric.jobs import Job, jobs_of
from benchmarks.workflow import COPIED

STRUCTURES = (100, 300, 1_000, 3_000, 10_000)
PER_BLOCK, FRAMES, FRAME_BLOCKS = 20, 20, 4
RUN_UP_TO = int(os.environ.get("AURIC_SCALE_RUN_UP_TO", "100"))
REMOTE = (
    "--mode", "remote", "--cores", "1", "--force", "--nolock", "--notemp", "--no-hooks", "--ignore-incomplete", "--allowed-rules", "labels",
    "--target-jobs", "labels:s={s},f={f}",
)  # fmt: skip
"""How a cluster starts a job."""
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
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(code)
"""
"""Runs a command and prints its memory (kilobyte) and processor time (s). A process of its own, as a child's memory counts its parent's at the start."""


class Spent(NamedTuple):
    """What a command took: processor time, time by the clock (s), and most memory of its largest process (gigabyte)."""

    core_seconds: float
    seconds: float
    gigabytes: float


def measure_scale() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    rows = []
    for count in STRUCTURES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _prepare(folder, count)
            found = {"a dry run": _snakemake(folder, "--dry-run")}
            jobs = jobs_of("scale", folder)
            if count <= RUN_UP_TO:
                whole = _snakemake(folder, "--cores", "2")
                found["each job"] = Spent(whole.core_seconds / len(jobs), whole.seconds / len(jobs), whole.gigabytes)
            else:
                for job in jobs:
                    for path in (folder / name for name in (*job.output, job.benchmark)):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.touch() if path.suffix else path.mkdir()
                found["a run of files that are there"] = _snakemake(folder, "--cores", "2", "--touch")
            found["seeing that nothing is to be done"] = _snakemake(folder, "--cores", "2")
            found["one job as a cluster starts it"] = _remote(folder, jobs)
            for subject, spent in found.items():
                print(f"{count} structures, {len(jobs)} jobs: {subject} {spent.core_seconds:.2f} core s", flush=True)
                common = {
                    "system": "workflow", "subject": subject, "n": len(jobs), "data": f"{count} structures x {FRAMES} frames",
                    "split": "none", "comparable": "not comparable", "better": "lower", "seconds": spent.seconds,
                }  # fmt: skip
                rows += [
                    common | {"quantity": "core_seconds", "unit": "s", "ours": spent.core_seconds},
                    common | {"quantity": "peak_memory", "unit": "GB", "ours": spent.gigabytes},
                ]
    return rows


def _remote(folder: Path, jobs: Sequence[Job]) -> Spent:
    """Start one job alone, as on a node of a cluster; its input is there."""
    job = next(job for job in jobs if job.rule == "labels")
    return _snakemake(folder, *(word.format(**job.wildcards) for word in REMOTE))


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
    kilobytes, core_seconds = done.stdout.split()[-2:]
    return Spent(float(core_seconds), time.perf_counter() - started, int(kilobytes) / 1e6)
