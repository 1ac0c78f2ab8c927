"""Two simulated worlds, whose truth is known, and the one recipe that the paper prints.

No public data set of such syntheses exists beyond the supplement of doi:10.1002/aisy.201900029, so demonstrations and comparisons run
on records drawn here. **They are simulated; none is an experiment.** The generators were fixed before any model saw them:

*conditions*: the truth is the paper's tree (its figure 6), in water. One cluster comes out if the ligand is aliphatic, there are fewer
than 6 ligands to a gold, and, below 52 mM of reducing agent, the temperature is below 50 degrees Celsius, or, from 52 mM on, the pH is
below 12.8.

*structure*: one cluster comes out if the sulfur sits on a carbon that holds one other carbon (not two), and the temperature is below 50
degrees Celsius. The ten ligands are five pairs of isomers, one of each kind, which share formula, donors, acceptors, polar surface and
rotatable bonds: what decides is in the graph of the molecule and hardly in its descriptors. A ligand that is left out leaves its twin of
the other kind behind.

Values are drawn from levels, as recipes have round numbers; each limit lies midway between two levels (for ratios and concentrations:
as they are, not their logarithms). Every ligand comes equally often, up to one. One outcome in ten is flipped.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from rdkit import Chem

from auric.graphs.smiles import parsed
from auric.synthesis.records import COLUMNS, SIMULATED, WATER, known_smiles

World = Literal["conditions", "structure"]
WORLDS: tuple[World, ...] = get_args(World)
EXAMPLES = 54
"""As many as the paper has."""
FLIPPED = 0.1
TEMPERATURE_LIMIT_CELSIUS, RATIO_LIMIT, REDUCER_LIMIT_MMOL_L, PH_LIMIT = 50.0, 6.0, 52.0, 12.8
TARGET = "Au25"
HYDRIDE = "[Na+].[BH4-]"
LEVELS = {
    "gold_mmol_l": (0.5, 1.0, 2.0),
    "ratio": (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0),
    "reducing_agent_mmol_l": (2.0, 5.0, 10.0, 20.0, 40.0, 64.0),
    "temperature_celsius": (0.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0),
    "ph": (8.0, 9.0, 10.0, 11.0, 12.0, 12.5, 13.1, 13.5),
}
ALIPHATIC = (
    "NCCS", "NC(CS)C(=O)O", "OC(=O)CCS", "OC(=O)CCCCCS", "OCCS", "CC(=O)NC(CS)C(=O)O", "OCCOCCOCCS", "CN(C)CCS",
)  # fmt: skip
AROMATIC = ("OC(=O)c1ccc(S)cc1", "Nc1ccc(S)cc1")
TWINS = (
    ("CC(C)CS", "CCC(C)S"),
    ("OCC(C)CS", "OCCC(C)S"),
    ("OC(=O)C(C)CS", "OC(=O)CC(C)S"),
    ("NC(CS)C(=O)O", "NCC(S)C(=O)O"),
    ("CC(CS)c1ccccc1", "CC(S)Cc1ccccc1"),
)
"""Isomers; the sulfur of the first of each pair sits at the end of its chain."""
SOLVENTS = (WATER, "CCO")
CROWDED = Chem.MolFromSmarts("[SX2H]-[CX4](-[#6])-[#6]")
"""A sulfur on a carbon that holds two others."""


@dataclass(frozen=True)
class SimulatedSet:
    """Records drawn from a world.

    Attributes:
        records: Columns `auric.synthesis.records.COLUMNS`, to be given to models.
        truth: What each outcome would be had none been flipped, shape (n,), int; never given to models.
    """

    records: pd.DataFrame
    truth: np.ndarray


def simulate(world: World, seed: int, *, examples: int = EXAMPLES, flipped: float = FLIPPED) -> SimulatedSet:
    """Draw a set of records.

    Args:
        world: One of `WORLDS`.
        seed: Decides everything that is drawn.
        examples: How many records.
        flipped: Share of outcomes that are turned round (rounded to whole records).
    """
    rng = np.random.default_rng([WORLDS.index(world), seed])
    recipes = draw_recipes(world, examples, rng)
    truth = true_outcomes(world, recipes)
    wrong = rng.choice(examples, round(flipped * examples), replace=False)
    outcomes = truth.copy()
    outcomes[wrong] = 1 - outcomes[wrong]
    told = {
        "name": [f"{SIMULATED}_{world}_{seed}_{number:03d}" for number in range(examples)],
        "target": TARGET,
        "outcome": outcomes,
    }
    source = f"{SIMULATED}: world {world}, set {seed}; no experiment"
    return SimulatedSet(recipes.assign(**told, source=source)[list(COLUMNS)], truth)


def draw_recipes(world: World, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Recipes without outcomes, no two the same.

    Returns:
        Columns `MOLECULES` and `CONDITIONS` of `auric.synthesis.records`; a pH is NaN where the solvent is not water.
    """
    ligands = [known_smiles(each) for each in ligands_of(world)]
    rows: list[dict[str, object]] = []
    while len(rows) < count:
        if not len(rows) % len(ligands):
            order = rng.permutation(ligands)
        drawn = {name: float(rng.choice(levels)) for name, levels in LEVELS.items()}
        solvent = WATER if world == "conditions" else SOLVENTS[int(rng.integers(len(SOLVENTS)))]
        row = {
            "ligand": str(order[len(rows) % len(ligands)]), "solvent": solvent, "reducing_agent": known_smiles(HYDRIDE),
            "ligand_mmol_l": drawn["ratio"] * drawn["gold_mmol_l"], "gold_mmol_l": drawn["gold_mmol_l"],
            "reducing_agent_mmol_l": drawn["reducing_agent_mmol_l"], "temperature_celsius": drawn["temperature_celsius"],
            "ph": drawn["ph"] if solvent == WATER else None,
        }  # fmt: skip
        if row not in rows:
            rows.append(row)
    return pd.DataFrame(rows).astype({"ph": float})


def ligands_of(world: World) -> tuple[str, ...]:
    """SMILES of a world's ten ligands."""
    return (*ALIPHATIC, *AROMATIC) if world == "conditions" else tuple(each for pair in TWINS for each in pair)


def true_outcomes(world: World, recipes: pd.DataFrame) -> np.ndarray:
    """What comes of recipes in a world, shape (n,), int: 1 for one cluster."""
    molecules = {each: parsed(each) for each in set(recipes["ligand"])}
    cool = recipes["temperature_celsius"].to_numpy() < TEMPERATURE_LIMIT_CELSIUS
    if world == "structure":
        free = np.array([not molecules[each].HasSubstructMatch(CROWDED) for each in recipes["ligand"]])
        return np.asarray(free & cool, dtype=int)
    aliphatic = np.array([not any(a.GetIsAromatic() for a in molecules[each].GetAtoms()) for each in recipes["ligand"]])
    few = (recipes["ligand_mmol_l"] / recipes["gold_mmol_l"]).to_numpy() < RATIO_LIMIT
    mild = recipes["reducing_agent_mmol_l"].to_numpy() < REDUCER_LIMIT_MMOL_L
    basic = recipes["ph"].to_numpy() < PH_LIMIT
    return np.asarray(aliphatic & few & np.where(mild, cool, basic), dtype=int)


def bayes_mcc(share: float, flipped: float = FLIPPED) -> float:
    """The correlation (MCC) that nobody can beat on the average: that of the truth with outcomes of which a part is flipped.

    Args:
        share: Share of successes in truth.
        flipped: Share of flipped outcomes.
    """
    hits, misses = share * (1 - flipped), (1 - share) * flipped
    seen = hits + misses
    return float((hits - share * seen) / np.sqrt(share * (1 - share) * seen * (1 - seen)))


def printed_recipe() -> pd.DataFrame:
    """The one recipe that the paper prints, with its probability (column `paper_probability`): cysteamine, Au18."""
    row = {
        "name": "cysteamine Au18", "ligand": known_smiles("cysteamine"), "solvent": WATER, "reducing_agent": known_smiles(HYDRIDE),
        "ligand_mmol_l": 1.0, "gold_mmol_l": 1.78, "reducing_agent_mmol_l": 2.33, "temperature_celsius": 22.0, "ph": 13.22,
        "target": "Au18", "outcome": 1, "source": "doi:10.1002/aisy.201900029", "paper_probability": 0.814,
    }  # fmt: skip
    return pd.DataFrame([row])
