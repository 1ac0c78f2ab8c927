"""Adapter of the rule `matching_ligand_encoder`."""

from auric.matching.encoders import pretrain_ligand_encoder
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    pretrain_ligand_encoder(
        snakemake.output.encoder,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
