"""Structural similarity (SSIM, doi:10.1109/TIP.2003.819861) of rotated particles and images, by scikit-image.

SSIM compares brightness, contrast and structure in windows that slide over both images; a map of it for every rotation of every particle with
every image would cost more than all wavelets together. It is asked once for each particle and image: at the rotation where their
cross-correlation is highest.
"""

import numpy as np

from auric.microscopy.projection import WHITE

WINDOW_PIXELS = 7
"""Side of the sliding window, as scikit-image has it by default."""
BATCH_PAIRS = 64
"""Pairs whose maps are made at a time."""


def structural_similarity(turned: np.ndarray, images: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """SSIM of pairs, averaged over the pixels that are compared; all others count as background in both.

    Pairs lie below each other in one tall picture, with empty rows between them that no window bridges: scikit-image is called once for many.

    Args:
        turned: Compared pixels of rotated particles, shape (n, k); dark is large, 255 the darkest.
        images: The same pixels of the images, shape (n, k).
        inside: Which pixels are compared, shape (pixels, pixels), k of them.

    Returns:
        Between -1 and 1, shape (n,).
    """
    from skimage import metrics

    pixels = len(inside)
    found = np.empty(len(turned))
    for first in range(0, len(turned), BATCH_PAIRS):
        pairs = slice(first, first + BATCH_PAIRS)
        tall = []
        for rows in (turned[pairs], images[pairs]):
            stack = np.zeros((len(rows), pixels + WINDOW_PIXELS // 2, pixels), np.float32)
            stack[:, :pixels][:, inside] = rows
            tall.append(stack.reshape(-1, pixels))
        _, seen = metrics.structural_similarity(*tall, win_size=WINDOW_PIXELS, data_range=WHITE, full=True)
        shape = (-1, pixels + WINDOW_PIXELS // 2, pixels)
        found[pairs] = seen.reshape(shape)[:, :pixels][:, inside].mean(axis=1, dtype=float)
    return found
