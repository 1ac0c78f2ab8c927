"""Adapter of the rule `dynamics`."""

from auric.progress import log_to
from auric.reference.runs import run_row

with log_to(snakemake.log[0], threads=snakemake.threads):
    run_row(
        snakemake.params.run,
        snakemake.output.frames,
        snakemake.output.summary,
        snakemake.output.failures,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
        mirror=snakemake.params.mirror,
    )
