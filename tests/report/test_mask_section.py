"""The report's section on masks."""

import numpy as np
import pandas as pd
import pytest

from auric.report.assets import Assets
from auric.report.inputs import BONDING, MASKS, ReportFiles
from auric.report.masks import JUDGED, SCALES, draw_masks, words


def errors():
    rows = [
        {"share": share, "shape": shape, "scale": "bond", "subject": subject, "split": split, "mae_angstrom": 0.002 / share,
         "ci_low_angstrom": 0.0015 / share, "ci_high_angstrom": np.nan if share == 0.25 else 0.003 / share}
        for share in (1.0, 0.5, 0.25) for shape in ("strip", "window") for split in ("bond", "structure")
        for subject in ("ridge on the bond line", "ridge on the image")
    ]  # fmt: skip
    alone = rows[0] | {"scale": "angstrom", "subject": "the mask alone", "mae_angstrom": 0.0123}
    return pd.DataFrame([*rows, alone])[list(MASKS)]


def bonding(**changed):
    rows = [
        {"share": share, "shape": "strip", "scale": "bond", "subject": subject, "role": role, "index": index, "kind": kind,
         "judged": judged, "correlation": 0.6 if share == 1 else -0.95, "ci_low": 0.4 - share, "ci_high": 0.8, "bonds": 102,
         "rank_correlation": -0.9, "less_full_ruler": -1.5, "less_full_ruler_ci_low": -1.7, "less_full_ruler_ci_high": -1.2,
         "partial_correlation": -0.3, "partial_ci_low": -0.5, "partial_ci_high": -0.1, "field_correlation": -0.98,
         "random_median": 0.97, "random_stronger": 0.25, "followed": 7, "distinct_bonds": 39, "structures": 10}
        for share, subject, role in ((1.0, "elfnet, solved", "full ruler"), (0.38, "steady ridge on the image", "valence ruler"))
        for index in ("mayer", "delocalisation") for kind in ("field", "charge", "all")
        for judged in ("all bonds", "within molecules", "across molecules")
    ]  # fmt: skip
    return pd.DataFrame(rows)[list(BONDING)].assign(**changed)


def files(place, masks=None, correlations=None):
    for name, table in (("masks", masks), ("bonding", correlations)):
        if table is not None:
            table.to_csv(place / f"{name}.csv", index=False)
    return ReportFiles(
        scorecards=(), frames=(), failures="", dropped="", masks=place / "masks.csv" if masks is not None else "",
        bonding=place / "bonding.csv" if correlations is not None else "",
    )  # fmt: skip


@pytest.fixture
def assets(tmp_path):
    (tmp_path / "assets").mkdir()
    return Assets(tmp_path / "assets")


def test_a_study_without_masks_has_no_section(assets, tmp_path):
    assert draw_masks(assets, files(tmp_path)) is None


def test_figure_words_and_tables(assets, tmp_path):
    content = draw_masks(assets, files(tmp_path, errors(), bonding()))
    assert (tmp_path / content["file"]).stat().st_size > 5000
    assert {"masks", "bonding"} <= set(assets.links)
    worth = (
        "What that is worth: readers with random weights on the same pixels reach 0.97 in the median, up to the sign; 25 % of them are as negative; "
        "the field along the bond alone has -0.98; left with that field held fixed is -0.30 (-0.50 to -0.10)."
    )  # fmt: skip
    assert content["words"] == [
        sentence
        for kind in ("In fields", "Charged", "All states together")
        for sentence in (
            f"{kind}: correlation of the valence ruler's reading (central 38 %) with Mayer's bond order -0.95 (0.02 to 0.80), of ranks -0.90; of the full ruler "
            "0.60 (-0.60 to 0.80), of ranks -0.90; less that of the full ruler, -1.50 (-1.70 to -1.20) "
            "(102 bonds, 39 of them of different length, of 10 structures, 7 of which are at -0.9 or below; within molecules; a stronger bond reads shorter, so -1 is perfect).",
            worth,
        )
    ] + [
        "Of all 2 readings and masks the lowest is that of steady ridge on the image on the central 38 % of the bond, -0.95: "
        "chosen afterwards, and so too good."
    ]
    fields = bonding()
    assert sum("correlation of" in said for said in words(fields[fields["kind"] != "charge"])) == 1  # all are fields
    nothing = dict.fromkeys(("field_correlation", "random_median", "random_stronger", "partial_correlation"), np.nan)
    assert not any("worth" in said for said in words(bonding(**nothing)))
    assert "0.0123 Å" in content["alone"][0]
    assert len(content["rows"]) == 6  # Mayer's alone, of all kinds of state
    stretched = draw_masks(assets, files(tmp_path, errors(), bonding(scale="resampled")))
    alone = bonding()
    alone.loc[alone["judged"] == JUDGED, "correlation"] = np.nan  # of a structure with one bond
    assert len(draw_masks(assets, files(tmp_path, errors(), alone))["rows"]) == 4
    assert {row["radii"] for row in content["rows"] + stretched["rows"]} == {SCALES["bond"], SCALES["resampled"]}


@pytest.mark.parametrize("parts", [(errors(), None), (None, bonding(kind="charge", ci_low=np.nan))])
def test_half_of_it_is_drawn_too(assets, tmp_path, parts):
    content = draw_masks(assets, files(tmp_path, *parts))
    assert (tmp_path / content["file"]).exists()
    said = [] if parts[1] is None else ["Charged", "What that is worth"]
    assert [words.split(":")[0] for words in content["words"]] == said


def test_what_has_no_correlation_is_not_the_best():
    assert words(bonding(correlation=np.nan)) == []
