"""Adapter of the rule `expansion_round`."""

from auric.progress import log_to
from auric.sampling.expansion import expansion_round

with log_to(snakemake.log[0], threads=snakemake.threads):
    expansion_round(
        snakemake.input.model,
        snakemake.input.training,
        snakemake.input.collected,
        snakemake.output.outliers,
        snakemake.output.table,
        snakemake.output.failures,
        number=int(snakemake.wildcards.round),
        walker=snakemake.wildcards.walker,
        settings=snakemake.params.settings,
        sample=snakemake.params.sample,
        xtb=snakemake.params.xtb,
        seed=snakemake.params.seed,
        store=snakemake.params.store,
    )
