"""A core encoder that has learned formation energies of bare clusters before it meets a ligand.

What is learned is what the liquid-drop line of an element (`auric.matching.formation`) leaves over, in units of how far that
element's clusters lie off their line: a sum over atoms, each a function of its surroundings that all elements share. So
the line's smooth fall with size is never the network's to learn, and an element's few clusters borrow from all others.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from auric.errors import InputError
from auric.graphs import ClusterEncoder, Clusters, EncoderSettings, pack_clusters, pick_clusters
from auric.matching.formation import HUBER_SDS, ClusterEnergies, DropLines, fit_lines
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.progress import log

FORMAT = "auric CoreEncoder 1"
FURTHEST = 5.0
"""Clusters further off their line than so many standard deviations are learned as if they were so far."""
EVALUATION_BATCH = 256


@dataclass(frozen=True)
class PretrainSettings:
    """How an encoder is pretrained.

    Attributes:
        encoder: Its shape.
        epochs: Passes over the clusters.
        batch: Clusters of one step.
        learning_rate: The highest; it rises to it and falls to nothing in one cycle.
        weight_decay: Of AdamW.
        seed: Of the weights and of the order.
    """

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    epochs: int = 60
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1 or not (self.learning_rate > 0 and self.weight_decay >= 0):
            raise InputError("pretraining: epochs and batch must be 1 or more, the learning rate positive, the decay not below 0")


class CoreModel(nn.Module):
    """An encoder and what reads formation energies off it.

    Attributes:
        encoder: Gives features of atoms.
        head: Gives an atom's part of the energy from its features.
        lines: The liquid-drop line of each element it has learned.
        header: What it was learned from and how; `seconds` of training among it.
    """

    def __init__(self, settings: EncoderSettings, lines: DropLines | None = None) -> None:
        super().__init__()
        self.encoder = ClusterEncoder(settings)
        self.head = nn.Sequential(nn.Linear(settings.width, settings.width), nn.Softplus(), nn.Linear(settings.width, 1))
        self.lines = lines
        self.header: dict[str, Any] = {}

    def forward(self, packed: Clusters) -> Tensor:
        """Distance from the line in standard deviations of the element, shape (count,): means over atoms."""
        return packed.mean(self.head(self.encoder(packed)))[:, 0]

    def distances(self, packed: Clusters) -> np.ndarray:
        """The same for any number of clusters, without gradients."""
        with torch.no_grad():
            parts = [self(part).numpy() for part in _parts(packed)]
        return np.concatenate(parts)

    def embed(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Features of clusters, shape (n, width)."""
        packed = pack_clusters(frames, reach=self.encoder.settings.reach)
        with torch.no_grad():
            return np.concatenate([self.encoder.embed(part).numpy() for part in _parts(packed)])

    def energies(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Energies per atom of bare clusters of one element each, eV, shape (n,).

        Raises:
            InputError: An element without a line, or a cluster of several.
        """
        if self.lines is None:
            raise InputError("this encoder was not pretrained on energies; pretrain it first")
        if any(len(set(atoms.numbers.tolist())) > 1 for atoms in frames):
            raise InputError("formation energies were learned of clusters of one element; give such")
        element, size = np.array([atoms.numbers[0] for atoms in frames]), np.array([len(atoms) for atoms in frames])
        packed = pack_clusters(frames, reach=self.encoder.settings.reach)
        spread = self.lines.spread_ev[self.lines.place(element)]
        return np.asarray(self.lines.predict(element, size) + spread * self.distances(packed))

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header."""
        lines = self.lines
        extra = {} if lines is None else {"elements": lines.elements, "terms_ev": lines.terms_ev, "spread_ev": lines.spread_ev}
        settings = asdict(self.encoder.settings)
        write_weights(path, {"format": FORMAT, "encoder": settings, "learned": self.header}, weights_of(self), extra)

    @classmethod
    def load(cls, path: str | Path) -> "CoreModel":
        """Read what `save` wrote.

        Raises:
            InputError: Missing, foreign, damaged or changed.
        """
        header, weights, extra = read_weights(path, FORMAT)
        lines = DropLines(extra["elements"], extra["terms_ev"], extra["spread_ev"]) if "elements" in extra else None
        model = cls(EncoderSettings(**header["encoder"]), lines)
        model.load_state_dict(weights)
        model.header = header["learned"]
        return model.eval()


def pretrain(
    data: ClusterEnergies,
    chosen: np.ndarray,
    settings: PretrainSettings | None = None,
    *,
    packed: Clusters | None = None,
    target: str = "energy",
) -> CoreModel:
    """Train an encoder on clusters.

    Args:
        data: Clusters with energies.
        chosen: Numbers of those to learn from, shape (n,).
        settings: How.
        packed: Graphs of all clusters with the settings' reach, if they are made already.
        target: `energy`, or `gap` where the table holds gaps (eV; less their mean, over their standard deviation).

    Raises:
        InputError: Elements with too few clusters, or gaps that the table does not hold.
    """
    settings = settings or PretrainSettings()
    packed = packed or pack_clusters(data.frames, reach=settings.encoder.reach)
    lines = fit_lines(data, chosen, huber_sds=HUBER_SDS) if target == "energy" else None
    wanted = np.zeros(len(data.frames))
    if lines is None:
        gaps = data.gap_ev[chosen]
        if target != "gap" or not np.isfinite(gaps).all():
            raise InputError(f"target '{target}': give energy, or gap with gap_ev for every cluster")
        wanted[chosen] = (gaps - gaps.mean()) / max(float(gaps.std()), 1e-6)
    else:
        element, size = data.element[chosen], data.size[chosen]
        off = (data.energy_ev[chosen] - lines.predict(element, size)) / lines.spread_ev[lines.place(element)]
        wanted[chosen] = np.clip(off, -FURTHEST, FURTHEST)
    torch.manual_seed(settings.seed)
    model = CoreModel(settings.encoder, lines)
    model.encoder.learn_elements(data.element[chosen])
    started = time.perf_counter()
    losses = _train(model, packed, np.asarray(chosen), torch.as_tensor(wanted, dtype=torch.float32), settings)
    model.header = {
        "settings": {key: value for key, value in asdict(settings).items() if key != "encoder"}, "target": target,
        "clusters": len(chosen), "seconds": time.perf_counter() - started, "losses": losses,
    }  # fmt: skip
    return model.eval()


def _train(model: CoreModel, packed: Clusters, chosen: np.ndarray, wanted: Tensor, settings: PretrainSettings) -> list[float]:
    """Mean loss of each epoch."""
    rng = np.random.default_rng(settings.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    steps = int(np.ceil(len(chosen) / settings.batch))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=steps, pct_start=0.2
    )
    losses = []
    model.train()
    for epoch in range(settings.epochs):
        total = 0.0
        for part in np.array_split(rng.permutation(chosen), steps):
            loss = smooth_l1_loss(model(pick_clusters(packed, part)), wanted[torch.as_tensor(part)])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            cycle.step()
            total += float(loss.detach()) * len(part)
        losses.append(total / len(chosen))
        log.info("epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, losses[-1])
    return losses


def _parts(packed: Clusters) -> list[Clusters]:
    numbers = np.arange(packed.count)
    return [pick_clusters(packed, numbers[i : i + EVALUATION_BATCH]) for i in range(0, packed.count, EVALUATION_BATCH)]
