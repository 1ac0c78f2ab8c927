"""Numbers and words of the summary, the scorecard's judgement, and the small choices behind figures."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.report import figures, page, scene, scores
from auric.scorecard import COLUMNS

NO_SCORECARD = pd.DataFrame(columns=list(COLUMNS))


def table(errors: dict[str, np.ndarray], *, split: str = "bond") -> pd.DataFrame:
    """Predictions with these errors (angstrom), two images of each bond, folds by turns."""
    parts = []
    for subject, error in errors.items():
        number = np.arange(len(error))
        parts.append(pd.DataFrame({
            "split": split, "fold": (number % 5).astype(str), "image": number.astype(str), "structure": "s",
            "bond": (number // 2).astype(str),
            "bond_length_angstrom": 2.4, "subject": subject, "error_angstrom": error,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_interval_has_the_width_of_independent_bonds():
    # Two equal images per bond: the interval must be that of n / 2 numbers, not of n.
    rng = np.random.default_rng(3)
    error = np.repeat(np.abs(rng.normal(0, 0.01, 400)), 2)
    (found,) = scores.split_scores(table({"elfnet": error}), NO_SCORECARD)
    score = found.scores[0]
    expected = 2 * 1.96 * error.std() / np.sqrt(400)
    assert score.mae_angstrom == pytest.approx(error.mean())
    assert score.high_angstrom - score.low_angstrom == pytest.approx(expected, rel=0.08)
    assert (score.n, found.folds, found.untested) == (800, 5, 0)


@pytest.mark.parametrize(
    ("elfnet", "ridge", "winner", "words"),
    [
        (0.002, 0.010, "elfnet", "ELFnet wins"),
        (0.010, 0.002, "ridge on the bond line", "Ridge on the bond line wins"),
        (0.0098, 0.010, "ridge on the bond line", "the simpler ridge on the bond line is as good"),
        (0.010, 0.0098, "ridge on the bond line", "is the simpler"),
    ],
)
def test_the_simplest_that_wins_is_named(elfnet, ridge, winner, words):
    rng = np.random.default_rng(4)
    errors = {"elfnet": elfnet, "ridge on the bond line": ridge, "mean": 0.1}
    (found,) = scores.split_scores(
        table({subject: size * np.abs(rng.normal(1, 0.2, 200)) for subject, size in errors.items()}), NO_SCORECARD
    )
    assert found.winner == winner
    assert words in found.plainly


def test_the_scorecards_interval_is_taken_where_it_states_the_same_number():
    error = np.full(40, 0.01)
    row = dict.fromkeys(COLUMNS, "") | {"system": "ruler", "quantity": "mae", "split": "bond", "subject": "elfnet"}
    for ours, interval in ((0.01, (0.008, 0.013)), (0.011, (0.01, 0.01))):
        scorecard = pd.DataFrame([row | {"ours": ours, "ci_low": 0.008, "ci_high": 0.013}])
        (found,) = scores.split_scores(table({"elfnet": error}), scorecard)
        assert (found.scores[0].low_angstrom, found.scores[0].high_angstrom) == pytest.approx(interval)


def test_bins_are_half_open_and_shorter_bonds_join_the_first():
    lengths = [2.1, 2.3, 2.399, 2.4, 2.5, 2.699, 2.7]
    rows = table({"elfnet": np.full(len(lengths), 0.01)}).assign(bond_length_angstrom=lengths)
    found = scores.error_by_bin(rows).set_index("bin")["n"].to_dict()
    assert found == {"below 2.4": 3, "2.4-2.5": 1, "2.5-2.6": 1, "2.6-2.7": 1, "2.7 and longer": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0021, "0.00210"), (-0.5, "-0.500"), (14.23, "14.2"), (12345.6, "12,346"), (0, "0"), (3e-7, "3.00e-07"),
     (float("nan"), page.ABSENT), ("", page.ABSENT), (2.5e7, "2.50e+07")],
)  # fmt: skip
def test_numbers_in_print(value, text):
    assert page.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0021, "0.0021"), (0.17206, "0.1721"), (0.00033, "0.00033"), (-0.0000108, "-0.000011"), (0, "0.0000"),
     (1e-9, "0.000000")],
)  # fmt: skip
def test_lengths_in_print(value, text):
    assert scores.in_angstrom(value) == text


@pytest.mark.parametrize(
    ("ours", "interval", "paper", "better", "comparable", "word"),
    [
        (0.001, (0.0005, 0.0015), 0.0021, "lower", "same data", "better"),
        (0.001, (0.0005, 0.0025), 0.0021, "lower", "same data", "as good"),
        (0.004, (0.003, 0.005), 0.0021, "lower", "same data", "worse"),
        (0.9, (np.nan, np.nan), 0.8, "higher", "same data", "better"),
        (0.9, (np.nan, np.nan), 0.8, "higher", "not comparable", "not judged"),
        (0.9, (0.8, 1.0), "", "higher", "same data", page.ABSENT),
        (-0.08, (-0.09, -0.07), 0.057, "zero", "same data", "worse"),
        (-0.02, (-0.03, -0.01), 0.057, "zero", "same data", "better"),
        (0.02, (0.01, 0.03), -0.057, "zero", "same data", "better"),
        (-0.05, (-0.06, -0.04), 0.057, "zero", "same data", "as good"),
        (-0.057, (np.nan, np.nan), 0.057, "zero", "same data", "as good"),
    ],
)
def test_judgement_of_a_scorecard_row(ours, interval, paper, better, comparable, word):
    row = dict.fromkeys(COLUMNS, "") | {"ours": ours, "ci_low": interval[0], "ci_high": interval[1], "paper": paper}
    (group,) = page.scorecard_rooms(pd.DataFrame([row | {"better": better, "comparable": comparable}]))
    assert group["rows"][0]["verdict"]["word"] == word


def test_images_go_from_the_shortest_to_the_longest():
    lengths = np.array([2.5, 2.3, 2.7, 2.31, 2.6])
    chosen = figures.choose_images(lengths, count=3)
    assert lengths[chosen].tolist() == [2.3, 2.5, 2.7]
    assert figures.choose_images(np.array([])) == []
    assert len(figures.choose_images(np.full(9, 2.4))) == 1


def test_scene_keeps_positions_and_thins_long_runs(monkeypatch):
    rng = np.random.default_rng(6)
    frames = [Atoms("AuSH", rng.normal(size=(3, 3)), info={"structure": "a", "name": f"a/{k}"}) for k in range(10)]
    bad = Atoms("Au", [[np.nan, 0, 0]], info={"structure": "a"})
    entry = scene.scene([*frames, bad])["structures"][0]
    assert entry["total"] == len(entry["frames"]) == 10
    np.testing.assert_allclose(np.reshape(entry["frames"][4]["xyz"], (3, 3)) / 1000, frames[4].positions, atol=6e-4)
    turn = np.array(entry["facing"])
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-3)  # a rotation: handedness of a cluster is kept
    monkeypatch.setattr(scene, "MOST_COORDINATES", 30)
    thinned = scene.scene(frames)["structures"][0]
    assert [frame["name"] for frame in thinned["frames"]] == ["a/0", "a/3", "a/6", "a/9"]
    many = [Atoms("Au", [[k, 0, 0]], info={"structure": f"{k:02}"}) for k in range(25)]
    found = scene.scene(many)
    assert found["found"] == 25
    assert len(found["structures"]) == 9
