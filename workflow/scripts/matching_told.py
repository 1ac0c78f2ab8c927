"""Adapter of the rule `matching_told`."""

from auric.matching.application import tell_cases, tell_external
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    tell_cases(
        snakemake.input.cores,
        snakemake.input.pairs,
        snakemake.input.examples,
        snakemake.input.core_encoder,
        snakemake.input.ligand_encoder,
        "".join(snakemake.input.cases),
        snakemake.output.cases,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
    tell_external(
        snakemake.input.external,
        snakemake.input.cores,
        snakemake.input.pairs,
        snakemake.input.examples,
        snakemake.input.model,
        snakemake.output.external,
        settings=snakemake.params.settings,
    )
