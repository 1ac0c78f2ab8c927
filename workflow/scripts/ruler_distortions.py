"""Adapter of the rule `ruler_distortions`."""

from auric.progress import log_to
from auric.ruler.distortions import compare_distorted

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_distorted(
        snakemake.input.images,
        snakemake.input.structures,
        snakemake.input.pictures,
        snakemake.input.tables,
        snakemake.output.changes,
        snakemake.output.summary,
        snakemake.output.scorecard,
        rows=snakemake.params.rows,
        study=snakemake.params.study,
        masks=snakemake.params.masks,
        valence=snakemake.params.valence,
        folds=snakemake.params.folds,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
    )
