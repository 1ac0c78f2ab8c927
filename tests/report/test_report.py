"""The page as a reader and a browser meet it."""

import gzip
import json
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from auric.errors import InputError
from auric.report import build_report, inputs, scene
from tests.report.conftest import every_page

WICKED = """</script><script>alert("x")</script>'& <img src=x onerror=alert(1)>"""


class Page(HTMLParser):
    """Elements, addresses, identifiers and text of a page, or of all pages together."""

    def __init__(self, folder: Path, name: str = "*.html") -> None:
        super().__init__()
        self.source = every_page(folder, name)
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if name == "id":
                self.identifiers.append(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_every_address_is_relative_and_exists(finished):
    _, folder = finished
    pages = {path.name: Page(folder, path.name) for path in folder.glob("*.html")}
    assert {"index.html", "scorecard.html", "ruler.html"} <= set(pages)
    linked = set()
    for name, page in pages.items():
        assert len(page.identifiers) == len(set(page.identifiers))
        for address in page.addresses:
            file, _, anchor = address.partition("#")
            if anchor:
                assert anchor in pages[file or name].identifiers, address
            else:
                assert re.fullmatch(r"assets/[\w.]+|\w+\.html", address), address
            if file:
                assert (folder / file).is_file(), address
                linked.add(file)
        assert set(pages) <= {
            address.partition("#")[0] for address in page.addresses
        }  # every page leads to every other
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made == linked  # nothing lies about unused


def test_nothing_is_loaded_from_a_network(finished):
    _, folder = finished
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?:|//[a-z]|@import|fetch\(|XMLHttp|import\(", text), path
        elif path.suffix == ".svg":  # names of vocabularies are addresses too, but only links and images load
            assert not re.search(r"(href|src)=\"(?!#|data:)", path.read_text(encoding="utf-8")), path


def test_names_from_users_stay_text(study):
    study.predictions.loc[study.predictions.index[:60], "split"] = "ima<b>ge"
    folder = study.build()
    page = Page(folder)
    assert page.tags.count("script") == 2
    assert "img" in page.tags
    assert "b" not in page.tags
    assert "onerror" not in page.attributes
    assert " ".join(WICKED.split()) in page.text  # shown, and whole
    script = (folder / "assets" / "clusters.js").read_text(encoding="ascii")
    assert "<" not in script
    assert ">" not in script
    data = json.loads(script.removeprefix("window.auricClusters = ").removesuffix(";\n"))
    assert WICKED in [entry["name"] for entry in data["structures"]]


def test_script_escapes_what_would_end_it():
    text = "</script><!-- ' \" \\ \u2028 é"
    made = scene.script({"a": text}, "x")
    assert made.isascii()
    assert "<" not in made
    assert "\n" not in made[:-1]
    assert json.loads(made.removeprefix("window.x = ").removesuffix(";\n")) == {"a": text}


def test_errors_on_the_page_are_those_of_the_table(finished):
    study, folder = finished
    page = Page(folder)
    shown = dict(re.findall(r'data-mae="([^"]+)"[^>]*>([\d.]+)<', page.source))
    table = study.predictions[study.predictions["fold"] != "holdout"]
    error = (table["predicted_angstrom"] - table["bond_length_angstrom"]).abs()
    expected = error.groupby([table["split"], table["subject"]]).mean()
    assert len(expected) == 12
    assert shown == {f"{split}/{subject}": f"{mae:.4f}" for (split, subject), mae in expected.items()}
    assert "best? Split by bond" in page.text  # three structures allow no comparison in the stricter split
    assert "The simplest that holds its own" in page.text
    for counted in ("12 labelled frames of 3 structures", "40 images were dropped", "1 failure is on record"):
        assert counted in page.text


def test_links_carry_the_data(finished):
    study, folder = finished
    kept = pd.read_csv(folder / "assets" / "error_by_bin.csv")
    everything = study.predictions[study.predictions["fold"] != "holdout"]
    assert kept["n"].sum() == len(everything)
    for name in ("history", "failures", "dropped"):
        source = study.folder / "inputs" / f"{name}.csv"
        assert (folder / "assets" / f"{name}.csv").read_bytes() == source.read_bytes()


def test_large_tables_are_stored_compressed(study):
    study.dropped = pd.concat([study.dropped] * 200, ignore_index=True)
    folder = study.build()
    packed = folder / "assets" / "dropped.csv.gz"
    assert gzip.decompress(packed.read_bytes()) == (study.folder / "inputs" / "dropped.csv").read_bytes()
    assert "The first 15 of 8,000 rows" in Page(folder).text
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 5e6


def test_archive_equals_folder_and_a_second_run_the_first(study):
    first = study.build("one")
    files = {f"one/{path.relative_to(first)}": path.read_bytes() for path in first.rglob("*") if path.is_file()}
    with zipfile.ZipFile(study.folder / "one.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    (first / "stale.txt").write_text("from before")
    again = study.build("one")
    assert not (again / "stale.txt").exists()
    undated = [re.sub(rb"Made [^<,]+?UTC", b"", content) for content in files.values()]
    new = [path.read_bytes() for path in again.rglob("*") if path.is_file()]
    assert sorted(undated) == sorted(re.sub(rb"Made [^<,]+?UTC", b"", content) for content in new)
    assert {path.name for path in study.folder.iterdir()} == {"inputs", "one", "one.zip"}


def test_a_failed_report_leaves_the_old_one(study):
    folder = study.build()
    before = (folder / "index.html").read_bytes()
    study.history = study.history.assign(epoch="soon")
    with pytest.raises(InputError, match="column epoch"):
        study.build()
    assert (folder / "index.html").read_bytes() == before
    assert {path.name for path in study.folder.iterdir()} == {"inputs", "report", "report.zip"}


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("stage,reason\n")
    with pytest.raises(InputError, match="no column structure, frame"):
        inputs.read_table(tmp_path / "a.csv", inputs.FAILURES)
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        inputs.read_table(tmp_path / "b.csv", inputs.FAILURES)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    (tmp_path / "a.csv").write_text("stage,structure,frame,reason\nlabel,001,NA,1e3\n")
    assert inputs.read_table(tmp_path / "a.csv", inputs.FAILURES).iloc[0].tolist() == ["label", "001", "NA", "1e3"]


def test_nothing_at_all_is_still_a_page(study):
    study.forget_the_ruler()
    study.scorecard = []
    page = Page(study.build())
    text = page.text
    assert "potentials" not in page.identifiers
    assert "Which potential" not in text
    for sentence in (
        "so no error can be given", "The scorecard has no rows", "folds to draw", "No training history",
        "No image was kept", "no labelled frames to show", "Nothing failed", "No image was dropped",
        "hence no level of theory", "0 labelled frames of 0 structures gave 0 images",
    ):  # fmt: skip
        assert sentence in text


def test_a_study_without_images_says_nothing_of_a_ruler(study):
    study.forget_the_ruler()
    study.add_potential("ring", {"linear, energies and forces": 0.1})
    given = study.write() | {"predictions": [], "history": [], "images": []}  # as Snakemake gives what is not there
    build_report(
        inputs.ReportFiles(**given),
        configuration=study.configuration,
        folder=study.folder / "alone",
        archive=study.folder / "alone.zip",
        study=study.name,
    )
    page = Page(study.folder / "alone")
    assert not {"parity", "bins", "learning", "images"} & set(page.identifiers)
    assert "potentials" in page.identifiers
    assert "Which potential is best for ring?" in page.text
    assert "no images and no bond ruler" in page.text
    assert "Dropped images" not in page.text
    assert not (study.folder / "alone" / "assets" / "predictions.csv").exists()


def test_a_missing_split_fold_or_subject_is_said(study):
    table = study.predictions
    gone = (table["split"] == "structure") | ((table["split"] == "bond") & (table["fold"] == "3"))
    gone |= (table["split"] == "leaky") & (table["subject"] != "elfnet")
    study.predictions = table[~gone].assign(bond_length_angstrom=table["bond_length_angstrom"] + 0.2)
    study.predictions.iloc[0, list(inputs.PREDICTIONS).index("predicted_angstrom")] = float("nan")
    study.history = study.history[study.history["fold"] == "1"].assign(validation_mae_angstrom=float("nan"))
    page = Page(study.build())
    lost = len(study.bonds) // 5
    assert f"{lost} images untested: a fold is missing." in page.text
    assert "4 cross-validation folds" in page.text
    assert "Only ELFnet was tested." in page.text
    assert "1 prediction without a finite number is left out" in page.text
    assert "2.7 and longer" in page.text
    assert "assets/parity_structure.svg" not in page.addresses


def test_only_holdout_predictions(study):
    study.predictions = study.predictions[study.predictions["fold"] == "holdout"]
    assert "There are no predictions in cross-validation folds" in Page(study.build()).text


def test_one_structure_has_no_interval_for_new_structures(study_of):
    study = study_of("Au3(SH)3")
    study.predictions["predicted_angstrom"] = study.predictions["bond_length_angstrom"]  # perfect: its log is infinite
    page = Page(study.build())
    assert "too few structures to say whether by chance" in page.text
    assert "The lowest error" in page.text
    assert "of 1 structure gave" in page.text


def test_other_bonds_are_called_by_their_elements(study_of):
    study = study_of("Ag3(SH)3")
    assert "around S-Au bonds" in Page(study.build()).text
    study.bonds["bond"] = study.bonds["bond"].str.replace("Au", "Ag")
    page = Page(study.build())
    assert "around S-Ag bonds" in page.text
    assert 'data-pair="Ag-S"' in page.source
    assert "S-Au" not in page.text


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to parse JavaScript")
def test_scripts_parse(finished):
    _, folder = finished
    for name in ("viewer.js", "clusters.js"):
        subprocess.run(["node", "--check", str(folder / "assets" / name)], check=True)
