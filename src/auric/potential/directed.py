"""Forces from local descriptors, atom by atom: EMLM for their norms, OAMLM for their directions (arXiv:2203.09788).

One model of each for every class of atoms; an atom without the neighbours that its class needs is aligned by its nearest
ones, in a class of its own. The result is no gradient of any energy: such forces do not conserve one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from auric.descriptors import FeatureScaler, Soap, SoapSettings
from auric.potential.emlm import Emlm
from auric.potential.environments import THESIS_RULE, Environments, atom_environments, join_environments, plain_classes
from auric.potential.labels import forces_of
from auric.potential.oamlm import Oamlm
from auric.potential.references import select_references
from auric.structures.motifs import atom_classes

THESIS_SOAP = SoapSettings(n_max=7, l_max=4, cutoff_angstrom=4.0, sigma_angstrom=0.25)


@dataclass(frozen=True)
class DirectedSettings:
    """The thesis's, by default.

    Attributes:
        soap: Of all classes.
        norm_references: Training points of each EMLM, chosen by RS-maximin; all are references.
        direction_references: Training points of each OAMLM, likewise.
        loss: How OAMLM finds its direction.
        huber: Robustness of its training, None for least squares.
        select: Whether references whose alignment is worse than predicted are left out.
        plain: Whether all atoms are aligned by their four nearest neighbours, as in molecules without gold.
    """

    soap: SoapSettings = THESIS_SOAP
    norm_references: int = 5000
    direction_references: int = 2500
    loss: str = "average"
    huber: float | None = None
    select: bool = False
    plain: bool = False


@dataclass
class _OneClass:
    scaler: FeatureScaler
    norm: Emlm
    direction: Oamlm


class DirectedForces:
    """Forces on the atoms of structures made of the classes it has learned.

    Attributes:
        chosen: By class, which of the training atoms (frame, atom) were chosen for norms, shape (references, 2).
    """

    def __init__(self, settings: DirectedSettings | None = None) -> None:
        self.settings = settings or DirectedSettings()

    def fit(self, frames: Sequence[Atoms]) -> "DirectedForces":
        """Learn from labelled frames.

        Raises:
            InputError: If a frame has no forces.
        """
        s = self.settings
        self._soap = Soap(sorted({symbol for atoms in frames for symbol in atoms.symbols}), s.soap)
        descriptors: dict[str, list[np.ndarray]] = {}
        surroundings: dict[str, list[Environments]] = {}
        forces: dict[str, list[np.ndarray]] = {}
        places: dict[str, list[np.ndarray]] = {}
        for number, atoms in enumerate(frames):
            given = forces_of(atoms)
            for name, around in self._environments(atoms).items():
                # Descriptors of a million atoms fill the memory; single precision has digits enough to choose among them.
                descriptors.setdefault(name, []).append(self._soap.local(atoms, around.atoms).astype(np.float32))
                surroundings.setdefault(name, []).append(around)
                forces.setdefault(name, []).append(given[around.atoms])
                places.setdefault(name, []).append(np.column_stack([np.full(len(around), number), around.atoms]))
        self._models: dict[str, _OneClass] = {}
        self.chosen: dict[str, np.ndarray] = {}
        for name in list(descriptors):
            rows, vectors = np.concatenate(descriptors.pop(name)), np.concatenate(forces[name])
            self._models[name], chosen = self._fit_class(rows, join_environments(surroundings[name]), vectors)
            self.chosen[name] = np.concatenate(places[name])[chosen]
        return self

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces, shape (atoms, 3), eV/angstrom; nan on atoms of a class it has not learned."""
        result = np.full((len(atoms), 3), np.nan)
        for name, around in self._environments(atoms).items():
            if (one := self._models.get(name)) is None:
                continue
            described = self._soap.local(atoms, around.atoms).astype(np.float32).astype(float)
            directions, _ = one.direction.predict(one.scaler.transform(described), around)
            # A norm below zero is none; the regression does not know.
            result[around.atoms] = np.maximum(one.norm.predict(described), 0)[:, None] * directions
        return result

    def _environments(self, atoms: Atoms) -> dict[str, Environments]:
        classes = plain_classes(atoms) if self.settings.plain else atom_classes(atoms, THESIS_RULE)
        return atom_environments(atoms, classes, missing="plain")

    def _fit_class(
        self, rows: np.ndarray, surroundings: Environments, vectors: np.ndarray
    ) -> tuple[_OneClass, np.ndarray]:
        s = self.settings
        norms = np.linalg.norm(vectors, axis=1)
        scaler = FeatureScaler().fit(rows)
        scaled = scaler.transform(rows).astype(np.float32)
        # The first chosen are the same however many are taken, so that directions learn from a part of what norms do.
        chosen = select_references(scaled, min(s.norm_references, len(rows)))
        norm = Emlm().fit(rows[chosen].astype(float), norms[chosen])
        part = chosen[: s.direction_references]
        part = part[norms[part] > 0]
        direction = Oamlm(loss=s.loss, huber=s.huber, select=s.select)
        direction.fit(scaled[part].astype(float), surroundings[part], vectors[part] / norms[part, None])
        return _OneClass(scaler, norm, direction), chosen
