"""The report's section on distorted bonds."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.files import write_frames
from auric.report.assets import Assets
from auric.report.distortions import draw_distortions
from auric.report.inputs import BOND_CHANGES, DISTORTIONS, ReportFiles
from auric.structures import build_ring, with_atom
from auric.structures.bonds import GOLD_SULFUR


@pytest.fixture
def assets(tmp_path):
    (tmp_path / "assets").mkdir()
    return Assets(tmp_path / "assets")


@pytest.fixture
def ring():
    return build_ring(4)


def files(place, ring, names=("near", "far")):
    bonds, verdicts = GOLD_SULFUR.bonds(ring), ["weakened", "tightened", "within noise", "not read", "broken"]
    rows = [
        {
            "name": name, "compared_with": "p", "bond": bond.label, "left_atom": bond.left, "right_atom": bond.right, "mask": mask,
            "share": share, "shape": "strip", "scale": scale, "subject": subject, "parent_length_angstrom": 2.3, "length_angstrom": 2.31,
            "change_angstrom": np.nan if verdicts[k % 5] in ("not read", "broken") else 0.001 * (1 - k % 3), "noise_angstrom": 0.0005,
            "verdict": verdicts[k % 5], "mayer_change": 0.01, "added_atom_angstrom": 2.0,
        }
        for mask, share, scale, subject in (
            ("share_1", 1.0, "bond", "elfnet, solved"),
            ("share_0.38_angstrom", 0.38, "angstrom", "steady ridge on the image"),  # of the same share, and not the valence ruler's
            ("share_0.38", 0.38, "bond", "steady ridge on the image"),
        )
        for name in names for k, bond in enumerate(bonds)
    ]  # fmt: skip
    made = [
        {
            "name": name, "compared_with": "p" if name != "p" else "", "formula": "Au4S4H4O", "charge": 0, "multiplicity": 1,
            "energy_above_lowest_ev": 0.25, "geometry": "gfn1-xtb", "steps": 0, "residual_force_ev_angstrom": np.nan if name == "far" else 0.03,
            "nearest_added_angstrom": np.inf if name == "p" else 1.9, "bonds": 8, "broken": 1, "formed": 0,
            "reacted": "S0-H8 broken, H8-O16 formed" if name == "far" else "",
        }
        for name in ("p", *names)
    ]  # fmt: skip
    pd.DataFrame(rows)[list(BOND_CHANGES)].to_csv(place / "changes.csv", index=False)
    pd.DataFrame(made)[list(DISTORTIONS)].to_csv(place / "made.csv", index=False)
    for name in names:
        atoms: Atoms = with_atom(ring, 0, 2.0)
        atoms.info = {"name": name}
        write_frames(place / f"{name}.extxyz", [atoms])
    return ReportFiles(
        scorecards=(), frames=(), failures="", dropped="", bond_changes=place / "changes.csv", distortions=place / "made.csv",
        distorted=[place / f"{name}.extxyz" for name in names],
    )  # fmt: skip


def test_a_study_without_distortions_has_no_section(assets):
    assert draw_distortions(assets, ReportFiles(scorecards=(), frames=(), failures="", dropped="")) is None


def test_figure_words_and_rows(assets, tmp_path, ring):
    content = draw_distortions(assets, files(tmp_path, ring))
    assert (tmp_path / content["file"]).stat().st_size > 5000
    assert {"changes", "distortions"} <= set(assets.links)
    # Of eight bonds of each of two structures: two weakened, two tightened, two within noise; the others are not read or broken.
    assert (
        "4 of 12 bonds read as weakened, 4 as tightened; of undisturbed bonds 1 would be. Mayer's bond order changes in the same sense in 4 of these 8. "
        "A change must exceed 0.0005 Å to be told (median); those read are 0.0010 Å." in content["words"][0]
    )
    assert "central 38 %: 4 of 12 bonds read as weakened" in content["words"][1]
    assert content["words"][2:] == [
        "far has reacted: S0-H8 broken, H8-O16 formed. It is another molecule than its parent, and its changes are those of the reaction."
    ]
    rows = {row["name"]: row for row in content["rows"]}
    assert rows["near"]["verdicts"] == ["2 / 2", "2 / 2"]
    assert rows["near"]["force"] == "0.030"
    assert rows["far"]["force"] == "not computed"
    assert rows["p"]["verdicts"] == ["", ""]
    assert rows["p"]["added"] == ""
    assert content["left_out"] == 0


def test_many_structures_are_told_and_not_all_drawn(assets, tmp_path, ring):
    content = draw_distortions(assets, files(tmp_path, ring, names=tuple(f"d{k}" for k in range(14))))
    assert content["left_out"] == 2
