"""Names of contenders that the workflow must know without loading what they are made of."""

RECOMMENDED = "linear"
PRODUCTS = {RECOMMENDED: 0, "quadratic": 20}
"""Contenders that learn from forces, and have files: of how many directions for each element they take products."""
