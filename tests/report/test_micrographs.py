"""The section on micrographs."""

import html
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auric.files import write_dataset, write_table
from auric.report import build_report, inputs, micrographs
from auric.report.micrograph_figures import null_cases
from tests.report.conftest import every_page

WICKED = """</script><script>alert("x")</script>'& <img src=x onerror=alert(1)>"""
PLACES = ("direction_x", "direction_y", "direction_z")


def test_columns_are_those_that_the_room_writes():
    """The report imports no room, so it repeats them; this is where the copies are compared."""
    from auric.microscopy import MEASURES, answers, calibration
    from auric.microscopy.refinement import REFINED

    assert set(inputs.TEM_ANSWERS) <= set(answers.ANSWER_COLUMNS)
    assert set(inputs.TEM_SCORES) <= set(answers.SCORE_COLUMNS)
    assert set(inputs.TEM_ORIENTATIONS) <= set(answers.ORIENTATION_COLUMNS)
    assert set(inputs.TEM_ANGLES) <= set(answers.ANGLE_COLUMNS)
    assert set(inputs.TEM_CASES) <= set(calibration.CASE_COLUMNS)
    assert set(inputs.TEM_POWER) <= set(calibration.POWER_COLUMNS)
    assert set(micrographs.MEASURES) == {*MEASURES, REFINED}
    assert (micrographs.NEITHER, micrographs.UNCALIBRATED, micrographs.TOGETHER, micrographs.SEPARATE) == (
        answers.NEITHER, answers.UNCALIBRATED, answers.TOGETHER, answers.SEPARATE
    )  # fmt: skip


def seen(folder, *, answer="a", true="a", p_other=0.0196, recommended="scaled", reason=""):
    """Files of one experiment with two candidates, the second with a hostile name; two measures, and refined orientations."""
    rng = np.random.default_rng(1)
    names, count, images = ("a", WICKED), 3, 6
    for place, name in enumerate(names):
        atoms = {"number": ("atom", [79, 79, 16, 1]), "position": (("atom", "axis"), rng.normal(size=(4, 3)) * 4)}
        library = {"image": (("direction", "y", "x"), rng.integers(0, 255, (images, 20, 20)).astype(np.uint8))}
        write_dataset(folder / f"library_{place}.nc", xr.Dataset(library | atoms, attrs={"name": name}))
    write_dataset(
        folder / "particles.nc", xr.Dataset({"image": (("particle", "y", "x"), rng.normal(100, 50, (count, 20, 20)))})
    )
    answers, scores, orientations, angles, power = [], [], [], [], []
    for measure in ("paper", "scaled"):
        answers.append((WICKED, measure, int(measure == recommended), count, answer, "a", 0.8, 0.05, p_other, 0.3, 0.0196, 20, 1e4, 60, 23, 25, 1e-5,
                        0.01, 4.5 if true else np.nan, 5.5, true, "simulated: a", reason))  # fmt: skip
        for scope in ("together", "separately"):
            for name in names:
                for k in range(images):
                    direction = rng.normal(size=3)
                    scores.append(
                        (
                            WICKED,
                            measure,
                            scope,
                            name,
                            k,
                            *(direction / np.linalg.norm(direction)),
                            0.5,
                            1 - k / images,
                            k,
                        )
                    )
        for k in range(count):
            orientations.append((WICKED, measure, f"p{k}", "a", k, 0.0, 0.0, 1.0, 90.0 * k))
            angles += [(WICKED, measure, "a", place, place, k, 72.0 * place) for place in range(5)]
        for dose in (1e3, 1e4):
            for focus in (60, 30):
                for size in (1, 13):
                    power.append((measure, dose, focus, size, 0.9, 0.8, 0.95, 40, 0.01, 0.7))
    answers.append((WICKED, "refined", int(recommended == "refined"), count, answer, "a", 0.9, 0.2, p_other, 0.3, 0.0196, 20, 1e4, 60,
                    *[np.nan] * 4, 0.5, 1.5, true, "simulated: a", reason))  # fmt: skip
    orientations += [(WICKED, "refined", f"p{k}", "a", k, 0.0, 0.6, 0.8, 90.0 * k) for k in range(count)]
    paths = {}
    for name, rows, columns in (
        ("tem_answers", answers, inputs.TEM_ANSWERS), ("tem_scores", scores, inputs.TEM_SCORES),
        ("tem_orientations", orientations, inputs.TEM_ORIENTATIONS), ("tem_angles", angles, inputs.TEM_ANGLES),
        ("tem_power", power, inputs.TEM_POWER),
    ):  # fmt: skip
        write_table(folder / f"{name}.csv", pd.DataFrame(rows, columns=list(columns)), columns)
        paths[name] = folder / f"{name}.csv" if name == "tem_power" else [folder / f"{name}.csv"]
    cases = [
        (true, 1e4, 60, case, measure, name, 0.9 - 0.3 * (true != name) + 0.01 * rng.normal())
        for true in names for case in range(4) for measure in ("paper", "scaled", "refined") for name in names
    ]  # fmt: skip
    write_table(folder / "cases.csv", pd.DataFrame(cases, columns=list(inputs.TEM_CASES)), inputs.TEM_CASES)
    libraries = [folder / f"library_{place}.nc" for place in range(2)]
    return paths | {
        "tem_particles": [folder / "particles.nc"],
        "tem_libraries": libraries,
        "tem_cases": folder / "cases.csv",
    }


def test_words_and_figures(study, tmp_path):
    study.forget_the_ruler()
    files = inputs.ReportFiles(**study.write() | seen(tmp_path / "tem"))
    folder = tmp_path / "report"
    build_report(files, configuration={}, folder=folder, archive=tmp_path / "report.zip", study="tiny")
    source = every_page(folder)
    assert '<a href="microscopy.html">Micrographs</a>' in source
    section = source[source.index('<section id="microscopy">') :]
    section = section[: section.index("</section>")]
    assert "What is seen: 3 particles; simulated: a." in section
    assert "Answer: a; a margin like that over the next has a probability of below 0.02" in section
    assert (
        "Of the 25 best images in a mixed ranking by wavelets, mean zero, best scale, 23 are of a; a description, no evidence"
        in section
    )
    assert "The truth is known here: a; the answer is right." in section
    assert "4.5° (median, known here); 5.5° in simulated cases" in section
    assert "<strong>wavelets, mean zero, best scale</strong>" in section
    assert "At 1,000 electrons/Å² the right candidate wins by one particle: wavelets as printed 90 %" in section
    assert "another candidate's where that is left out: wavelets as printed 1 and 70 %" in html.unescape(section)
    assert "<script>" not in section  # a hostile name stays text
    files_drawn = re.findall(r'src="(assets/microscopy[^"]+)"', section)
    assert len(files_drawn) == 4
    for file in files_drawn:
        assert (folder / file).stat().st_size > 2000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"answer": "neither", "true": "c"},
            [
                "Answer: neither. The nearest is a",
                "known here: c; the answer is right",
                "best images in a mixed ranking",
            ],
        ),
        ({"answer": "neither"}, ["known here: a; the answer is wrong"]),
        ({"answer": "uncalibrated", "reason": "too noisy"}, ["No answer: too noisy. The nearest is a."]),
        ({"answer": "a", "true": "c"}, ["known here: c; the answer is wrong"]),
        ({"true": "", "p_other": np.nan}, ["Answer: a. Of the 25", "symmetry counted: not known"]),
        ({"recommended": "refined"}, ["Answer: a;", "mixed ranking by wavelets as printed, 23 are of a"]),
    ],
)
def test_other_answers(tmp_path, change, words):
    told = " ".join(
        micrographs.words(micrographs.gather(inputs.ReportFiles([], [], "", "", **seen(tmp_path, **change)))[0])
    )
    for text in words:
        assert text in told


def test_null_distribution_is_that_of_the_answer(tmp_path):
    """Its measure and condition alone; one candidate has no margin."""
    columns = list(inputs.TEM_CASES)
    rows = [
        ("a", 1e4, 60, 0, "scaled", "a", 0.9),
        ("a", 1e4, 60, 0, "scaled", "b", 0.7),
        ("b", 1e4, 60, 0, "scaled", "a", 0.6),
    ]
    rows += [
        ("b", 1e4, 60, 0, "scaled", "b", 0.8),
        ("a", 1e3, 60, 0, "scaled", "a", 0.1),
        ("a", 1e4, 60, 0, "paper", "a", 0.2),
    ]
    rows += [("a", 1e4, 30, 0, "scaled", "a", 0.3)]
    best = pd.Series({"nearest": "a", "measure": "scaled", "dose": 1e4, "underfocus_angstrom": 60})
    told = null_cases(best, pd.DataFrame(rows, columns=columns)).set_index("true")
    assert told["similarity"].to_dict() == {"a": 0.9, "b": 0.6}
    assert told["margin"].to_dict() == pytest.approx({"a": 0.2, "b": -0.2})
    alone = null_cases(best, pd.DataFrame(rows[:1], columns=columns))
    assert alone["margin"].isna().all()


def test_no_experiment_no_section(study):
    study.forget_the_ruler()
    assert 'id="microscopy"' not in every_page(study.build())
