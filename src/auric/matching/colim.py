"""CoLiM: whether a set of ligands can hold a core, from an encoder of each.

The vectors of core and ligands are joined, normalised over the batch, thinned by dropout, and read by a small network with
softplus (Wang et al., "Deep Learning Framework for Atomic-Level Design and Presynthesis Prediction of Coinage-Metal
Nanoclusters", section "Details of Core Encoder Model and CoLiM Model"). Scratch and pretrained differ in where their encoders
start. Several members trained from different seeds make an ensemble, whose spread is given with every probability.
"""

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from auric.errors import InputError
from auric.graphs import ClusterEncoder, Clusters, EncoderSettings, pack_clusters, pick_clusters
from auric.graphs.crystal import WIDEST
from auric.graphs.packed import LARGEST_NUMBER
from auric.matching.fixed_ligands import FixedLigands, LigandModel, packed_for
from auric.matching.ligand_encoder import LigandEncoder, Molecules
from auric.matching.ligand_smiles import elements_of, ligand_set


@dataclass(frozen=True)
class ColimSettings:
    """How a matcher is trained.

    Attributes:
        encoder: Shape of the core encoder, where it starts from nothing.
        ligand_width: Of the ligand encoder, likewise.
        ligand_layers: Likewise.
        hidden: Width of the head.
        dropout: Share of the joined vector that is dropped in training.
        epochs: Passes over the examples.
        batch: Examples of one step.
        learning_rate: Of the head, and of encoders that start from nothing.
        pretrained_share: Pretrained encoders learn with this share of it.
        weight_decay: Of AdamW.
    """

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    ligand_width: int = 48
    ligand_layers: int = 3
    hidden: int = 32
    dropout: float = 0.3
    epochs: int = 100
    batch: int = 32
    learning_rate: float = 2e-3
    pretrained_share: float = 0.5
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        if (
            not 1 <= self.hidden <= 16 * WIDEST
            or min(self.epochs, self.ligand_width, self.ligand_layers) < 1
            or self.batch < 2
            or not 0 <= self.dropout < 1
        ):
            raise InputError(
                "matcher: hidden, width, layers and epochs of 1 or more, batches of 2 or more, dropout from 0 to below 1"
            )
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.pretrained_share <= 1):
            raise InputError("matcher: a positive learning rate, a decay of 0 or more, a share from 0 to 1")


class PairData(NamedTuple):
    """Cores and sets of ligands as the network takes them, each different one once.

    Attributes:
        cores: Graphs of the different cores.
        ligands: Graphs of the different ligands, or fixed vectors, shape (ligands, width of the embedder).
        core: Number of each example's core, int64, shape (n,).
        member: Share of each ligand in each example's set, shape (n, ligands), rows sum to 1.
        elements: For each ligand whether it holds an atomic number, bool, shape (ligands, LARGEST_NUMBER + 1).
    """

    cores: Clusters
    ligands: Molecules | Tensor
    core: Tensor
    member: Tensor
    elements: Tensor


def pair_data(
    cores: Sequence[Atoms], ligands: Sequence[str], *, reach: float, model: LigandModel | None = None
) -> PairData:
    """Prepare examples.

    Args:
        cores: Core of each example; equal objects are embedded once.
        ligands: Set of each, SMILES joined by '.', in any order.
        reach: Of the core encoder.
        model: That the ligands are for; None: our own encoder.

    Raises:
        InputError: As `pack_clusters`.
        StructureError: As `ligand_set`.
    """
    places: dict[int, int] = {}
    different: list[Atoms] = []
    for core in cores:
        if id(core) not in places:
            places[id(core)] = len(different)
            different.append(core)
    sets = [ligand_set(text).split(".") for text in ligands]
    names = sorted({one for own in sets for one in own})
    column = {name: place for place, name in enumerate(names)}
    member = torch.zeros((len(sets), len(names)))
    for row, own in enumerate(sets):
        for one in own:
            member[row, column[one]] = 1 / len(own)
    elements = torch.zeros((len(names), LARGEST_NUMBER + 1), dtype=torch.bool)
    for row, name in enumerate(names):
        elements[row, [atomic_numbers[symbol] for symbol in elements_of(name)]] = True
    return PairData(
        pack_clusters(different, reach=reach),
        packed_for(model, names),
        torch.tensor([places[id(core)] for core in cores]),
        member,
        elements,
    )


Data = TypeVar("Data")


class Matcher(nn.Module, Generic[Data], ABC):
    """What reads a vector of core and ligands: batch normalisation, dropout, and a small network with softplus.

    Args:
        width: Of the vector.
        settings: Shape of the network, and how it learns.
    """

    def __init__(self, width: int, settings: ColimSettings) -> None:
        super().__init__()
        self.settings = settings
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(settings.dropout)
        self.first = nn.Linear(width, settings.hidden)
        self.last = nn.Linear(settings.hidden, 1)

    @abstractmethod
    def joined(self, data: Data, rows: Tensor) -> Tensor:
        """Vectors of some examples, shape (rows, width)."""

    def vectors(self, data: Data, rows: np.ndarray) -> np.ndarray:
        """The same without gradients."""
        with torch.no_grad():
            return self.joined(data, torch.as_tensor(rows)).numpy()

    def forward(self, data: Data, rows: Tensor) -> Tensor:
        """Logits of some examples, shape (rows,)."""
        out: Tensor = self.last(softplus(self.first(self.dropout(self.norm(self.joined(data, rows))))))[:, 0]
        return out

    def probabilities(self, data: Data, rows: np.ndarray) -> np.ndarray:
        """Of some examples, shape (rows,)."""
        with torch.no_grad():
            return torch.sigmoid(self(data, torch.as_tensor(rows))).numpy()


class Colim(Matcher[PairData]):
    """One matcher.

    Args:
        core: Core encoder; a copy of it is trained.
        ligand: Ligand encoder, or the layer on fixed vectors, likewise.
        settings: Shape of the head, and how it learns.
    """

    def __init__(self, core: ClusterEncoder, ligand: LigandModel, settings: ColimSettings) -> None:
        super().__init__(core.settings.width + ligand.width, settings)
        self.core, self.ligand = copy.deepcopy(core), copy.deepcopy(ligand)

    def joined(self, data: PairData, rows: Tensor) -> Tensor:
        """Joined vectors of some examples, shape (rows, width of both)."""
        cores, place = torch.unique(data.core[rows], return_inverse=True)
        of_core = self.core.embed(pick_clusters(data.cores, cores.numpy()))[place]
        return torch.cat([of_core, data.member[rows] @ self.ligand(data.ligands)], dim=1)

    def score(self, of_core: Tensor, of_ligands: Tensor) -> Tensor:
        """Logits of one core, shape (width of a core,), beside many vectors of ligand sets, shape (n, width), by matrix products."""
        mean, spread = self.norm.running_mean, self.norm.running_var
        assert mean is not None and spread is not None  # noqa: PT018  # batch norm keeps them
        scale = self.norm.weight / torch.sqrt(spread + self.norm.eps)
        shift = self.norm.bias - mean * scale
        weights = self.first.weight * scale
        constant = self.first.bias + self.first.weight @ shift
        split = self.core.settings.width
        hidden = of_ligands @ weights[:, split:].T + (weights[:, :split] @ of_core + constant)
        out: Tensor = softplus(hidden) @ self.last.weight[0] + self.last.bias
        return out


def train_colim(
    data: PairData,
    labels: np.ndarray,
    rows: np.ndarray,
    settings: ColimSettings | None = None,
    *,
    core: ClusterEncoder | None = None,
    ligand: LigandModel | None = None,
    seed: int = 0,
) -> Colim:
    """Train a matcher.

    Args:
        data: All examples.
        labels: 1 for pairs that are made, 0 for others, shape (n,).
        rows: Numbers of the examples to learn from.
        settings: How.
        core: A pretrained core encoder; None: from scratch.
        ligand: A pretrained ligand encoder; None: from scratch. On fixed vectors, the layer starts from scratch with every seed.
        seed: Of weights, order and dropout.

    Raises:
        InputError: Examples of one label only.
    """
    settings = settings or ColimSettings()
    torch.manual_seed(seed)
    own = core or ClusterEncoder(settings.encoder)
    if isinstance(ligand, FixedLigands):
        started: LigandModel = ligand.anew()
    else:
        started = ligand or LigandEncoder(width=settings.ligand_width, layers=settings.ligand_layers)
    shares = [settings.pretrained_share if learned else 1.0 for learned in (core is not None, started is ligand)]
    model = Colim(own, started, settings)
    model.core.learn_elements(pick_clusters(data.cores, np.unique(data.core[rows].numpy())))
    model.ligand.seen.logical_or_(data.elements[data.member[rows].sum(dim=0) > 0].any(dim=0))
    head = [*model.norm.parameters(), *model.first.parameters(), *model.last.parameters()]
    groups = [
        {"params": head, "lr": settings.learning_rate},
        {"params": model.core.parameters(), "lr": settings.learning_rate * shares[0]},
        {"params": model.ligand.parameters(), "lr": settings.learning_rate * shares[1]},
    ]
    fit(model, data, labels, rows, settings, groups, seed=seed)
    return model


def fit(
    model: Matcher[Data],
    data: Data,
    labels: np.ndarray,
    rows: np.ndarray,
    settings: ColimSettings,
    groups: list[dict[str, Any]],
    *,
    seed: int,
) -> None:
    """Train a matcher, in place, and leave it ready to predict.

    Args:
        model: To train.
        data: All examples.
        labels: 1 for pairs that are made, 0 for others, shape (n,).
        rows: Numbers of the examples to learn from.
        settings: How.
        groups: Parameters with their learning rates, as torch's optimisers take them.
        seed: Of the order.

    Raises:
        InputError: Examples of one label only.
    """
    if len(set(np.asarray(labels)[rows].tolist())) < 2:
        raise InputError("all examples to learn from have one label; give pairs that are made and others")
    optimiser = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    rng = np.random.default_rng(seed)
    steps = max(1, len(rows) // settings.batch)
    cycle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs * steps)
    target = torch.as_tensor(np.asarray(labels), dtype=torch.float32)
    model.train()
    for _ in range(settings.epochs):
        for part in np.array_split(rng.permutation(rows), steps):
            chosen = torch.as_tensor(part)
            loss = binary_cross_entropy_with_logits(model(data, chosen), target[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            cycle.step()
    model.eval()


class Ensemble:
    """Matchers trained from different seeds.

    Args:
        members: One or more, of one shape.
        header: What they were trained on; plain values.

    Raises:
        InputError: None given.
    """

    def __init__(self, members: Sequence[Colim], header: dict[str, Any] | None = None) -> None:
        if not members:
            raise InputError("an ensemble without members; train one at least")
        self.members = [member.eval() for member in members]
        self.header = dict(header or {})

    def probabilities(self, data: PairData, rows: np.ndarray | None = None) -> np.ndarray:
        """Of each member for each example, shape (members, n)."""
        chosen = np.arange(len(data.core)) if rows is None else np.asarray(rows)
        return np.array([member.probabilities(data, chosen) for member in self.members])

    def unknown_elements(self, core: Atoms) -> list[str]:
        """Symbols of the core's elements that neither pretraining nor training held."""
        known = self.members[0].core.knows(core.numbers)
        return sorted({chemical_symbols[number] for number in core.numbers[~known]})

    def late_elements(self, core: Atoms) -> list[str]:
        """Symbols of elements that the encoder met only beside ligands, not in its pretraining."""
        early = set(self.header.get("pretrained_elements", []))
        return sorted(set(core.symbols) - early - set(self.unknown_elements(core))) if early else []

    def unknown_ligand_elements(self, symbols: Collection[str]) -> list[str]:
        """Those of some symbols that no ligand held from which anything was learned."""
        return sorted(set(symbols) - _symbols(self.members[0].ligand.seen))

    def late_ligand_elements(self, symbols: Collection[str]) -> list[str]:
        """Those that the ligand encoder met only beside cores, not in its pretraining."""
        early = set(self.header.get("pretrained_ligand_elements", []))
        return sorted(set(symbols) - early - set(self.unknown_ligand_elements(symbols))) if early else []


def _symbols(seen: Tensor) -> set[str]:
    return {chemical_symbols[int(number)] for number in np.flatnonzero(seen.numpy())}


def train_ensemble(
    data: PairData,
    labels: np.ndarray,
    rows: np.ndarray,
    settings: ColimSettings | None = None,
    *,
    core: ClusterEncoder | None = None,
    ligand: LigandModel | None = None,
    seeds: Sequence[int] = (0, 1, 2),
) -> Ensemble:
    """Train a member for each seed; arguments are those of `train_colim`."""
    started = time.perf_counter()
    members = [train_colim(data, labels, rows, settings, core=core, ligand=ligand, seed=seed) for seed in seeds]
    early = [] if core is None else sorted(_symbols(core.seen))
    early_ligands = [] if ligand is None else sorted(_symbols(ligand.seen))
    header = {
        "settings": asdict(settings or ColimSettings()), "examples": len(rows), "positives": int(np.asarray(labels)[rows].sum()),
        "seeds": list(seeds), "pretrained_elements": early, "pretrained_ligand_elements": early_ligands, "pretrained_core": core is not None, "pretrained_ligand": ligand is not None,
        "seconds": time.perf_counter() - started,
    }  # fmt: skip
    return Ensemble(members, header)
