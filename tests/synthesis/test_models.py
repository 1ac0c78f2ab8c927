import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, matthews_corrcoef

from auric.errors import InputError
from auric.files import read_npz, write_npz
from auric.synthesis import heads, peers, scores
from auric.synthesis.descriptors import NAMES, Features, describe
from auric.synthesis.evaluation import cross_predict, cross_validate, folds_of
from auric.synthesis.models import MODELS, PAPER, load_network, make_model, network, save_network
from auric.synthesis.scaling import FoldScaler
from auric.synthesis.splits import fold_members, ligand_folds, stratified_folds, training_of
from auric.synthesis.tuning import propose, tuned_inside, tuned_on_same
from auric.synthesis.worlds import simulate

QUICK = {"steps": 25}


@pytest.fixture(autouse=True)
def small_committee(monkeypatch):
    """Five boosted classifiers for each member cost time and show no more than one."""
    monkeypatch.setattr(peers, "COMMITTEE", 1)


@pytest.fixture(scope="module")
def data():
    made = simulate("structure", 1)
    return describe(made.records), made.records["outcome"].to_numpy()


def quick(name, seed=0):
    return make_model(name, seed, **QUICK) if name in PAPER else make_model(name, seed)


@pytest.mark.parametrize("name", MODELS)
def test_the_held_out_fold_reaches_no_model(name, data):
    """Outcomes of a fold, and its descriptors, change nothing in what is said of the others' models on that fold."""
    features, outcomes = data
    folds = stratified_folds(outcomes, 3, np.random.default_rng(0))
    training = training_of(folds)[:1]
    held = folds == 0
    plain = quick(name).fit_members(features, outcomes, training).member_proba(features)
    turned = np.where(held, 1 - outcomes, outcomes)
    values = features.values.copy()
    values[held] *= 3.0
    other = Features(values, features.parts, features.smiles)
    found = quick(name).fit_members(other, turned, training).member_proba(features)
    np.testing.assert_allclose(found, plain, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_all_models_have_one_interface(name, data):
    features, outcomes = data
    kept = features.values.copy()
    model = quick(name).fit(features, outcomes)
    probability = model.predict_proba(features.take(np.arange(7)))
    assert probability.shape == (7, 2)
    np.testing.assert_allclose(probability.sum(1), 1)
    assert ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_allclose(
        probability[:, 1], model.member_proba(features).mean(0)[:7], atol=1e-6
    )  # batches of unequal sizes
    np.testing.assert_array_equal(features.values, kept)


def test_members_know_nothing_of_each_other(data):
    """Trained with others or with other others: the same, but for the last digits of matrix products."""
    features, outcomes = data
    training = training_of(stratified_folds(outcomes, 4, np.random.default_rng(0)))
    changed = training.copy()
    changed[1:] = changed[[2, 3, 1]]
    for name in ("gcnn_snn", "dnn"):
        first, second = (
            quick(name).fit_members(features, outcomes, each).member_proba(features)[0] for each in (training, changed)
        )
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_networks_learn_what_is_there(data):
    features, _ = data
    clear = (features.column("temperature_celsius") < 50).astype(int)
    folds = stratified_folds(clear, 5, np.random.default_rng(0))[None]
    for name in ("snn", "dnn", "svm", "trees", "boosting", "process", "logistic"):
        model = make_model(name, 0, steps=120) if name in PAPER else make_model(name)
        assert scores.accuracy(clear, cross_predict(model, features, clear, folds)[0] > 0.5) > 0.8, name


def test_fingerprints_are_trained_with_the_head(data):
    features, outcomes = data
    training = fold_members(outcomes, 0)[:2]
    start, end = (network("gcnn_snn", 0, steps=steps).fit_members(features, outcomes, training) for steps in (1, 25))
    moved = (start.parameters_["graph.hidden_0"] - end.parameters_["graph.hidden_0"]).abs().max()
    assert float(moved) > 1e-3
    assert end.molecule_fingerprints(features.smiles[:3]).shape == (3, 10)
    with pytest.raises(InputError, match="no fingerprints"):
        network("snn", 0, **QUICK).fit_members(features, outcomes, training).molecule_fingerprints(("CS",))


def test_pairs_are_half_of_one_class_and_stay_inside_the_training_set(data):
    _, outcomes = data
    training = torch.tensor(fold_members(outcomes, 0))
    drawn = heads.Pairs.of(torch.tensor(outcomes), training, 64)
    for first, second, same in (drawn.draw(torch.Generator().manual_seed(seed)) for seed in range(5)):
        assert training.gather(1, first).all()
        assert training.gather(1, second).all()
        y = torch.tensor(outcomes)
        assert ((y[first] == y[second]) == same.bool()).all()
        assert float(same.mean()) == 0.5
        assert not ((first == second) & same.bool()).any()


def test_likeness_is_a_distance(rng):
    head = heads.initial_head("snn", 2, 5, heads.HeadSettings(), torch.Generator().manual_seed(0))
    a, b = (torch.tensor(rng.normal(size=(2, 4, 16)), dtype=torch.float32) for _ in range(2))
    torch.testing.assert_close(heads.likeness(head, a, b), heads.likeness(head, b, a))
    assert (heads.likeness(head, a, a) >= heads.likeness(head, a, b)).all()
    weights = torch.nn.functional.softplus(head["out"][1, :, 0])
    by_hand = head["out_bias"][1, 0, 0] - ((a[1, 2] - b[1, 2]).abs() * weights).sum()
    torch.testing.assert_close(heads.likeness(head, a, b)[1, 2], by_hand)


def test_adam_is_torchs():
    start = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    mine, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    steps, rate, decay = 7, 0.05, 0.3
    heads.train(
        {"w": mine}, lambda: (mine - 1).pow(4).sum((1, 2)), steps, torch.full((3,), rate), torch.full((3,), decay)
    )
    adam = torch.optim.AdamW([theirs], lr=rate, weight_decay=decay)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        adam.zero_grad()
        (theirs - 1).pow(4).sum().backward()
        adam.step()
    torch.testing.assert_close(mine, theirs)


def test_scalers_are_fitted_inside_folds(data):
    features, outcomes = data
    training = training_of(stratified_folds(outcomes, 5, np.random.default_rng(0)))
    scaled = FoldScaler.fit(features.values, training).transform(features.values)
    for part, mine in zip(scaled, training, strict=True):
        np.testing.assert_allclose(part[mine].mean(0), 0, atol=1e-9)
        spread = part[mine].std(0)
        assert (np.isclose(spread, 1) | np.isclose(spread, 0)).all()
    assert np.isfinite(scaled).all()
    told = scaled[0][:, len(NAMES)]  # the first column that tells what was missing: the pH
    assert len(set(told[np.isnan(features.column("ph"))])) == 1


def test_the_process_is_scikit_learns_where_kernels_agree(data):
    """With the likeness of ligands switched off the prediction is that of Gaussian process regression with the same numbers."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    features, outcomes = data
    model = make_model("process").fit_members(features, outcomes, np.ones((1, len(outcomes)), dtype=bool))
    model.hyper_["share"][:] = 40.0
    model.hyper_["ligand"][:] = -20.0
    wanted = torch.tensor(2.0 * outcomes - 1 - model.centre_.numpy())[None]
    from auric.synthesis.peers import _covariance

    likeness = torch.zeros(len(outcomes), len(outcomes), dtype=torch.float64)
    factor = torch.linalg.cholesky(_covariance(model.hyper_, model.inputs_, likeness, model.known_))
    mine = (
        _covariance(model.hyper_, model.inputs_, likeness, model.known_)
        @ torch.cholesky_solve(wanted[:, :, None], factor)
    )[0, :, 0]
    noise = float((2 * model.hyper_["noise"]).exp()) + 1e-6
    kernel = ConstantKernel(float((2 * model.hyper_["amplitude"]).exp())) * RBF(
        model.hyper_["length"].exp().numpy().ravel()
    )
    theirs = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(
        model.inputs_[0].numpy(), wanted[0].numpy()
    )
    np.testing.assert_allclose(
        mine.numpy() - noise * torch.cholesky_solve(wanted[:, :, None], factor)[0, :, 0].numpy(),
        theirs.predict(model.inputs_[0].numpy()),
        atol=1e-6,
    )


def test_logistic_regression_is_scikit_learns(data):
    features, outcomes = data
    training = np.ones((1, len(outcomes)), dtype=bool)
    inputs = FoldScaler.fit(features.values, training).transform(features.values)[0]
    expected = LogisticRegression(C=0.3, max_iter=1000).fit(inputs, outcomes).predict_proba(inputs)[:, 1]
    np.testing.assert_allclose(
        make_model("logistic").fit_members(features, outcomes, training).member_proba(features)[0], expected
    )


def test_scores_are_scikit_learns(rng):
    y, p = rng.integers(2, size=(20, 30)), rng.integers(2, size=(20, 30))
    np.testing.assert_allclose(
        scores.matthews(y, p), [matthews_corrcoef(*each) for each in zip(y, p, strict=True)], atol=1e-12
    )
    np.testing.assert_allclose(scores.f1(y, p), [f1_score(*each) for each in zip(y, p, strict=True)])
    assert scores.matthews(np.ones(4), np.array([0, 1, 1, 0])) == 0
    assert scores.f1(np.zeros(4), np.zeros(4)) == 0
    assert scores.calibration_error(np.array([1, 1, 0, 0]), np.array([0.9, 0.9, 0.1, 0.1])) == pytest.approx(0.1)


def test_intervals_cover_and_equal_models_do_not_differ(rng):
    outcomes = rng.integers(2, size=60)
    probability = np.where(rng.random((2, 60)) < 0.8, outcomes, 1 - outcomes) * 0.8 + 0.1
    drawn = scores.resampled(60, 300, 0)
    score = scores.measured("mcc", outcomes, probability, drawn)
    assert score.low < score.value < score.high
    same, p = scores.paired("mcc", outcomes, probability, probability, drawn)
    assert (same.value, p) == (0.0, 1.0)
    worse, p = scores.paired("mcc", outcomes, probability, 1 - probability, drawn)
    assert worse.low > 0
    assert p < 0.02
    assert scores.mean_over_sets(np.full(5, 0.3), 100, 0) == pytest.approx((0.3, 0.3, 0.3))


def test_folds_share_out_both_outcomes(data):
    features, outcomes = data
    folds = stratified_folds(outcomes, 10, np.random.default_rng(0))
    counts = [int(outcomes[folds == fold].sum()) for fold in range(10)]
    assert max(counts) - min(counts) <= 1
    ligands = ligand_folds(features)
    for fold in range(10):
        assert set(features.parts[ligands == fold, 0]).isdisjoint(features.parts[ligands != fold, 0])
    assert folds_of(features, outcomes, "ligand", folds=10, repeats=4, seed=0).shape == (1, 54)
    assert folds_of(features, outcomes, "folds", folds=10, repeats=4, seed=0).shape == (4, 54)
    with pytest.raises(InputError, match="cannot be dealt into 60 folds"):
        stratified_folds(outcomes, 60, np.random.default_rng(0))
    with pytest.raises(InputError, match="one ligand"):
        ligand_folds(features.take(np.flatnonzero(features.parts[:, 0] == features.parts[0, 0])))


def test_models_are_refused_where_they_cannot_be(data):
    features, outcomes = data
    with pytest.raises(InputError, match=r"unknown model 'gcn_snn'.*Did you mean 'gcnn_snn'"):
        make_model("gcn_snn")
    with pytest.raises(InputError, match="only one outcome"):
        network("dnn").fit_members(features, outcomes, (outcomes == 1)[None])
    with pytest.raises(InputError, match="the six networks only"):
        tuned_inside(make_model("logistic"), features, outcomes, outcomes, trials=1, seed=0)


def test_hyperparameters_chosen_on_the_same_folds_flatter_by_design(data):
    """With outcomes at random, a choice on the same folds finds something; one inside folds finds nothing, on the average."""
    features, _ = data
    found = {"same": [], "inside": []}
    for seed in range(2):
        noise = np.random.default_rng(seed).permutation(np.arange(54) % 2)
        folds = stratified_folds(noise, 5, np.random.default_rng(seed))
        for name, tuned in (("same", tuned_on_same), ("inside", tuned_inside)):
            p = tuned(network("svm", seed, steps=15), features, noise, folds, trials=7, seed=seed)
            found[name].append(float(scores.matthews(noise, p > 0.5)))
    assert np.mean(found["same"]) > np.mean(found["inside"])


def test_bayesian_optimisation_beats_chance_on_a_bowl():
    best = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        tried, reached = np.zeros((0, 2)), np.zeros(0)
        for _ in range(20):
            point = propose(tried, reached, rng)
            tried, reached = np.vstack([tried, point]), np.append(reached, -np.square(point - 0.3).sum())
        best.append(-reached.max())
    assert np.mean(best) < 0.005  # 20 at random: 0.016


@pytest.mark.parametrize("name", ["gcnn_snn", "dnn"])
def test_networks_travel_without_pickle(name, data, tmp_path):
    features, outcomes = data
    model = network(name, 0, **QUICK).fit_members(features, outcomes, fold_members(outcomes, 0)[:2])
    path = tmp_path / "model.npz"
    save_network(path, model, {"data": "here"})
    loaded, trained_on = load_network(path)
    assert trained_on == {"data": "here"}
    np.testing.assert_array_equal(loaded.member_proba(features), model.member_proba(features))
    header, arrays = read_npz(path)
    changed = {key: value for key, value in arrays.items()}
    changed["support"] = changed["spread"]
    write_npz(path, header, changed)
    with pytest.raises(InputError, match="does not fit its digest"):
        load_network(path)
    write_npz(path, {"format": "other"}, arrays)
    with pytest.raises(InputError, match="no model of auric"):
        load_network(path)
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match="damaged"):
        load_network(path)
    with pytest.raises(InputError, match="no model file"):
        load_network(tmp_path / "none.npz")


def test_cross_validation_is_written_record_by_record(tmp_path):
    import pandas as pd

    path = tmp_path / "p.csv"
    cross_validate(
        {"structure_1": "structure_1"}, path, model="logistic", split="folds", folds=5, repeats=2, seed=0, settings={}
    )
    table = pd.read_csv(path)
    assert len(table) == 2 * 54
    for _, part in table.groupby("repeat"):
        assert sorted(part["name"]) == sorted(simulate("structure", 1).records["name"])
    assert len(set(itertools.chain(table["fold"]))) == 5
