"""The report: one offline folder of scorecard, figures, clusters and provenance. Reads files only."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__, {"build": ["build_report"], "inputs": ["ReportFiles"], "tables": ["join_failures"]}
)
