"""Adapter of the rule `ruler_set`."""

from auric.progress import log_to
from auric.ruler.final import train_rulers

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_rulers(
        snakemake.input.images,
        snakemake.input.labels,
        snakemake.input.scorecard,
        snakemake.output.rulers,
        elf=snakemake.params.elf,
        bond=snakemake.params.bond,
        folds=snakemake.params.folds,
        seed=snakemake.params.seed,
    )
