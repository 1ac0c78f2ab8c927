"""Adapter of the rule `walk_isomers`."""

from auric.progress import log_to
from auric.sampling.isomers import compare_isomers

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_isomers(
        snakemake.input.trajectories,
        snakemake.input.tables,
        snakemake.input.dynamics,
        snakemake.output.table,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
