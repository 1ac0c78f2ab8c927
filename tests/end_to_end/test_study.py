"""The `test` study as a user runs it: whole, again, after a change, after a kill, and with bad input."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from auric.files import read_frames
from auric.potential import LinearPotential
from auric.scorecard import COLUMNS, KEY
from tests.end_to_end.copied import copy_workflow
from tests.end_to_end.reruns import CHANGES, changed, planned, snakemake, switched, write_part

pytestmark = pytest.mark.filterwarnings("default")


def run(folder, *arguments, study="test"):
    return snakemake(folder, study, *arguments)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the workflow with the `test` study finished in it."""
    folder = copy_workflow(tmp_path_factory.mktemp("auric"))
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "auric: done. Open results/test/report/index.html" in done.stdout
    return folder


def store(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "results/store").rglob("*.npz")}


def test_products_are_sound(copy):
    results = copy / "results/test"
    with xr.open_dataset(results / "ruler/images.nc", engine="h5netcdf") as images:
        assert images.sizes["image"] > 40
        assert float(images["elf"].min()) >= 0
        assert float(images["elf"].max()) <= 1
        assert set(images["structure"].values) == {"au3_sh3", "ausch3"}
        assert len(set(images["image"].values)) == images.sizes["image"]
        assert (images["bond_length_angstrom"] < 2.7).all()
    predictions = pd.read_csv(results / "ruler/predictions.csv", dtype={"fold": str})
    assert np.isfinite(predictions["predicted_angstrom"]).all()
    for split in ("image", "bond", "structure"):
        cross = predictions[(predictions["split"] == split) & (predictions["fold"] != "holdout")]
        counts = cross.groupby("subject")["image"].agg(["size", "nunique"])
        assert (counts["size"] == counts["nunique"]).all(), "an image was tested twice"
        if split != "image":
            assert (cross.groupby(split)["fold"].nunique() == 1).all(), "a group is in two folds"
    card = pd.concat([pd.read_csv(path) for path in (results / "scorecard").glob("*.csv")])
    assert list(card.columns) == list(COLUMNS)
    assert not card.duplicated(list(KEY)).any()
    assert (results / "report.zip").stat().st_size < 50e6
    assert "<html" in (results / "report/index.html").read_text()
    assert (results / "ruler/elfnet.safetensors").exists()
    assert (results / "elf/grids/ausch3.cube").exists()
    behind = pd.read_csv(results / "ruler/masks.csv")
    assert set(behind["mask"]) == {"share_1", "share_0.5", "share_0.38"}
    assert (results / "ruler/valence.safetensors").exists()
    shifts = pd.read_csv(results / "ruler/shifts.csv")
    assert set(shifts["structure"]) == {"ausch3"}
    assert shifts["state"].nunique() == 6  # a field along three axes, in both senses
    assert shifts["mayer_change"].abs().max() > 1e-4
    potential = LinearPotential.load(results / "potential/tiny/linear.npz")
    (test,) = read_frames(results / "reference/dynamics/tiny_test.extxyz")[:1]
    assert potential.energy(test) == pytest.approx(test.info["energy_ev"], abs=1.0)
    assert potential.header["trained_on"]["engine"] == "gfn1-xtb"
    independent = card[(card["system"] == "potential") & (card["split"] == "independent runs")]
    assert set(independent["data"]) == {"tiny_test"}, "runs for training are no test"
    assert not list(results.rglob("orbitals_*.npz")), "orbitals are temporary unless the setting keeps them"


def test_a_second_run_does_nothing(copy):
    again = run(copy)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_snakemakes_own_report_is_made(copy):
    done = run(copy, "--report", "own.zip")
    assert done.returncode == 0, done.stderr
    assert (copy / "own.zip").stat().st_size > 1000


def test_a_comment_or_a_docstring_runs_nothing_and_a_changed_function_what_it_reaches(copy):
    file = copy / "src/auric/ruler/validation.py"
    text = file.read_text()
    file.write_text(text + "\n# a comment\n")
    assert planned(copy) == {}
    file.write_text(text.replace("MIN_GROUPS = 5", "MIN_GROUPS = 6"))
    # Folds write their files with columns named there; what makes labels and images does not reach it.
    jobs = planned(copy)
    assert "ruler_validate" in jobs
    assert not {"structures", "frames", "labels", "images"} & set(jobs)
    file.write_text(text)
    assert planned(copy) == {}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)
def test_a_change_runs_what_depends_on_it_and_nothing_else(copy, change):
    with changed(copy, change):
        assert planned(copy) == change.runs


def test_after_all_changes_were_taken_back_and_a_part_of_another_study_ran_nothing_runs(copy):
    other, found = switched(copy)
    assert found == {}
    assert "frames" in other
    assert "structures" not in other


def test_another_run_of_dynamics_makes_potentials_again_and_nothing_else(copy):
    table = copy / "config/studies/test_dynamics.tsv"
    text = table.read_text()
    row = next(line for line in text.splitlines() if line.startswith("tiny_test"))
    cells = row.split("\t")
    cells[0], cells[11] = "tiny_test2", "9"
    table.write_text(text + "\t".join(cells) + "\n")
    jobs = planned(copy)
    assert jobs["dynamics"] == 1
    assert {"potential_energies", "potential_forces", "potential_scorecard", "report"} <= set(jobs)
    assert not {"potential", "labels", "images", "ruler_fold"} & set(jobs), "training runs are the same"
    table.write_text(text)
    assert planned(copy) == {}


def test_moving_one_atom_labels_that_structure_alone(copy):
    before = store(copy)
    frames = {
        frame.info["name"]: frame.info["energy_ev"]
        for path in sorted((copy / "results/test/reference").glob("labels_*.extxyz"))
        for frame in read_frames(path)
    }
    file = copy / "resources/structures/ausch3.xyz"
    file.write_text(file.read_text().replace("2.240000", "2.270000"))
    jobs = planned(copy)
    assert jobs["structures"] == jobs["frames"] == 1
    done = run(copy, "--until", "labels")
    assert done.returncode == 0, done.stdout + done.stderr
    after = store(copy)
    assert all(after[path] == stamp for path, stamp in before.items()), "a kept label was written again"
    assert len(after) - len(before) == 2, "one set of frames and one label are new"
    again = {
        frame.info["name"]: frame.info["energy_ev"]
        for path in sorted((copy / "results/test/reference").glob("labels_*.extxyz"))
        for frame in read_frames(path)
    }
    assert set(again) == set(frames)
    assert {name for name in frames if again[name] != frames[name]} == {"ausch3_0000"}


BAD_ROWS = """\
good\tfile\tresources/structures/ausch3.xyz\t0\t1\t0
empty\tfile\tempty.xyz\t0\t1\t0
code\tfile\tcode.xyz\t0\t1\t0
missing\tfile\tmissing.xyz\t0\t1\t0
spin\tring\tn=3 R=H\t0\t2\t0
a b;$(touch pwned)\tring\tn=3 R=H\t0\t1\t0
<script>\tring\tn=3 R=H\t0\t1\t0
nobond\tfile\tgold.xyz\t0\t2\t0
twin\tring\tn=3 R=H\t0\t1\t0
twin\tring\tn=4 R=H\t0\t1\t0
"""


def test_bad_structures_are_told_and_others_go_on(copy):
    (copy / "empty.xyz").write_text("")
    (copy / "code.xyz").write_text("1\n\n__import__('os').system('touch${IFS}pwned') 0 0 0\n")
    (copy / "gold.xyz").write_text("2\n\nAu 0 0 0\nS 9 0 0\n")
    table = copy / "config/studies/test_structures.tsv"
    (copy / "config/studies/bad.tsv").write_text(table.read_text().splitlines()[0] + "\n" + BAD_ROWS)
    write_part(copy, "bad", structures={"table": "config/studies/bad.tsv"}, elf={"grid": {"structures": []}})
    done = run(copy, study="bad")
    assert done.returncode == 0, done.stdout + done.stderr
    failures = pd.read_csv(copy / "results/bad/failures.csv", keep_default_na=False)
    assert set(failures["structure"]) == {
        "empty",
        "code",
        "missing",
        "spin",
        "a b;$(touch pwned)",
        "<script>",
        "nobond",
        "twin",
    }
    assert "9 failed (9 at structures)" in done.stdout
    assert not list(copy.rglob("pwned"))
    assert "<script>:" not in (copy / "results/bad/report/index.html").read_text()
    labelled = [
        frame.info["structure"]
        for path in (copy / "results/bad/reference").glob("labels_*.extxyz")
        for frame in read_frames(path)
    ]
    assert labelled == ["good"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("pixels: 32", "pixls: 32"), "unknown key 'elf.pixls'; .*Did you mean 'pixels'"),
        (("test_structures.tsv", "none.tsv"), "none.tsv: No such file"),
        (("study: test", "study: test\nresults: Snakefile/results"), "is a file"),
        (("structures: [ausch3]", "structures: [ausch4]"), "there is no good structure 'ausch4'"),
        (("systems: [tiny]", "systems: [tinyy]"), "there is no reference set 'tinyy'; .*Did you mean 'tiny'"),
    ],
)
def test_faults_of_the_configuration_stop_the_dry_run_in_one_line(copy, change, reason):
    text = (copy / "config/studies/test.yaml").read_text()
    assert change[0] in text
    (copy / "config/studies/wrong.yaml").write_text(text.replace(*change).replace("study: test", "study: wrong"))
    done = run(copy, "--dry-run", study="wrong")
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("auric: ")]
    assert len(lines) == 1, done.stdout + done.stderr
    import re

    assert re.search(reason, lines[0])
    assert "Traceback" not in done.stdout + done.stderr


def test_a_killed_run_keeps_finished_labels(copy):
    write_part(copy, "killed", reference={"frame_blocks": 1})
    file = copy / "config/studies/killed.yaml"
    file.write_text(file.read_text().replace("xc: pbe", "xc: lda,vwn"))
    before = len(store(copy))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "study=killed"]
    process = subprocess.Popen(
        command, cwd=copy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    limit = time.monotonic() + 300
    while len(store(copy)) < before + 2 and time.monotonic() < limit:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = store(copy)
    assert len(kept) >= before + 2
    done = run(copy, study="killed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(store(copy)[path] == stamp for path, stamp in kept.items())
