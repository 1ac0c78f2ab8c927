"""What a study would cost, before it is started: jobs, processor time, memory and disk by rule, and time on so many cores."""

import heapq
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auric import study
from auric.costs import COSTS, OWN_COSTS, Cost, Costs, Estimate, merged, read_costs, recorded, write_costs
from auric.errors import InputError
from auric.jobs import Job, jobs_of
from auric.sizes import Sized, sizes_of
from auric.tally import in_words, two_digits

LEVEL = (5, 50, 95)
"""Percentiles that are told: rarely less, likely, rarely more."""
DRAWS, DRAWS_SCHEDULED, STEPS_SCHEDULED = 1000, 101, 60_000
"""Draws of all costs; at most so many of them are put on cores, and fewer where jobs are many."""
COMMON = 0.5
"""Share of the variance of a rule's costs that is common to all rules: a machine, or what else runs on it."""
FAR = 3.0
"""Sizes so many times those recorded are told as being outside."""


class Interval(NamedTuple):
    """A number that is rarely less than `low` and rarely more than `high`: percentiles `LEVEL`."""

    low: float
    likely: float
    high: float

    @classmethod
    def of(cls, draws: np.ndarray) -> "Interval":
        """The interval of draws."""
        return cls(*(float(value) for value in np.percentile(draws, LEVEL)))


class RuleCost(NamedTuple):
    """What the jobs of one rule would cost.

    Attributes:
        rule: Its name.
        jobs: Jobs that would run.
        core_seconds: Processor time of all; None where no job of the rule was recorded, as the next two.
        memory_mb: Most memory that one takes.
        disk_mb: What all leave behind, entries of the label store included.
        asked_mb: Most memory that one asks the scheduler for.
        threads: Most threads that one takes.
        records: Finished jobs that it was judged by.
        note: What makes it less sure; empty if nothing does.
    """

    rule: str
    jobs: int
    core_seconds: Interval | None
    memory_mb: Interval | None
    disk_mb: Interval | None
    asked_mb: int
    threads: int
    records: int
    note: str


class Plan(NamedTuple):
    """What a study would cost.

    Attributes:
        study: Its name.
        cores: Cores that it would run on.
        jobs: Jobs that would run.
        finished: Jobs whose files are there already.
        rules: By rule, the costliest first.
        core_seconds: Processor time of all jobs of rules that are known, as all that follows.
        wall_seconds: Time on the cores, if nothing else runs on them.
        chain_seconds: The longest chain of jobs that wait for each other: no number of cores is faster.
        memory_mb: Most memory that jobs side by side take.
        disk_mb: What is left behind.
        unknown: Rules of which no job was recorded.
        here: Records of this machine that counted.
        speed: How much slower this machine is taken to be than those of the records that come along.
    """

    study: str
    cores: int
    jobs: int
    finished: int
    rules: list[RuleCost]
    core_seconds: Interval
    wall_seconds: Interval
    chain_seconds: Interval
    memory_mb: Interval
    disk_mb: Interval
    unknown: list[str]
    here: int
    speed: float

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {key: _plain(value) for key, value in self._asdict().items()}

    def __str__(self) -> str:
        known = f"{self.finished} of its jobs are finished" if self.finished else "none of its jobs is finished"
        if not self.jobs:
            return f"{self.study}: nothing to do, all {self.finished} jobs are finished"
        lines = [f"{self.study}: {self.jobs} jobs would run; {known}", "", *_table(self), ""]
        lines += [
            f"all on {self.cores} core{'s' * (self.cores > 1)}: about {in_words(self.wall_seconds.likely)} "
            f"({in_words(self.wall_seconds.low)} to {in_words(self.wall_seconds.high)}); on however many, "
            f"{in_words(self.chain_seconds.likely)}. Nothing else must run on them.",
            f"memory at a time: about {_megabytes(self.memory_mb.likely)} (to {_megabytes(self.memory_mb.high)}); "
            f"disk: to {_megabytes(self.disk_mb.high)}",
        ]
        if self.unknown:
            lines.append(f"NOT in these sums, as no job of theirs was ever recorded: {', '.join(self.unknown)}")
        lines.append(f"Low and high are the {LEVEL[0]} and {LEVEL[2]} % points. {_origin(self.here, self.speed)}")
        return "\n".join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, Interval | RuleCost):
        return {key: _plain(part) for key, part in value._asdict().items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _origin(here: int, speed: float) -> str:
    if not here:
        return "No job was recorded on this machine yet, so its speed is unknown."
    return f"{here} jobs of this machine are among the records; it takes {speed:.2f} times as long as the others."


def _table(plan: Plan) -> list[str]:
    heads = ("rule", "jobs", "core time", "low", "high", "memory", "asked", "disk", "records", "")
    rows: list[tuple[str, ...]] = [heads]
    for rule in plan.rules:
        cells = ["?"] * 5
        if rule.core_seconds and rule.memory_mb and rule.disk_mb:
            cells = [
                in_words(rule.core_seconds.likely),
                in_words(rule.core_seconds.low),
                in_words(rule.core_seconds.high),
            ]
            cells += [_megabytes(rule.memory_mb.likely), _megabytes(rule.disk_mb.likely)]
        asked = _megabytes(rule.asked_mb) if rule.asked_mb else "-"
        rows.append(
            (rule.rule, str(rule.jobs), *cells[:4], asked, cells[4], str(rule.records) if rule.records else "none", rule.note)
        )  # fmt: skip
    spent = [in_words(value) for value in (plan.core_seconds.likely, plan.core_seconds.low, plan.core_seconds.high)]
    rows.append(("all", str(plan.jobs), *spent, "", "", _megabytes(plan.disk_mb.likely), "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if column in (0, len(heads) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _megabytes(megabytes: float) -> str:
    """A size in words, to two digits."""
    for unit, length in (("TB", 1e6), ("GB", 1e3), ("MB", 1.0)):
        if megabytes >= length:
            return f"{two_digits(megabytes / length)} {unit}"
    return f"{two_digits(max(1.0, megabytes * 1e3))} kB"


def plan_study(name: str | None, root: Path, *, cores: int) -> Plan:
    """Forecast what a study would cost from here on.

    What this study's finished jobs cost here is kept beside its results, for the next forecast.

    Args:
        name: The study; None for the user's own.
        root: The repository, in which the command runs.
        cores: Cores it would run on.

    Raises:
        InputError: If the study is wrong, there are no cores, or a table of records cannot be read.
        AuricError: If Snakemake cannot say which jobs there are.
    """
    if cores < 1:
        raise InputError(f"--cores {cores}: give 1 or more")
    settings = study.load({"study": name} if name else {}, root)
    jobs = jobs_of(name, root, cores=cores)
    sized = sizes_of(jobs, settings, root)
    results = Path(settings["results"])
    done = [number for number, job in enumerate(jobs) if not job.waiting]
    new = recorded(
        settings["study"], [jobs[n] for n in done], [sized[n] for n in done], Path(), results / "store", here=True
    )
    own = read_costs(results / OWN_COSTS, here=True) if (results / OWN_COSTS).is_file() else []
    if new:
        own = merged(own, new)
        write_costs(results / OWN_COSTS, own, "Costs of jobs that finished here, kept by `auric plan`.")
    return forecast(settings["study"], jobs, sized, Costs(read_costs(root / COSTS) + own), cores=cores)


def forecast(
    name: str, jobs: Sequence[Job], sized: Sequence[Sized], costs: Costs, *, cores: int, seed: int = 0
) -> Plan:
    """Forecast what the waiting ones among some jobs would cost.

    Args:
        name: The study they belong to.
        jobs: All jobs, those first whose files others read.
        sized: Their variants and sizes.
        costs: What is known of costs.
        cores: Cores they would run on.
        seed: Seed of the draws behind the intervals.
    """
    waiting = [(job, size) for job, size in zip(jobs, sized, strict=True) if job.waiting]
    rng = np.random.default_rng(seed)
    kinds = list(dict.fromkeys((job.rule, size.variant) for job, size in waiting))
    drawn = {
        quantity: _draws([costs.estimate(job.rule, size, quantity) for job, size in waiting], waiting, kinds, rng)
        for quantity in ("core_seconds", "memory_mb", "disk_mb")
    }
    known = np.array([costs.estimate(job.rule, size) is not None for job, size in waiting], dtype=bool)
    rules = [_rule(rule, waiting, known, drawn, costs) for rule in dict.fromkeys(job.rule for job, _ in waiting)]
    rules.sort(key=lambda rule: -rule.core_seconds.likely if rule.core_seconds else -math.inf)
    wall, chain, memory = _scheduled([job for job, _ in waiting], drawn["core_seconds"], drawn["memory_mb"], cores)
    return Plan(
        study=name, cores=cores, jobs=len(waiting), finished=len(jobs) - len(waiting), rules=rules,
        core_seconds=Interval.of(drawn["core_seconds"].sum(axis=1)), wall_seconds=wall, chain_seconds=chain, memory_mb=memory,
        disk_mb=Interval.of(drawn["disk_mb"].sum(axis=1)), unknown=[rule.rule for rule in rules if rule.core_seconds is None],
        here=sum(cost.here for cost in costs.costs), speed=math.exp(costs.speed),
    )  # fmt: skip


def _draws(
    estimates: Sequence[Estimate | None], waiting: Sequence[tuple[Job, Sized]], kinds: list[tuple[str, str]],
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Draws of a cost, shape (draws, jobs); what is not known costs nothing."""
    common, own = rng.normal(size=(DRAWS, 1)), rng.normal(size=(DRAWS, len(kinds)))
    shift = math.sqrt(COMMON) * common + math.sqrt(1 - COMMON) * own
    found = np.zeros((DRAWS, len(waiting)))
    for column, ((job, size), estimate) in enumerate(zip(waiting, estimates, strict=True)):
        if estimate is not None:
            deviation = estimate.shared_sd * shift[:, kinds.index((job.rule, size.variant))]
            deviation = deviation + estimate.job_sd * rng.normal(size=DRAWS)
            found[:, column] = np.exp(estimate.log_median + deviation)
    return found


def _rule(
    rule: str, waiting: Sequence[tuple[Job, Sized]], known: np.ndarray, drawn: dict[str, np.ndarray], costs: Costs
) -> RuleCost:
    columns = [number for number, (job, _) in enumerate(waiting) if job.rule == rule]
    mine = [waiting[number] for number in columns]
    seconds = memory = disk = None
    if known[columns].all():
        seconds = Interval.of(drawn["core_seconds"][:, columns].sum(axis=1))
        memory = Interval.of(drawn["memory_mb"][:, columns].max(axis=1))
        disk = Interval.of(drawn["disk_mb"][:, columns].sum(axis=1))
    return RuleCost(
        rule, len(mine), seconds, memory, disk, max(job.mem_mb for job, _ in mine), max(job.threads for job, _ in mine),
        costs.records(rule), _note(rule, mine, costs),
    )  # fmt: skip


def _note(rule: str, mine: Sequence[tuple[Job, Sized]], costs: Costs) -> str:
    records = [cost for cost in costs.costs if cost.rule == rule]
    if not records:
        return "never recorded"
    strange = sorted({size.variant for _, size in mine} - {cost.variant for cost in records})
    sizes = [size.size for _, size in mine if size.size is not None]
    seen = [cost.size for cost in records if cost.size is not None]
    notes = [f"{', '.join(strange)}: never recorded"] if strange else []
    if len(sizes) < len(mine):
        notes.append("size unknown")
    if sizes and seen and max(sizes) > FAR * max(seen):
        notes.append(f"{two_digits(max(sizes) / max(seen))} times larger than recorded")
    if sizes and seen and min(sizes) < min(seen) / FAR:
        notes.append(f"{two_digits(min(seen) / min(sizes))} times smaller than recorded")
    return "; ".join(notes)


def _scheduled(
    jobs: Sequence[Job], core_seconds: np.ndarray, memory_mb: np.ndarray, cores: int
) -> tuple[Interval, Interval, Interval]:
    """Time on the cores, of the longest chain, and memory at a time."""
    draws = min(DRAWS_SCHEDULED, max(5, STEPS_SCHEDULED // max(1, len(jobs))), len(core_seconds))
    places = {job.number: place for place, job in enumerate(jobs)}
    after = [[places[other] for other in job.after if other in places] for job in jobs]
    threads = [min(job.threads, cores) for job in jobs]
    found = [
        schedule(core_seconds[draw] / np.maximum(1, threads), threads, after, cores, memory_mb[draw])
        for draw in range(draws)
    ]
    wall, chain, memory = (Interval.of(np.array(values)) for values in zip(*found, strict=True))
    return wall, chain, memory


def schedule(
    seconds: np.ndarray, threads: Sequence[int], after: Sequence[Sequence[int]], cores: int, memory_mb: np.ndarray
) -> tuple[float, float, float]:
    """Put jobs on cores, each as soon as what it waits for is done and cores are free, those first with the longest chain behind them.

    Args:
        seconds: Duration of each job, shape (jobs,).
        threads: Cores it takes, at most `cores`.
        after: For each job the places of those it waits for; these come before it.
        cores: Number of cores.
        memory_mb: Memory it takes, shape (jobs,).

    Returns:
        Time when all are done, duration of the longest chain (seconds), and the most memory taken at a time (megabyte).
    """
    count = len(seconds)
    behind: list[list[int]] = [[] for _ in range(count)]
    for place, others in enumerate(after):
        for other in others:
            behind[other].append(place)
    chain = [0.0] * count
    for place in reversed(range(count)):
        chain[place] = float(seconds[place]) + max((chain[other] for other in behind[place]), default=0.0)
    left = [len(others) for others in after]
    ready = [(-chain[place], place) for place in range(count) if not left[place]]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now, free, taken, most = 0.0, cores, 0.0, 0.0
    while ready or running:
        aside = []
        while ready and free:
            item = heapq.heappop(ready)
            if threads[item[1]] > free:
                aside.append(item)
                continue
            free -= threads[item[1]]
            taken += float(memory_mb[item[1]])
            heapq.heappush(running, (now + float(seconds[item[1]]), item[1]))
        for item in aside:
            heapq.heappush(ready, item)
        most = max(most, taken)
        now, place = heapq.heappop(running)
        free += threads[place]
        taken -= float(memory_mb[place])
        for other in behind[place]:
            left[other] -= 1
            if not left[other]:
                heapq.heappush(ready, (-chain[other], other))
    return now, max(chain, default=0.0), most


class Checked(NamedTuple):
    """What a rule's jobs of one run cost, and what records of other runs had foretold.

    Attributes:
        rule: Its name; empty for all rules that could be foretold.
        jobs: Number of jobs.
        core_seconds: Processor time measured.
        foretold: Processor time forecast; None where no other run has recorded the rule.
    """

    rule: str
    jobs: int
    core_seconds: float
    foretold: Interval | None


def left_out(costs: Sequence[Cost], name: str) -> list[Checked]:
    """Forecast a recorded study from the records of all others, as for a machine that has none of its own.

    Args:
        costs: The records.
        name: The study.

    Returns:
        All rules together first, then one by one, the costliest first.
    """
    measured = [cost for cost in costs if cost.study == name]
    others = Costs([cost._replace(here=False) for cost in costs if cost.study != name])
    jobs = [
        Job(number, cost.rule, {}, 1, 0, "", "", [], [], waiting=True) for number, cost in enumerate(measured)
    ]  # what waits for what has no part in it
    plan = forecast(name, jobs, [Sized(cost.variant, cost.size) for cost in measured], others, cores=1)
    spent: dict[str, float] = {}
    for cost in measured:
        spent[cost.rule] = spent.get(cost.rule, 0.0) + cost.core_seconds
    rules = [Checked(rule.rule, rule.jobs, spent[rule.rule], rule.core_seconds) for rule in plan.rules]
    rules.sort(key=lambda rule: -rule.core_seconds)
    known = [rule for rule in rules if rule.foretold is not None]
    total = sum(rule.core_seconds for rule in known)
    return [Checked("", sum(rule.jobs for rule in known), total, plan.core_seconds), *rules]
