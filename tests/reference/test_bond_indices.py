"""Bond indices and electric fields: closed forms, invariances, and slopes of the energy."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.reference import GthEngine, GthSettings, GtoEngine, GtoSettings, delocalisation_indices, mayer_bond_orders
from auric.reference.electric import without_field
from auric.reference.gto import GpuEngine
from auric.units import HARTREE_EV

H2 = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
H2S = Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]])
MINIMAL = {"default": "sto-3g"}


def solved(atoms, charge=0, multiplicity=1, **settings):
    plain = {"xc": "lda,vwn", "basis": {"default": "def2-svp"}, "grid_level": 0, "conv_tol_hartree": 1e-10}
    return GtoEngine(GtoSettings(**plain | settings)).label(atoms, charge, multiplicity)


def dipole_of(orbitals):
    """Dipole of a closed shell, atomic units, electrons negative."""
    molecule = orbitals.molecule()
    density = 2 * orbitals.coefficients[0] @ orbitals.coefficients[0].T
    electrons = np.einsum("xij,ij->x", molecule.intor("int1e_r"), density)
    return molecule.atom_charges() @ molecule.atom_coords() - electrons


class TestBondIndices:
    def test_one_pair_of_electrons_shared_by_two_atoms_is_a_bond_of_order_one(self):
        orbitals = solved(H2, basis=MINIMAL).orbitals
        assert mayer_bond_orders(orbitals) == pytest.approx(np.array([[0, 1], [1, 0]]), abs=1e-9)
        assert delocalisation_indices(orbitals) == pytest.approx(np.array([[0, 1], [1, 0]]), abs=1e-4)

    def test_half_a_pair_is_half_a_bond(self):
        """One electron in the bonding orbital: 2 (1/2) (1/2)."""
        orbitals = solved(H2, 1, 2, basis=MINIMAL).orbitals
        assert mayer_bond_orders(orbitals)[0, 1] == pytest.approx(0.5, abs=1e-9)
        assert delocalisation_indices(orbitals)[0, 1] == pytest.approx(0.5, abs=1e-4)

    def test_a_nitrogen_molecule_has_three_bonds_and_far_atoms_none(self):
        orbitals = solved(Atoms("N2", [[0, 0, 0], [0, 0, 1.1]]), basis=MINIMAL).orbitals
        assert mayer_bond_orders(orbitals)[0, 1] == pytest.approx(3.0, abs=1e-3)
        apart = solved(Atoms("He2", [[0, 0, 0], [0, 0, 8.0]]), basis=MINIMAL).orbitals
        assert mayer_bond_orders(apart)[0, 1] == pytest.approx(0, abs=1e-9)
        assert delocalisation_indices(apart)[0, 1] == pytest.approx(0, abs=1e-4)

    def test_they_do_not_depend_on_how_orbitals_are_mixed(self, labels, rng):
        orbitals = labels["H2S"].orbitals
        count = orbitals.coefficients[0].shape[1]
        turned = np.linalg.qr(rng.normal(size=(count, count))).Q
        mixed = replace(orbitals, coefficients=[orbitals.coefficients[0] @ turned])
        for indices in (mayer_bond_orders, delocalisation_indices):
            assert indices(mixed) == pytest.approx(indices(orbitals), abs=1e-9)

    def test_they_do_not_depend_on_place_and_turn(self, labels):
        orbitals = labels["AuSH"].orbitals
        turned = Atoms(orbitals.symbols, orbitals.positions_angstrom)
        turned.rotate(37, (1, 2, 3))
        turned.translate((1, -2, 0.5))
        again = GtoEngine(GtoSettings(grid_level=1, conv_tol_hartree=1e-7)).label(turned, 0, 1).orbitals
        assert mayer_bond_orders(again) == pytest.approx(mayer_bond_orders(orbitals), abs=1e-3)
        assert delocalisation_indices(again) == pytest.approx(delocalisation_indices(orbitals), abs=5e-3)

    def test_gold_and_sulfur_are_bonded_and_gold_and_hydrogen_hardly(self, labels):
        orders = mayer_bond_orders(labels["AuSH"].orbitals)
        assert orders[0, 1] > 0.8
        assert abs(orders[0, 2]) < 0.2
        assert orders == pytest.approx(orders.T)


class TestField:
    def test_the_energy_falls_by_the_dipole_along_the_field(self):
        step, dipole = 1e-3, dipole_of(solved(H2S).orbitals)[2]
        up, down = (solved(H2S, field_au=(0, 0, sign * step)).energy_ev / HARTREE_EV for sign in (1, -1))
        assert -(up - down) / (2 * step) == pytest.approx(dipole, abs=2e-4)

    def test_it_breaks_the_symmetry_that_it_should(self):
        plain = mayer_bond_orders(solved(H2S).orbitals)
        across = mayer_bond_orders(solved(H2S, field_au=(0, 0.02, 0)).orbitals)
        normal = mayer_bond_orders(solved(H2S, field_au=(0.02, 0, 0)).orbitals)
        mirrored = mayer_bond_orders(solved(H2S, field_au=(0, -0.02, 0)).orbitals)
        assert plain[0, 1] == pytest.approx(plain[0, 2], abs=1e-6)
        assert normal[0, 1] == pytest.approx(normal[0, 2], abs=1e-6)
        assert abs(across[0, 1] - across[0, 2]) > 1e-3
        assert (across[0, 1], across[0, 2]) == pytest.approx((mirrored[0, 2], mirrored[0, 1]), abs=1e-6)

    def test_where_positions_are_counted_from_does_not_matter(self):
        field = (0.01, 0, 0.01)
        far = H2S.copy()
        far.translate((30, 0, 0))
        here, there = (solved(atoms, 1, 2, field_au=field) for atoms in (H2S, far))
        assert here.energy_ev == pytest.approx(there.energy_ev, abs=1e-5)

    def test_in_a_box_the_energy_falls_by_the_dipole_too(self):
        step, energies = 2e-3, []
        for field in (0.0, step, -step):
            settings = GthSettings(
                cutoff_hartree=40, margin_angstrom=3.5, conv_tol_hartree=1e-8, field_au=(0, 0, field)
            )
            label = GthEngine(settings).label(H2S, 0, 1)
            energies.append(label.energy_ev / HARTREE_EV)
            if not field:
                plain = dipole_of(label.orbitals)
        assert -(energies[1] - energies[2]) / (2 * step) == pytest.approx(plain[2], rel=0.01)

    def test_it_is_part_of_what_a_label_is_and_its_absence_is_not(self):
        for kind, settings in ((GtoEngine, GtoSettings), (GthEngine, GthSettings)):
            plain = kind(settings()).identity()
            assert not {"field_au", "relativity"} & set(plain)
            assert kind(settings(field_au=(0, 0, 0.0))).identity() == plain
            assert kind(settings(field_au=(0, 0, 0.01))).identity()["field_au"] == (0, 0, 0.01)
        assert without_field({"field_au": [0, 0, 0], "xc": "pbe"}) == {"xc": "pbe"}

    @pytest.mark.parametrize(
        ("field", "forces", "reason"),
        [
            ((0, 1e-3), False, "give three finite numbers"),
            ((0, 0, float("nan")), False, "give three finite numbers"),
            ((0, 0, 0.2), False, "take a weaker field"),
            ((0, 0, 0.01), True, "set forces to false"),
        ],
    )
    @pytest.mark.parametrize(("kind", "settings"), [(GtoEngine, GtoSettings), (GthEngine, GthSettings)])
    def test_unusable_fields_are_refused(self, kind, settings, field, forces, reason):
        with pytest.raises(InputError, match=reason):
            kind(settings(field_au=field, forces=forces))

    @pytest.mark.parametrize("settings", [{"field_au": (0, 0, 0.01)}, {"relativity": "x2c"}])
    def test_the_gpu_offers_neither(self, settings):
        with pytest.raises(InputError, match="use pyscf-gto"):
            GpuEngine(GtoSettings(**settings))


class TestAllElectrons:
    def test_scalar_relativity_lowers_the_energy_as_it_should(self):
        """Of the neon atom from -128.5471 hartree (Hartree-Fock limit) to -128.6919 (Dirac-Hartree-Fock)."""
        neon = Atoms("Ne", [[0, 0, 0]])
        basis = {"default": "dzp-dkh"}
        change = solved(neon, basis=basis, relativity="x2c").energy_ev - solved(neon, basis=basis).energy_ev
        assert change / HARTREE_EV == pytest.approx(-0.1448, abs=0.003)

    def test_heavy_elements_without_a_potential_need_it(self):
        engine = GtoEngine(GtoSettings(basis={"default": "dzp-dkh"}))
        with pytest.raises(StructureError, match="set relativity to x2c"):
            engine.check(["Au"])
        basis, ecp = GtoEngine(GtoSettings(basis={"default": "dzp-dkh"}, relativity="x2c")).basis_of(["Au", "S", "H"])
        assert set(basis) == {"Au", "S", "H"}
        assert not ecp

    def test_unknown_hamiltonians_are_refused(self):
        with pytest.raises(InputError, match="Did you mean 'x2c'"):
            GtoEngine(GtoSettings(relativity="x2"))
