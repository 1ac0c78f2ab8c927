"""What a study says, and what is left of it, when the machine lacks something: the table of docs/operations.md, made anew.

`python -m tests.end_to_end.lacks FOLDER [--only WORD]`: FOLDER is a copy of the workflow without results. The grid of one molecule of the
`test` study is made (four jobs) on a full disk, where nothing may be written, with too little memory, and by two runs at once. Disks are
file systems in memory, so this needs root on Linux. It ends with 1 if something was not told in one line, was lost, or ran needlessly.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.end_to_end.faults import damaged, leftovers

TARGET = "results/test/elf/grids/ausch3.nc"
SIZES_KB = (24, 56, 88, 140)
"""Of the disk: it is full in the job of frames, of labels (twice) and of the grid."""
PATIENCE_S = 3600
TIGHT = """
import resource
from pathlib import Path
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 10**7 + (snakemake.resources.mem_mb - 2000) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (most, most))
"""
"""At its first try a job that asks for 2000 MB has 10 MB above what the interpreter and its libraries take, at its second all that it then
asks for."""


class Row(NamedTuple):
    """One line of the table: what was lacking, what was told, and why that is not as it should be (empty if it is)."""

    what: str
    told: str
    fault: str


def command(folder: Path) -> "subprocess.Popen[str]":
    """Start making the grid."""
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "study=test", "--", TARGET]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def made(folder: Path) -> tuple[int, str]:
    """Make the grid: exit code and what was printed."""
    process = command(folder)
    text, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, text


def told(text: str) -> str:
    """The first line of auric's in what was printed."""
    return next((line for line in text.splitlines() if line.startswith("auric: ")), "")


def set_out(text: str) -> int:
    """Jobs that a run set out to do."""
    found = re.search(r" (\d+) jobs to run", text)
    return int(found[1]) if found else 0


def finished(folder: Path) -> int:
    """Jobs that the last run finished, by Snakemake's own log, which lies on another disk."""
    last = max((folder / ".snakemake/log").glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
    return len(set(re.findall(r"Finished jobid: (\d+)", last.read_text())))


@contextmanager
def disk(place: Path, options: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own at a place; yields what mounts it again with other options."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)

    def again(changed: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{changed}", str(place)], check=True)

    try:
        yield again
    finally:
        subprocess.run(["umount", str(place)], check=True)


def full_disk(folder: Path, size_kb: int) -> Row:
    """The disk of all results is full on the way."""
    what = f"a disk of {size_kb} kB for results"
    with disk(folder / "results", f"size={size_kb}k") as mount_again:
        code, text = made(folder)
        said = told(text)
        failures = [
            path for path in (folder / "results").rglob("failures*.csv") if len(path.read_text().splitlines()) > 1
        ]
        half = [*damaged(folder), *leftovers(folder)]
        wanted, done = set_out(text), finished(folder)
        mount_again("size=100m")
        again, more = made(folder)
        rest = set_out(more)
    fault = ""
    if code == 0 or "is full; make room and run the same command again" not in said:
        fault = f"exit {code}, told: {said or 'nothing'}"
    elif failures:
        fault = f"told as the structure's own failure in {failures[0]}"
    elif half:
        fault = f"half-written: {half[0]}"
    elif again or rest != wanted - done:
        fault = f"with room again: exit {again}, {rest} jobs where {wanted - done} of {wanted} were left"
    return Row(what, f"{said}; with room the {rest} jobs that were left run", fault)


def read_only(folder: Path, part: str) -> Row:
    """A folder that may not be written."""
    with disk(folder / "results" / part, "size=10m,ro"):
        code, text = made(folder)
    said = told(text)
    right = code and "is not writable; set `results` to a folder you may write to" in said and not set_out(text)
    return Row(
        f"results/{part} read-only".replace("results/ ", "results "),
        said,
        "" if right else f"exit {code}, told: {said or text[-300:]}",
    )


def little_memory(folder: Path) -> Row:
    """A real limit, which the second try lifts."""
    script = folder / "workflow/scripts/grid.py"
    text = script.read_text()
    # After the imports: libraries that are mapped are not what a job works with.
    script.write_text(text.replace("\nwith log_to(", TIGHT + "\nwith log_to(", 1))
    try:
        code, said = made(folder)
    finally:
        script.write_text(text)
    tries = said.count("Trying to restart job")
    told_so = "not enough memory; a job that may be tried again asks for more" in said
    right = code == 0 and tries == 1 and told_so and (folder / TARGET).is_file()
    return Row(
        "too little memory at the first try",
        told(said),
        "" if right else f"exit {code}, {tries} more tries, told: {told(said)}",
    )


def two_runs(folder: Path) -> Row:
    """A second run of the same study in the same folder."""
    first = command(folder)
    while not list((folder / ".snakemake/locks").glob("*.lock")) and first.poll() is None:
        time.sleep(0.1)
    code, text = made(folder)
    said = told(text)
    text, _ = first.communicate(timeout=PATIENCE_S)
    right = code and "a run of the study test is at work in this folder" in said and first.returncode == 0
    return Row(
        "a second run of the study",
        said,
        "" if right else f"exit {code}, told: {said}; the first: exit {first.returncode}",
    )


def main() -> int:
    """Take one thing after the other away, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="cases in whose name this word is")
    chosen = parser.parse_args()
    folder = chosen.folder.absolute()
    if (folder / "results").exists():
        sys.exit(f"{folder / 'results'}: is there already; give a copy of the workflow without results")
    cases: dict[str, Callable[[], Row]] = {
        f"full {size}": lambda size=size: full_disk(folder, size) for size in SIZES_KB
    }
    cases |= {f"read-only {part}": lambda part=part: read_only(folder, part) for part in ("", "test", "store")}
    cases |= {"memory": lambda: little_memory(folder), "two runs": lambda: two_runs(folder)}
    faults = 0
    print("| what | what is told | as it should be |\n|---|---|---|", flush=True)
    for name, case in cases.items():
        if chosen.only in name:
            row = case()
            shutil.rmtree(folder / "results", ignore_errors=True)
            faults += bool(row.fault)
            print(f"| {row.what} | {row.told} | {row.fault or 'yes'} |", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
