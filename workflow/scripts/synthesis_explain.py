"""Adapter of the rule `synthesis_explain`."""

from auric.progress import log_to
from auric.synthesis.explain import explain_model

with log_to(snakemake.log[0], threads=snakemake.threads):
    explain_model(
        snakemake.params.sources,
        snakemake.output.model,
        model=snakemake.params.model,
        folds=snakemake.params.folds,
        seed=snakemake.params.seed,
        settings=snakemake.params.settings,
        wanted=snakemake.params.wanted,
    )
