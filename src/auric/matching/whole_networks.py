"""One network over the atoms of core and ligands together: CGCNN, SchNet and GIN as plain classifiers beside CoLiM.

The paper names these three as baselines; its external test gives GIN the core and the ligands, and the text does not say as what graph. Here one encoder of the named kind sees all atoms of
an example: the core's with the edges of its geometry, the ligands' with their bonds. Which atoms of the core a ligand would bind is
not known before it is made, so the parts are not joined; they meet in the mean over all atoms, which a network like CoLiM's head reads.
A set holds each ligand once, so neither order nor repetition changes anything. No part is pretrained.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from auric.graphs import LAYERS, ClusterEncoder, Clusters, pack_clusters, pick_clusters
from auric.matching.colim import ColimSettings, Matcher, fit
from auric.matching.ligand_smiles import ligand_set

WHOLE = tuple(LAYERS)
"""Kinds of layers, by which these networks are named."""
STRETCH = {1.0: 1.0, 1.5: 0.92, 2.0: 0.89, 3.0: 0.8}
"""Length of a bond over the sum of both covalent radii, by its order: 1 for single bonds; for double and triple ones by carbon's radii of 0.75, 0.67
and 0.60 angstrom (Pyykko, Atsumi, Chem. Eur. J. 15, 12770 (2009), doi:10.1002/chem.200901472); for aromatic ones by benzene's 1.40 angstrom."""


class WholeGraphs(NamedTuple):
    """Examples as graphs of their parts, each different part once.

    Attributes:
        parts: Graphs of the different cores, then of the different ligands.
        member: 1 where an example holds a part, else 0, float32, shape (n, parts).
    """

    parts: Clusters
    member: Tensor


def whole_graphs(cores: Sequence[Atoms], ligands: Sequence[str], *, reach: float) -> WholeGraphs:
    """Prepare examples.

    Args:
        cores: Core of each example; equal objects are packed once.
        ligands: Set of each, SMILES joined by '.', in any order.
        reach: Of the core's edges, in sums of covalent radii.

    Raises:
        InputError: As `pack_clusters`.
        StructureError: As `ligand_set`.
    """
    different = list({id(core): core for core in cores}.values())
    sets = [ligand_set(text).split(".") for text in ligands]
    names = sorted({one for own in sets for one in own})
    place = {id(core): number for number, core in enumerate(different)}
    place_of_ligand = {name: len(different) + number for number, name in enumerate(names)}
    member = torch.zeros((len(sets), len(different) + len(names)))
    for row, (core, own) in enumerate(zip(cores, sets, strict=True)):
        member[row, [place[id(core)], *(place_of_ligand[one] for one in own)]] = 1
    return WholeGraphs(_beside(pack_clusters(different, reach=reach), names), member)


def _beside(cores: Clusters, ligands: Sequence[str]) -> Clusters:
    """The graphs of cores, and after them those of ligands: all atoms, hydrogen too, and their bonds."""
    from rdkit import Chem

    numbers, cluster = [cores.numbers], [cores.cluster]
    receiver, sender, stretch = [cores.receiver], [cores.sender], [cores.stretch]
    start = len(cores.numbers)
    for index, smiles in enumerate(ligands):
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        ends = sorted(
            (one, other, STRETCH.get(bond.GetBondTypeAsDouble(), 1.0))
            for bond in molecule.GetBonds()
            for one, other in ((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), (bond.GetEndAtomIdx(), bond.GetBeginAtomIdx()))
        )  # fmt: skip
        found = torch.tensor(ends, dtype=torch.float64).reshape(-1, 3)
        numbers.append(torch.tensor([atom.GetAtomicNum() for atom in molecule.GetAtoms()]))
        cluster.append(torch.full((molecule.GetNumAtoms(),), cores.clusters + index))
        receiver.append(found[:, 0].long() + start)
        sender.append(found[:, 1].long() + start)
        stretch.append(found[:, 2].to(cores.stretch.dtype))
        start += molecule.GetNumAtoms()
    return Clusters(
        torch.cat(numbers), torch.cat(cluster), torch.cat(receiver), torch.cat(sender), torch.cat(stretch), cores.clusters + len(ligands)
    )  # fmt: skip


class WholeNetwork(Matcher[WholeGraphs]):
    """One network over whole examples.

    Args:
        settings: Shape of the encoder, its kind among it, and of the head, and how both learn.
    """

    def __init__(self, settings: ColimSettings) -> None:
        super().__init__(settings.encoder.width, settings)
        self.encoder = ClusterEncoder(settings.encoder)

    def joined(self, data: WholeGraphs, rows: Tensor) -> Tensor:
        """Means over the atoms of some examples, shape (rows, width)."""
        member = data.member[rows]
        used = member.any(dim=0).nonzero()[:, 0]
        parts = pick_clusters(data.parts, used.numpy())
        atoms = torch.bincount(parts.cluster, minlength=parts.clusters).to(member.dtype)
        total: Tensor = member[:, used] @ parts.total(self.encoder(parts))
        return total / (member[:, used] @ atoms)[:, None]


def train_whole(
    data: WholeGraphs, labels: np.ndarray, rows: np.ndarray, settings: ColimSettings | None = None, *, seed: int = 0
) -> WholeNetwork:
    """Train one network from nothing.

    Args:
        data: All examples.
        labels: 1 for pairs that are made, 0 for others, shape (n,).
        rows: Numbers of the examples to learn from.
        settings: How; those of ligand encoders and of pretraining are not used.
        seed: Of weights, order and dropout.

    Raises:
        InputError: Examples of one label only.
    """
    settings = settings or ColimSettings()
    torch.manual_seed(seed)
    model = WholeNetwork(settings)
    fit(model, data, labels, rows, settings, [{"params": model.parameters(), "lr": settings.learning_rate}], seed=seed)
    return model
