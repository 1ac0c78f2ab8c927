"""Adapter of the rule `grid`."""

from auric.elf.grid import elf_grid
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    elf_grid(
        snakemake.input.orbitals,
        snakemake.output.netcdf,
        snakemake.output.cube,
        frame=snakemake.params.frame,
        spacing_angstrom=snakemake.params.spacing_angstrom,
        margin_angstrom=snakemake.params.margin_angstrom,
        offset=snakemake.params.offset,
        threads=snakemake.threads,
    )
