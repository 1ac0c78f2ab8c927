"""Adapter of the rule `matching_clusters`."""

from auric.matching.encoders import make_clusters
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    make_clusters(
        snakemake.params.source,
        snakemake.output.clusters,
        per_metal=snakemake.params.per_metal,
        mirror=snakemake.params.mirror,
        seed=snakemake.params.seed,
    )
