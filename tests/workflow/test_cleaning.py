"""Removing a study's results."""

import fcntl

import pytest

from auric.cli import main
from auric.study import SHARED


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "other", "store", "notes"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "kept.txt").write_text("x" * 1000)
    for name in ("mine", "other"):
        benchmarks = tmp_path / "results" / name / "benchmarks"
        benchmarks.mkdir()
        (benchmarks / "labels.tsv").write_text("s\tcpu_time\n100\t150\n")
        (benchmarks / "short.tsv").write_text("s\tcpu_time\n0\tNA\n")
    return tmp_path


def test_only_the_study_is_removed(folder, capsys):
    (folder / "results/.removed-mine-1").mkdir()  # killed while it removed
    assert main(["clean", "mine"]) == 2  # nobody to ask
    assert "3 files, 0 MB, which took 2.5 min of core time" in capsys.readouterr().err
    assert (folder / "results/mine/kept.txt").is_file()
    assert main(["clean", "mine", "--yes"]) == 0
    assert sorted(path.name for path in (folder / "results").iterdir()) == ["notes", "other", "store"]
    assert (folder / "results/other/kept.txt").is_file()


@pytest.mark.parametrize(("answer", "left"), [("y", False), ("n", True), ("", True)])
def test_who_can_be_asked_is_asked(folder, monkeypatch, answer, left):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["clean", "mine"]) == (2 if left else 0)
    assert (folder / "results/mine").is_dir() == left


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "not a study's name") for name in SHARED), ("../results", "not a study's name"), ("..", "not a study's name"), ("", "not a study's name"),
        ("missing", "no such folder"), ("notes", "not a study's; remove it by hand"),
    ],
)  # fmt: skip
def test_what_is_not_a_studys_stays(folder, name, reason, capsys):
    assert main(["clean", "--yes", name]) == 2
    assert reason in capsys.readouterr().err
    assert len(list((folder / "results").iterdir())) == 4


def test_a_link_stays(folder, capsys):
    (folder / "results/linked").symlink_to(folder / "results/mine")
    assert main(["clean", "--yes", "linked"]) == 2
    assert "a link" in capsys.readouterr().err
    assert (folder / "results/mine/kept.txt").is_file()


def test_nothing_is_removed_while_a_run_is_at_work(folder, capsys):
    runs = folder / ".snakemake/auric_runs"
    runs.mkdir(parents=True)
    with (runs / "here_1").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["clean", "--yes", "mine"]) == 2
        assert "a run is at work" in capsys.readouterr().err
    assert main(["clean", "--yes", "mine"]) == 0
