"""Adapter of the rule `ruler_variant`."""

from auric.progress import log_to
from auric.ruler.exploration import run_variant

with log_to(snakemake.log[0], threads=snakemake.threads):
    run_variant(
        snakemake.input.images,
        snakemake.output.read,
        snakemake.output.curve,
        variant=snakemake.wildcards.variant,
        fold=snakemake.wildcards.fold,
        changes=snakemake.params.changes,
        split=snakemake.params.split,
        folds=snakemake.params.folds,
        weighting=snakemake.params.weighting,
        network=snakemake.params.network,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        checkpoint=snakemake.params.checkpoint,
    )
