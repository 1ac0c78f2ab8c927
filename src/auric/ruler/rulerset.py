"""A set of rulers in one file, for use on new structures.

Each member is solved without some of the structures, so that how far members differ says how much a reading depends on what
was learned from. All share the layers of a few networks, whose mean is read; a member is a last layer and a straight edge of
each. The same file holds, for every member, the plain ridge line on the image, since it reads as well or better (docs/results/ruler.md).
A set may see images through a mask (`auric.ruler.masks`), as the valence ruler does; it then holds the steady ridge line on the
image, too, which is the valence ruler proper. Level of theory, kind of images, domain of images and cost of a single point travel along.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GroupKFold
from torch import Tensor

from auric.errors import InputError, suggestion
from auric.modelfile import fitting
from auric.ruler.baselines import RidgeOnImage, RidgeOnLine, SteadyRidgeOnImage, bond_line, coarse_image
from auric.ruler.dataset import ImageSet, trained_on
from auric.ruler.domain import Domain
from auric.ruler.masks import Mask
from auric.ruler.ridge import BlockRidge
from auric.ruler.rulers import Ruler, load_tensors, save_tensors
from auric.ruler.solved import HIDDEN, SolvedElfNet, blocks_of, mean_readings, solved_ruler, started_network, starts_of
from auric.structures.bonds import BondRule

FORMAT = "auric rulers 2"
OPEN_SHELL_LOG = float(np.log(2))
READERS = (SolvedElfNet.subject, RidgeOnImage.subject)
MASKED_READERS = (*READERS, SteadyRidgeOnImage.subject)
"""Those of a set that sees images through a mask."""
EARLIER_MASKED_READERS = (*READERS, RidgeOnLine.subject)
"""Those of such a set that names none, made before readings were steady."""


class RulerSet:
    """Members with one scaling, one level of theory and one domain.

    Args:
        rulers: The networks whose mean is read, each with a reading for each reader and member.
        header: `format`, `members`, `level`, `elf`, `bond` (fields of `BondRule`), `trained_on`, `cost`, `error_angstrom`; of a set
            behind a mask `mask` (`Mask.settings`) and `readers`, too.
        domain: What images, without a mask, the members have seen.
    """

    def __init__(self, rulers: Sequence[Ruler], header: dict[str, Any], domain: Domain) -> None:
        self.rulers, self.header, self.domain = list(rulers), header, domain
        self.rule = BondRule(**header["bond"])
        self.mask = Mask(**header["mask"]) if "mask" in header else None
        earlier = READERS if self.mask is None else EARLIER_MASKED_READERS
        self.readers = tuple(map(str, header.get("readers", earlier)))
        if len(self.readers) != len(earlier):
            raise InputError(
                f"a ruler set of this kind has {len(earlier)} readers, this one names {len(self.readers)}; make it again"
            )

    def read(self, elf: np.ndarray, *, reader: str = READERS[0]) -> np.ndarray:
        """Bond lengths read off images by every member, shape (members, images), angstrom.

        Args:
            elf: ELF values in [0, 1], shape (images, pixels, pixels).
            reader: One of `readers`.

        Raises:
            InputError: If there is no such reader.
            ValueError: If the images have another size than those the members were trained on.
        """
        if reader not in self.readers:
            raise InputError(f"there is no reader '{reader}'; {suggestion(reader, self.readers)}")
        members, first = self.header["members"], self.readers.index(reader)
        seen = elf if self.mask is None or elf.ndim != 3 else self.mask.masked(elf)
        return np.asarray(mean_readings(self.rulers, seen)[:, first * members : (first + 1) * members].T)

    def save(self, path: str | Path) -> None:
        """Write safetensors with the header in its metadata."""
        domain, arrays = self.domain.parts()
        tensors = {f"domain.{name}": torch.as_tensor(array) for name, array in arrays.items()}
        for number, ruler in enumerate(self.rulers):
            tensors |= {f"{number}.{name}": tensor for name, tensor in ruler.tensors().items()}
        headers = [ruler.header for ruler in self.rulers]
        save_tensors(path, tensors, self.header | {"networks": headers, "domain": domain})

    @classmethod
    def load(cls, path: str | Path) -> "RulerSet":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is not a set of rulers.
        """
        tensors, header = load_tensors(path, FORMAT)
        with fitting(path, "ruler"):
            return cls._of_tensors(tensors, header)

    @classmethod
    def _of_tensors(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "RulerSet":
        if "bond_cutoff_angstrom" in header:  # of earlier versions, which knew sulfur and gold alone
            header["bond"] = {"cutoff_angstrom": header.pop("bond_cutoff_angstrom")}
        arrays = {name: tensor.numpy() for name, tensor in _below("domain", tensors).items()}
        if "network" in header:  # of earlier versions, which read one network alone
            own = {name: tensor for name, tensor in tensors.items() if not name.startswith("domain.")}
            rulers = [Ruler.of_tensors(own, header["network"])]
        else:
            rulers = [Ruler.of_tensors(_below(str(n), tensors), one) for n, one in enumerate(header["networks"])]
        if not rulers:
            raise ValueError("it holds no network")
        return cls(rulers, header, Domain.from_parts(header["domain"], arrays))


def _below(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one part of the file, by their names within it."""
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def train_set(
    data: ImageSet, *, folds: int, seed: int, elf: Mapping[str, Any], bond: Mapping[str, Any],
    errors_angstrom: Mapping[str, Any], costs: Sequence[tuple[float, float, bool]], mask: Mask | None = None,
) -> RulerSet:  # fmt: skip
    """Solve the members, one for each fold of structures left out (of bonds or images, if there is but one).

    Args:
        data: All images, of one level of theory.
        folds: Number of members (fewer if there are fewer structures).
        seed: Seed of the networks and of the folds.
        elf: How the images were made: `pixels`, `planes`, `min_perpendicular_angstrom`, `offset`.
        bond: Fields of `BondRule`.
        errors_angstrom: Cross-validated errors, by reader and split, to be quoted beside readings.
        costs: Of the single points the images come from: electrons, core seconds, and whether shells were open.
        mask: What images are seen through, its radii shares of the bond; none sees all.

    Raises:
        InputError: If the mask moves with the length, the images are of several levels of theory, or there is only one.
    """
    if mask is not None and mask.scale != "bond":
        raise InputError(f"a mask of scale '{mask.scale}' knows the length before it is read; use the scale 'bond'")
    level = level_of(data)
    several = [names for names in (data.structure, data.bond, data.image) if len(np.unique(names)) > 1]
    if not several:
        raise InputError("a set of rulers needs two images at least; add a structure to the table of structures")
    left_out = several[0]
    count = min(folds, len(np.unique(left_out)))
    seen = data.elf if mask is None else mask.masked(data.elf)
    members = [kept for kept, _ in GroupKFold(count, shuffle=True, random_state=seed).split(seen, groups=left_out)]

    def solved(blocks: list[np.ndarray], uncertainty: float | None = None) -> list[BlockRidge]:
        return [
            BlockRidge(uncertainty).fit([block[kept] for block in blocks], data.lengths_angstrom[kept], data.bond[kept])
            for kept in members
        ]

    edge = [bond_line(seen), coarse_image(seen)]
    straight = solved(edge) + (solved(edge, SteadyRidgeOnImage.uncertainty) if mask is not None else [])
    straight = [ridge.without_block(HIDDEN) for ridge in straight]
    rulers = []
    for start in starts_of(seed):
        network = started_network(seen, start, readings=count + len(straight))
        rulers.append(solved_ruler(network, solved(blocks_of(network, seen)) + straight, start))
    header = {
        "format": FORMAT, "members": count, "level": level, "elf": dict(elf),
        "bond": dict(bond), "trained_on": trained_on(data),
        "error_angstrom": dict(errors_angstrom), "cost": _cost(costs),
    } | ({} if mask is None else {"mask": mask.settings(), "readers": list(MASKED_READERS)})  # fmt: skip
    return RulerSet(rulers, header, Domain.fit(data.elf, left_out))


def level_of(data: ImageSet) -> dict[str, Any]:
    """The one level of theory of all images: engine, method, basis, method version, and the engine's settings.

    Raises:
        InputError: If there are several.
    """
    levels = {json.dumps(_level(made), sort_keys=True) for made in json.loads(data.attributes["frames_json"]).values()}
    if len(levels) != 1:
        raise InputError(
            f"images of {len(levels)} levels of theory cannot train one ruler; use one engine and one basis"
        )
    level: dict[str, Any] = json.loads(levels.pop())
    return level


def _level(provenance: Mapping[str, Any]) -> dict[str, Any]:
    named = ("engine", "method", "basis", "method_version")
    other = ("structure_hash", "versions", *named)
    settings = {key: value for key, value in provenance.items() if key not in other} | {
        "basis": provenance.get("basis")
    }
    return {key: provenance.get(key) for key in named} | {"settings": settings}


def _cost(costs: Sequence[tuple[float, float, bool]]) -> dict[str, Any]:
    """Core seconds as a power of the number of electrons, times a factor for open shells: logarithms, and their spread."""
    table = np.array(costs, dtype=float).reshape(-1, 3)
    electrons, seconds, opened = np.log(table[:, 0]), np.log(table[:, 1]), table[:, 2]
    if len(np.unique(electrons)) < 3:
        return {}
    columns = [electrons, np.ones(len(table))]
    # Two densities instead of one; where hardly any were seen, that is all that is known of their cost.
    known = 2 <= opened.sum() <= len(opened) - 2
    if known:
        columns.append(opened)
    else:
        seconds = seconds - OPEN_SHELL_LOG * opened
    design = np.column_stack(columns)
    found, *_ = np.linalg.lstsq(design, seconds, rcond=None)
    spread = np.sqrt(((seconds - design @ found) ** 2).sum() / max(1, len(table) - len(found)))
    return {
        "of": "electrons", "log_slope": float(found[0]), "log_intercept": float(found[1]),
        "log_open_shell": float(found[2]) if known else OPEN_SHELL_LOG, "log_sd": float(spread), "points": len(costs),
        "range": [float(np.exp(electrons.min())), float(np.exp(electrons.max()))],
    }  # fmt: skip
