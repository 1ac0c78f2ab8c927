"""Adapter of the rule `report`."""

from auric.progress import log_to
from auric.report.build import build_report
from auric.report.inputs import ReportFiles

with log_to(snakemake.log[0], threads=snakemake.threads):
    build_report(
        ReportFiles(**dict(snakemake.input.items())),
        configuration=snakemake.params.configuration,
        folder=snakemake.output.folder,
        archive=snakemake.output.archive,
        study=snakemake.params.study,
    )
