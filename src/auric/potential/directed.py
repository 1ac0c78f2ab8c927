"""Forces from local descriptors, atom by atom: EMLM for their norms, OAMLM for their directions (arXiv:2203.09788).

One model of each for every class of atoms; an atom without the neighbours that its class needs is aligned by its nearest
ones, in a class of its own. The result is no gradient of any energy: such forces do not conserve one.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.descriptors import FeatureScaler, Soap, SoapSettings
from auric.errors import InputError, StructureError, suggestion
from auric.modelfile import fitting, read_model, write_model
from auric.potential.cosines import LOSSES
from auric.potential.emlm import Emlm
from auric.potential.environments import THESIS_RULE, Environments, atom_environments, join_environments, plain_classes
from auric.potential.labels import forces_of
from auric.potential.modelfile import KINDS
from auric.potential.oamlm import Oamlm
from auric.potential.references import select_references
from auric.progress import log
from auric.structures.motifs import atom_classes

FORMAT = "auric DirectedForces 1"
THESIS_SOAP = SoapSettings(n_max=7, l_max=4, cutoff_angstrom=4.0, sigma_angstrom=0.25)


@dataclass(frozen=True)
class ClassSettings:
    """How atoms of one class are described and their directions found.

    Attributes:
        soap: Of their surroundings, for norms and directions.
        loss: How OAMLM finds its direction (see `auric.potential.cosines`).
        sigma_2: Width of the weights of alignments (angstrom); None: the thesis's, 0.25 for unit metal and 0.5 else.
        projections: Whether OAMLM learns projections of forces instead of cosines (see `Oamlm.fit`); not in the thesis.
    """

    soap: SoapSettings = THESIS_SOAP
    loss: str = "average"
    sigma_2: float | None = None
    projections: bool = False


@dataclass(frozen=True)
class DirectedSettings:
    """The thesis's, by default.

    Attributes:
        soap: Of classes without settings of their own.
        loss: Likewise.
        sigma_2: Likewise.
        projections: Likewise.
        classes: By class, such as `unit Au`, settings of its own.
        norm_references: Training points of each EMLM, chosen by RS-maximin; all are references.
        direction_references: Training points of each OAMLM, likewise.
        huber: Robustness of its training, None for least squares.
        select: Whether references whose alignment is worse than predicted are left out.
        plain: Whether all atoms are aligned by their four nearest neighbours, as in molecules without gold.
        reflections: Whether mirror images of references may be laid upon an atom's surroundings (O(3)), or rotated
            copies alone (SO(3)); see `Oamlm`.

    Raises:
        InputError: If `reflections` is not true or false.
    """

    soap: SoapSettings = THESIS_SOAP
    loss: str = "average"
    sigma_2: float | None = None
    projections: bool = False
    classes: Mapping[str, ClassSettings] = field(default_factory=dict)
    norm_references: int = 5000
    direction_references: int = 2500
    huber: float | None = None
    select: bool = False
    plain: bool = False
    reflections: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.reflections, bool):
            raise InputError(
                f"forces: reflections={self.reflections!r}; give True (rotations and reflections) or False (rotations alone)"
            )

    def of(self, name: str) -> ClassSettings:
        """Settings of a class."""
        return self.classes.get(name, ClassSettings(self.soap, self.loss, self.sigma_2, self.projections))


@dataclass
class _OneClass:
    scaler: FeatureScaler
    norm: Emlm
    direction: Oamlm


def environments_of(atoms: Atoms, *, plain: bool) -> dict[str, Environments]:
    """Surroundings by class: the thesis's classes, or all atoms plain; plain too are those that lack neighbours."""
    classes = plain_classes(atoms) if plain else atom_classes(atoms, THESIS_RULE)
    return atom_environments(atoms, classes, missing="plain")


class DirectedForces:
    """Forces on the atoms of structures made of the classes it has learned.

    Attributes:
        chosen: By class, which of the training atoms (frame, atom) were chosen for norms, shape (references, 2).
        trained_on: What `save` was told, after `load`.
    """

    def __init__(self, settings: DirectedSettings | None = None) -> None:
        self.settings = settings or DirectedSettings()

    def fit(self, frames: Sequence[Atoms]) -> "DirectedForces":
        """Learn from labelled frames.

        A class that nothing can be learned of (one atom in all, or no force on any) is left out, and told in the log.

        Raises:
            InputError: If a frame has no forces, or no class can be learned.
        """
        if not frames:
            raise InputError("forces: no frames to learn from; give some with forces")
        self.trained_on: dict[str, Any] = {}
        self._species = sorted({symbol for atoms in frames for symbol in atoms.symbols})
        self._soaps: dict[SoapSettings, Soap] = {}
        descriptors: dict[str, list[np.ndarray]] = {}
        surroundings: dict[str, list[Environments]] = {}
        forces: dict[str, list[np.ndarray]] = {}
        places: dict[str, list[np.ndarray]] = {}
        for number, atoms in enumerate(frames):
            given = forces_of(atoms)
            around_of = environments_of(atoms, plain=self.settings.plain)
            described = self._described(atoms, around_of)
            for name, around in around_of.items():
                descriptors.setdefault(name, []).append(described[name])
                surroundings.setdefault(name, []).append(around)
                forces.setdefault(name, []).append(given[around.atoms])
                places.setdefault(name, []).append(np.column_stack([np.full(len(around), number), around.atoms]))
        self._models: dict[str, _OneClass] = {}
        self.chosen: dict[str, np.ndarray] = {}
        for name in list(descriptors):
            rows, vectors = np.concatenate(descriptors.pop(name)), np.concatenate(forces[name])
            if lack := _lack(rows, vectors):
                log.warning("forces: class '%s' is left out: %s", name, lack)
                continue
            self._models[name], chosen = self._fit_class(name, rows, join_environments(surroundings[name]), vectors)
            self.chosen[name] = np.concatenate(places[name])[chosen]
        if not self._models:
            raise InputError(
                "forces: no class of atoms has surroundings that vary, and forces; give frames of dynamics"
            )
        return self

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces, shape (atoms, 3), eV/angstrom; nan on atoms of a class it has not learned, while it knows others.

        Raises:
            InputError: If nothing was learned yet.
            StructureError: If no atom is of a class it has learned, or one is of an element it has not.
        """
        return self.forces_of_all([atoms])[0]

    def forces_of_all(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Forces on the atoms of structures that need not be alike, all atoms of a class predicted together.

        Args:
            frames: Structures.

        Returns:
            For each what `forces` gives.

        Raises:
            InputError: See `forces`.
            StructureError: See `forces`.
        """
        self._check_fitted()
        found = [np.full((len(atoms), 3), np.nan) for atoms in frames]
        waiting: dict[str, list[tuple[int, np.ndarray, Environments]]] = {}
        for number, atoms in enumerate(frames):
            known = environments_of(atoms, plain=self.settings.plain)
            known = {name: around for name, around in known.items() if name in self._models}
            if not known:
                self.refuse_unknown(atoms)
            for name, rows in self._described(atoms, known).items():
                waiting.setdefault(name, []).append((number, rows, known[name]))
        for name, parts in waiting.items():
            one, rows = self._models[name], np.concatenate([rows for _, rows, _ in parts]).astype(float)
            around = join_environments([each for _, _, each in parts])
            directions, _ = one.direction.predict(one.scaler.transform(rows), around)
            # A norm below zero is none; the regression does not know.
            vectors = np.maximum(one.norm.predict(rows), 0)[:, None] * directions
            ends = np.cumsum([len(each) for _, _, each in parts])[:-1]
            for (number, _, each), mine in zip(parts, np.split(vectors, ends), strict=True):
                found[number][each.atoms] = mine
        return found

    def with_loss(self, loss: str) -> "DirectedForces":
        """The same, directions found in another way (see `auric.potential.cosines`); nothing is learned anew."""
        if loss not in LOSSES:
            raise InputError(f"forces: loss '{loss}' is unknown; {suggestion(loss, LOSSES)}")
        other = copy(self)
        classes = {name: replace(given, loss=loss) for name, given in self.settings.classes.items()}
        other.settings = replace(self.settings, loss=loss, classes=classes)
        other._models = {name: replace(one, direction=copy(one.direction)) for name, one in self._models.items()}
        for one in other._models.values():
            one.direction.loss = loss
        return other

    def refuse_unknown(self, atoms: Atoms) -> None:
        """Nothing, if all atoms are of classes it has learned.

        Raises:
            InputError: If nothing was learned yet.
            StructureError: Naming the first atom that is of another class.
        """
        self._check_fitted()
        around_of = environments_of(atoms, plain=self.settings.plain)
        strange = {int(i): name for name in around_of.keys() - self._models.keys() for i in around_of[name].atoms}
        if strange:
            first = min(strange)
            raise StructureError(
                f"atom {first + 1} ({atoms.symbols[first]}) is of class '{strange[first]}', and the model has learned "
                f"{', '.join(sorted(self._models))}; learn from frames with such atoms, or leave the structure out"
            )

    def save(self, path: str | Path, trained_on: Mapping[str, Any] | None = None) -> None:
        """Write npz with a JSON header (`auric.modelfile`).

        Args:
            path: File to write.
            trained_on: Data, engine, level of theory; anything that JSON can hold. By default what the file said that the
                model was loaded from, if it was.

        Raises:
            InputError: If nothing was learned yet, or the folder cannot be written.
        """
        self._check_fitted()
        classes: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for name, one in self._models.items():
            norm, norm_arrays = KINDS["Emlm"][0](one.norm)
            direction, direction_arrays = one.direction.contents()
            classes[name] = {"norm": norm, "direction": direction}
            parts = {"scaler": one.scaler.parts(), "norm": norm_arrays, "direction": direction_arrays}
            arrays |= {f"{name}/{part}/{key}": array for part, given in parts.items() for key, array in given.items()}
            arrays[f"{name}/chosen"] = self.chosen[name]
        header = {"format": FORMAT, "settings": asdict(self.settings), "species": self._species, "classes": classes}
        write_model(path, header | {"trained_on": dict(self.trained_on if trained_on is None else trained_on)}, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "DirectedForces":
        """Read what `save` wrote; its forces are the same bit for bit.

        Raises:
            InputError: If the file is missing, damaged, changed, or none of these models.
        """
        header, arrays = read_model(path, FORMAT)

        def under(start: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}

        with fitting(path, "forces' model"):
            model = cls(_settings_from(header["settings"]))
            model.trained_on, model._species, model._soaps = header["trained_on"], header["species"], {}
            model._models, model.chosen = {}, {}
            for name, kept in header["classes"].items():
                model._models[name] = _OneClass(
                    FeatureScaler.from_parts(under(f"{name}/scaler/")),
                    KINDS["Emlm"][1](kept["norm"], under(f"{name}/norm/")),
                    Oamlm.from_contents(kept["direction"], under(f"{name}/direction/")),
                )
                model.chosen[name] = arrays[f"{name}/chosen"]
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "_models"):
            raise InputError("forces: this model has learned nothing yet; call fit or load first")

    def _described(self, atoms: Atoms, around_of: Mapping[str, Environments]) -> dict[str, np.ndarray]:
        """Descriptors of each class, made together where classes share the settings."""
        groups: dict[SoapSettings, list[str]] = {}
        for name in around_of:
            groups.setdefault(self.settings.of(name).soap, []).append(name)
        result: dict[str, np.ndarray] = {}
        for settings, names in groups.items():
            soap = self._soaps.setdefault(settings, Soap(self._species, settings))
            # Descriptors of a million atoms fill the memory; single precision has digits enough to choose among them.
            rows = soap.local(atoms, np.concatenate([around_of[name].atoms for name in names])).astype(np.float32)
            ends = np.cumsum([len(around_of[name]) for name in names])[:-1]
            result |= dict(zip(names, np.split(rows, ends), strict=True))
        return result

    def _fit_class(
        self, name: str, rows: np.ndarray, surroundings: Environments, vectors: np.ndarray
    ) -> tuple[_OneClass, np.ndarray]:
        s, own = self.settings, self.settings.of(name)
        norms = np.linalg.norm(vectors, axis=1)
        scaler = FeatureScaler().fit(rows)
        scaled = scaler.transform(rows).astype(np.float32)
        # The first chosen are the same however many are taken, so that directions learn from a part of what norms do.
        chosen = select_references(scaled, min(s.norm_references, len(rows)))
        norm = Emlm().fit(rows[chosen].astype(float), norms[chosen])
        part = chosen[: s.direction_references]
        part = part[norms[part] > 0]
        direction = Oamlm(loss=own.loss, sigma_2=own.sigma_2, huber=s.huber, select=s.select, reflections=s.reflections)
        lengths = norms[part] if own.projections else None
        direction.fit(scaled[part].astype(float), surroundings[part], vectors[part] / norms[part, None], lengths)
        return _OneClass(scaler, norm, direction), chosen


def _lack(rows: np.ndarray, vectors: np.ndarray) -> str:
    """Why nothing can be learned of a class from its descriptors and forces; nothing if it can."""
    pulled = np.linalg.norm(vectors, axis=1) > 0
    if pulled.sum() < 2:
        return f"{int(pulled.sum())} of its {len(rows)} atoms have a force; two are needed"
    if (rows == rows[0]).all() or (rows[pulled] == rows[pulled][0]).all():
        return f"all of its {len(rows)} atoms have the same surroundings"
    return ""


def _settings_from(given: Mapping[str, Any]) -> DirectedSettings:
    """Settings from what `asdict` made of them, the dictionaries of JSON."""

    def with_soap(values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values) | {"soap": SoapSettings(**values["soap"])}

    classes = {name: ClassSettings(**with_soap(own)) for name, own in given["classes"].items()}
    return DirectedSettings(**with_soap(given) | {"classes": classes})
