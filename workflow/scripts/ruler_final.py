"""Adapter of the rule `ruler_final`."""

from auric.progress import log_to
from auric.ruler.final import train_final

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_final(
        snakemake.input.images,
        snakemake.output.elfnet,
        weighting=snakemake.params.weighting,
        network=snakemake.params.network,
        seed=snakemake.params.seed,
        checkpoint=snakemake.params.checkpoint,
    )
