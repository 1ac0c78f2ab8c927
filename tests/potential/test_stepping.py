"""Predictions of points that step equal those of the points where they are."""

import numpy as np
import pytest

from auric.potential import Emlm, SteppingEmlm
from auric.potential.distances import FeaturesError
from auric.potential.stepping import ROUNDING

POINTS, FEATURES, HIDDEN = 120, 40, 6
KINDS = (slice(0, 15), slice(10, 40), slice(0, 40))
"""Features that a step of each kind changes."""


def _columns(kind):
    found = np.zeros(FEATURES, dtype=bool)
    found[kind] = True
    return found


@pytest.fixture(scope="module")
def space():
    """Smooth features of a few hidden coordinates, so that few directions carry them."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(HIDDEN, FEATURES))
    return lambda hidden: np.tanh(0.3 * hidden @ mixing)


@pytest.fixture(scope="module", params=["min-max", "none"])
def model(request, space):
    hidden = np.random.default_rng(1).normal(size=(POINTS, HIDDEN))
    return Emlm(scale=request.param).fit(space(hidden), 1e5 + (hidden**2).sum(axis=1)).compress()


@pytest.mark.parametrize("chains", [1, 5])
def test_a_walk_of_steps(model, space, chains):
    rng = np.random.default_rng(2)
    at = space(rng.normal(size=(chains, HIDDEN)))
    stepping = SteppingEmlm(model, at)
    np.testing.assert_allclose(stepping.values, model.predict(at), rtol=1e-15)
    for number in range(60):
        kind = KINDS[number % len(KINDS)]
        changes = np.zeros_like(at)
        changes[:, kind] = (space(rng.normal(size=(chains, HIDDEN))) - at)[:, kind] * 0.3
        told = stepping.trial(changes, _columns(kind))
        np.testing.assert_allclose(told, model.predict(at + changes), rtol=0, atol=2e-10)
        which = rng.random(chains) < 0.5
        before = stepping.values.copy()
        stepping.accept(which)
        at[which] += changes[which]
        np.testing.assert_array_equal(stepping.values, np.where(which, told, before))
    np.testing.assert_allclose(stepping.values, model.predict(at), rtol=0, atol=2e-9)
    stepping.refresh(at)
    np.testing.assert_allclose(stepping.values, model.predict(at), rtol=1e-15)


def test_steps_out_of_all_that_references_span_are_exact_too(model, space):
    rng = np.random.default_rng(3)
    at = space(rng.normal(size=(4, HIDDEN)))
    for size in (1e-3, 1.0, 30.0):
        stepping, changes = SteppingEmlm(model, at), np.zeros_like(at)
        changes[:, KINDS[0]] = size * rng.normal(size=(4, 15))
        told = stepping.trial(changes, _columns(KINDS[0]))
        np.testing.assert_allclose(told, model.predict(at + changes), rtol=1e-13)


def test_a_step_onto_a_reference(model, space):
    """Where a squared distance would be the difference of large numbers."""
    hidden = np.random.default_rng(1).normal(size=(POINTS, HIDDEN))
    references = space(hidden)
    stepping = SteppingEmlm(model, references[:3] + 0.1)
    told = stepping.trial(np.full((3, FEATURES), -0.1) + 1e-9, _columns(KINDS[2]))
    np.testing.assert_allclose(told, model.predict(references[:3] + 1e-9), rtol=0, atol=1e-9)


def test_what_came_before_a_refresh_does_not_matter(model, space):
    """So that a walk goes on bit for bit from a frame."""
    rng = np.random.default_rng(4)
    at = space(rng.normal(size=(3, HIDDEN)))
    changes = np.where(_columns(KINDS[1]), 0.01 * rng.normal(size=at.shape), 0.0)
    old = SteppingEmlm(model, space(rng.normal(size=(3, HIDDEN))))
    for kind in KINDS:
        old.trial(np.where(_columns(kind), 0.5, 0.0) * np.ones_like(at), _columns(kind))
        old.accept(np.ones(3, dtype=bool))
    old.refresh(at)
    fresh = SteppingEmlm(model, at)
    np.testing.assert_array_equal(old.trial(changes, _columns(KINDS[1])), fresh.trial(changes, _columns(KINDS[1])))


def test_another_number_of_points_is_as_new(model, space):
    rng = np.random.default_rng(6)
    at = space(rng.normal(size=(3, HIDDEN)))
    changes = np.where(_columns(KINDS[1]), 0.01 * rng.normal(size=at.shape), 0.0)
    old = SteppingEmlm(model, at[:1])
    old.trial(changes[:1], _columns(KINDS[1]))
    old.refresh(at)
    with pytest.raises(ValueError, match="call `trial` first"):
        old.accept(np.ones(3, dtype=bool))
    fresh = SteppingEmlm(model, at)
    np.testing.assert_array_equal(old.trial(changes, _columns(KINDS[1])), fresh.trial(changes, _columns(KINDS[1])))


def test_bad_input(model, space):
    at = space(np.zeros((1, HIDDEN)))
    with pytest.raises(ValueError, match="call `trial` first"):
        SteppingEmlm(model, at).accept(np.array([True]))
    with pytest.raises(FeaturesError, match="NaN or inf"):
        SteppingEmlm(model, at * np.nan)
    hidden = np.random.default_rng(1).normal(size=(POINTS, HIDDEN))
    with pytest.raises(FeaturesError, match="2 outputs; steps are predicted for one"):
        SteppingEmlm(Emlm().fit(space(hidden), hidden[:, :2]), at)


@pytest.mark.parametrize("chains", [1, 4])
def test_directions_that_carry_little_are_kept_in_single_precision(chains, monkeypatch):
    """A step within what was foreseen errs by no more than was allowed; one beyond is computed from all features."""
    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(HIDDEN, FEATURES))
    hidden = rng.normal(size=(POINTS + chains, HIDDEN))
    features = np.tanh(0.03 * hidden @ mixing)
    model = Emlm(scale="none").fit(features[:POINTS], (hidden[:POINTS] ** 2).sum(axis=1)).compress()
    at, columns = features[POINTS:], _columns(KINDS[1])
    stepping = SteppingEmlm(model, at)
    part = stepping._part(columns)
    assert part.fine.dtype == np.float64
    assert part.coarse.dtype == np.float32
    assert min(part.fine.shape[1], part.coarse.shape[1]) > 0
    assert part.fine.shape[1] + part.coarse.shape[1] == len(part.basis)
    within = np.where(columns, 0.1 * (features[:chains] - at), 0.0)
    beyond = np.where(columns, rng.normal(size=at.shape), 0.0)
    whole = stepping._to.from_moved
    for changes, asked in ((within, 0), (beyond, chains)):
        found = []

        def counted(moved, found=found, **how):
            found.extend(moved)
            return whole(moved, **how)

        monkeypatch.setattr(stepping._to, "from_moved", counted)
        told = stepping.trial(changes, columns)
        monkeypatch.undo()
        assert len(found) == asked
        np.testing.assert_allclose(
            told, model.predict(at + changes), rtol=0, atol=10 * ROUNDING * model.target_spread_[0]
        )
