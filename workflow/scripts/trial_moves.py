"""Adapter of the rule `trial_moves`."""

from auric.progress import log_to
from auric.reference.trials import trial_moves_of_run

with log_to(snakemake.log[0], threads=snakemake.threads):
    trial_moves_of_run(
        snakemake.input.frames,
        snakemake.output.moves,
        snakemake.output.failures,
        settings=snakemake.params.settings,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
    )
