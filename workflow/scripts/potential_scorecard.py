"""Adapter of the rule `potential_scorecard`."""

from auric.potential.summary import summarise_potentials
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_potentials(
        snakemake.input.energies,
        snakemake.input.forces,
        snakemake.output.scorecard,
        recommendations=snakemake.output.recommended,
        study=snakemake.params.study,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
        refusals=snakemake.input.refusals,
        maps=snakemake.input.maps,
    )
