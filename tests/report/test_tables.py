"""Tables joined for the report."""

import pandas as pd

from auric.files import write_table
from auric.report import join_failures
from auric.report.tables import DROPPED_COLUMNS, FAILURE_COLUMNS


def test_failures_are_joined_and_a_study_without_images_dropped_none(tmp_path):
    row = {"stage": "dynamics", "structure": "ring", "frame": "ring_1", "reason": "broke"}
    write_table(tmp_path / "one.csv", [row], FAILURE_COLUMNS)
    write_table(tmp_path / "none.csv", [], FAILURE_COLUMNS)
    join_failures([tmp_path / "one.csv", tmp_path / "none.csv"], [], tmp_path / "all.csv", tmp_path / "dropped.csv")
    assert pd.read_csv(tmp_path / "all.csv").to_dict("records") == [row]
    assert list(pd.read_csv(tmp_path / "dropped.csv")) == list(DROPPED_COLUMNS)
