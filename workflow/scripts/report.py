"""Adapter of the rule `report`."""

from auric.progress import log_to
from auric.report.build import build_report

with log_to(snakemake.log[0], threads=snakemake.threads):
    build_report(
        scorecards=snakemake.input.scorecards,
        predictions=snakemake.input.predictions or None,
        history=snakemake.input.history or None,
        images=snakemake.input.images or None,
        frames=snakemake.input.frames,
        failures=snakemake.input.failures,
        dropped=snakemake.input.dropped,
        energies=snakemake.input.energies,
        forces=snakemake.input.forces,
        maps=snakemake.input.maps,
        geometry=snakemake.input.geometry,
        curves=snakemake.input.curves,
        changes=snakemake.input.changes,
        change_curves=snakemake.input.change_curves,
        walk_maps=snakemake.input.walk_maps,
        isomers=snakemake.input.isomers,
        relaxed={
            "tables": snakemake.input.relaxations,
            "traces": snakemake.input.traces,
            "series": snakemake.input.series,
            "rings": snakemake.input.rings,
            "stretched": snakemake.input.stretched,
        },
        recommended=snakemake.input.recommended or None,
        configuration=snakemake.params.configuration,
        folder=snakemake.output.folder,
        archive=snakemake.output.archive,
        study=snakemake.params.study,
    )
