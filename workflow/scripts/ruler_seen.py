"""Adapter of the rule `ruler_seen`."""

from auric.progress import log_to
from auric.ruler.seen import explain_study

with log_to(snakemake.log[0], threads=snakemake.threads):
    explain_study(
        snakemake.input.images,
        snakemake.input.rulers,
        snakemake.input.twin,
        snakemake.output.explanations,
        snakemake.output.modes,
        snakemake.output.occlusion,
        snakemake.output.checks,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        like_paper=snakemake.params.like_paper,
        split=snakemake.params.split,
        folds=snakemake.params.folds,
        most=snakemake.params.most,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
