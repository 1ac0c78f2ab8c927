from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.io.cube import read_cube
from pyscf import gto, scf
from pyscf.dft import numint
from scipy.spatial.transform import Rotation

from auric.elf import (
    OFFSETS,
    electron_localization,
    electron_localization_from_densities,
    elf_grid,
    fault_of,
    images_block,
    planes_of_bond,
    summarise_elf,
)
from auric.elf.images import STEPS, resolved
from auric.errors import InputError
from auric.files import read_dataset, read_tables, write_frames, write_table
from auric.reference import GtoEngine, GtoSettings, Orbitals, write_orbitals
from auric.structures import build_ring, gold_sulfur_bonds
from auric.units import BOHR_ANGSTROM

SETTINGS = {"pixels": 16, "planes": 7, "min_perpendicular_angstrom": 0.3, "offset": "multiwfn"}


def points_around(orbitals, rng, count=400):
    low, high = orbitals.positions_angstrom.min(axis=0) - 1.5, orbitals.positions_angstrom.max(axis=0) + 1.5
    return rng.uniform(low, high, (count, 3)) / BOHR_ANGSTROM


@pytest.mark.parametrize("name", ["H2S", "SH radical", "AuSH"])
def test_elf_agrees_with_an_independent_code(labels, rng, name):
    evals = pytest.importorskip("gbasis.evals.density")
    from gbasis.wrappers import from_pyscf

    orbitals = labels[name].orbitals
    points, molecule = points_around(orbitals, rng), orbitals.molecule()
    shells = from_pyscf(molecule)
    spins = orbitals.coefficients * (2 // len(orbitals.coefficients))
    rho, slope, tau = [], [], []
    for coefficients in spins:
        density_matrix = coefficients @ coefficients.T
        # Its screening (on by default) sets basis functions below 1e-8 to zero; that is not what is compared.
        given = {"one_density_matrix": density_matrix, "basis": shells, "points": points, "screen_basis": False}
        rho.append(evals.evaluate_density(**given))
        slope.append((evals.evaluate_density_gradient(**given) ** 2).sum(-1))
        tau.append(evals.evaluate_posdef_kinetic_energy_density(**given))
    d = sum(t - g / (8 * r) for t, g, r in zip(tau, slope, rho, strict=True)) + 1e-5
    d0 = 4.557800 * sum(r ** (5 / 3) for r in rho)  # the constant as Multiwfn prints it
    theirs = 1 / (1 + (d / d0) ** 2)
    exact = 1 / (1 + (d / (d0 / 4.557800 * 0.3 * (6 * np.pi**2) ** (2 / 3))) ** 2)
    ours = electron_localization(orbitals, points)
    assert np.abs(ours - exact).max() < 1e-11
    assert np.abs(ours - theirs).max() < 1e-6


def test_the_uniform_gas_has_one_half_in_either_polarisation():
    rho = np.array([[0.01, 0.3], [0.01, 0.0]])
    tau = 0.3 * (6 * np.pi**2) ** (2 / 3) * rho ** (5 / 3)
    np.testing.assert_allclose(electron_localization_from_densities(rho, 0 * rho, tau, offset=0.0), 0.5)


def test_one_orbital_is_fully_localised_and_the_offset_makes_elf_vanish_far_away(labels):
    h2s = labels["H2S"].orbitals
    one = replace(h2s, coefficients=[h2s.coefficients[0][:, :1]], occupations=[h2s.occupations[0][:1]])
    near, far = np.array([[0.0, 0.1, 0.3]]), np.array([[0.0, 0.0, 40.0]])
    assert electron_localization(one, near, offset=0.0)[0] == pytest.approx(1, abs=1e-9)
    assert electron_localization(one, far)[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(electron_localization(one, 1e4 * far, offset=0.0)[0])


def test_larger_offset_never_raises_elf(labels, rng):
    points = points_around(labels["AuSH"].orbitals, rng)
    none, multiwfn, savin = (
        electron_localization(labels["AuSH"].orbitals, points, offset=OFFSETS[name])
        for name in ("none", "multiwfn", "savin")
    )
    assert (none >= multiwfn).all()
    assert (multiwfn >= savin).all()
    assert none.max() <= 1
    assert savin.min() >= 0


@pytest.mark.parametrize("name", ["H2S", "SH radical"])
def test_points_get_the_same_value_whatever_they_are_asked_with(labels, rng, name):
    orbitals = labels[name].orbitals
    points = points_around(orbitals, rng, 3000)
    whole, order = electron_localization(orbitals, points), rng.permutation(3000)
    np.testing.assert_allclose(electron_localization(orbitals, points[order], threads=2), whole[order], atol=1e-9)
    parts = [electron_localization(orbitals, part) for part in np.array_split(points, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e-5])
def test_far_apart_molecules_are_screened_and_agree_with_pyscf(rng, offset):
    """Three AuSH 15 angstrom apart: shells of the others are left out, and ELF is that of PySCF's densities."""
    symbols, base = ["Au", "S", "H"] * 3, np.array([[0, 0, 0], [2.22, 0.1, 0], [2.35, 1.43, 0.1]])
    positions = np.concatenate([base + np.array([15.0 * k, 0, 0]) for k in range(3)])
    engine = GtoEngine(GtoSettings(xc="pbe", grid_level=0, conv_tol_hartree=1e-5))
    orbitals = engine.label(Atoms(symbols, positions), 0, 1).orbitals
    points = (
        np.concatenate([rng.uniform(-1.5, 3.5, (700, 3)) + np.array([15.0 * k, 0, 0]) for k in range(3)])
        / BOHR_ANGSTROM
    )
    (coefficients,), (occupations,) = orbitals.coefficients, orbitals.occupations
    molecule = orbitals.molecule()
    density = 2 * (coefficients * occupations) @ coefficients.T
    rho, *gradient, tau = numint.eval_rho(
        molecule, numint.eval_ao(molecule, points, deriv=1), density, xctype="MGGA", with_lapl=False
    )
    squared = sum(each**2 for each in gradient)
    halves = (np.array([each, each]) for each in (rho / 2, squared / 4, tau / 2))
    expected = electron_localization_from_densities(*halves, offset=offset)
    np.testing.assert_allclose(electron_localization(orbitals, points, offset=offset), expected, atol=1e-7)


def test_points_of_a_wrong_shape_are_refused(labels):
    with pytest.raises(ValueError, match=r"shape \(points, 3\), got \(4, 2\)"):
        electron_localization(labels["H2S"].orbitals, np.zeros((4, 2)))


def test_planes_put_sulfur_left_gold_right_and_the_third_atom_above():
    ring = build_ring(4, "CH3")
    ring.rattle(0.1, seed=1)
    for bond in gold_sulfur_bonds(ring):
        planes, refused = planes_of_bond(ring, bond)
        assert len(planes) + len(refused) == 7
        middle = (ring.positions[bond.left] + ring.positions[bond.right]) / 2
        others = sorted(
            set(range(len(ring))) - {bond.left, bond.right}, key=lambda i: np.linalg.norm(ring.positions[i] - middle)
        )
        assert [plane.third_atom for plane in planes] == [i for i in others[:7] if i not in refused]
        for plane in planes:
            points = plane.points_angstrom(4)
            assert points.shape == (4, 4, 3)
            # Half a pixel from the mid-edges, and the mid-edges are the atoms.
            side = bond.length_angstrom
            left, right = points[1:3, 0].mean(axis=0), points[1:3, -1].mean(axis=0)
            np.testing.assert_allclose(left - plane.along * side / 8, ring.positions[bond.left], atol=1e-9)
            np.testing.assert_allclose(right + plane.along * side / 8, ring.positions[bond.right], atol=1e-9)
            np.testing.assert_allclose(points.reshape(-1, 3).mean(axis=0), middle, atol=1e-9)
            third = ring.positions[plane.third_atom] - middle
            assert third @ plane.up > 0
            normal = np.cross(plane.along, plane.up)
            assert abs(third @ normal) < 1e-9
            assert np.ptp(points.reshape(-1, 3) @ normal) < 1e-9


def test_collinear_third_atoms_give_no_plane():
    straight = Atoms("SAuSH", [[0, 0, 0], [2.3, 0, 0], [4.6, 0.1, 0], [-0.2, 1.3, 0]])
    (bond, *_) = gold_sulfur_bonds(straight)
    planes, refused = planes_of_bond(straight, bond)
    assert [plane.third_atom for plane in planes] == [3]
    assert "collinear" in refused[2]


def test_planes_of_equal_atoms_come_in_the_same_order_after_a_turn():
    ring = build_ring(4)
    turned = Atoms(ring.numbers, ring.positions @ Rotation.from_rotvec([0.4, 1.0, -0.3]).as_matrix().T)
    for one, other in zip(gold_sulfur_bonds(ring), gold_sulfur_bonds(turned), strict=True):
        here, there = planes_of_bond(ring, one)[0], planes_of_bond(turned, other)[0]
        assert [plane.third_atom for plane in here] == [plane.third_atom for plane in there]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(np.nan, "non-finite"), (np.inf, "non-finite"), (1.5, "outside"), (-0.1, "outside"), (0.5, "")],
)
def test_poor_images_are_told_by_reason(value, reason):
    image = np.full((4, 4), 0.5)
    image[1, 2] = value
    assert reason in fault_of(image)
    assert bool(fault_of(image)) == bool(reason)


@pytest.fixture
def block(tmp_path, labels):
    """One labelled frame with its orbitals, and one without a density."""
    orbitals = labels["AuSH"].orbitals
    atoms = Atoms(orbitals.symbols, orbitals.positions_angstrom)
    atoms.info = {"name": "aush_0000", "structure": "aush", "charge": 0, "multiplicity": 1}
    write_frames(tmp_path / "l.extxyz", [atoms])
    write_orbitals(tmp_path / "o.npz", {"aush_0000": orbitals})
    failed = [{"stage": "labels", "structure": "bad", "frame": "bad_0000", "reason": "SCF not converged"}]
    write_table(tmp_path / "f.csv", failed, ["stage", "structure", "frame", "reason"])
    return tmp_path


def test_images_of_a_block(block, labels):
    images_block(
        block / "l.extxyz", block / "o.npz", block / "f.csv", block / "i.nc", block / "d.csv", settings=SETTINGS
    )
    images, dropped = read_dataset(block / "i.nc"), read_tables([block / "d.csv"])
    assert images["elf"].dims == ("image", "y", "x")
    assert images["elf"].shape == (1, 16, 16)
    assert images["image"].values.tolist() == ["aush_0000:S1-Au0:2"]
    assert images["bond_length_angstrom"].attrs["units"] == "angstrom"
    assert dropped["frame"].tolist() == ["bad_0000"]
    assert dropped["reason"].str.contains("SCF not converged").all()
    ours = images["elf"].values[0]
    bond = images["bond_length_angstrom"].item()
    sulfur, gold, third = labels["AuSH"].orbitals.positions_angstrom[[1, 0, 2]]
    along = (gold - sulfur) / bond
    up = (third - sulfur) - along * ((third - sulfur) @ along)
    up /= np.linalg.norm(up)
    point = sulfur + bond * ((3 + 0.5) / 16 * along + ((11 + 0.5) / 16 - 0.5) * up)
    expected = electron_localization(labels["AuSH"].orbitals, point[None] / BOHR_ANGSTROM)
    assert ours[11, 3] == pytest.approx(expected[0], abs=0.501 / STEPS)
    np.testing.assert_array_equal(ours, resolved(ours.astype(float)).astype("float32"))
    summarise_elf([block / "i.nc"], [block / "d.csv"], block / "s.csv", study="test")
    assert read_tables([block / "s.csv"])["ours"].tolist() == [100.0]


def test_images_of_another_kind_of_bond(block, labels):
    bond = {"left": "S", "right": "H", "cutoff_angstrom": 1.6}
    paths = [block / name for name in ("l.extxyz", "o.npz", "f.csv", "i.nc", "d.csv")]
    images_block(*paths, settings=SETTINGS, bond=bond)
    images = read_dataset(block / "i.nc")
    assert images["image"].values.tolist() == ["aush_0000:S1-H2:0"]
    assert (images["left_atom"].item(), images["right_atom"].item()) == (1, 2)
    sulfur, hydrogen = labels["AuSH"].orbitals.positions_angstrom[1:]
    assert images["bond_length_angstrom"].item() == pytest.approx(np.linalg.norm(sulfur - hydrogen))


def test_a_block_without_frames_gives_an_empty_file(block):
    write_frames(block / "l.extxyz", [])
    write_orbitals(block / "o.npz", {})
    images_block(
        block / "l.extxyz", block / "o.npz", block / "f.csv", block / "i.nc", block / "d.csv", settings=SETTINGS
    )
    assert read_dataset(block / "i.nc").sizes["image"] == 0


def test_grid_in_netcdf_and_cube_agree(block, labels):
    wanted = {"spacing_angstrom": 0.5, "margin_angstrom": 1.0, "offset": "multiwfn"}
    elf_grid(block / "o.npz", block / "g.nc", block / "g.cube", frame="aush_0000", **wanted)
    with xr.open_dataset(block / "g.nc", engine="h5netcdf") as grid, (block / "g.cube").open() as file:
        cube = read_cube(file)
        np.testing.assert_allclose(cube["data"], grid["elf"].values, atol=1e-5)
        np.testing.assert_allclose(cube["origin"], [grid[axis].values[0] for axis in "xyz"], atol=1e-4)
        np.testing.assert_allclose(cube["atoms"].positions, grid["positions_angstrom"].values, atol=1e-4)
        np.testing.assert_allclose(np.diag(cube["spacing"]), 0.5, atol=1e-4)
        point = np.array([[grid[axis].values[4] for axis in "xyz"]]) / BOHR_ANGSTROM
        assert grid["elf"].values[4, 4, 4] == pytest.approx(
            electron_localization(labels["AuSH"].orbitals, point)[0], abs=1e-6
        )
    with pytest.raises(InputError, match="no density of frame 'other'"):
        elf_grid(block / "o.npz", block / "g.nc", block / "g.cube", frame="other", **wanted)


def test_six_d_functions_are_evaluated_as_six():
    atoms = "S 0 0 0; H 0 0.96 0.93; H 0 -0.96 0.93"
    six = gto.M(atom=atoms, basis="6-31g*", cart=True, verbose=0)
    field = scf.RHF(six).run()
    occupied = field.mo_coeff[:, :9]
    basis = {symbol: gto.basis.load("6-31g*", symbol) for symbol in "SH"}
    orbitals = Orbitals(
        ["S", "H", "H"], six.atom_coords(unit="A"), basis, {}, 0, 1, [occupied], [np.ones(9)], cartesian=True
    )
    points = np.random.default_rng(0).uniform(-4, 4, (300, 3))
    rho, *gradient, tau = numint.eval_rho(
        six, numint.eval_ao(six, points, deriv=1), field.make_rdm1(), xctype="MGGA", with_lapl=False
    )
    squared = sum(each**2 for each in gradient)
    halves = (np.array([each, each]) for each in (rho / 2, squared / 4, tau / 2))
    expected = electron_localization_from_densities(*halves)
    np.testing.assert_allclose(electron_localization(orbitals, points), expected, atol=1e-10)
    points[3] = np.nan
    assert np.isnan(electron_localization(orbitals, points)[3])
