"""Adapter of the rule `potential`."""

from auric.potential.linear import train_linear
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_linear(
        snakemake.input.training,
        snakemake.output.model,
        study=snakemake.params.study,
        products=snakemake.params.products,
        sample=snakemake.params.sample,
    )
