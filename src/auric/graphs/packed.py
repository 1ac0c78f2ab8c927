"""Clusters as graphs: every atom a node, every pair of atoms that are near an edge, many clusters in one set of arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.data import covalent_radii
from torch import Tensor

from auric.errors import InputError

LARGEST_NUMBER = 103


class Clusters(NamedTuple):
    """Some clusters side by side; what belongs to one is found by its number.

    Attributes:
        numbers: Atomic numbers, shape (atoms,), int64.
        cluster: Number of the cluster of each atom, shape (atoms,), int64, rising.
        receiver: Atom at which an edge ends, shape (edges,), int64, rising.
        sender: Atom at which it begins, likewise.
        stretch: Its length over the sum of both covalent radii, shape (edges,), float32 or float64.
        clusters: How many there are.
    """

    numbers: Tensor
    cluster: Tensor
    receiver: Tensor
    sender: Tensor
    stretch: Tensor
    clusters: int

    def mean(self, values: Tensor) -> Tensor:
        """Means over the atoms of each cluster, shape (clusters, width), of values of shape (atoms, width)."""
        return self.total(values) / torch.bincount(self.cluster, minlength=self.clusters)[:, None].to(values.dtype)

    def total(self, values: Tensor) -> Tensor:
        """Sums over the atoms of each cluster, likewise."""
        return values.new_zeros((self.clusters, values.shape[1])).index_add_(0, self.cluster, values)


def pack_clusters(
    frames: Sequence[Atoms], *, reach: float = 1.8, positions: Sequence[Tensor] | None = None
) -> Clusters:
    """Make graphs of clusters; cells are not looked at.

    Args:
        frames: At least one, each with an atom at least; positions in angstrom.
        reach: Atoms nearer than this times the sum of their covalent radii are joined.
        positions: In their stead, for gradients, tensors of shape (atoms, 3), one for each.

    Raises:
        InputError: No clusters, an empty one, an element beyond lawrencium, or coordinates that are not finite.
    """
    if not frames or not all(len(atoms) for atoms in frames):
        raise InputError("no clusters, or one without atoms; give at least one atom in each")
    numbers, cluster, receivers, senders, lengths = [], [], [], [], []
    start = 0
    for index, atoms in enumerate(frames):
        if (
            not np.isfinite(atoms.positions).all()
            or not 1 <= atoms.numbers.min() <= atoms.numbers.max() <= LARGEST_NUMBER
        ):
            raise InputError(
                f"cluster {index + 1} ({atoms.symbols!s:.40}): an unknown element or coordinate; correct it"
            )
        radii = torch.as_tensor(covalent_radii[atoms.numbers])
        places = torch.as_tensor(atoms.positions) if positions is None else positions[index]
        with torch.no_grad():
            limit = reach * (radii[:, None] + radii[None])
            near = torch.cdist(places, places) < limit
            near.fill_diagonal_(False)
            receiver, sender = near.nonzero(as_tuple=True)
        distance = (places[receiver] - places[sender]).norm(dim=1)
        lengths.append(distance / (radii[receiver] + radii[sender]))
        receivers.append(receiver + start)
        senders.append(sender + start)
        numbers.append(torch.as_tensor(atoms.numbers, dtype=torch.int64))
        cluster.append(torch.full((len(atoms),), index))
        start += len(atoms)
    kind = torch.float32 if positions is None else positions[0].dtype
    return Clusters(
        torch.cat(numbers), torch.cat(cluster), torch.cat(receivers), torch.cat(senders), torch.cat(lengths).to(kind), len(frames)
    )  # fmt: skip


def pick_clusters(packed: Clusters, chosen: np.ndarray) -> Clusters:
    """Some of the clusters, by their numbers, shape (chosen,), in that order; a number may come twice.

    Raises:
        InputError: None chosen.
    """
    if not len(chosen):
        raise InputError("no clusters chosen; choose at least one")
    wanted = torch.as_tensor(np.asarray(chosen), dtype=torch.int64)
    atom_counts = torch.bincount(packed.cluster, minlength=packed.clusters)
    first_atom = atom_counts.cumsum(0) - atom_counts
    owner = packed.cluster[packed.receiver]
    edge_counts = torch.bincount(owner, minlength=packed.clusters)
    first_edge = edge_counts.cumsum(0) - edge_counts
    atoms, cluster = _ranges(first_atom[wanted], atom_counts[wanted])
    edges, edge_cluster = _ranges(first_edge[wanted], edge_counts[wanted])
    starts = atom_counts[wanted].cumsum(0) - atom_counts[wanted]
    shift = (starts - first_atom[wanted])[edge_cluster]
    return Clusters(
        packed.numbers[atoms], cluster, packed.receiver[edges] + shift, packed.sender[edges] + shift, packed.stretch[edges], len(wanted)
    )  # fmt: skip


def _ranges(first: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """first[k], first[k] + 1, ... (counts[k] of them) for every k, one after the other, and the k of each."""
    which = torch.repeat_interleave(torch.arange(len(counts)), counts)
    inside = torch.arange(len(which)) - (counts.cumsum(0) - counts)[which]
    return first[which] + inside, which
