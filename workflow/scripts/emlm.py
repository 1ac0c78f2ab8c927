"""Adapter of the rule `emlm`."""

from auric.potential.published import train_emlm
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_emlm(
        snakemake.input.training,
        snakemake.output.model,
        study=snakemake.params.study,
        sample=snakemake.params.sample,
    )
