"""What the package ships: the ruler, and the images it was solved on."""

from collections import Counter

import numpy as np
import pytest

from auric.elf import unpack
from auric.files import read_frames
from auric.reference.version import METHOD_VERSION
from auric.ruler import RulerSet, read_images
from auric.ruler.dataset import join_blocks
from auric.ruler.level import engine_of
from tests.conftest import ROOT

MEGABYTE = 1e6
READERS = ("elfnet, solved", "ridge on the image")
MASKED_READERS = (*READERS, "steady ridge on the image")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The ruler, the bundle's frames and its images."""
    place = tmp_path_factory.mktemp("shipped")
    names = ("labels.extxyz", "images.nc", "failures.csv", "dropped.csv")
    unpack(
        ROOT / "resources/gold_thiolate_elf.nc",
        *(place / name for name in names),
        elf={"pixels": 50, "offset": "multiwfn"},
    )
    settings = {"bin_edges_angstrom": [2.3, 2.4], "bin_weights": [1]}
    join_blocks([place / "images.nc"], place / "joined.nc", settings=settings)
    ruler = RulerSet.load(ROOT / "src/auric/ruler/rulers.safetensors")
    return ruler, read_frames(place / "labels.extxyz"), read_images(place / "joined.nc")


def test_files_are_as_small_as_promised():
    assert (ROOT / "src/auric/ruler/rulers.safetensors").stat().st_size < 5 * MEGABYTE
    assert (ROOT / "src/auric/ruler/valence.safetensors").stat().st_size < 5 * MEGABYTE
    assert (ROOT / "resources/gold_thiolate_elf.nc").stat().st_size < 20 * MEGABYTE


def test_the_bundle_holds_structures_of_three_kinds(shipped):
    _, frames, images = shipped
    assert len(images) >= 2500
    structures = {frame.info["structure"]: frame for frame in frames}
    assert len(structures) >= 12
    kinds = Counter()
    for frame in structures.values():
        gold, sulfur = (int((frame.symbols == element).sum()) for element in ("Au", "S"))
        kinds["ring" if gold == sulfur else "core" if gold >= 20 else "small"] += 1
        kinds["CH3" if "C" in frame.symbols else "H"] += 1
    assert min(kinds[kind] for kind in ("ring", "core", "small", "H", "CH3")) >= 1


def test_the_ruler_is_of_a_level_that_can_be_computed(shipped):
    ruler, frames, _ = shipped
    level = ruler.header["level"]
    assert level["method_version"] == METHOD_VERSION
    assert engine_of(level, threads=1, memory_mb=1000).name == level["engine"]
    assert {frame.info["engine"] for frame in frames} == {level["engine"]}


@pytest.mark.parametrize("reader", READERS)
def test_the_ruler_reads_the_images_that_come_along(shipped, reader):
    ruler, _, images = shipped
    kept = slice(None, None, 8)
    readings = ruler.read(images.elf[kept], reader=reader)
    errors = np.abs(readings.mean(axis=0) - images.lengths_angstrom[kept])
    assert errors.mean() < 0.001
    assert readings.std(axis=0).mean() < 0.001  # members were solved without some of the structures


@pytest.mark.parametrize("reader", READERS)
def test_the_ruler_does_not_live_on_digits_that_nobody_shares(shipped, rng, reader):
    """Two codes, or two grids, agree on ELF to 1e-5 at best."""
    ruler, _, images = shipped
    some = images.elf[::40].astype(float)
    noisy = np.clip(some + rng.normal(0, 1e-5, some.shape), 0, 1)
    shift = ruler.read(noisy.astype("float32"), reader=reader) - ruler.read(some.astype("float32"), reader=reader)
    assert np.abs(shift).mean() < 0.001


@pytest.mark.parametrize("reader", MASKED_READERS)
def test_the_valence_ruler_reads_them_without_their_inner_regions(shipped, rng, reader):
    full, _, images = shipped
    ruler = RulerSet.load(ROOT / "src/auric/ruler/valence.safetensors")
    assert ruler.header["level"] == full.header["level"]
    assert ruler.header["trained_on"]["data_hash"] == full.header["trained_on"]["data_hash"]
    elf = images.elf[::10]
    readings = ruler.read(elf, reader=reader).mean(axis=0)
    assert np.abs(readings - images.lengths_angstrom[::10]).mean() < ruler.header["error_angstrom"][reader]["structure"]
    hidden = ~ruler.mask.kept(images.pixels)
    changed = np.where(hidden, rng.uniform(size=elf.shape).astype("float32"), elf)
    np.testing.assert_array_equal(ruler.read(changed, reader=reader).mean(axis=0), readings)
