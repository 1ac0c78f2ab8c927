"""How right `auric plan` is: each recorded run is left out and forecast from the records of the others."""

import time
from typing import Any

from auric.costs import COSTS, read_costs
from auric.plan import left_out


def measure_plan() -> list[dict[str, Any]]:
    """Rows of the scorecard: forecast over measured processor time of each run, and how many of its rules lie in their intervals.

    Rules are printed one by one.
    """
    costs = read_costs(COSTS)
    rows = []
    for study in sorted({cost.study for cost in costs}):
        started = time.perf_counter()
        total, *rules = left_out(costs, study)
        common = {
            "system": "workflow", "unit": "1", "data": f"{study} study", "split": "other runs", "comparable": "not comparable",
            "seconds": time.perf_counter() - started,
        }  # fmt: skip
        known = [rule for rule in rules if rule.foretold is not None]
        if total.foretold is None or not known:
            continue
        for rule in (total, *rules):
            print(_line(study, rule.rule or "ALL", rule.jobs, rule.core_seconds, rule.foretold))
        low, likely, high = (value / total.core_seconds for value in total.foretold)
        rows.append(
            common | {
                "quantity": "forecast_over_measured", "subject": "core time of all rules known", "ours": likely, "ci_low": low,
                "ci_high": high, "n": total.jobs, "better": "lower",
            }
        )  # fmt: skip
        inside = sum(rule.foretold[0] <= rule.core_seconds <= rule.foretold[2] for rule in known if rule.foretold)
        rows.append(
            common | {
                "quantity": "coverage_90", "subject": "core time by rule", "ours": inside / len(known), "n": len(known),
                "better": "higher",
            }
        )  # fmt: skip
        spent = sum(rule.core_seconds for rule in rules)
        rows.append(
            common | {
                "quantity": "share_foretold", "subject": "core time", "ours": total.core_seconds / spent, "n": len(rules),
                "better": "higher",
            }
        )  # fmt: skip
    return rows


def _line(study: str, rule: str, jobs: int, seconds: float, foretold: tuple[float, float, float] | None) -> str:
    told = "never recorded elsewhere"
    if foretold is not None:
        low, likely, high = foretold
        inside = "" if low <= seconds <= high else "  OUTSIDE"
        told = f"{likely:9.1f} ({low:.1f} to {high:.1f})  {likely / seconds:6.2f}{inside}"
    return f"{study:8s} {rule:24s} {jobs:4d} jobs {seconds:9.1f} core s, foretold {told}"
