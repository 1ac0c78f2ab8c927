"""Adapter of the rule `relax_directed`."""

from auric.progress import log_to
from auric.relaxation.rules import train_directed

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_directed(
        snakemake.input.training,
        snakemake.output.model,
        settings=snakemake.params.settings,
        study=snakemake.params.study,
        sample=snakemake.params.sample,
    )
