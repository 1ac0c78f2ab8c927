"""The sections on what ELFnet sees and on model exploration."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auric.files import write_dataset, write_table
from auric.report import build_report, explained, explored, inputs
from tests.report.conftest import every_page


def test_columns_and_words_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.ruler import conclusions, modes, seen, variants

    assert set(inputs.MODES) <= set(seen.MODE_COLUMNS)
    assert inputs.OCCLUSION == seen.OCCLUSION_COLUMNS
    assert inputs.CHECKS == seen.CHECK_COLUMNS
    assert inputs.VARIANTS == conclusions.VARIANT_COLUMNS
    assert set(inputs.CONCLUSIONS) <= set(conclusions.CONCLUSION_COLUMNS)
    assert explained.MODES == modes.MODES
    for name in ("CAM", "OCCLUSION", "SCORES", "ANOTHER", "RANDOM", "ZERO", "MEAN"):
        assert getattr(explained, name) == getattr(seen, name)
    assert (explored.HOLDS, explored.FAILS, explored.OPEN) == (conclusions.HOLDS, conclusions.FAILS, conclusions.OPEN)
    assert explored.BASE == variants.BASE


CHECKS = {
    ("modes", "share right"): (0.5, 0.4, 0.6), ("modes", "share left"): (0.3, 0.2, 0.4), ("modes", "share vertical"): (0.1, np.nan, np.nan),
    ("modes", "share centre"): (0.05, 0, 0.1),
    ("modes", "share none"): (0.1, 0.05, 0.15), ("modes", "kinds (peaks), all folds"): (3, 3, 3),
    ("modes", "samples with three kinds, all folds"): (0.98, np.nan, np.nan),
    ("modes", "agreement with another training (kappa)"): (0.8, np.nan, np.nan),
    ("modes", "agreement with another training, both signs (kappa)"): (0.7, np.nan, np.nan),
    ("Grad-CAM", "another training"): (0.1, -0.1, 0.2), ("occlusion", "another training"): (0.7, 0.6, 0.8),
    ("Grad-CAM", "drawn anew down to: last layer"): (0.2, 0.1, 0.3),
    ("Grad-CAM", "all weights drawn anew"): (0.0, -0.2, 0.2), ("occlusion", "all weights drawn anew"): (0.1, 0.0, 0.2),
}  # fmt: skip


def written(folder, rng, checks=CHECKS):
    cam = rng.normal(size=(12, 3, 3))
    maps = xr.Dataset(
        {"grad_cam": (("image", "cam_y", "cam_x"), cam), "example_elf": (("example", "y", "x"), rng.random((2, 9, 9))),
         "feature_map_1": (("example", "y_1", "x_1"), rng.random((2, 7, 7)))},
        coords={"cam_from": ("cam_x", [0.0, 0.1, 0.2]), "cam_to": ("cam_x", [0.8, 0.9, 1.0]), "example_place": ("example", [0, 5]),
                "example_mode": ("example", ["right", "vertical"])},
    )  # fmt: skip
    write_dataset(folder / "e.nc", maps)
    scores = rng.uniform(-1, 1, (12, 3))
    modes = pd.DataFrame({"image": "<i>x", "bond": "b", "fold": 0, "bond_length_angstrom": 2.4, "toward_right": scores[:, 0],
                          "upward": scores[:, 1], "stretch": scores[:, 2], "mode": "right", "twin_mode": ""})  # fmt: skip
    write_table(folder / "m.csv", modes, inputs.MODES)
    zones = [(fill, row, column, 0.01, 800.0 if (row, column) == ("middle", "right") else 150.0, 100.0, 900.0, 12)
             for fill in ("zero", "mean image") for row in ("lower", "middle", "upper") for column in ("left", "centre", "right")]  # fmt: skip
    write_table(folder / "o.csv", pd.DataFrame(zones, columns=list(inputs.OCCLUSION)), inputs.OCCLUSION)
    table = pd.DataFrame([(*key, *values, 12) for key, values in checks.items()], columns=list(inputs.CHECKS))
    write_table(folder / "c.csv", table, inputs.CHECKS)
    variants = [("<i>drop", "dropout 0.3", "bond", 3, 0, 90, 1000, 60, 0.002, 0.006, 0.005, 0.007, 0.002, 0.001, 0.003),
                ("base", "nothing", "bond", 3, 0, 90, 1000, 60, 0.002, 0.004, 0.003, 0.005, 0, np.nan, np.nan),
                ("wild", "learning_rate 1", "bond", 0, 3, 0, 0, 0, *7 * [np.nan])]  # fmt: skip
    write_table(folder / "v.csv", pd.DataFrame(variants, columns=list(inputs.VARIANTS)), inputs.VARIANTS)
    rows = [("dropout makes it worse, at any rate", "0.0", 1, "holds", "<i>drop", 0.002, 0.001, 0.003, 0.0005),
            ("six convolutions read best", "6", 0, "not tested", "", np.nan, np.nan, np.nan, 0.0005)]  # fmt: skip
    write_table(folder / "k.csv", pd.DataFrame(rows, columns=list(inputs.CONCLUSIONS)), inputs.CONCLUSIONS)
    names = {
        "explanations": "e.nc",
        "modes": "m.csv",
        "occlusion": "o.csv",
        "checks": "c.csv",
        "variants": "v.csv",
        "conclusions": "k.csv",
    }
    return {name: folder / file for name, file in names.items()}


def section(source, name):
    part = source[source.index(f'<section id="{name}">') :]
    return part[: part.index("</section>")]


def test_words_and_figures(study, rng):
    bond = study.bonds.iloc[:1].assign(bond="S0-Ag1")
    study.forget_the_ruler()
    study.bonds = bond
    files = study.write() | written(study.folder, rng)
    place = study.folder / "report"
    build_report(inputs.ReportFiles(**files), configuration={}, folder=place, archive=study.folder / "r.zip", study="x")
    source = every_page(place)
    seen, tried = section(source, "explained"), section(source, "explored")
    assert "3 x 3 cells" in seen
    assert "each sees 80 % of the image" in seen
    assert (
        "raises the mean error by 150 % (95 % interval 100 to 900); the paper states more than 400 %, but the zone middle right"
        in seen
    )
    assert "(S left, Ag right)" in seen
    assert "right 50 % (40 to 60)" in seen
    assert "vertical 10 %, centre 5 % (0 to 10)" in seen
    assert "three kinds are there" in seen
    assert "modes belong to the images" in seen
    assert "Grad-CAM: rank correlation" in seen
    assert "A network that learned nothing agrees as well" in seen
    assert "Weights drawn anew lose what two trainings share" in seen
    assert (
        "1 hold, 0 do not hold and 0 undecided; chance in training gives such a difference a standard deviation of 0.00050"
        in tried
    )
    assert "3 variants of ELFnet on the same 3 folds (split by bond)" in tried
    assert "the best variant (base)" in tried
    assert "&lt;i&gt;drop" in tried
    assert "<i>drop" not in source
    for file in re.findall(r'src="(assets/[^"]+)"', seen + tried):
        assert (place / file).stat().st_size > 2000
    assert (seen.count("<figure>"), tried.count("<figure>")) == (4, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({("modes", "kinds (peaks), all folds"): (4, 3, 5)}, "that there are three kinds is not borne out"),
        (
            {("modes", "samples with three kinds, all folds"): (0.5, 0, 0)},
            "that there are three kinds is not borne out",
        ),
        (
            {("modes", "agreement with another training (kappa)"): (0.05, 0, 0)},
            "modes belong to a training rather than to the images",
        ),
    ],
)
def test_modes_are_judged_by_the_checks(tmp_path, rng, changes, words):
    files = written(tmp_path, rng, CHECKS | changes)
    found = explained.gather(inputs.ReportFiles([], [], "", "", **files))
    assert words in " ".join(explained.words_on_modes(found))


def test_nothing_explained_or_explored_no_section(study):
    study.forget_the_ruler()
    source = every_page(study.build())
    assert 'id="explained"' not in source
    assert 'id="explored"' not in source
