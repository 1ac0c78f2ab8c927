"""Adapter of the rule `tem_calibration`."""

from auric.microscopy.calibration import write_calibration
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    write_calibration(
        snakemake.input.libraries,
        snakemake.output.cases,
        snakemake.output.power,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
