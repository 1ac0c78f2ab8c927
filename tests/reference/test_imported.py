import re
from importlib.resources import files

import iodata
import numpy as np
import pytest
from gbasis.evals.density import evaluate_density
from gbasis.wrappers import from_iodata
from iodata.basis import MolecularBasis
from iodata.orbitals import MolecularOrbitals
from iodata.overlap import compute_overlap
from pyscf import scf
from pyscf.tools import molden
from wave_files import CALCULATIONS, helium, quietly, scalar, sections, without

from auric.elf import electron_localization
from auric.errors import InputError, StructureError
from auric.reference import Orbitals, read_orbitals, read_wave_function, write_orbitals
from auric.units import BOHR_ANGSTROM

# Files of the programs themselves, which qc-iodata brings along, and how their numbers are to be understood.
PROGRAMS = {
    "nh3_molden_pure.molden": "as the format says",
    "nh3_molden_cart.molden": "as the format says",
    "nh3_molpro2012.molden": "as the format says",
    "be_cisd_321g_psi4_singlet.molden": "as the format says",
    "nh3_orca.molden": "orca",
    "F.molden": "orca",
    "nh3_psi4.molden": "orca",
    "nh3_psi4_1.0.molden": "contractions not normalised",
    "h2o_psi4_1.3.2_6-31G_d_cart.molden": "psi4 cartesian",
    "nh3_turbomole.molden": "turbomole",
    "neon_turbomole_def2-qzvp.molden": "turbomole",
    "h2o_ccpvdz_cfour.molden": "cfour",
    "ch3_hf_sto3g.fchk": "as the format says",
    "ch3_rohf_sto3g_g03.fchk": "as the format says",
    "monosilicic_acid_hf_lan.fchk": "as the format says",
    "li_h_3-21G_hf_g09.fchk": "as the format says",
    "li2_g09_nbasis_indep.fchk": "as the format says",
    "o2_cc_pvtz_cart.fchk": "as the format says",
    "o2_cc_pvtz_pure.fchk": "as the format says",
    "he_spdfgh_virtual.fchk": "as the format says",
    "nitrogen-cc.fchk": "as the format says",
}


def orbitals_of(field):
    """What our own engine would keep of a self-consistent field."""
    molecule = field.mol
    numbers = np.atleast_2d(field.mo_occ)
    coefficients = field.mo_coeff if field.mo_coeff.ndim == 3 else [field.mo_coeff]
    if isinstance(field, scf.rohf.ROHF):
        numbers, coefficients = np.array([numbers[0] >= 1, numbers[0] == 2]) * 1.0, [field.mo_coeff] * 2
    elif len(coefficients) == 1:
        numbers = numbers / 2
    return Orbitals(
        [molecule.atom_pure_symbol(i) for i in range(molecule.natm)], molecule.atom_coords() * BOHR_ANGSTROM,
        molecule._basis, molecule._ecp, molecule.charge, molecule.multiplicity,
        [c[:, n > 0] for c, n in zip(coefficients, numbers, strict=True)], [n[n > 0] for n in numbers],
        cartesian=molecule.cart,
    )  # fmt: skip


def density(orbitals, points):
    values = orbitals.molecule().eval_gto("GTOval", points)
    per_spin = [((values @ c) ** 2) @ n for c, n in zip(orbitals.coefficients, orbitals.occupations, strict=True)]
    return sum(per_spin) * (2 // len(per_spin))


def peer_density(data, points):
    """Density by qc-gbasis from what qc-iodata has read."""
    matrix = (data.mo.coeffs * data.mo.occs) @ data.mo.coeffs.T
    return evaluate_density(matrix, from_iodata(data), points, screen_basis=False)


def points_around(positions_bohr, rng, count=300):
    return positions_bohr[rng.integers(len(positions_bohr), size=count)] + rng.normal(scale=1.2, size=(count, 3))


def assert_same(imported, original, rng, *, tolerance):
    points = points_around(original.molecule().atom_coords(), rng)
    np.testing.assert_allclose(density(imported, points), density(original, points), atol=tolerance, rtol=tolerance)
    ours, theirs = electron_localization(imported, points), electron_localization(original, points)
    np.testing.assert_allclose(ours, theirs, atol=tolerance)
    assert (imported.symbols, imported.charge, imported.multiplicity) == (
        original.symbols, original.charge, original.multiplicity,
    )  # fmt: skip
    assert len(imported.coefficients) == len(original.coefficients)


@pytest.mark.parametrize("name", CALCULATIONS)
def test_molden_of_pyscf_gives_its_density_and_elf(name, calculated, written, rng):
    imported = read_wave_function(written(name), charge=calculated(name).mol.charge)
    assert_same(imported, orbitals_of(calculated(name)), rng, tolerance=1e-9)
    assert imported.provenance["convention"] == "as the format says"


@pytest.mark.parametrize("name", [name for name in CALCULATIONS if name != "SH radical, restricted"])
def test_checkpoint_gives_the_density_of_pyscf(name, calculated, checkpoint, rng):
    imported = read_wave_function(checkpoint(name))
    assert_same(imported, orbitals_of(calculated(name)), rng, tolerance=1e-6)  # it has nine digits


@pytest.mark.parametrize("name", PROGRAMS)
def test_file_of_a_program_gives_the_density_of_its_peer(name, rng):
    path = files("iodata.test.data") / name
    if not path.is_file():
        pytest.skip("this qc-iodata comes without its example files")
    stated = {"charge": 4} if name == "h2o_ccpvdz_cfour.molden" else {}  # only half of its electrons are in it
    imported = read_wave_function(str(path), **stated)
    data = quietly(iodata.load_one, str(path))
    points = points_around(data.atcoords, rng, 60)
    np.testing.assert_allclose(density(imported, points), peer_density(data, points), atol=2e-9, rtol=2e-9)
    assert imported.provenance["convention"] == PROGRAMS[name]
    assert imported.provenance["engine"] == ("gaussian" if name.endswith("fchk") else "molden")


def test_cartesian_d_beside_spherical_f(written, tmp_path, rng):
    data = quietly(iodata.load_one, str(written("H2S, d and f")))
    for shell in data.obasis.shells:
        shell.kinds[0] = "c" if shell.angmoms[0] == 2 else shell.kinds[0]
    data.obasis = MolecularBasis(data.obasis.shells, data.obasis.conventions, "L2")
    values, vectors = np.linalg.eigh(compute_overlap(data.obasis, data.atcoords))
    count = len(values)
    occupations = np.where(np.arange(count) < 9, 2.0, 0.0)
    mixed = (vectors / np.sqrt(values)) @ np.linalg.qr(rng.normal(size=(count, count)))[0]
    data.mo = MolecularOrbitals("restricted", count, count, occupations, mixed, np.arange(count) - 50.0)
    points = points_around(data.atcoords, rng, 60)
    expected = peer_density(data, points)
    for ending, tolerance in (("molden", 1e-6), ("fchk", 1e-6)):
        quietly(iodata.dump_one, data, str(tmp_path / f"mixed.{ending}"), allow_changes=True)
        imported = read_wave_function(tmp_path / f"mixed.{ending}")
        assert imported.cartesian
        np.testing.assert_allclose(density(imported, points), expected, atol=tolerance, rtol=tolerance)


def test_levels_of_theory_and_provenance(calculated, written, checkpoint):
    imported = read_wave_function(written("AuSH"), method="hf", basis_name="def2-svp")
    assert imported.ecp == {"Au": [60, []]}
    assert {key: imported.provenance[key] for key in ("engine", "method", "basis", "file")} == {
        "engine": "molden", "method": "hf", "basis": "def2-svp", "file": "file.molden",
    }  # fmt: skip
    assert read_wave_function(written("H2S")).provenance["method"] == "unknown"
    gaussian = read_wave_function(checkpoint("AuSH"))
    assert (gaussian.provenance["method"], gaussian.provenance["basis"]) == ("b3lyp", "genecp")
    assert gaussian.ecp == {"Au": [60, []]}
    assert gaussian.provenance["structure_hash"] == imported.provenance["structure_hash"]


def test_orbitals_of_a_correlated_method_are_told_to_be_the_references(caplog):
    path = files("iodata.test.data") / "nitrogen-cc.fchk"
    assert read_wave_function(str(path)).provenance["method"] == "reference determinant of ccd-fc"
    assert "not of the correlated density" in caplog.text


@pytest.mark.parametrize("name", ["AuSH", "H2S, Cartesian d and f"])
def test_imported_orbitals_survive_their_own_file(name, written, tmp_path, rng):
    imported = read_wave_function(written(name))
    write_orbitals(tmp_path / "orbitals.npz", {"frame": imported})
    [(_, again)] = read_orbitals(tmp_path / "orbitals.npz")
    points = points_around(imported.molecule().atom_coords(), rng, 50)
    np.testing.assert_array_equal(electron_localization(again, points), electron_localization(imported, points))
    assert again.molecule().nelectron == imported.molecule().nelectron


def test_core_electrons_are_found_wherever_programs_put_them(calculated, written, rng):
    original = orbitals_of(calculated("AuSH"))

    def placed(extra, charge="79"):
        return lambda text: without(text, "core").replace("Au   1   19", f"Au   1   {charge}") + extra

    for change in (
        placed("", "19"),
        placed("[Core]\nAu : 60\n"),
        placed("[Pseudo]\nAu 1 19\n"),
        placed("[Nval]\nAu 19\nS 16\n"),
        placed("[Core]\n1 : 28\n1 : 60\n"),
    ):
        assert_same(read_wave_function(written("AuSH", change)), original, rng, tolerance=1e-9)
    path = written("AuSH", placed(""))
    with pytest.raises(StructureError, match=r"leave a charge of \+60; state core_electrons"):
        read_wave_function(path)
    with pytest.raises(StructureError, match=r"charge of \+60, stated was \+0; state the charge, or core_electrons"):
        read_wave_function(path, charge=0)
    assert_same(read_wave_function(path, core_electrons={"Au": 60}), original, rng, tolerance=1e-9)
    with pytest.raises(StructureError, match=r"80 core electrons of Au cannot be"):
        read_wave_function(path, core_electrons={"Au": 80})
    with pytest.raises(InputError, match=r"no Ag in the file; choose from Au, H, S"):
        read_wave_function(path, core_electrons={"Ag": 28})
    with pytest.raises(StructureError, match=r"60 core electrons of Au in the file, 28 stated"):
        read_wave_function(written("AuSH"), core_electrons={"Au": 28})
    for extra, charge, message in (
        ("[Core]\n1 : 28\n", "19", "28 core electrons in one place and 60 in another"),
        ("[Core]\nAg : 28\n", "79", "an atom that is not in"),
        ("[Core]\nnobody : 28\n", "79", "neither the number of an atom nor an element"),
        ("[Pseudo]\nAu 1\n", "79", "expected 'element number valence-charge'"),
        ("[Nval]\nAu\n", "79", "expected 'element valence-charge'"),
    ):
        with pytest.raises(StructureError, match=message):
            read_wave_function(written("AuSH", placed(extra, charge)))


def test_stated_charge_and_multiplicity_are_compared(written, checkpoint):
    assert read_wave_function(written("SH radical"), charge=0, multiplicity=2).multiplicity == 2
    with pytest.raises(StructureError, match=r"leave a charge of \+0, stated was -1"):
        read_wave_function(written("SH radical"), charge=-1)
    with pytest.raises(StructureError, match=r"multiplicity 2, stated was 1"):
        read_wave_function(written("SH radical"), multiplicity=1)
    with pytest.raises(StructureError, match=r"leave a charge of \+0, the file says \+1"):
        read_wave_function(checkpoint("SH radical", lambda t: scalar(t, "Charge", 1)))
    with pytest.raises(StructureError, match=r"multiplicity 2, the file says 4"):
        read_wave_function(checkpoint("SH radical", lambda t: scalar(t, "Multiplicity", 4)))


# Conventions.


def scaled_contractions(text):
    """All contraction coefficients times 3, orbitals as they were."""
    parts = sections(text)
    i = next(i for i, part in enumerate(parts) if part.startswith("[GTO]"))
    parts[i] = re.sub(r"(?m)^( +[\d.e+-]+ +)([\d.e+-]+)$", lambda m: f"{m[1]}{3 * float(m[2]):.14g}", parts[i])
    return "".join(parts)


def test_contractions_that_are_not_normalised_are_repaired(calculated, written, rng):
    imported = read_wave_function(written("H2S", scaled_contractions))
    assert imported.provenance["convention"] == "contractions not normalised"
    assert_same(imported, orbitals_of(calculated("H2S")), rng, tolerance=1e-9)


def test_other_signs_of_f_functions_are_refused(calculated, tmp_path):
    field = calculated("H2S, d and f")
    momenta = [m for i in range(field.mol.nbas) for m in momenta_of(field.mol, i)]
    signs = np.where([abs(m) == 3 for m in momenta], -1.0, 1.0)
    assert 0 < (signs < 0).sum() < len(signs)
    path = tmp_path / "signs.molden"
    molden.from_mo(field.mol, str(path), field.mo_coeff * signs[:, None], occ=field.mo_occ)
    with pytest.raises(StructureError, match=r"not orthonormal in its basis.*convert the file with the program"):
        read_wave_function(path)


def momenta_of(molecule, shell):
    angular = molecule.bas_angular(shell)
    one = range(-angular, angular + 1) if angular > 1 else [0] * (2 * angular + 1)
    return list(one) * molecule.bas_nctr(shell)


def test_other_order_of_functions_is_refused(calculated, tmp_path):
    field = calculated("H2S")
    order = np.arange(field.mol.nao)
    d_functions = [i for i, label in enumerate(field.mol.ao_labels()) if "d" in label.split()[2]]
    order[d_functions] = d_functions[::-1]
    molden.from_mo(field.mol, str(tmp_path / "order.molden"), field.mo_coeff[order], occ=field.mo_occ)
    message = r"^\S+order.molden: its orbitals are not orthonormal.*differ from 1 and 0 by up to 0\.\d+ among occupied"
    with pytest.raises(StructureError, match=message):
        read_wave_function(tmp_path / "order.molden")


# Occupations.


def with_occupations(calculated, tmp_path, name, occupations):
    field = calculated(name)
    numbers = np.zeros(field.mol.nao)
    numbers[: len(occupations)] = occupations
    coefficients = field.mo_coeff if np.ndim(field.mo_coeff) == 2 else field.mo_coeff[0]
    molden.from_mo(field.mol, str(tmp_path / "occupied.molden"), coefficients, occ=numbers)
    return tmp_path / "occupied.molden"


def test_smeared_electrons_keep_their_occupations(calculated, tmp_path):
    path = with_occupations(calculated, tmp_path, "H2S", [2] * 8 + [1.75, 0.25])
    imported = read_wave_function(path)
    assert imported.closed_shell
    assert imported.occupations[0].tolist() == [1.0] * 8 + [0.875, 0.125]


def test_whole_occupations_of_one_are_a_high_spin_shell(calculated, tmp_path):
    imported = read_wave_function(with_occupations(calculated, tmp_path, "H2S", [2] * 8 + [1, 1]), multiplicity=3)
    assert imported.multiplicity == 3
    assert [o.sum() for o in imported.occupations] == [10, 8]


@pytest.mark.parametrize(
    ("name", "occupations", "message"),
    [
        ("H2S", [2] * 8 + [1.5], "hold 17.5000 electrons, no whole number"),
        ("H2S", [2] * 8 + [2.2], "occupied by 2.2 electrons; between 0 and 2 can be"),
        ("H2S", [2] * 9 + [0.01, -0.01], "occupied by -0.01 electrons"),
        ("H2S", [1] * 9, r"leave a charge of \+9"),
        ("H2S", [0], "hold 0.0000 electrons"),
        ("SH radical", [2] * 7 + [1.9, 0.9, 0.2], "do not tell the spin densities of an odd number"),
    ],
)
def test_occupations_that_are_none(name, occupations, message, calculated, tmp_path):
    with pytest.raises(StructureError, match=message):
        read_wave_function(with_occupations(calculated, tmp_path, name, occupations))


def test_more_beta_than_alpha_electrons_are_refused(written):
    other = {"Alpha": "Beta", "Beta": "Alpha"}
    path = written("SH radical", lambda t: re.sub("Alpha|Beta", lambda m: other[m[0]], t))
    with pytest.raises(StructureError, match=r"-1.000 more alpha than beta electrons"):
        read_wave_function(path)


# Other spellings of the same molden file.


def test_sp_shells_fortran_numbers_and_coefficients_left_out(tmp_path):
    (tmp_path / "he.molden.input").write_text(helium().replace("\n", "\r\n"))
    imported = read_wave_function(tmp_path / "he.molden.input")
    assert imported.symbols == ["He"]
    assert imported.positions_angstrom.tolist() == [[0, 0, 0.5]]
    [shell_s, shell_p] = imported.basis["He"]
    assert (shell_s[0], shell_p[0]) == (0, 1)
    assert shell_s[1][1] / shell_s[2][1] == pytest.approx(0.6 / 0.5)
    assert shell_p[1][1] / shell_p[2][1] == pytest.approx(0.2 / 0.9)
    molecule = imported.molecule()
    assert molecule.nao == 4
    coefficients = imported.coefficients[0]
    assert (coefficients.T @ molecule.intor("int1e_ovlp") @ coefficients).item() == pytest.approx(1, abs=1e-12)
