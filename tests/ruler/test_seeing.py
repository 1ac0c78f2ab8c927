"""What ELFnet sees: explanations against closed forms, and checks of them on networks that are known."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from auric.errors import InputError
from auric.files import read_dataset, read_tables
from auric.ruler import (
    ElfNet,
    Ruler,
    build_network,
    count_kinds,
    explain_study,
    fields_of_view,
    grad_cam,
    load_or_none,
    make_fold,
    mode_names,
    mode_scores,
    randomised,
    rank_correlation,
    read_images,
    read_occluded,
    run_fold,
    silverman_p,
    summed_maps,
    train_twin,
)
from auric.ruler.modes import MODES, SILENT, kappa, share_between
from auric.ruler.occlusion import zone_edges
from auric.ruler.seeing import layer_names
from tests.ruler.test_ruler import SMALL, dataset


@pytest.fixture
def linear():
    """A network of one convolution whose large biases keep every ReLU open: its Grad-CAM can be written down."""
    torch.manual_seed(3)
    network = ElfNet(6, (2,), 3, pooling="average").double()
    with torch.no_grad():
        network.convolutions[0].bias += 50.0
        network.first.bias += 1000.0
    return network.eval()


def by_hand(network, elf):
    """Maps behind the convolution, shape (images, 2, 4, 4), and Grad-CAM before its ReLU."""
    weight, bias = (each.detach().numpy() for each in (network.convolutions[0].weight, network.convolutions[0].bias))
    maps = np.array(
        [[correlate2d(2 * one - 1, w[0], "valid") + b for w, b in zip(weight, bias, strict=True)] for one in elf]
    )
    # y = last (first pooled + b) + c; a pooled cell is the mean of four, each of which is in no other cell.
    slopes = (network.last.weight @ network.first.weight).detach().numpy().reshape(2, 4) / 4
    return maps, np.einsum("k,nkij->nij", slopes.mean(axis=1), maps)


def test_grad_cam_of_a_linear_network_is_the_closed_form(linear, rng):
    elf = rng.random((5, 6, 6))
    maps, expected = by_hand(linear, elf)
    np.testing.assert_allclose(grad_cam(linear, elf), expected, rtol=1e-10)
    np.testing.assert_allclose(summed_maps(linear, elf)[0], maps.sum(axis=1), rtol=1e-10)
    assert {weight.grad for weight in linear.parameters()} == {None}  # explaining leaves nothing behind


def test_grad_cam_of_several_images_is_that_of_each_alone(rng):
    torch.manual_seed(0)
    network = ElfNet(32, (4, 4, 8), 6).eval()
    elf = rng.random((700, 32, 32)).astype("float32")  # more than are read at a time
    together = grad_cam(network, elf)
    assert together.shape == (700, *summed_maps(network, elf[:1])[-1].shape[1:])
    np.testing.assert_allclose(
        together[[0, 699]], np.concatenate([grad_cam(network, elf[[i]]) for i in (0, 699)]), rtol=1e-4, atol=1e-7
    )


def test_maps_lead_to_the_same_length(rng):
    torch.manual_seed(0)
    network = ElfNet(32, (4, 4, 8), 6, batch_norm=True, dropout=0.4).eval()
    elf = torch.as_tensor(rng.random((3, 32, 32)), dtype=torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(network.read_maps(network.maps(elf)[-1]), network(elf))


@pytest.mark.parametrize(
    ("pixels", "settings"),
    [(50, {}), (200, {}), (64, {"kernel": 5}), (40, {"architecture": "residual"})],
)
def test_fields_of_view_are_where_gradients_come_from(pixels, settings):
    torch.manual_seed(0)
    network = build_network(
        pixels, {"channels": (3,) * 6, "hidden": 4, "pooling": "average", "activation": "leaky_relu"} | settings
    ).double()
    elf = torch.rand(1, pixels, pixels, dtype=torch.double, requires_grad=True)
    maps = network.maps(elf)[-1]
    found = []
    for cell in range(maps.shape[-1]):
        (slopes,) = torch.autograd.grad(maps[0, :, 0, cell].sum(), elf, retain_graph=True)
        seen = np.flatnonzero(slopes[0].abs().sum(dim=0).numpy())
        found.append((seen[0], seen[-1] + 1))
    np.testing.assert_allclose(fields_of_view(network), np.array(found) / pixels, atol=1e-12)


def test_at_200_pixels_the_papers_last_maps_have_four_cells_that_see_almost_the_same():
    low, high = fields_of_view(ElfNet(200, (16, 32, 64, 64, 64, 64), 64))
    assert (low[1] - high[0]) / (low[1] - low[0]) > 0.75


@pytest.mark.parametrize(
    ("pixels", "settings"),
    [
        (10, {"channels": (3,)}),
        (10, {"channels": (3, 4), "edge": True, "readings": 3}),
        (31, {"channels": (2, 3, 3), "kernel": 5, "batch_norm": True, "pooling": "average"}),
        (50, {"channels": (2, 3, 4, 4, 4, 4), "activation": "leaky_relu"}),
        (67, {"channels": (2, 3, 3, 3, 4), "dropout": 0.3}),
        (24, {"channels": (3, 4), "architecture": "residual"}),
    ],
)
def test_an_occluded_image_is_read_as_if_all_of_it_were_new(rng, pixels, settings):
    torch.manual_seed(4)
    settings = {"hidden": 6, **settings}
    header = {"settings": settings, "pixels": pixels, "mean_angstrom": 2.4, "sd_angstrom": 0.1}
    ruler = Ruler(build_network(pixels, settings).double().eval(), header)
    elf, fill = rng.random((3, pixels, pixels)), rng.random((pixels, pixels))
    given, edges = elf.copy(), zone_edges(pixels)
    for cover in (0.0, fill):
        read = read_occluded(ruler, elf, cover)
        assert np.ptp(read) > 1e-7
        for row in range(3):
            for column in range(3):
                zone = (slice(edges[row], edges[row + 1]), slice(edges[column], edges[column + 1]))
                hidden = elf.copy()
                hidden[:, *zone] = np.broadcast_to(cover, (pixels, pixels))[zone]
                np.testing.assert_allclose(read[:, row, column], ruler.read(hidden), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(elf, given)
    np.testing.assert_allclose(read_occluded(ruler, elf[:1], elf[0]), ruler.read(elf[:1])[0], atol=1e-13)
    assert zone_edges(10) == [0, 3, 7, 10]


def test_weights_are_drawn_anew_from_the_output_down(rng):
    torch.manual_seed(0)
    settings = {"channels": (4, 4, 8), "hidden": 6, "batch_norm": True, "initialisation": "orthogonal"}
    ruler = Ruler(
        build_network(32, settings), {"settings": settings, "pixels": 32, "mean_angstrom": 0, "sd_angstrom": 1}
    )
    before = {name: weights.clone() for name, weights in ruler.network.state_dict().items()}
    names = [name for name, _ in layer_names(ruler.network)]
    assert names == ["last layer", "first fully connected layer", "convolution 3", "convolution 2", "convolution 1"]

    def changed(layers):
        after = randomised(ruler, 7, layers).network.state_dict()
        return {
            name.rsplit(".", 1)[0] for name in before if name.endswith("weight") and (after[name] != before[name]).any()
        }

    assert changed(1) == {"last"}
    assert changed(2) == {"last", "first"}
    assert changed(3) == {
        "last",
        "first",
        "convolutions.8",
    }  # behind two times convolution, normalisation, ReLU, pooling
    assert changed(None) == changed(5) == {"last", "first", "convolutions.0", "convolutions.4", "convolutions.8"}
    assert all((ruler.network.state_dict()[name] == weights).all() for name, weights in before.items())
    elf = rng.random((2, 32, 32)).astype("float32")
    np.testing.assert_array_equal(randomised(ruler, 7).read(elf), randomised(ruler, 7).read(elf))


def test_rank_correlation_is_spearmans(rng):
    first, second = rng.normal(size=(6, 3, 3)), rng.normal(size=(6, 3, 3))
    first[0, 0] = first[0, 1]  # ties
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected)
    assert rank_correlation(np.ones((1, 3, 3)), second[:1]).tolist() == [0]


def test_scores_are_moments_of_the_positive_part():
    maps = np.full((11, 3, 3), -1.0)
    maps[0, 1, 2] = 2  # gold
    maps[1, :, 0] = 1  # all of the sulfur side
    maps[2, 2, 1] = 5  # the third atom's side
    maps[3, 0, 1], maps[3, 1, 2] = 3, 1  # below, and some gold
    maps[4, 1, 2], maps[4, 1, 1] = 1, 1  # from gold to the centre
    maps[6, 1, 1] = 1  # the centre alone
    maps[7] = 1  # even
    maps[8, :, 1] = 1  # a band across the bond's middle
    maps[9, 1, 0] = maps[9, 1, 2] = 1  # both atoms
    maps[10, 1, 1], maps[10, 1, 2] = 20, 1  # the centre, and a little of gold
    scores = mode_scores(maps)
    expected = [
        [1, 0, 0], [-1, 0, -2 / 3], [0, 1, 0], [0.25, -0.75, 0], [0.5, 0, 0.25], [np.nan] * 3, [0, 0, 0], [0, 0, 0],
        [0, 0, -2 / 3], [0, 0, 1], [1 / 21, 0, 1 / 21 - 1 / 21**2],
    ]  # fmt: skip
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    assert mode_names(scores).tolist() == [
        "right", "left", "vertical", "vertical", "right", "none", "centre", "centre", "vertical", "centre", "centre",
    ]  # fmt: skip
    assert set(mode_names(scores)) == {*MODES, SILENT}
    np.testing.assert_allclose(mode_scores(maps[[5]], both_signs=True), [[0, 0, 0]], atol=1e-12)


def test_kinds_that_differ_in_stretch_alone_are_told_apart(rng):
    """An even map, a vertical band and two atoms have one centre of weight."""
    maps = np.zeros((180, 3, 3))
    maps[:60], maps[60:120, :, 1], maps[120:, 1, [0, 2]] = 1, 1, 1
    scores = mode_scores(maps + rng.uniform(0, 0.1, maps.shape))
    assert np.abs(scores[:, :2]).max() < 0.1
    assert count_kinds(scores, np.arange(180), samples=5, seed=1).peaks == 3


def heaps(rng, places, count=150, width=0.07):
    scores = np.concatenate([rng.normal(place, width, (count, 2)) for place in places])
    return scores, np.arange(len(scores)) // 3


def test_three_heaps_are_three_kinds_and_one_is_one(rng):
    places = np.array([[0.7, 0], [-0.6, 0], [0, 0.7]])
    kinds = count_kinds(*heaps(rng, places), samples=10, seed=1)
    assert kinds.peaks == 3
    assert (kinds.sampled_peaks == 3).all()
    assert kinds.stability > 0.95
    nearest = np.linalg.norm(kinds.places[:, None] - places, axis=2).min(axis=0)
    assert nearest.max() < 0.05
    # One heap that no single Gaussian fits: the mixture needs several, the density has one peak.
    skewed = np.stack([rng.gamma(2.0, 0.15, 600), rng.normal(0, 0.1, 600)], axis=1)
    kinds = count_kinds(skewed, np.arange(600), samples=10, seed=1)
    assert kinds.gaussians > 1
    assert kinds.peaks == 1
    assert np.median(kinds.sampled_peaks) == 1
    assert count_kinds(skewed[:29], np.arange(29), samples=2, seed=1) is None


def test_silvermans_test_tells_two_heaps_from_one(rng):
    groups = np.arange(300)
    one, two = rng.normal(0, 0.3, 300), np.concatenate([rng.normal(-0.5, 0.1, 150), rng.normal(0.5, 0.1, 150)])
    assert silverman_p(one, groups, modes=1, samples=100, seed=0) > 0.1
    assert silverman_p(two, groups, modes=1, samples=100, seed=0) < 0.03
    assert silverman_p(two, groups, modes=2, samples=100, seed=0) > 0.1


def test_agreement_and_shares_of_variance(rng):
    first, second = rng.choice(["right", "left", "none"], 200), rng.choice(["right", "vertical", "none"], 200)
    assert kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    assert kappa(first, first) == 1
    assert kappa(first[:1], first[:1]) == 1
    assert share_between(np.array([1.0, 1, 2, 2]), np.array([0, 0, 1, 1])) == 1
    assert share_between(np.array([1.0, 2, 1, 2]), np.array([0, 0, 1, 1])) == 0
    assert share_between(np.ones(4), np.arange(4)) == 0


OUT = ("e.nc", "modes.csv", "occlusion.csv", "checks.csv", "score.csv")


def explained(place, split="bond", folds=2, **changes):
    how = {
        "split": split,
        "folds": folds,
        "weighting": "loss",
        "network": SMALL | changes,
        "seed": 1,
        "training_seed": 1,
    }
    for fold in range(folds):
        out = [place / f"{fold}{ending}" for ending in (".csv", "_h.csv", ".safetensors")]
        run_fold(place / "images.nc", *out, fold=str(fold), checkpoint=place / "c", **how)
    train_twin(place / "images.nc", place / "twin", fold="0", checkpoint=place / "c", **how)
    explain_study(
        place / "images.nc", [place / f"{fold}.safetensors" for fold in range(folds)], place / "twin",
        *(place / name for name in OUT), study="test", like_paper=True, split=split, folds=folds, most=1000, samples=200, seed=1,
    )  # fmt: skip
    return read_dataset(place / OUT[0]), *(read_tables([place / name]) for name in OUT[1:])


def test_every_image_is_explained_by_the_network_that_did_not_learn_from_it(tmp_path):
    data = dataset(tmp_path, structures=6, bonds=4, planes=3)
    maps, modes, zones, checks, card = explained(tmp_path)
    assert sorted(maps["image"].values) == sorted(data.image)
    for fold in (0, 1):
        mine = maps["image"].values[maps["fold"].values == fold]
        test = make_fold(data, "bond", str(fold), folds=2, seed=1).test
        assert set(mine) == set(data.image[test])
        ruler = load_or_none(tmp_path / f"{fold}.safetensors")
        one = int(np.flatnonzero(data.image == mine[0])[0])
        np.testing.assert_allclose(
            maps["grad_cam"].sel(image=mine[0]), grad_cam(ruler.network, data.elf[[one]])[0], rtol=1e-4, atol=1e-7
        )
    assert maps["grad_cam"].attrs["units"] == "1"
    assert maps["grad_cam"].dims == ("image", "cam_y", "cam_x")
    error = np.abs(maps["occluded_angstrom"].sel(fill="zero") - maps["bond_length_angstrom"]).mean("image").values
    whole = float(np.abs(maps["read_angstrom"] - maps["bond_length_angstrom"]).mean())
    by_zero = zones[zones["fill"] == "zero"]
    np.testing.assert_allclose(by_zero["rise_percent"], 100 * (error.ravel() / whole - 1), rtol=1e-6)
    centre = card[card["subject"] == "elfnet, middle centre set to zero"].iloc[0]
    assert (centre["paper"], centre["quantity"], centre["comparable"]) == (
        400,
        "occlusion_mae_rise",
        "same protocol, other data",
    )
    assert (card["paper"].notna()).sum() == 1
    shares = checks[checks["check"].str.startswith("share ") & ~checks["check"].str.contains("variance")]
    assert shares["value"].sum() == pytest.approx(1)
    assert len(modes) == len(data)
    assert set(modes.loc[modes["fold"] == 1, "twin_mode"].isna()) == {True}
    alike = checks[checks["check"] == "another training"].set_index("about")["value"]
    assert set(alike.index) == {"Grad-CAM", "occlusion"}
    assert alike.between(-1, 1).all()


def test_split_without_folds_gives_empty_files(tmp_path):
    dataset(tmp_path, structures=1)
    maps, modes, zones, checks, card = explained(tmp_path, split="structure")
    assert maps.sizes["image"] == len(modes) == len(zones) == len(checks) == len(card) == 0
    assert load_or_none(tmp_path / "twin") is None
    (tmp_path / "twin").write_bytes(b"x")
    with pytest.raises(InputError, match="not a ruler"):
        load_or_none(tmp_path / "twin")
    assert len(read_images(tmp_path / "images.nc"))
