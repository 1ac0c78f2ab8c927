"""Adapter of the rule `perturbed`."""

from auric.progress import log_to
from auric.ruler.perturbed import perturb_structure

with log_to(snakemake.log[0], threads=snakemake.threads):
    perturb_structure(
        snakemake.input.labels,
        snakemake.input.learned,
        snakemake.output.images,
        snakemake.output.table,
        snakemake.output.failures,
        frame=snakemake.params.frame,
        engine=snakemake.params.engine,
        settings=snakemake.params.settings,
        perturb=snakemake.params.perturb,
        elf=snakemake.params.elf,
        bond=snakemake.params.bond,
        store=snakemake.params.store,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
