"""Adapter of the rule `ruler_bonding`."""

from auric.progress import log_to
from auric.ruler.bonding import follow_bonding

with log_to(snakemake.log[0], threads=snakemake.threads):
    follow_bonding(
        snakemake.input.images,
        snakemake.input.perturbed,
        snakemake.input.tables,
        snakemake.output.shifts,
        snakemake.output.correlations,
        snakemake.output.null_widths,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        masks=snakemake.params.masks,
        valence=snakemake.params.valence,
        folds=snakemake.params.folds,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
    )
