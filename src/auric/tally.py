"""What of a run is done, room by room, and when it will be at its end: told on the terminal and in a log, while it runs.

Snakemake tells each event by a record of its logger; `TallyHandler` listens there, wherever the jobs themselves run.
"""

import logging
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple

OURS = ("job_finished", "progress", "job_started", "run_info")
"""Events of Snakemake that are told here in other words."""
CHATTER = "Select jobs to execute..."
TERMINAL_S = 1.0
"""A line on the terminal at most so often; the log has all."""
UNKNOWN_S = 10.0
"""Taken for a job of whose rule nothing is known."""
RATE_S, RATE_JOBS = 300.0, 5
"""The rate is that of the last minutes, or of the last jobs where these took longer."""


def in_words(seconds: float) -> str:
    """A time in words, to two digits."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{two_digits(seconds / length)} {unit}"
    return f"{two_digits(seconds)} s"


def two_digits(number: float) -> str:
    """A number as text: whole from 10 on, else with one digit behind the point unless that is 0."""
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}".removesuffix(".0")


class _Begun(NamedTuple):
    rule: str
    what: str
    at: float


class Tally:
    """Counts the jobs of one run.

    Args:
        rooms: The room of each rule.
        expected: Seconds that a job of a rule takes, where that is known beforehand.
        cores: Jobs that are taken to run side by side until the run itself has shown how many do.
    """

    def __init__(self, rooms: Mapping[str, str], expected: Mapping[str, float], cores: int = 1) -> None:
        self.rooms, self.expected, self.cores = rooms, expected, max(1, cores)
        self.jobs: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.spent: dict[str, float] = {}
        self.running: dict[int, _Begun] = {}
        self.started = 0.0
        self.finished: deque[float] = deque()

    @property
    def total(self) -> int:
        """Jobs of the run."""
        return self.jobs.total()

    def plan(self, jobs: Mapping[str, int], now: float) -> str:
        """Begin with the jobs that are to run, by rule; a line that says so."""
        self.jobs, self.started, self.finished = Counter(jobs), now, deque([now])
        counts: Counter[str] = Counter()
        for rule, count in jobs.items():
            counts[self.room(rule)] += count
        parts = ", ".join(f"{room} {count}" for room, count in counts.items())
        return f"{self.total} jobs to run ({parts}); about {in_words(self.left_s(now))}"

    def room(self, rule: str) -> str:
        """The room that a rule belongs to; the rule itself where none is named."""
        return self.rooms.get(rule, rule)

    def begin(self, number: int, rule: str, wildcards: Mapping[str, str], now: float) -> None:
        """A job begins, or is given to a queue; begun again, it counts from then on."""
        what = " ".join([rule, *(str(value) for value in wildcards.values())])
        self.running[number] = _Begun(rule, what, now)

    def finish(self, number: int, now: float) -> str:
        """A job has finished; a line that says what is done and left. Empty for a job that never began."""
        begun = self.running.pop(number, None)
        if begun is None:
            return ""
        room = self.room(begun.rule)
        self.done[begun.rule] += 1
        self.finished.append(now)
        self.spent[begun.rule] = self.spent.get(begun.rule, 0.0) + now - begun.at
        done = self.done.total()
        left = (
            f"{self._rate(now)}, about {in_words(self.left_s(now))} left"
            if done < self.total
            else f" in {in_words(now - self.started)}"
        )
        return (
            f"{done} of {self.total}{left} | {room} {self._of(self.done, room)} of {self._of(self.jobs, room)} | "
            f"{begun.what}: {in_words(now - begun.at)}"
        )

    def fail(self, number: int, logs: list[str], now: float) -> str:
        """A job has failed; a line that says which, and where to read why."""
        begun = self.running.pop(number, None)
        after = f" after {in_words(now - begun.at)}" if begun else ""
        return f"FAILED {begun.what if begun else f'job {number}'}{after}" + (
            f"; see {', '.join(logs)}" if logs else ""
        )

    def left_s(self, now: float) -> float:
        """Seconds until the end: what the jobs left take by those of their rule that have finished, else by what was expected, over
        as many jobs as ran side by side so far; no less than the longest of them takes.
        """
        busy = sum(self.spent.values()) + sum(now - begun.at for begun in self.running.values())
        side_by_side = float(self.cores)
        if self.done and now > self.started:
            side_by_side = min(max(1.0, busy / (now - self.started)), float(max(self.cores, len(self.running))))
        begun = Counter(job.rule for job in self.running.values())
        waiting = [
            (self._each(rule), count - self.done[rule] - begun[rule])
            for rule, count in self.jobs.items()
            if count > self.done[rule] + begun[rule]
        ]
        rests = [max(0.0, self._each(job.rule) - (now - job.at)) for job in self.running.values()]
        work = sum(seconds * count for seconds, count in waiting) + sum(rests)
        return max([work / side_by_side, *rests, *(seconds for seconds, _ in waiting)])

    def _rate(self, now: float) -> str:
        """How many jobs finish in a time that people think in, after a comma; empty where no time has passed."""
        while len(self.finished) > RATE_JOBS + 1 and self.finished[1] < now - RATE_S:
            self.finished.popleft()
        if now <= self.finished[0]:
            return ""
        each = (len(self.finished) - 1) / (now - self.finished[0])
        unit, length = next(((u, s) for u, s in (("min", 60.0), ("h", 3600.0)) if each * s >= 1), ("d", 86400.0))
        return f", {two_digits(each * length)} jobs/{unit}"

    def summary(self) -> list[str]:
        """What each room took, the longest first."""
        rooms = sorted({self.room(rule) for rule in self.done}, key=lambda room: -self._spent(room))
        return [f"  {room}: {self._of(self.done, room)} jobs, {in_words(self._spent(room))}" for room in rooms]

    def _each(self, rule: str) -> float:
        if self.done[rule]:
            return self.spent[rule] / self.done[rule]
        return self.expected.get(rule, UNKNOWN_S)

    def _of(self, counts: Mapping[str, int], room: str) -> int:
        return sum(count for rule, count in counts.items() if self.room(rule) == room)

    def _spent(self, room: str) -> float:
        return sum(seconds for rule, seconds in self.spent.items() if self.room(rule) == room)


class TallyHandler(logging.Handler):
    """Turns Snakemake's records into lines.

    Args:
        tally: The counts.
        path: The log, to which lines are added; what cannot be written is told on the terminal alone.
        stream: The terminal.
        clock: Gives the time in seconds.
    """

    def __init__(
        self, tally: Tally, path: str | Path, stream: IO[str] | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.tally, self.path, self.stream, self.clock = tally, Path(path), stream or sys.stderr, clock
        self.told = -TERMINAL_S

    def emit(self, record: logging.LogRecord) -> None:
        """Tell what a record says, if it is about a job."""
        try:
            self._tell(record)
        except Exception:  # a line that cannot be told must not end a run
            self.handleError(record)

    def _tell(self, record: logging.LogRecord) -> None:
        fields, now = record.__dict__, self.clock()
        event = str(fields.get("event") or "")
        if event == "run_info":
            jobs = {rule: count for rule, count in fields["stats"].items() if rule not in ("all", "total")}
            self._line(self.tally.plan(jobs, now), now, always=True)
        elif event == "job_info" and fields["rule_name"] != "all":
            self.tally.begin(fields["jobid"], fields["rule_name"], fields["wildcards"] or {}, now)
        elif event == "job_finished" and (line := self.tally.finish(fields["job_id"], now)):
            last = self.tally.done.total() >= self.tally.total
            self._line(line, now, always=last)
            for room in self.tally.summary() if last else []:
                self._line(room, now, always=True)
        elif event == "job_error":
            self._line(self.tally.fail(fields["jobid"], list(fields["log"] or []), now), now, always=True)

    def _line(self, text: str, now: float, *, always: bool = False) -> None:
        if always or now - self.told >= TERMINAL_S:
            self.told = now
            print(f"{time.strftime('%H:%M:%S', time.localtime(now))} {text}", file=self.stream, flush=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))} {text}\n")
        except OSError:  # a full disk or a folder that may not be written: the jobs will say so
            return


def _is_news(record: logging.LogRecord) -> bool:
    """Whether Snakemake's own terminal lines should have a record: all but those that are told here."""
    return str(getattr(record, "event", None) or "") not in OURS and record.msg != CHATTER


def follow(logger: logging.Logger, rooms: Mapping[str, str], path: str | Path, costs: Path, cores: int) -> None:
    """Tell a run's progress from now on, in place of Snakemake's own counting.

    Args:
        logger: Snakemake's.
        rooms: The room of each rule; may be filled later.
        path: The log.
        costs: Table of recorded costs (`auric.costs`), by which the first jobs are judged; none is needed.
        cores: Cores of the run.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(_is_news)
    logger.addHandler(TallyHandler(Tally(rooms, _expected(costs), cores), path))


def _expected(costs: Path) -> dict[str, float]:
    """Median core seconds of each rule's recorded jobs."""
    from auric.costs import read_costs
    from auric.errors import InputError

    try:
        records = read_costs(costs)
    except InputError:
        return {}
    found: dict[str, list[float]] = {}
    for record in records:
        found.setdefault(record.rule, []).append(record.core_seconds)
    return {rule: statistics.median(seconds) for rule, seconds in found.items()}
