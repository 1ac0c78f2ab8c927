"""Adapter of the rule `matching_matcher`."""

from auric.matching.application import train_matcher
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_matcher(
        snakemake.input.cores,
        snakemake.input.pairs,
        snakemake.input.examples,
        snakemake.input.core_encoder,
        snakemake.input.ligand_encoder,
        snakemake.output.model,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
