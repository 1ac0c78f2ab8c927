"""Adapter of the rule `frames`."""

from auric.progress import log_to
from auric.reference.frames import frames_block

with log_to(snakemake.log[0], threads=snakemake.threads):
    frames_block(
        snakemake.input.structures,
        snakemake.output.frames,
        snakemake.output.failures,
        settings=snakemake.params.settings,
        labels=snakemake.params.labels,
        store=snakemake.params.store,
        bond=snakemake.params.bond,
    )
