"""Everything that is asked of one model fitted on one set of records: maps, distances, proposals, the tree that stands for it, and the
probability of the one recipe that the paper prints.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.errors import InputError
from auric.files import write_table
from auric.provenance import digest
from auric.synthesis import maps, proposals, surrogate
from auric.synthesis.descriptors import RATIO, describe
from auric.synthesis.evaluation import read_data
from auric.synthesis.models import make_model, save_network
from auric.synthesis.networks import SynthesisNetwork
from auric.synthesis.records import check_learnable
from auric.synthesis.worlds import (
    PH_LIMIT,
    RATIO_LIMIT,
    REDUCER_LIMIT_MMOL_L,
    TEMPERATURE_LIMIT_CELSIUS,
    WORLDS,
    printed_recipe,
)

LIMITS = {
    "conditions": {
        RATIO: RATIO_LIMIT, "reducing_agent_mmol_l": REDUCER_LIMIT_MMOL_L, "temperature_celsius": TEMPERATURE_LIMIT_CELSIUS, "ph": PH_LIMIT,
    },
    "structure": {"temperature_celsius": TEMPERATURE_LIMIT_CELSIUS},
}  # fmt: skip
"""Planted in the simulated worlds."""
LIMIT_COLUMNS = ("data", "model", "feature", "planted", "found", "relative_error")
EXTERNAL_COLUMNS = ("data", "model", "name", "outcome", "paper_probability", "probability", "spread")
SHOWN_LIGANDS = 10
"""Ligands of the records whose distances are told."""


def explain_model(
    sources: Mapping[str, str],
    saved: str | Path,
    *,
    model: str,
    folds: int,
    seed: int,
    settings: Mapping[str, float],
    wanted: Mapping[str, Any],
) -> None:
    """Fit a model on all records and write what it says.

    Args:
        sources: Names of sets, and for each a table of records or the name of a simulated set; the first is taken.
        saved: The network, npz; an empty file for other models, which are fitted anew from the records in seconds. Its folder gets
            map.csv, five.csv, distances.csv, proposals.csv, tree.csv, rules.csv, fidelity.csv, limits.csv and external.csv.
        model: One of `auric.synthesis.models.MODELS`.
        folds: Least number of records.
        seed: Of all that is drawn.
        settings: Of networks.
        wanted: The sections `map`, `surrogate` and `proposals` of the configuration.

    Raises:
        InputError: Bad records.
    """
    data, source = next(iter(sources.items()))
    records, _ = read_data(source)
    check_learnable(records, folds, data)
    features, outcomes = describe(records), records["outcome"].to_numpy()
    fitted = make_model(model, seed, **settings).fit(features, outcomes)
    place, key = Path(saved).parent, {"data": data, "model": model}

    def write(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
        write_table(place / f"{name}.csv", table.assign(**key), columns)

    recipe, ranges = wanted["map"], maps.ranges_of(records)
    table = maps.condition_map(fitted, recipe, ranges["temperature_celsius"], recipe["points"])
    write("map", table.assign(ligand=recipe["ligand"]), maps.MAP_COLUMNS)
    write("five", maps.five_dimensions(fitted, recipe, ranges, recipe["levels"]), maps.FIVE_COLUMNS)
    write("distances", _distances(fitted, records, recipe["ligand"]), maps.DISTANCE_COLUMNS)
    write("proposals", _proposals(fitted, records, wanted["proposals"], seed), proposals.PROPOSAL_COLUMNS)
    told = surrogate.learn_surrogate(
        fitted,
        records,
        examples=wanted["surrogate"]["examples"],
        fresh=wanted["surrogate"]["fresh"],
        depth=wanted["surrogate"]["depth"],
        seed=seed,
    )
    write("tree", pd.DataFrame(surrogate.nodes(told)), surrogate.NODE_COLUMNS)
    write("rules", pd.DataFrame(surrogate.rules(told)), surrogate.RULE_COLUMNS)
    fidelity = {
        "examples": told.examples, "fresh": told.fresh, "teacher_share": told.teacher_share, "depth": told.tree.depth,
        "leaves": told.tree.leaves, "f1": told.f1, "mcc": told.mcc,
    }  # fmt: skip
    write("fidelity", pd.DataFrame([fidelity]), surrogate.FIDELITY_COLUMNS)
    write("limits", limits(told, data), LIMIT_COLUMNS)
    external = printed_recipe()
    every = fitted.member_proba(describe(external))
    write("external", external.assign(probability=every.mean(0), spread=every.std(0)), EXTERNAL_COLUMNS)
    if isinstance(fitted, SynthesisNetwork):
        known = digest(records.drop(columns="row").to_csv(index=False))
        save_network(saved, fitted, {"data": data, "records": len(records), "digest": known})
    else:
        Path(saved).touch()


def limits(told: surrogate.Surrogate, data: str) -> pd.DataFrame:
    """For each limit planted in a simulated world the nearest split of the tree; empty for other records, NaN where the tree has none."""
    world = next((world for world in WORLDS if data.startswith(world)), "")
    rows = []
    for feature, planted in LIMITS.get(world, {}).items():
        places = told.thresholds(feature)
        found = float(places[np.abs(places - planted).argmin()]) if len(places) else float("nan")
        rows.append(
            {"feature": feature, "planted": planted, "found": found, "relative_error": abs(found / planted - 1)}
        )
    return pd.DataFrame(rows, columns=list(LIMIT_COLUMNS[2:]))


def _distances(fitted: Any, records: pd.DataFrame, ligand: str) -> pd.DataFrame:
    if not (isinstance(fitted, SynthesisNetwork) and fitted.graph):
        return pd.DataFrame(columns=["first", "second", "distance"])
    known = list(dict.fromkeys(records["ligand"]))[:SHOWN_LIGANDS]
    return maps.ligand_distances(fitted, [*known, *([ligand] if ligand not in known else [])])


def _proposals(fitted: Any, records: pd.DataFrame, wanted: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """For the new ligand, and for the components of the records that succeed most often."""
    if not wanted["count"]:
        return pd.DataFrame(columns=list(proposals.PROPOSAL_COLUMNS[2:]))
    usual = {name: str(records[name].mode().iloc[0]) for name in ("solvent", "reducing_agent")}
    shares = records.groupby("ligand")["outcome"].mean()
    found = []
    for kind, ligand in ((proposals.EXPLORE, wanted["ligand"]), (proposals.OPTIMISE, str(shares.idxmax()))):
        if not ligand:
            raise InputError(
                "synthesis.proposals.ligand is empty; name a ligand, or set synthesis.proposals.count to 0"
            )
        found.append(
            proposals.propose_recipes(
                fitted, records, usual | {"ligand": ligand}, kind=kind, count=wanted["count"], seed=seed
            )
        )
    return pd.concat(found, ignore_index=True)
