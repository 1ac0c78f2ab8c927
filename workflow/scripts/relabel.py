"""Adapter of the rule `relabel`."""

from auric.progress import log_to
from auric.reference.relabel import relabel_run

with log_to(snakemake.log[0], threads=snakemake.threads):
    relabel_run(
        snakemake.input.frames,
        snakemake.output.labels,
        snakemake.output.failures,
        every=snakemake.params.every,
        engine=snakemake.params.engine,
        settings=snakemake.params.settings,
        store=snakemake.params.store,
        warm_start=snakemake.params.warm_start,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
