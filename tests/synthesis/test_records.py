import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from auric.errors import InputError
from auric.synthesis import sheets
from auric.synthesis.descriptors import NAMES, describe
from auric.synthesis.records import COLUMNS, bundled, check_learnable, known_smiles, read_records
from auric.synthesis.worlds import printed_recipe, simulate

DATA = Path(__file__).parent / "data"
GOOD = {
    "name": "a", "ligand": "cysteamine", "solvent": "water", "reducing_agent": "sodium borohydride", "ligand_mmol_l": "1", "gold_mmol_l": "1.78",
    "reducing_agent_mmol_l": "2.33", "temperature_celsius": "22", "ph": "13.22", "target": "Au18", "outcome": "1", "source": "10.1002/aisy.201900029",
}  # fmt: skip


def table(tmp_path, *rows, columns=COLUMNS):
    path = tmp_path / "records.csv"
    lines = [",".join(columns)]
    for number, changes in enumerate(rows):
        row = GOOD | {"name": f"r{number}", "gold_mmol_l": str(1 + number)} | changes
        lines.append(",".join(f'"{row.get(name, "")}"' for name in columns))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_csv_and_excel_say_the_same(tmp_path):
    made = read_records(DATA / "records.xlsx")  # written by openpyxl
    assert list(made["ligand"]) == ["NCCS", "SCCc1ccccc1"]
    assert list(made["row"]) == [2, 3]
    np.testing.assert_allclose(made["gold_mmol_l"], [1.78, 0.3])
    assert np.isnan(made["ph"][1])
    rows = [",".join(COLUMNS)] + [",".join(cells) for _, cells in sheets.read_sheet(DATA / "records.xlsx")[1:]]
    (tmp_path / "same.csv").write_text("\n".join(rows))
    assert read_records(tmp_path / "same.csv").equals(made)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ligand": "C1CC"}, "row 3, column ligand: 'C1CC' is no SMILES"),
        ({"ligand": "cysteamin"}, "row 3, column ligand: 'cysteamin' is no known name.*Did you mean 'cysteamine'"),
        ({"gold_mmol_l": "-1"}, "row 3, column gold_mmol_l: -1 is outside"),
        ({"gold_mmol_l": "1,78"}, "row 3, column gold_mmol_l: '1,78' has a decimal comma; write 1.78"),
        ({"gold_mmol_l": "1 mM"}, "row 3, column gold_mmol_l: '1 mM' is no number"),
        ({"gold_mmol_l": "nan"}, "row 3, column gold_mmol_l: the cell is empty"),
        ({"solvent": "toluene"}, "row 3, column ph: a pH of 13.22 in toluene"),
        ({"outcome": "yes"}, "row 3, column outcome: 'yes' is neither"),
        ({"source": "a friend"}, "row 3, column source: 'a friend' is no DOI"),
        ({"name": "r0"}, "row 3, column name: 'r0' is the name of row 2 too"),
        ({"gold_mmol_l": "1", "outcome": "0"}, "row 3, column outcome: the recipe of row 2 again, with the other outcome"),
        ({"gold_mmol_l": "1"}, "row 3, column outcome: the recipe of row 2 again, with the same outcome"),
    ],
)  # fmt: skip
def test_bad_cells_are_named_by_row_and_column(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        read_records(table(tmp_path, {}, changes))


def test_bad_headers(tmp_path):
    with pytest.raises(InputError, match=r"unknown column 'temprature_celsius'.*Did you mean 'temperature_celsius'"):
        read_records(table(tmp_path, {}, columns=[*COLUMNS, "temprature_celsius"]))
    with pytest.raises(InputError, match="the column ph is given twice"):
        read_records(table(tmp_path, {}, columns=[*COLUMNS, "ph"]))
    with pytest.raises(InputError, match="the column ph is missing"):
        read_records(table(tmp_path, {}, columns=[name for name in COLUMNS if name != "ph"]))
    with pytest.raises(InputError, match="no records"):
        read_records(table(tmp_path))


def test_bad_files(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"row 2, column ligand: cells B2:B3 are merged"):
        read_records(DATA / "merged.xlsx")
    with pytest.raises(InputError, match=r"not from '\.ods'"):
        read_records("records.ods")
    with pytest.raises(InputError, match="No such file"):
        read_records(tmp_path / "none.csv")
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_records(path)
    path.write_text(";".join(COLUMNS))
    with pytest.raises(InputError, match="separated by semicolons"):
        read_records(path)
    path.write_text('name\n"' + "x" * 140_000)
    with pytest.raises(InputError, match=r"row .*field larger"):
        read_records(path)
    book = tmp_path / "a.xlsx"
    book.write_bytes(b"PK no")
    with pytest.raises(InputError, match="no Excel workbook"):
        read_records(book)
    for parts, words in (
        ({"xl/workbook.xml": "<workbook/>"}, "has no sheet"),
        ({"xl/workbook.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}, "declares entities"),
    ):
        book.write_bytes(packed(parts))
        with pytest.raises(InputError, match=words):
            read_records(book)
    book.write_bytes(wide())
    with pytest.raises(InputError, match="more than 200 columns"):
        read_records(book)
    monkeypatch.setattr(sheets, "MAX_BYTES", 2000)
    with pytest.raises(InputError, match="is above"):
        read_records(DATA / "records.xlsx")
    book.write_bytes(packed({"xl/workbook.xml": " " * 2001}))
    with pytest.raises(InputError, match="unpacks to more"):
        read_records(book)


def packed(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return file.getvalue()


def wide():
    """A good workbook but for a cell far to the right."""
    with zipfile.ZipFile(DATA / "records.xlsx") as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    sheet = next(name for name in parts if "worksheets/" in name)
    parts[sheet] = parts[sheet].replace("</row>", '<c r="ZZ1" t="inlineStr"><is><t>x</t></is></c></row>', 1)
    return packed(parts)


def test_what_cannot_be_learned_is_refused(tmp_path):
    few = read_records(table(tmp_path, {}, {"outcome": "0"}))
    with pytest.raises(InputError, match="2 records for 10 folds"):
        check_learnable(few, 10, "mine")
    one = read_records(table(tmp_path, {}, {}, {}))
    with pytest.raises(InputError, match="column outcome: 0 of 3 records have the outcome 0"):
        check_learnable(one, 2, "mine")


def test_descriptors_of_the_printed_recipe():
    found = describe(printed_recipe())
    told = dict(zip(NAMES, found.values[0], strict=True))
    assert told["ligand_to_gold"] == pytest.approx(1 / 1.78)
    assert (told["donors"], told["acceptors"], told["rotatable_bonds"], told["aromatic"]) == (2, 2, 1, 0)
    assert told["weight_g_mol"] == pytest.approx(77.15, abs=0.01)  # C2H7NS
    assert told["polar_surface_angstrom_2"] == pytest.approx(26.02)  # PubChem CID 6058
    assert told["dielectric_constant"] == pytest.approx(78.3)
    assert told["redox_potential_v"] == pytest.approx(-1.24)
    assert np.isnan(told["charge_potential"])  # declared missing, never zero
    assert np.isnan(told["solubility_g_l"])


def test_given_values_go_before_bundled_ones(tmp_path):
    path = table(tmp_path, {"dielectric_constant": "80"}, {}, columns=[*COLUMNS, "dielectric_constant"])
    assert list(describe(read_records(path)).column("dielectric_constant")) == [80.0, 78.3]


def test_bundled_tables_are_sourced_and_of_known_molecules():
    for name in ("dielectric_constants", "redox_potentials"):
        for row in bundled(name):
            assert row["source"]
            assert known_smiles(row["name"]) == known_smiles(row["smiles"])
    assert known_smiles("Water") == "O"


def test_simulated_records_are_good_records(tmp_path):
    made = simulate("structure", 0).records
    made.to_csv(tmp_path / "made.csv", index=False)
    read = read_records(tmp_path / "made.csv")
    assert read["source"].str.startswith("simulated: ").all()
    assert read[["ligand", "solvent", "outcome"]].equals(made[["ligand", "solvent", "outcome"]])
    np.testing.assert_allclose(describe(read).values, describe(made).values)
