"""Adapter of the rule `report`."""

from auric.progress import log_to
from auric.report.build import build_report

with log_to(snakemake.log[0], threads=snakemake.threads):
    build_report(
        scorecards=snakemake.input.scorecards,
        predictions=snakemake.input.predictions,
        history=snakemake.input.history,
        images=snakemake.input.images,
        frames=snakemake.input.frames,
        failures=snakemake.input.failures,
        dropped=snakemake.input.dropped,
        configuration=snakemake.params.configuration,
        folder=snakemake.output.folder,
        archive=snakemake.output.archive,
        study=snakemake.params.study,
    )
