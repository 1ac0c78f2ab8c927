"""What stands on the inputs of many networks at once: a Siamese network, a dense one, a linear one with a hinge; and their training.

Tensors have a first axis of members, networks that know nothing of each other: each has its own training records, scaling, pairs and
random weights, so that the folds of a cross-validation are trained together in the time of one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch

Parameters = dict[str, torch.Tensor]
Head = Literal["snn", "dnn", "svm"]
HEADS: tuple[Head, ...] = get_args(Head)
BETAS, EPSILON = (0.9, 0.999), 1e-8
BIASES = "bias"


@dataclass(frozen=True)
class HeadSettings:
    """Sizes and training.

    Attributes:
        hidden: Width of the first hidden layer.
        embedding: Width of the second, the last of each half of a Siamese network.
        steps: Steps of training (Adam).
        pairs: Pairs of each member in each step of a Siamese network, half of them of the same class.
        learning_rate: At first; it falls to zero along half a cosine.
        weight_decay: Weights lose this part, times the learning rate, in each step.
        dropout: Share of the first hidden layer that is left out in each step.
    """

    hidden: int = 32
    embedding: int = 16
    steps: int = 300
    pairs: int = 128
    learning_rate: float = 0.01
    weight_decay: float = 1.0
    dropout: float = 0.1


@dataclass(frozen=True)
class MemberSettings:
    """What may differ between members, each of shape (members,)."""

    learning_rate: torch.Tensor
    weight_decay: torch.Tensor
    dropout: torch.Tensor


def initial_head(
    head: Head, members: int, inputs: int, settings: HeadSettings, generator: torch.Generator
) -> Parameters:
    """Random weights of the layers, standard deviation sqrt(1 / inputs)."""
    if head == "svm":
        sizes = {"out": (inputs, 1)}
    else:
        sizes = {
            "first": (inputs, settings.hidden),
            "second": (settings.hidden, settings.embedding),
            "out": (settings.embedding, 1),
        }
    found: Parameters = {}
    for name, (rows, columns) in sizes.items():
        found[name] = torch.randn(members, rows, columns, generator=generator) / rows**0.5
        found[f"{name}_{BIASES}"] = torch.zeros(members, 1, columns)
    return found


def embed(parameters: Parameters, inputs: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
    """Both hidden layers: one half of a Siamese network.

    Args:
        parameters: The head's.
        inputs: Shape (members, n, inputs).
        kept: Factors of the first hidden layer (dropout), shape (members, n, hidden); None: all are 1.

    Returns:
        Shape (members, n, embedding), between -1 and 1.
    """
    first = torch.relu(inputs @ parameters["first"] + parameters[f"first_{BIASES}"])
    first = first if kept is None else first * kept
    return torch.tanh(first @ parameters["second"] + parameters[f"second_{BIASES}"])


def scores(head: Head, parameters: Parameters, inputs: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
    """Log-odds of success by a dense head, or margins of a linear one, shape (members, n)."""
    last = inputs if head == "svm" else embed(parameters, inputs, kept)
    return (last @ parameters["out"] + parameters[f"out_{BIASES}"]).squeeze(2)


def likeness(parameters: Parameters, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Log-odds that two embedded recipes are of one class: a bias less the weighted L1 distance (eq. 2 of doi:10.1002/aisy.201900029).

    Args:
        parameters: The head's.
        first: Shape (members, ..., embedding).
        second: Same, or what broadcasts with it.

    Returns:
        Shape (members, ...).
    """
    shape = (len(parameters["out"]), *[1] * (first.ndim - 2), parameters["out"].shape[1])
    weights = torch.nn.functional.softplus(parameters["out"].reshape(shape))
    bias = parameters[f"out_{BIASES}"].reshape(shape[:-1])
    return bias - ((first - second).abs() * weights).sum(-1)


@dataclass(frozen=True)
class Pairs:
    """Draws pairs of training records, half of one class and half of two, of every member its own.

    Attributes:
        places: For each class the training records of each member, padded, shape (2, members, n).
        counts: How many they are, shape (2, members, 1).
        each: Pairs of a member.
    """

    places: torch.Tensor
    counts: torch.Tensor
    each: int

    @classmethod
    def of(cls, outcomes: torch.Tensor, training: torch.Tensor, each: int) -> "Pairs":
        """From outcomes (n,) and what each member learns from, (members, n)."""
        mine = torch.stack([training & (outcomes == outcome) for outcome in (0, 1)])
        return cls(torch.argsort((~mine).to(torch.int8), dim=2, stable=True), mine.sum(2, keepdim=True), each)

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Places of the first and the second of each pair, and whether their classes are the same (1.0 or 0.0), each (members, pairs)."""
        members = self.places.shape[1]
        u = torch.rand(2, members, self.each, generator=generator)
        same = torch.arange(self.each) < self.each // 2
        first_class = torch.arange(self.each) % 2  # both classes equally often
        second_class = torch.where(same, first_class, 1 - first_class)
        counts = self.counts.expand(-1, -1, self.each)
        column = torch.arange(self.each)
        n_first, n_second = counts[first_class, :, column].T, counts[second_class, :, column].T
        a = (u[0] * n_first).long()
        # of one class: another record than the first, if there is another
        step = 1 + (u[1] * (n_second - 1).clamp(min=0)).long()
        b = torch.where(same, (a + step) % n_second, (u[1] * n_second).long())
        row = torch.arange(members)[:, None]
        return self.places[first_class, row, a], self.places[second_class, row, b], same.float().expand(members, -1)


def train(
    parameters: Parameters, loss: Callable[[], torch.Tensor], steps: int, rates: torch.Tensor, decay: torch.Tensor
) -> None:
    """Adam with decoupled weight decay (doi:10.48550/arXiv.1711.05101), each member at its own rate, which falls along half a cosine.

    Args:
        parameters: Leaves with a first axis of members, changed in place; names that hold `bias` do not decay.
        loss: Makes the loss of each member from them, shape (members,); draws anew whenever it is called.
        steps: Number of steps.
        rates: Learning rates, shape (members,).
        decay: Weight decays, shape (members,).
    """
    leaves = list(parameters.values())
    decays = [BIASES not in name for name in parameters]
    moments = [(torch.zeros_like(leaf), torch.zeros_like(leaf)) for leaf in leaves]
    for step in range(steps):
        gradients = torch.autograd.grad(loss().sum(), leaves)
        rate = rates * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / steps)))
        with torch.no_grad():
            for leaf, gradient, (mean, square), decaying in zip(leaves, gradients, moments, decays, strict=True):
                mine = rate.reshape(-1, *[1] * (leaf.ndim - 1))
                mean.lerp_(gradient, 1 - BETAS[0])
                square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
                if decaying:
                    leaf.mul_(1 - mine * decay.reshape(mine.shape))
                corrected = (square / (1 - BETAS[1] ** (step + 1))).sqrt_().add_(EPSILON)
                leaf.sub_(mine * (mean / (1 - BETAS[0] ** (step + 1))) / corrected)
