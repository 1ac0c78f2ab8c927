"""Adapter of the rule `tem_library`."""

from auric.microscopy.library import write_library
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    write_library(
        snakemake.params.row,
        snakemake.output.library,
        directions=snakemake.params.directions,
        settings=snakemake.params.settings,
        mirror=snakemake.params.mirror or None,
    )
