"""Adapter of the rule `ruler_masks`."""

from auric.progress import log_to
from auric.ruler.masked import join_masks

with log_to(snakemake.log[0], threads=snakemake.threads):
    join_masks(
        snakemake.input.tables,
        snakemake.output.table,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
    )
