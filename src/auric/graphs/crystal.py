"""Message passing over the atoms of a cluster: CGCNN, SchNet and GIN layers in plain torch.

All see the same graph (`auric.graphs.packed`), and all add what they make of an atom's neighbours to what they had of it
(skip connections). Edges fade smoothly to nothing at the reach, so that features are smooth in the coordinates.

CGCNN: v_i + sum_j sigmoid(z_ij W_f + b_f) * softplus(z_ij W_s + b_s), z_ij = (v_i, v_j, u_ij); Xie, Grossman, Phys. Rev. Lett.
120, 145301 (2018), doi:10.1103/PhysRevLett.120.145301, equation 5. SchNet: v_i + MLP(sum_j W v_j * f(u_ij)); Schutt et al.,
J. Chem. Phys. 148, 241722 (2018), doi:10.1063/1.5019779. GIN: v_i + MLP((1 + eps) v_i + sum_j c_ij v_j); Xu et al., ICLR 2019,
arXiv:1810.00826, its neighbours weighted by c_ij, which is 1 for bonds and fades out beyond.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from ase.data import covalent_radii
from torch import Tensor, nn
from torch.nn.functional import softplus

from auric.errors import InputError
from auric.graphs.packed import LARGEST_NUMBER, Clusters

WIDEST, DEEPEST = 1024, 64
"""Features and layers of an encoder at most: files of models name them before they show that they have them."""
NOBLE = (2, 10, 18, 36, 54, 86, 118)


@dataclass(frozen=True)
class EncoderSettings:
    """Shape of an encoder.

    Attributes:
        kind: Its layers: `cgcnn`, `schnet` or `gin`.
        width: Features of an atom.
        layers: Number of layers.
        radial: Gaussians that a distance is spread over.
        reach: Where edges end, in sums of covalent radii.
    """

    kind: Literal["cgcnn", "schnet", "gin"] = "cgcnn"
    width: int = 24
    layers: int = 2
    radial: int = 16
    reach: float = 1.8

    def __post_init__(self) -> None:
        if self.kind not in LAYERS:
            raise InputError(f"encoder of kind '{self.kind}'; choose from {', '.join(LAYERS)}")
        if min(self.width, self.layers, self.radial) < 1 or not 1 < self.reach < 10:
            raise InputError(f"encoder {self}: give one or more of each, and a reach between 1 and 10")
        if max(self.width, self.radial) > WIDEST or self.layers > DEEPEST:
            raise InputError(f"encoder {self}: give up to {DEEPEST} layers, and up to {WIDEST} of the others")


class Cgcnn(nn.Module):
    """One layer, see the module; its weights on z are kept apart, so that atoms are multiplied once, not once for each edge."""

    def __init__(self, width: int, radial: int) -> None:
        super().__init__()
        self.here = nn.Linear(width, 2 * width)
        self.there = nn.Linear(width, 2 * width, bias=False)
        self.edge = nn.Linear(radial, 2 * width, bias=False)

    def forward(self, atoms: Tensor, packed: Clusters, spread: Tensor, fade: Tensor) -> Tensor:
        """Features of atoms, shape (atoms, width), from those before, edges spread, (edges, radial), and faded, (edges, 1)."""
        z = self.here(atoms)[packed.receiver] + self.there(atoms)[packed.sender] + self.edge(spread)
        gate, core = z.chunk(2, dim=1)
        messages = torch.sigmoid(gate) * softplus(core) * fade
        found: Tensor = atoms + torch.zeros_like(atoms).index_add_(0, packed.receiver, messages) / SCALE
        return found


class SchNet(nn.Module):
    """One layer, see the module."""

    def __init__(self, width: int, radial: int) -> None:
        super().__init__()
        self.filter = nn.Sequential(nn.Linear(radial, width), nn.Softplus(), nn.Linear(width, width))
        self.before = nn.Linear(width, width, bias=False)
        self.after = nn.Sequential(nn.Linear(width, width), nn.Softplus(), nn.Linear(width, width))

    def forward(self, atoms: Tensor, packed: Clusters, spread: Tensor, fade: Tensor) -> Tensor:
        """As `Cgcnn.forward`."""
        messages = self.before(atoms)[packed.sender] * self.filter(spread) * fade
        found: Tensor = atoms + self.after(torch.zeros_like(atoms).index_add_(0, packed.receiver, messages) / SCALE)
        return found


class Gin(nn.Module):
    """One layer, see the module."""

    def __init__(self, width: int, radial: int) -> None:
        super().__init__()
        del radial  # sees which atoms are near, not how near
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.after = nn.Sequential(nn.Linear(width, width), nn.Softplus(), nn.Linear(width, width))

    def forward(self, atoms: Tensor, packed: Clusters, spread: Tensor, fade: Tensor) -> Tensor:
        """As `Cgcnn.forward`."""
        del spread
        summed = torch.zeros_like(atoms).index_add_(0, packed.receiver, atoms[packed.sender] * fade)
        found: Tensor = atoms + self.after((1 + self.epsilon) * atoms + summed / SCALE)
        return found


SCALE = 6.0
"""Sums over neighbours are divided by this, about the root mean square of their number."""
LAYERS: dict[str, type[Cgcnn] | type[SchNet] | type[Gin]] = {"cgcnn": Cgcnn, "schnet": SchNet, "gin": Gin}


class ClusterEncoder(nn.Module):
    """Features of clusters, whatever their place, orientation and order of atoms.

    An element starts as what the periodic table says of it, times weights, and a vector of its own that is zero until it is
    learned: one that training never met is told by its place in the table alone, and `knows` says so.

    Args:
        settings: Shape.

    Attributes:
        settings: As given.
        seen: For each atomic number whether it was in the training data.
        radii: Half the bond length of each element (angstrom), by which distances are told: covalent radii until structures
            tell better (`learn_elements`).
    """

    seen: Tensor
    radii: Tensor
    covalent: Tensor
    properties: Tensor
    centres: Tensor

    def __init__(self, settings: EncoderSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or EncoderSettings()
        self.register_buffer("properties", torch.as_tensor(element_properties(), dtype=torch.float32))
        self.register_buffer("centres", torch.linspace(0.7, s.reach, s.radial))
        covalent = torch.as_tensor(covalent_radii[: LARGEST_NUMBER + 1], dtype=torch.float32)
        self.register_buffer("covalent", covalent)
        self.register_buffer("radii", covalent.clone())
        self.register_buffer("seen", torch.zeros(LARGEST_NUMBER + 1, dtype=torch.bool))
        self.table = nn.Linear(self.properties.shape[1], s.width)
        self.own = nn.Embedding(LARGEST_NUMBER + 1, s.width)
        nn.init.zeros_(self.own.weight)
        self.layers = nn.ModuleList(LAYERS[s.kind](s.width, s.radial) for _ in range(s.layers))

    def forward(self, packed: Clusters) -> Tensor:
        """Features of atoms, shape (atoms, width)."""
        reach, gap = self.settings.reach, (self.settings.reach - 0.7) / max(1, self.settings.radial - 1)
        here, there = packed.numbers[packed.receiver], packed.numbers[packed.sender]
        own = (self.covalent[here] + self.covalent[there]) / (self.radii[here] + self.radii[there])
        spread = torch.exp(-((((packed.stretch * own)[:, None] - self.centres) / gap) ** 2) / 2)
        inside = ((packed.stretch - 0.55 * reach) / (0.45 * reach)).clamp(0, 1)
        fade = (0.5 * (1 + torch.cos(np.pi * inside)))[:, None]
        atoms: Tensor = self.table(self.properties[packed.numbers]) + self.own(packed.numbers)
        for layer in self.layers:
            atoms = layer(atoms, packed, spread, fade)
        return atoms

    def embed(self, packed: Clusters) -> Tensor:
        """Features of clusters: means over their atoms, shape (count, width)."""
        return packed.mean(self(packed))

    def learn_elements(self, packed: Clusters, *, lengths: bool = False) -> None:
        """Note the elements of the training clusters and, of clusters of one element, how long its bonds are.

        Args:
            packed: The clusters.
            lengths: Whether to take half the median of atoms' nearest distances as an element's radius.
        """
        self.seen[torch.unique(packed.numbers)] = True
        if not lengths:
            return
        nearest = torch.full((len(packed.numbers),), np.inf, dtype=packed.stretch.dtype)
        nearest = nearest.scatter_reduce(0, packed.receiver, packed.stretch, "amin")
        for number in torch.unique(packed.numbers):
            found = nearest[(packed.numbers == number) & torch.isfinite(nearest)]
            if len(found):
                self.radii[number] = found.median() * self.covalent[number]

    def knows(self, numbers: np.ndarray) -> np.ndarray:
        """Which of these atomic numbers training held, same shape."""
        return np.asarray(self.seen.numpy()[np.asarray(numbers)])


def element_properties() -> np.ndarray:
    """What the periodic table says of elements, of order one, shape (LARGEST_NUMBER + 1, 6).

    Period, group (also as a point on a circle, so that the table has no edge), f electrons, covalent radius.
    """
    rows = []
    for number in range(LARGEST_NUMBER + 1):
        period = int(np.searchsorted(NOBLE, number)) + 1
        before, end = (0, *NOBLE)[period - 1], NOBLE[period - 1]
        beyond = number - before
        group = beyond if beyond <= 2 else max(3, 18 - (end - number))
        f_electrons = min(max(beyond - 3, 0), 14) if end - before == 32 else 0
        angle = 2 * np.pi * group / 18
        rows.append([period / 7, group / 18, np.cos(angle), np.sin(angle), f_electrons / 14, covalent_radii[number]])
    return np.array(rows)
