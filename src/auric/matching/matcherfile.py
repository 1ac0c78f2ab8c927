"""An ensemble of matchers as one file: npz with a JSON header."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from auric.graphs import ClusterEncoder, EncoderSettings
from auric.matching.colim import Colim, ColimSettings, Ensemble
from auric.matching.fixed_ligands import FixedLigands, LigandModel
from auric.matching.ligand_encoder import LigandEmbedder, LigandEncoder, UniMolEmbedder
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.modelfile import fitting

FORMAT = "auric Colim 2"
OWN, UNIMOL = "own", "unimol"
WEIGHTS = "UNIMOL_WEIGHT_DIR"
"""Variable that names the folder of Uni-Mol's weights; files of matchers name no place from which anything is loaded."""


def save_ensemble(path: str | Path, ensemble: Ensemble) -> None:
    """Write all members.

    Raises:
        InputError: If the folder cannot be written.
    """
    first = ensemble.members[0]
    own = first.ligand if isinstance(first.ligand, LigandEncoder) else None
    shape = {
        "encoder": vars(first.core.settings), "ligand": OWN if own else UNIMOL, "width": first.ligand.width,
        "layers": own.depth if own else 1, "hidden": first.settings.hidden,
        "members": len(ensemble.members),
    }  # fmt: skip
    weights = {
        f"{n}.{name}": array for n, member in enumerate(ensemble.members) for name, array in weights_of(member).items()
    }
    write_weights(path, {"format": FORMAT, "shape": shape, "learned": ensemble.header}, weights)


def load_ensemble(path: str | Path, embedder: LigandEmbedder | None = None) -> Ensemble:
    """Read what `save_ensemble` wrote; it predicts the same, bit for bit.

    Args:
        path: The file.
        embedder: Of a matcher that reads fixed vectors of ligands; None: Uni-Mol, with weights in the folder `WEIGHTS` names.

    Raises:
        InputError: Missing, foreign, damaged or changed, or made with another embedder than is here.
    """
    header, weights, _ = read_weights(path, FORMAT)
    with fitting(path, "matcher"):
        reads = header["shape"].get("ligand", OWN)
    if reads == UNIMOL and embedder is None:
        embedder = UniMolEmbedder(os.environ.get(WEIGHTS) or f"(set {WEIGHTS})")
    with fitting(path, "matcher"):
        ensemble = _ensemble(header, weights, embedder if reads == UNIMOL else None)
    for member in ensemble.members:
        if isinstance(member.ligand, FixedLigands):
            member.ligand.check(path)
    return ensemble


def _ensemble(header: Mapping[str, Any], weights: Mapping[str, Tensor], embedder: LigandEmbedder | None) -> Ensemble:
    shape = header["shape"]
    settings = ColimSettings(encoder=EncoderSettings(**shape["encoder"]), hidden=shape["hidden"])
    members = []
    for n in range(shape["members"]):
        ligand: LigandModel = LigandEncoder(width=shape["width"], layers=shape["layers"])
        if embedder is not None:
            ligand = FixedLigands(embedder, width=shape["width"])
        member = Colim(ClusterEncoder(settings.encoder), ligand, settings)
        own = {name.removeprefix(f"{n}."): array for name, array in weights.items() if name.startswith(f"{n}.")}
        member.load_state_dict(own)
        members.append(member)
    return Ensemble(members, header["learned"])
