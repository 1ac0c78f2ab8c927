"""The section on potentials, and how the scorecard is laid out."""

import re

import numpy as np
import pandas as pd
import pytest

from auric.report import inputs, page, potential_section, potentials
from auric.scorecard import COLUMNS, write_scorecard
from tests.report.conftest import every_page

LINEAR, EMLM = "linear, energies and forces", "emlm on MBTR, second parameters"


def _gathered(study) -> list[potentials.System]:
    """The systems of a study, read from files."""
    write_scorecard(study.folder / "inputs" / "scorecard.csv", study.scorecard)
    return potentials.gather(
        inputs.read_scorecards([study.folder / "inputs" / "scorecard.csv"]), *study.write_potentials().values()
    )


def _source(folder) -> str:
    return every_page(folder)


def test_names_and_columns_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.potential import chart, comparison, contenders, recommended

    assert (potentials.UNSEEN, potentials.RANDOM) == (comparison.INDEPENDENT, comparison.RANDOM)
    assert potentials.LEFTOVERS == comparison.LEFTOVERS
    assert contenders.ENERGY_MODELS[contenders.RECOMMENDED].subject == potentials.RECOMMENDED
    assert tuple(contenders.ENERGY_MODELS[name].subject for name in ("emlm", "emlm_first")) == potentials.PUBLISHED
    assert comparison.DIRECTED == potentials.PUBLISHED_FORCES
    assert set(inputs.ENERGIES) <= set(comparison.ENERGY_COLUMNS)
    assert set(inputs.FORCES) <= set(comparison.FORCE_COLUMNS)
    assert set(inputs.PLACES) <= set(chart.MAP_COLUMNS)
    assert set(inputs.RECOMMENDED) <= set(recommended.RECOMMENDED_COLUMNS)


def test_the_best_for_each_task_is_a_table(finished):
    source = _source(finished[1])
    row = re.search(r"energies along a run</th>(.*?)</tr>", source, re.DOTALL)[1]
    cells = [cell.strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
    assert cells == [LINEAR, "0.100", "EMLM on MBTR, second parameters", "0.800", "2 of 2 runs"]
    row = re.search(r"energy of one moved block</th>(.*?)</tr>", source, re.DOTALL)[1]
    assert [cell.strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] == [
        LINEAR,
        "0.00200 eV",
        "",
        "",
        "",
    ]


def test_numbers_in_words_are_those_of_the_tables(finished):
    study, folder = finished
    table = study.potentials["ring"]["energies"]
    error = table.assign(error=table["predicted_ev"] - table["energy_ev"])
    groups = error.groupby(["subject", "split", "run"])
    ratio = groups["error"].std(ddof=0) / groups["energy_ev"].std(ddof=0)

    def words(subject: str, split: str) -> str:
        values = ratio[subject][split]
        low, high = page.number(values.min()), page.number(values.max())
        return low if low == high else f"{low} to {high}"

    source = _source(folder)
    assert f"“{LINEAR}” has the lowest error on 2 runs" in source
    assert f"{words(LINEAR, potentials.UNSEEN)} of a run&#39;s own standard deviation" in source
    assert "“EMLM on MBTR, second parameters” look 5.5 times better: " in source
    assert f"{words(EMLM, potentials.RANDOM)} instead of {words(EMLM, potentials.UNSEEN)}" in source
    spread = groups["energy_ev"].std(ddof=0)[LINEAR][potentials.UNSEEN]
    off = groups["error"].std(ddof=0)[LINEAR][potentials.UNSEEN]
    assert f"energies vary by {page.number(spread.min())} to {page.number(spread.max())}\u00a0eV" in source
    assert f"off by {page.number(off.min())} to {page.number(off.max())}\u00a0eV with “{LINEAR}”" in source
    assert f"“{LINEAR}” 3.00°; “EMLM norms, OAMLM directions” 30.0°." in source
    assert "holds 75 % of the variance" in source
    assert f"hold 80 to 90 % for “{LINEAR}”, with a width of 0.0500\u00a0eV" in source
    assert "ring_test0 (314 K)" in source  # the mean of 300, 301, ... 329 K, rounded


def test_frames_inside_the_outline_are_counted(study):
    study.add_potential("ring", {LINEAR: 0.1}, tests=1)
    places = study.potentials["ring"]["maps"]
    corners = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    training = places["role"] == "train"
    places.loc[training, ["pc1", "pc2"]] = np.resize(corners, (training.sum(), 2))
    places.loc[~training, ["pc1", "pc2"]] = [[1.0, 2.0]] * 6 + [[5.0, 2.0]] * 24
    (system,) = _gathered(study)
    assert "lie 20 % of ring_test0" in potentials.on_map(system)[1]
    outline = potentials.outline(system.places)
    assert {tuple(corner) for corner in outline} == {tuple(corner) for corner in corners}
    places.loc[training, "pc2"] = places.loc[training, "pc1"]  # in line: there is no area
    (system,) = _gathered(study)
    assert potentials.outline(system.places) is None
    assert len(potentials.on_map(system)) == 1


def test_the_section_shows_what_a_system_has(finished):
    _, folder = finished
    source = _source(folder)
    made = {path.name for path in (folder / "assets").glob("potential_*.svg")}
    assert made == {f"potential_1_{figure.name}.svg" for figure in potential_section.FIGURES} | {
        f"potential_2_{name}.svg" for name in ("contenders", "energies", "forces", "map")
    }
    assert '<h3 id="potential_2">&lt;b&gt;two</h3>' in source
    assert "on 1 run that nothing" in source
    kept = pd.read_csv(folder / "assets" / "potential_1_energies.csv")
    assert set(kept["split"]) == {potentials.UNSEEN}
    assert len(kept) == 4 * 2 * 30


def test_a_system_of_little(study, tmp_path):
    study.add_potential("ring", {"mean": 1.0}, tests=12, random=False, forces=False, temperature=False, coverage=False)
    study.potentials["ring"]["maps"] = study.potentials["ring"]["maps"].iloc[:0]
    (system,) = _gathered(study)
    assert system.recommended == "mean"
    assert system.published is None
    assert len(potentials.on_contenders(system)) == 1
    assert system.labels["ring_test3"] == "ring_test3"
    assert len(potentials.drawn_runs(system)) == potentials.MOST_RUNS
    assert [figure.name for figure in potential_section.figures(system)] == ["contenders", "energies"]
    for figure in potential_section.figures(system):
        figure.draw(tmp_path / f"{figure.name}.svg", system)
        assert "one of 12 unseen runs" in (tmp_path / f"{figure.name}.svg").read_text() or figure.name == "energies"
    assert "“mean” has the lowest error on 12 runs" in potentials.on_contenders(system)[0]


def test_the_published_model_need_not_be_beaten_nor_leak(study):
    study.add_potential("ring", {EMLM: 0.1, "mean": 1.0})
    (system,) = _gathered(study)
    assert (system.recommended, system.published) == (EMLM, None)
    study.scorecard = [row | {"ours": 0.5} if row["split"] == potentials.RANDOM else row for row in study.scorecard]
    (system,) = _gathered(study)
    assert "look no better (0.500)" in potentials.on_contenders(system)[1]


def test_scores_without_energies_and_the_reverse_are_left_out(study):
    study.add_potential("ring", {LINEAR: 0.1, EMLM: 0.8, "mean": 1.0})
    table = study.potentials["ring"]["energies"]
    gone = (table["subject"] == "mean") | ((table["subject"] == EMLM) & (table["run"] == "ring_test1"))
    study.potentials["ring"]["energies"] = table[~gone]
    study.scorecard = [row for row in study.scorecard if (row["subject"], row.get("data")) != (LINEAR, "ring_test0")]
    (system,) = _gathered(study)
    assert system.subjects == (LINEAR, EMLM)
    judged = system.errors[system.errors["split"] == potentials.UNSEEN]
    assert set(zip(judged["subject"], judged["run"], strict=True)) == {(LINEAR, "ring_test1"), (EMLM, "ring_test0")}
    assert set(system.held["subject"]) == {LINEAR, EMLM}
    study.scorecard = []
    assert _gathered(study) == []


def _rows(count: int, **changes) -> pd.DataFrame:
    rows = [
        dict.fromkeys(COLUMNS, "") | {
            "study": "tiny", "system": "room", "quantity": "q", "unit": "eV", "subject": f"s{k // 4}", "data": f"run_{k % 4}",
            "ours": k + 0.5, "ci_low": k, "ci_high": k + 1.0, "n": 10 + k % 4, "comparable": "same data", "better": "lower",
        } | changes
        for k in range(count)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_long_room_has_a_column_for_each_data_set():
    (short,) = page.scorecard_rooms(_rows(page.LONG))
    assert short["tables"] == []
    scorecard = _rows(page.LONG + 2)
    (room,) = page.scorecard_rooms(scorecard)
    (table,) = room["tables"]
    assert table["data"] == ["run_0", "run_1", "run_2", "run_3"]
    assert table["n"] == {"run_0": "10", "run_1": "11", "run_2": "12", "run_3": "13"}
    shown = {
        (subject, name): cell
        for subject, cells in table["rows"]
        for name, cell in zip(table["data"], cells, strict=True)
    }
    assert sum(cell is not None for cell in shown.values()) == len(scorecard)
    for row in scorecard.to_dict("records"):
        assert shown[row["subject"], row["data"]]["ours"] == page.number(row["ours"])
    assert shown["s15", "run_3"] is None


def test_counts_that_differ_are_a_range_and_none_is_empty():
    scorecard = _rows(page.LONG + 4, n=float("nan"))
    scorecard.loc[[0, 4], "n"] = [5, 1200]
    (table,) = page.scorecard_rooms(scorecard)[0]["tables"]
    assert table["n"]["run_0"] == "5 to 1,200"
    assert table["n"]["run_1"] == ""


def test_every_number_of_a_long_room_is_on_the_page(study):
    rows = _rows(70, subject="<i>x", paper="").to_dict("records")
    rows = [row | {"data": f"a_{k}", "paper": 3.5 if k == 4 else ""} for k, row in enumerate(rows)]
    study.scorecard += rows
    study.forget_the_ruler()
    source = every_page(study.build(), "scorecard.html")
    anchors = re.findall(r'<h3 id="(scorecard-\d+)">', source)
    assert anchors == ["scorecard-1", "scorecard-2", "scorecard-3"]
    for anchor in anchors:
        assert source.count(f'href="#{anchor}"') == 2  # in the contents, and above the tables
    part = source[source.index('id="scorecard-3"') :]
    assert part.count('<span class="strong">') == 70
    assert "<i>" not in part
    assert 'paper 3.50 <span class="worse">▼ worse</span>' in part
    assert part.count("<details open>") == 1
    assert "Beside the papers" in source
    assert "a_<wbr>69" in part


@pytest.mark.parametrize(("ours", "interval", "word"), [(3.0, (2.0, 4.0), "as good"), (5.0, (4.5, 5.5), "differs")])
def test_nearer_is_no_question_of_more_or_less(ours, interval, word):
    rows = _rows(1, ours=ours, ci_low=interval[0], ci_high=interval[1], paper=3.5, better="nearer")
    assert page.scorecard_rooms(rows)[0]["rows"][0]["verdict"]["word"] == word
    assert len(page.beside_papers(rows)) == 1


def test_numbers_in_print():
    shown = {0.09999999: "0.100", 99.96: "100", 0.012345: "0.0123", 1234.5: "1,234", 0: "0", 2.5e-7: "2.50e-07"}
    assert {value: page.number(value) for value in shown} == shown
    assert page.number("nothing") == page.ABSENT
