"""A second model of images: electrons through a cluster, a lens with aberrations, and a detector that counts.

Atoms are screened point charges (Wentzel and Lenz), whose scattering factor in the first Born approximation is
f(q) = (2 Z / a0) / (q^2 + 1 / a^2) with a = a0 / Z^(1/3); 47.878 V angstrom^2 f is their projected potential. The wave passes slices of it
with free flight between them (multislice), then the lens, exp(-i chi), chi = pi lambda k^2 (Cs lambda^2 k^2 / 2 - underfocus), damped by
the spread of focus. Counts are Poisson-distributed, with noise of the readout added. Nothing in it comes from the Gaussians of `projection`.
"""

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.units import Bohr
from scipy import fft

from auric.errors import StructureError

POTENTIAL_VOLT_ANGSTROM2 = 47.87801
"""h^2 / (2 pi m e): projected potential per scattering factor."""
REST_ENERGY_EV = 510998.95
HC_EV_ANGSTROM = 12398.4198
MARGIN = 1.25
"""The wave is calculated on a field wider than the image, since it goes on at the other side."""

UNSURE = ("underfocus_angstrom", "focal_spread_angstrom", "cs_mm", "vibration_angstrom")
"""Of a microscope, what is known least."""


@dataclass(frozen=True)
class Microscope:
    """Electrons, lens and detector.

    Attributes:
        energy_kev: Of the electrons.
        underfocus_angstrom: Positive makes atoms dark.
        cs_mm: Spherical aberration.
        focal_spread_angstrom: Standard deviation of the focus.
        vibration_angstrom: Root mean square displacement of atoms along an axis.
        slice_angstrom: Thickness of the slices.
        readout_electrons: Standard deviation of the detector's own noise in each pixel.
    """

    energy_kev: float = 300.0
    underfocus_angstrom: float = 60.0
    cs_mm: float = 0.01
    focal_spread_angstrom: float = 30.0
    vibration_angstrom: float = 0.08
    slice_angstrom: float = 3.0
    readout_electrons: float = 0.0

    @property
    def wavelength_angstrom(self) -> float:
        """Of the electrons, relativistic."""
        energy = 1000 * self.energy_kev
        return HC_EV_ANGSTROM / float(np.sqrt(energy * (energy + 2 * REST_ENERGY_EV)))

    @property
    def interaction(self) -> float:
        """Phase shift for a projected potential (radian / (volt angstrom))."""
        energy = 1000 * self.energy_kev
        return (
            2 * np.pi / (self.wavelength_angstrom * energy) * (energy + REST_ENERGY_EV) / (energy + 2 * REST_ENERGY_EV)
        )

    def one_like_it(self, uncertainty: float, rng: np.random.Generator) -> "Microscope":
        """A microscope that could be taken for this one.

        Args:
            uncertainty: Relative standard deviation by which its focus, spread of focus, spherical aberration and vibration differ.
            rng: Draws the differences.
        """
        factors = 1 + uncertainty * rng.normal(size=len(UNSURE))
        return replace(self, **{
            name: getattr(self, name) * max(0.0, float(factor)) for name, factor in zip(UNSURE, factors, strict=True)
        })  # fmt: skip


def exit_wave(
    atoms: Atoms, orientation: np.ndarray, microscope: Microscope, *, pixels: int, pixel_angstrom: float
) -> np.ndarray:
    """The wave behind a cluster.

    Args:
        atoms: A structure; the middle of its atoms, weighted with their atomic numbers, is the middle of the field.
        orientation: Rotation from the cluster's axes to the image's, shape (3, 3).
        microscope: Energy, vibration and slices are used.
        pixels: Of the image; the field is wider.
        pixel_angstrom: Length of a pixel.

    Returns:
        Complex, shape (field, field), of mean square about one.

    Raises:
        StructureError: If the cluster does not fit the image.
    """
    places = (atoms.positions - np.average(atoms.positions, axis=0, weights=atoms.numbers)) @ orientation.T
    if np.abs(places[:, :2]).max() > pixels * pixel_angstrom / 2:
        raise StructureError(
            f"atoms reach {np.abs(places[:, :2]).max():.1f} angstrom from the middle, and the image ends at "
            f"{pixels * pixel_angstrom / 2:.1f}; take more or larger pixels"
        )
    field = field_pixels(pixels)
    k = fft.fftfreq(field, pixel_angstrom)
    square = k[:, None] ** 2 + k[None, :] ** 2
    kept = square <= (k.max() * 2 / 3) ** 2  # beyond it, products of waves come back as others
    flight = np.where(
        kept, np.exp(-1j * np.pi * microscope.wavelength_angstrom * microscope.slice_angstrom * square), 0
    )
    damping = np.exp(-2 * (np.pi * microscope.vibration_angstrom) ** 2 * square) / pixel_angstrom**2
    factors = {
        int(z): microscope.interaction * POTENTIAL_VOLT_ANGSTROM2 * damping * scattering_factor(int(z), square)
        for z in set(atoms.numbers.tolist())
    }
    # Centred between pixels, as images are; a grid of Fourier transforms has its origin on one.
    shift = (field - 1) / 2 * pixel_angstrom
    wave = np.ones((field, field), complex)
    slices = np.floor((places[:, 2] - places[:, 2].min()) / microscope.slice_angstrom).astype(int)
    for number in range(slices.max() + 1):
        phase = np.zeros((field, field), complex)
        for z, factor in factors.items():
            mine = places[(slices == number) & (atoms.numbers == z)] + shift
            if len(mine):
                x, y = (np.exp(-2j * np.pi * np.outer(k, mine[:, axis])) for axis in (0, 1))
                phase += factor * (y @ x.T)
        wave = fft.ifft2(fft.fft2(wave * np.exp(1j * fft.ifft2(phase).real)) * flight)
    return np.asarray(wave)


def scattering_factor(number: int, k_square: np.ndarray) -> np.ndarray:
    """Of electrons by a screened point charge, in the first Born approximation (angstrom).

    Args:
        number: Atomic number.
        k_square: Squares of spatial frequencies (1/angstrom^2), without 2 pi.
    """
    return np.asarray(2 * number / Bohr / (4 * np.pi**2 * k_square + (number ** (1 / 3) / Bohr) ** 2))


def field_pixels(pixels: int) -> int:
    """Side of the field on which an image of so many pixels is calculated; both are even or both odd."""
    field = int(fft.next_fast_len(int(np.ceil(MARGIN * pixels))))
    while (field - pixels) % 2:
        field = int(fft.next_fast_len(field + 1))
    return field


def through_lens(wave: np.ndarray, microscope: Microscope, *, pixels: int, pixel_angstrom: float) -> np.ndarray:
    """Intensity of a wave behind the lens, shape (pixels, pixels); 1 where there is nothing."""
    k = fft.fftfreq(len(wave), pixel_angstrom)
    square = k[:, None] ** 2 + k[None, :] ** 2
    length = microscope.wavelength_angstrom
    chi = np.pi * length * square * (0.5e7 * microscope.cs_mm * length**2 * square - microscope.underfocus_angstrom)
    spread = np.exp(-0.5 * (np.pi * length * microscope.focal_spread_angstrom * square) ** 2)
    seen = np.abs(fft.ifft2(fft.fft2(wave) * np.exp(-1j * chi) * spread)) ** 2
    edge = (len(wave) - pixels) // 2
    return np.asarray(seen[edge : edge + pixels, edge : edge + pixels])


def counted(
    intensity: np.ndarray, dose: float, pixel_angstrom: float, rng: np.random.Generator, *, readout: float = 0.0
) -> np.ndarray:
    """Electrons that a detector counts.

    Args:
        intensity: 1 where there is nothing, any shape.
        dose: Electrons per square angstrom.
        pixel_angstrom: Length of a pixel.
        rng: Draws the noise.
        readout: Standard deviation of the detector's own noise (electrons).
    """
    counts = rng.poisson(intensity * dose * pixel_angstrom**2).astype(float)
    return np.asarray(counts + readout * rng.normal(size=counts.shape)) if readout else counts


def micrograph(
    atoms: Atoms, orientation: np.ndarray, microscope: Microscope, *,
    pixels: int, pixel_angstrom: float, dose: float, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Counts of one particle's image, shape (pixels, pixels); bright where there is nothing.

    Args:
        atoms: A structure.
        orientation: Rotation (3, 3) from its axes to the image's.
        microscope: Electrons, lens and detector.
        pixels: Along a side.
        pixel_angstrom: Length of a pixel.
        dose: Electrons per square angstrom.
        rng: Draws the noise.
    """
    size = {"pixels": pixels, "pixel_angstrom": pixel_angstrom}
    intensity = through_lens(exit_wave(atoms, orientation, microscope, **size), microscope, **size)  # type: ignore[arg-type]
    return counted(intensity, dose, pixel_angstrom, rng, readout=microscope.readout_electrons)
