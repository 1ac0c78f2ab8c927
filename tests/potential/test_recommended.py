"""The best contender for each task."""

import math

import pandas as pd
import pytest

from auric.potential.recommended import RECOMMENDED_COLUMNS, TASKS, recommended

RUNS = {"a": "ring", "b": "ring", "c": "other"}


def _card(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """A scorecard from (quantity, subject, run, ours)."""
    table = pd.DataFrame(rows, columns=["quantity", "subject", "data", "ours"])
    return table.assign(unit="1", split="independent runs", n=100)


def test_the_winner_has_the_least_geometric_mean():
    """By the arithmetic mean `even` would win: 0.5 against 0.55."""
    card = _card(
        ("energy_rmse_over_sd", "good", "a", 0.1), ("energy_rmse_over_sd", "good", "b", 1.0),
        ("energy_rmse_over_sd", "even", "a", 0.5), ("energy_rmse_over_sd", "even", "b", 0.5),
    )  # fmt: skip
    (row,) = recommended(card, RUNS)
    assert (row["system"], row["recommended"], row["runner_up"]) == ("ring", "good", "even")
    assert row["ours"] == pytest.approx(math.sqrt(0.1))
    assert (row["ahead"], row["runs"]) == (1, 2)
    assert set(row) <= set(RECOMMENDED_COLUMNS)


def test_a_contender_without_an_answer_for_every_run_is_out():
    card = _card(
        ("block_energy_error", "absent once", "a", 0.001), ("block_energy_error", "there", "a", 0.5),
        ("block_energy_error", "there", "b", 0.5), ("block_energy_error", "nan", "a", 0.1), ("block_energy_error", "nan", "b", math.nan),
    )  # fmt: skip
    (row,) = recommended(card, RUNS)
    assert row["recommended"] == "there"
    assert "runner_up" not in row


def test_forces_are_judged_over_classes():
    card = _card(
        *(("weighted_angle", f"one: {kind}", "a", angle) for kind, angle in (("C", 1.0), ("S", 9.0))),
        *(("weighted_angle", f"two: {kind}", "a", angle) for kind, angle in (("C", 4.0), ("S", 4.0))),
    )  # fmt: skip
    (row,) = recommended(card, RUNS)
    assert (row["task"], row["recommended"], row["ours"]) == (TASKS["weighted_angle"], "one", pytest.approx(3.0))


def test_a_class_of_a_few_atoms_does_not_count():
    card = _card(
        *(("weighted_angle", f"one: {kind}", "a", angle) for kind, angle in (("H", 1.0), ("half-unit gold", 100.0))),
        *(("weighted_angle", f"two: {kind}", "a", angle) for kind, angle in (("H", 2.0), ("half-unit gold", 3.0))),
    )  # fmt: skip
    (row,) = recommended(card, RUNS)
    assert row["recommended"] == "two"
    (row,) = recommended(card.assign(n=[100, 1, 100, 1]), RUNS)
    assert (row["recommended"], row["ours"]) == ("one", pytest.approx(1.0))


def test_systems_apart_and_random_frames_left_out():
    card = _card(
        ("energy_rmse_over_sd", "x", "a", 0.3),
        ("energy_rmse_over_sd", "x", "b", 0.3),
        ("energy_rmse_over_sd", "y", "c", 0.0),
    )
    random = _card(("energy_rmse_over_sd", "z", "a", 0.01)).assign(split="random 80/20")
    rows = recommended(pd.concat([card, random]), RUNS)
    assert [(row["system"], row["recommended"]) for row in rows] == [("ring", "x"), ("other", "y")]
    assert recommended(random, RUNS) == []
