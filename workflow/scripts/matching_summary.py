"""Adapter of the rule `matching_summary`."""

from auric.matching.summary import summarise_matching
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_matching(
        snakemake.input.predictions,
        snakemake.input.formation,
        snakemake.input.gaps,
        snakemake.input.external,
        dict(snakemake.output.items()),
        study=snakemake.params.study,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
