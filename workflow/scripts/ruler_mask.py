"""Adapter of the rule `ruler_mask`."""

from auric.progress import log_to
from auric.ruler.masked import read_through_mask

with log_to(snakemake.log[0], threads=snakemake.threads):
    read_through_mask(
        snakemake.input.images,
        snakemake.output.table,
        mask=snakemake.params.mask,
        valence=snakemake.params.valence,
        splits=snakemake.params.splits,
        folds=snakemake.params.folds,
        seed=snakemake.params.seed,
    )
