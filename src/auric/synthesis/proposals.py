"""Recipes to try next: for a new ligand, or for components that stay as they are, with how sure the model is and how far it goes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from auric.graphs.smiles import parsed
from auric.synthesis.descriptors import describe
from auric.synthesis.maps import ranges_of
from auric.synthesis.models import Classifier
from auric.synthesis.records import CONCENTRATIONS, CONDITIONS, MOLECULES, WATER, known_smiles

EXPLORE, OPTIMISE = "explore", "optimise"
PROPOSAL_COLUMNS = (
    "data", "model", "kind", *MOLECULES, *CONDITIONS, "probability", "spread", "nearest", "distance", "ligand_likeness",
)  # fmt: skip
CANDIDATES = 2000
BEST = 0.1
"""Share of the candidates, by probability less spread, among which proposals are spread out."""


def draw_conditions(
    records: pd.DataFrame, count: int, rng: np.random.Generator, *, aqueous: bool = True
) -> pd.DataFrame:
    """Conditions evenly within the range of records; outside of water the pH is missing.

    The concentration of the ligand is that of the gold times a ratio within the range of ratios, so that no ratio is beyond the known.
    """
    low_high = ranges_of(records)
    ratio = records["ligand_mmol_l"] / records["gold_mmol_l"]
    drawn = {name: rng.uniform(*low_high[name], count) for name in CONDITIONS}
    drawn["ligand_mmol_l"] = drawn["gold_mmol_l"] * rng.uniform(ratio.min(), ratio.max(), count)
    return pd.DataFrame(drawn).assign(ph=drawn["ph"] if aqueous else np.nan)


def propose_recipes(
    model: Classifier, records: pd.DataFrame, components: Mapping[str, str], *, kind: str, count: int, seed: int
) -> pd.DataFrame:
    """Recipes that are likely to give one cluster, and unlike each other.

    Args:
        model: Fitted on the records.
        records: What is known, as `read_records` gives it.
        components: Ligand, solvent and reducing agent, names or SMILES.
        kind: Word for the proposals: `explore` for a ligand that is not in the records, `optimise` for known components.
        count: How many.
        seed: Of the candidates.

    Returns:
        Columns `PROPOSAL_COLUMNS` but the first two. `spread` is the standard deviation over the fold models; `distance` to the nearest record
        with the ligand in question (or any, if it is new), in standard deviations of the records' conditions; `ligand_likeness` the largest
        Tanimoto likeness of the ligand's fragments to a known ligand's, 1 for a known one.
    """
    rng = np.random.default_rng(seed)
    fixed = {name: known_smiles(components[name]) for name in MOLECULES}
    drawn = draw_conditions(records, CANDIDATES, rng, aqueous=WATER in fixed["solvent"].split(".")).assign(**fixed)
    every = model.member_proba(describe(drawn))
    mean, spread = every.mean(0), every.std(0)
    known = records[records["ligand"] == fixed["ligand"]] if (records["ligand"] == fixed["ligand"]).any() else records
    places, theirs = _places(drawn, records), _places(known, records)
    apart = np.linalg.norm(places[:, None] - theirs[None], axis=2)
    best = np.argsort(spread - mean)[: max(count, int(BEST * CANDIDATES))]
    chosen = [best[0]]
    while len(chosen) < count:  # each as far from the others as can be
        away = np.linalg.norm(places[best][:, None] - places[chosen][None], axis=2).min(axis=1)
        chosen.append(best[int(away.argmax())])
    found = drawn.iloc[chosen].assign(kind=kind, probability=mean[chosen], spread=spread[chosen])
    found["nearest"] = known["name"].to_numpy()[apart[chosen].argmin(axis=1)]
    found["distance"] = apart[chosen].min(axis=1)
    found["ligand_likeness"] = ligand_likeness(fixed["ligand"], tuple(set(records["ligand"])))
    return found.sort_values("probability", ascending=False, ignore_index=True)[[*PROPOSAL_COLUMNS[2:]]]


def ligand_likeness(ligand: str, known: tuple[str, ...]) -> float:
    """Largest Tanimoto likeness of a ligand's circular fragments (radius 2) to those of known ligands."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(parsed(each)) for each in (ligand, *known)]
    return float(max(DataStructs.BulkTanimotoSimilarity(prints[0], prints[1:])))


def _places(recipes: pd.DataFrame, records: pd.DataFrame) -> np.ndarray:
    """Conditions in standard deviations of the records', concentrations by their logarithms; a missing pH is the records' mean."""

    def plain(table: pd.DataFrame) -> pd.DataFrame:
        logs = np.log(table[list(CONCENTRATIONS)])
        return pd.concat([logs, table[["temperature_celsius", "ph"]]], axis=1)

    base = plain(records)
    scaled = (plain(recipes) - base.mean()) / base.std(ddof=0).replace(0, np.inf)
    found: np.ndarray = scaled.fillna(0.0).to_numpy()
    return found
