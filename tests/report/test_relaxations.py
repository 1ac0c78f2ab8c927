"""The section on relaxations."""

import re

from auric.report import inputs, relaxations
from tests.report.conftest import every_page


def test_columns_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.relaxation import better, series, tasks

    assert set(inputs.RELAXATIONS) <= set(tasks.COLUMNS)
    assert set(inputs.TRACES) == set(tasks.TRACE_COLUMNS)
    assert set(inputs.SERIES) <= set(series.SERIES_COLUMNS)
    assert set(inputs.RINGS) <= set(tasks.RING_COLUMNS)
    assert set(inputs.STRETCHED) <= set(tasks.STRETCHED_COLUMNS)
    assert (relaxations.REFERENCE, relaxations.COARSE, relaxations.BOTH) == (tasks.REFERENCE, tasks.COARSE, tasks.BOTH)
    assert better.BEFORE not in (tasks.REFERENCE, tasks.COARSE, tasks.BOTH)
    assert relaxations.DIRECTED == tasks.DIRECTED


def test_words_tables_and_figures(study):
    study.forget_the_ruler()
    study.add_relaxations("<b>ring</b>")
    study.add_relaxations("two", starts=1)
    folder = study.build()
    source = every_page(folder)
    section = source[source.index('<section id="relaxations">') :]
    section = section[: section.index("</section>")]
    assert "<b>ring" not in section
    assert "“hybrid” asked the reference 8 times (median of 3 starts), its own best way 50 times" in section
    assert "or lower on 3" in section
    assert "3 of 3 ways ended above their lowest energy, by 0.250 eV at most" in section
    assert "3 starts took 80 reference calls in all; the reference alone, 150" in section
    assert "3 rising" in section
    assert re.search(r"hybrid</td><td class=.figure.>2 of 2</td><td class=.figure.>\+0.100 \+0.100</td>", section)
    assert "0.930" in section
    assert section.count("<figure>") == 6
    for file in re.findall(r'src="(assets/relaxation_[^"]+)"', section):
        assert (folder / file).stat().st_size > 2000


def test_nothing_but_rings_and_no_relaxations_at_all(study):
    study.forget_the_ruler()
    assert 'id="relaxations"' not in every_page(study.build("none"))
    study.add_relaxations("two")
    study.relaxed = {"rings": study.relaxed["rings"]}
    source = every_page(study.build())
    assert "Rings from even shapes" in source
    assert "pulled out" not in source
