"""Which images are fit to learn from."""

import numpy as np


def fault_of(image: np.ndarray) -> str:
    """Why an image must be dropped; an empty string if it need not.

    Args:
        image: ELF values, any shape.
    """
    if not np.isfinite(image).all():
        return f"non-finite values ({int((~np.isfinite(image)).sum())} of {image.size})"
    if image.min() < 0 or image.max() > 1:
        return f"values outside [0, 1] ({image.min():.3g} to {image.max():.3g})"
    return ""
