"""What a ruler owes to fine digits of ELF: errors and stability by the resolution of the images, on those that come along.

Five folds by structure. Noise is normal and independent from pixel to pixel, which is harder on a reading than most that another
code, grid or convergence does to ELF. About four minutes on one core.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from auric.elf import unpack
from auric.ruler import ImageSet, RidgeOnImage, RidgeOnLine, SolvedElfNet, join_blocks, make_fold, read_images

BUNDLE = "resources/gold_thiolate_elf.nc"
RESOLUTIONS, NOISE = (65535, 4095, 255), (1e-6, 1e-5, 1e-4)
SEED, FOLDS = 20260101, 5


def measure_noise() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    data, rows = bundled(), []
    for steps in RESOLUTIONS:
        elf = (np.round(data.elf.astype(float) * steps) / steps).astype("float32")
        for reading in (RidgeOnLine, RidgeOnImage, SolvedElfNet):
            errors, shifts = _read(reading, elf, data)
            common = {
                "system": "ruler", "unit": "angstrom", "n": len(errors), "data": f"images of 1/{steps}", "split": "structure",
                "comparable": "not comparable", "better": "lower",
            }  # fmt: skip
            rows.append(common | {"quantity": "mae", "subject": reading.subject, "ours": float(errors.mean())})
            for size, shift in shifts.items():
                subject = f"{reading.subject}, noise of {size:g}"
                rows.append(common | {"quantity": "mean_shift", "subject": subject, "ours": shift})
    return rows


def bundled() -> ImageSet:
    """The images that come along."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        unpack(BUNDLE, *(place / name for name in ("labels.extxyz", "images.nc", "failures.csv", "dropped.csv")))
        weights = {"bin_edges_angstrom": [2.3, 2.4], "bin_weights": [1]}
        join_blocks([place / "images.nc"], place / "joined.nc", settings=weights)
        return read_images(place / "joined.nc")


def _read(reading: Any, elf: np.ndarray, data: ImageSet) -> tuple[np.ndarray, dict[float, float]]:
    """Errors on all images, each by the fold that has not seen its structure; mean shifts by size of the noise."""
    rng = np.random.default_rng(SEED)
    errors = np.empty(len(elf))
    shifts: dict[float, list[np.ndarray]] = {size: [] for size in NOISE}
    for fold in range(FOLDS):
        chosen = make_fold(data, "structure", str(fold), folds=FOLDS, seed=SEED)
        assert chosen is not None
        training, test = chosen
        model = reading().fit(elf[training], data.lengths_angstrom[training], data.bond[training])
        read = model.predict(elf[test])
        errors[test] = np.abs(read - data.lengths_angstrom[test])
        for size in NOISE:
            noisy = (elf[test] + rng.normal(0, size, elf[test].shape)).astype("float32")
            shifts[size].append(np.abs(model.predict(noisy) - read))
    return errors, {size: float(np.concatenate(found).mean()) for size, found in shifts.items()}
