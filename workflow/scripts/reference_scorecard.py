"""Adapter of the rule `reference_scorecard`."""

from auric.progress import log_to
from auric.reference.summary import summarise_reference

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_reference(snakemake.input.labels, snakemake.output.scorecard, study=snakemake.params.study)
