"""Adapter of the rule `walk_map`."""

from auric.progress import log_to
from auric.sampling.landscape import walk_map

with log_to(snakemake.log[0], threads=snakemake.threads):
    walk_map(
        snakemake.input.training,
        snakemake.input.trajectories,
        snakemake.input.tables,
        snakemake.input.dynamics,
        snakemake.output.table,
    )
