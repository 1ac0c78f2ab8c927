"""Adapter of the rule `relax_rings`."""

from auric.progress import log_to
from auric.relaxation.rules import rings_of_model

with log_to(snakemake.log[0], threads=snakemake.threads):
    rings_of_model(
        snakemake.input.model,
        snakemake.output.table,
        snakemake.output.relaxed,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
    )
