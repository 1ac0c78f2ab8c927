"""Neural graph fingerprints of molecules (Duvenaud et al., doi:10.48550/arXiv.1509.09292).

Each of P hidden convolutions adds to an atom's vector those of its neighbours, appends the features of its bonds, and sends the sum
through weights that depend on the atom's number of neighbours. The input and each hidden layer pass an output convolution, whose
softmax over D places is summed over the atoms; the P + 1 sums add up to the fingerprint.

Weights have a first axis of *members*: independent networks that are evaluated, and trained, at once.
"""

from dataclasses import dataclass

import torch

from auric.graphs.molecules import ATOM_FEATURES, BOND_FEATURES, DEGREES, MoleculeGraphs

Parameters = dict[str, torch.Tensor]


@dataclass(frozen=True)
class FingerprintShape:
    """Sizes of a fingerprint.

    Attributes:
        length: D, its length.
        convolutions: P, the number of hidden convolutions.
        width: Length of an atom's vector in hidden layers.
    """

    length: int = 10
    convolutions: int = 2
    width: int = 20


def initial_fingerprint(members: int, shape: FingerprintShape, generator: torch.Generator) -> Parameters:
    """Random weights, each drawn with the standard deviation 1 / sqrt(inputs).

    Args:
        members: How many networks.
        shape: Sizes.
        generator: Source of random numbers.

    Returns:
        For each layer l: `output_l` (members, inputs, D); for each but the last, `hidden_l` (members, degrees, inputs, width) and
        `hidden_bias_l` (members, degrees, 1, width).
    """
    found: Parameters = {}
    for layer in range(shape.convolutions + 1):
        inputs = (shape.width if layer else ATOM_FEATURES) + BOND_FEATURES
        found[f"output_{layer}"] = torch.randn(members, inputs, shape.length, generator=generator) / inputs**0.5
        if layer < shape.convolutions:
            size = (members, len(DEGREES), inputs, shape.width)
            found[f"hidden_{layer}"] = torch.randn(*size, generator=generator) / inputs**0.5
            found[f"hidden_bias_{layer}"] = torch.zeros(members, len(DEGREES), 1, shape.width)
    return found


def fingerprints(parameters: Parameters, graphs: MoleculeGraphs, shape: FingerprintShape) -> torch.Tensor:
    """Fingerprints of molecules by each member.

    Args:
        parameters: As `initial_fingerprint` gives them.
        graphs: The molecules.
        shape: Sizes.

    Returns:
        Shape (members, molecules, D); differentiable in the parameters. Each row sums to (P + 1) times the number of atoms.
    """
    members = parameters["output_0"].shape[0]
    bonds = graphs.bonds.expand(members, -1, -1)
    atoms = graphs.atoms.expand(members, -1, -1)
    total = atoms.new_zeros(members, graphs.count, shape.length)
    for layer in range(shape.convolutions + 1):
        mine = torch.cat([atoms, bonds], dim=2) @ parameters[f"output_{layer}"]
        total = total.index_add(1, graphs.molecule, mine.softmax(dim=2))
        if layer < shape.convolutions:
            padded = torch.cat([atoms, atoms.new_zeros(members, 1, atoms.shape[2])], dim=1)
            near = (
                padded.index_select(1, graphs.neighbours.ravel()).reshape(members, *graphs.neighbours.shape, -1).sum(2)
            )
            inputs = torch.split_with_sizes(torch.cat([atoms + near, bonds], dim=2), list(graphs.degrees), dim=1)
            weights, biases = parameters[f"hidden_{layer}"], parameters[f"hidden_bias_{layer}"]
            parts = [
                part @ weights[:, degree] + biases[:, degree] for degree, part in enumerate(inputs) if part.shape[1]
            ]
            atoms = torch.relu(torch.cat(parts, dim=1))
    return total
