"""The section on Monte Carlo walks."""

import re

from auric.report import inputs, walks


def test_columns_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.sampling import beside

    assert set(inputs.GEOMETRY) <= set(beside.GEOMETRY_COLUMNS)
    assert set(inputs.CURVES) <= set(beside.CURVE_COLUMNS)
    assert walks.WHOLE == beside.WHOLE
    assert beside.WALKERS["linear"] == walks.RECOMMENDED


def test_words_and_figures(finished):
    _, folder = finished
    source = (folder / "index.html").read_text(encoding="utf-8")
    section = source[source.index('<section id="walks">') :]
    section = section[: section.index("</section>")]
    assert "ring_test (300 K)" in section
    assert "Au-Au +0.004Å (-0.00600 to 0.0140); S-Au-S +0.0° (" in section
    assert "worth 320 independent structures" in section
    assert section.count("<figure>") == 2
    for file in re.findall(r'src="(assets/walk_[^"]+)"', section):
        assert (folder / file).stat().st_size > 2000
    assert "<script>" not in section  # a hostile name stays text


def test_no_walks_no_section(study):
    study.forget_the_ruler()
    assert 'id="walks"' not in (study.build() / "index.html").read_text(encoding="utf-8")
