"""Adapter of the rule `ruler_valence`."""

from auric.progress import log_to
from auric.ruler.final import train_valence

with log_to(snakemake.log[0], threads=snakemake.threads):
    train_valence(
        snakemake.input.images,
        snakemake.input.labels,
        snakemake.input.masked,
        snakemake.output.rulers,
        mask=snakemake.params.mask,
        elf=snakemake.params.elf,
        bond=snakemake.params.bond,
        folds=snakemake.params.folds,
        seed=snakemake.params.seed,
    )
