"""Adapter of the rule `walk`."""

from auric.progress import log_to
from auric.sampling.beside import walk_beside

with log_to(snakemake.log[0], threads=snakemake.threads):
    walk_beside(
        snakemake.input.model,
        snakemake.input.training,
        snakemake.input.dynamics,
        snakemake.output.trajectory,
        snakemake.output.table,
        walker=snakemake.wildcards.walker,
        chains=snakemake.params.chains,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        store=snakemake.params.store,
        wall_share=snakemake.params.wall_share,
        ladder=snakemake.params.ladder,
        sample=snakemake.params.sample,
    )
