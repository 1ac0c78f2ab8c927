"""Metrics against scikit-learn, intervals, baselines, comparison in folds, scorecard, and the report's section."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ase.data import atomic_numbers, chemical_symbols
from sklearn import metrics

from auric.cli import main
from auric.errors import InputError
from auric.files import read_frames, write_frames
from auric.graphs import EncoderSettings
from auric.matching import (
    BASELINES,
    METRICS,
    ColimSettings,
    application,
    bare_clusters,
    baseline_features,
    baselines,
    boosted,
    build_core,
    comparison,
    intervals_of,
    paired_difference,
    reliability,
    scores_of,
    separation,
    summary,
    train_colim,
)
from auric.matching import encoders as encoders_module
from auric.matching.application import tell_cases, tell_external, train_matcher
from auric.matching.bare_clusters import describe_bare
from auric.matching.baselines import BOOSTING, baseline_probabilities, learner_of
from auric.matching.comparison import STARTED, compare_matchers, compared_in_folds, summarise
from auric.matching.encoders import compare_formation, make_clusters, pretrain_core, pretrain_ligand_encoder
from auric.matching.evaluation import (
    _seed_draws,
    auc,
    calibration_floor,
    confusion,
    drawn_scores,
    draws_of,
    expected_calibration_error,
)
from auric.matching.formation import HUBER_SDS, fit_lines, read_cluster_energies
from auric.matching.formation_peers import formation_folds
from auric.matching.ligand_encoder import ligand_descriptors
from auric.matching.pairs import make_pairs
from auric.matching.pretraining import CoreModel, pretrain
from auric.matching.small_clusters import model_clusters
from auric.matching.summary import errors_of, summarise_matching
from auric.report import inputs, matchings
from auric.report.page import number as printed
from auric.study import matched

PPH3 = "c1ccc(P(c2ccccc2)c2ccccc2)cc1"


@pytest.fixture
def labelled(rng):
    labels = rng.integers(0, 2, size=60)
    return labels, np.clip(0.5 * labels + rng.uniform(0, 0.6, size=60), 0, 1).round(1)


def test_metrics_are_those_of_scikit_learn(labelled):
    labels, p = labelled
    found = scores_of(labels, p)
    said = p > 0.5
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, p))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, said))
    assert found["precision"] == pytest.approx(metrics.precision_score(labels, said))
    assert found["recall"] == pytest.approx(metrics.recall_score(labels, said))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, said))
    assert list(confusion(labels, p).values()) == [
        metrics.confusion_matrix(labels, said)[place] for place in ((1, 1), (0, 1), (1, 0), (0, 0))
    ]
    assert np.isnan(auc(np.ones(3), np.ones(3)))
    assert np.isnan(scores_of(np.zeros(3, dtype=int), np.zeros(3))["recall"])


def test_calibration_error_is_that_of_a_coin_that_lies():
    labels = np.array([1] * 6 + [0] * 4)
    assert expected_calibration_error(labels, np.full(10, 0.6)) == pytest.approx(0)
    assert expected_calibration_error(labels, np.full(10, 0.9)) == pytest.approx(0.3)
    assert [row["n"] for row in reliability(labels, np.array([0.05] * 3 + [1.0] * 7))] == [3, 7]
    with pytest.raises(InputError, match="from 0 to 1"):
        reliability(labels, np.full(10, 1.2))


def test_auc_counts_pairs_within_folds(rng):
    """A predictor that says the share of positives it was trained with is no better and no worse than chance."""
    folds = np.repeat(np.arange(5), 20)
    labels = (rng.random(100) < 0.2 + 0.15 * folds).astype(int)
    shares = np.array([labels[folds != fold].mean() for fold in range(5)])
    assert metrics.roc_auc_score(labels, shares[folds]) < 0.4
    assert scores_of(labels, shares[folds], folds)["auc"] == 0.5
    p = rng.random(100)
    weights = draws_of([[str(i) for i in range(100)]], samples=3, seed=1)
    for drawn, found in zip(weights, drawn_scores(labels, p, folds, weights)["auc"], strict=True):
        rows = np.repeat(np.arange(100), drawn.astype(int))
        pairs = [(i, j) for i in rows for j in rows if labels[i] > labels[j] and folds[i] == folds[j]]
        assert found == pytest.approx(np.mean([p[i] > p[j] for i, j in pairs]))
    assert np.isnan(auc(np.array([0, 1]), np.array([0.2, 0.8]), np.array([0, 1])))


def test_intervals_draw_groups(labelled):
    labels, p = labelled
    one, single = np.zeros(60), [[str(i) for i in range(60)]]
    alone = intervals_of(labels, p, one, single, samples=200)["auc"]
    # Every example three times in one group: no more is known, so the interval is as wide.
    thrice = intervals_of(np.tile(labels, 3), np.tile(p, 3), np.zeros(180), [single[0] * 3], samples=200)["auc"]
    assert alone[0] < auc(labels, p) < alone[1]
    assert np.diff(thrice)[0] == pytest.approx(np.diff(alone)[0], rel=0.1)
    same = paired_difference(labels, p, p, one, single, samples=100)
    assert (same["difference"], same["p_value"]) == (0, 1)
    worse = paired_difference(labels, p, 1 - p, one, single, samples=100)
    assert worse["low"] > 0
    assert worse["p_value"] == pytest.approx(0.01)
    for run in (intervals_of, lambda labels, p, *given: paired_difference(labels, p, p, *given)):
        with pytest.raises(InputError, match="two or more"):
            run(labels, p, one, [*single, ["a"] * 60])


def test_draws_of_two_ways_multiply():
    """Cores and families: an example is there as often as the product of its groups, one of two families needs both."""
    cores, families = ["0", "0", "1", "2"], ["a", "b", "a", "a;b"]
    found = draws_of([cores, families], samples=400, seed=3)
    first = draws_of([cores], samples=400, seed=3)
    assert ((found > 0) <= (first > 0)).all()
    # Families count alike for all cores: w(0, a) w(1, ...) is drawn with one number for a.
    np.testing.assert_allclose(found[:, 0] * first[:, 2], found[:, 2] * first[:, 0])
    a, b = (np.divide(found[:, i], first[:, 0], where=first[:, 0] > 0, out=np.full(400, np.nan)) for i in (0, 1))
    np.testing.assert_allclose(found[:, 3][first[:, 0] > 0], (a * b * first[:, 3])[first[:, 0] > 0])
    assert set((a + b)[first[:, 0] > 0]) == {2.0}
    assert found[:, 0].mean() == pytest.approx(1, abs=0.15)


def test_intervals_are_of_the_mean_over_seeds(rng):
    labels, folds, groups = rng.integers(0, 2, size=40), np.arange(40) % 2, [str(i // 2) for i in range(40)]
    seeds = np.clip(0.3 * labels + rng.uniform(0, 0.7, size=(3, 40)), 0, 1).round(1)
    found = intervals_of(labels, seeds, folds, [groups], samples=60, seed=4)
    counts = draws_of([groups], samples=60, seed=4).astype(int)
    often = _seed_draws(3, 60, 4)
    assert (often.sum(axis=0) == 3).all()
    assert (often.max(axis=1) > 1).all()
    rows = [np.repeat(np.arange(40), drawn) for drawn in counts]
    for name, interval in found.items():
        means = [
            np.average([scores_of(labels[drawn], p[drawn], folds[drawn])[name] for p in seeds], weights=weights)
            for drawn, weights in zip(rows, often.T, strict=True)
        ]
        low, high = np.quantile(means, [0.025, 0.975])
        if name == "expected_calibration_error":
            error = np.mean([expected_calibration_error(labels, p) for p in seeds])
            assert np.mean(means) > error  # draws are biased upward, so the interval is turned round the error
            low, high = np.maximum([2 * error - high, 2 * error - low], 0)
        np.testing.assert_allclose(interval, [low, high])
    told = paired_difference(labels, seeds, seeds[:, ::-1], folds, [groups], samples=60)
    assert told["difference"] == pytest.approx(
        np.mean([auc(labels, p, folds) for p in seeds]) - np.mean([auc(labels, p[::-1], folds) for p in seeds])
    )


def test_the_floor_is_the_error_of_probabilities_that_are_right(rng):
    p = rng.random((2, 83))
    mean, high = calibration_floor(p, samples=400)
    right = [np.mean([expected_calibration_error(rng.random(83) < one, one) for one in p]) for _ in range(200)]
    assert mean == pytest.approx(np.mean(right), abs=0.01)
    assert mean > 0.08
    assert mean < high < 0.25
    assert calibration_floor(np.tile(p, 50), samples=100)[0] < 0.02
    assert calibration_floor(np.array([0.0, 1.0, 1.0]), samples=10) == (0, 0)


def test_metrics_curves_and_intervals_are_of_one_quantity(tmp_path, rng):
    """Seeds that err on different examples: their mean ranks better than any of them, and nobody has that mean."""
    labels = np.tile([0, 1], 30)
    rows = []
    for seed in range(3):
        wrong = rng.random(60) < 0.33
        rows += [
            {"split": "core", "fold": 0, "subject": subject, "learner": "network", "seed": seed, "example": i, "name": "a", "group": i // 2, "family": f"f{i % 7}", "label": labels[i],
             "probability": 0.05 + 0.9 * (labels[i] ^ wrong[i]), "seconds": 0.0}
            for subject in ("colim, scratch", "colim, pretrained") for i in range(60)
        ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv", index=False)
    outputs = [tmp_path / name for name in ("metrics.csv", "curves.csv", "confusion.csv", "paired.csv", "folds.csv")]
    summarise([tmp_path / "p.csv"], *outputs, samples=200, seed=1)
    table, curves, counts, paired, folds = (pd.read_csv(path) for path in outputs)
    assert table[["groups", "families"]].drop_duplicates().to_numpy().tolist() == [[30, 7]]
    assert folds.to_numpy().tolist() == [["core", 0, 60, 30, 0.5]]
    floors = table[table["floor"].notna()]
    assert set(floors["metric"]) == {"expected_calibration_error"}
    assert (floors["floor"] < floors["floor_high"]).all()
    row = table[table["metric"] == "auc"].iloc[0]
    assert row["low"] < row["mean"] < row["high"] < 0.9
    gaps = (curves["n"] * (curves["share"] - curves["probability"]).abs()).groupby([curves["subject"], curves["seed"]])
    error = table[table["metric"] == "expected_calibration_error"].iloc[0]["mean"]
    assert (gaps.sum() / 60).groupby("subject").mean().to_numpy() == pytest.approx([error, error])
    assert paired["difference"].tolist() == [0.0]
    assert paired["p_holm"].tolist() == paired["p_value"].tolist()
    right = (counts["true_positives"] + counts["true_negatives"]) / 60
    assert right.mean() == pytest.approx(table[table["metric"] == "accuracy"]["mean"].mean())
    assert (counts[list(matchings.CONFUSION)].sum(axis=1) == 60).all()


def test_separation_tells_apart_what_lies_apart(rng):
    labels = np.repeat([0, 1], 15)
    far, near = (rng.normal(size=(30, 4)) + shift * labels[:, None] for shift in (20, 0))
    apart, mixed = (separation(vectors, labels)[1] for vectors in (far, near))
    assert apart["davies_bouldin"] < mixed["davies_bouldin"]
    assert apart["calinski_harabasz"] > mixed["calinski_harabasz"]
    with pytest.raises(InputError, match="6 or more"):
        separation(far[:3], labels[:3])


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_know_no_order(name, rng):
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    turned = core[rng.permutation(len(core))]
    turned.rotate(40, (1, 1, 2))
    features = baseline_features(
        name, [core, turned, build_core("shape=cube metal=Ag")], [f"CCS.{PPH3}", f"{PPH3}.CCS", "CS"]
    )
    np.testing.assert_allclose(features[0], features[1], atol=1e-6)
    assert np.abs(features[0] - features[2]).max() > 0.01


def test_functional_groups_are_counted_in_the_training_examples():
    sets = ["CS", "CCS", "CC(=O)O", f"CS.{PPH3}", "c1ccncc1", "CCCS"]
    features, labels = baseline_features("functional group", [], sets), np.array([1, 1, 0, 0])
    told = baseline_probabilities("functional group", features, labels, np.arange(4), np.arange(2, 6))
    base = 0.5
    thiol, acid, phosphine = (2 + base) / 4, base / 2, base / 2
    np.testing.assert_allclose(told, [acid, (thiol + phosphine) / 2, base, thiol])
    assert learner_of("functional group") != learner_of("acsf") == BOOSTING


def test_boosting_learns_and_unknown_baselines_are_refused(rng):
    x = rng.normal(size=(80, 3))
    labels = (x[:, 0] > 0).astype(int)
    p = boosted(x, labels, np.arange(60), np.arange(60, 80))
    assert auc(labels[60:], p) > 0.9
    with pytest.raises(InputError, match="baseline 'sop'"):
        baseline_features("sop", [], [])
    from auric.matching.baselines import core_features

    with pytest.raises(InputError, match="descriptor 'x'"):
        core_features([], "x")


def test_boosting_is_seeded_and_lives_beside_torch(rng):
    """Both bring a runtime of threads into one process; each goes on after the other."""
    import torch

    x = rng.normal(size=(60, 30))
    labels = (x[:, 0] + x[:, 1] > 0).astype(int)
    train, test = np.arange(40), np.arange(40, 60)
    product = torch.as_tensor(x) @ torch.as_tensor(x).T
    first, again, other = (boosted(x, labels, train, test, seed=seed) for seed in (7, 7, 8))
    assert torch.equal(product, torch.as_tensor(x) @ torch.as_tensor(x).T)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    assert ((first > 0) & (first < 1)).all()


def test_numbers_of_the_paper_stand_beside_what_it_measured():
    for values in summary.PAPER.values():
        assert set(values) == {"mbtr", "soap", "acsf", "cgcnn", "schnet", "gin", "colim, scratch", "colim, pretrained"}
        assert set(values) < set(comparison.SUBJECTS)


def test_errors_draw_what_is_kept_together():
    rows = [
        {"split": "size", "subject": "line", "fold": 0, "cluster": n, "element": "Au", "size": 5 + n % 4, "energy_ev": 0.0, "predicted_ev": 0.1 * (n % 4), "seconds": 2.0}
        for n in range(40)
    ]  # fmt: skip
    (found,) = errors_of(pd.DataFrame(rows), "formation energy", samples=200)
    assert found["mae_ev"] == pytest.approx(0.15)
    assert found["groups"] == 4
    assert found["low"] < 0.15 < found["high"]
    with pytest.raises(InputError, match="no value of 'formation energy'"):
        errors_of(pd.DataFrame(rows).iloc[:0], "formation energy")
    with pytest.raises(InputError, match="1 or more"):
        model_clusters(0)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Every step of the room on a few pairs, with the smallest networks."""
    place = tmp_path_factory.mktemp("matching")
    table = place / "reported.tsv"
    rows = [
        ("a", "icosahedron metal=Au", PPH3), ("b", "cuboctahedron metal=Au", "CCS"), ("c", "octahedron_in_cube metal=Ag", "OC(=O)c1ccc(S)cc1"),
        ("d", "octahedron metal=Cu anion=H", "CCP(CC)CC"), ("e", "cube metal=Cu", "C#Cc1ccccc1"), ("f", "tetrahedron metal=Ag", "CC(=O)O"),
    ]  # fmt: skip
    table.write_text("name\tcore\tligands\tsource\n" + "".join(f"{n}\tshape={c}\t{l}\ttest\n" for n, c, l in rows))
    settings = {
        "splits": ["core"], "folds": 2, "seeds": 2, "subjects": ["functional group", "ligands only", "core only", "gin", *STARTED],
        "encoder": {"kind": "cgcnn", "width": 6, "layers": 1, "radial": 6, "reach": 1.8},
        "pretraining": {"epochs": 2, "batch": 16, "learning_rate": 5e-3, "weight_decay": 0.01, "gap": True},
        "formation": {"splits": ["size"], "encoders": ["gin"], "folds": 2}, "ligand_encoder": {"kind": "own", "weights": "", "ligands": 30, "epochs": 2, "width": 6, "layers": 1},
        "training": {"hidden": 4, "dropout": 0.1, "epochs": 2, "batch": 8, "learning_rate": 2e-3, "pretrained_share": 0.1},
    }  # fmt: skip
    names = ("cores", "pairs", "examples", "dropped", "statistics")
    outputs = {name: str(place / f"{name}.{'extxyz' if name == 'cores' else 'csv'}") for name in names}
    make_pairs([table], [place / "none.xyz"], "", outputs, negatives={}, mirror="", seed=1)
    three = [outputs[name] for name in names[:3]]
    make_clusters("", place / "clusters.extxyz", per_metal=10, mirror="", seed=1)
    compare_formation(
        place / "clusters.extxyz", place / "formation.csv", place / "references.csv", settings=settings, seed=1
    )
    pretrain_core(place / "clusters.extxyz", place / "core.npz", settings=settings, seed=1)
    frames = read_frames(place / "clusters.extxyz")
    for number, atoms in enumerate(frames):
        atoms.info["gap_ev"] = 1 + number % 5
    write_frames(place / "gaps.extxyz", frames)
    pretrain_core(place / "gaps.extxyz", place / "gap.npz", settings=settings, seed=1, target="gap")
    describe_bare(place / "gaps.extxyz", place / "bare.csv", place / "gaps.csv", settings=settings, seed=1)
    pretrain_ligand_encoder(place / "ligand.npz", settings=settings, seed=1)
    encoders = [place / "core.npz", place / "ligand.npz"]
    compare_matchers(
        *three, *encoders, place / "predictions.csv", place / "places_core.csv", split="core", settings=settings, seed=1,
        gap_encoder=place / "gap.npz",
    )  # fmt: skip
    train_matcher(*three, *encoders, place / "colim.npz", settings=settings, seed=1)
    cases = place / "cases.tsv"
    cases.write_text(f"case\tcore\tedit\tligands\tknown\none\ta\t-3\t{PPH3}\tno\ntwo\ta\t\tCCS\tno\n")
    tell_cases(*three, *encoders, cases, place / "told.csv", settings=settings, seed=1)
    others = place / "external.tsv"
    others.write_text(
        "name\tcore\tligands\tsource\nknown core\tshape=cube metal=Cu\tCCS\ttest\nnew\tshape=icosahedron metal=Ni\tCCS\ttest\n"
    )
    tell_external([others], *three, place / "colim.npz", place / "external.csv", settings=settings)
    told = {
        name: str(place / f"{name}.csv")
        for name in ("metrics", "curves", "confusion", "paired", "folds", "errors", "scorecard")
    }
    made = place / "formation.csv", place / "gaps.csv", place / "external.csv"
    summarise_matching([place / "predictions.csv"], *made, told, study="tiny", samples=50, seed=1)
    return place, outputs, told, three, settings


def test_a_whole_study_leaves_its_tables(study):
    place, _, told, _, _ = study
    card = pd.read_csv(told["scorecard"])
    assert set(card["quantity"]) == {*METRICS, "formation_energy_mae", "gap_mae", "called_share"}
    asked = card[card["split"] == "external"].set_index(["quantity", "subject"])
    external = pd.read_csv(place / "external.csv").groupby("subject")
    for subject, part in external:
        assert asked.loc[("recall", subject), "ours"] == part["called"].mean()
        assert asked.loc[("recall", subject), "n"] == 2
        assert asked.loc[("called_share", subject), "ours"] == pytest.approx(part["library_called"].mean())
    assert set(external.groups) == {"colim, pretrained", *application.RIVALS}
    assert set(card["comparable"]) == {"not comparable"}
    predictions = pd.read_csv(place / "predictions.csv")
    counts = predictions.groupby(["subject", "seed"])["example"].agg(["size", "nunique"])
    assert (counts["size"] == counts["nunique"]).all()
    assert len(counts) == 9 * 2
    assert dict(zip(predictions["subject"], predictions["learner"], strict=True)) == {
        "functional group": "shares counted", "ligands only": BOOSTING, "core only": BOOSTING, "gin": "network", **dict.fromkeys(STARTED, "network"),
    }  # fmt: skip
    firsts = [
        one["probability"].tolist() for _, one in predictions[predictions["subject"].isin(STARTED)].groupby("subject")
    ]
    assert len({tuple(one) for one in firsts}) == 5
    # Clusters that are given are taken as they are.
    make_clusters(str(place / "clusters.extxyz"), place / "copy.extxyz", per_metal=5, mirror="", seed=2)
    given, taken = (read_frames(place / f"{name}.extxyz") for name in ("clusters", "copy"))
    assert len(taken) == len(given) == 60
    for one, other in zip(given, taken, strict=True):
        np.testing.assert_array_equal(one.numbers, other.numbers)
        np.testing.assert_allclose(one.positions, other.positions)
        assert one.info["energy_ev"] == pytest.approx(other.info["energy_ev"])


def test_matchers_from_scratch_have_the_shape_of_the_pretrained_ones(study, monkeypatch):
    place, _, _, three, settings = study
    shapes = {}

    def watched(data, labels, rows, own, **given):
        model = train_colim(data, labels, rows, own, **given)
        own = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
        shapes[given["core"] is not None, given["ligand"] is not None] = own
        return model

    monkeypatch.setattr(comparison, "train_colim", watched)
    ligands = settings["ligand_encoder"] | {"layers": 2}
    two = settings | {
        "subjects": [name for name in STARTED if "gaps" not in name], "seeds": 1, "ligand_encoder": ligands,
    }  # fmt: skip
    pretrain_ligand_encoder(place / "two.npz", settings=two, seed=1)
    encoders = place / "core.npz", place / "two.npz"
    compare_matchers(*three, *encoders, place / "none.csv", place / "nowhere.csv", split="core", settings=two, seed=1)
    assert len(shapes) == 4
    assert all(shape == shapes[True, True] for shape in shapes.values())


def test_gaps_are_learned_where_every_cluster_has_one(study, tmp_path):
    place, _, _, three, settings = study
    with pytest.raises(InputError, match=r"60 of 60 clusters without gap_ev; .* matching\.pretraining\.gap to false"):
        pretrain_core(place / "clusters.extxyz", tmp_path / "gap.npz", settings=settings, seed=1, target="gap")
    wanted = settings | {"subjects": ["colim, pretrained on gaps"]}
    encoders = place / "core.npz", place / "ligand.npz"
    with pytest.raises(InputError, match=r"needs its core encoder; set matching\.pretraining\.gap to true"):
        compare_matchers(*three, *encoders, tmp_path / "p", tmp_path / "q", split="core", settings=wanted, seed=1)


def test_fixed_vectors_stand_in_the_place_of_the_ligand_encoder(study, tmp_path, monkeypatch):
    """Every step with Uni-Mol asked for, an embedder of five descriptors in its place."""
    place, _, _, three, settings = study
    asked = []

    class Embedder:
        width = 5

        def __init__(self, weights):
            asked.append(weights)

        def embed(self, ligands):
            return ligand_descriptors(ligands)[:, :5] / 100

    monkeypatch.setattr(encoders_module, "UniMolEmbedder", Embedder)
    ligands = settings["ligand_encoder"] | {"kind": "unimol", "weights": "there"}
    wanted = settings | {"subjects": ["colim, scratch", "colim, pretrained"], "seeds": 1, "ligand_encoder": ligands}
    encoders = place / "core.npz", tmp_path / "ligand.npz"
    pretrain_ligand_encoder(tmp_path / "ligand.npz", settings=wanted, seed=1)
    compare_matchers(
        *three, *encoders, tmp_path / "p.csv", tmp_path / "places.csv", split="core", settings=wanted, seed=1
    )
    ours = pd.read_csv(place / "predictions.csv")
    ours, fixed = (
        table[table["seed"] == 0].set_index(["subject", "example"])["probability"].sort_index()
        for table in (ours, pd.read_csv(tmp_path / "p.csv"))
    )
    np.testing.assert_allclose(ours["colim, scratch"], fixed["colim, scratch"])
    assert np.abs(ours["colim, pretrained"] - fixed["colim, pretrained"]).max() > 1e-3
    train_matcher(*three, *encoders, tmp_path / "m.npz", settings=wanted, seed=1)
    tell_cases(*three, *encoders, place / "cases.tsv", tmp_path / "told.csv", settings=wanted, seed=1)
    tell_external([place / "external.tsv"], *three, tmp_path / "m.npz", tmp_path / "external.csv", settings=wanted)
    assert set(asked) == {"there"}
    assert len(pd.read_csv(tmp_path / "told.csv")) == 2
    assert len(pd.read_csv(tmp_path / "external.csv")) == 2 * (1 + len(application.RIVALS))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pretraining": {"gap": True}}, "built clusters have no gaps"),
        ({"subjects": ["colim, pretrained on gaps"]}, r"needs matching\.pretraining\.gap: true"),
        ({"ligand_encoder": {"kind": "unimol", "weights": ""}}, "name the folder with Uni-Mol's weights"),
    ],
)
def test_settings_that_need_another_are_refused_before_anything_runs(changes, words):
    good = {
        "reported": ["a.tsv"], "structures": [], "clusters": "", "subjects": [], "pretraining": {"gap": False},
        "ligand_encoder": {"kind": "own", "weights": ""},
    }  # fmt: skip
    assert matched({"matching": good})
    assert not matched({"matching": good | {"reported": []}})
    with pytest.raises(InputError, match=words):
        matched({"matching": good | changes})


def test_the_report_tells_of_the_study(study, tmp_path):
    place, outputs, told, _, _ = study
    lists = {
        "pairs": outputs["pairs"], "dropped": outputs["dropped"], "statistics": outputs["statistics"], "metrics": told["metrics"], "reliability": told["curves"], "confusion": told["confusion"],
        "paired": told["paired"], "folds": told["folds"], "errors": told["errors"], "references": place / "references.csv", "bare": place / "bare.csv", "places": place / "places_core.csv", "cases": place / "told.csv", "external": place / "external.csv",
    }  # fmt: skip
    empty = inputs.ReportFiles([], [], "", "")
    assert matchings.gather(empty) is None
    found = matchings.gather(
        inputs.ReportFiles(
            [],
            [],
            "",
            "",
            **{f"matching_{name}": [path] for name, path in lists.items()},
        )
    )
    assert "6 reported pairs of 6 core geometries" in matchings.words(found)[0]
    for low, high, said in (
        (0.1, 0.4, "worse than chance"),
        (0.4, 0.6, "no better than chance"),
        (0.6, 0.9, "better than chance"),
    ):
        told = replace(found, metrics=found.metrics.assign(low=low, high=high))
        assert said in " ".join(matchings.words(told))
    rows = matchings.metric_rows(found)
    assert len(rows) == 9
    wanted = found.metrics.iloc[: len(METRICS)]
    assert [cell["value"] for cell in rows[0]["cells"]] == [printed(value) for value in wanted["mean"]]
    assert [cell["interval"] for cell in rows[0]["cells"]] == [
        f"{printed(low)} to {printed(high)}" for low, high in zip(wanted["low"], wanted["high"], strict=True)
    ]
    assert rows[0]["floor"].startswith(printed(wanted["floor"].iloc[-1]))
    shown = matchings.paired_rows(found)
    assert [(row["first"], row["second"]) for row in shown[-3:]] == [
        ("colim, pretrained", rival) for rival in ("functional group", "ligands only", "core only")
    ]
    assert [row["p_holm"] for row in shown] == [printed(p) for p in found.paired["p_holm"]]
    (folds,) = matchings.fold_rows(found)
    assert sum(int(n) for n in folds["examples"].split(", ")) == 12
    counts = {row["what"]: row["counts"] for row in matchings.statistics_rows(found)}
    assert counts["pairs"] == "all: 6"
    assert "thiol: 2" in counts["functional group"]
    titles = [title for title, _ in matchings.place_panels(found)]
    assert [title.partition("\n")[0] for title in titles] == [
        "colim, scratch", "colim, pretrained", "colim, pretrained on gaps",
    ]  # fmt: skip
    assert "test examples of one fold of 2" in titles[0]
    assert matchings.left_out(found) == "2, 2"
    assert [row["element"] for row in matchings.reference_rows(found)] == ["Cu", "Ag", "Au"]
    said = [(row["told_by"], row["encoder"]) for row in matchings.separation_rows(found)]
    assert said == [
        (told, matchings.WEIGHTS[name]) for told in ("formation energy", "gap") for name in matchings.WEIGHTS
    ]
    assert {row["quantity"] for row in matchings.formation_rows(found)} == {"formation energy", "gap"}
    assert matchings.formation_rows(found)[0]["subject"] == "line"
    told = matchings.external_rows(found)
    assert [row["name"] for row in told] == ["known core", "new"]
    assert [len(row["answers"]) for row in told] == [4, 4]
    assert "no example holds: Ni in a core" in told[1]["warning"]
    assert not told[0]["warning"]
    assert matchings.external_subjects(found) == ["colim, pretrained", *application.RIVALS]
    last = matchings.words(replace(found, external=found.external.assign(called=1, library_called=0.25)))[-1]
    assert last.startswith("Of 2 clusters that were made and not learned from")
    assert "colim, pretrained 2 (25%), functional group 2 (25%)" in last
    warned = replace(
        found, cases=found.cases.assign(warning=np.where(found.cases["case"] == "two", "never seen: Cl", ""))
    )
    assert matchings.case_warnings(warned) == ["never seen: Cl (two)"]
    shown = matchings.confusion_rows(found)
    assert [row["truth"] for row in shown] == ["reported", "negative"]
    assert sum(float(row[name]) for row in shown for name in ("made", "not_made")) == pytest.approx(12)
    rows = [("x", "size", "a"), ("y", "ligands", "b"), ("z", "size", "c")]
    assert [(row["step"], row["count"]) for row in matchings.dropped_rows(found)] == [("reading and splitting", 1)]
    some = replace(found, dropped=pd.DataFrame(rows, columns=["structure", "step", "reason"]))
    assert matchings.dropped_rows(some) == [
        {"step": "size", "count": 2, "reason": "a"},
        {"step": "ligands", "count": 1, "reason": "b"},
    ]
    for draw in (
        matchings.draw_metrics,
        matchings.draw_calibration,
        matchings.draw_places,
        matchings.draw_bare,
        matchings.draw_cases,
    ):
        draw(tmp_path / "f.svg", found)
        assert (tmp_path / "f.svg").stat().st_size > 2000


def test_places_are_of_examples_that_were_not_learned(study):
    """Fold by fold the test examples of matchers from scratch, pretrained, and pretrained on gaps."""
    table, predictions = (pd.read_csv(study[0] / f"{name}.csv") for name in ("places_core", "predictions"))
    assert set(table["encoder"]) == {"colim, scratch", "colim, pretrained", "colim, pretrained on gaps"}
    for (encoder, fold), part in table.groupby(["encoder", "fold"]):
        chosen = predictions[
            (predictions["subject"] == encoder) & (predictions["fold"] == fold) & (predictions["seed"] == 0)
        ]
        assert part["name"].tolist() == chosen["name"].tolist()
        assert part["davies_bouldin"].nunique() == 1


def test_bare_clusters_are_drawn_by_encoders_that_did_not_learn_their_sizes(study, tmp_path, monkeypatch):
    place, _, _, _, settings = study
    data, learned = read_cluster_energies(place / "gaps.extxyz"), []

    def watched(data, chosen, settings, **given):
        learned.append((given.get("target", "energy"), set(data.size[chosen])))
        return pretrain(data, chosen, settings, **given)

    monkeypatch.setattr(bare_clusters, "pretrain", watched)
    describe_bare(place / "gaps.extxyz", tmp_path / "bare.csv", tmp_path / "gaps.csv", settings=settings, seed=1)
    assert (tmp_path / "bare.csv").read_text() == (place / "bare.csv").read_text()
    assert [target for target, _ in learned] == ["energy", "gap", "gap"]
    bare, gaps = pd.read_csv(tmp_path / "bare.csv"), pd.read_csv(tmp_path / "gaps.csv")
    first = formation_folds(data, "size", folds=2, seed=1)[0]
    assert learned[0][1] == learned[1][1] == set(data.size[first.train])
    for (encoder, told_by), part in bare.groupby(["encoder", "told_by"]):
        assert part["cluster"].tolist() == first.test.tolist(), encoder
        assert part.groupby("third")["value_ev"].max().is_monotonic_increasing, told_by
        assert part["third"].value_counts().max() - part["third"].value_counts().min() <= 1
    assert bare.groupby("told_by")["value_ev"].apply(lambda values: len(set(values))).gt(2).all()
    chosen = bare.drop_duplicates(["encoder", "told_by"])
    assert chosen["calinski_harabasz"].nunique() == chosen["calinski_harabasz_plane"].nunique() == 6
    assert (
        sorted(gaps[gaps["subject"] == "cgcnn"]["cluster"])
        == sorted(gaps[gaps["subject"] == "line"]["cluster"])
        == list(range(60))
    )
    np.testing.assert_allclose(gaps["gap_ev"], data.gap_ev[gaps["cluster"]])
    without = settings | {"pretraining": settings["pretraining"] | {"gap": False}}
    describe_bare(place / "clusters.extxyz", tmp_path / "bare.csv", tmp_path / "gaps.csv", settings=without, seed=1)
    assert set(pd.read_csv(tmp_path / "bare.csv")["told_by"]) == {"formation energy"}
    assert len(pd.read_csv(tmp_path / "gaps.csv")) == 0


def test_reference_energies_are_those_of_the_core_encoder(study):
    place = study[0]
    table, lines = pd.read_csv(place / "references.csv"), CoreModel.load(place / "core.npz").lines
    assert table["element"].tolist() == [chemical_symbols[number] for number in lines.elements]
    np.testing.assert_allclose(table[["reference_ev", "surface_ev", "edge_ev"]], lines.terms_ev)
    np.testing.assert_allclose(table["spread_ev"], lines.spread_ev)
    assert table["clusters"].tolist() == [10] * 6
    formation = pd.read_csv(place / "formation.csv")
    reference = formation["energy_ev"] - formation["formation_ev"]
    np.testing.assert_allclose(formation["predicted_ev"] - formation["predicted_formation_ev"], reference, atol=1e-7)
    data = read_cluster_energies(place / "clusters.extxyz")
    for fold in formation_folds(data, "size", folds=2, seed=1):
        own = fit_lines(data, fold.train, huber_sds=HUBER_SDS)
        mine = formation[formation["fold"] == fold.fold]
        elements = mine["element"].map(atomic_numbers).to_numpy()
        expected = own.formation(elements, mine["energy_ev"].to_numpy())
        np.testing.assert_allclose(mine["formation_ev"], expected, atol=1e-7)


def test_what_is_told_of_an_edited_core_was_not_learned(study, tmp_path):
    """Its own example's label turned round, or its row gone: the probabilities stay."""
    place, outputs, _, _, settings = study
    cases, told = tmp_path / "cases.tsv", tmp_path / "told.csv"
    cases.write_text(f"case\tcore\tedit\tligands\tknown\nx\tb\t\t{PPH3}\t\n")
    table = pd.read_csv(outputs["examples"])
    mine = table["name"] == "b"
    found = []
    for number, given in enumerate(
        (table, table.assign(label=np.where(mine, 1 - table["label"], table["label"])), table[~mine])
    ):
        given.to_csv(tmp_path / f"{number}.csv", index=False)
        tell_cases(
            outputs["cores"], outputs["pairs"], tmp_path / f"{number}.csv", place / "core.npz", place / "ligand.npz", cases, told,
            settings=settings, seed=1,
        )  # fmt: skip
        found.append(pd.read_csv(told))
    assert [frame["left_out"].tolist() for frame in found] == [[2, 2], [2, 2], [0, 0]]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0]["probability"], other["probability"])


@pytest.mark.parametrize(
    "row", ["a\tshape=icosahedron metal=Au\t{p}\ts\t", "a\tshape=cube metal=Pd\t{p}\ts\tAu13(PC18H15)12"]
)
def test_external_clusters_that_are_learned_from_are_refused(study, tmp_path, row):
    place, outputs, _, _, settings = study
    pairs = pd.read_csv(outputs["pairs"], keep_default_na=False, dtype=str)
    pairs["compound"] = np.where(pairs["name"] == "a", "C216H180Au13P12", "")
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    table = tmp_path / "e.tsv"
    table.write_text(f"name\tcore\tligands\tsource\tcompound\n{row.format(p=PPH3)}\n")
    with pytest.raises(InputError, match="'a' is learned from as 'a'"):
        tell_external(
            [table],
            outputs["cores"],
            tmp_path / "pairs.csv",
            outputs["examples"],
            place / "colim.npz",
            tmp_path / "o.csv",
            settings=settings,
        )


def test_external_clusters_of_one_name_are_refused(study, tmp_path):
    place, _, _, three, settings = study
    with pytest.raises(InputError, match=r"'known core' is in another table of matching\.external too"):
        tell_external([place / "external.tsv"] * 2, *three, place / "colim.npz", tmp_path / "o.csv", settings=settings)


def test_the_report_knows_the_columns_of_the_room():
    from auric.matching import application, comparison, encoders, library, negatives, pairs, places, summary

    assert inputs.MATCHED_PAIRS == library.PAIR_COLUMNS
    assert inputs.MATCHED_DROPPED == library.DROPPED_COLUMNS
    assert inputs.MATCHED_STATISTICS == pairs.STATISTICS_COLUMNS
    assert inputs.MATCHED_METRICS == comparison.METRIC_COLUMNS
    assert inputs.MATCHED_CURVES == comparison.CURVE_COLUMNS
    assert inputs.MATCHED_CONFUSION == comparison.CONFUSION_COLUMNS
    assert inputs.MATCHED_PAIRED == comparison.PAIRED_COLUMNS
    assert inputs.MATCHED_FOLDS == comparison.FOLD_COLUMNS
    assert matchings.COUNTED == baselines.COUNTED
    assert inputs.FORMATION_ERRORS == summary.ERROR_COLUMNS
    assert inputs.MATCHED_PLACES == places.PLACE_COLUMNS
    assert inputs.REFERENCE_ENERGIES == encoders.REFERENCE_COLUMNS
    assert inputs.BARE_PLACES == bare_clusters.BARE_COLUMNS
    assert list(matchings.WEIGHTS) == [bare_clusters.RANDOM, bare_clusters.ENERGIES, bare_clusters.GAPS]
    assert inputs.MATCHED_CASES == application.CASE_COLUMNS
    assert inputs.MATCHED_EXTERNAL == application.EXTERNAL_COLUMNS
    assert negatives.EXAMPLE_COLUMNS[0] == "name"


def test_wrong_subjects_and_cases_are_refused(study, tmp_path):
    place, _, _, three, settings = study
    encoders = place / "core.npz", place / "ligand.npz"
    with pytest.raises(InputError, match=r"matching\.subjects: 'x'"):
        compared_in_folds(
            [],
            "core",
            ["x"],
            ColimSettings(encoder=EncoderSettings(width=4)),
            folds=2,
            seeds=1,
            seed=0,
            cores={},
            ligand=None,
        )
    for text, words in (
        ("case\tcore\n1\t2\n", "give the columns case, core"),
        ("case\tcore\tedit\tligands\tknown\nx\tnobody\t\tCS\t\n", "not in the library"),
        (
            "case\tcore\tedit\tligands\tknown\nx\ta\t\tCS\t\nx\ta\t-3\tCS\t\n",
            "line 3: the case 'x' is given more than once",
        ),
    ):
        (tmp_path / "c.tsv").write_text(text)
        with pytest.raises(InputError, match=words):
            tell_cases(*three, *encoders, tmp_path / "c.tsv", tmp_path / "o.csv", settings=settings, seed=1)


def test_command_line_ranks_ligands(study, tmp_path, capsys):
    from ase.io import write

    place = study[0]
    write(tmp_path / "core.xyz", build_core("shape=icosahedron metal=Pd"))
    (tmp_path / "l.smi").write_text(f"CCS\n{PPH3}\n")
    asked = [
        "ligands",
        str(tmp_path / "core.xyz"),
        "--candidates",
        str(tmp_path / "l.smi"),
        "--model",
        str(place / "colim.npz"),
    ]
    assert main([*asked, "--kinds", "2", "--csv", str(tmp_path / "o.csv")]) == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 4
    assert pd.read_csv(tmp_path / "o.csv")["kinds"].tolist().count(2) == 1
    (tmp_path / "l.smi").write_text("CCS\nC[TeH]\n")
    assert main([*asked, "--csv", str(tmp_path / "o.csv")]) == 0
    assert [
        line.endswith("(never seen in a ligand: Te)") for line in capsys.readouterr().out.splitlines() if "Te" in line
    ] == [True]
    assert pd.read_csv(tmp_path / "o.csv").set_index("ligands")["ligand_warning"].notna().to_dict() == {
        "CCS": False,
        "C[TeH]": True,
    }
    assert main([*asked, "--edit", "-0,3=Ag"]) == main([*asked, "--edit=-0,3=Ag"]) == 0
    assert capsys.readouterr().out.count("Pd11Ag: probability") == 2
    assert main([*asked, "--csv", str(tmp_path / "none/o.csv")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert main([*asked, "--kinds", "7"]) == 2
    assert "give 1 to 4" in capsys.readouterr().err
