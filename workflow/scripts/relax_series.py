"""Adapter of the rule `relax_series`."""

from auric.progress import log_to
from auric.relaxation.rules import series_of_runs

with log_to(snakemake.log[0], threads=snakemake.threads):
    series_of_runs(
        snakemake.input.frames,
        snakemake.output.table,
        snakemake.output.relaxed,
        settings=snakemake.params.settings,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
    )
