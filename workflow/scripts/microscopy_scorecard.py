"""Adapter of the rule `microscopy_scorecard`."""

from auric.microscopy.summary import summarise_microscopy
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_microscopy(
        snakemake.input.answers,
        snakemake.input.cases,
        snakemake.input.power,
        snakemake.output.scorecard,
        study=snakemake.params.study,
    )
