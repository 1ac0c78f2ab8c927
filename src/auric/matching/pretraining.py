"""A core encoder that has learned formation energies of bare clusters before it meets a ligand.

The energy of a cluster is told as its element's liquid-drop line (`auric.matching.formation`) and a few features of the
encoder, means over atoms, with weights of the element's own: ridge regression on that element's clusters, the line's terms
free. What is trained are the features: for a step some elements are drawn, the ridge of each is solved, and the loss is the
error at every cluster when that cluster is left out (in closed form, r / (1 - h)). So the features are those that tell an
element's clusters apart beyond the line, whatever the element, and the line's smooth fall with size is never theirs to learn. Closed-form
ridge inside a network: Bertinetto et al., ICLR 2019, arXiv:1805.08136.

An element that was left out has no clusters to solve a ridge on; `shared` reads all elements off the features by one network.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from ase import Atoms
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from auric.errors import InputError
from auric.graphs import ClusterEncoder, Clusters, EncoderSettings, pack_clusters, pick_clusters
from auric.graphs.crystal import WIDEST
from auric.matching.formation import FURTHEST, HUBER_SDS, ClusterEnergies, DropLines, drop_terms, fit_lines
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.modelfile import fitting
from auric.progress import log

FORMAT = "auric CoreEncoder 1"
EVALUATION_BATCH = 256


@dataclass(frozen=True)
class PretrainSettings:
    """How an encoder is pretrained.

    Attributes:
        encoder: Its shape.
        epochs: Passes over the clusters.
        batch: Clusters of one step, where all elements share one network.
        learning_rate: The highest; it rises to it and falls to nothing in one cycle.
        weight_decay: Of AdamW.
        features: Features that an element's ridge sees beside the line.
        elements: Elements of one step, each with all its clusters.
        seed: Of the weights and of the order.
    """

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    epochs: int = 20
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    features: int = 12
    elements: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.features, self.elements) < 1 or not (
            self.learning_rate > 0 and self.weight_decay >= 0
        ):
            raise InputError(
                "pretraining: epochs, batch, features and elements must be 1 or more, the learning rate positive, the decay not below 0"
            )


class CoreModel(nn.Module):
    """An encoder and what reads formation energies off it.

    Attributes:
        encoder: Gives features of atoms.
        head: Of these, the features that are read.
        shared: Reads all elements' distances from their lines off the features.
        log_penalty: Of the ridge, natural logarithm, for each feature in units of its standard deviation.
        lines: The liquid-drop line of each element it has learned.
        readout: What is added to an element's line: weights of the line's terms and of the features (eV), shape (elements, 3 +
            features); None where `shared` reads.
        header: What it was learned from and how; `seconds` of training among it, and `gap_ev`, mean and standard deviation of the
            gaps that were learned, where they were.
    """

    def __init__(self, settings: EncoderSettings, lines: DropLines | None = None, *, features: int = 12) -> None:
        super().__init__()
        if not 1 <= features <= WIDEST:
            raise InputError(f"core encoder with {features} features; give 1 to {WIDEST}")
        self.encoder = ClusterEncoder(settings)
        self.head = nn.Sequential(
            nn.Linear(settings.width, settings.width), nn.Softplus(), nn.Linear(settings.width, features)
        )
        self.shared = nn.Sequential(nn.Linear(features, settings.width), nn.Softplus(), nn.Linear(settings.width, 1))
        self.log_penalty = nn.Parameter(torch.tensor(0.5))
        self.lines, self.features = lines, features
        self.readout: np.ndarray | None = None
        self.header: dict[str, Any] = {}

    def forward(self, packed: Clusters) -> Tensor:
        """Features of clusters, shape (clusters, features): means over atoms."""
        found: Tensor = packed.mean(self.head(self.encoder(packed)))
        return found

    def describe(self, packed: Clusters) -> np.ndarray:
        """The same for any number of clusters, without gradients."""
        with torch.no_grad():
            return np.concatenate([self(part).numpy() for part in _parts(packed)])

    def embed(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Vectors of clusters as a matcher sees them, shape (n, width)."""
        packed = pack_clusters(frames, reach=self.encoder.settings.reach)
        with torch.no_grad():
            return np.concatenate([self.encoder.embed(part).numpy() for part in _parts(packed)])

    def distances(self, packed: Clusters, element: np.ndarray, size: np.ndarray) -> np.ndarray:
        """How far clusters are said to lie off their lines, in standard deviations of the element, shape (clusters,).

        Raises:
            InputError: An element without a line.
        """
        if self.lines is None:
            raise InputError("this encoder was not pretrained on energies; pretrain it first")
        described = self.describe(packed)
        if self.readout is None:
            with torch.no_grad():
                return np.asarray(self.shared(torch.as_tensor(described))[:, 0].numpy(), dtype=float)
        place = self.lines.place(element)
        terms = np.hstack([drop_terms(size), described])
        return np.asarray((terms * self.readout[place]).sum(axis=1) / self.lines.spread_ev[place])

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
        return np.asarray(self.lines.predict(element, size) + spread * self.distances(packed, element, size))

    def gaps(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Gaps of bare clusters, eV, shape (n,).

        Raises:
            InputError: An encoder that was not pretrained on gaps.
        """
        if "gap_ev" not in self.header:
            raise InputError("this encoder was not pretrained on gaps; pretrain it on them first")
        described = self.describe(pack_clusters(frames, reach=self.encoder.settings.reach))
        mean, spread = self.header["gap_ev"]
        with torch.no_grad():
            told = self.shared(torch.as_tensor(described))[:, 0].numpy().astype(float)
        return np.asarray(mean + spread * told)

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header."""
        extra: dict[str, np.ndarray] = {}
        if self.lines is not None:
            extra = {name: getattr(self.lines, name) for name in ("elements", "terms_ev", "spread_ev")}
        if self.readout is not None:
            extra["readout"] = self.readout
        settings = {"encoder": asdict(self.encoder.settings), "features": self.features}
        write_weights(path, {"format": FORMAT, "learned": self.header} | settings, weights_of(self), extra)

    @classmethod
    def load(cls, path: str | Path) -> "CoreModel":
        """Read what `save` wrote.

        Raises:
            InputError: Missing, foreign, damaged or changed.
        """
        header, weights, extra = read_weights(path, FORMAT)
        with fitting(path, "encoder"):
            lines = DropLines(extra["elements"], extra["terms_ev"], extra["spread_ev"]) if "elements" in extra else None
            model = cls(EncoderSettings(**header["encoder"]), lines, features=header["features"])
            model.load_state_dict(weights)
            model.readout, model.header = extra.get("readout"), header["learned"]
            return model.eval()


def pretrain(
    data: ClusterEnergies,
    chosen: np.ndarray,
    settings: PretrainSettings | None = None,
    *,
    packed: Clusters | None = None,
    target: Literal["energy", "gap"] = "energy",
    lines: DropLines | None = None,
) -> CoreModel:
    """Train an encoder on clusters.

    Args:
        data: Clusters with energies.
        chosen: Numbers of those to learn from, shape (n,).
        settings: How.
        packed: Graphs of all clusters with the settings' reach, if they are made already.
        target: `energy`, or `gap` where the table holds gaps (eV; less their mean, over their standard deviation).
        lines: Lines from which energies are told by one network for all elements; None: the lines of the chosen clusters and each
            element's own ridge.

    Raises:
        InputError: Elements with too few clusters, or gaps that the table does not hold.
    """
    settings = settings or PretrainSettings()
    chosen = np.asarray(chosen)
    packed = packed or pack_clusters(data.frames, reach=settings.encoder.reach)
    torch.manual_seed(settings.seed)
    started = time.perf_counter()
    own = target == "energy" and lines is None
    if own:
        lines = fit_lines(data, chosen, huber_sds=HUBER_SDS)
    model = CoreModel(settings.encoder, lines if target == "energy" else None, features=settings.features)
    model.encoder.learn_elements(pick_clusters(packed, chosen), lengths=True)
    wanted = _wanted(data, chosen, target, lines)
    losses = (_train_own if own else _train_shared)(model, packed, data, chosen, wanted, settings)
    model.eval()
    if own and lines is not None:
        model.readout = _readouts(model, packed, data, chosen, wanted, lines)
    gaps = {"gap_ev": _gap_scale(data, chosen)} if target == "gap" else {}
    model.header = gaps | {
        "settings": {key: value for key, value in asdict(settings).items() if key != "encoder"}, "target": target,
        "clusters": len(chosen), "seconds": time.perf_counter() - started, "losses": losses,
    }  # fmt: skip
    return model


def _wanted(data: ClusterEnergies, chosen: np.ndarray, target: str, lines: DropLines | None) -> Tensor:
    """What is learned of the chosen clusters, shape (n,); 0 of the others."""
    wanted = np.zeros(len(data.frames))
    if target == "energy" and lines is not None:
        element, size = data.element[chosen], data.size[chosen]
        off = (data.energy_ev[chosen] - lines.predict(element, size)) / lines.spread_ev[lines.place(element)]
        wanted[chosen] = np.clip(off, -FURTHEST, FURTHEST)
        return torch.as_tensor(wanted, dtype=torch.float32)
    gaps = data.gap_ev[chosen]
    if target != "gap" or not np.isfinite(gaps).all():
        raise InputError(f"target '{target}': give energy, or gap with gap_ev for every cluster")
    mean, spread = _gap_scale(data, chosen)
    wanted[chosen] = (gaps - mean) / spread
    return torch.as_tensor(wanted, dtype=torch.float32)


def _gap_scale(data: ClusterEnergies, chosen: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the chosen clusters' gaps, eV."""
    gaps = data.gap_ev[chosen]
    return float(gaps.mean()), max(float(gaps.std()), 1e-6)


def ridge_of(described: Tensor, terms: Tensor, wanted: Tensor, log_penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of one element's ridge, and its errors at each cluster when that cluster is left out.

    Args:
        described: Features, shape (n, features).
        terms: Of the line, free of penalty, shape (n, 3).
        wanted: Shape (n,).
        log_penalty: Natural logarithm.

    Returns:
        Weights of the terms and of the features as given, shape (3 + features,), and errors, shape (n,).
    """
    kind = torch.float64
    x, line, y = described.to(kind), terms.to(kind), wanted.to(kind)
    base = torch.linalg.qr(line)[0]
    scale = (x - base @ (base.T @ x)).square().mean(dim=0).sqrt() + 1e-3
    every = torch.cat([line, x / scale], dim=1)
    free = torch.full((line.shape[1],), 1e-9, dtype=kind)
    penalty = torch.cat([free, torch.exp(log_penalty.to(kind)).expand(x.shape[1])])
    inverse = torch.linalg.inv(every.T @ every + torch.diag(penalty))
    weights = inverse @ (every.T @ y)
    leverage = ((every @ inverse) * every).sum(dim=1).clamp(max=0.95)
    errors = (every @ weights - y) / (1 - leverage)
    return torch.cat([weights[: line.shape[1]], weights[line.shape[1] :] / scale]), errors


def _train_own(
    model: CoreModel, packed: Clusters, data: ClusterEnergies, chosen: np.ndarray, wanted: Tensor, settings: PretrainSettings
) -> list[float]:  # fmt: skip
    """Mean loss of each epoch; a step takes some elements with all their clusters."""
    groups = [chosen[data.element[chosen] == number] for number in np.unique(data.element[chosen])]
    terms = torch.as_tensor(drop_terms(data.size))
    steps = int(np.ceil(len(groups) / settings.elements))

    def loss_of(numbers: np.ndarray) -> Tensor:
        mine = [groups[k] for k in numbers]
        described = model(pick_clusters(packed, np.concatenate(mine))).split([len(one) for one in mine])
        losses = []
        for features, one in zip(described, mine, strict=True):
            rows = torch.as_tensor(one)
            errors = ridge_of(features, terms[rows], wanted[rows], model.log_penalty)[1]
            losses.append(smooth_l1_loss(errors, torch.zeros_like(errors)))
        return torch.stack(losses).mean()

    return _train(model, np.arange(len(groups)), steps, loss_of, settings)


def _readouts(
    model: CoreModel, packed: Clusters, data: ClusterEnergies, chosen: np.ndarray, wanted: Tensor, lines: DropLines
) -> np.ndarray:  # fmt: skip
    """Ridge weights of every element, in eV."""
    described, terms = torch.as_tensor(model.describe(packed)), torch.as_tensor(drop_terms(data.size))
    rows = []
    for number, spread in zip(lines.elements, lines.spread_ev, strict=True):
        mine = torch.as_tensor(chosen[data.element[chosen] == number])
        with torch.no_grad():
            rows.append(ridge_of(described[mine], terms[mine], wanted[mine], model.log_penalty)[0].numpy() * spread)
    return np.array(rows)


def _train_shared(
    model: CoreModel, packed: Clusters, data: ClusterEnergies, chosen: np.ndarray, wanted: Tensor, settings: PretrainSettings
) -> list[float]:  # fmt: skip
    """Mean loss of each epoch; one network reads all elements."""
    del data

    def loss_of(numbers: np.ndarray) -> Tensor:
        said = model.shared(model(pick_clusters(packed, numbers)))[:, 0]
        return smooth_l1_loss(said, wanted[torch.as_tensor(numbers)])

    return _train(model, chosen, int(np.ceil(len(chosen) / settings.batch)), loss_of, settings)


def _train(
    model: CoreModel, items: np.ndarray, steps: int, loss_of: Callable[[np.ndarray], Tensor], settings: PretrainSettings
) -> list[float]:
    rng = np.random.default_rng(settings.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=steps, pct_start=0.2
    )
    losses = []
    model.train()
    for epoch in range(settings.epochs):
        total = 0.0
        for part in np.array_split(rng.permutation(items), steps):
            loss = loss_of(part)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            cycle.step()
            total += float(loss.detach()) * len(part)
        losses.append(total / len(items))
        log.info("epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, losses[-1])
    return losses


def _parts(packed: Clusters) -> list[Clusters]:
    numbers = np.arange(packed.clusters)
    return [
        pick_clusters(packed, numbers[i : i + EVALUATION_BATCH]) for i in range(0, packed.clusters, EVALUATION_BATCH)
    ]
