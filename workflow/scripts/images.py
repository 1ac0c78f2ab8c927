"""Adapter of the rule `images`."""

from auric.progress import log_to
from auric.elf.images import images_block

with log_to(snakemake.log[0], threads=snakemake.threads):
    images_block(
        snakemake.input.labels,
        snakemake.input.orbitals,
        snakemake.input.failures,
        snakemake.output.images,
        snakemake.output.dropped,
        settings=snakemake.params.settings,
        cutoff_angstrom=snakemake.params.cutoff_angstrom,
        threads=snakemake.threads,
    )
