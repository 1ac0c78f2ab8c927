"""Adapter of the rule `elf_scorecard`."""

from auric.elf.summary import summarise_elf
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_elf(
        snakemake.input.images, snakemake.input.dropped, snakemake.output.scorecard, study=snakemake.params.study
    )
