"""Adapter of the rule `labels`."""

from auric.progress import log_to
from auric.reference.label import label_block

with log_to(snakemake.log[0], threads=snakemake.threads):
    label_block(
        snakemake.input.frames,
        snakemake.output.labels,
        snakemake.output.orbitals,
        snakemake.output.failures,
        block=snakemake.params.block,
        blocks=snakemake.params.blocks,
        engine=snakemake.params.engine,
        settings=snakemake.params.settings,
        store=snakemake.params.store,
        warm_start=snakemake.params.warm_start,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
