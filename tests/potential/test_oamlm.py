import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from auric.errors import InputError, StructureError
from auric.files import read_npz, write_npz
from auric.potential import (
    Aligner,
    Environments,
    Oamlm,
    atom_environments,
    best_rotations,
    direction_from_cosines,
    huber_weights,
    join_environments,
    least_squares,
    plain_classes,
    weighted_angle,
)
from auric.structures import build_recipe, build_ring
from benchmarks.oamlm import plain_alignment

CLASSES = ("C", "H", "S", "core Au", "half-unit Au", "plain C", "unit Au")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def forces_of(atoms):
    """Some forces that turn and are mirrored with the structure, and do not come from an energy."""
    between = atoms.positions[None] - atoms.positions[:, None]
    lengths = np.linalg.norm(between, axis=-1) + np.eye(len(atoms))
    return (between * (np.sin(3 * lengths) * atoms.numbers[None] / lengths**3)[..., None]).sum(axis=1)


def descriptors_of(environments):
    """Sorted distances, also of the atom: invariant under rotations, reflections and the order of neighbours."""
    points = np.concatenate([np.zeros((len(environments), 1, 3)), environments.vectors], axis=1)
    lengths = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    return np.hstack([np.sort(lengths[:, 0, 1:], axis=1), np.sort(lengths.reshape(len(points), -1), axis=1)])


@pytest.fixture(scope="module")
def frames():
    """Shaken copies of a built cluster, each of its own orientation."""
    rng = np.random.default_rng(11)
    start = build_recipe("staple", "core=Au13 units=6xn2 R=CH3")
    made = []
    for _ in range(4):
        atoms = start.copy()
        atoms.positions += rng.normal(scale=0.08, size=(len(atoms), 3))
        atoms.positions = Rotation.random(rng=rng).apply(atoms.positions)
        made.append(atoms)
    return made


@pytest.fixture(scope="module")
def surroundings(frames):
    """Environments and forces of all classes."""
    found, forces = {}, {}
    rng = np.random.default_rng(5)
    ethanes = [molecule("C2H6") for _ in range(20)]
    for ethane in ethanes:
        ethane.positions += rng.normal(scale=0.08, size=(8, 3))
    for each in frames + ethanes:
        parts = atom_environments(each, plain_classes(each) if len(each) == 8 else None)
        for name, part in parts.items():
            found.setdefault(name, []).append(part)
            forces.setdefault(name, []).append(forces_of(each)[part.atoms])
    found = {name: join_environments(parts) for name, parts in found.items()}
    forces = {name: np.concatenate(parts) for name, parts in forces.items()}
    whole = found["unit Au"]
    found["half-unit Au"] = Environments(
        "half-unit Au", whole.vectors[:, :3], whole.counts // 2, whole.has_sulfur, whole.atoms
    )
    forces["half-unit Au"] = forces["unit Au"]
    return found, forces


# Environments


def test_neighbours_come_in_the_order_of_their_class():
    atoms = build_recipe("staple", "core=Au13 units=6xn2 R=CH3")
    found = atom_environments(atoms)
    wanted = {"H": "CHH", "C": "SHHH", "S": "CAuAu", "unit Au": "SCAuSCAu", "core Au": None}
    assert set(found) == set(wanted)
    assert sum(map(len, found.values())) == len(atoms)
    for name, elements in wanted.items():
        for index, vectors, count in zip(found[name].atoms, found[name].vectors, found[name].counts, strict=True):
            distances = np.linalg.norm(atoms.positions - (atoms.positions[index] + vectors[:count, None]), axis=-1)
            assert distances.min(axis=1).max() < 1e-12
            symbols = "".join(atoms.symbols[distances.argmin(axis=1)])
            assert elements is None or symbols == elements
            assert not vectors[count:].any()
    core = found["core Au"]
    assert core.vectors.shape[1] == 12
    lengths = np.linalg.norm(core.vectors, axis=-1)
    for row in range(len(core)):
        metals = lengths[row, int(core.has_sulfur[row]) : core.counts[row]]
        assert (np.diff(metals) >= 0).all()
        assert metals.max() < 5
    assert core.has_sulfur.sum() == 12  # all but the central atom
    assert (lengths[core.has_sulfur, 0] < 3).all()


def test_environments_do_not_depend_on_the_order_of_atoms(frames, rng):
    order = rng.permutation(len(frames[0]))
    one, other = atom_environments(frames[0]), atom_environments(frames[0][order])
    for name, part in one.items():
        rows = np.argsort(order[other[name].atoms])
        assert_allclose(other[name].vectors[rows], part.vectors, atol=1e-12)


def test_atoms_without_the_neighbours_of_their_class():
    ring = build_ring(4, "CH3")
    ring = ring[[i for i in range(len(ring)) if i != int(np.flatnonzero(ring.numbers == 1)[0])]]  # a CH2
    with pytest.raises(StructureError, match=r"lacks neighbours: needs .* take missing='plain'"):
        atom_environments(ring)
    left = atom_environments(ring, missing="leave out")
    plain = atom_environments(ring, missing="plain")
    assert sum(map(len, left.values())) == sum(len(part) for name, part in plain.items() if "plain" not in name)
    assert sum(map(len, plain.values())) == len(ring)
    assert {name: len(part) for name, part in plain.items() if "plain" in name} == {"plain C": 1, "plain H": 2}
    only = atom_environments(ring, missing="leave out", only=["S"])
    assert list(only) == ["S"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"missing": "ignore"}, "missing='ignore' is unknown; choose from refuse"),
        ({"neighbours": 9}, "9 plain neighbours; give 1 to 5"),
        ({"classes": ["S"]}, "1 classes for 3 atoms"),
        ({"classes": ["plan S", "H", "H"]}, r"no rule for class 'plan S' of atom 1; .* Did you mean 'plain'"),
        ({"classes": ["plain S", "plain H", "plain H"]}, r"atom 1 \(S\) of class 'plain S' lacks neighbours: needs 4"),
        ({"classes": ["S", "H", "H"], "missing": "plain"}, "of class 'plain S' lacks neighbours"),
    ],
)
def test_impossible_settings_of_environments(change, message):
    with pytest.raises(InputError, match=message):
        atom_environments(Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]]), **change)


def test_coordinates_that_are_not_finite_are_refused():
    ring = build_ring(4, "CH3")
    ring.positions[3] = np.nan
    with pytest.raises(StructureError, match=r"atom 4 .* not finite"):
        atom_environments(ring)


def test_environments_check_themselves(surroundings):
    part = surroundings[0]["S"]
    values = (part.vectors, part.counts, part.has_sulfur, part.atoms)
    broken = part.vectors.copy()
    broken[2, 1, 0] = np.inf
    for name, changed, message in (
        ("S", (part.vectors[0], *values[1:]), "give \\(N, M, 3\\)"),
        ("S", (part.vectors, part.counts[:2], *values[2:]), "counts has shape"),
        ("S", (broken, *values[1:]), "number 2 has a vector that is not finite"),
        ("S", (part.vectors, part.counts + 1, *values[2:]), "counts lie outside 1 .. 3"),
        ("sulphur", values, "no rule for 'sulphur'"),
    ):
        with pytest.raises(InputError, match=message):
            Environments(name, *changed)
    with pytest.raises(InputError, match="cannot be joined"):
        join_environments([part, surroundings[0]["C"]])


# Alignment


@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize("error", [None, "mean", "root"])
@pytest.mark.parametrize("name", CLASSES)
def test_batches_equal_a_plain_loop_of_decompositions(surroundings, rng, name, reflections, error):
    part = surroundings[0][name]
    rows = rng.permutation(len(part))
    inputs, references = part[rows[:2]], part[rows[2:16]]
    directions = unit(rng.normal(size=(len(references), 3)))
    ours = Aligner(references, directions, reflections=reflections, error=error).align(inputs)
    theirs = plain_alignment(inputs, references, directions, reflections=reflections, error=error)
    assert_allclose(ours[1], theirs[1], atol=1e-8)
    assert_allclose(ours[0], theirs[0], atol=1e-8)


def test_core_atoms_of_unequal_size_equal_the_plain_loop(surroundings, rng):
    """Both directions of nearest-neighbour distances, pairs with and without sulfur, few triangles."""
    part = surroundings[0]["core Au"][:20]
    counts = np.minimum(rng.integers(3, 13, size=len(part)), part.counts)
    vectors = part.vectors * (np.arange(12)[None, :, None] < counts[:, None, None])
    part = Environments(part.name, vectors, counts, part.has_sulfur, part.atoms)
    inputs, references = part[:5], part[5:]
    assert len(np.unique(counts)) > 3
    assert {*inputs.has_sulfur} == {*references.has_sulfur} == {True, False}
    directions = unit(rng.normal(size=(len(references), 3)))
    for reflections in (False, True):
        ours = Aligner(references, directions, reflections=reflections).align(inputs)
        theirs = plain_alignment(inputs, references, directions, reflections=reflections)
        assert_allclose(ours[1], theirs[1], atol=1e-8)
        assert_allclose(ours[0], theirs[0], atol=1e-8)


@pytest.mark.parametrize("reflections", [False, True])
def test_rotations_equal_decompositions_also_where_they_degenerate(rng, reflections):
    p, s = rng.normal(size=(2, 400, 4, 3))
    s[100:200, :, 2] = 0  # one plane
    s[200:250, :, 1:] = 0  # one line
    s[250:300] = p[250:300] * [1, 1, -1]  # mirror images
    s[300:320] = 0
    p[320:] = 1e3 * p[320:]
    # Mirror images that can be turned in nearly two ways: the smaller singular values are nearly equal.
    turns = Rotation.random(60, rng=rng).as_matrix()
    small = 10.0 ** rng.uniform(-12, -1, size=60)
    mirrored = np.einsum("nab,bc->nac", turns, np.diag([1.0, 0.5, -0.5])) - small[:, None, None] * turns
    products = np.concatenate([np.einsum("nka,nkb->nab", p, s), mirrored])
    found = np.moveaxis(best_rotations(np.moveaxis(products, 0, -1), reflections=reflections), -1, 0)
    assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-9)
    left, values, right = np.linalg.svd(products)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
    last = values[:, 2] * (1 if reflections else sign)
    traces = np.einsum("nab,nab->n", found, products)
    assert_allclose(traces, values[:, 0] + values[:, 1] + last, atol=1e-9 * values.max())
    if not reflections:
        assert_allclose(np.linalg.det(found), 1, atol=1e-9)
    else:
        clear = values[:, 2] > 1e-6 * values[:, 0]
        assert_allclose(np.linalg.det(found)[clear], sign[clear], atol=1e-9)
        assert_allclose(np.linalg.det(found)[100:250], 1, atol=1e-9)  # a plane or line is rotated, not mirrored


@pytest.mark.parametrize("name", CLASSES)
def test_rotated_copies_of_references_are_found(surroundings, rng, name):
    part = surroundings[0][name][:20]
    turn = Rotation.random(rng=rng).as_matrix()
    turned = Environments(name, part.vectors @ turn.T, part.counts, part.has_sulfur, part.atoms)
    directions = unit(rng.normal(size=(len(part), 3)))
    for reflections in (False, True):
        found, errors = Aligner(part, directions, reflections=reflections).align(turned)
        assert_allclose(np.diagonal(errors), 0, atol=1e-7)
        assert_allclose(found[np.arange(20), np.arange(20)], directions @ turn.T, atol=1e-7)


@pytest.mark.parametrize("name", ["C", "S", "unit Au", "core Au", "plain C"])
def test_mirror_images_align_only_with_reflections(surroundings, rng, name):
    part = surroundings[0][name][:20]
    mirror = np.diag([1.0, 1.0, -1.0])
    image = Environments(name, part.vectors @ mirror, part.counts, part.has_sulfur, part.atoms)
    directions = unit(rng.normal(size=(len(part), 3)))
    each = np.arange(len(part))
    found, errors = Aligner(part, directions, reflections=True).align(image)
    assert_allclose(np.diagonal(errors), 0, atol=1e-7)
    assert_allclose(found[each, each], directions @ mirror, atol=1e-6)
    _, errors = Aligner(part, directions, reflections=False).align(image)
    assert np.diagonal(errors).min() > 1e-3


def test_opposite_nearest_metals_define_no_plane_and_the_next_one_does(rng):
    """The central atom of a perfect icosahedron: its two nearest neighbours may lie on a line with it."""
    golden = (1 + 5**0.5) / 2
    corners = [[0, a, b * golden] for a in (1, -1) for b in (1, -1)]
    points = 1.5 * np.array([np.roll(each, shift) for shift in range(3) for each in corners], dtype=float)
    opposite = int(np.linalg.norm(points + points[0], axis=1).argmin())
    order = [0, opposite, *(i for i in range(12) if i not in (0, opposite))]
    ones = np.ones(2, dtype=int)
    turned = Rotation.random(rng=rng).apply(points[order])
    both = Environments("core Au", np.array([points[order], turned]), 12 * ones, ones < 0, ones)
    _, errors = Aligner(both, np.eye(3)[:2]).align(both)
    assert_allclose(errors, 0, atol=1e-7)


def test_neighbours_on_one_line_give_a_rotation(rng):
    line = np.array([[[1.0, 2.0, 2.0], [-1.0, -2.0, -2.0], [2.0, 4.0, 4.0]]])
    one = np.ones(1, dtype=int)
    for name in ("S", "core Au"):
        width = 12 if name == "core Au" else 3
        vectors = np.zeros((1, width, 3))
        vectors[:, :3] = line
        part = Environments(name, vectors, 3 * one, one < 0, one)
        turned = Environments(name, vectors @ Rotation.random(rng=rng).as_matrix(), 3 * one, one < 0, one)
        found, errors = Aligner(part, unit(line[:, 0])).align(turned)
        assert_allclose(errors, 0, atol=1e-7)
        assert_allclose(np.abs(found[0, 0] @ unit(turned.vectors[0, 0])), 1, atol=1e-7)


def test_what_an_aligner_refuses(surroundings):
    part = surroundings[0]["S"]
    with pytest.raises(InputError, match=r"directions of shape \(2, 3\) for 3 references"):
        Aligner(part[:3], np.eye(3)[:2])
    with pytest.raises(InputError, match="error 'median' is unknown"):
        Aligner(part[:3], np.eye(3), error="median")
    with pytest.raises(InputError, match="inputs are 'C' with 4 neighbours, references 'S' with 3"):
        Aligner(part[:3], np.eye(3)).align(surroundings[0]["C"])


# Directions from cosines


@pytest.fixture
def cone(rng):
    """Directions within a cone, a target outside it, and exact cosines."""
    target = unit(rng.normal(size=(20, 3)))
    turned = unit(rng.normal(scale=0.4, size=(20, 30, 3)) + unit(rng.normal(size=(20, 1, 3))))
    return target, turned, np.einsum("nkc,nc->nk", turned, target), rng.uniform(0.1, 1, size=(20, 30))


def test_exact_cosines_give_exact_directions_but_to_the_average(cone):
    target, turned, cosines, weights = cone
    for loss in ("minimiser", "numeric"):
        assert_allclose(direction_from_cosines(turned, cosines, weights, loss=loss), target, atol=1e-7)
    average = direction_from_cosines(turned, cosines, weights, loss="average")
    assert_allclose(np.linalg.norm(average, axis=1), 1)
    assert weighted_angle(average, target) > 10


def test_minimiser_equals_a_brute_force_minimum(cone, rng):
    _, turned, cosines, weights = cone
    cosines = cosines + rng.normal(scale=0.1, size=cosines.shape)
    ours = direction_from_cosines(turned, cosines, weights, loss="minimiser")
    for row in range(5):

        def loss(v, row=row):
            return (weights[row] * (turned[row] @ v - cosines[row]) ** 2).sum()

        brute = minimize(loss, [0.1, 0.2, 0.3], method="BFGS", options={"gtol": 1e-10})
        assert_allclose(ours[row], unit(brute.x), atol=1e-5)


def test_numeric_loss_reaches_the_lowest_minimum(cone, rng):
    _, turned, cosines, weights = cone
    cosines = np.where(rng.random(cosines.shape) < 0.4, rng.uniform(-1, 1, cosines.shape), cosines)
    ours = direction_from_cosines(turned, cosines, weights, loss="numeric", sigma_1=0.5)
    starts = unit(rng.normal(size=(12, 3)))
    for row in range(4):

        def loss(v, row=row):
            return -(weights[row] * np.exp(-(((cosines[row] - turned[row] @ unit(v)) / 0.5) ** 2))).sum()

        least = min(minimize(loss, start, method="BFGS").fun for start in starts)
        assert loss(ours[row]) <= least + 1e-6


def test_one_reference_leaves_directions_finite():
    for loss in ("average", "minimiser", "numeric"):
        found = direction_from_cosines(np.array([[[0, 0, 1.0]]]), np.array([[0.5]]), np.ones((1, 1)), loss=loss)
        assert_allclose(found, [[0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize("loss", ["minimiser", "numeric"])
def test_what_two_references_leave_open_is_left_out(rng, loss):
    """The sign of the component across the two is unknown; rounding must not choose one."""
    turned = unit(rng.normal(size=(50, 2, 3)))
    cosines = np.einsum("nkc,nc->nk", turned, unit(rng.normal(size=(50, 3))))
    found = direction_from_cosines(turned, cosines, np.ones((50, 2)), loss=loss)
    across = unit(np.cross(turned[:, 0], turned[:, 1]))
    assert_allclose(np.einsum("nc,nc->n", across, found), 0, atol=1e-9)
    assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-12)


def test_weighted_angle():
    forces = np.array([[2.0, 0, 0], [0, 1.0, 0], [0, 0, 1e-30]])
    predicted = np.array([[5.0, 5.0, 0], [0, 3.0, 0], [0, 0, -1.0]])
    assert_allclose(weighted_angle(predicted, forces), 45 * 4 / 5)
    for one, other, message in (
        (predicted[:2], forces, "shapes"),
        (predicted * np.nan, forces, "not finite"),
        (predicted, 0 * forces, "all forces vanish"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_angle(one, other)


# Weights


def test_least_squares_minimises_what_it_says(rng):
    distances, targets = rng.random((60, 12)), rng.random((60, 5))
    for ridge in (0.0, 0.3):
        found = least_squares(distances, targets, ridge)
        slope = distances.T @ (distances @ found - targets) + 60 * ridge / 12 * found
        assert_allclose(slope, 0, atol=1e-10)


def test_huber_of_all_columns_equals_scikit_learn(rng):
    features, weights = rng.random((150, 12)), rng.normal(size=(12, 6))
    targets = features @ weights + 0.3 + rng.normal(scale=0.02, size=(150, 6))
    targets[rng.random(targets.shape) < 0.15] += 3

    def losses(slopes, level, epsilon):
        """Thesis 2.27 at the best scale of each column, up to a grid."""
        size = np.abs(targets - features @ slopes - level)
        scales = np.geomspace(1e-5, 10, 2_000)[:, None]
        found = [
            (
                150 * scales[:, 0]
                + np.where(r <= epsilon * scales, r**2 / scales, 2 * epsilon * r - epsilon**2 * scales).sum(axis=1)
            ).min()
            for r in size.T
        ]
        return np.array(found) + 1e-4 * (slopes**2).sum(axis=0)

    for epsilon, difference in ((1.0, 2e-2), (1.1, 1e-4), (1.5, 1e-4), (2.0, 5e-4)):
        ours = huber_weights(features, targets, epsilon)
        theirs = huber_weights(features, targets, epsilon, solver="columns")
        assert ours[2] == theirs[2] == 0
        assert_allclose(ours[0], theirs[0], atol=difference)
        assert_allclose(features @ ours[0] + ours[1], features @ theirs[0] + theirs[1], atol=difference)
        assert (losses(*ours[:2], epsilon) <= losses(*theirs[:2], epsilon) * (1 + 5e-5)).all()
    robust = huber_weights(features, targets, 1.1)[0]
    assert np.abs(robust - weights).max() < 0.2 < np.abs(least_squares(features, targets) - weights).max()


# The model


@pytest.fixture(scope="module")
def fitted(surroundings):
    """For a name and settings: a fitted model, descriptors, environments, directions; three quarters are for training."""

    def fit(name, references=None, **settings):
        part, forces = surroundings[0][name], surroundings[1][name]
        rows = np.random.default_rng(3).permutation(len(part))[:40]
        features, directions = descriptors_of(part), unit(forces)
        train = rows[:30]
        model = Oamlm(references, **settings).fit(features[train], part[train], directions[train])
        return model, features, part, directions, train, rows[30:]

    return fit


@pytest.mark.parametrize("name", CLASSES)
def test_training_points_are_reproduced_when_all_are_references(fitted, name):
    model, features, part, directions, train, _ = fitted(name)
    found, confidence = model.predict(features[train], part[train])
    assert_allclose(found, directions[train], atol=1e-4)
    assert_allclose(confidence, 1, atol=1e-4)


@pytest.mark.parametrize("loss", ["average", "minimiser", "numeric"])
@pytest.mark.parametrize("select", [False, True])
@pytest.mark.parametrize("name", CLASSES)
def test_one_at_a_time_equals_a_batch(fitted, name, select, loss):
    """Inputs of two blocks and more where a class has so many; some select one or two references only."""
    model, features, part, _, _, _ = fitted(name, 10, select=select, loss=loss)
    found, confidence = model.predict(features, part)
    close = 1e-9 if loss == "numeric" else 1e-11  # steps of 1e-10 end the search, when all of a batch are as small
    for row in {*range(0, len(part), 17), len(part) - 1}:
        one = model.predict(features[[row]], part[np.array([row])])
        assert_allclose(one[0][0], found[row], rtol=0, atol=close)
        assert_allclose(one[1][0], confidence[row], rtol=0, atol=1e-11)
    assert ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize(
    ("name", "loss"), [*((name, "minimiser") for name in CLASSES), ("core Au", "average"), ("S", "numeric")]
)
def test_predictions_turn_with_the_structure(fitted, rng, name, loss):
    model, features, part, _, _, test = fitted(name, 20, loss=loss)
    turn = Rotation.random(rng=rng).as_matrix()
    turned = Environments(name, part.vectors @ turn.T, part.counts, part.has_sulfur, part.atoms)
    found, confidence = model.predict(features[test], part[test])
    again, too = model.predict(features[test], turned[test])
    assert_allclose(again, found @ turn.T, atol=1e-6)
    assert_allclose(too, confidence, atol=1e-6)


@pytest.mark.parametrize("name", ["H", "C", "S", "unit Au", "core Au"])
def test_predictions_follow_a_moved_and_reordered_structure(fitted, frames, rng, name):
    model = fitted(name, 20)[0]
    atoms, order = frames[2], rng.permutation(len(frames[2]))
    moved = atoms.copy()
    turn = Rotation.random(rng=rng)
    moved.positions = turn.apply(atoms.positions) + np.array([3.0, -2.0, 7.0])
    moved = moved[order]
    one, other = atom_environments(atoms)[name], atom_environments(moved)[name]
    rows = np.argsort(order[other.atoms])
    found, again = (model.predict(descriptors_of(part), part)[0] for part in (one, other))
    assert_allclose(again[rows], turn.apply(found), atol=1e-7)


@pytest.mark.parametrize("name", ["S", "C", "unit Au", "core Au"])
def test_predictions_are_mirrored_with_the_structure_only_with_reflections(fitted, name):
    mirror = np.diag([1.0, -1.0, 1.0])
    for reflections in (True, False):
        model, features, part, _, _, test = fitted(name, 20, reflections=reflections)
        image = Environments(name, part.vectors @ mirror, part.counts, part.has_sulfur, part.atoms)
        found, again = (model.predict(features[test], each[test])[0] for each in (part, image))
        difference = np.abs(again - found @ mirror).max()
        assert difference < 1e-6 if reflections else difference > 1e-3


def test_selection_by_predicted_alignment_errors(fitted):
    model, features, part, _, train, test = fitted("S", select=True)
    expected = model.predict_errors(features[train])
    _, errors = Aligner(part[train], np.eye(3)[np.zeros(30, dtype=int)], reflections=True).align(part[train])
    assert_allclose(expected, errors, atol=1e-6)  # of the training data, all being references
    assert_allclose(np.linalg.norm(model.predict(features[test], part[test])[0], axis=1), 1)
    model.error_intercepts_ = model.error_intercepts_ - 1e6  # now none is accepted, and all are used
    without = fitted("S")[0]
    for one, other in zip(
        model.predict(features[test], part[test]), without.predict(features[test], part[test]), strict=True
    ):
        assert_allclose(one, other)
    with pytest.raises(InputError, match="fit it with select=True"):
        without.predict_errors(features[test])


def test_robust_models_fit(fitted):
    found = {}
    for solver in ("shared", "columns"):
        model, features, part, _, train, _ = fitted("S", 8, huber=1.3, huber_solver=solver)
        assert model.unconverged_ == 0
        found[solver] = model.predict(features[train], part[train])[0]
    assert weighted_angle(found["shared"], found["columns"]) < 0.5


def test_references_are_chosen(fitted, surroundings):
    assert_allclose(fitted("S", np.array([4, 2, 9]))[0].references_, [4, 2, 9])
    assert len(fitted("S", 7)[0].references_) == 7
    asked = []
    fitted("S", 5, selector=lambda points, count: asked.append(points.shape) or np.arange(count))
    assert asked == [(30, 19)]


def test_widths_are_those_of_the_class(fitted):
    assert [fitted(name)[0]._sigma_2 for name in ("unit Au", "core Au", "S")] == [0.25, 0.5, 0.5]
    assert fitted("unit Au", sigma_2=0.4)[0]._sigma_2 == 0.4


def test_saved_models_predict_the_same(fitted, tmp_path):
    for settings in ({}, {"select": True, "huber": 1.5, "loss": "numeric", "sigma_2": 0.3}):
        model, features, part, _, _, test = fitted("core Au", 12, **settings)
        model.save(tmp_path / "model.npz", {"engine": "gfn1-xtb"})
        again = Oamlm.load(tmp_path / "model.npz")
        assert again.trained_on_ == {"engine": "gfn1-xtb"}
        assert_allclose(again.references_, model.references_)
        for one, other in zip(
            model.predict(features[test], part[test]), again.predict(features[test], part[test]), strict=True
        ):
            assert_allclose(one, other, rtol=0, atol=0)


def test_foreign_and_tampered_files_are_refused(fitted, tmp_path):
    path = tmp_path / "model.npz"
    fitted("S", 6)[0].save(path)
    header, arrays = read_npz(path)
    for change in ({"cosine_weights": arrays["cosine_weights"] * 1.001}, {"atoms": arrays["atoms"][::-1].copy()}):
        write_npz(tmp_path / "changed.npz", header, arrays | change)
        with pytest.raises(InputError, match="digest"):
            Oamlm.load(tmp_path / "changed.npz")
    write_npz(tmp_path / "changed.npz", header | {"class": "C"}, arrays)
    with pytest.raises(InputError, match="digest"):
        Oamlm.load(tmp_path / "changed.npz")
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:500])
    for name in ("foreign.npz", "cut.npz", "absent.npz"):
        with pytest.raises(InputError, match=name):
            Oamlm.load(tmp_path / name)
    from auric.modelfile import write_model

    del arrays["vectors"]
    write_model(tmp_path / "part.npz", {key: header[key] for key in header if key != "digest"}, arrays)
    with pytest.raises(InputError, match="a part of the OAMLM model is missing"):
        Oamlm.load(tmp_path / "part.npz")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "best"}, "loss='best' is unknown; choose from average"),
        ({"huber_solver": "fast"}, "huber_solver='fast' is unknown"),
        ({"sigma_1": 0}, "sigma_1=0 is no positive number"),
        ({"sigma_2": -1.0}, "sigma_2=-1.0 is no positive number"),
        ({"huber": 0.9}, "huber=0.9 lies outside 1 .. 2"),
        ({"ridge": -1}, "ridge=-1 is negative"),
        ({"references": 31}, "31 references of 30 points"),
        ({"references": np.array([0, 30])}, "lie outside 0 .. 29"),
        ({"references": np.array([3, 3])}, "indices of references repeat"),
        ({"references": np.array([0.5])}, "neither a number nor a list of indices"),
    ],
)
def test_impossible_settings_are_refused(fitted, settings, message):
    with pytest.raises(InputError, match=message):
        fitted("S", **settings)


def test_bad_input_is_refused(fitted, surroundings):
    model, features, part, directions, train, test = fitted("S", 6)
    broken = features[test].copy()
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="descriptor of atom 3, feature 2 is not finite"):
        model.predict(broken, part[test])
    with pytest.raises(InputError, match=r"give \(10, 19\), not empty"):
        model.predict(features[test][:, :5], part[test])
    with pytest.raises(InputError, match=r"inputs are 'C' .* use the model of the inputs' class"):
        model.predict(features[:4], surroundings[0]["C"][:4])
    with pytest.raises(InputError, match="not fitted"):
        Oamlm().predict(features[test], part[test])
    with pytest.raises(InputError, match="no unit vectors"):
        Oamlm().fit(features[train], part[train], 2 * directions[train])


def test_real_dynamics(mirror, rng):
    """Directions on frames of a real cluster, well below the 90 degrees of chance; all classes against the plain loop."""
    folder = mirror / "au38_gfn1"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    frames = read(folder / "au38_q_heating.extxyz", index="::90", format="extxyz")
    found = {}
    for frame in frames:
        for name, part in atom_environments(frame, missing="plain").items():
            found.setdefault(name, []).append((part, frame.get_forces()[part.atoms]))
    assert {"C", "H", "S", "core Au", "unit Au"} <= set(found)
    first = atom_environments(frames[0])
    assert [len(first[name]) for name in ("core Au", "unit Au", "S", "C", "H")] == [23, 15, 24, 24, 72]
    for name, parts in found.items():
        part, forces = join_environments([each for each, _ in parts]), np.concatenate([each for _, each in parts])
        rows = rng.permutation(len(part))
        references, inputs = part[rows[2:20]], part[rows[:2]]
        if len(references):
            directions = unit(forces[rows[2:20]])
            ours = Aligner(references, directions, reflections=True).align(inputs)
            theirs = plain_alignment(inputs, references, directions, reflections=True)
            assert_allclose(ours[1], theirs[1], atol=1e-8)
            assert_allclose(ours[0], theirs[0], atol=1e-8)
        if name == "H":
            features, half = descriptors_of(part), len(part) // 2
            train, test = rows[:half], rows[half:]
            model = Oamlm(100, ridge=1e-8).fit(features[train], part[train], unit(forces[train]))
            assert weighted_angle(model.predict(features[test], part[test])[0], forces[test]) < 45
