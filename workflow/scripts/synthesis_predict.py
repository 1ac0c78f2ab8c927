"""Adapter of the rule `synthesis_predict`."""

from auric.progress import log_to
from auric.synthesis.evaluation import cross_validate

with log_to(snakemake.log[0], threads=snakemake.threads):
    cross_validate(
        snakemake.params.sources,
        snakemake.output.table,
        model=snakemake.params.model,
        split=snakemake.params.split,
        folds=snakemake.params.folds,
        repeats=snakemake.params.repeats,
        seed=snakemake.params.seed,
        settings=snakemake.params.settings,
        tuning=snakemake.params.tuning,
        trials=snakemake.params.trials,
    )
