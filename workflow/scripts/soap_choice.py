"""Adapter of the rule `soap_choice`."""

from auric.potential.scan import choose_soap
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    choose_soap(
        snakemake.input.training,
        snakemake.input.norms,
        snakemake.output.angles,
        snakemake.output.choice,
        snakemake.output.scores,
        settings=snakemake.params.settings,
        sample=snakemake.params.sample,
    )
