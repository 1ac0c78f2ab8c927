import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from auric.errors import AuricError, InputError
from auric.files import read_dataset, read_tables, write_dataset
from auric.ruler import (
    BlockRidge,
    ElfInTheMiddle,
    ElfNet,
    ImageSet,
    MeanLength,
    NetworkSettings,
    RidgeOnImage,
    RidgeOnLine,
    Ruler,
    RulerSet,
    SolvedElfNet,
    SteadyRidgeOnImage,
    SteadyRidgeOnLine,
    bin_index,
    bin_weights,
    bond_line,
    coarse_image,
    duplicate,
    fold_names,
    join_blocks,
    make_fold,
    read_images,
    run_fold,
    train,
    train_final,
    train_set,
    validate,
)
from auric.ruler.baselines import ELF_UNCERTAINTY
from auric.ruler.network import pooling_plan, straight, straight_width
from auric.ruler.ridge import BLOCK_WEIGHTS, INNER_FOLDS, PENALTIES
from auric.ruler.rulers import save_tensors
from auric.ruler.solved import STARTS, blocks_of, started_network, starts_of
from auric.ruler.validation import ELFNET, grouped_interval

EDGES, WEIGHTS = [2.3, 2.4, 2.5, 2.6, 2.7], [1, 2, 20, 30]
SMALL = {"channels": (4, 4, 4, 4, 4, 64), "hidden": 16, "epochs": 4, "learning_rate": 1e-3, "batch_size": 16}


def dataset(path, structures=6, bonds=4, planes=3, pixels=20, seed=0):
    """Images of two Gaussian shells whose widths, in units of the bond, tell its length, as those of ELF do."""
    rng = np.random.default_rng(seed)
    rows = [(s, b, p) for s in range(structures) for b in range(bonds) for p in range(planes)]
    lengths = np.repeat(rng.uniform(2.25, 2.7, structures * bonds), planes)
    centres = (np.arange(pixels) + 0.5) / pixels
    x, y = np.meshgrid(centres, centres)
    tilt = rng.uniform(0, 0.1, len(rows))
    shells = [
        0.8 * np.exp(-(((np.hypot(x, y - 0.5) * r - 1.0) / 0.3) ** 2)) + t * y
        for r, t in zip(lengths, tilt, strict=True)
    ]
    names = {
        "image": [f"s{s}_0000:S{b}-Au{b}:{p}" for s, b, p in rows],
        "structure": [f"s{s}" for s, _, _ in rows],
        "frame": [f"s{s}_0000" for s, _, _ in rows],
        "bond": [f"s{s}:S{b}-Au{b}" for s, b, _ in rows],
        "third_element": ["H"] * len(rows),
    }
    data = xr.Dataset({"elf": (("image", "y", "x"), np.array(shells, dtype="float32"))})
    for name, values in names.items():
        data[name] = ("image", np.array(values))
    for name in ("left_atom", "right_atom", "third_atom"):
        data[name] = ("image", np.array([p for _, _, p in rows], dtype="int32"))
    data["bond_length_angstrom"] = ("image", lengths)
    data.attrs = {
        "frames_json": '{"s0_0000": {"engine": "pyscf-gto", "method": "b3lyp", "basis": {"default": "def2-svp"}}}',
        "elf_offset_hartree_per_bohr3": 1e-5,
    }
    write_dataset(path / "block.nc", data)
    join_blocks([path / "block.nc"], path / "images.nc", settings={"bin_edges_angstrom": EDGES, "bin_weights": WEIGHTS})
    return read_images(path / "images.nc")


@pytest.fixture
def data(tmp_path) -> ImageSet:
    return dataset(tmp_path)


def test_table_s2_is_rebuilt():
    lengths = np.repeat([2.35, 2.45, 2.55, 2.65], [2643, 1169, 133, 14])
    weights = bin_weights(lengths, EDGES, WEIGHTS)
    assert [int(weights[lengths == length].sum()) for length in (2.35, 2.45, 2.55, 2.65)] == [2643, 2338, 2660, 420]
    assert len(duplicate(np.arange(3959), weights)) == 8061


def test_bins_are_half_open_and_shorter_bonds_join_the_first():
    lengths = np.array([1.9, 2.3, np.nextafter(2.4, 0), 2.4, 2.5, np.nextafter(2.6, 0), 2.6, 2.69, 2.7])
    assert bin_index(lengths, EDGES).tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 3]
    with pytest.raises(ValueError, match="3 weights for 4 bins"):
        bin_weights(lengths, EDGES, [1, 2, 3])


def test_duplication_sampling_and_loss_weights_agree_in_expectation(rng):
    """Gradients of the mean squared error of a linear model, by all three ways."""
    x, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    weights = rng.choice(WEIGHTS, 60)
    gradients = 2 * (x @ np.ones(3) - y)[:, None] * x
    by_loss = np.average(gradients, axis=0, weights=weights)
    by_duplication = duplicate(gradients, weights).mean(axis=0)
    np.testing.assert_allclose(by_duplication, by_loss, rtol=1e-12)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.multinomial(
        torch.as_tensor(weights, dtype=torch.float32), 400_000, replacement=True, generator=generator
    )
    sample = gradients[drawn.numpy()]
    sigma = sample.std(axis=0) / np.sqrt(len(sample))
    assert (np.abs(sample.mean(axis=0) - by_loss) < 4 * sigma).all()


@pytest.mark.parametrize("weighting", ["duplication", "sampler", "loss", "none"])
def test_an_epoch_costs_the_same_with_each_weighting(data, weighting, monkeypatch):
    seen = []
    original = ElfNet.forward
    monkeypatch.setattr(ElfNet, "forward", lambda self, elf: seen.append(len(elf)) or original(self, elf))
    settings = NetworkSettings(**SMALL | {"epochs": 1})
    train(data, np.arange(len(data)), settings=settings, weighting=weighting, seed=0, watch=None, checkpoint=None)
    assert sum(seen) == len(data)


@pytest.mark.parametrize("split", ["image", "bond", "structure", "leaky"])
def test_splits_keep_apart_what_they_promise(data, split):
    tested = []
    for fold in fold_names(5):
        training, test = make_fold(data, split, fold, folds=5, seed=1)
        assert len(training)
        assert len(test)
        if fold != "holdout":
            tested += test.tolist()
        if split == "leaky":
            assert set(training) & set(test)
        else:
            assert not set(training) & set(test)
        if split in ("bond", "structure"):
            groups = getattr(data, split)
            assert not set(groups[training]) & set(groups[test])
    everything = duplicate(np.arange(len(data)), data.weights) if split == "leaky" else np.arange(len(data))
    assert sorted(tested) == everything.tolist()


def test_planes_of_one_bond_land_on_both_sides_of_the_split_by_image(data):
    training, test = make_fold(data, "image", "0", folds=5, seed=1)
    assert set(data.bond[training]) & set(data.bond[test])


def test_holdout_is_seven_to_three_and_seeds_matter(data):
    training, test = make_fold(data, "image", "holdout", folds=5, seed=1)
    assert len(test) == pytest.approx(0.3 * len(data), abs=1)
    assert sorted([*training, *test]) == list(range(len(data)))
    again, other = (make_fold(data, "image", "holdout", folds=5, seed=seed).test for seed in (1, 2))
    assert test.tolist() == again.tolist()
    assert test.tolist() != other.tolist()


def test_too_few_groups_give_no_fold(tmp_path):
    data = dataset(tmp_path, structures=2)
    assert make_fold(data, "structure", "1", folds=5, seed=1) is not None
    assert make_fold(data, "structure", "2", folds=5, seed=1) is None
    assert make_fold(dataset(tmp_path, structures=1), "structure", "holdout", folds=5, seed=1) is None
    with pytest.raises(ValueError, match="Did you mean 'structure'"):
        make_fold(data, "structures", "0", folds=5, seed=1)


def test_bond_line_is_the_middle_of_odd_and_even_images():
    for pixels in (5, 6):
        rows = np.broadcast_to(np.arange(pixels, dtype=float)[None, :, None], (2, pixels, pixels))
        np.testing.assert_array_equal(bond_line(rows), np.full((2, pixels), (pixels - 1) / 2))


def test_coarse_image_is_the_mean_of_tiles_and_the_network_cuts_the_same(rng):
    for pixels in (20, 50, 75):
        elf = rng.random((3, pixels, pixels))
        tile, coarse = max(1, pixels // 12), coarse_image(elf)
        side = pixels // tile
        rim = (pixels - side * tile) // 2
        first = elf[1, rim : rim + tile, rim + tile : rim + 2 * tile].mean()
        assert coarse.shape == (3, side**2)
        assert coarse[1, 1] == pytest.approx(first)
        both = straight(torch.as_tensor(elf)).numpy()
        assert both.shape[1] == straight_width(pixels)
        np.testing.assert_allclose(both, np.hstack([bond_line(elf), coarse]), atol=1e-12)


@pytest.mark.parametrize("kind", [RidgeOnLine, RidgeOnImage])
def test_ridge_is_the_one_of_scikit_learn_with_the_chosen_penalty(data, kind):
    fitted = kind().fit(data.elf, data.lengths_angstrom, data.bond)
    ridge = fitted.ridge
    blocks = fitted.features(data.elf)
    z = [(x - x.mean(axis=0)) / x.std(axis=0) / np.sqrt(x.shape[1]) for x in blocks]
    joined = np.hstack([w * block for w, block in zip(ridge.weights, z, strict=True)])
    oracle = Ridge(alpha=len(data) * ridge.penalty, solver="svd").fit(joined, data.lengths_angstrom)
    np.testing.assert_allclose(oracle.predict(joined), fitted.predict(data.elf), atol=1e-7)
    by_parts = ridge.intercept + np.hstack(blocks) @ np.concatenate(ridge.slopes)
    np.testing.assert_allclose(by_parts, fitted.predict(data.elf), atol=1e-9)
    assert np.abs(fitted.predict(data.elf) - data.lengths_angstrom).mean() < 0.002


def test_a_block_of_noise_gets_no_weight_and_a_block_that_helps_gets_some(rng):
    signal, other = rng.normal(size=(200, 3)), rng.normal(size=(200, 2))
    targets, groups = signal @ [1.0, -2.0, 0.5] + 0.7 * other[:, 0], np.repeat(np.arange(40), 5)
    noise = rng.normal(size=(200, 150))
    chosen = BlockRidge().fit([signal, other, noise], targets, groups)
    assert chosen.weights[1] > 0
    assert chosen.weights[2] == 0
    np.testing.assert_allclose(chosen.slopes[0], [1.0, -2.0, 0.5], atol=0.01)
    lonely = BlockRidge().fit([signal], targets, np.zeros(200))
    assert (lonely.penalty, lonely.weights) == (1e-4, [1.0])


@pytest.mark.parametrize("features", [6, 90])  # fewer and more than rows
def test_penalty_and_weights_are_those_that_scikit_learn_finds_best(rng, features):
    blocks = [rng.normal(size=(60, 3)), rng.normal(size=(60, features))]
    targets = blocks[0] @ [1.0, -2.0, 0.5] + 0.3 * blocks[1][:, 0] + rng.normal(0, 0.2, 60)
    groups = np.repeat(np.arange(20), 3)
    chosen = BlockRidge().fit(blocks, targets, groups)
    z = [(x - x.mean(axis=0)) / x.std(axis=0) / np.sqrt(x.shape[1]) for x in blocks]

    def error(weight: float, penalty: float) -> float:
        joined, total = np.hstack([z[0], weight * z[1]]), 0.0
        for training, test in GroupKFold(n_splits=INNER_FOLDS).split(joined, groups=groups):
            oracle = Ridge(alpha=len(training) * penalty, solver="svd").fit(joined[training], targets[training])
            total += np.abs(oracle.predict(joined[test]) - targets[test]).sum()
        return total

    best = min((error(w, p), w, p) for w in BLOCK_WEIGHTS for p in PENALTIES)
    assert (chosen.weights[1], chosen.penalty) == pytest.approx(best[1:])


@pytest.mark.parametrize("kind", [SteadyRidgeOnLine, SteadyRidgeOnImage])
def test_a_steady_reading_is_ridge_in_units_of_elf_and_what_noisy_copies_teach(data, kind, rng):
    fitted = kind().fit(data.elf, data.lengths_angstrom, data.bond)
    seen = np.hstack(fitted.features(data.elf))
    oracle = Ridge(alpha=len(data) * ELF_UNCERTAINTY**2, solver="svd").fit(seen, data.lengths_angstrom)
    np.testing.assert_allclose(oracle.predict(seen), fitted.predict(data.elf), atol=1e-9)
    # Plain least squares on many copies with noise of that size comes to the same reading.
    copies = 400
    noisy = np.tile(seen, (copies, 1)) + rng.normal(0, ELF_UNCERTAINTY, (copies * len(seen), seen.shape[1]))
    plain = Ridge(alpha=0, solver="svd").fit(noisy, np.tile(data.lengths_angstrom, copies))
    gap = np.abs(plain.predict(seen) - fitted.predict(data.elf)).mean()
    assert gap < 0.1 * data.lengths_angstrom.std()
    # Noise moves it by less than the reading that is chosen by error alone.
    shaken = (data.elf + rng.normal(0, 1e-3, data.elf.shape)).astype("float32")
    chosen = kind.__base__().fit(data.elf, data.lengths_angstrom, data.bond)
    moved, moved_more = (np.abs(one.predict(shaken) - one.predict(data.elf)).mean() for one in (fitted, chosen))
    assert moved < 0.3 * moved_more


@pytest.mark.parametrize("pixels", [20, 21])
def test_the_middle_is_one_number_and_a_straight_line_through_it(rng, pixels):
    elf = rng.uniform(size=(60, pixels, pixels))
    inner = slice((pixels - 1) // 2, pixels // 2 + 1)
    middle = elf[:, inner, inner].mean(axis=(1, 2))
    read = ElfInTheMiddle().fit(elf, 2.4 - 0.3 * middle, np.arange(60))
    np.testing.assert_allclose(read.features(elf)[0][:, 0], middle)
    np.testing.assert_allclose(read.predict(elf), 2.4 - 0.3 * middle, atol=1e-4)


def test_mean_length_says_the_mean(data):
    fitted = MeanLength().fit(data.elf, data.lengths_angstrom, data.bond)
    np.testing.assert_allclose(fitted.predict(data.elf[:3]), data.lengths_angstrom.mean())


def test_elfnet_on_200_pixels_has_the_papers_layers_and_256_features():
    assert pooling_plan(200, 6) == [True] * 5 + [False]
    network = ElfNet(200, (16, 32, 64, 64, 64, 64), 64)
    assert network.convolutions(torch.zeros(1, 1, 200, 200)).shape == (1, 64, 2, 2)
    assert network.first.in_features == 256


@pytest.mark.parametrize("pixels", [14, 32, 50, 64, 100, 128, 160, 400])
def test_elfnet_of_other_sizes_keeps_256_features(pixels):
    network = ElfNet(pixels, (4, 4, 4, 4, 4, 64), 8)
    assert min(network.convolutions(torch.rand(2, 1, pixels, pixels)).shape[-2:]) >= 2
    assert network(torch.rand(3, pixels, pixels)).shape == (3, 1)
    assert network.first.in_features == 256


def test_images_too_small_for_the_convolutions_are_refused():
    with pytest.raises(ValueError, match="13 pixels are too few"):
        ElfNet(13, (4,) * 6, 8)


def test_solved_elfnet_is_the_mean_of_ridge_solutions_of_features_and_the_straight_edge(data):
    solved = SolvedElfNet(1).fit(data.elf, data.lengths_angstrom, data.bond)
    expected = []
    for ruler in solved.rulers:
        blocks = blocks_of(ruler.network, data.elf)
        assert (blocks[2] > 0).all()  # no ReLU cuts
        z = [(x - x.mean(axis=0)) / x.std(axis=0) / np.sqrt(x.shape[1]) for x in blocks]
        (weights,), (penalty,) = (ruler.header["settings"][key] for key in ("block_weights", "penalties"))
        joined = np.hstack([w * block for w, block in zip(weights, z, strict=True)])
        oracle = Ridge(alpha=len(data) * penalty, solver="svd").fit(joined, data.lengths_angstrom)
        expected.append(oracle.predict(joined))
    assert len(expected) == STARTS
    np.testing.assert_allclose(solved.predict(data.elf), np.mean(expected, axis=0), atol=1e-7)


def test_solved_elfnet_is_seeded(data):
    first, again, other = (blocks_of(started_network(data.elf, seed, readings=1), data.elf)[2] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len({start for seed in range(5) for start in starts_of(seed)}) == 5 * STARTS


def test_blocks_with_names_of_other_lengths_keep_their_names(tmp_path, data):
    block = read_dataset(tmp_path / "block.nc")
    longer = block.copy()
    for name in ("image", "structure", "frame", "bond"):
        longer[name] = ("image", np.array([f"a_much_longer_{text}" for text in block[name].values]))
    write_dataset(tmp_path / "longer.nc", longer)
    settings = {"bin_edges_angstrom": EDGES, "bin_weights": WEIGHTS}
    join_blocks([tmp_path / "block.nc", tmp_path / "longer.nc"], tmp_path / "both.nc", settings=settings)
    both = read_images(tmp_path / "both.nc")
    assert set(both.bond) == set(block["bond"].values) | set(longer["bond"].values)
    assert len(set(both.image)) == 2 * len(data)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_enough_to_go_through(data, count):
    few = slice(0, count)
    for reading in (MeanLength(), RidgeOnLine(), SolvedElfNet(1)):
        fitted = reading.fit(data.elf[few], data.lengths_angstrom[few], data.bond[few])
        np.testing.assert_allclose(fitted.predict(data.elf[few]), data.lengths_angstrom[few], atol=1e-4)
    ruler, _ = train(
        data, np.arange(count), settings=NetworkSettings(**SMALL), weighting="loss", seed=0, watch=None, checkpoint=None
    )
    assert np.isfinite(ruler.read(data.elf)).all()


def run(data, seed=0, checkpoint=None, **changes):
    return train(
        data, np.arange(len(data)), settings=NetworkSettings(**SMALL | changes), weighting="loss", seed=seed,
        watch=np.arange(10), checkpoint=checkpoint,
    )  # fmt: skip


def test_training_is_seeded(data):
    first, again, other = (run(data, seed)[0].read(data.elf[:5]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_training_learns(data):
    ruler, curve = run(data, epochs=60, learning_rate=3e-3, schedule="cosine", initialisation="orthogonal")
    error = np.abs(ruler.read(data.elf) - data.lengths_angstrom).mean()
    assert error < 0.2 * np.abs(data.lengths_angstrom - data.lengths_angstrom.mean()).mean()
    assert curve[-1]["training_mae_angstrom"] < curve[0]["training_mae_angstrom"]
    assert [row["epoch"] for row in curve] == list(range(1, 61))


def test_a_killed_training_goes_on_to_the_same_end(data, tmp_path, monkeypatch):
    whole, whole_curve = run(data, epochs=6)
    checkpoint = tmp_path / "c.safetensors"
    from auric.ruler import training as module

    original = module._Training.epoch

    def killed(self, epoch):
        if epoch == 4:
            raise KeyboardInterrupt
        return original(self, epoch)

    monkeypatch.setattr(module._Training, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        run(data, epochs=6, checkpoint=checkpoint, checkpoint_seconds=0)
    monkeypatch.setattr(module._Training, "epoch", original)
    assert checkpoint.exists()
    seen = []
    monkeypatch.setattr(module._Training, "epoch", lambda self, epoch: seen.append(epoch) or original(self, epoch))
    resumed, curve = run(data, epochs=6, checkpoint=checkpoint, checkpoint_seconds=0)
    assert seen == [4, 5]
    np.testing.assert_array_equal(resumed.read(data.elf), whole.read(data.elf))
    assert [row["training_mae_angstrom"] for row in curve] == [row["training_mae_angstrom"] for row in whole_curve]
    assert not checkpoint.exists()


@pytest.mark.parametrize("damage", ["settings", "bytes"])
def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_not_used(data, tmp_path, damage, monkeypatch):
    from auric.ruler import training as module

    checkpoint = tmp_path / "c.safetensors"
    job = module._Training(data, np.arange(len(data)), NetworkSettings(**SMALL), "loss", 0, None)
    job.keep(checkpoint, "another key", 3, [])
    if damage == "bytes":
        checkpoint.write_bytes(checkpoint.read_bytes()[:50])
    fresh, _ = run(data)
    ruler, _ = run(data, checkpoint=checkpoint)
    np.testing.assert_array_equal(ruler.read(data.elf), fresh.read(data.elf))


def test_a_diverging_training_says_what_to_do(data):
    with pytest.raises(AuricError, match="lower ruler"):
        run(data, learning_rate=1e20, epochs=8)


def test_a_saved_ruler_reads_the_same_and_refuses_other_images(data, tmp_path):
    ruler, _ = run(data)
    ruler.save(tmp_path / "r.safetensors")
    back = Ruler.load(tmp_path / "r.safetensors")
    np.testing.assert_array_equal(back.read(data.elf), ruler.read(data.elf))
    assert back.header["settings"]["weighting"] == "loss"
    with pytest.raises(ValueError, match=r"\(n, 20, 20\), got \(2, 10, 10\)"):
        back.read(data.elf[:2, :10, :10])
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(InputError, match="not a ruler"):
        Ruler.load(tmp_path / "junk")


def test_final_models_carry_what_they_were_trained_on(data, tmp_path):
    train_final(
        tmp_path / "images.nc", tmp_path / "e.safetensors",
        weighting="duplication", network=SMALL, seed=1, checkpoint=tmp_path / "c",
    )  # fmt: skip
    header = Ruler.load(tmp_path / "e.safetensors").header
    assert header["trained_on"]["images"] == len(data)
    assert header["trained_on"]["levels"][0]["method"] == "b3lyp"
    assert header["trained_on"]["data_hash"] == data.hash()


HOW = {
    "elf": {"pixels": 20, "planes": 3, "offset": "multiwfn"},
    "bond": {"cutoff_angstrom": 2.7},
    "errors_angstrom": {},
}


def test_a_set_of_rulers_makes_the_round_trip_and_its_members_differ(data, tmp_path):
    costs = [
        (electrons, 0.5 * electrons**1.5 * (1.7 if opened else 1.0), opened)
        for electrons in (36, 72, 108, 144)
        for opened in (False, True)
    ]
    rulers = train_set(data, folds=3, seed=1, costs=costs, **HOW)
    rulers.save(tmp_path / "r.safetensors")
    back = RulerSet.load(tmp_path / "r.safetensors")
    for reader in ("elfnet, solved", "ridge on the image"):
        readings = back.read(data.elf, reader=reader)
        assert readings.shape == (3, len(data))
        np.testing.assert_array_equal(readings, rulers.read(data.elf, reader=reader))
        assert np.abs(readings - data.lengths_angstrom).mean() < 0.005
        assert np.ptp(readings, axis=0).max() > 0
    np.testing.assert_allclose(back.domain.score(data.elf), rulers.domain.score(data.elf))
    assert back.header["level"]["method"] == "b3lyp"
    assert back.header["cost"]["log_slope"] == pytest.approx(1.5)
    assert np.exp(back.header["cost"]["log_open_shell"]) == pytest.approx(1.7)
    assert back.header["cost"]["range"] == pytest.approx([36, 144])
    with pytest.raises(InputError, match=r"there is no reader 'elfnet, solve'.*Did you mean 'elfnet, solved'"):
        back.read(data.elf, reader="elfnet, solve")
    with pytest.raises(InputError, match="format 'auric rulers 2' instead"):
        Ruler.load(tmp_path / "r.safetensors")


def test_without_open_shells_they_are_taken_to_cost_twice_as_much(data):
    costs = [(electrons, 0.5 * electrons**1.5, False) for electrons in (36, 72, 108)]
    found = train_set(data, folds=2, seed=1, costs=costs, **HOW).header["cost"]
    assert found["log_slope"] == pytest.approx(1.5)
    assert np.exp(found["log_open_shell"]) == pytest.approx(2)


def test_the_straight_members_of_a_set_are_the_ridge_on_the_image(data):
    rulers = train_set(data, folds=3, seed=1, costs=[], **HOW)
    assert rulers.header["cost"] == {}
    kept, _ = next(GroupKFold(3, shuffle=True, random_state=1).split(data.elf, groups=data.structure))
    alone = RidgeOnImage().fit(data.elf[kept], data.lengths_angstrom[kept], data.bond[kept])
    read = rulers.read(data.elf, reader="ridge on the image")[0]
    np.testing.assert_allclose(read, alone.predict(data.elf), atol=1e-9)


def test_a_set_of_before_several_networks_were_read_is_its_one_network(data, tmp_path):
    rulers = train_set(data, folds=3, seed=1, costs=[], **HOW)
    first = rulers.rulers[0]
    domain, arrays = rulers.domain.parts()
    tensors = first.tensors() | {f"domain.{name}": torch.as_tensor(array) for name, array in arrays.items()}
    save_tensors(tmp_path / "r.safetensors", tensors, rulers.header | {"network": first.header, "domain": domain})
    back = RulerSet.load(tmp_path / "r.safetensors")
    np.testing.assert_array_equal(back.read(data.elf), first.read_all(data.elf)[:, :3].T)
    save_tensors(tmp_path / "r.safetensors", tensors, rulers.header | {"networks": [], "domain": domain})
    with pytest.raises(InputError, match="it holds no network"):
        RulerSet.load(tmp_path / "r.safetensors")


def test_images_of_several_levels_or_a_single_one_make_no_set(data, tmp_path):
    frames = json.loads(data.attributes["frames_json"])
    frames |= {"other": next(iter(frames.values())) | {"method": "pbe"}}
    mixed = replace(data, attributes=data.attributes | {"frames_json": json.dumps(frames)})
    with pytest.raises(InputError, match="images of 2 levels of theory"):
        train_set(mixed, folds=3, seed=1, costs=[], **HOW)
    one_bond = dataset(tmp_path, structures=1, bonds=1)
    assert train_set(one_bond, folds=3, seed=1, costs=[], **HOW).read(one_bond.elf).shape == (3, 3)
    with pytest.raises(InputError, match="two images at least"):
        train_set(dataset(tmp_path, structures=1, bonds=1, planes=1), folds=3, seed=1, costs=[], **HOW)


def test_another_seed_of_the_training_leaves_folds_and_straight_readings(data, tmp_path):
    read = []
    for training_seed in (1, 2):
        out = [tmp_path / f"{training_seed}{ending}" for ending in (".csv", "_h.csv", ".safetensors")]
        run_fold(
            tmp_path / "images.nc", *out, split="bond", fold="0", folds=2, weighting="loss", network=SMALL, seed=1,
            training_seed=training_seed, checkpoint=tmp_path / f"{training_seed}.c",
        )  # fmt: skip
        read.append(pd.read_csv(out[0]))
    one, other = read
    assert one["image"].tolist() == other["image"].tolist()
    same = (one["predicted_angstrom"] == other["predicted_angstrom"]).groupby(one["subject"]).all()
    assert same[RidgeOnLine.subject]
    assert not same[ELFNET]


def test_folds_are_validated_into_a_scorecard(data, tmp_path):
    files = []
    for split in ("bond", "leaky"):
        for fold in fold_names(2):
            out = tmp_path / f"{split}_{fold}.csv", tmp_path / f"{split}_{fold}_h.csv"
            run_fold(
                tmp_path / "images.nc", *out, tmp_path / "m", split=split, fold=fold, folds=2, weighting="loss", network=SMALL, seed=1,
                training_seed=1, checkpoint=tmp_path / "c",
            )  # fmt: skip
            files.append(out)
    validate(
        [a for a, _ in files], [b for _, b in files], tmp_path / "p.csv", tmp_path / "h.csv", tmp_path / "s.csv",
        study="test", like_paper=False, settings={"outlier_angstrom": 0.01, "bootstrap_samples": 200}, seed=1,
    )  # fmt: skip
    table, card = read_tables([tmp_path / "p.csv"]), read_tables([tmp_path / "s.csv"])
    mine = table[(table["split"] == "bond") & (table["fold"].astype(str) != "holdout")]
    ridge = mine[mine["subject"] == "ridge on the bond line"]
    assert len(ridge) == len(data)
    error = (ridge["predicted_angstrom"] - ridge["bond_length_angstrom"]).abs()
    row = card[(card["split"] == "bond") & (card["subject"] == "ridge on the bond line")].set_index("quantity")["ours"]
    assert row["mae"] == pytest.approx(error.mean(), rel=1e-6)
    assert row["weighted_mae"] == pytest.approx(np.average(error, weights=ridge["weight"]), rel=1e-6)
    assert row["outlier_share"] == pytest.approx(100 * (error > 0.01).mean(), rel=1e-6)
    papers = card[card["paper"].notna()]
    assert set(papers["subject"]) == {"elfnet"}
    assert set(papers["split"]) == {"leaky"}
    assert set(papers["comparable"]) == {"not comparable"}
    leaky = table[(table["split"] == "leaky") & (table["fold"].astype(str) != "holdout")]
    assert (leaky.groupby("subject")["image"].nunique() == leaky.groupby("subject").size()).all()
    for quantity, plain in (
        ("mae_over_ridge", "ridge on the bond line"),
        ("mae_over_ridge_image", "ridge on the image"),
    ):
        ours = card[(card["split"] == "bond") & (card["quantity"] == quantity)].set_index("subject")["ours"]
        errors = card[(card["split"] == "bond") & (card["quantity"] == "mae")].set_index("subject")["ours"]
        assert ours["elfnet, solved"] == pytest.approx(errors["elfnet, solved"] / errors[plain], rel=1e-6)


def test_intervals_resample_whole_groups(rng):
    """Repeating every image of a bond must not narrow the interval."""
    values, groups = rng.exponential(size=60), np.repeat(np.arange(20), 3)
    ones = np.ones(60)

    def width(v, g):
        low, high = grouped_interval(v, np.ones(len(v)), g, samples=2000, rng=np.random.default_rng(0))
        return high - low

    assert width(np.tile(values, 10), np.tile(groups, 10)) == pytest.approx(width(values, groups), rel=0.05)
    assert width(np.tile(values, 10), np.arange(600)) < 0.6 * width(values, groups)
    low, high = grouped_interval(values, ones, groups, samples=2000, rng=rng)
    assert low < values.mean() < high
    assert np.isnan(grouped_interval(values[:9], ones[:9], groups[:9], samples=100, rng=rng)).all()


def test_no_images_stop_with_one_line(tmp_path):
    empty = xr.Dataset({"elf": (("image", "y", "x"), np.zeros((0, 4, 4), "float32"))}, attrs={"frames_json": "{}"})
    write_dataset(tmp_path / "b.nc", empty)
    with pytest.raises(AuricError, match="no ELF image was kept"):
        join_blocks(
            [tmp_path / "b.nc"], tmp_path / "i.nc", settings={"bin_edges_angstrom": EDGES, "bin_weights": WEIGHTS}
        )


def test_joined_blocks_keep_their_order_and_names(data):
    assert data.image.tolist() == sorted(data.image.tolist())
    assert isinstance(pd.Series(data.structure).iloc[0], str)
