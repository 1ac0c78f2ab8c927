"""The report: one offline folder that shows what a study computed, each number beside the paper's.

Reads files of all rooms and imports none of them.
"""

from auric.report.build import build_report

__all__ = ["build_report"]
