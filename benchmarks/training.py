"""How well ELFnet's layers read bonds never seen, by how they are trained: on the demonstration's images, five folds by bond.

Needs `results/demo/ruler/images.nc` (`make run`). About a quarter of an hour on two cores.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from auric.ruler import ImageSet, NetworkSettings, RidgeOnLine, SolvedElfNet, make_fold, read_images, train

IMAGES = "results/demo/ruler/images.nc"
SEED, FOLDS = 20260101, 5
BASE = NetworkSettings(
    channels=(8, 16, 32, 32, 64, 64), epochs=40, batch_size=16, learning_rate=1e-3, schedule="cosine",
    initialisation="orthogonal",
)  # fmt: skip
VARIANTS = {
    "elfnet, as in the demonstration, 20 epochs": (replace(BASE, epochs=20), "loss"),
    "elfnet, 40 epochs": (BASE, "loss"),
    "elfnet, library's start, 40 epochs": (replace(BASE, initialisation="torch"), "loss"),
    "elfnet, all images alike, 40 epochs": (BASE, "none"),
    "elfnet, 160 epochs": (replace(BASE, epochs=160), "loss"),
    "elfnet, the paper's training, 160 epochs": (
        replace(BASE, epochs=160, batch_size=64, learning_rate=1e-4, schedule="constant", initialisation="torch"),
        "duplication",
    ),
}


def measure_training() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    jobs = [(name, fold) for name in (*VARIANTS, RidgeOnLine.subject, SolvedElfNet.subject) for fold in range(FOLDS)]
    with ProcessPoolExecutor(2) as pool:
        errors = list(pool.map(_errors, *zip(*jobs, strict=True)))
    data = read_images(IMAGES)
    return list(_rows(data, jobs, errors))


def _errors(name: str, fold: int) -> tuple[np.ndarray, float, float]:
    """Errors on the test images of a fold (angstrom), the mean error on the training images, and seconds."""
    data = read_images(IMAGES)
    chosen = make_fold(data, "bond", str(fold), folds=FOLDS, seed=SEED)
    assert chosen is not None
    training, test = chosen
    lengths, started = data.lengths_angstrom, time.perf_counter()
    if name in VARIANTS:
        settings, weighting = VARIANTS[name]
        ruler, _ = train(data, training, settings=settings, weighting=weighting, seed=SEED, watch=None, checkpoint=None)
        read = ruler.read
    else:
        reading = RidgeOnLine() if name == RidgeOnLine.subject else SolvedElfNet(SEED)
        read = reading.fit(data.elf[training], lengths[training], data.bond[training]).predict
    seconds = time.perf_counter() - started
    return (
        np.abs(read(data.elf[test]) - lengths[test]),
        float(np.abs(read(data.elf[training]) - lengths[training]).mean()),
        seconds,
    )


def _rows(
    data: ImageSet, jobs: list[tuple[str, int]], errors: list[tuple[np.ndarray, float, float]]
) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys(name for name, _ in jobs):
        mine = [error for (each, _), error in zip(jobs, errors, strict=True) if each == name]
        seconds = float(np.mean([took for _, _, took in mine]))
        common = {
            "system": "ruler", "unit": "angstrom", "subject": name, "n": len(data), "data": "demo",
            "split": "bond", "comparable": "not comparable", "better": "lower", "seconds": seconds,
        }  # fmt: skip
        yield common | {"quantity": "mae", "ours": float(np.concatenate([test for test, _, _ in mine]).mean())}
        yield common | {"quantity": "training_mae", "ours": float(np.mean([training for _, training, _ in mine]))}
