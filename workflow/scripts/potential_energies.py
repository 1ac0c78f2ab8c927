"""Adapter of the rule `potential_energies`."""

from auric.potential.comparison import compare_energies
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    compare_energies(
        snakemake.input.training,
        snakemake.input.tests,
        snakemake.output.predictions,
        contender=snakemake.wildcards.contender,
        random_split=snakemake.params.random_split,
        seed=snakemake.params.seed,
        moves=snakemake.input.moves,
        model=snakemake.input.model or None,
        sample=snakemake.params.sample,
    )
