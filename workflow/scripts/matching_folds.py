"""Adapter of the rule `matching_folds`."""

from auric.matching.comparison import compare_matchers
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_matchers(
        snakemake.input.cores,
        snakemake.input.pairs,
        snakemake.input.examples,
        snakemake.input.core_encoder,
        snakemake.input.ligand_encoder,
        snakemake.output.predictions,
        snakemake.output.places,
        split=snakemake.wildcards.by,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        gap_encoder="".join(snakemake.input.gap_encoder),
    )
