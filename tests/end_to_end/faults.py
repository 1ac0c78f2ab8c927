"""Kill a study at random moments, again and again, resume it each time, and compare what it ends with to an undisturbed run.

`python -m tests.end_to_end.faults WHOLE FOLDER --kills 50 --seed 0`: WHOLE holds the finished study, FOLDER a copy of the workflow
without results. Killed with SIGKILL are, in turn by chance: the scheduler alone, one job, or all processes at once. After each kill every
file that the workflow would take as finished is opened; whenever the study has ended it is compared, and begun again from nothing until
there were so many kills. A run that ends by itself with an error that no kill explains ends all.
"""

import argparse
import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from ase.io import read
from safetensors import safe_open

from auric.files import read_frames, read_npz

KINDS = ("scheduler", "job", "group")
OF_TIME = ("seconds", "seconds_per_step", "created")
"""Columns and attributes whose names end so tell how long something took; so do rows of scorecards of `TIMES`."""
TIMES = ("core_minutes", "core_seconds_saved", "effective_samples_per_core_hour", "steps_per_core_hour")
LOOKS = ("*.csv", "*.npz", "*.nc", "*.extxyz", "*.cube", "*.safetensors")
OPENED = (*LOOKS, "*.json", "*.zip")
TOLERANCE = 1e-5
"""Relative, of what a study ends with after kills. A relaxation that was killed goes on from positions as its file has them, to 1e-8
angstrom; where a bond's stiffness is tens of eV/angstrom^2 that moves a force by some 1e-7 eV/angstrom, and the force that is left where
a relaxation ends is a few hundredths. All else is the same bit for bit."""
PATIENCE_S = 1800


class Difference(NamedTuple):
    """What differs between two files: where, and by how much (relative; inf where it cannot be compared)."""

    file: str
    where: str
    size: float


@dataclass
class Story:
    """What came of a study that was killed.

    Attributes:
        kills: In which ways, in order.
        ends: How often it was finished.
        damaged: Files that a kill left half-written at their final place.
        left: Hidden files left when it was finished.
        differences: To the undisturbed run, of all that were finished.
        fault: Why it was given up; empty if it was not.
    """

    kills: list[str] = field(default_factory=list)
    ends: int = 0
    damaged: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    fault: str = ""

    def sound(self, kills: int) -> bool:
        """Whether it was killed so often, and nothing came of it."""
        apart = any(one.size > TOLERANCE for one in self.differences)
        return len(self.kills) >= kills and self.ends > 0 and not (self.fault or self.damaged or self.left or apart)


def start(folder: Path, study: str, cores: int) -> "subprocess.Popen[bytes]":
    """Start the study in a session of its own, its words appended to `run.log`."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--config", f"study={study}"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    with (folder / "run.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)


def members(session: int) -> list[int]:
    """Processes of a session but its leader."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and int(path.name) != session:
            found.append(int(path.name))
    return found


def rule_of(process: int) -> str:
    """The rule whose script a process runs, or '' if it runs none."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
    found = re.search(r"\.snakemake/scripts/tmp[^./]*\.(\w+)\.py", words)
    return found[1] if found else ""


def kill(process: "subprocess.Popen[bytes]", kind: str, rng: random.Random) -> tuple[str, str]:
    """Kill in one of the ways of `KINDS`; a run without a job loses its scheduler.

    Returns:
        The way, and the rule of the job that was killed by itself.
    """
    jobs = {job: rule for job in members(process.pid) if (rule := rule_of(job))}
    if kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif kind == "job" and jobs:
        job = rng.choice(sorted(jobs))
        os.kill(job, signal.SIGKILL)
        return "job", jobs[job]
    else:
        os.kill(process.pid, signal.SIGKILL)
        kind = "scheduler"
    process.wait()
    return kind, ""


def torture(whole: Path, folder: Path, study: str, *, kills: int, seed: int, longest_s: float, cores: int) -> Story:
    """Kill the study so often, comparing it and beginning again whenever it has finished, and let it end at last."""
    rng, story = random.Random(seed), Story()
    process, struck, told = None, set(), 0
    while not story.fault:
        if process is None:
            process, struck, told = start(folder, study, cores), set(), len(_failed(folder, study))
        more = len(story.kills) < kills
        try:
            process.wait(timeout=rng.uniform(0.5, longest_s) if more else PATIENCE_S)
        except subprocess.TimeoutExpired:
            if not more:
                os.killpg(process.pid, signal.SIGKILL)
                story.fault = f"the study did not end within {PATIENCE_S} s"
                break
            kind, rule = kill(process, rng.choice(KINDS), rng)
            story.kills.append(kind)
            story.damaged += [f"after kill {len(story.kills)}: {one}" for one in damaged(folder)]
            print(f"kill {len(story.kills)} of {kills}: {kind} {rule}", flush=True)
            if kind == "job":  # its run goes on, and tries it again
                struck.add(rule)
            else:
                process = None
            continue
        failed = set(_failed(folder, study)[told:])
        if process.returncode and not (failed and failed <= struck):
            story.fault = f"a run ended by itself (exit {process.returncode}, failed: {', '.join(failed) or 'no job'})"
        elif not process.returncode:
            story.ends += 1
            story.left += leftovers(folder)
            story.differences += differences(whole / "results", folder / "results")
            print(f"finished for the {story.ends}. time: {len(story.differences)} differences so far", flush=True)
            if not more:
                break
            shutil.rmtree(folder / "results")
        process = None
    return story


def _failed(folder: Path, study: str) -> list[str]:
    """Rules of jobs that failed, as the runs so far told."""
    path = folder / "results" / study / "progress.log"
    return re.findall(r" FAILED (\w+)", path.read_text()) if path.exists() else []


def damaged(folder: Path) -> list[str]:
    """Files at their final places that cannot be read whole, but for those that the next run makes again.

    Walks grow in the store, and go on from their last whole frame.
    """
    found = []
    for path in sorted({path for look in OPENED for path in (folder / "results").rglob(look)}):
        name = str(path.relative_to(folder))
        mark = base64.urlsafe_b64encode(name.encode()).decode()
        if path.name.startswith(".") or "store/walks" in name or (folder / ".snakemake/incomplete" / mark).exists():
            continue
        try:
            _opened(path)
        except Exception as error:  # whatever a reader makes of half a file
            if path.exists():  # else it was taken away meanwhile: by its scheduler for another try, or by a job that has a second to end
                found.append(f"{name} ({type(error).__name__}: {error})")
    return found


def _opened(path: Path) -> None:
    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as file:
            if bad := file.testzip():
                raise ValueError(f"its part {bad} is damaged")
    elif path.suffix == ".cube":
        read(path, format="cube")  # refuses one with too few numbers
    else:
        _numbers(path)


def leftovers(folder: Path) -> list[str]:
    """Files that a killed run left half-written where users look."""
    return sorted(
        str(path.relative_to(folder))
        for path in (folder / "results").rglob("*")
        if path.is_file() and path.name.startswith(".") and path.name != ".snakemake_timestamp"
    )


def differences(whole: Path, other: Path) -> Iterator[Difference]:
    """Everything that two finished results do not have in common, but for times."""
    files = {path.relative_to(whole) for look in LOOKS for path in whole.rglob(look) if not _apart(path, whole)}
    theirs = {path.relative_to(other) for look in LOOKS for path in other.rglob(look) if not _apart(path, other)}
    for name in sorted(files ^ theirs):
        yield Difference(str(name), "only in one of them", np.inf)
    for name in sorted(files & theirs):
        if (whole / name).read_bytes() != (other / name).read_bytes():
            ours, others = _numbers(whole / name), _numbers(other / name)
            for where in sorted(ours.keys() | others.keys()):
                if (size := _apart_by(ours.get(where), others.get(where))) > 0:
                    yield Difference(str(name), where, size)


def _apart(path: Path, root: Path) -> bool:
    """The report and records of times and progress are not compared."""
    return bool({"report", "logs", "benchmarks", "checkpoints"} & set(path.relative_to(root).parts))


def _numbers(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".csv":
        table = pd.read_csv(path)
        if "quantity" in table:
            table = table[~table["quantity"].isin(TIMES)]
        found = {str(name): table[name].to_numpy() for name in table}
    elif path.suffix == ".npz":
        header, arrays = read_npz(path)
        found = arrays | _leaves("header", header)
    elif path.suffix == ".safetensors":
        with safe_open(path, framework="np") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found |= _leaves("header", {name: json.loads(text) for name, text in (file.metadata() or {}).items()})
    elif path.suffix == ".nc":
        with xr.open_dataset(path, engine="h5netcdf") as data:
            found = {str(name): data[name].values for name in data.variables} | _leaves("attributes", dict(data.attrs))
            for name in data.variables:
                found |= _leaves(f"attributes of {name}", dict(data[name].attrs))
    elif path.suffix == ".cube":
        found = {"text": np.array(path.read_text().split()[6:], dtype=object)}
    else:
        frames = read_frames(path)
        found = {f"{k} {name}": array for k, atoms in enumerate(frames) for name, array in atoms.arrays.items()}
        found |= {
            f"{k} {name}": np.array([value], dtype=object) for k, atoms in enumerate(frames) for name, value in atoms.info.items()
        }  # fmt: skip
    return {where: array for where, array in found.items() if not where.endswith(OF_TIME)}


def _leaves(where: str, value: Any) -> dict[str, np.ndarray]:
    """Numbers and texts of nested attributes, by their place; digests are of what else is compared, times included."""
    if isinstance(value, dict | list):
        found: dict[str, np.ndarray] = {}
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            if key != "digest":
                found |= _leaves(f"{where} {key}", one)
        return found
    return {where: np.asarray(value) if isinstance(value, np.ndarray) else np.array([str(value)], dtype=object)}


def _apart_by(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """Largest difference over the largest size; inf where shapes or texts differ."""
    if one is None or other is None or one.shape != other.shape:
        return np.inf
    try:
        a, b = one.astype(float), other.astype(float)
    except (TypeError, ValueError):
        return 0.0 if (one.astype(str) == other.astype(str)).all() else np.inf
    if not (np.isnan(a) == np.isnan(b)).all():
        return np.inf
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    return float(np.abs(a - b).max(initial=0.0) / max(np.abs(a).max(initial=0.0), 1e-300)) if (a != b).any() else 0.0


def main() -> int:
    """Torture, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("whole", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", default="test")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds until a run is killed, at most")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    began = time.monotonic()
    story = torture(
        chosen.whole, chosen.folder, chosen.study, kills=chosen.kills, seed=chosen.seed, longest_s=chosen.longest, cores=chosen.cores
    )  # fmt: skip
    for one in story.differences[:40]:
        print(f"differs: {one.file}, {one.where}: {one.size:.1e}")
    for line in [*story.damaged[:40], *story.left[:40]]:
        print(f"half-written: {line}")
    if story.fault:
        print(f"given up: {story.fault}; see {chosen.folder / 'run.log'}")
    print(
        f"{len(story.kills)} kills ({', '.join(f'{story.kills.count(kind)} {kind}' for kind in KINDS)}) in "
        f"{(time.monotonic() - began) / 60:.0f} min; finished {story.ends} times; {len(story.damaged)} files half-written, "
        f"{len(story.left)} left over; {len(story.differences)} differences, the largest "
        f"{max((one.size for one in story.differences), default=0.0):.1e} (allowed {TOLERANCE:g})"
    )
    return 0 if story.sound(chosen.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
