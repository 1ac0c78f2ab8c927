"""The report: one offline folder of scorecard, figures, clusters and provenance. Reads files only."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "build": ["build_report"],
        "inputs": ["ReportFiles"],
        "mask_studies": ["masks_beside"],
        "tables": ["join_failures"],
    },
)
