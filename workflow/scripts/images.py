"""Adapter of the rule `images`."""

from auric.elf.images import images_block
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    images_block(
        snakemake.input.labels,
        snakemake.input.orbitals,
        snakemake.input.failures,
        snakemake.output.images,
        snakemake.output.dropped,
        settings=snakemake.params.settings,
        bond=snakemake.params.bond,
        threads=snakemake.threads,
    )
