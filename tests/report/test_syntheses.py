import pandas as pd
import pytest

from auric.files import write_table
from auric.report import inputs, syntheses
from auric.report.build import build_report
from auric.scorecard import COLUMNS
from tests.report.conftest import every_page


def scores(data, wicked=""):
    rows = [
        (data, 1, split, tuning, model, measure, value, value - 0.1, value + 0.1, 54, 2.0)
        for split in ("folds", "ligand") for model, mcc in (("gcnn_snn", 0.5), ("snn", 0.3), ("boosting", 0.6))
        for tuning in ("defaults", *(("inside", "same") if (model, split) == ("snn", "folds") else ()))
        for measure, value in (("mcc", mcc), ("mcc_over_bayes", mcc / 0.8), ("f1", 0.7), ("accuracy", 0.75), ("calibration_error", 0.1))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(inputs.SYNTHESIS_SCORES))


@pytest.fixture
def made(tmp_path):
    """A report on a simulated set and on records with a hostile name."""
    every = pd.concat([scores("structure"), scores("<b>mine")])
    write_table(tmp_path / "scores.csv", every, list(every.columns))
    pairs = [(data, "folds", "mcc", "gcnn_snn", "snn", 0.2, 0.1, 0.3, 0.01) for data in ("structure", "<b>mine")]
    write_table(
        tmp_path / "pairs.csv", pd.DataFrame(pairs, columns=list(inputs.SYNTHESIS_PAIRS)), inputs.SYNTHESIS_PAIRS
    )
    best = [
        (data, 1, "folds", "boosting", 0.6, "gcnn_snn", 0.5, 0.1, -0.1, 0.3, 0.4) for data in ("structure", "<b>mine")
    ]
    write_table(
        tmp_path / "best.csv",
        pd.DataFrame(best, columns=list(inputs.SYNTHESIS_RECOMMENDED)),
        inputs.SYNTHESIS_RECOMMENDED,
    )
    key = {"data": "structure_0", "model": "gcnn_snn"}
    grid = [(t, ph) for t in (0.0, 50.0) for ph in (7.0, 14.0)]
    tables = {
        "map": [{"ligand": "<i>x", "temperature_celsius": t, "ph": ph, "probability": 0.4, "spread": 0.1} for t, ph in grid],
        "five": [{"ligand_mmol_l": a, "gold_mmol_l": b, "reducing_agent_mmol_l": c, "temperature_celsius": t, "ph": ph, "probability": 0.5}
                 for a in (1.0, 2.0, 3.0) for b in (1.0, 2.0, 3.0) for c in (1.0, 2.0, 3.0) for t, ph in grid],
        "distances": [{"first": a, "second": b, "distance": float(a != b)} for a in ("CS", "CCS") for b in ("CS", "CCS")],
        "proposals": [{"kind": "explore", "ligand": "CCS", "solvent": "O", "reducing_agent": "NN", "ligand_mmol_l": 1, "gold_mmol_l": 1,
                       "reducing_agent_mmol_l": 1, "temperature_celsius": 20, "ph": 9, "probability": 0.8, "spread": 0.1, "nearest": "a",
                       "distance": 1.5, "ligand_likeness": 0.3}],
        "tree": [{"node": 0, "parent": -1, "side": "", "feature": "ph", "threshold": 12.8, "words": "the pH is at most 12.8", "share": 0.5, "examples": 10},
                 {"node": 1, "parent": 0, "side": "yes", "feature": "", "words": "", "share": 0.9, "examples": 5},
                 {"node": 2, "parent": 0, "side": "no", "feature": "", "words": "", "share": 0.1, "examples": 5}],
        "rules": [{"rule": "If the pH is at most 12.8, one cluster is likely.", "success": 1, "share": 0.9, "examples": 5}],
        "fidelity": [{"examples": 10, "fresh": 5, "teacher_share": 0.5, "depth": 1, "leaves": 2, "f1": 0.9, "mcc": 0.8}],
        "limits": [{"feature": "ph", "planted": 12.8, "found": 12.7, "relative_error": 0.01}, {"feature": "temperature_celsius", "planted": 50}],
        "external": [{"name": "cysteamine Au18", "outcome": 1, "paper_probability": 0.814, "probability": 0.6, "spread": 0.1}],
    }  # fmt: skip
    for name, rows in tables.items():
        write_table(tmp_path / "one" / f"{name}.csv", [row | key for row in rows], inputs.SYNTHESIS_TABLES[name])
    for name, columns in (("failures", inputs.FAILURES), ("dropped", inputs.DROPPED), ("scorecard", COLUMNS)):
        write_table(tmp_path / f"{name}.csv", [], columns)
    return inputs.ReportFiles(
        scorecards=[tmp_path / "scorecard.csv"], frames=[], failures=tmp_path / "failures.csv", dropped=tmp_path / "dropped.csv",
        synthesis_scores=tmp_path / "scores.csv", synthesis_pairs=tmp_path / "pairs.csv", synthesis_recommended=tmp_path / "best.csv",
        synthesis_maps=[tmp_path / "one" / "map.csv"],
    )  # fmt: skip


def test_the_page_says_who_wins_and_that_records_are_simulated(made, tmp_path):
    build_report(
        made, configuration={"study": "s"}, folder=tmp_path / "report", archive=tmp_path / "report.zip", study="s"
    )
    page = every_page(tmp_path / "report")
    assert "simulated records (structure)" in page
    assert "Best by repeated folds: gradient boosting, MCC 0.600" in page
    assert "a peer beats it here" in page
    assert "chosen on the same folds (flatters)" in page
    assert "What learned fingerprints add in MCC, repeated folds: SNN 0.200" in page
    assert "If the pH is at most 12.8, one cluster is likely." in page
    assert "says nothing of the experiment" in page
    assert "the tree does not split on it" in page
    assert "<b>mine" not in page
    assert "<i>x" not in page
    for figure in (
        "synthesis_1.svg",
        "explained_1_map.png",
        "explained_1_five.png",
        "explained_1_distances.svg",
        "explained_1_tree.svg",
    ):
        assert (tmp_path / "report" / "assets" / figure).stat().st_size > 1000


def test_a_study_without_syntheses_has_no_section(made):
    none = inputs.ReportFiles(scorecards=[], frames=[], failures="", dropped="")
    assert syntheses.gather(none) == []
    assert syntheses.title("simulations") == "simulations"
    assert syntheses.title("structure_3") == "simulated records (structure, set 3)"
