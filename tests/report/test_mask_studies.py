"""Errors behind masks of several studies beside each other."""

import pytest

from auric.cli import main
from auric.files import write_table
from auric.scorecard import COLUMNS

MASKS = {"no mask": 0.001, "central 50 % of the bond": 0.002, "central 38 % of the bond": 0.003,
         "central 38 % of the bond, edge fixed in angstrom": 0.004, "all structures": 0.9}  # fmt: skip


@pytest.fixture
def scorecards(tmp_path):
    places = []
    for study, times in (("core11", 1), ("core79", 2)):
        rows = [
            {"study": study, "system": "ruler", "quantity": "mae", "unit": "angstrom", "subject": subject, "ours": times * error,
             "ci_low": "" if data == "no mask" else 0.9 * times * error, "ci_high": "" if data == "no mask" else 1.1 * times * error, "data": data, "split": split}
            for subject in ("ridge on the bond line", "ridge on the image") for split in ("bond", "structure")
            for data, error in MASKS.items() if (study, data) != ("core79", "central 50 % of the bond")
        ]  # fmt: skip
        places.append(tmp_path / f"scorecard_{study}.csv")
        write_table(places[-1], rows, COLUMNS)
    return places


def test_a_column_for_each_study_and_a_figure(scorecards, tmp_path, capsys):
    assert main(["masks", *map(str, scorecards), "--figure", str(tmp_path / "masks.svg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Mean absolute errors in angstrom, split by structure")
    assert lines[2] == "| kept | read by | core11 | core79 |"
    assert (
        "| central 38 % of the bond | ridge on the bond line | 0.003 (0.0027 to 0.0033) | 0.006 (0.0054 to 0.0066) |"
        in lines
    )
    assert any(line.startswith("| central 50 % of the bond |") and line.endswith("| - |") for line in lines)
    assert not any("all structures" in line for line in lines)
    assert len(lines) == 4 + 2 * 4
    assert (tmp_path / "masks.svg").stat().st_size > 5000


def test_scorecards_without_masks_are_refused(scorecards, tmp_path, capsys):
    assert main(["masks", str(scorecards[0]), "--split", "image"]) == 2
    assert "no errors behind masks, split by image" in capsys.readouterr().err
    assert main(["masks", str(scorecards[0]), "--figure", str(tmp_path / "no/masks.svg")]) == 2
    assert "there is no folder" in capsys.readouterr().err
