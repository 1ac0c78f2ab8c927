"""Adapter of the rule `relax_stretched`."""

from auric.progress import log_to
from auric.relaxation.rules import stretched_of_run

with log_to(snakemake.log[0], threads=snakemake.threads):
    stretched_of_run(
        snakemake.params.run,
        snakemake.input.model,
        snakemake.output.table,
        settings=snakemake.params.settings,
        xtb=snakemake.params.xtb,
        mirror=snakemake.params.mirror,
        store=snakemake.params.store,
    )
