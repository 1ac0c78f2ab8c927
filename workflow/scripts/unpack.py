"""Adapter of the rule `unpack`."""

from auric.elf.bundle import unpack
from auric.progress import log_to

with log_to(snakemake.log[0]):
    unpack(
        snakemake.input.bundle,
        snakemake.output.labels,
        snakemake.output.images,
        snakemake.output.failures,
        snakemake.output.dropped,
        elf=snakemake.params.elf,
    )
