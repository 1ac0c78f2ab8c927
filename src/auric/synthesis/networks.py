"""The six models of Table 2 of doi:10.1002/aisy.201900029: a Siamese network, a dense one and a linear one with a hinge (as in the paper's
code), each on descriptors alone or joined with fingerprints of ligand, solvent and reducing agent that are trained with it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from auric.errors import InputError
from auric.graphs.fingerprint import FingerprintShape, fingerprints, initial_fingerprint
from auric.graphs.molecules import MoleculeGraphs, molecule_graphs
from auric.synthesis import heads
from auric.synthesis.descriptors import Features
from auric.synthesis.heads import Head, HeadSettings, MemberSettings, Parameters
from auric.synthesis.scaling import INPUTS, FoldScaler
from auric.synthesis.splits import fold_members

PARTS = 3
"""Ligand, solvent, reducing agent."""
FLAT = 0.1
"""Added to the spread of fingerprints over the training records, so that one that does not vary stays small."""
GRAPH = "graph."
CHUNK = 2_000_000
"""Numbers in one array of a prediction by pairs."""


@dataclass
class SynthesisNetwork:
    """One of the six models, with the interface of scikit-learn; `fit` trains ten networks, one without each of ten folds, as the paper.

    Attributes:
        head: `snn`, `dnn` or `svm`.
        graph: Whether fingerprints are joined to the descriptors.
        settings: Sizes and training.
        shape: Sizes of the fingerprint.
        seed: Of weights, pairs and folds.
    """

    head: Head = "snn"
    graph: bool = True
    settings: HeadSettings = field(default_factory=HeadSettings)
    shape: FingerprintShape = field(default_factory=FingerprintShape)
    seed: int = 0

    def fit(self, features: Features, outcomes: np.ndarray) -> "SynthesisNetwork":
        """Train a network for each of ten stratified folds, on the other nine."""
        return self.fit_members(features, outcomes, fold_members(outcomes, self.seed))

    def fit_members(
        self,
        features: Features,
        outcomes: np.ndarray,
        training: np.ndarray,
        varied: Mapping[str, np.ndarray] | None = None,
    ) -> "SynthesisNetwork":
        """Train several networks at once.

        Args:
            features: Descriptors and molecules of n recipes.
            outcomes: Shape (n,), 0 or 1; those outside of a member's training records never reach it.
            training: What each member learns from, shape (members, n), bool.
            varied: Settings that differ between members: `learning_rate`, `weight_decay`, `dropout`, each of shape (members,).

        Raises:
            InputError: A member without records of both outcomes.
        """
        mine = np.asarray(training, dtype=bool)
        if any(len(set(outcomes[row])) < 2 for row in mine):
            raise InputError("a training set holds only one outcome; give records of both to each fold")
        members = len(mine)
        generator = torch.Generator().manual_seed(self.seed)
        self.scaler_ = FoldScaler.fit(features.values, mine)
        inputs = torch.tensor(self.scaler_.transform(features.values), dtype=torch.float32)
        graphs = molecule_graphs(features.smiles) if self.graph else None
        parameters: Parameters = {}
        if self.graph:
            graph = initial_fingerprint(members, self.shape, generator)
            parameters |= {f"{GRAPH}{name}": each for name, each in graph.items()}
        width = INPUTS + PARTS * self.shape.length * self.graph
        parameters |= heads.initial_head(self.head, members, width, self.settings, generator)
        for each in parameters.values():
            each.requires_grad_()
        known, wanted = torch.tensor(mine), torch.tensor(np.asarray(outcomes), dtype=torch.float32)
        told = self._told(members, varied)
        pairs = heads.Pairs.of(wanted.long(), known, self.settings.pairs)
        parts = torch.tensor(features.parts)

        def loss() -> torch.Tensor:
            joined, _ = self._joined(parameters, inputs, graphs, parts, known)
            kept = None
            if self.head != "svm" and bool((told.dropout > 0).any()):
                lost = told.dropout[:, None, None]
                kept = (torch.rand(members, len(wanted), self.settings.hidden, generator=generator) >= lost) / (
                    1 - lost
                )
            if self.head == "snn":
                embedded = heads.embed(parameters, joined, kept)
                first, second, same = pairs.draw(generator)
                both = [
                    embedded.gather(1, each[:, :, None].expand(-1, -1, embedded.shape[2])) for each in (first, second)
                ]
                like = heads.likeness(parameters, *both)
                return torch.nn.functional.binary_cross_entropy_with_logits(like, same, reduction="none").mean(1)
            scores = heads.scores(self.head, parameters, joined, kept)
            if self.head == "svm":
                each = torch.relu(1 - (2 * wanted - 1) * scores)
            else:
                each = torch.nn.functional.binary_cross_entropy_with_logits(
                    scores, wanted.expand_as(scores), reduction="none"
                )
            return (each * known).sum(1) / known.sum(1)

        heads.train(parameters, loss, self.settings.steps, told.learning_rate, told.weight_decay)
        self.parameters_ = {name: each.detach() for name, each in parameters.items()}
        with torch.no_grad():
            joined, self.spread_ = self._joined(self.parameters_, inputs, graphs, parts, known)
            self.support_ = heads.embed(self.parameters_, joined) if self.head == "snn" else joined[:, :0]
        self.success_, self.failure_ = known & (wanted > 0.5), known & (wanted < 0.5)
        return self

    def member_proba(self, features: Features) -> np.ndarray:
        """Probability of success by each network, shape (members, n).

        Of a Siamese network: let s be the mean likeness to its successful training records, f that to failed ones; (s + 1 - f) / 2, which is
        above one half where s > f. Of a linear one: the logistic function of the margin, not a calibrated probability.
        """
        inputs = torch.tensor(self.scaler_.transform(features.values), dtype=torch.float32)
        graphs = molecule_graphs(features.smiles) if self.graph else None
        with torch.no_grad():
            joined, _ = self._joined(self.parameters_, inputs, graphs, torch.tensor(features.parts), None)
            if self.head != "snn":
                return np.asarray(torch.sigmoid(heads.scores(self.head, self.parameters_, joined)))
            embedded = heads.embed(self.parameters_, joined)
            members, n, width = embedded.shape
            count = max(1, CHUNK // (members * self.support_.shape[1] * width))
            parts = [self._against_support(part) for part in torch.split_with_sizes(embedded, _sizes(n, count), dim=1)]
        return np.asarray(torch.cat(parts, dim=1)) if parts else np.zeros((members, n))

    def predict_proba(self, features: Features) -> np.ndarray:
        """Probabilities of failure and success, means over the networks, shape (n, 2)."""
        mean = self.member_proba(features).mean(axis=0)
        return np.stack([1 - mean, mean], axis=1)

    def molecule_fingerprints(self, smiles: tuple[str, ...]) -> np.ndarray:
        """Fingerprints of molecules, means over the networks, shape (molecules, D).

        Raises:
            InputError: A model without fingerprints.
        """
        if not self.graph:
            raise InputError(f"a model {self.head} on descriptors alone has no fingerprints; take one with gcnn")
        with torch.no_grad():
            found = fingerprints(self._graph(self.parameters_), molecule_graphs(smiles), self.shape)
        return np.asarray(found.mean(0))

    def content(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """Settings and arrays to be saved."""
        arrays = {f"parameter.{name}": each.numpy() for name, each in self.parameters_.items()}
        arrays |= {f"scaler.{name}": each for name, each in self.scaler_.parts().items()}
        arrays |= {"support": self.support_.numpy(), "spread": self.spread_.numpy()}
        arrays |= {"success": self.success_.numpy(), "failure": self.failure_.numpy()}
        told: dict[str, object] = {
            "head": self.head,
            "graph": self.graph,
            "settings": asdict(self.settings),
            "shape": asdict(self.shape),
            "seed": self.seed,
        }
        return told, arrays

    @classmethod
    def from_content(cls, told: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> "SynthesisNetwork":
        """What `content` gave."""
        made = dict(told) | {"settings": HeadSettings(**told["settings"]), "shape": FingerprintShape(**told["shape"])}  # type: ignore[arg-type]
        model = cls(**made)  # type: ignore[arg-type]
        model.parameters_ = {
            name.removeprefix("parameter."): torch.tensor(each)
            for name, each in arrays.items()
            if name.startswith("parameter.")
        }
        model.scaler_ = FoldScaler.from_parts(
            {name.removeprefix("scaler."): each for name, each in arrays.items() if name.startswith("scaler.")}
        )
        model.support_, model.spread_ = torch.tensor(arrays["support"]), torch.tensor(arrays["spread"])
        model.success_, model.failure_ = torch.tensor(arrays["success"]), torch.tensor(arrays["failure"])
        return model

    def _told(self, members: int, varied: Mapping[str, np.ndarray] | None) -> MemberSettings:
        alike = {
            name: np.full(members, getattr(self.settings, name))
            for name in ("learning_rate", "weight_decay", "dropout")
        }
        return MemberSettings(
            **{name: torch.tensor(each, dtype=torch.float32) for name, each in (alike | dict(varied or {})).items()}
        )

    def _graph(self, parameters: Parameters) -> Parameters:
        return {name.removeprefix(GRAPH): each for name, each in parameters.items() if name.startswith(GRAPH)}

    def _joined(
        self,
        parameters: Parameters,
        inputs: torch.Tensor,
        graphs: MoleculeGraphs | None,
        parts: torch.Tensor,
        known: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs of the head (eq. 1 of the paper), and centre and spread of fingerprints over the training records, (2, members, 1, width)."""
        if graphs is None:
            return inputs, inputs.new_zeros(2, len(inputs), 1, 0)
        each = fingerprints(self._graph(parameters), graphs, self.shape)
        joined = each.index_select(1, parts.ravel()).reshape(len(inputs), len(parts), -1)
        if known is None:
            spread = self.spread_
        else:
            weight = (known / known.sum(1, keepdim=True))[:, :, None]
            centre = (joined * weight).sum(1, keepdim=True)
            width = ((joined - centre).square() * weight).sum(1, keepdim=True).add(1e-12).sqrt()
            spread = torch.stack([centre, width + FLAT])
        return torch.cat([inputs, (joined - spread[0]) / spread[1]], dim=2), spread

    def _against_support(self, embedded: torch.Tensor) -> torch.Tensor:
        like = torch.sigmoid(heads.likeness(self.parameters_, embedded[:, :, None], self.support_[:, None]))
        means = [(like * mine[:, None]).sum(2) / mine.sum(1)[:, None] for mine in (self.success_, self.failure_)]
        return (means[0] + 1 - means[1]) / 2


def _sizes(n: int, most: int) -> list[int]:
    """Sizes of parts of at most so many that make up n."""
    return [most] * (n // most) + [n % most] * bool(n % most)
