"""What a fitted model says over a range of conditions, and how far ligands lie from each other in it.

Figures 4 and 5 of doi:10.1002/aisy.201900029: probabilities over pH and temperature with all else fixed, the same at points of three
concentrations, and Euclidean distances of the ligands' fingerprints, means over the ten fold models.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from auric.synthesis.descriptors import describe
from auric.synthesis.models import Classifier
from auric.synthesis.networks import SynthesisNetwork
from auric.synthesis.records import CONCENTRATIONS, CONDITIONS, MOLECULES, known_smiles

MAP_COLUMNS = ("data", "model", "ligand", "temperature_celsius", "ph", "probability", "spread")
FIVE_COLUMNS = ("data", "model", *CONDITIONS, "probability")
DISTANCE_COLUMNS = ("data", "model", "first", "second", "distance")
ALKALINE = (7.0, 14.0)
"""Range of pH: the paper has no examples below."""


def condition_map(
    model: Classifier, recipe: Mapping[str, Any], temperatures: tuple[float, float], points: int = 100
) -> pd.DataFrame:
    """Probabilities over temperature and pH.

    Args:
        model: Fitted.
        recipe: Molecules (names or SMILES) and concentrations, by the names of `auric.synthesis.records`.
        temperatures: Least and largest (degrees Celsius).
        points: Points along each axis; 100 make the paper's 10,000.

    Returns:
        Columns `temperature_celsius`, `ph`, `probability` and `spread` (standard deviation over the fold models), a row for each point.
    """
    t, ph = (each.ravel() for each in np.meshgrid(np.linspace(*temperatures, points), np.linspace(*ALKALINE, points)))
    table = pd.DataFrame({"temperature_celsius": t, "ph": ph}).assign(**_fixed(recipe))
    every = model.member_proba(describe(table))
    return pd.DataFrame({"temperature_celsius": t, "ph": ph, "probability": every.mean(0), "spread": every.std(0)})


def five_dimensions(
    model: Classifier, recipe: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]], levels: int = 10
) -> pd.DataFrame:
    """Probabilities at evenly spaced levels of all five conditions.

    Args:
        model: Fitted.
        recipe: Molecules (names or SMILES).
        ranges: Least and largest of each condition.
        levels: Levels of each; 10 make the paper's 100,000 points.

    Returns:
        Columns `CONDITIONS` and `probability`.
    """
    axes = np.meshgrid(*[np.linspace(*ranges[name], levels) for name in CONDITIONS], indexing="ij")
    table = pd.DataFrame({name: axis.ravel() for name, axis in zip(CONDITIONS, axes, strict=True)})
    fixed = {name: known_smiles(str(recipe[name])) for name in MOLECULES}
    return table.assign(probability=model.predict_proba(describe(table.assign(**fixed)))[:, 1])


def ligand_distances(model: SynthesisNetwork, ligands: Sequence[str]) -> pd.DataFrame:
    """Euclidean distances of ligands in fingerprint space, a row for each ordered pair: columns `first`, `second`, `distance`.

    Raises:
        InputError: A model without fingerprints.
    """
    places = model.molecule_fingerprints(tuple(known_smiles(each) for each in ligands))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    pairs = [(first, second, apart[i, j]) for i, first in enumerate(ligands) for j, second in enumerate(ligands)]
    return pd.DataFrame(pairs, columns=["first", "second", "distance"])


def ranges_of(records: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Least and largest of each condition in records; the pH is the paper's range where no record has one."""
    found = {name: (float(records[name].min()), float(records[name].max())) for name in CONDITIONS}
    return found if np.isfinite(found["ph"][0]) else found | {"ph": ALKALINE}


def _fixed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    molecules = {name: known_smiles(str(recipe[name])) for name in MOLECULES}
    return molecules | {name: float(recipe[name]) for name in CONCENTRATIONS}
