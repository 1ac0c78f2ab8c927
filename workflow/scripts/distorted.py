"""Adapter of the rule `distorted`."""

from auric.progress import log_to
from auric.ruler.distorted import make_distorted

with log_to(snakemake.log[0], threads=snakemake.threads):
    make_distorted(
        snakemake.params.row,
        snakemake.input.parent or None,
        snakemake.input.learned,
        snakemake.output.structure,
        snakemake.output.images,
        snakemake.output.table,
        snakemake.output.failures,
        engine=snakemake.params.engine,
        settings=snakemake.params.settings,
        xtb=snakemake.params.xtb,
        frames=snakemake.params.frames,
        elf=snakemake.params.elf,
        bond=snakemake.params.bond,
        store=snakemake.params.store,
        mirror=snakemake.params.mirror or None,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
