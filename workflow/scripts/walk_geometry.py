"""Adapter of the rule `walk_geometry`."""

from auric.progress import log_to
from auric.sampling.beside import compare_beside

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_beside(
        snakemake.input.trajectories,
        snakemake.input.tables,
        snakemake.input.dynamics,
        snakemake.output.geometry,
        snakemake.output.curves,
        snakemake.output.energies,
        snakemake.output.energy_curves,
        last=snakemake.params.last,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
