"""Adapter of the rule `matching_core_encoder`."""

from auric.matching.encoders import pretrain_core
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    pretrain_core(
        snakemake.input.clusters,
        snakemake.output.encoder,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        target={"core": "energy", "gap": "gap"}[snakemake.wildcards.learned_of],
    )
