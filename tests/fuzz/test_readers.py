"""Malformed files: an object or one line, soon, with bounded memory; nothing executed, nothing written elsewhere."""

import contextlib
import io
import json
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auric.cli import main
from auric.configuration import load_yaml
from auric.errors import LONGEST_MESSAGE, AuricError, InputError, StructureError
from auric.files import Npz, atomic, read_dataset, read_frames, read_npz, write_npz, write_table
from auric.modelfile import read_model, write_model
from auric.potential.recommended import RECOMMENDED_COLUMNS
from auric.reference import read_wave_function
from auric.reference.orbitals import read_orbitals
from auric.scorecard import write_scorecard
from auric.structures import read_structure
from auric.structures.manifest import fetch_entry, read_manifest
from auric.synthesis.sheets import read_sheet

from .corpus import OUTPUTS, readers, unpacked
from .mutations import CODE, WORDS, spoiled
from .watch import outcome

MEMORY_BYTES = 100_000_000
NAMES = (
    "xyz", "extxyz", "cif", "mol2", "pdb", "poscar", "extxyz frame", "cif cell", "mol2 cell", "frames", "cluster energies", "structures table",
    "runs table", "variants table", "manifest", "study", "records csv", "records xlsx", "candidates", "reported pairs", "particle table",
    "costs", "schema of settings", "scorecard", "page of results", "recommendations", "csv of a step", "given frames", "given vasprun",
    "given trajectory", "walk", "molden", "fchk", "orbitals", "emlm", "mlm", "domain", "intervals",
    "model", "linear potential", "matcher", "core encoder", "ligand encoder", "synthesis network", "ruler", "set of rulers",
    "store entry", "bundle", "labels to pack", "images to pack", "simulated images", "png", "tiff", "mrc",
)  # fmt: skip
BY_CONTENT = [name for name in NAMES if name != "store entry"]
"""A store makes again what it cannot use: nothing is refused there."""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Readers by name, each of which has read a good file before."""
    folder = tmp_path_factory.mktemp("corpus")
    made = readers(folder)
    for one in made.values():
        path = folder / one.file
        path.write_bytes(one.good[0])
        outcome(one.read, path, seconds=300)
    return made


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judged(one, kinds=("accepted", "refused")):
    assert one.kind in kinds, one.words
    return one


def test_every_reader_is_tried_and_reads_its_good_files(corpus, here):
    assert set(corpus) == set(NAMES)
    for name, reader in corpus.items():
        path = here / reader.file
        path.write_bytes(reader.good[0])
        found = outcome(reader.read, path)
        assert found.kind == ("refused" if name == "synthesis network" else "accepted"), (name, found.words)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(number=st.integers(0, 10**6))
def test_spoiled_files(name, corpus, tmp_path, number):
    reader = corpus[name]
    path = tmp_path / reader.file
    path.write_bytes(spoiled(reader, random.Random(number)))
    judged(outcome(reader.read, path))


@pytest.mark.parametrize("name", BY_CONTENT)
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes(name, corpus, tmp_path, content):
    path = tmp_path / corpus[name].file
    path.write_bytes(content)
    judged(outcome(corpus[name].read, path))


@pytest.mark.parametrize("name", BY_CONTENT)
def test_what_is_no_regular_file_is_refused_at_once(name, corpus, here):
    reader = corpus[name]
    suffix = Path(reader.file).suffix
    os.mkfifo(here / f"pipe{suffix}")
    (here / f"folder{suffix}").mkdir()
    (here / f"loop{suffix}").symlink_to(here / f"loop{suffix}")
    (here / f"device{suffix}").symlink_to("/dev/zero")
    named = [here / f"{kind}{suffix}" for kind in ("pipe", "folder", "loop", "device", "absent")]
    named += [
        Path(f"a\0b{suffix}"),
        Path("x" * 5000 + suffix),
        Path(f"https://example.org/a{suffix}"),
        Path(f"../../../absent/a{suffix}"),
    ]
    for path in named:
        judged(outcome(reader.read, path), ["refused"])


@pytest.mark.parametrize(
    "name",
    [name for name in NAMES if name not in ("png", "tiff", "mrc", "bundle", "images to pack", "simulated images")],
)
def test_python_text_is_never_executed(name, corpus, here):
    """Wherever a file has a word, an expression of Python may stand."""
    reader = corpus[name]
    path = here / reader.file
    content = reader.good[0]
    words = content.split()
    places = range(0, len(words), max(1, len(words) // 6)) if reader.kind == "text" else []
    for place in places:
        path.write_bytes(content.replace(words[place], CODE.encode(), 1))
        judged(outcome(reader.read, path))
    path.write_text(CODE)
    judged(outcome(reader.read, path), ["accepted", "refused"])
    assert not (here / "executed").exists()


class Bomb:
    """A pickle that would leave a file behind."""

    def __reduce__(self):
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("name", [name for name in BY_CONTENT if name not in ("png", "tiff", "mrc")])
def test_pickles_are_never_loaded(name, corpus, here):
    reader = corpus[name]
    path = here / reader.file
    objects = io.BytesIO()
    np.savez(objects, header_json=np.array(Bomb(), dtype=object), a=np.array([Bomb()], dtype=object))
    plain = io.BytesIO()
    np.save(plain, np.array([Bomb()], dtype=object))
    old = b"PickleTrajectory" + pickle.dumps(Bomb())
    for content in (pickle.dumps(Bomb()), objects.getvalue(), plain.getvalue(), old):
        path.write_bytes(content)
        judged(outcome(reader.read, path), ["refused"])
    assert not (here / "executed").exists()


def peak(action):
    """Bytes that an action, which must be refused, asks for at most."""
    tracemalloc.start()
    try:
        with pytest.raises((AuricError, ValueError)):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def npy(shape, kind="<f8", data=b""):
    """An array as it announces itself."""
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": kind, "fortran_order": False, "shape": shape})
    return made.getvalue() + data


@pytest.mark.parametrize(
    "members",
    [
        {"a.npy": npy((10**12,))},
        {"a.npy": npy((10**30,))},
        {"a.npy": npy((-1,))},
        {"a.npy": npy((10**15,), "|V0")},
        {"a.npy": npy((4, 10**9)), "b.npy": npy((1,), data=bytes(8))},
    ],
)
def test_arrays_that_announce_more_than_they_have(members, here):
    with zipfile.ZipFile("a.npz", "w") as file:
        file.writestr("header_json.npy", npy((), "<U2", "{}".encode("utf-32-le")))
        for name, content in members.items():
            file.writestr(name, content)
    assert peak(lambda: read_npz("a.npz")) < MEMORY_BYTES


def test_an_npz_that_unpacks_to_more_than_it_holds(here):
    with zipfile.ZipFile("a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header_json.npy", npy((), "<U2", "{}".encode("utf-32-le")))
        with file.open("a.npy", "w", force_zip64=True) as member:
            member.write(npy((200_000_000 // 8,)))
            for _ in range(200):
                member.write(bytes(1_000_000))
    assert Path("a.npz").stat().st_size < 2_000_000
    assert peak(lambda: read_npz("a.npz")) < MEMORY_BYTES
    assert peak(lambda: read_model("a.npz")) < MEMORY_BYTES
    with pytest.raises(ValueError, match="unpacks to more"), Npz("a.npz"):
        pass


def test_a_workbook_that_unpacks_to_more_than_a_table(here):
    with zipfile.ZipFile("a.xlsx", "w", zipfile.ZIP_DEFLATED) as book, book.open("xl/workbook.xml", "w") as member:
        for _ in range(50):
            member.write(b" " * 1_000_000)
    assert peak(lambda: read_sheet("a.xlsx")) < MEMORY_BYTES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_with_entities(encoding, here):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(9))
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [{entities}]><a>&e8;</a>'
    with zipfile.ZipFile("a.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", text.encode(encoding))
    with pytest.raises(InputError, match="declares entities"):
        read_sheet("a.xlsx")


def test_a_vasprun_whose_entities_grow_without_end(corpus, here):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(9))
    Path("g.xml").write_text(f'<?xml version="1.0"?><!DOCTYPE a [{entities}]><modeling>&e8;</modeling>')
    assert "ASE reads no frames" in judged(outcome(corpus["given vasprun"].read, here / "g.xml"), ["refused"]).words


def test_a_workbook_whose_first_sheet_has_no_part(here):
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile("a.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", f'<workbook xmlns="{space}"><sheets><sheet/></sheets></workbook>')
        book.writestr("xl/_rels/workbook.xml.rels", "<Relationships/>")
    with pytest.raises(InputError, match="its first sheet has no part"):
        read_sheet("a.xlsx")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "levels"),
        ("a: " + "{a: " * 100_000, "levels"),
        ("\n".join(" " * n + "- a:" for n in range(0, 400, 2)), "levels"),
        ("a: &a [x, x]\n" + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9)), "values"),
        ("a: &a [*a]", "holds itself"),
        ("a: !!timestamp x", "not readable as YAML"),
        ("a: !!int ''", "not readable as YAML"),
        ("a: !!bool x", "not readable as YAML"),
        ("a: 2001-13-45", "not readable as YAML"),
        ("a: !!python/object/apply:os.system [id]", "not readable as YAML"),
        ("? [a]\n: b", "not readable as YAML"),
        ("a: 1\n" * 2, "'a' is given twice"),
        ("a: " + "9" * 5000, "not readable as YAML"),
    ],
)  # fmt: skip
def test_yaml_beyond_measure(text, words, here):
    Path("a.yaml").write_text(text)
    found = judged(outcome(load_yaml, here / "a.yaml", seconds=20), ["refused"])
    assert words in found.words


def test_netcdf_that_unpacks_to_more_than_it_holds_or_lies_elsewhere(here):
    with h5netcdf.File("a.nc", "w") as file:
        file.dimensions = {"x": 10**9}
        file.create_variable("a", ("x",), "f8", chunks=(10**6,), compression="gzip")
    with h5py.File("other.nc", "w") as file:
        file["a"] = np.arange(3)
    with h5py.File("link.nc", "w") as file:
        file["a"] = h5py.ExternalLink("other.nc", "/a")
    Path("secret").write_bytes(bytes(24))
    with h5py.File("external.nc", "w") as file:
        file.create_dataset("a", (3,), "f8", external=[("secret", 0, 24)])
    for name, words in (
        ("a.nc", "unpacks to 8000 MB"),
        ("link.nc", "is a link"),
        ("external.nc", "lies in another file"),
    ):
        with pytest.raises(AuricError, match=words):
            read_dataset(name)


def test_a_bundle_that_does_not_fit_leaves_nothing_written(corpus, here):
    with h5py.File("b.nc", "w") as _:
        pass
    for change in ("atoms", "atomic_number", "position_angstrom", "frame_info_json", "elf"):
        Path("b.nc").write_bytes(corpus["bundle"].good[0])
        with h5py.File("b.nc", "r+") as file:
            del file[change]
        judged(outcome(unpacked, here / "b.nc"), ["refused"])
        assert not [name for name in OUTPUTS if (here / name).exists()]
        assert [path.name for path in here.iterdir()] == ["b.nc"]


def test_what_is_written_is_whole_or_not_there(here):
    with contextlib.suppress(RuntimeError), atomic("a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(TypeError):
        write_npz("a.npz", {"a": {1, 2}}, {})
    with pytest.raises(InputError, match="holds objects"):
        write_model("a.npz", {"format": "a"}, {"a": np.array([{}])})
    assert not list(here.iterdir())


@pytest.mark.parametrize("count", ["9" * 12, "9" * 30, "-3", "5001"])
def test_numbers_of_atoms_that_cannot_be(count, corpus, here):
    for name in ("xyz", "extxyz", "extxyz frame", "frames", "given frames", "walk", "cluster energies"):
        path = here / corpus[name].file
        path.write_bytes(count.encode() + b"\n" + corpus[name].good[0].split(b"\n", 1)[1])
        judged(outcome(corpus[name].read, path), ["refused"])


@pytest.mark.parametrize("columns", ["9" * 9, "1_000_000_000", ":".join(["999", "a", "R"] * 50) + ":999"])
def test_numbers_of_columns_that_cannot_be(columns, here):
    text = f"1\nProperties=species:S:1:pos:R:3:a:R:{columns} energy=1\nAu 0 0 0 1\n"
    Path("a.extxyz").write_text(text)
    for read in (read_structure, read_frames):
        assert "are no columns" in judged(outcome(read, here / "a.extxyz"), ["refused"]).words


@pytest.mark.parametrize(
    "lattice", ["0.001 0 0 0 0.001 0 0 0 1e7", "100 0 0 100 0.01 0 0 0 100", "1e300 0 0 0 1e300 0 0 0 1e300", "0 0 0 0 0 0 0 0 0", "nan 0 0 0 9 0 0 0 9"]
)  # fmt: skip
def test_cells_that_no_cluster_fits(lattice, here):
    Path("a.extxyz").write_text(f'2\nLattice="{lattice}" Properties=species:S:1:pos:R:3\nAu 0 0 0\nS 0 0 2.3\n')
    judged(outcome(read_structure, here / "a.extxyz"), ["refused"])


def test_a_molden_file_whose_matrix_would_fill_the_memory(here):
    shells = "s 1\n 1.0 1.0\n" * 20_001
    orbitals = "Occup= 0.0\n 1 1.0\n" * 20_001
    Path("a.molden").write_text(f"[Molden Format]\n[Atoms] AU\nH 1 1 0 0 0\n[GTO]\n1 0\n{shells}\n[MO]\n{orbitals}")
    with pytest.raises(StructureError, match="20001 basis functions"):
        read_wave_function("a.molden")


def test_an_orbitals_file_whose_basis_is_text(corpus, here):
    """PySCF would read a file of that name."""
    Path("a.npz").write_bytes(corpus["orbitals"].good[0])
    header, arrays = read_npz("a.npz")
    for basis in ("sto-3g", "/etc/passwd", CODE, [[0, ["1.0", 1.0]]], [[0, [float("1e999"), 1.0]]], [[99, [1.0, 1.0]]]):
        header["frames"]["a"]["basis"] = {"H": basis}
        write_npz("a.npz", header, arrays)
        with pytest.raises(InputError, match="a damaged one"):
            list(read_orbitals("a.npz"))


def test_a_ruler_whose_header_asks_for_a_vast_network(corpus, here):
    content = corpus["ruler"].good[0]
    size = struct.unpack("<Q", content[:8])[0]
    table = json.loads(content[8 : 8 + size])
    header = json.loads(table["__metadata__"]["header"])
    header["settings"] |= {"hidden": 10**8, "edge": True}
    table["__metadata__"]["header"] = json.dumps(header)
    packed = json.dumps(table).encode()
    (here / "r.safetensors").write_bytes(struct.pack("<Q", len(packed)) + packed + content[8 + size :])
    found = judged(outcome(corpus["ruler"].read, here / "r.safetensors"), ["refused"])
    assert "does not fit" in found.words


@pytest.mark.parametrize("path", ["../a.xyz", "/etc/passwd", "a/../../b", "./a", "a//b", "a\0b", "..", "~/../a b"])
def test_manifest_paths_that_climb(path, corpus, here):
    lines = corpus["manifest"].good[0].decode().splitlines()
    row = next(
        number for number, line in enumerate(lines) if line.count("\t") == 10 and not line.startswith(("#", "name"))
    )
    cells = lines[row].split("\t")
    lines[row] = "\t".join([*cells[:7], path, *cells[8:]])
    Path("m.tsv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="a path inside the mirror"):
        read_manifest("m.tsv")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.org/x", "http://a.org/x", "https://a.org/x;id", "https://user@a.org/x", "/etc/passwd", "https://[::1/x"]
)  # fmt: skip
def test_addresses_that_are_refused(url, corpus, here):
    lines = corpus["manifest"].good[0].decode().splitlines()
    row = next(
        number for number, line in enumerate(lines) if line.count("\t") == 10 and not line.startswith(("#", "name"))
    )
    cells = lines[row].split("\t")
    Path("m.tsv").write_text("\n".join([*lines[:row], "\t".join([cells[0], url, *cells[2:]])]) + "\n")
    with pytest.raises(InputError, match=r"url .* is wrong"):
        read_manifest("m.tsv")


@pytest.mark.parametrize("host", ["a..b", "." * 3, "a" * 70, "localhost:99999", "localhost:port"])
def test_hosts_that_cannot_be(host, corpus, here):
    Path("m.tsv").write_bytes(corpus["manifest"].good[0])
    entry = next(iter(read_manifest("m.tsv").values()))
    scheme = "http" if host.startswith("localhost") else "https"
    with pytest.raises(StructureError, match="cannot be downloaded"):
        fetch_entry(entry._replace(url=f"{scheme}://{host}/x"), mirror=None, cache=here / "cache")


def test_messages_are_one_line_that_steers_no_terminal():
    said = str(AuricError(f"a\nb\x1b[2Jc\0\u202e{'x' * 10**6} end"))
    assert said.startswith("a b?[2Jc??x")
    assert said.endswith("x end")
    assert said.isprintable()
    assert len(said) < LONGEST_MESSAGE


@pytest.mark.parametrize("word", WORDS)
def test_structures_named_by_any_word(word, here, capsys):
    """The command line tells in one line why it cannot read."""
    if word.isprintable() and word.strip() and not word.startswith("-"):
        assert main(["motifs", word]) == 2
        said = capsys.readouterr().err
        assert said.startswith("auric: ")
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["scorecard", "s"], "s/scorecard/a.csv: has no column 'study'"),
        (["results", "--docs", "d"], "d/scorecard_a.csv: has no column 'study'"),
        (["results", "--docs", "n"], "n/recommended_s.csv: column 'ours' must hold numbers"),
        (["settings", "--schema", "list.yaml"], "list.yaml: no schema of settings"),
        (["settings", "--schema", "part.yaml"], "part.yaml: no schema of settings (key 'title' is missing"),
        (["pack", "p", "p.nc", "--about", "a"], "labels_000.extxyz: frame 1 has no name"),
    ],
)
def test_commands_refuse_foreign_files_in_one_line(command, words, here, capsys):
    for name in ("s/scorecard", "d", "n", "p/reference", "p/ruler"):
        Path(name).mkdir(parents=True)
    Path("s/scorecard/a.csv").write_text("a,b\n1,2\n")
    Path("d/scorecard_a.csv").write_text("system,quantity\nruler,mae\n")
    row = {
        "study": "s",
        "system": "potential",
        "quantity": "q",
        "ours": 1.0,
        "comparable": "same data",
        "better": "lower",
    }
    write_scorecard("n/scorecard_s.csv", [row])
    write_table("n/recommended_s.csv", [dict.fromkeys(RECOMMENDED_COLUMNS, "many")], RECOMMENDED_COLUMNS)
    Path("list.yaml").write_text("- a\n")
    Path("part.yaml").write_text("description: of what\nproperties: {a: 1}\n")
    Path("p/reference/labels_000.extxyz").write_text("1\nProperties=species:S:1:pos:R:3 energy_ev=1\nAu 0 0 0\n")
    Path("p/ruler/images.nc").touch()
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("auric: ")
    assert words in said
    assert said.count("\n") == 1
    assert not Path("p.nc").exists()
