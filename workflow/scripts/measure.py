"""Adapter of the rule `measure`."""

from auric.progress import log_to
from auric.ruler.reading import measure_study_frame

with log_to(snakemake.log[0], threads=snakemake.threads):
    measure_study_frame(
        snakemake.input.images, snakemake.input.rulers, snakemake.output.table, frame=snakemake.params.frame
    )
