import re

import pytest
from pyscf import gto, scf
from pyscf.tools import molden
from wave_files import H2S, entry, helium, scalar, solved, without

from auric.errors import InputError, StructureError
from auric.reference import read_wave_function, shells, wavefile


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", r"line 0: the file ends where \[Molden Format\] should follow"),
        (lambda t: "H 0 0 0\n" + t, "line 1: a molden file begins with"),
        (lambda t: without(t, "Atoms"), r"no section \[atoms\]"),
        (lambda t: without(t, "GTO"), r"no section \[gto\]"),
        (lambda t: without(t, "MO"), r"no section \[mo\]"),
        (lambda t: t + "[MO]\n", r"section \[MO\] comes twice"),
        (lambda t: t.replace("Angs", "Units"), "must say AU or Angs, not 'units'"),
        (lambda t: t.replace("HE1 1 2", "HE1 2"), "expected 'element number charge x y z', found 5 words"),
        (lambda t: t.replace("HE1 1 2", "Qq 1 2"), "'Qq' is no element, or a ghost atom"),
        (lambda t: t.replace("HE1 1 2", "He 1 0"), "'He' is no element, or a ghost atom"),
        (lambda t: t.replace("HE1 1 2", "He 2 2"), "atom 2 stands in place 1"),
        (lambda t: t.replace("HE1 1 2 0.0 0.0 0.5D0\n", ""), "no atoms in"),
        (lambda t: t.replace("0.5D0", "nan"), "'nan' is no number"),
        (lambda t: t.replace("0.5D0", "1e300"), "'1e300' is no number, or no credible one"),
        (lambda t: t.replace("0.5D0", "1_0"), "'1_0' is no number"),
        (lambda t: t.replace("0.5D0", "__import__('os').abort()"), "is no number"),
        (lambda t: t.replace("HE1 1 2", "HE1 1 4"), "-2 core electrons of He cannot be"),
        (lambda t: t.replace("sp 2", "q 2"), r"expected a shell .* found 'q'"),
        (lambda t: t.replace("sp 2 1.00", "sp 2 1.10"), "scale factor 1.10"),
        (lambda t: t.replace("sp 2", "sp 99999999999"), "expected an exponent and 2 coefficients, found 0 words"),
        (lambda t: t.replace("sp 2", "sp 2x"), "'2x' is no whole number"),
        (lambda t: re.sub(r"1 0\nsp(.*\n)+?\n", "", t), "no shells in"),
        (lambda t: t.replace("1 0\nsp", "2 0\nsp"), "atom 1 .He. has no basis functions"),
        (lambda t: t.replace("\n\n[MO]", "\n2 0\ns 1\n 1.0 1.0\n[MO]"), "belongs to atom 2, but there are 1 atoms"),
        (lambda t: t.replace(" 0.5D+00", " -0.5"), "an exponent that is not positive"),
        (lambda t: t.replace("0.6 0.2", "0.0 0.2").replace("0.5 0.9", "0.0 0.9"), "a shell of atom 1 vanishes"),
        (lambda t: t.replace("sp 2", "h 2"), "Cartesian h functions have no agreed order"),
        (lambda t: t.replace("\n 1 ", "\n 5 "), "a coefficient 5, but there are 4 basis functions; check .5D."),
        (lambda t: t + " 1 0.5\n", "an orbital has a coefficient twice"),
        (lambda t: t.replace("\n 1 ", "\n 1 2 "), "expected 'number coefficient' of an orbital"),
        (lambda t: t.replace("Occup= 2.0\n", ""), "an orbital has no 'Occup='"),
        (lambda t: t.replace("alpha", "up"), "spin 'up'; it must be Alpha or Beta"),
        (lambda t: t.replace("\n 1 ", "\n 1 9"), "not orthonormal in its basis"),
        (lambda t: t[: t.index(" 2.0-000")], "the file ends where a primitive should follow; it is truncated"),
        (lambda t: t[: t.index("\n[MO]")], r"no section \[mo\]"),
        (lambda t: "[Molden Format]\n" + "x" * 20_000, "line 2: the line is too long"),
    ],
)
def test_damaged_molden_files(change, message, tmp_path):
    path = tmp_path / "he.molden"
    path.write_text(change(helium()))
    with pytest.raises(StructureError, match=message) as caught:
        read_wave_function(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_molden_file_cut_anywhere_among_its_occupied_orbitals(written):
    whole = written("H2S").read_text()
    start = whole.index("[MO]")
    for share in (0.01, 0.1, 0.2, 0.3):
        end = start + int(share * (len(whole) - start))
        path = written("H2S", lambda t, end=end: t[:end])
        with pytest.raises(StructureError):
            read_wave_function(path)
    path = written("H2S", lambda t: t[: t.rindex("\n", 0, -200)])
    with pytest.raises(StructureError, match=r"the last orbital has \d+ of \d+ coefficients; the file is truncated"):
        read_wave_function(path)


def first_number(text):
    return re.sub(r"(?m)^ +\S+", "  1.00000000E+14", text, count=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", "the file ends where a title should follow"),
        (lambda t: t.splitlines()[0], "the file ends where type, method and basis should follow"),
        (
            lambda t: entry(entry(t, "Alpha MO coefficients", None), "Beta MO coefficients", None),
            "no orbital coefficients in it; keep the whole checkpoint",
        ),
        (lambda t: entry(t, "Beta MO coefficients", None), "no coefficients of beta orbitals, though 'UB3LYP' is not restricted"),
        (lambda t: entry(t, "Primitive exponents", None), "no entry 'Primitive exponents'"),
        (lambda t: entry(t, "Shell types", None), "no entry 'Shell types'"),
        (lambda t: t[: t.index("Alpha MO coefficients") + 500], "the rest of 'Alpha MO coefficients' .* truncated"),
        (lambda t: t[: t.index("Beta MO coefficients")], "the file is truncated"),
        (lambda t: t[: t.index("Beta Orbital Energies")].replace("UB3LYP", "HF"), "though 'HF' is not restricted"),
        (lambda t: t + t, "entry 'Number of electrons' comes twice"),
        (lambda t: re.sub(r"(?m)^(Charge +)I", r"\1R", t), "entry 'Charge' is not of the kind"),
        (lambda t: re.sub(r"(?m)^(Charge +I   )  ", r"\1N=", t), "entry 'Charge' is not of the kind"),
        (lambda t: entry(t, "Shell types", lambda e: re.sub(r"\n +0", "\n      0  0", e, count=1)), "has more than the"),
        (lambda t: entry(t, "Shell types", lambda e: re.sub(r"\n +0", "\n      9", e, count=1)), "entry 'Shell types'"),
        (lambda t: entry(t, "Shell types", lambda e: re.sub(r"\n +0", "\n     -1", e, count=1)), "sp shells without their p"),
        (lambda t: entry(t, "Shell types", lambda e: re.sub(r"\n +0", "\n      1", e, count=1)), "'Number of basis functions' .* contradicts"),
        (lambda t: entry(t, "Shell to atom map", lambda e: re.sub(r"\n +1", "\n      7", e, count=1)), "belongs to atom 7"),
        (lambda t: entry(t, "Nuclear charges", first_number), "no credible one"),
        (lambda t: entry(t, "Nuclear charges", lambda e: e.replace("1.60", "1.65")), "nuclear charge 16.5; leave ghost atoms"),
        (lambda t: entry(t, "Nuclear charges", lambda e: e.replace("1.60", "0.00")), "nuclear charge 0; leave ghost atoms"),
        (lambda t: entry(t, "Alpha MO coefficients", lambda e: re.sub(r"\n +\S+", "\n NaN", e, count=1)), "'NaN' is no number"),
        (lambda t: entry(t, "Alpha MO coefficients", lambda e: re.sub(r"\n +\S+", "\n ********", e, count=1)), "is no number"),
        (lambda t: entry(t, "Alpha MO coefficients", lambda e: re.sub(r"\n +\S+", "\n 0.7", e, count=1)), "not orthonormal"),
        (lambda t: entry(t, "Alpha Orbital Energies", lambda e: e.replace(" -", "  ")), "its orbitals are natural ones"),
        (lambda t: entry(t, "Atomic numbers", lambda e: re.sub(r"\n +16", "\n  999", e)), "entry 'Atomic numbers'"),
        (lambda t: scalar(t, "Number of electrons", 99), "'Number of electrons' .99. contradicts"),
        (lambda t: scalar(t, "Number of basis functions", 99999999999999), "is no whole number"),
        (lambda t: re.sub(r"(Alpha MO coefficients.*N=) +\d+", r"\1 999999999999", t), "is no number|truncated"),
    ],
)  # fmt: skip
def test_damaged_checkpoints(change, message, checkpoint):
    path = checkpoint("SH radical", change)
    with pytest.raises(StructureError, match=message) as caught:
        read_wave_function(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_atoms_of_one_element_with_other_basis_sets_or_cores(calculated, tmp_path, written):
    molecule = gto.M(
        atom=[H2S[0], ("H1", H2S[1][1]), ("H2", H2S[2][1])],
        basis={"S": "sto-3g", "H1": "sto-3g", "H2": "3-21g"}, verbose=0,
    )  # fmt: skip
    molden.from_scf(solved(scf.RHF(molecule)), str(tmp_path / "two.molden"))
    with pytest.raises(StructureError, match=r"atom 3 \(H\) has another basis set than the other H"):
        read_wave_function(tmp_path / "two.molden")
    with pytest.raises(StructureError, match=r"atom 2 \(H\) has 0 core electrons|atom 3 \(H\) has 1 core electrons"):
        read_wave_function(written("H2S", lambda t: t + "[Core]\n3 : 1\n"))


def test_limits(written, tmp_path, monkeypatch):
    path = written("H2S")
    monkeypatch.setattr(shells, "FUNCTION_LIMIT", 10)
    with pytest.raises(StructureError, match=r"basis functions are more than 10"):
        read_wave_function(path)
    monkeypatch.setattr("auric.reference.molden.ATOM_LIMIT", 2)
    with pytest.raises(StructureError, match=r"more than 2 atoms"):
        read_wave_function(path)
    monkeypatch.setattr(wavefile, "SIZE_LIMIT_BYTES", 1000)
    with pytest.raises(StructureError, match=r"is above 0 GB; write it without virtual orbitals"):
        read_wave_function(path)
    far = tmp_path / "far.molden"
    far.write_text(helium().replace("HE1 1 2 0.0 0.0 0.5D0\n", "HE1 1 2 0 0 0\nHE2 2 2 0 0 501\n").replace(
        "\n\n[MO]", "\n2 0\nsp 1\n 1 1 1\n[MO]"))  # fmt: skip
    monkeypatch.undo()
    with pytest.raises(StructureError, match=r"wider than 500 angstrom; check the coordinates' unit"):
        read_wave_function(far)


def test_what_is_no_file_of_text(tmp_path):
    with pytest.raises(InputError, match=r"'.chk' is no wave function; choose from .molden"):
        read_wave_function(tmp_path / "a.chk")
    with pytest.raises(StructureError, match="No such file"):
        read_wave_function(tmp_path / "absent.fchk")
    with pytest.raises(StructureError, match="null"):
        read_wave_function("a\0b.fchk")
    with pytest.raises(StructureError, match="not a regular file"):
        read_wave_function(folder(tmp_path / "folder.molden"))
    (tmp_path / "binary.fchk").write_bytes(b"Gaussian\n\xff\xfe\x80\n")
    with pytest.raises(StructureError, match="not UTF-8 text; is it a formatted file"):
        read_wave_function(tmp_path / "binary.fchk")


def folder(path):
    path.mkdir()
    return path
