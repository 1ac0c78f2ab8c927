"""Adapter of the rule `synthesis_scorecard`."""

from auric.progress import log_to
from auric.synthesis.summary import summarise_synthesis

with log_to(snakemake.log[0], threads=snakemake.threads):
    summarise_synthesis(
        snakemake.input.predictions,
        snakemake.input.fidelity,
        snakemake.input.limits,
        snakemake.input.external,
        scorecard=snakemake.output.scorecard,
        score_table=snakemake.output.scores,
        pairs=snakemake.output.pairs,
        recommended=snakemake.output.recommended,
        study=snakemake.params.study,
        samples=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
