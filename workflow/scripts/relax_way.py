"""Adapter of the rule `relax_way`."""

from auric.progress import log_to
from auric.relaxation.rules import one_way_of_run

with log_to(snakemake.log[0], threads=snakemake.threads):
    one_way_of_run(
        snakemake.input.frames,
        snakemake.input.model,
        snakemake.output.table,
        way=snakemake.wildcards.way,
        settings=snakemake.params.settings,
        engine=snakemake.params.engine,
        engine_settings=snakemake.params.engine_settings,
        xtb=snakemake.params.xtb,
        store=snakemake.params.store,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
