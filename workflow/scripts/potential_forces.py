"""Adapter of the rule `potential_forces`."""

from auric.potential.comparison import compare_forces
from auric.potential.scan import read_choice
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_forces(
        snakemake.input.training,
        snakemake.input.tests,
        snakemake.output.scores,
        model=snakemake.input.model,
        settings=snakemake.params.settings,
        every=snakemake.params.every,
        sample=snakemake.params.sample,
        others=snakemake.params.others,
        choice=read_choice(snakemake.input.choice) if snakemake.input.choice else None,
    )
