"""An ensemble of matchers as one file: npz with a JSON header."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from auric.graphs import ClusterEncoder, EncoderSettings
from auric.matching.colim import Colim, ColimSettings, Ensemble
from auric.matching.ligand_encoder import LigandEncoder
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.modelfile import fitting

FORMAT = "auric Colim 2"


def save_ensemble(path: str | Path, ensemble: Ensemble) -> None:
    """Write all members.

    Raises:
        InputError: If the folder cannot be written.
    """
    first = ensemble.members[0]
    shape = {
        "encoder": vars(first.core.settings), "width": first.ligand.width, "layers": first.ligand.depth, "hidden": first.settings.hidden,
        "members": len(ensemble.members),
    }  # fmt: skip
    weights = {
        f"{n}.{name}": array for n, member in enumerate(ensemble.members) for name, array in weights_of(member).items()
    }
    write_weights(path, {"format": FORMAT, "shape": shape, "learned": ensemble.header}, weights)


def load_ensemble(path: str | Path) -> Ensemble:
    """Read what `save_ensemble` wrote; it predicts the same, bit for bit.

    Raises:
        InputError: Missing, foreign, damaged or changed.
    """
    header, weights, _ = read_weights(path, FORMAT)
    with fitting(path, "matcher"):
        return _ensemble(header, weights)


def _ensemble(header: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Ensemble:
    shape = header["shape"]
    settings = ColimSettings(encoder=EncoderSettings(**shape["encoder"]), hidden=shape["hidden"])
    members = []
    for n in range(shape["members"]):
        ligand = LigandEncoder(width=shape["width"], layers=shape["layers"])
        member = Colim(ClusterEncoder(settings.encoder), ligand, settings)
        own = {name.removeprefix(f"{n}."): array for name, array in weights.items() if name.startswith(f"{n}.")}
        member.load_state_dict(own)
        members.append(member)
    return Ensemble(members, header["learned"])
