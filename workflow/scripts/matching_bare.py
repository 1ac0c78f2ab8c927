"""Adapter of the rule `matching_bare`."""

from auric.matching.bare_clusters import describe_bare
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    describe_bare(
        snakemake.input.clusters,
        snakemake.output.places,
        snakemake.output.gaps,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
