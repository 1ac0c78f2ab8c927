"""The study of the correction: which runs it has, and what of its settings is refused before anything starts."""

import subprocess
import sys

import pytest

from auric import study
from auric.errors import InputError
from auric.relaxation.names import WAYS


@pytest.fixture
def settings(root, monkeypatch):
    monkeypatch.chdir(root)
    return study.load({"study": "correction"}, root)


def test_runs_to_learn_from_and_runs_to_refuse(settings, root):
    runs = study.runs(settings, root)
    assert list(runs) == ["thiolates", "strange"]
    assert {run["role"] for run in runs["thiolates"]} == {"train", "test"}
    assert {run["role"] for run in runs["strange"]} == {"test"}  # nothing is learned from them
    settings["potential"]["systems"] = ["thiolates", "ring"]
    assert list(study.runs(settings, root)) == ["thiolates", "ring", "strange"]


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("correction", {"refuse": ["strange", "thiolates"]}, "'thiolates' is learned from too"),
        ("correction", {"refuse": ["strang"]}, "no reference set 'strang'.*Did you mean 'strange'"),
        ("correction", {"systems": ["strange"], "refuse": []}, "strange: it has no good run with the role train"),
        ("reference", {"engine": "gfn1-xtb"}, "runs are at gfn1-xtb, and so is reference.engine"),
    ],
)
def test_settings_that_cannot_work(settings, root, part, change, reason):
    (settings["potential"]["correction"] if part == "correction" else settings[part]).update(change)
    with pytest.raises(InputError, match=reason):
        study.runs(settings, root)


def planned(root, name):
    """Jobs of a study that has not been run, by rule."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--cores", "1"]
    done = subprocess.run(
        [*command, "--config", f"study={name}"], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.split("Job stats:")[-1].splitlines()
    return {words[0]: int(words[1]) for line in lines if len(words := line.split()) == 2 and words[1].isdigit()}


def test_the_whole_study_is_planned(root):
    """Labels at the other level, the correction, scorecard and report; no images, no network, no model of GFN1-xTB alone."""
    assert planned(root, "correction") == {
        "dynamics": 10, "relabel": 6, "potential_correction": 1, "potential_scorecard": 1, "failures": 1, "report": 1,
        "all": 1, "total": 21,
    }  # fmt: skip


def test_relaxations_at_the_better_level_are_planned_way_by_way(root):
    jobs = planned(root, "relax_pbe")
    assert (jobs["relax_better"], jobs["relax_way"]) == (2, 2 * len(WAYS))


def test_a_study_with_nothing_to_do(settings, root):
    settings["potential"]["correction"]["systems"] = []
    with pytest.raises(InputError, match="there is nothing to do"):
        study.structures(settings, root)
