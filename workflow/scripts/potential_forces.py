"""Adapter of the rule `potential_forces`."""

from auric.potential.comparison import compare_forces
from auric.potential.scan import read_choice
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_forces(
        snakemake.input.training,
        snakemake.input.tests,
        snakemake.output.scores,
        models=dict(zip(snakemake.params.potentials, snakemake.input.models, strict=True)),
        settings=snakemake.params.settings,
        every=snakemake.params.every,
        sample=snakemake.params.sample,
        rotations=snakemake.params.rotations,
        choice=read_choice(snakemake.input.choice) if snakemake.input.choice else None,
    )
