"""Adapter of the rule `potential_correction`."""

from auric.potential.corrected import compare_correction
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_correction(
        snakemake.input.training,
        snakemake.input.relabelled,
        snakemake.input.tests,
        snakemake.input.relabelled_tests,
        snakemake.input.strange,
        model=snakemake.output.model,
        energies=snakemake.output.energies,
        forces=snakemake.output.forces,
        refusals=snakemake.output.refusals,
        study=snakemake.params.study,
    )
