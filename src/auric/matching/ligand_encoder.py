"""Ligands as vectors: an interface, our own graph encoder behind it, and Uni-Mol where its package and weights are present.

Our encoder passes messages over the bonds of a molecule (GIN with bond features, Hu et al., ICLR 2020, arXiv:1905.12265)
and is pretrained to give RDKit descriptors of an enumeration of ligands (the recipe of CheMeleon, arXiv:2506.15792). A set of
ligands is the mean of its members, so that neither order nor repetition changes anything.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from auric.errors import InputError
from auric.graphs.crystal import DEEPEST, WIDEST
from auric.graphs.packed import LARGEST_NUMBER
from auric.matching.ligand_smiles import standard_smiles
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.modelfile import fitting
from auric.progress import log

FORMAT = "auric LigandEncoder 2"
ELEMENTS = (5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 51, 53)
DESCRIPTORS = (
    "MolWt", "HeavyAtomCount", "NumValenceElectrons", "TPSA", "MolLogP", "MolMR", "LabuteASA", "BertzCT", "Chi0v", "Chi1v", "Chi2v", "Chi3v", "Kappa1", "Kappa2",
    "Kappa3", "HallKierAlpha", "FractionCSP3", "NumRotatableBonds", "NumHDonors", "NumHAcceptors", "RingCount", "NumAromaticRings", "NumAliphaticRings",
    "NumHeteroatoms", "BalabanJ", "MaxPartialCharge", "MinPartialCharge", "PEOE_VSA1", "SlogP_VSA5", "SMR_VSA7",
)  # fmt: skip
BATCH = 128


class LigandEmbedder(Protocol):
    """Anything that turns ligands into vectors."""

    width: int

    def embed(self, ligands: Sequence[str]) -> np.ndarray:
        """Vectors of single ligands given as SMILES, shape (n, width)."""


class Molecules(NamedTuple):
    """Molecules side by side, hydrogen atoms left out.

    Attributes:
        atoms: Features of atoms, shape (atoms, ATOM_WIDTH), float32.
        numbers: Their atomic numbers, int64.
        molecule: Number of the molecule of each atom, int64.
        receiver: Atom at which a bond ends, both directions, int64.
        sender: Atom at which it begins.
        bonds: Features of bonds, shape (bonds, BOND_WIDTH), float32.
        molecules: How many there are.
    """

    atoms: Tensor
    numbers: Tensor
    molecule: Tensor
    receiver: Tensor
    sender: Tensor
    bonds: Tensor
    molecules: int


ATOM_WIDTH = len(ELEMENTS) + 1 + 5 + 5 + 4
BOND_WIDTH = 5


def pack_ligands(ligands: Sequence[str]) -> Molecules:
    """Graphs of single ligands, SMILES.

    Raises:
        InputError: No ligands.
        StructureError: As `standard_smiles`.
    """
    from rdkit import Chem

    if not len(ligands):
        raise InputError("no ligands; give at least one SMILES")
    atoms: list[list[float]] = []
    numbers: list[int] = []
    molecule: list[int] = []
    receivers: list[int] = []
    senders: list[int] = []
    bonds: list[list[float]] = []
    start = 0
    for index, smiles in enumerate(ligands):
        found = Chem.MolFromSmiles(standard_smiles(smiles))
        for atom in found.GetAtoms():
            atoms.append(_atom_features(atom))
            numbers.append(atom.GetAtomicNum())
            molecule.append(index)
        for bond in found.GetBonds():
            ends, features = (bond.GetBeginAtomIdx() + start, bond.GetEndAtomIdx() + start), _bond_features(bond)
            receivers += ends
            senders += ends[::-1]
            bonds += [features, features]
        start += found.GetNumAtoms()
    return Molecules(
        torch.tensor(atoms, dtype=torch.float32), torch.tensor(numbers), torch.tensor(molecule), torch.tensor(receivers, dtype=torch.int64),
        torch.tensor(senders, dtype=torch.int64), torch.tensor(bonds, dtype=torch.float32).reshape(-1, BOND_WIDTH), len(ligands),
    )  # fmt: skip


def _atom_features(atom: Any) -> list[float]:
    number = atom.GetAtomicNum()
    element = ELEMENTS.index(number) if number in ELEMENTS else len(ELEMENTS)
    features = [0.0] * ATOM_WIDTH
    features[element] = 1.0
    features[len(ELEMENTS) + 1 + min(atom.GetDegree(), 4)] = 1.0
    features[len(ELEMENTS) + 6 + min(atom.GetTotalNumHs(), 4)] = 1.0
    features[-4:] = [
        float(atom.GetFormalCharge()), float(atom.GetIsAromatic()), float(atom.IsInRing()), float(atom.GetNumRadicalElectrons() > 0)
    ]  # fmt: skip
    return features


def _bond_features(bond: Any) -> list[float]:
    order = bond.GetBondTypeAsDouble()
    return [float(order == 1), float(order == 1.5), float(order == 2), float(order == 3), float(bond.IsInRing())]


class LigandEncoder(nn.Module):
    """Our own graph encoder.

    Args:
        width: Length of a ligand's vector.
        layers: Layers of messages.

    Attributes:
        header: What it was pretrained on; empty before.
        seen: For each atomic number whether a ligand that was learned from holds it.
    """

    seen: Tensor

    def __init__(self, *, width: int = 48, layers: int = 3) -> None:
        super().__init__()
        if not (1 <= width <= WIDEST and 1 <= layers <= DEEPEST):
            raise InputError(
                f"ligand encoder of width {width} with {layers} layers; give one or more of each, up to {WIDEST} and {DEEPEST}"
            )
        self.width, self.depth = width, layers
        self.start = nn.Linear(ATOM_WIDTH, width)
        self.bond = nn.ModuleList(nn.Linear(BOND_WIDTH, width) for _ in range(layers))
        self.after = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.Softplus(), nn.Linear(width, width)) for _ in range(layers)
        )
        self.whole = nn.Sequential(nn.Linear(2 * width, width), nn.Softplus(), nn.Linear(width, width))
        self.head = nn.Linear(width, len(DESCRIPTORS))
        self.header: dict[str, Any] = {}
        self.register_buffer("seen", torch.zeros(LARGEST_NUMBER + 1, dtype=torch.bool))

    def forward(self, packed: Molecules) -> Tensor:
        """Vectors of molecules, shape (molecules, width)."""
        atoms = self.start(packed.atoms)
        for bond, after in zip(self.bond, self.after, strict=True):
            messages = torch.relu(atoms[packed.sender] + bond(packed.bonds))
            atoms = atoms + after(atoms + torch.zeros_like(atoms).index_add_(0, packed.receiver, messages))
        summed = atoms.new_zeros((packed.molecules, self.width)).index_add_(0, packed.molecule, atoms)
        sizes = torch.bincount(packed.molecule, minlength=packed.molecules)[:, None].to(summed.dtype)
        out: Tensor = self.whole(torch.cat([summed / sizes, summed / 10], dim=1))
        return out

    def embed(self, ligands: Sequence[str]) -> np.ndarray:
        """See `LigandEmbedder`."""
        self.eval()
        with torch.no_grad():
            parts = [self(pack_ligands(ligands[i : i + BATCH])).numpy() for i in range(0, len(ligands), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, self.width))

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header."""
        header = {"format": FORMAT, "width": self.width, "layers": self.depth, "learned": self.header}
        write_weights(path, header, weights_of(self))

    @classmethod
    def load(cls, path: str | Path) -> "LigandEncoder":
        """Read what `save` wrote.

        Raises:
            InputError: Missing, foreign, damaged or changed.
        """
        header, weights, _ = read_weights(path, FORMAT)
        with fitting(path, "encoder"):
            model = cls(width=header["width"], layers=header["layers"])
            model.load_state_dict(weights)
            model.header = header["learned"]
            return model.eval()


@dataclass(frozen=True)
class LigandPretraining:
    """How the ligand encoder is pretrained.

    Attributes:
        epochs: Passes over the enumeration.
        learning_rate: The highest, in one cycle.
        held_out: Share that is kept for the error that is reported.
        seed: Of weights, order and share.
    """

    epochs: int = 30
    learning_rate: float = 3e-3
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or not (0 < self.held_out < 1 and self.learning_rate > 0):
            raise InputError(
                "ligand pretraining: one epoch or more, a held-out share between 0 and 1, a positive learning rate"
            )


def ligand_descriptors(ligands: Sequence[str]) -> np.ndarray:
    """RDKit descriptors of single ligands, shape (n, len(DESCRIPTORS)); 0 where one is not defined."""
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    functions = dict(Descriptors.descList)
    rows = []
    for smiles in ligands:
        molecule = Chem.MolFromSmiles(standard_smiles(smiles))
        rows.append([float(functions[name](molecule)) for name in DESCRIPTORS])
    found = np.array(rows).reshape(-1, len(DESCRIPTORS))
    return np.where(np.isfinite(found), found, 0.0)


def pretrain_ligands(
    ligands: Sequence[str], settings: LigandPretraining | None = None, *, width: int = 48, layers: int = 3
) -> LigandEncoder:
    """Train an encoder to give descriptors; `header` holds the share of their variance explained on held-out ligands.

    Raises:
        InputError: Fewer than 20 ligands.
    """
    settings = settings or LigandPretraining()
    if len(ligands) < 20:
        raise InputError(f"{len(ligands)} ligands are too few to pretrain on; give 20 or more")
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(len(ligands))
    test, train = np.split(order, [max(1, int(settings.held_out * len(ligands)))])
    values = ligand_descriptors(ligands)
    mean, sd = values[train].mean(axis=0), np.maximum(values[train].std(axis=0), 1e-6)
    targets = torch.as_tensor(np.clip((values - mean) / sd, -5, 5), dtype=torch.float32)
    model = LigandEncoder(width=width, layers=layers)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)
    steps = int(np.ceil(len(train) / BATCH))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=steps
    )
    started = time.perf_counter()
    batches = [
        (pack_ligands([ligands[i] for i in part]), targets[part])
        for part in np.array_split(rng.permutation(train), steps)
    ]
    for packed, _ in batches:
        model.seen[torch.unique(packed.numbers)] = True
    for epoch in range(settings.epochs):
        for place in rng.permutation(steps):
            packed, wanted = batches[place]
            loss = nn.functional.mse_loss(model.head(model(packed)), wanted)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
        log.info("ligands, epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, float(loss.detach()))
    with torch.no_grad():
        residual = model.head(model(pack_ligands([ligands[i] for i in test]))) - targets[test]
    model.header = {
        "settings": asdict(settings), "ligands": len(train), "held_out": len(test), "descriptors": list(DESCRIPTORS),
        "explained": float(1 - residual.square().mean() / targets[test].square().mean()), "seconds": time.perf_counter() - started,
    }  # fmt: skip
    return model.eval()


class UniMolEmbedder:
    """Vectors of Uni-Mol (Zhou et al., ICLR 2023), through the package `unimol_tools` with weights that lie on this machine.

    Args:
        weights: Folder with its weights; nothing is downloaded.

    Raises:
        InputError: If the package or the weights are missing.
    """

    width = 512

    def __init__(self, weights: str | Path) -> None:
        if find_spec("unimol_tools") is None:
            raise InputError(
                "ligand encoder 'unimol' needs the package unimol_tools; install it, or set matching.ligand_encoder.kind to own"
            )
        if not any(Path(weights).glob("*.pt")):
            raise InputError(
                f"{weights}: no weights of Uni-Mol (*.pt) in it; put them there, or set matching.ligand_encoder.kind to own"
            )
        import os

        os.environ["UNIMOL_WEIGHT_DIR"] = str(weights)
        from unimol_tools import UniMolRepr  # type: ignore[import-not-found]

        self._model = UniMolRepr(data_type="molecule", remove_hs=False)

    def embed(self, ligands: Sequence[str]) -> np.ndarray:
        """See `LigandEmbedder`."""
        found = self._model.get_repr([standard_smiles(one) for one in ligands], return_atomic_reprs=False)
        return np.asarray(found["cls_repr"] if isinstance(found, dict) else found, dtype=float)
