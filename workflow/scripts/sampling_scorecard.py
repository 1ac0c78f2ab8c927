"""Adapter of the rule `sampling_scorecard`."""

from auric.progress import log_to
from auric.sampling.summary import summarise_walks

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_walks(
        snakemake.input.walks,
        snakemake.input.geometry,
        snakemake.output.scorecard,
        energies=snakemake.input.energies,
        maps=snakemake.input.maps,
        isomers=snakemake.input.isomers,
        rounds=snakemake.input.rounds,
        reweighted=snakemake.input.reweighted,
        study=snakemake.params.study,
    )
