"""auric: reference data, learned models and their honest validation for ligand-protected metal nanoclusters."""

__version__ = "0.1.0"
