"""Directions, simulated images by both models, and reading of micrographs."""

import struct
import zlib

import numpy as np
import pytest
from ase import Atoms
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from scipy.spatial.transform import Rotation

from auric.errors import InputError, StructureError
from auric.microscopy import (
    ImageSettings,
    Microscope,
    ParticleSettings,
    counted,
    eight_bits,
    exit_wave,
    find_particles,
    micrograph,
    orientation_error,
    orientations_along,
    prepare_particle,
    project,
    read_micrograph,
    simulated_images,
    spread_directions,
    symmetry_operations,
    through_lens,
    turned_about_beam,
)
from auric.microscopy.transfer import field_pixels, scattering_factor
from auric.structures import build_recipe

SMALL = ImageSettings(pixels=40, pixel_angstrom=0.5)


@pytest.fixture(scope="module")
def au25():
    return build_recipe("staple", "core=Au13 units=6xn2 R=CH3")


@pytest.fixture(scope="module")
def skewed():
    """Six heavy atoms without any symmetry."""
    return Atoms("Au5Ag", np.random.default_rng(3).uniform(-4, 4, (6, 3)))


def test_directions_are_even():
    directions = spread_directions(200)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    nearest = np.sort(directions @ directions.T, axis=1)[:, -2]
    spacing = np.degrees(np.arccos(nearest))
    assert spacing.min() > 0.7 * spacing.max()
    assert np.abs(directions.mean(axis=0)).max() < 0.01
    drawn = Rotation.random(500, rng=1).as_matrix()[:, 2]
    assert np.degrees(np.arccos((drawn @ directions.T).max(axis=1))).max() < 10.5
    with pytest.raises(ValueError, match="at least one"):
        spread_directions(0)


def test_orientations_are_rotations_along_the_directions():
    directions = np.vstack([spread_directions(50), np.eye(3), -np.eye(3)])
    found = orientations_along(directions)
    assert np.allclose(found @ found.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(found), 1)
    assert np.allclose(found[:, 2], directions)


def test_projection_equals_a_direct_sum(skewed):
    turn = Rotation.random(rng=5).as_matrix()
    image = project(skewed, turn[None], SMALL)[0]
    weights = skewed.numbers**1.5
    places = (skewed.positions - weights @ skewed.positions / weights.sum()) @ turn.T
    for row, column in ((0, 0), (17, 23), (30, 12)):
        x, y = ((index - 19.5) * 0.5 for index in (column, row))
        direct = sum(w * np.exp(-((x - p[0]) ** 2 + (y - p[1]) ** 2)) for w, p in zip(weights, places, strict=True))
        assert image[row, column] == pytest.approx(direct, rel=1e-10)
    with pytest.raises(StructureError, match=r"image ends at 2\.5"):
        project(skewed, turn[None], ImageSettings(pixels=10, pixel_angstrom=0.5))
    with pytest.raises(ValueError, match="at least 8 pixels"):
        ImageSettings(pixels=4)


def test_a_turn_about_the_beam_turns_the_image(skewed):
    turn = orientations_along(spread_directions(7))[3]
    image = project(skewed, turn[None], SMALL)[0]
    # The image of R(90) looks like that of the particle once rotated back: rot90 of the particle's image gives the first.
    particle = project(skewed, turned_about_beam(turn, 90)[None], SMALL)[0]
    assert np.allclose(np.rot90(particle), image)
    opposite = project(skewed, (np.diag([1, 1, -1]) @ turn)[None], SMALL)[0]
    assert np.allclose(opposite, image), "order along the beam is not seen"


def test_eight_bits_saturate_and_are_cleaned():
    values = np.linspace(0, 10, 1024).reshape(1, 32, 32)
    plain = eight_bits(values, clean_from=256)
    assert plain.min() == 0
    assert plain.max() == 255
    assert np.array_equal(plain, np.rint(plain))
    flat = eight_bits(values, saturation=0.6)
    assert (flat == 255).mean() == pytest.approx(0.4, abs=0.01)
    cleaned = eight_bits(values)
    assert set(np.unique(cleaned)) == {0, *range(16, 256)}
    assert not eight_bits(np.zeros((1, 8, 8))).any()


def test_ligands_are_cleaned_away(au25):
    turns = orientations_along(spread_directions(3))
    gold = au25[[k for k, z in enumerate(au25.numbers) if z > 15]]
    settings = ImageSettings(pixels=64, pixel_angstrom=0.35)
    images = simulated_images(au25, turns, settings)
    assert (images == 0).mean() > 0.5
    middle = np.average(au25.positions, axis=0, weights=au25.numbers**1.5) - np.average(
        gold.positions, axis=0, weights=gold.numbers**1.5
    )
    assert np.abs(middle).max() < 0.1
    assert np.abs(images - simulated_images(gold, turns, settings)).mean() < 3


def test_symmetry_is_found(au25, skewed):
    assert len(symmetry_operations(skewed)) == 1
    assert len(symmetry_operations(Atoms("H2", [[0, 0, 0], [0, 0, 1]]))) == 1
    operations = symmetry_operations(au25)
    assert len(operations) == 24  # Th: icosahedron and its six units
    assert (np.linalg.det(operations) > 0).sum() == 12
    turned = au25.copy()
    turned.rotate(33, (1, 2, 3))
    assert len(symmetry_operations(turned)) == 24
    tetrahedron = Atoms("Au4", 2 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]))
    assert len(symmetry_operations(tetrahedron)) == 24


def test_orientation_error_counts_symmetry(au25, rng):
    operations = symmetry_operations(au25)
    true = Rotation.random(rng=rng).as_matrix()
    mirror = np.diag([1.0, 1.0, -1.0])
    settings = ImageSettings(pixels=48, pixel_angstrom=0.45)
    seen = au25[[k for k, z in enumerate(au25.numbers) if z == 79]]
    reference = project(seen, true[None], settings)[0]
    for operation in operations[::5]:
        equal = true @ operation if np.linalg.det(operation) > 0 else mirror @ true @ operation
        assert np.abs(project(seen, equal[None], settings)[0] - reference).max() < 0.02 * reference.max()
        assert orientation_error(equal, true, operations) == pytest.approx((0, 0), abs=1e-4)
    tilted = Rotation.from_euler("x", 12, degrees=True).as_matrix() @ true
    assert orientation_error(tilted, true, operations) == pytest.approx((12, 12), abs=1e-6)
    turned = Rotation.from_euler("z", 9, degrees=True).as_matrix() @ true
    assert orientation_error(turned, true, operations) == pytest.approx((0, 9), abs=1e-4)
    with pytest.raises(StructureError, match="orthogonal"):
        orientation_error(2 * true, true, operations)


def test_second_model_by_what_is_known(skewed):
    scope = Microscope()
    assert scope.wavelength_angstrom == pytest.approx(0.0196875, abs=1e-6)  # 300 keV
    assert scope.interaction == pytest.approx(6.526e-4, rel=1e-3)
    assert scattering_factor(79, np.zeros(1))[0] == pytest.approx(2 * 79 ** (1 / 3) * 0.529177, rel=1e-5)
    size = {"pixels": 40, "pixel_angstrom": 0.4}
    turn = np.eye(3)
    wave = exit_wave(skewed, turn, scope, **size)
    assert wave.shape == (field_pixels(40),) * 2
    assert np.mean(np.abs(wave) ** 2) == pytest.approx(1, abs=0.03), "elastic scattering keeps electrons"
    empty = through_lens(np.ones((50, 50), complex), scope, **size)
    assert np.allclose(empty, 1)
    # One thin slice, no lens: the phase is the interaction constant times the projected potential.
    atom = Atoms("Au", [[0.0, 0.0, 0.0]])
    phase = np.angle(exit_wave(atom, turn, Microscope(slice_angstrom=1e-6), **size))
    potential = 47.87801 * scattering_factor(79, np.zeros(1))[0]
    assert phase.sum() * 0.4**2 == pytest.approx(scope.interaction * potential, rel=0.02)
    with pytest.raises(StructureError, match="more or larger pixels"):
        exit_wave(skewed, turn, scope, pixels=10, pixel_angstrom=0.4)


def test_microscopes_that_could_be_taken_for_one(rng):
    drawn = [Microscope().one_like_it(0.2, rng) for _ in range(400)]
    focus = np.array([one.underfocus_angstrom for one in drawn])
    assert focus.mean() == pytest.approx(60, abs=2)
    assert focus.std() == pytest.approx(12, rel=0.15)
    assert {one.energy_kev for one in drawn} == {300.0}, "what is known well stays"
    assert len({one.vibration_angstrom for one in drawn}) == 400
    assert Microscope().one_like_it(0.0, rng) == Microscope()
    assert min(one.cs_mm for one in (Microscope().one_like_it(3.0, rng) for _ in range(50))) == 0


def test_second_model_is_centred_and_turns_as_the_first(skewed):
    size = {"pixels": 40, "pixel_angstrom": 0.4}
    scope, turn = Microscope(), Rotation.random(rng=2).as_matrix()
    image, turned = (
        through_lens(exit_wave(skewed, one, scope, **size), scope, **size)
        for one in (turn, turned_about_beam(turn, 90))
    )
    assert np.abs(np.rot90(turned) - image).max() < 1e-4
    one = through_lens(exit_wave(Atoms("Au", [[0, 0, 0]]), turn, scope, **size), scope, **size)
    assert np.unravel_index(one.argmin(), one.shape) in {(19, 19), (19, 20), (20, 19), (20, 20)}
    first = project(skewed, turn[None], ImageSettings(pixels=40, pixel_angstrom=0.4, width_angstrom=0.5))[0]
    assert np.corrcoef(first.ravel(), -image.ravel())[0, 1] > 0.7, "two models, one particle"


@pytest.mark.filterwarnings("ignore")
def test_second_model_beside_abtem(au25):
    """Another program with other atomic potentials; it is no dependency."""
    abtem = pytest.importorskip("abtem")
    pixels, pixel, scope, turn = 80, 0.3, Microscope(vibration_angstrom=0.0), Rotation.random(rng=3).as_matrix()
    ours = through_lens(
        exit_wave(au25, turn, scope, pixels=pixels, pixel_angstrom=pixel), scope, pixels=pixels, pixel_angstrom=pixel
    )
    places = (au25.positions - np.average(au25.positions, axis=0, weights=au25.numbers)) @ turn.T
    places += [(pixels - 1) / 2 * pixel] * 2 + [2 - places[:, 2].min()]
    placed = Atoms(au25.numbers, places, cell=[pixels * pixel] * 2 + [places[:, 2].max() + 2], pbc=True)
    potential = abtem.Potential(placed, gpts=pixels, slice_thickness=2.0, parametrization="lobato")
    lens = abtem.CTF(
        energy=1e3 * scope.energy_kev, Cs=1e7 * scope.cs_mm, defocus=scope.underfocus_angstrom,
        focal_spread=np.sqrt(2) * scope.focal_spread_angstrom,  # a width at 1/e, ours a standard deviation
    )  # fmt: skip
    wave = abtem.PlaneWave(energy=1e3 * scope.energy_kev).multislice(potential)
    theirs = np.asarray(wave.apply_ctf(lens).intensity().compute(progress_bar=False).array, float).T
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.95
    assert 0.65 < ours.std() / theirs.std() < 1, (
        "screened point charges scatter less to large angles than tabulated atoms"
    )


def test_noise_of_the_detector(rng):
    flat = np.ones((200, 200))
    counts = counted(flat, 1e3, 0.5, rng)
    assert counts.mean() == pytest.approx(250, rel=0.01)
    assert counts.var() == pytest.approx(250, rel=0.05)
    assert counted(flat, 1e3, 0.5, rng, readout=30).var() == pytest.approx(250 + 900, rel=0.05)
    values = micrograph(
        Atoms("Au2", [[0, 0, 0], [3, 0, 0]]),
        np.eye(3),
        Microscope(readout_electrons=1),
        pixels=32,
        pixel_angstrom=0.4,
        dose=1e4,
        rng=rng,
    )
    assert values.shape == (32, 32)
    assert values.min() < 0.8 * 1e4 * 0.16


def field_of(au25, places, *, pixels=200, pixel_angstrom=0.4, seed=0):
    """A micrograph with particles in known places (columns, rows)."""
    rng = np.random.default_rng(seed)
    intensity = np.ones((pixels, pixels))
    for x, y in places:
        one = through_lens(
            exit_wave(au25, Rotation.random(rng=rng).as_matrix(), Microscope(), pixels=60, pixel_angstrom=pixel_angstrom),
            Microscope(), pixels=60, pixel_angstrom=pixel_angstrom,
        )  # fmt: skip
        intensity[y - 30 : y + 30, x - 30 : x + 30] += one - 1
    return counted(intensity, 1e4, pixel_angstrom, rng)


def test_particles_are_found_and_prepared(au25):
    places = [(50, 60), (140, 50), (90, 140)]
    values = field_of(au25, places)
    found = find_particles(values, 0.4, radius_angstrom=8)
    assert len(found) == 3
    for x, y in places:
        assert np.abs(found - [x, y]).max(axis=1).min() < 6
    bright = find_particles(values.max() - values, 0.4, radius_angstrom=8, contrast="bright")
    assert np.array_equal(bright, found)
    settings = ParticleSettings(64, 0.3, 8.0)
    one = prepare_particle(values, 52, 57, 0.4, settings)
    assert one.shift_angstrom == pytest.approx((-2.5 * 0.4, 2.5 * 0.4), abs=0.5)
    assert one.image.shape == (64, 64)
    assert 200 < one.image.max() <= 1.5 * 255
    assert np.abs(one.image[:3]).max() < 0.02 * one.image.max()
    centred = prepare_particle(values, 50, 60, 0.4, settings)
    assert np.corrcoef(one.image.ravel(), centred.image.ravel())[0, 1] > 0.9
    inverted = prepare_particle(
        2 * values.mean() - values, 50, 60, 0.4, ParticleSettings(64, 0.3, 8.0, contrast="bright")
    )
    assert np.corrcoef(inverted.image.ravel(), centred.image.ravel())[0, 1] > 0.99
    assert prepare_particle(values, 50, 60, 0.4, ParticleSettings(64, 0.3, 8.0, smooth_angstrom=0.5)).image.std() > 0
    coarser = prepare_particle(values, 50, 60, 0.4, ParticleSettings(32, 0.6, 8.0))
    assert coarser.image.shape == (32, 32)


def test_particles_that_cannot_be_used(au25):
    values = field_of(au25, [(60, 60)], pixels=120)
    settings = ParticleSettings(64, 0.3, 8.0)
    with pytest.raises(InputError, match="crosses the edge"):
        prepare_particle(values, 5, 60, 0.4, settings)
    with pytest.raises(InputError, match="blank there"):
        prepare_particle(np.full((120, 120), 7.0), 60, 60, 0.4, settings)
    with pytest.raises(InputError, match="saturated"):
        prepare_particle(np.where(values > np.median(values), 255.0, 0.0), 60, 60, 0.4, settings)
    with pytest.raises(InputError, match="not finite"):
        prepare_particle(np.where(values > 0, values, 0) + np.diag([np.nan] * 120), 60, 60, 0.4, settings)
    with pytest.raises(InputError, match="pixels are too few"):
        prepare_particle(values, 60, 60, 2.0, settings)
    with pytest.raises(InputError, match="do not fit"):
        find_particles(values, 0.4, radius_angstrom=30)
    cone = np.hypot(*(np.mgrid[:120, :120] - 60.0))
    with pytest.raises(InputError, match="is the contrast 'bright' right"):
        prepare_particle(cone, 60, 60, 0.4, ParticleSettings(64, 0.3, 8.0, contrast="bright")) and prepare_particle(
            -cone, 60, 60, 0.4, ParticleSettings(64, 0.3, 8.0, contrast="bright")
        )


def test_readers_give_one_grey_image(tmp_path, rng):
    values = rng.integers(0, 65535, (20, 30)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    found = read_micrograph(tmp_path / "a.png")
    assert np.array_equal(found.values, values)
    assert found.pixel_angstrom is None
    assert found.kind.startswith("16-bit")
    colours = rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "c.png")
    assert np.allclose(read_micrograph(tmp_path / "c.png").values, colours @ [0.299, 0.587, 0.114])
    Image.fromarray(colours).convert("RGBA").save(tmp_path / "d.png")
    assert np.allclose(read_micrograph(tmp_path / "d.png").values, colours @ [0.299, 0.587, 0.114])
    Image.fromarray(colours).quantize(16).save(tmp_path / "p.png")
    assert read_micrograph(tmp_path / "p.png").values.shape == (20, 30)
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "f.tif")
    assert np.allclose(read_micrograph(tmp_path / "f.tif").values, values)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({282: 25.0, 270: "ImageJ=1.53\nunit=nm\n"}, 0.4),
        ({282: 2.5e8, 296: 3}, 0.4),
        ({282: 72.0, 296: 2}, None),
        ({282: 25.0, 270: "ImageJ=1.53\nunit=furlong\n"}, None),
        ({282: 0.0, 296: 3}, None),
        ({282: 2.5e8, 283: 2.5e8, 296: 3}, 0.4),
        ({282: 2.5e8, 283: 0.0, 296: 3}, 0.4),
        ({282: 72.0, 283: 100.0, 296: 2}, None),
        ({282: 1e-3, 270: "ImageJ=1.53\nunit=um\n"}, None),
        ({}, None),
    ],
)
def test_pixel_size_of_a_tiff(tmp_path, tags, expected):
    info = ImageFileDirectory_v2()
    for number, value in tags.items():
        info[number] = value
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(tmp_path / "a.tif", tiffinfo=info)
    found = read_micrograph(tmp_path / "a.tif").pixel_angstrom
    assert found is None if expected is None else found == pytest.approx(expected)


def mrc(values, mode, *, order="<", width=None, height=None, sections=1, extended=0):
    header = bytearray(1024)
    header[:32] = struct.pack(order + "8i", values.shape[1], values.shape[0], sections, mode, 0, 0, 0, values.shape[1])
    header[40:44] = struct.pack(order + "f", width or 0.0)
    if height:
        header[32:36], header[44:48] = struct.pack(order + "i", values.shape[0]), struct.pack(order + "f", height)
    header[92:96] = struct.pack(order + "i", extended)
    header[212:214] = b"\x11\x11" if order == ">" else b"\x44\x44"
    return bytes(header) + bytes(extended) + values.tobytes()


@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_mrc_files(tmp_path, rng, mode, kind, order):
    values = rng.integers(0, 100, (20, 30)).astype(order + kind)
    (tmp_path / "a.mrc").write_bytes(mrc(values, mode, order=order, width=12.0, extended=80))
    found = read_micrograph(tmp_path / "a.mrc")
    assert np.array_equal(found.values, values)
    assert found.pixel_angstrom == pytest.approx(0.4)


def test_files_that_cannot_be_used(tmp_path, monkeypatch):
    square = np.zeros((20, 20), np.int16)
    Image.fromarray(np.zeros((8, 40), np.uint8)).save(tmp_path / "tiny.png")
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(square.astype(np.uint8)).save(
        tmp_path / "many.tif", save_all=True, append_images=[Image.fromarray(square.astype(np.uint8))]
    )
    (tmp_path / "short.mrc").write_bytes(b"123")
    (tmp_path / "cut.mrc").write_bytes(mrc(square, 1)[:-8])
    (tmp_path / "mode.mrc").write_bytes(mrc(square, 4))
    (tmp_path / "many.mrc").write_bytes(mrc(square, 1, sections=2))
    (tmp_path / "no.mrc").write_bytes(bytes(2000))
    for name, reason in (
        ("a.dm4", "DigitalMicrograph files are not read"), ("a.bmp", r"'\.bmp' is not read"), ("a.png", "no such file"),
        ("tiny.png", "40 x 8 pixels; at least 16"), ("text.png", "not a whole PNG file"), ("many.tif", "2 images in one file"),
        ("short.mrc", "not a whole MRC file"), ("cut.mrc", "cut off"), ("mode.mrc", "mode 4 is not read"), ("many.mrc", "2 images"),
        ("no.mrc", "not an MRC file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=reason):
            read_micrograph(tmp_path / name)
    monkeypatch.setattr("auric.microscopy.micrographs.PIXEL_LIMIT", 300)
    (tmp_path / "large.mrc").write_bytes(mrc(square, 1))
    Image.fromarray(square.astype(np.uint8)).save(tmp_path / "large.png")
    for name in ("large.mrc", "large.png"):
        with pytest.raises(InputError, match="20 x 20 pixels are more than 300"):
            read_micrograph(tmp_path / name)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match="too large"):
        read_micrograph(tmp_path / "large.png")


def test_pixels_that_are_not_square(tmp_path):
    values = np.arange(600, dtype=np.int16).reshape(20, 30)
    (tmp_path / "even.mrc").write_bytes(mrc(values, 1, width=12.0, height=8.0))
    assert read_micrograph(tmp_path / "even.mrc").pixel_angstrom == pytest.approx(0.4)
    (tmp_path / "a.mrc").write_bytes(mrc(values, 1, width=12.0, height=10.0))
    info = ImageFileDirectory_v2()
    for number, value in {282: 2.5e8, 283: 2e8, 296: 3}.items():
        info[number] = value
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "a.tif", tiffinfo=info)
    for name in ("a.mrc", "a.tif"):
        with pytest.raises(InputError, match=r"pixels of 0\.4 x 0\.5 angstrom are not square"):
            read_micrograph(tmp_path / name)
    (tmp_path / "metre.mrc").write_bytes(mrc(values, 1, width=1e6, height=1e6))
    assert read_micrograph(tmp_path / "metre.mrc").pixel_angstrom is None, "no microscope's"


def sixteen_bit_colours(colour, channels):
    """A PNG of 16 x 16 pixels and 16 bits a channel, which Pillow does not write."""
    rows = b"".join(b"\0" + bytes(16 * 2 * channels) for _ in range(16))
    chunks = (
        (b"IHDR", struct.pack(">2I5B", 16, 16, 16, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def test_colours_that_would_lose_something(tmp_path, rng):
    ink = Image.fromarray(rng.integers(0, 255, (20, 20, 3)).astype(np.uint8)).convert("CMYK")
    ink.save(tmp_path / "ink.tif")
    with pytest.raises(InputError, match=r"ink\.tif: images of mode CMYK are not read; save it in grey"):
        read_micrograph(tmp_path / "ink.tif")
    for colour, channels in ((2, 3), (4, 2), (6, 4)):
        (tmp_path / "deep.png").write_bytes(sixteen_bit_colours(colour, channels))
        with pytest.raises(InputError, match=r"colours of 16 bits a channel would lose bits; save it in 16-bit grey"):
            read_micrograph(tmp_path / "deep.png")
    (tmp_path / "grey.png").write_bytes(sixteen_bit_colours(0, 1))
    assert read_micrograph(tmp_path / "grey.png").kind == "16-bit I;16"
    info = ImageFileDirectory_v2()
    Image.new("RGB", (20, 20)).save(tmp_path / "deep.tif", tiffinfo=info)
    raw = (tmp_path / "deep.tif").read_bytes()
    assert raw.count(struct.pack("<3H", 8, 8, 8)) == 1
    (tmp_path / "deep.tif").write_bytes(
        raw.replace(struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 16, 16, 16)) + bytes(20 * 20 * 3)
    )
    with pytest.raises(InputError, match="colours of 16 bits a channel"):
        read_micrograph(tmp_path / "deep.tif")
    for mode in ("1", "LA"):
        Image.new(mode, (20, 20)).save(tmp_path / "plain.png")
        assert read_micrograph(tmp_path / "plain.png").values.shape == (20, 20)
    (tmp_path / "big.tif").write_bytes(b"")
    Image.fromarray(rng.integers(0, 65535, (20, 20)).astype(">u2")).save(tmp_path / "big.tif")
    assert read_micrograph(tmp_path / "big.tif").kind.startswith("16-bit I;16")


def test_a_file_is_what_its_name_says(tmp_path):
    values = np.arange(400, dtype=np.int16).reshape(20, 20)
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "a.jpg")
    with_mark = bytearray(mrc(values, 1))
    with_mark[208:212] = b"MAP "
    for name, content, reason in (
        ("png.tif", (tmp_path / "a.png").read_bytes(), r"what it holds is PNG, not TIFF; rename it to end in \.png"),
        ("png.mrc", (tmp_path / "a.png").read_bytes(), r"what it holds is PNG, not MRC"),
        ("jpeg.png", (tmp_path / "a.jpg").read_bytes(), "what it holds is JPEG, not PNG; export it as tiff or mrc"),
        ("mrc.tiff", bytes(with_mark), r"what it holds is MRC, not TIFF; rename it to end in \.mrc"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=reason):
            read_micrograph(tmp_path / name)
    (tmp_path / "a.mrc").write_bytes(bytes(with_mark))
    assert np.array_equal(read_micrograph(tmp_path / "a.mrc").values, values)


@pytest.mark.filterwarnings("error")
def test_values_that_are_not_finite(au25):
    values = field_of(au25, [(60, 60)], pixels=200)
    settings = ParticleSettings(64, 0.3, 8.0)
    whole = prepare_particle(values, 60, 60, 0.4, settings)
    for bad in (np.nan, np.inf, -np.inf):
        for row, column in ((62, 58), (60, 100)):  # within the circle, and in the rest of the window
            marred = values.copy()
            marred[row, column] = bad
            with pytest.raises(InputError, match=rf"not finite \(1, the first at column {column}, row {row}\)"):
                prepare_particle(marred, 60, 60, 0.4, settings)
            with pytest.raises(InputError, match=rf"not finite \(1, the first at column {column}, row {row}\)"):
                find_particles(marred, 0.4, radius_angstrom=8)
        marred = values.copy()
        marred[190, 190] = bad
        again = prepare_particle(marred, 60, 60, 0.4, settings)
        assert np.array_equal(again.image, whole.image), "far away it does not matter"


def test_a_bright_spot_hides_no_particles(au25):
    places = [(50, 60), (140, 50), (90, 140)]
    values = field_of(au25, places)
    rows, columns = np.mgrid[:200, :200]
    spot = np.where(np.hypot(columns - 160, rows - 160) <= 8, 50.0 * values, values)
    found = find_particles(spot, 0.4, radius_angstrom=8)
    assert np.array_equal(found, find_particles(values, 0.4, radius_angstrom=8))


def test_how_clearly_a_particle_stands_out(au25):
    values, settings = field_of(au25, [(60, 60)], pixels=200), ParticleSettings(64, 0.3, 8.0)
    assert prepare_particle(values, 60, 60, 0.4, settings).clear > 7
    empty = [prepare_particle(values, x, y, 0.4, settings).clear for x, y in ((150, 60), (60, 150), (150, 150))]
    assert max(empty) < 4
