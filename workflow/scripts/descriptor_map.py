"""Adapter of the rule `descriptor_map`."""

from auric.potential.chart import descriptor_map
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    descriptor_map(
        snakemake.input.training,
        snakemake.input.tests,
        snakemake.output.table,
        sample=snakemake.params.sample,
    )
