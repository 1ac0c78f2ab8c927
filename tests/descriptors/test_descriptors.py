import warnings
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read
from scipy.spatial.transform import Rotation
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler

from auric.descriptors import (
    MBTR_FIRST,
    MBTR_SECOND,
    FeatureScaler,
    Mbtr,
    MbtrSettings,
    Soap,
    SoapSettings,
)
from auric.errors import InputError, StructureError
from auric.structures import build_ring

SPECIES = ("Au", "H", "S", "C")
SETTINGS = {
    "first": MBTR_FIRST,
    "second": MBTR_SECOND,
    "off zero": MbtrSettings(0.3, 0.7, 37, 0.02, 0.6, 1e-4),
    "below zero": MbtrSettings(-0.2, 0.5, 12, 0.3, 0.2, 0.05),
}
SOAP_SETTINGS = SoapSettings(n_max=3, l_max=2, cutoff_angstrom=4.0, sigma_angstrom=0.5)


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS)
def settings(request):
    return request.param


@pytest.fixture(scope="session")
def au38(mirror):
    return read(mirror / "nc_database" / "sch3_protected" / "038_24q_cp2k_opt.xyz", format="xyz")


@pytest.fixture
def structures(rng):
    """Different compositions, and two atoms nearer and farther apart than the grids reach."""
    ring = build_ring(4)
    shaken = ring.copy()
    shaken.positions += rng.normal(0, 0.2, shaken.positions.shape)
    return {
        "ring": ring,
        "shaken ring": shaken,
        "methanethiol": molecule("CH3SH"),
        "gold": Atoms("Au13", rng.uniform(0, 9, (13, 3))),
        "near": Atoms("SH", [[0, 0, 0], [0, 0, 0.3]]),
        "far": Atoms("SH", [[0, 0, 0], [0, 0, 40.0]]),
        "one atom": Atoms("Au"),
    }


def dscribe_mbtr(settings, species=SPECIES):
    from dscribe.descriptors import MBTR

    grid = {"min": settings.minimum, "max": settings.maximum, "n": settings.points, "sigma": settings.width}
    weighting = {"function": "exp", "scale": settings.decay, "threshold": settings.threshold}
    return MBTR(
        geometry={"function": "inverse_distance"},
        grid=grid,
        weighting=weighting,
        species=species,
        normalization="none",
        periodic=False,
    )


def with_dscribe(descriptor, atoms, call="create", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it asks ASE for a calculator in a way that is to go
        return getattr(descriptor, call)(atoms, **options)


def plain_features(atoms, species, settings):
    """The definition, pair by pair."""
    s = settings
    edges = s.minimum + s.spacing * (np.arange(s.points + 1) - 0.5)
    order = sorted(species, key=lambda symbol: Atoms(symbol).numbers[0])
    found = {(a, b): np.zeros(s.points) for i, a in enumerate(order) for b in order[i:]}
    for i in range(len(atoms)):
        for j in range(i):
            r = atoms.get_distance(i, j)
            if np.exp(-s.decay * r) >= s.threshold:
                pair = tuple(sorted((atoms.symbols[i], atoms.symbols[j]), key=order.index))
                found[pair] += np.exp(-s.decay * r) * np.diff(ndtr((edges - 1 / r) / s.width)) / s.spacing
    return np.concatenate(list(found.values()))


def methyl_groups(atoms):
    """Each carbon with its three nearest hydrogen atoms."""
    hydrogen = np.flatnonzero(atoms.symbols == "H")
    return [
        np.r_[c, hydrogen[np.argsort(atoms.get_distances(c, hydrogen))[:3]]]
        for c in np.flatnonzero(atoms.symbols == "C")
    ]


# MBTR


def test_mbtr_is_dscribes(structures, settings):
    ours, theirs = Mbtr(SPECIES, settings), dscribe_mbtr(settings)
    assert ours.size == theirs.get_number_of_features()
    for name, atoms in structures.items():
        np.testing.assert_allclose(ours.describe(atoms), with_dscribe(theirs, atoms), rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("settings", [MBTR_FIRST, MBTR_SECOND], ids=["first", "second"])
def test_mbtr_is_dscribes_on_a_cluster(au38, rng, settings):
    ours, theirs = Mbtr(SPECIES, settings), dscribe_mbtr(settings)
    for deviation in (0.0, 0.02, 0.2):
        atoms = au38.copy()
        atoms.positions += rng.normal(0, deviation, atoms.positions.shape)
        np.testing.assert_allclose(ours.describe(atoms), with_dscribe(theirs, atoms), rtol=0, atol=1e-10)


def test_mbtr_is_its_definition(structures, settings):
    mbtr = Mbtr(SPECIES, settings)
    for atoms in structures.values():
        np.testing.assert_allclose(mbtr.describe(atoms), plain_features(atoms, SPECIES, settings), rtol=0, atol=1e-11)


def test_labels_name_the_features():
    mbtr = Mbtr(["S", "Au", "S"], replace(MBTR_SECOND, points=7))
    assert mbtr.species == ("S", "Au")
    assert len(mbtr.labels) == mbtr.size == 21
    found = mbtr.describe(Atoms("AuS", [[0, 0, 0], [0, 0, 2.5]]))
    assert mbtr.labels[int(found.argmax())] == ("S", "Au", pytest.approx(0.4))


def test_mbtr_is_invariant(structures, rng):
    mbtr = Mbtr(SPECIES)
    atoms = structures["shaken ring"]
    order = rng.permutation(len(atoms))
    turned = Atoms(atoms.numbers[order], atoms.positions[order] @ Rotation.random(rng=rng).as_matrix() + [3, -20, 7])
    np.testing.assert_allclose(mbtr.describe(turned), mbtr.describe(atoms), rtol=0, atol=1e-11)
    boxed = atoms.copy()
    boxed.set_cell([5, 5, 5])
    boxed.pbc = True
    np.testing.assert_array_equal(mbtr.describe(boxed), mbtr.describe(atoms))


def test_a_pair_steps_in_at_the_threshold():
    mbtr = Mbtr(["Au"], MBTR_FIRST)
    edge = -np.log(MBTR_FIRST.threshold) / MBTR_FIRST.decay
    inside, outside = (mbtr.describe(Atoms("Au2", [[0, 0, 0], [0, 0, r]])) for r in (edge - 1e-9, edge + 1e-9))
    highest = MBTR_FIRST.threshold / (MBTR_FIRST.width * np.sqrt(2 * np.pi))
    assert 0.9 * highest < inside.max() <= highest
    assert not outside.any()


def test_unequal_structures_at_once(structures):
    mbtr = Mbtr(SPECIES)
    frames = list(structures.values())
    found = mbtr.describe_all(frames)
    assert found.shape == (len(frames), mbtr.size)
    for row, atoms in zip(found, frames, strict=True):
        np.testing.assert_array_equal(row, mbtr.describe(atoms))
    assert not mbtr.describe(structures["one atom"]).any()
    assert mbtr.describe_all([]).shape == (0, mbtr.size)


def test_a_walk_of_moves_keeps_to_the_whole(au38, rng):
    mbtr = Mbtr(SPECIES)
    groups = [*methyl_groups(au38), *[np.array([i]) for i in np.flatnonzero(au38.symbols == "Au")]]
    groups += [np.r_[np.flatnonzero(au38.symbols == "S")[k], groups[k]] for k in range(5)]
    atoms = au38.copy()
    features = mbtr.describe(atoms)
    for _ in range(200):
        group = groups[rng.integers(len(groups))]
        after = atoms.positions.copy()
        after[group] = (after[group] - after[group[0]]) @ Rotation.from_rotvec(
            rng.normal(0, 0.1, 3)
        ).as_matrix() + after[group[0]]
        after[group] += rng.normal(0, 0.05, 3)
        features += mbtr.moved(atoms.numbers, atoms.positions, after, group)
        atoms.positions = after
    assert np.abs(features - mbtr.describe(atoms)).max() < 1e-10
    assert np.abs(features - with_dscribe(dscribe_mbtr(MBTR_SECOND), atoms)).max() < 1e-10


def test_moves_of_many_chains_are_those_of_each(structures, settings, rng, monkeypatch):
    mbtr = Mbtr(SPECIES, settings)
    start = structures["ring"]
    before = start.positions + rng.normal(0, 0.1, (7, len(start), 3))
    same, own = np.array([3, 0]), rng.permuted(np.tile(np.arange(len(start)), (7, 1)), axis=1)[:, :4]
    monkeypatch.setattr("auric.descriptors.mbtr.BLOCK_PAIRS", 3 * 2 * 4 * len(start))
    for moved in (same, own):
        after = before.copy()
        for chain, group in enumerate(np.broadcast_to(moved, (7, moved.shape[-1]))):
            after[chain, group] += rng.normal(0, 0.3, (len(group), 3))  # not rigid: pairs inside the group change too
        found = mbtr.moved_chains(start.numbers, before, after, moved)
        for chain in range(7):
            group = moved if moved.ndim == 1 else moved[chain]
            one = mbtr.moved(start.numbers, before[chain], after[chain], group)
            np.testing.assert_allclose(found[chain], one, rtol=0, atol=1e-12)
            whole = [mbtr.describe(Atoms(start.numbers, positions[chain])) for positions in (after, before)]
            np.testing.assert_allclose(found[chain], whole[0] - whole[1], rtol=0, atol=1e-11)
    for kind in (np.uint64, np.int32):
        np.testing.assert_array_equal(mbtr.moved_chains(start.numbers, before, after, own.astype(kind)), found)
    none = np.zeros(0, dtype=int)
    assert not mbtr.moved_chains(start.numbers, before, before, none).any()
    assert not mbtr.moved([79], [[0.0, 0, 0]], [[1.0, 0, 0]], [0]).any()


def test_gradient_is_that_of_the_features(structures, settings, rng):
    mbtr = Mbtr(SPECIES, settings)
    weights = rng.normal(size=mbtr.size)
    for name in ("shaken ring", "methanethiol", "gold", "near"):
        atoms = structures[name]
        gradient = mbtr.pullback(atoms, weights)
        numerical = np.zeros_like(gradient)
        step = 1e-3
        for place in np.ndindex(numerical.shape):
            # Fourth order: the error of a second-order difference would hide that of the gradient.
            for shift, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                other = atoms.copy()
                other.positions[place] += shift * step
                numerical[place] += factor * (weights @ mbtr.describe(other)) / (12 * step)
        scale = max(1.0, np.abs(gradient).max())
        np.testing.assert_allclose(gradient, numerical, rtol=0, atol=2e-6 * scale, err_msg=name)
        np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-11 * scale)
    np.testing.assert_array_equal(mbtr.pullback(structures["one atom"], weights), np.zeros((1, 3)))


def test_gradient_is_dscribes(structures, rng):
    atoms = structures["shaken ring"]
    for settings in (MBTR_FIRST, MBTR_SECOND):
        mbtr = Mbtr(SPECIES, settings)
        theirs = with_dscribe(
            dscribe_mbtr(settings), atoms, "derivatives", method="analytical", return_descriptor=False
        )
        weights = rng.normal(size=mbtr.size)
        # DScribe differentiates the Gaussian in a form that loses digits.
        np.testing.assert_allclose(mbtr.pullback(atoms, weights), theirs @ weights, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": np.nan}, "not all finite"),
        ({"points": 1}, "grid of 1 points"),
        ({"maximum": 0.0}, "grid of 100 points from 0 to 0"),
        ({"minimum": -2.0, "maximum": -1.0}, "above 0"),
        ({"width": 0.0}, "width 0"),
        ({"decay": 0.0}, "decay 0"),
        ({"threshold": 1.0}, "threshold 1"),
        ({"width": 1e-5}, "widen the Gaussians"),
    ],
)
def test_bad_mbtr_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(MBTR_SECOND, **change)


@pytest.mark.parametrize("species", ["Au", [], ["Au", "Xy"], ["Au", "X"]])
def test_bad_species_are_refused(species):
    for make in (Mbtr, lambda given: Soap(given, SOAP_SETTINGS)):
        with pytest.raises(InputError, match=r"species|element"):
            make(species)


BAD_STRUCTURES = {
    r"element Ag .*\(S, Au\)": Atoms("AuAg", [[0, 0, 0], [0, 0, 2.8]]),
    r"atom 2 \(S\) .* not finite": Atoms("AuS", [[0, 0, 0], [0, np.nan, 0]]),
    r"atom 1 \(Au\) .* not finite": Atoms("AuS", [[0, np.inf, 0], [0, 0, 0]]),
    r"atoms 2 \(S\) and 4 \(Au\) are on one place": Atoms("AuSAuAu", [[0, 0, 0], [1, 2, 3], [2, 0, 0], [1, 2, 3]]),
    "without atoms": Atoms(),
}


@pytest.mark.parametrize(("message", "atoms"), BAD_STRUCTURES.items())
def test_bad_structures_are_refused(message, atoms):
    mbtr, soap = Mbtr(["Au", "S"]), Soap(["Au", "S"], SOAP_SETTINGS)
    calls = (
        lambda: mbtr.describe(atoms),
        lambda: mbtr.pullback(atoms, np.zeros(mbtr.size)),
        lambda: soap.local(atoms, [0]),
        lambda: soap.summed(atoms),
    )
    for call in calls:
        with pytest.raises(StructureError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(StructureError, match=f"frame 2: .*{message}"):
        mbtr.describe_all([Atoms("Au"), atoms])


def test_bad_moves_are_refused():
    mbtr = Mbtr(["Au", "S"])
    numbers = np.array([79, 16, 79])
    before = np.array([[0.0, 0, 0], [0, 0, 2.3], [0, 0, 4.6]])
    after = before + np.array([[0, 0, 0], [0.1, 0, 0], [0, 0, 0]])
    lost, onto = after.copy(), after.copy()
    lost[1] = np.inf
    onto[1] = before[2]
    for bad, moved, error, message in (
        (after[:2], [1], InputError, "shapes"),
        (after, [1.0], InputError, "type float64"),
        (after, 1, InputError, "moved atoms of shape"),
        (after, [[1], [1]], InputError, "for 1 chains"),
        (after, [3], InputError, "3 to 3 of 3"),
        (after, [-2], InputError, "count from 0"),
        (after, [1, 1], InputError, "named twice"),
        (after, [0], InputError, "atom 2 has moved"),
        (lost, [1], StructureError, "atom 2 .* not finite"),
        (onto, [1], StructureError, r"atoms 2 \(S\) and 3 \(Au\) are on one place"),
    ):
        with pytest.raises(error, match=message):
            mbtr.moved(numbers, before, bad, moved)
    with pytest.raises(StructureError, match="element Ag"):
        mbtr.moved([79, 16, 47], before, after, [1])
    with pytest.raises(InputError, match="weights of shape"):
        mbtr.pullback(Atoms(numbers, before), np.zeros(3))


# SOAP


def test_soap_is_dscribes(structures):
    from dscribe.descriptors import SOAP

    soap = Soap(SPECIES, SOAP_SETTINGS)
    theirs = SOAP(species=SPECIES, n_max=3, l_max=2, r_cut=4.0, sigma=0.5, periodic=False)
    atoms = structures["shaken ring"]
    assert soap.species == ("H", "C", "S", "Au")
    assert soap.size == theirs.get_number_of_features()
    expected = theirs.create(atoms)
    np.testing.assert_array_equal(soap.local(atoms, [5, 2]), expected[[5, 2]])
    assert soap.local(atoms, []).shape == (0, soap.size)
    sums = soap.summed(atoms).reshape(4, soap.size)
    np.testing.assert_allclose(sums[2], expected[atoms.symbols == "S"].sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sums.sum(axis=0), expected.sum(axis=0), rtol=1e-12)
    assert not sums[1].any()  # a ring of SH has no carbon
    boxed = atoms.copy()
    boxed.set_cell([5, 5, 5])
    boxed.pbc = True
    np.testing.assert_array_equal(soap.local(boxed, [5, 2]), expected[[5, 2]])


def test_soap_is_invariant(structures, rng):
    soap = Soap(SPECIES, SOAP_SETTINGS)
    atoms = structures["shaken ring"]
    order = rng.permutation(len(atoms))
    turned = Atoms(atoms.numbers[order], atoms.positions[order] @ Rotation.random(rng=rng).as_matrix() + [3, -20, 7])
    np.testing.assert_allclose(soap.summed(turned), soap.summed(atoms), rtol=0, atol=1e-9)


def test_soap_steps_when_an_atom_leaves_its_reach():
    """What its documentation says of DScribe; if this fails, the warning can go."""
    soap = Soap(["Au", "S"], SoapSettings(7, 4, 4.0, 0.5))
    reach = 4.0 + 0.5 * np.sqrt(2 * np.log(1000))

    def feature(r):
        return soap.local(Atoms("Au2S", [[0, 0, 0], [2.3, 0, 0], [0, r, 0]]), [0])[0]

    across = np.linalg.norm(feature(reach + 1e-6) - feature(reach - 1e-6)) / np.linalg.norm(feature(reach))
    beside = np.linalg.norm(feature(reach - 1e-6) - feature(reach - 3e-6)) / np.linalg.norm(feature(reach))
    assert 1e-5 < across < 1e-2
    assert beside < 1e-3 * across


@pytest.mark.parametrize("change", [{"n_max": 0}, {"l_max": 21}, {"cutoff_angstrom": 1.0}, {"sigma_angstrom": 0.0}])
def test_bad_soap_settings_are_refused(change):
    with pytest.raises(InputError, match=r"^SOAP"):
        replace(SOAP_SETTINGS, **change)


@pytest.mark.parametrize("centres", [[3], [-1], [0.5], [[0]]])
def test_centres_that_are_no_atoms_are_refused(centres):
    with pytest.raises(InputError, match="give indices from 0 to 1"):
        Soap(["Au", "S"], SOAP_SETTINGS).local(Atoms("AuS", [[0, 0, 0], [0, 0, 2.3]]), centres)


# Scaling


@pytest.fixture
def table(rng):
    """Six features; the third is constant, the fifth constant but for rounding."""
    rows = rng.normal(size=(50, 6)) * [1, 20, 1, 3, 1, 0.01] + [0, 5, 0, -7, 0, 0]
    rows[:, 2] = 0.3
    rows[:, 4] = 4 + 1e-13 * rng.normal(size=50)
    return rows


def test_features_are_scaled_and_constant_ones_left_out(table, rng):
    scaler = FeatureScaler()
    found = scaler.fit_transform(table)
    assert scaler.kept_.tolist() == [0, 1, 3, 5]
    assert scaler.n_features_in_ == 6
    np.testing.assert_allclose(found, MinMaxScaler().fit_transform(table[:, [0, 1, 3, 5]]), rtol=0, atol=1e-13)
    assert FeatureScaler(tolerance=0).fit(table).kept_.tolist() == [0, 1, 3, 4, 5]
    other = table + 100 * rng.normal(size=table.shape)
    assert scaler.transform(other).max() > 1
    np.testing.assert_allclose(
        scaler.transform(other) - found, scaler.transform_change(other - table), rtol=1e-9, atol=1e-9
    )
    assert clone(FeatureScaler(tolerance=0.5)).get_params() == {"tolerance": 0.5}


def test_a_stream_is_scaled_like_the_whole(table):
    whole = FeatureScaler().fit(table)
    streamed = FeatureScaler().fit_stream(block for block in (table[:1], table[1:1], table[1:33], table[33:]))
    for name, array in whole.parts().items():
        np.testing.assert_array_equal(streamed.parts()[name], array)
    np.testing.assert_array_equal(streamed.transform(table), whole.transform(table))


def test_scaler_comes_back_from_its_parts(table):
    scaler = FeatureScaler(tolerance=1e-6).fit(table)
    again = FeatureScaler.from_parts(scaler.parts())
    assert again.tolerance == 1e-6
    np.testing.assert_array_equal(again.transform(table), scaler.transform(table))


def test_pullback_is_the_transposed_of_a_change(table, rng):
    scaler = FeatureScaler().fit(table)
    weights, change = rng.normal(size=(1, 4)), rng.normal(size=(1, 6))
    left = (scaler.pullback(weights) * change).sum()
    assert left == pytest.approx((weights * scaler.transform_change(change)).sum())


def test_bad_features_are_refused(table):
    scaler = FeatureScaler().fit(table)
    broken = table.copy()
    broken[3, 1] = np.nan
    for call, message in (
        (lambda: scaler.transform(broken), "feature 2 of row 4 is not finite"),
        (lambda: FeatureScaler().fit(broken), "feature 2 of row 4 is not finite"),
        (lambda: scaler.transform(table[:, :5]), "5 features where 6 are known"),
        (lambda: scaler.transform_change(table[:, :5]), "5 features where 6"),
        (lambda: scaler.pullback(table), "6 features where 4"),
        (lambda: FeatureScaler().fit_stream([table, table[:, :5]]), "5 features where 6"),
        (lambda: scaler.transform(table[0]), r"shape \(6,\)"),
        (lambda: FeatureScaler().fit_stream([]), "no rows"),
        (lambda: FeatureScaler().fit(table[:1]), "no feature varies"),
        (lambda: FeatureScaler(tolerance=-1).fit(table), "tolerance -1"),
        (lambda: FeatureScaler().transform(table), "call fit first"),
        (lambda: FeatureScaler().parts(), "call fit first"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minimum": None}, "without its array 'minimum'"),
        ({"minimum": np.zeros(5)}, r"minima \(5,\) and maxima \(6,\)"),
        ({"tolerance": np.zeros(2)}, "give what `parts` returned"),
        ({"minimum": np.full(6, 1e9)}, "above its maximum"),
        ({"maximum": np.full(6, np.nan)}, "not finite"),
    ],
)
def test_bad_parts_are_refused(table, change, message):
    parts = FeatureScaler().fit(table).parts() | change
    with pytest.raises(InputError, match=message):
        FeatureScaler.from_parts({name: array for name, array in parts.items() if array is not None})
