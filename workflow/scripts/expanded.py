"""Adapter of the rule `expanded`."""

from auric.potential.linear import train_linear
from auric.potential.published import train_emlm
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    train = {"linear": train_linear, "emlm": train_emlm}[snakemake.wildcards.walker]
    train(
        snakemake.input.training,
        snakemake.output.model,
        collected=snakemake.input.collected,
        study=snakemake.params.study,
        sample=snakemake.params.sample,
    )
