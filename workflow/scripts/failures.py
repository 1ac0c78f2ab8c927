"""Adapter of the rule `failures`."""

from auric.progress import log_to
from auric.report.tables import join_failures

with log_to(snakemake.log[0], threads=snakemake.threads):
    join_failures(
        [
            *snakemake.input.structures,
            *snakemake.input.frames,
            *snakemake.input.labels,
            *snakemake.input.dynamics,
            *snakemake.input.relabelled,
            *snakemake.input.moves,
            *snakemake.input.relaxed,
            *snakemake.input.expansions,
            *snakemake.input.reweighted,
            *snakemake.input.perturbed,
            *snakemake.input.distorted,
            *snakemake.input.microscopy,
        ],
        snakemake.input.dropped,
        snakemake.output.failures,
        snakemake.output.dropped,
    )
