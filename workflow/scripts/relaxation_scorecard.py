"""Adapter of the rule `relaxation_scorecard`."""

from auric.progress import log_to
from auric.relaxation.summary import summarise_relaxations

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_relaxations(
        snakemake.input.tables,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
        rings=dict(zip(snakemake.params.ring_systems, snakemake.input.rings, strict=True)),
        stretched=snakemake.input.stretched,
        series=snakemake.input.series,
        training=snakemake.input.training,
    )
