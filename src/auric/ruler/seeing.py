"""What ELFnet looks at: summed feature maps, Grad-CAM, and how far a cell of its last maps sees.

After section III.c of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models". Grad-CAM
(doi:10.1109/ICCV.2017.74) of a length y that is read off maps A_k: L = ReLU(sum_k a_k A_k), a_k the mean over the map of dy/dA_k. Maps
are taken behind the activation of the last convolution. Here L is kept without its ReLU: what is above zero speaks for a
longer bond, what is below for a shorter one.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from auric.ruler.network import ElfNet, build_network, start_orthogonal
from auric.ruler.rulers import Ruler, images_at_a_time


def _parts(network: ElfNet, elf: np.ndarray) -> Sequence[torch.Tensor]:
    first = next(network.parameters())
    return torch.split(torch.as_tensor(elf).to(first.device, first.dtype), images_at_a_time(network.pixels))


@torch.no_grad()
def summed_maps(network: ElfNet, elf: np.ndarray) -> list[np.ndarray]:
    """Feature maps summed over channels, one array (images, side, side) for each convolution, behind its activation.

    Args:
        network: A trained network.
        elf: ELF values in [0, 1], shape (images, pixels, pixels), at least one.
    """
    parts = [[stage.sum(dim=1).cpu().numpy() for stage in network.maps(part)] for part in _parts(network, elf)]
    return [np.concatenate(stage) for stage in zip(*parts, strict=True)]


def grad_cam(network: ElfNet, elf: np.ndarray) -> np.ndarray:
    """Grad-CAM of the standardised length on the last convolution, before its ReLU, shape (images, side, side).

    Args:
        network: A trained network; of several readings, the mean is explained.
        elf: ELF values in [0, 1], shape (images, pixels, pixels), at least one.
    """
    found = []
    for part in _parts(network, elf):
        with torch.no_grad():
            maps = network.maps(part)[-1]
        maps.requires_grad_()
        length = network.read_maps(maps).mean(dim=1).sum()  # images do not mix, so each has its own gradient
        (slopes,) = torch.autograd.grad(length, maps)
        weights = slopes.mean(dim=(2, 3), keepdim=True)
        found.append((weights * maps).sum(dim=1).detach().cpu().numpy())
    return np.concatenate(found).astype(float)


def fields_of_view(network: ElfNet) -> np.ndarray:
    """From where to where each cell of the last maps sees, shape (cells along a side, 2), in sides of the image.

    Fields overlap much more than the even tiles on which Grad-CAM maps are drawn (doi:10.23915/distill.00021).
    """
    start, step, size = 0.0, 1, 1
    trunk = nn.Sequential(*list(network.convolutions)[: network.ends[-1]])
    for layer in trunk.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = (
                value[0] if isinstance(value, tuple) else value
                for value in (layer.kernel_size, layer.stride, layer.padding)
            )
            assert isinstance(kernel, int)
            assert isinstance(stride, int)
            assert isinstance(padding, int)
            start += ((kernel - 1) / 2 - padding) * step
            size += (kernel - 1) * step
            step *= stride
    with torch.no_grad():
        blank = torch.zeros(1, network.pixels, network.pixels, dtype=next(network.parameters()).dtype)
        cells = network.maps(blank)[-1].shape[-1]
    centres = start + step * np.arange(cells) + 0.5
    return np.clip(np.stack([centres - size / 2, centres + size / 2], axis=1) / network.pixels, 0, 1)


def randomised(ruler: Ruler, seed: int, layers: int | None = None) -> Ruler:
    """A ruler with weights drawn anew from its start, in the last layers or in all (doi:10.48550/arXiv.1810.03292).

    Args:
        ruler: A trained ruler; it stays as it is.
        seed: Seed of the weights.
        layers: How many, from the output down: the two fully connected layers, then the convolutions; None is all.
    """
    settings = ruler.header["settings"]
    torch.manual_seed(seed)
    network = build_network(ruler.network.pixels, settings)
    if settings.get("initialisation") == "orthogonal":
        start_orthogonal(network)
    network = network.to(next(ruler.network.parameters()).dtype)
    kept = layer_names(ruler.network)[layers:] if layers is not None else []
    prefixes = tuple(prefix for _, names in kept for prefix in names)
    trained = {name: weights for name, weights in ruler.network.state_dict().items() if name.startswith(prefixes)}
    network.load_state_dict(network.state_dict() | (trained if prefixes else {}))
    return Ruler(network.eval(), ruler.header)


def layer_names(network: ElfNet) -> list[tuple[str, tuple[str, ...]]]:
    """Layers from the output down: what each is called, and how the names of its weights begin."""
    stages = [
        (f"convolution {number}", tuple(f"convolutions.{layer}." for layer in range(start, end)))
        for number, (start, end) in enumerate(pairwise([0, *network.ends]), 1)
    ]
    return [("last layer", ("last.", "edge.")), ("first fully connected layer", ("first.",)), *reversed(stages)]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each image's two maps, shape (images,); 0 where a map is the same everywhere.

    Args:
        first: Maps, shape (images, ...).
        second: Others of the same images, of the same shape.
    """
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    centred = [each - each.mean(axis=1, keepdims=True) for each in ranks]
    lengths = np.prod([np.sqrt((each**2).sum(axis=1)) for each in centred], axis=0)
    products = (centred[0] * centred[1]).sum(axis=1)
    return np.asarray(np.divide(products, lengths, out=np.zeros(len(first)), where=lengths > 0))
