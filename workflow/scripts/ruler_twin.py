"""Adapter of the rule `ruler_twin`."""

from auric.progress import log_to
from auric.ruler.fold import train_twin

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_twin(
        snakemake.input.images,
        snakemake.output.elfnet,
        split=snakemake.wildcards.split,
        fold=snakemake.wildcards.fold,
        folds=snakemake.params.folds,
        weighting=snakemake.params.weighting,
        network=snakemake.params.network,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        checkpoint=snakemake.params.checkpoint,
    )
