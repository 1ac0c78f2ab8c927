"""Adapter of the rule `tem_match`."""

from auric.microscopy.answers import write_matches
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    write_matches(
        snakemake.input.particles,
        snakemake.input.libraries,
        snakemake.output.matches,
        settings=snakemake.params.settings,
    )
