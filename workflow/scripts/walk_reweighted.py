"""Adapter of the rule `walk_reweighted`."""

from auric.progress import log_to
from auric.sampling.reweighting import reweight_walk

with log_to(snakemake.log[0], threads=snakemake.threads):
    reweight_walk(
        snakemake.input.trajectory,
        snakemake.input.table,
        snakemake.input.dynamics,
        snakemake.output.reweighted,
        snakemake.output.failures,
        frames=snakemake.params.frames,
        engines=snakemake.params.engines,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
        store=snakemake.params.store,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
