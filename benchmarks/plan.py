"""How right `auric plan` is: each recorded run is left out and forecast from the records of the others."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from auric.costs import COSTS, Cost, read_costs
from auric.plan import left_out
from auric.tally import in_words, two_digits

HEADER = (
    "| run | jobs | core time of rules known | forecast over measured (5 to 95 %) | rules inside their interval |\n"
    "|---|---|---|---|---|"
)


class Judged(NamedTuple):
    """One run forecast by the others.

    Attributes:
        rows: Rows of the scorecard: forecast over measured processor time, how many of its rules lie in their intervals, and the
            share of the time that rules known take; none where no rule is known.
        told: The row of the table in docs/operations.md.
        rules: One line for each rule.
    """

    rows: list[dict[str, Any]]
    told: str
    rules: list[str]


def measure_plan() -> list[dict[str, Any]]:
    """Rows of the scorecard; rules are printed one by one, then the table of docs/operations.md."""
    costs = read_costs(COSTS)
    judged = [judge(costs, study) for study in sorted({cost.study for cost in costs})]
    for one in judged:
        print(*one.rules, sep="\n")
    print(HEADER, *(one.told for one in judged if one.rows), sep="\n")
    return [row for one in judged for row in one.rows]


def judge(costs: Sequence[Cost], study: str) -> Judged:
    """Leave a run out and forecast it.

    Args:
        costs: All records.
        study: The run's study.
    """
    started = time.perf_counter()
    total, *rules = left_out(costs, study)
    common = {
        "system": "workflow", "unit": "1", "data": f"{study} study", "split": "other runs", "comparable": "not comparable",
        "seconds": time.perf_counter() - started,
    }  # fmt: skip
    known = [rule for rule in rules if rule.foretold is not None]
    if total.foretold is None or not known:
        return Judged([], "", [])
    low, likely, high = (value / total.core_seconds for value in total.foretold)
    inside = sum(rule.foretold[0] <= rule.core_seconds <= rule.foretold[2] for rule in known if rule.foretold)
    spent = sum(rule.core_seconds for rule in rules)
    rows = [
        common | {
            "quantity": "forecast_over_measured", "subject": "core time of all rules known", "ours": likely, "ci_low": low,
            "ci_high": high, "n": total.jobs, "better": "lower",
        },
        common | {
            "quantity": "coverage_90", "subject": "core time by rule", "ours": inside / len(known), "n": len(known),
            "better": "higher",
        },
        common | {
            "quantity": "share_foretold", "subject": "core time", "ours": total.core_seconds / spent, "n": len(rules),
            "better": "higher",
        },
    ]  # fmt: skip
    told = (
        f"| {study} | {total.jobs} | {in_words(total.core_seconds)} | {_digits(likely)} ({_digits(low)} to {_digits(high)}) | "
        f"{inside} of {len(known)} |"
    )
    lines = [_line(study, rule.rule or "ALL", rule.jobs, rule.core_seconds, rule.foretold) for rule in (total, *rules)]
    return Judged(rows, told, lines)


def _digits(ratio: float) -> str:
    """A ratio to two digits, as people read it."""
    return two_digits(ratio) if ratio >= 0.95 else f"{ratio:.2g}"


def _line(study: str, rule: str, jobs: int, seconds: float, foretold: tuple[float, float, float] | None) -> str:
    told = "never recorded elsewhere"
    if foretold is not None:
        low, likely, high = foretold
        inside = "" if low <= seconds <= high else "  OUTSIDE"
        told = f"{likely:9.1f} ({low:.1f} to {high:.1f})  {likely / seconds:6.2f}{inside}"
    return f"{study:8s} {rule:24s} {jobs:4d} jobs {seconds:9.1f} core s, foretold {told}"
