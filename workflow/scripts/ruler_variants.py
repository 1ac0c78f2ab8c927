"""Adapter of the rule `ruler_variants`."""

from auric.progress import log_to
from auric.ruler.conclusions import compare_variants

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_variants(
        snakemake.input.read,
        snakemake.input.curves,
        snakemake.output.table,
        snakemake.output.conclusions,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        variants=snakemake.params.variants,
        network=snakemake.params.network,
        split=snakemake.params.split,
        folds=snakemake.params.folds,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
