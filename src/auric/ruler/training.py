"""Training of ELFnet: seeded, resumed after a kill, on a GPU where there is one.

Adam on the mean squared error of standardised lengths. The random numbers of an epoch depend on the seed and the epoch alone, so
that a training resumed from a checkpoint is the one that was killed. An epoch sees as many images as there are different
ones, whatever their weights, so that all weightings cost the same. Two settings are ours: the learning rate may fall
along a cosine, and the weights may start orthogonal.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auric.devices import take_gpu
from auric.errors import AuricError, InputError, suggestion
from auric.progress import Counter, log
from auric.provenance import code_fingerprint, configuration_hash
from auric.ruler.dataset import ImageSet
from auric.ruler.network import build_network, channels_last, start_orthogonal
from auric.ruler.rulers import Ruler, load_tensors, save_tensors
from auric.ruler.weights import duplicate

SPEED_ONLY = ("device", "threads", "checkpoint_seconds")
"""Settings that leave the numbers as they are (up to rounding)."""
CHECKPOINT = "auric elfnet checkpoint 1"
WEIGHTINGS = ("duplication", "sampler", "loss", "none")


class DivergedError(AuricError):
    """The loss of a training is no longer finite."""


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of ELFnet and its training; the schema of the configuration describes each."""

    channels: Sequence[int] = (16, 32, 64, 64, 64, 64)
    hidden: int = 64
    epochs: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-4
    schedule: str = "constant"
    initialisation: str = "torch"
    architecture: str = "plain"
    kernel: int = 3
    activation: str = "relu"
    pooling: str = "max"
    batch_norm: bool = False
    dropout: float = 0.0
    device: str = "auto"
    threads: int = 1
    checkpoint_seconds: float = 60.0


def train(
    data: ImageSet,
    training: np.ndarray,
    *,
    settings: NetworkSettings,
    weighting: str,
    seed: int,
    watch: np.ndarray | None,
    checkpoint: str | Path | None,
) -> tuple[Ruler, list[dict[str, Any]]]:
    """Train ELFnet.

    Args:
        data: All images.
        training: Indices of the images to train on; an index may come more than once.
        settings: Network and training.
        weighting: One of `WEIGHTINGS`.
        seed: Seed of initial weights and of batches.
        watch: Indices of images whose error is followed; nothing is decided by it.
        checkpoint: File a killed training goes on from; removed in the end. None keeps none.

    Returns:
        The trained ruler, and the learning curve: rows with `epoch`, `learning_rate`, `training_mae_angstrom`,
        `validation_mae_angstrom` and `seconds`.

    Raises:
        ValueError: If the weighting is unknown.
        DivergedError: If the loss is no longer finite.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f"unknown weighting '{weighting}'; {suggestion(weighting, WEIGHTINGS)}")
    job = _Training(data, training, settings, weighting, seed, watch)
    code = code_fingerprint("auric.ruler.training", libraries=("torch",))
    numbers = {name: value for name, value in asdict(settings).items() if name not in SPEED_ONLY}
    key = configuration_hash([numbers, weighting, seed, data.hash(), training.tolist(), code])
    start, curve = job.resume(checkpoint, key)
    counter, saved = Counter("epoch", settings.epochs - start), time.perf_counter()
    for epoch in range(start, settings.epochs):
        curve.append(job.epoch(epoch))
        counter.step(f"(training error {curve[-1]['training_mae_angstrom']:.5f} angstrom)")
        if checkpoint is not None and time.perf_counter() - saved > settings.checkpoint_seconds:
            job.keep(checkpoint, key, epoch + 1, curve)
            saved = time.perf_counter()
    ruler = job.ruler()
    if checkpoint is not None:
        Path(checkpoint).unlink(missing_ok=True)
    return ruler, curve


class _Training:
    """State of one training."""

    def __init__(
        self, data: ImageSet, training: np.ndarray, settings: NetworkSettings, weighting: str, seed: int,
        watch: np.ndarray | None,
    ) -> None:  # fmt: skip
        self.data, self.training, self.settings, self.seed = data, training, settings, seed
        self.weighting, self.watch = weighting, watch
        torch.set_num_threads(settings.threads)
        self.device = _device(settings.device)
        torch.manual_seed(seed)
        self.network = build_network(data.pixels, asdict(settings)).to(self.device)
        if settings.initialisation == "orthogonal":
            start_orthogonal(self.network)
        channels_last(self.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        items = duplicate(training, data.weights[training]) if weighting == "duplication" else training
        self.items = torch.as_tensor(items)
        self.per_epoch = len(np.unique(training))
        lengths, weights = data.lengths_angstrom[training], data.weights[training].astype(float)
        weights = np.ones_like(weights) if weighting == "none" else weights
        self.mean = float(np.average(lengths, weights=weights))
        self.sd = float(np.sqrt(np.average((lengths - self.mean) ** 2, weights=weights))) or 1.0
        self.elf = torch.as_tensor(data.elf)
        self.target = torch.as_tensor((data.lengths_angstrom - self.mean) / self.sd, dtype=torch.float32)
        self.weight = torch.as_tensor(data.weights, dtype=torch.float32)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        """Indices of images of each batch of an epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        if self.weighting == "sampler":
            drawn = torch.multinomial(self.weight[self.items], self.per_epoch, replacement=True, generator=generator)
        else:
            drawn = torch.randperm(len(self.items), generator=generator)[: self.per_epoch]
        return torch.split(self.items[drawn], self.settings.batch_size)

    def learning_rate(self, epoch: float) -> float:
        """Learning rate at a (fractional) epoch."""
        if self.settings.schedule == "constant":
            return self.settings.learning_rate
        share = epoch / self.settings.epochs
        warm = min(1.0, share / 0.05)
        return self.settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * share))

    def epoch(self, epoch: int) -> dict[str, Any]:
        """Train one epoch; its row of the learning curve."""
        started = time.perf_counter()
        self.network.train()
        if self.settings.dropout:
            torch.manual_seed(self.seed * 1_000_003 + epoch)
        batches = self.batches(epoch)
        # Weights are divided by their mean over all training images, so that every batch counts by its weights.
        scale = float(self.weight[self.items].mean()) if self.weighting == "loss" else 1.0
        total, count, rate = 0.0, 0, 0.0
        for number, batch in enumerate(batches):
            rate = self.learning_rate(epoch + (number + 1) / len(batches))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            error = self.network(self.elf[batch].to(self.device)).squeeze(1) - self.target[batch].to(self.device)
            squares = error**2
            if self.weighting == "loss":
                squares = squares * (self.weight[batch].to(self.device) / scale)
            self.optimiser.zero_grad(set_to_none=True)
            squares.mean().backward()
            self.optimiser.step()
            total, count = total + float(error.detach().abs().sum()), count + len(batch)
        if not math.isfinite(total):
            raise DivergedError(f"training diverged in epoch {epoch + 1}; lower ruler.network.learning_rate")
        return {
            "epoch": epoch + 1, "learning_rate": rate, "training_mae_angstrom": self.sd * total / count,
            "validation_mae_angstrom": self._watched_error(epoch), "seconds": time.perf_counter() - started,
        }  # fmt: skip

    def _watched_error(self, epoch: int) -> float | None:
        """Error on the watched images, at about fifty epochs and the last."""
        every = max(1, self.settings.epochs // 50)
        if self.watch is None or ((epoch + 1) % every and epoch + 1 < self.settings.epochs):
            return None
        read = self.ruler().read(self.data.elf[self.watch])
        return float(np.abs(read - self.data.lengths_angstrom[self.watch]).mean())

    def ruler(self) -> Ruler:
        """The ruler as far as it is trained."""
        header = {
            "settings": asdict(self.settings) | {"weighting": self.weighting, "seed": self.seed},
            "pixels": self.data.pixels, "mean_angstrom": self.mean, "sd_angstrom": self.sd,
        }  # fmt: skip
        return Ruler(self.network.eval(), header)

    def keep(self, path: str | Path, key: str, epochs: int, curve: list[dict[str, Any]]) -> None:
        """Write a checkpoint: weights, moments, and how far the training is."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        save_tensors(
            path,
            {name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
            {"format": CHECKPOINT, "key": key, "epochs": epochs, "curve": curve},
        )

    def resume(self, path: str | Path | None, key: str) -> tuple[int, list[dict[str, Any]]]:
        """Go on from a checkpoint of the same settings and data, if there is one: epochs done and the curve so far."""
        if path is None or not Path(path).exists():
            return 0, []
        try:
            tensors, header = load_tensors(path, CHECKPOINT)
        except InputError as error:
            log.warning("checkpoint of no use: %s; training starts anew", error)
            return 0, []
        if header["key"] != key:
            log.info("checkpoint %s is of other settings or data; training starts anew", path)
            return 0, []
        self.network.load_state_dict(
            {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
        )
        state = self.optimiser.state_dict()
        state["state"] = {
            number: {name: tensors[f"adam.{number}.{name}"] for name in ("step", "exp_avg", "exp_avg_sq")}
            for number in range(len(list(self.network.parameters())))
        }
        self.optimiser.load_state_dict(state)
        log.info("going on after epoch %d of %s (kept from before)", header["epochs"], path)
        return header["epochs"], header["curve"]


def _device(name: str) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("ruler.network.device is cuda, but no GPU is seen; use auto or cpu")
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    return torch.device("cuda", take_gpu(names))
