"""Adapter of the rule `structures`."""

from auric.progress import log_to
from auric.structures.prepare import prepare_block

with log_to(snakemake.log[0], threads=snakemake.threads):
    prepare_block(
        snakemake.params.rows,
        snakemake.output.structures,
        snakemake.output.failures,
        bond=snakemake.params.bond,
        mirror=snakemake.params.mirror or None,
    )
