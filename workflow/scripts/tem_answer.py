"""Adapter of the rule `tem_answer`."""

from auric.microscopy.answers import write_answers
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    write_answers(
        snakemake.input.matches,
        snakemake.input.particles,
        snakemake.input.libraries,
        snakemake.input.cases,
        snakemake.output.answers,
        snakemake.output.scores,
        snakemake.output.orientations,
        snakemake.output.angles,
        level=snakemake.params.level,
    )
