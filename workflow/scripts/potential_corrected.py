"""Adapter of the rule `potential_corrected`."""

from auric.potential.corrected import add_correction
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    add_correction(snakemake.input.linear, snakemake.input.correction, snakemake.output.model)
