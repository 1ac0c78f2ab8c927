"""Adapter of the rule `tem_particles`."""

from auric.microscopy.experiment import write_experiment
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    write_experiment(
        snakemake.params.experiment,
        snakemake.input.libraries,
        snakemake.output.particles,
        snakemake.output.failures,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
