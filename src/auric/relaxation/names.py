"""Names that the workflow needs before anything is imported."""

WAYS = (
    "bfgs", "bfgs_softer", "precon_lbfgs", "cheap_bfgs", "cheap_bfgs_softer", "cheap_hessian_bfgs", "hybrid", "hybrid_corrected"
)  # fmt: skip
"""Of relaxing a start at a better level (`auric.relaxation.better`); none needs what another has found."""
