"""Images rotated about their middle, inside the largest circle that fits.

Rotating an image is a linear map of its spline's coefficients (cubic, mirrored at the edge, as `scipy.ndimage.map_coordinates` has it), so
that all particles at all widths are rotated by one sparse matrix per angle. Half a turn reverses the order of the circle's pixels, so that
matrices are needed for half of the angles only, where their number is even.
"""

import numpy as np
from scipy import ndimage, sparse

SPLINE_ORDER = 3
TAPS = 4


def circle(pixels: int) -> np.ndarray:
    """Which pixels lie inside the inscribed circle, shape (pixels, pixels); corners do not."""
    steps = np.arange(pixels) - (pixels - 1) / 2
    return np.asarray(np.hypot(steps[:, None], steps[None, :]) <= pixels / 2 - 0.5 + 1e-9)


def angles(count: int) -> np.ndarray:
    """`count` angles over the whole turn (degree)."""
    return np.arange(count) * 360.0 / count


def coefficients(images: np.ndarray) -> np.ndarray:
    """Cubic spline coefficients of images, flattened: shape (n, pixels, pixels) to (pixels^2, n)."""
    filtered = images.astype(float)
    for axis in (1, 2):
        filtered = ndimage.spline_filter1d(filtered, SPLINE_ORDER, axis=axis, mode="mirror")
    return np.ascontiguousarray(filtered.reshape(len(images), -1).T, images.dtype)


def rotation_matrix(pixels: int, angle_degree: float, *, dtype: type = np.float32) -> sparse.csr_array:
    """The map from spline coefficients to the pixels of the rotated image inside the circle; turns as `numpy.rot90` does.

    Args:
        pixels: Along a side.
        angle_degree: Of the rotation.
        dtype: Of the entries.

    Returns:
        Shape (pixels in the circle, pixels^2), 16 entries a row.
    """
    inside = circle(pixels)
    middle = (pixels - 1) / 2
    y, x = np.nonzero(inside)
    c, s = np.cos(np.radians(angle_degree)), np.sin(np.radians(angle_degree))
    dx, dy = x - middle, y - middle
    at_x = np.clip(middle + c * dx - s * dy, 0, pixels - 1)
    at_y = np.clip(middle + s * dx + c * dy, 0, pixels - 1)
    (ix, wx), (iy, wy) = _taps(at_x, pixels), _taps(at_y, pixels)
    columns = (iy[:, :, None] * pixels + ix[:, None, :]).reshape(len(x), -1)
    weights = (wy[:, :, None] * wx[:, None, :]).reshape(len(x), -1)
    starts = np.arange(len(x) + 1, dtype=np.int32) * TAPS**2
    return sparse.csr_array(
        (weights.astype(dtype).ravel(), columns.astype(np.int32).ravel(), starts), shape=(len(x), pixels**2)
    )


def _taps(places: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients that a place needs along one axis, mirrored at the edge, and their weights, shape (n, 4) each."""
    left = np.floor(places).astype(int)
    t = (places - left)[:, None]
    weights = (
        np.hstack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    )  # the cubic B-spline's pieces
    index = np.abs(left[:, None] + np.arange(-1, 3))
    last = pixels - 1
    return np.where(index > last, 2 * last - index, index), weights


class Turner:
    """All rotations of images of one size."""

    def __init__(self, pixels: int, rotations: int) -> None:
        self.pixels, self.rotations = pixels, rotations
        self.inside = circle(pixels)
        self._half = rotations // 2 if rotations % 2 == 0 else rotations
        self._matrices = [rotation_matrix(pixels, angle) for angle in angles(rotations)[: self._half]]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Pixels inside the circle of all rotations.

        Args:
            images: Shape (n, pixels, pixels), float32.

        Returns:
            Shape (n, rotations, pixels in the circle), float32.
        """
        splines = coefficients(images)
        turned = np.empty((len(images), self.rotations, int(self.inside.sum())), np.float32)
        for place, matrix in enumerate(self._matrices):
            turned[:, place] = (matrix @ splines).T
        turned[:, self._half :] = turned[:, : self.rotations - self._half, ::-1]
        return turned
