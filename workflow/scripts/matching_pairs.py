"""Adapter of the rule `matching_pairs`."""

from auric.matching.pairs import make_pairs
from auric.progress import log_to

with log_to(snakemake.log[0], threads=snakemake.threads):
    make_pairs(
        snakemake.input.reported,
        snakemake.params.structures,
        "".join(snakemake.input.failures),
        dict(snakemake.output.items()),
        negatives=snakemake.params.negatives,
        mirror=snakemake.params.mirror,
        seed=snakemake.params.seed,
    )
