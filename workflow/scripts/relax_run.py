"""Adapter of the rule `relax_run`."""

from auric.progress import log_to
from auric.relaxation.rules import relax_run

with log_to(snakemake.log[0], threads=snakemake.threads):
    relax_run(
        snakemake.input.frames,
        snakemake.input.model,
        snakemake.output.table,
        snakemake.output.relaxed,
        snakemake.output.traces,
        snakemake.output.failures,
        settings=snakemake.params.settings,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
        directed=snakemake.input.directed or None,
    )
