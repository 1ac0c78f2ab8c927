"""Kill a study at random moments, again and again, resume it each time, and compare what it ends with to an undisturbed run.

`python -m tests.end_to_end.faults WHOLE FOLDER --kills 50 --seed 0`: WHOLE holds the finished study, FOLDER a copy of the workflow
without results. Killed with SIGKILL are, in turn by chance: the scheduler alone, one job, or all processes at once.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from auric.files import read_frames, read_npz

KINDS = ("scheduler", "job", "group")
OF_TIME = ("seconds", "seconds_per_step", "created")
"""Columns and attributes whose names end so tell how long something took; so do rows of scorecards of `TIMES`."""
TIMES = ("core_minutes", "core_seconds_saved", "effective_samples_per_core_hour", "steps_per_core_hour")
LOOKS = ("*.csv", "*.npz", "*.nc", "*.extxyz", "*.cube")
PATIENCE_S = 1800


class Difference(NamedTuple):
    """What differs between two files: where, and by how much (relative; inf where it cannot be compared)."""

    file: str
    where: str
    size: float


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


def kill(process: "subprocess.Popen[bytes]", kind: str, rng: random.Random) -> None:
    """Kill in one of the ways of `KINDS`; a run without a job loses its scheduler."""
    jobs = members(process.pid)
    if kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif kind == "job" and jobs:
        os.kill(rng.choice(jobs), signal.SIGKILL)
    else:
        os.kill(process.pid, signal.SIGKILL)


def torture(folder: Path, study: str, *, kills: int, seed: int, longest_s: float, cores: int) -> list[str]:
    """Kill the study so often while it runs, then let it end.

    Returns:
        The ways it was killed; fewer than asked for if the study ended before.
    """
    rng, done = random.Random(seed), []
    while len(done) < kills:
        process = start(folder, study, cores)
        end = time.monotonic() + rng.uniform(0.5, longest_s)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        if process.poll() == 0:
            break
        if process.poll() is None:
            kind = rng.choice(KINDS)
            kill(process, kind, rng)
            done.append(kind)
            print(f"kill {len(done)} of {kills}: {kind}", flush=True)
        if process.poll() is None and kind == "job":  # the others go on; the scheduler says that one failed, and ends
            try:
                process.wait(timeout=longest_s)
            except subprocess.TimeoutExpired:
                kill(process, "group", rng)
        process.wait()
    code = start(folder, study, cores).wait(timeout=PATIENCE_S)
    if code:
        raise RuntimeError(f"the study did not end after {len(done)} kills; see {folder / 'run.log'}")
    return done


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
        found = dict(read_npz(path)[1])
    elif path.suffix == ".nc":
        with xr.open_dataset(path, engine="h5netcdf") as data:
            found = {str(name): data[name].values for name in data.variables}
    elif path.suffix == ".cube":
        found = {"text": np.array(path.read_text().split()[6:], dtype=object)}
    else:
        frames = read_frames(path)
        found = {f"{k} {name}": array for k, atoms in enumerate(frames) for name, array in atoms.arrays.items()}
        found |= {
            f"{k} {name}": np.array([value], dtype=object) for k, atoms in enumerate(frames) for name, value in atoms.info.items()
        }  # fmt: skip
    return {where: array for where, array in found.items() if not where.endswith(OF_TIME)}


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
    kinds = torture(
        chosen.folder, chosen.study, kills=chosen.kills, seed=chosen.seed, longest_s=chosen.longest, cores=chosen.cores
    )
    results = [folder / "results" / chosen.study for folder in (chosen.whole, chosen.folder)]
    found = list(differences(*results))
    left = leftovers(chosen.folder)
    for one in found[:40]:
        print(f"differs: {one.file}, {one.where}: {one.size:.1e}")
    print(
        f"{len(kinds)} kills ({', '.join(f'{kinds.count(kind)} {kind}' for kind in KINDS)}); {len(left)} files left over; {len(found)} differences, the largest {max((one.size for one in found), default=0.0):.1e}"
    )
    return 1 if left or any(one.size > 1e-6 for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
