import numpy as np
import pytest
import xarray as xr

from auric.elf import pack, unpack
from auric.elf.bundle import unrattled
from auric.elf.images import resolved
from auric.errors import InputError
from auric.files import read_dataset, read_frames, read_tables, write_dataset, write_frames
from auric.structures import build_ring


@pytest.fixture
def study(tmp_path, rng):
    """Two blocks of labelled frames and their images."""
    for number, name in enumerate(("b_ring", "a_longer_ring")):
        ring = build_ring(3 + number)
        ring.info = {
            "name": f"{name}_0000", "structure": name, "charge": 0, "multiplicity": 1, "energy_ev": -1.5 - number,
            "seconds": 2.0, "converged": True, "basis": "def2-svp",
        }  # fmt: skip
        write_frames(tmp_path / f"labels_{number}.extxyz", [ring])
    images = xr.Dataset(
        {
            "elf": (("image", "y", "x"), resolved(rng.random((5, 8, 8))).astype("float32")),
            "image": ("image", np.array([f"i{k}" for k in range(5)])),
            "bond_length_angstrom": ("image", rng.uniform(2.3, 2.6, 5), {"units": "angstrom"}),
            "weight": ("image", np.ones(5, dtype="int32")),
        },
        attrs={"frames_json": "{}", "elf_offset_hartree_per_bohr3": 1e-5},
    )
    write_dataset(tmp_path / "images.nc", images)
    return tmp_path


def unpacked(bundle, pixels=8, offset="multiwfn"):
    files = (bundle.parent / name for name in ("l.extxyz", "i.nc", "f.csv", "d.csv"))
    unpack(bundle, *files, elf={"pixels": pixels, "offset": offset})


def test_a_bundle_gives_back_frames_and_images(study):
    pack([study / "labels_0.extxyz", study / "labels_1.extxyz"], study / "images.nc", study / "b.nc", about="ours")
    unpacked(study / "b.nc")
    frames = {frame.info["name"]: frame for path in study.glob("labels_*.extxyz") for frame in read_frames(path)}
    back = read_frames(study / "l.extxyz")
    assert [frame.info["name"] for frame in back] == sorted(frames)
    for frame in back:
        assert frame.info == frames[frame.info["name"]].info
        assert frame.symbols.get_chemical_formula() == frames[frame.info["name"]].symbols.get_chemical_formula()
        np.testing.assert_allclose(frame.positions, frames[frame.info["name"]].positions, atol=1e-7)
    before, after = read_dataset(study / "images.nc"), read_dataset(study / "i.nc")
    np.testing.assert_array_equal(after["elf"], before["elf"])
    assert after["elf"].dtype == before["elf"].dtype
    np.testing.assert_array_equal(after["bond_length_angstrom"], before["bond_length_angstrom"])
    assert "weight" not in after
    assert after.attrs["elf_offset_hartree_per_bohr3"] == 1e-5
    assert not len(read_tables([study / "f.csv"])) + len(read_tables([study / "d.csv"]))


def test_structures_are_named_by_their_unrattled_frames(study):
    rattled = read_frames(study / "labels_1.extxyz")
    rattled[0].info["name"] = "a_longer_ring_0001"
    write_frames(study / "labels_1.extxyz", rattled)
    pack([study / "labels_0.extxyz", study / "labels_1.extxyz"], study / "images.nc", study / "b.nc", about="ours")
    ((name, ring),) = unrattled(study / "b.nc").items()
    assert (name, ring.info["name"], len(ring)) == ("b_ring", "b_ring_0000", 9)
    with pytest.raises(InputError, match="format 'None' instead of"):
        unrattled(study / "images.nc")


def test_another_file_is_no_bundle(study):
    with pytest.raises(InputError, match="format 'None' instead of 'auric elf bundle 1'"):
        unpacked(study / "images.nc")


def test_images_of_another_kind_than_the_study_asks_for_are_refused(study):
    pack([study / "labels_0.extxyz", study / "labels_1.extxyz"], study / "images.nc", study / "b.nc", about="ours")
    with pytest.raises(
        InputError, match=r"structures\.bundle: elf\.pixels of the images that rulers learn from is 8, here 200"
    ):
        unpacked(study / "b.nc", pixels=200)
    with pytest.raises(InputError, match=r"elf\.offset of the images that rulers learn from is 1e-05, here 0\.0"):
        unpacked(study / "b.nc", offset="none")
    assert not (study / "i.nc").exists()
