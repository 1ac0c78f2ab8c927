"""The section on Monte Carlo walks."""

import re

import pandas as pd

from auric.report import inputs, walk_figures, walks
from tests.report.conftest import every_page


def test_columns_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.sampling import beside, differences, isomers, landscape

    assert set(inputs.GEOMETRY) <= set(beside.GEOMETRY_COLUMNS)
    assert set(inputs.CURVES) <= set(beside.CURVE_COLUMNS)
    assert set(inputs.CHANGES) <= set(differences.DIFFERENCE_COLUMNS)
    assert set(inputs.WALK_PLACES) <= set(landscape.PLACE_COLUMNS)
    assert set(inputs.ISOMERS) <= set(isomers.ISOMER_COLUMNS)
    assert walks.WHOLE == beside.WHOLE
    assert (walks.NEXT, walks.FAR) == (differences.NEXT, differences.FAR)
    assert walks.DYNAMICS == isomers.DYNAMICS == landscape.DYNAMICS
    assert walk_figures.TRAINING == landscape.TRAINING
    assert beside.WALKERS["linear"] == walk_figures.RECOMMENDED
    assert beside.WALKERS["corrected"] == walks.CORRECTED


def test_a_walk_at_a_better_level_is_not_ranked(study):
    study.add_walk("ring_test", {"linear, energies and forces": 0.004, walks.CORRECTED: 0.06})
    source = every_page(study.build())
    assert "is of another level of theory than the dynamics" in source
    assert "Nearer to the dynamics, of" not in source


def test_words_and_figures(finished):
    _, folder = finished
    source = every_page(folder)
    section = source[source.index('<section id="walks">') :]
    section = section[: section.index("</section>")]
    assert "ring_test (300 K)" in section
    assert "the walk on “linear, energies and forces” for 2, on “EMLM on MBTR, second parameters” for 0" in section
    assert "by its slowest kind: “linear, energies and forces” 320" in section
    assert "lie 25 % of the dynamics, 0 % of the walk on “linear, energies and forces”, 0 % of the walk on" in section
    assert re.search(r"Au-Au</td><td class=.figure.>\+0.060 Å</td>", section)
    assert "half a walk apart differ with a standard deviation of 0.100 eV on “linear, energies and forces”" in section
    assert section.count("has not settled") == 1
    assert (
        "The walk on “EMLM on MBTR, second parameters” has not settled: its mean energy falls by 0.0300 eV" in section
    )
    assert "“linear, energies and forces”: for 4 of 4 kinds and temperatures" in section
    assert "“EMLM on MBTR, second parameters”: for 0 of 4 kinds" in section
    assert section.count("<figure>") == 5
    for file in re.findall(r'src="(assets/(?:walk|isomers)_[^"]+)"', section):
        assert (folder / file).stat().st_size > 2000
    assert "<script>" not in section  # a hostile name stays text


def test_any_number_of_kinds_is_drawn_and_told(study):
    study.add_walk("ring_test", {"linear, energies and forces": 0.004, "emlm on MBTR, second parameters": 0.06})
    tables = study.walks[-1]
    for name in ("geometry", "curves"):
        gold = tables[name][tables[name]["coordinate"] == "Au-Au"]
        more = [gold.assign(coordinate=kind) for kind in ("core Au-Au", "S-Au", "S-C")]
        tables[name] = pd.concat([tables[name], *more])
    source = every_page(study.build())
    assert "Nearer to the dynamics, of 5 kinds of bonds and angles" in source
    assert re.search(r"<td>core Au-Au</td><td class=.figure.>\+0.060 Å</td>", source)


def test_no_walks_no_section(study):
    study.forget_the_ruler()
    assert 'id="walks"' not in every_page(study.build())


def test_a_chain_that_fell_is_told():
    far = {"apart": walks.FAR, "walker": "linear, energies and forces", "walk_harmonic_ev": 0.36, "dynamics_harmonic_ev": 0.5,
           "dynamics_sd_ev": 0.49, "walk_drift_ev": -172.8, "walk_drift_half_width_ev": 20.0}  # fmt: skip
    for spread, fallen in ((0.4, False), (1.0, False), (1.2, True), (689.0, True)):
        changes = pd.DataFrame([far | {"walk_sd_ev": spread}])
        walked = walks.Walked("run", changes, changes, changes, changes, changes)
        told = walks.words_on_energies(walked)
        assert ("has fallen into a hole of the potential" in told) == fallen
        assert ("has not settled" in told) == (not fallen)
