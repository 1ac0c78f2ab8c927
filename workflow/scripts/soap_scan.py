"""Adapter of the rule `soap_scan`."""

from auric.potential.scan import scan_norms
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    scan_norms(
        snakemake.input.training,
        snakemake.output.norms,
        settings=snakemake.params.settings,
        block=int(snakemake.wildcards.b),
        blocks=snakemake.params.blocks,
        sample=snakemake.params.sample,
    )
