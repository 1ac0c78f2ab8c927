import numpy as np
import pytest
import torch
from rdkit import Chem

from auric.errors import InputError
from auric.graphs.fingerprint import FingerprintShape, fingerprints, initial_fingerprint
from auric.graphs.molecules import ATOM_FEATURES, BOND_FEATURES, molecule_graphs
from auric.graphs.smiles import MAX_ATOMS, parsed

SMILES = ("NC(CS)C(=O)O", "O", "[Na+].[BH4-]", "Cc1ccccc1", "SCCc1ccccc1")
SHAPE = FingerprintShape(length=6, convolutions=2, width=5)


def prints(smiles, members=3, shape=SHAPE, seed=0):
    parameters = initial_fingerprint(members, shape, torch.Generator().manual_seed(seed))
    return fingerprints(parameters, molecule_graphs(smiles), shape)


def by_hand(smiles, parameters, shape, member):
    """One molecule by one member, atom by atom."""
    graphs = molecule_graphs([smiles])
    atoms, bonds = graphs.atoms.numpy(), graphs.bonds.numpy()
    near = [[n for n in row if n < len(atoms)] for row in graphs.neighbours.tolist()]
    total = np.zeros(shape.length)
    for layer in range(shape.convolutions + 1):
        output = parameters[f"output_{layer}"][member].numpy()
        for a in range(len(atoms)):
            z = np.exp(np.concatenate([atoms[a], bonds[a]]) @ output)
            total += z / z.sum()
        if layer < shape.convolutions:
            hidden, bias = (parameters[f"{name}_{layer}"][member].numpy() for name in ("hidden", "hidden_bias"))
            atoms = np.stack([
                np.maximum(np.concatenate([atoms[a] + sum(atoms[n] for n in near[a]), bonds[a]]) @ hidden[len(near[a])] + bias[len(near[a])][0], 0)
                for a in range(len(atoms))
            ])  # fmt: skip
    return total


@pytest.mark.parametrize("smiles", SMILES)
def test_the_same_as_atom_by_atom(smiles):
    parameters = initial_fingerprint(2, SHAPE, torch.Generator().manual_seed(3))
    found = fingerprints(parameters, molecule_graphs(SMILES), SHAPE)[:, SMILES.index(smiles)]
    expected = [by_hand(smiles, parameters, SHAPE, member) for member in range(2)]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def test_the_order_of_atoms_changes_nothing(rng):
    plain = prints(SMILES)
    for number, smiles in enumerate(SMILES):
        molecule = Chem.MolFromSmiles(smiles)
        order = [int(each) for each in rng.permutation(molecule.GetNumAtoms())]
        other = Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)
        np.testing.assert_allclose(prints([other])[:, 0], plain[:, number], atol=1e-5)


def test_each_row_counts_atoms_and_layers():
    heavy = [Chem.MolFromSmiles(each).GetNumAtoms() for each in SMILES]
    np.testing.assert_allclose(prints(SMILES).sum(2), np.broadcast_to(3 * np.array(heavy), (3, 5)), rtol=1e-5)


def test_isomers_differ_by_their_neighbours_alone():
    """Cysteine and isocysteine have the same atoms; without a hidden convolution the atoms' own features tell them apart hardly."""
    first, second = prints(["NC(CS)C(=O)O", "NCC(S)C(=O)O"]).unbind(1)
    assert float((first - second).abs().max()) > 1e-3
    same = prints(["NC(CS)C(=O)O", "OC(=O)C(N)CS"]).unbind(1)
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)


def test_gradients_are_those_of_differences():
    shape = FingerprintShape(length=2, convolutions=1, width=2)
    graphs = molecule_graphs(["CS", "O"])
    double = type(graphs)(**{**graphs.__dict__, "atoms": graphs.atoms.double(), "bonds": graphs.bonds.double()})
    start = initial_fingerprint(1, shape, torch.Generator().manual_seed(1))
    names = list(start)

    def of(*values):
        return fingerprints(dict(zip(names, values, strict=True)), double, shape)

    values = [start[name].double().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(of, values)


def test_sizes_of_the_graphs():
    graphs = molecule_graphs(SMILES)
    n = sum(Chem.MolFromSmiles(each).GetNumAtoms() for each in SMILES)
    assert graphs.atoms.shape == (n, ATOM_FEATURES)
    assert graphs.bonds.shape == (n, BOND_FEATURES)
    assert sum(graphs.degrees) == n
    assert graphs.count == len(SMILES)
    # a neighbour of an atom has it as a neighbour, and both are in one molecule
    for atom, row in enumerate(graphs.neighbours.tolist()):
        for other in row:
            if other < n:
                assert atom in graphs.neighbours[other].tolist()
                assert graphs.molecule[atom] == graphs.molecule[other]


def test_what_cannot_be_read_is_refused():
    with pytest.raises(InputError, match="no SMILES"):
        parsed("C1CC")
    with pytest.raises(InputError, match="no SMILES"):
        parsed("")
    with pytest.raises(InputError, match="at most 500 are taken"):
        parsed("C" * (MAX_ATOMS + 1))
    with pytest.raises(InputError, match="6 neighbours"):
        molecule_graphs(["FS(F)(F)(F)(F)F"])
