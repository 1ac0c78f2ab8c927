"""A longer run: `python -m tests.fuzz --examples 5000 [--seed N] [--reader NAME]`, one line per reader.

Each reader works in a process of its own, so that one that crashes or hangs is told, and the others go on. An example depends on
the seed, the reader's name and its number alone: `--only N` reads one again and shows what came of it; `--keep FOLDER` keeps the
files at fault.
"""

import argparse
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from auric.progress import log

from .corpus import Reader, readers
from .mutations import spoiled
from .watch import LIMIT_SECONDS, PATIENCE, outcome

MEMORY_BYTES = 4_000_000_000
"""A reader may ask for so much more than the process has."""
STALLED_SECONDS = 1.5 * PATIENCE * LIMIT_SECONDS
COLUMNS = ("reader", "tried", "accepted", "refused", "faults", "slowest s", "memory MB")


def _example(reader: Reader, seed: int, number: int) -> bytes:
    return spoiled(reader, random.Random(f"{seed} {reader.name} {number}"))


def _work(reader: Reader, seed: int, first: int, end: int, folder: Path, found: Any) -> None:
    os.chdir(folder)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = folder / reader.file
    for number in range(first, end):
        path.write_bytes(_example(reader, seed, number))
        found.send((number, None, None, 0))
        one = outcome(reader.read, path)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found.send((number, one.kind, one, grown / 1024))
    found.close()


def fuzz(reader: Reader, *, examples: int, seed: int) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """Give a reader spoiled files.

    Returns:
        A row of `COLUMNS`, and number and words of each fault.
    """
    counts: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    slowest, memory, number = 0.0, 0.0, -1
    context = multiprocessing.get_context("fork")
    while number + 1 < examples:
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(reader, seed, number + 1, examples, Path(folder), theirs))
            worker.start()
            theirs.close()
            under_way = False
            try:
                while ours.poll(STALLED_SECONDS):
                    number, kind, one, grown = ours.recv()
                    under_way = kind is None
                    if kind is None:
                        continue
                    counts[kind] += 1
                    slowest, memory = max(slowest, one.seconds), max(memory, grown)
                    if kind == "fault":
                        faults.append((number, one.words))
                else:
                    os.kill(worker.pid, signal.SIGKILL)
            except EOFError:
                pass
            worker.join()
            if under_way:
                counts["fault"] += 1
                faults.append((number, f"the process ended with {worker.exitcode}"))
            elif worker.exitcode and number + 1 < examples:
                raise RuntimeError(f"{reader.name}: the worker ended with {worker.exitcode} between two examples")
    row = {
        "reader": reader.name, "tried": sum(counts.values()), "accepted": counts["accepted"], "refused": counts["refused"],
        "faults": counts["fault"], "slowest s": f"{slowest:.2f}", "memory MB": f"{memory:.0f}",
    }  # fmt: skip
    return row, faults


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=5000, help="for each reader (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", help="one reader, again for others (default: all)")
    parser.add_argument("--only", type=int, help="read this example of each reader alone, and show what came of it")
    parser.add_argument("--keep", type=Path, help="folder that takes the files at fault")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin with no reader after this time")
    chosen = parser.parse_args()
    log.disabled = True
    started, rows = time.perf_counter(), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        known = readers(Path(folder))
        if unknown := [name for name in chosen.reader or () if name not in known]:
            parser.error(f"no reader '{unknown[0]}'; choose from {', '.join(known)}")
        _tell(dict(zip(COLUMNS, COLUMNS, strict=True)))
        for name in chosen.reader or known:
            if chosen.only is not None:
                path = Path(folder) / known[name].file
                path.write_bytes(_example(known[name], chosen.seed, chosen.only))
                print(name, *outcome(known[name].read, path)[:2])
                continue
            if time.perf_counter() - started > chosen.seconds:
                print(f"{name:>20}  not begun: out of time")
                continue
            path = Path(folder) / known[name].file
            path.write_bytes(known[name].good[0])
            outcome(known[name].read, path, seconds=100)  # what is imported only now is no fault of a file
            row, faults = fuzz(known[name], examples=chosen.examples, seed=chosen.seed)
            _tell(row)
            rows.append(row)
            told: set[str] = set()
            for number, words in faults:
                last = words.strip().splitlines()[-1][:160]
                if last[:40] not in told:
                    told.add(last[:40])
                    print(f"    example {number}: {last}", flush=True)
                if chosen.keep:
                    chosen.keep.mkdir(parents=True, exist_ok=True)
                    kept = chosen.keep / f"{name.replace(' ', '_')}_{number}{Path(known[name].file).suffix}"
                    kept.write_bytes(_example(known[name], chosen.seed, number))
    if chosen.only is not None:
        return 0
    whole = {key: sum(row[key] for row in rows) for key in ("tried", "accepted", "refused", "faults")}
    worst = {key: max((row[key] for row in rows), key=float, default="") for key in ("slowest s", "memory MB")}
    _tell({"reader": f"all {len(rows)}"} | whole | worst)
    print(f"{whole['faults']} faults; seed {chosen.seed}")
    return 1 if whole["faults"] else 0


def _tell(row: dict[str, Any]) -> None:
    print("".join(f"{row[name]:>{20 if not place else 11}}" for place, name in enumerate(COLUMNS)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
