import numpy as np
import pandas as pd
import pytest

from auric.errors import InputError
from auric.synthesis import peers, surrogate
from auric.synthesis.descriptors import describe
from auric.synthesis.evaluation import cross_validate
from auric.synthesis.explain import explain_model, limits
from auric.synthesis.lookahead import Node
from auric.synthesis.maps import condition_map, five_dimensions, ligand_distances, ranges_of
from auric.synthesis.models import load_network, network
from auric.synthesis.proposals import ligand_likeness, propose_recipes
from auric.synthesis.records import known_smiles
from auric.synthesis.scores import matthews
from auric.synthesis.splits import fold_members
from auric.synthesis.summary import summarise_synthesis
from auric.synthesis.worlds import PH_LIMIT, simulate

RECIPE = {
    "ligand": "6-mercaptohexanoic acid", "solvent": "water", "reducing_agent": "sodium borohydride", "ligand_mmol_l": 2.0, "gold_mmol_l": 1.0,
    "reducing_agent_mmol_l": 10.0, "points": 4, "levels": 2,
}  # fmt: skip
WANTED = {
    "map": RECIPE,
    "surrogate": {"examples": 400, "fresh": 100, "depth": 4},
    "proposals": {"ligand": "cysteamine", "count": 2},
}
RECORDS = simulate("conditions", 0).records


class Oracle:
    """A teacher that knows: aliphatic, ratio below 6, below 50 degrees with little reducing agent, below pH 12.8 with much."""

    def member_proba(self, features):
        mild = features.column("reducing_agent_mmol_l") < 52
        good = np.where(mild, features.column("temperature_celsius") < 50, features.column("ph") < PH_LIMIT)
        p = (good & (features.column("aromatic") == 0) & (features.column("ligand_to_gold") < 6)) * 0.8 + 0.1
        return np.stack([p - 0.05, p + 0.05])

    def predict_proba(self, features):
        p = self.member_proba(features).mean(0)
        return np.stack([1 - p, p], axis=1)


class Constant(Oracle):
    """A teacher that gives success for a few recipes only."""

    def member_proba(self, features):
        return (features.column("temperature_celsius") < 4)[None] * 0.9


def test_a_tree_recovers_planted_limits_and_speaks_for_its_teacher():
    told = surrogate.learn_surrogate(Oracle(), RECORDS, examples=4000, seed=1)
    assert told.f1 > 0.95
    assert told.mcc > 0.90
    assert 0.2 <= told.teacher_share <= 0.8
    found = limits(told, "conditions_0").set_index("feature")
    assert (found["relative_error"] < 0.1).all()
    assert set(found.index) == {"ligand_to_gold", "reducing_agent_mmol_l", "temperature_celsius", "ph"}
    assert not len(limits(told, "mine"))
    said = [row["rule"] for row in surrogate.rules(told)]
    assert any("the ligand is aromatic" in rule and "a mixture is likely" in rule for rule in said)
    assert sum(row["examples"] for row in surrogate.rules(told)) == 4000


def test_nodes_are_a_tree():
    told = surrogate.learn_surrogate(Oracle(), RECORDS, examples=500, fresh=50, seed=1)
    nodes = pd.DataFrame(surrogate.nodes(told))
    assert (nodes["parent"] == -1).sum() == 1
    inner = nodes[nodes["feature"] != ""]
    assert (nodes.groupby("parent").size().drop(-1) == 2).all()
    assert set(nodes["parent"]) - {-1} == set(inner["node"])
    assert nodes.loc[nodes["feature"] == "", "examples"].sum() == 500


class Dry(Oracle):
    """A teacher to whom all that counts is whether there is a pH."""

    def member_proba(self, features):
        return np.isnan(features.column("ph"))[None] * 0.8 + 0.1


def test_whether_there_is_a_ph_is_asked_in_words():
    records = RECORDS.assign(solvent=np.resize(["O", "CO"], len(RECORDS)))
    told = surrogate.learn_surrogate(Dry(), records, examples=500, fresh=50, seed=1)
    assert {row["rule"] for row in surrogate.rules(told)} == {
        "If the pH is not given, one cluster is likely.",
        "If the pH is given, a mixture is likely.",
    }
    assert not len(told.thresholds("ph"))


def test_what_is_above_a_limit_of_ph_may_have_none_but_where_that_is_said():
    leaf, other = Node(0.0, 5), Node(1.0, 5)
    above = Node(0.5, 10, surrogate.SEEN.index("ph"), 5.0, leaf, other)
    known = Node(0.5, 15, surrogate.SEEN.index("ph"), np.inf, above, Node(0.0, 5))

    def said(tree):
        return {row["rule"] for row in surrogate.rules(surrogate.Surrogate(tree, 15, 0.5, 1.0, 1.0, 5))}

    assert "If the pH is above 5 or not given, one cluster is likely." in said(above)
    assert "If the pH is given and the pH is above 5, one cluster is likely." in said(known)


def test_the_share_of_the_teachers_successes_is_kept_within_bounds():
    told = surrogate.learn_surrogate(Constant(), RECORDS, examples=500, fresh=100, seed=0)
    assert told.teacher_share == pytest.approx(0.2)
    missing = limits(told, "structure_0")
    assert list(missing["feature"]) == ["temperature_celsius"]


def test_maps_are_means_over_fold_models():
    table = condition_map(Oracle(), RECIPE, (0.0, 80.0), 5)
    assert len(table) == 25
    np.testing.assert_allclose(table["spread"], 0.05)
    assert set(table.loc[table["temperature_celsius"] > 50, "probability"].round(6)) == {0.1}
    assert (table["ph"].min(), table["ph"].max()) == (7.0, 14.0)
    five = five_dimensions(Oracle(), RECIPE, ranges_of(RECORDS), 3)
    assert len(five) == 3**5
    again = five.assign(ligand=known_smiles(RECIPE["ligand"]), solvent="O", reducing_agent="[Na+].[BH4-]")
    np.testing.assert_allclose(five["probability"], Oracle().predict_proba(describe(again))[:, 1])
    assert ranges_of(RECORDS.assign(ph=np.nan))["ph"] == (7.0, 14.0)


def test_distances_are_those_of_fingerprints():
    features, outcomes = describe(RECORDS), RECORDS["outcome"].to_numpy()
    model = network("gcnn_dnn", 0, steps=5).fit_members(features, outcomes, fold_members(outcomes, 0)[:2])
    table = ligand_distances(model, ["NCCS", "cysteamine", "SCCc1ccccc1"])
    grid = table.pivot(index="first", columns="second", values="distance")
    np.testing.assert_allclose(grid, grid.T)
    assert grid.loc["NCCS", "cysteamine"] == pytest.approx(0, abs=1e-6)
    assert grid.loc["NCCS", "SCCc1ccccc1"] > 0.1


def test_proposals_are_likely_unlike_each_other_and_say_how_far_they_go():
    fixed = {"solvent": "water", "reducing_agent": "sodium borohydride"}
    new = propose_recipes(Oracle(), RECORDS, fixed | {"ligand": "OCCCS"}, kind="explore", count=4, seed=0)
    assert (new["probability"] > 0.85).all()
    assert (new["ligand_likeness"] < 1).all()
    assert (new["distance"] > 0).all()
    assert set(new["nearest"]) <= set(RECORDS["name"])
    assert new["temperature_celsius"].nunique() == 4
    known = propose_recipes(Oracle(), RECORDS, fixed | {"ligand": "NCCS"}, kind="optimise", count=3, seed=0)
    assert (known["ligand_likeness"] == 1).all()
    mine = RECORDS.loc[RECORDS["ligand"] == "NCCS", "name"]
    assert set(known["nearest"]) <= set(mine)
    dry = propose_recipes(
        Oracle(),
        RECORDS,
        {"ligand": "NCCS", "solvent": "toluene", "reducing_agent": "NN"},
        kind="optimise",
        count=1,
        seed=0,
    )
    assert dry["ph"].isna().all()
    assert ligand_likeness("NCCS", ("NCCS", "CCC")) == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of two sets in small."""
    patch = pytest.MonkeyPatch()
    patch.setattr(peers, "COMMITTEE", 1)
    patch.setattr(peers.FingerprintProcess, "steps", 10)
    folder = tmp_path_factory.mktemp("synthesis")
    steps = {"steps": 10}
    tables = []
    for model in ("gcnn_snn", "snn", "trees", "process"):
        tables.append(folder / f"{model}.csv")
        sets = {"structure_0": "structure_0", "structure_1": "structure_1"}
        cross_validate(sets, tables[-1], model=model, split="folds", folds=3, repeats=1, seed=0, settings=steps)
    for tuning in ("inside", "same"):
        tables.append(folder / f"{tuning}.csv")
        cross_validate(
            {"structure_0": "structure_0", "structure_1": "structure_1"}, tables[-1], model="svm", split="folds", folds=3, repeats=1, seed=0,
            settings=steps, tuning=tuning, trials=2,
        )  # fmt: skip
    for model in ("gcnn_snn", "logistic"):
        explain_model(
            {"structure_0": "structure_0"},
            folder / model / "model.npz",
            model=model,
            folds=3,
            seed=0,
            settings=steps,
            wanted=WANTED,
        )
    told = {
        kind: [folder / model / f"{kind}.csv" for model in ("gcnn_snn", "logistic")]
        for kind in ("fidelity", "limits", "external")
    }
    made = {name: folder / f"{name}.csv" for name in ("scorecard", "score_table", "pairs", "recommended")}
    summarise_synthesis(tables, **told, **made, study="s", samples=100, seed=0)
    patch.undo()
    return folder, {name: pd.read_csv(path) for name, path in made.items()}


def test_the_scorecard_says_simulated_and_has_the_papers_numbers(whole):
    _, made = whole
    card = made["scorecard"]
    assert card["data"].str.startswith("simulated: ").all()
    assert (card["comparable"] == "not comparable").all()
    row = card[(card["quantity"] == "mcc") & (card["subject"] == "gcnn_snn")].iloc[0]
    assert row["paper"] == 0.65
    assert row["n"] == 108
    assert {
        "mcc",
        "f1",
        "accuracy",
        "mcc_over_bayes",
        "tree_f1",
        "tree_mcc",
        "calibration_error",
        "probability",
    } <= set(card["quantity"])
    assert "svm, hyperparameters chosen inside folds" in set(card["subject"])


def test_the_winner_has_the_largest_mcc(whole):
    _, made = whole
    mcc = made["score_table"].query("measure == 'mcc' and tuning == 'defaults'").set_index("model")["ours"]
    winner = made["recommended"].iloc[0]
    assert winner["model"] == mcc.idxmax()
    assert winner["mcc"] == pytest.approx(mcc.max())
    pair = made["pairs"].query("first == 'gcnn_snn' and second == 'snn'").iloc[0]
    assert pair["difference"] == pytest.approx(mcc["gcnn_snn"] - mcc["snn"])
    assert pair["ci_low"] <= pair["difference"] <= pair["ci_high"]
    over = made["score_table"].query("measure == 'mcc_over_bayes' and model == 'snn'")["ours"].iloc[0]
    tables = pd.read_csv(whole[0] / "snn.csv").groupby("data")
    each = [matthews(t["outcome"], t["probability"] > 0.5) / matthews(t["outcome"], t["truth"]) for _, t in tables]
    assert over == pytest.approx(np.mean(each))


def test_everything_on_a_fitted_model_is_written(whole):
    folder, _ = whole
    model, trained_on = load_network(folder / "gcnn_snn" / "model.npz")
    assert trained_on["records"] == 54
    assert model.graph
    assert (folder / "logistic" / "model.npz").stat().st_size == 0
    sizes = {"map": 16, "five": 32, "proposals": 4, "fidelity": 1, "external": 1, "limits": 1}
    for name, rows in sizes.items():
        assert len(pd.read_csv(folder / "gcnn_snn" / f"{name}.csv")) == rows
    assert len(pd.read_csv(folder / "gcnn_snn" / "distances.csv")) == 11**2
    assert len(pd.read_csv(folder / "logistic" / "distances.csv")) == 0


def test_proposals_need_a_ligand(tmp_path):
    def explain(**changes):
        wanted = WANTED | {"proposals": WANTED["proposals"] | changes}
        explain_model(
            {"structure_0": "structure_0"},
            tmp_path / "model.npz",
            model="logistic",
            folds=3,
            seed=0,
            settings={},
            wanted=wanted,
        )

    with pytest.raises(InputError, match=r"synthesis\.proposals\.ligand is empty"):
        explain(ligand="")
    explain(count=0)
    assert len(pd.read_csv(tmp_path / "proposals.csv")) == 0
