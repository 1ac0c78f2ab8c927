"""Adapter of the rule `matching_formation`."""

from auric.matching.encoders import compare_formation
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_formation(
        snakemake.input.clusters,
        snakemake.output.table,
        snakemake.output.references,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
