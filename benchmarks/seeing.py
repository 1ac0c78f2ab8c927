"""What explaining and reading cost: Grad-CAM, occlusion and reading modes of 2,000 images, and the reading of one image.

Images are those that come with auric (50 pixels); for the paper's 200 their pixels are repeated, and a part of the images stands for
all. Weights are random, which costs what trained ones do. One thread, time of the processor.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from auric.elf.images import STEPS
from auric.files import read_dataset
from auric.ruler import Ruler, RulerSet, build_network, count_kinds, grad_cam, mode_scores, read_occluded, silverman_p
from auric.ruler.modes import SMOOTHING
from auric.ruler.seen import FILLS, KIND_SAMPLES

BUNDLE, SHIPPED = "resources/gold_thiolate_elf.nc", "src/auric/ruler/rulers.safetensors"
IMAGES = 2000
NETWORKS = {
    "workstation study, 50 pixels": ({"channels": (8, 16, 32, 32, 64, 64), "hidden": 64}, 50, IMAGES),
    "paper's ELFnet, 200 pixels": ({"channels": (16, 32, 64, 64, 64, 64), "hidden": 64}, 200, 40),
}
"""Settings, pixels, and how many of the images are measured."""
READINGS = 50


def measure_seeing() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    bundle = read_dataset(BUNDLE)
    chosen = np.linspace(0, bundle.sizes["image"] - 1, IMAGES).round().astype(int)
    elf = (bundle["elf"].values[chosen] / STEPS).astype("float32")
    bonds = bundle["bond"].values.astype(str)[chosen]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for data in NETWORKS for row in _rows(data, elf, bonds)] + [_shipped(elf)]
    finally:
        torch.set_num_threads(threads)


def _rows(data: str, elf: np.ndarray, bonds: np.ndarray) -> list[dict[str, Any]]:
    settings, pixels, measured = NETWORKS[data]
    torch.manual_seed(0)
    header = {"settings": settings, "pixels": pixels, "mean_angstrom": 2.4, "sd_angstrom": 0.1}
    ruler = Ruler(build_network(pixels, settings).eval(), header)
    few = elf[: len(elf) // measured * measured : len(elf) // measured]
    few = few.repeat(pixels // few.shape[-1], axis=1).repeat(pixels // few.shape[-1], axis=2)
    # Random weights give maps of one kind, which would be counted too fast.
    rng = np.random.default_rng(0)
    scores = (
        rng.choice([[0.7, 0.0, 0.0], [-0.6, 0.0, 0.0], [0.0, 0.0, -0.7]], len(elf))
        + rng.normal(0, 10 * SMOOTHING**0.5, (len(elf), 3)) / 2
    )
    share = len(elf) / len(few)
    parts = {
        "Grad-CAM": share * _seconds(lambda: mode_scores(grad_cam(ruler.network, few))),
        f"occlusion, nine zones, {len(FILLS)} ways to hide": share
        * _seconds(lambda: [read_occluded(ruler, few, fill) for fill in (0.0, few.mean(axis=0))]),
        "reading modes": _seconds(lambda: _kinds(scores, bonds)),
    }
    parts["all of these"] = sum(parts.values())
    common = {"system": "ruler", "data": data, "split": "none", "comparable": "not comparable", "better": "lower"}
    rows = [
        common | {"quantity": "seeing_seconds", "unit": "s", "subject": what, "ours": seconds, "n": len(elf)}
        for what, seconds in parts.items()
    ]  # fmt: skip
    return [*rows, common | _reading("elfnet", lambda image: ruler.read(image), few)]


def _kinds(scores: np.ndarray, bonds: np.ndarray) -> None:
    """As in a study: kinds counted in all folds and in one, and each score tested for one heap."""
    for part in (slice(None), slice(None, None, 5)):
        count_kinds(scores[part], bonds[part], samples=KIND_SAMPLES, seed=0)
        for values in scores[part].T:
            silverman_p(values, bonds[part], modes=1, samples=4 * KIND_SAMPLES, seed=0)


def _shipped(elf: np.ndarray) -> dict[str, Any]:
    rulers = RulerSet.load(SHIPPED)
    common = {
        "system": "ruler",
        "data": "50 pixels",
        "split": "none",
        "comparable": "not comparable",
        "better": "lower",
    }
    return common | _reading("all members of the rulers that come with auric", lambda image: rulers.read(image), elf)


def _reading(subject: str, read: Callable[[np.ndarray], Any], elf: np.ndarray) -> dict[str, Any]:
    read(elf[:1])
    times = [_seconds(lambda image=image: read(image[None])) for image in elf[:READINGS]]  # type: ignore[misc]
    return {
        "quantity": "reading_milliseconds",
        "unit": "ms",
        "subject": f"{subject}, one image",
        "ours": 1000 * median(times),
        "n": READINGS,
    }


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
