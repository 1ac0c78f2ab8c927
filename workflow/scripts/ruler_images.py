"""Adapter of the rule `ruler_images`."""

from auric.progress import log_to
from auric.ruler.dataset import join_blocks

with log_to(snakemake.log[0], threads=snakemake.threads):
    join_blocks(snakemake.input.blocks, snakemake.output.images, settings=snakemake.params.settings)
