"""Adapter of the rule `ruler_validate`."""

from auric.progress import log_to
from auric.ruler.validation import validate

with log_to(snakemake.log[0], threads=snakemake.threads):
    validate(
        snakemake.input.predictions,
        snakemake.input.histories,
        snakemake.output.predictions,
        snakemake.output.history,
        snakemake.output.scorecard,
        study=snakemake.params.study,
        like_paper=snakemake.params.like_paper,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
