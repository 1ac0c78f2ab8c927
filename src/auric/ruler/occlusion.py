"""Lengths read off images with a zone hidden, after Zhang et al., section III.c (see `auric.ruler.seeing`), figure 8.

Convolutions and poolings pass a change on to its neighbourhood only. So of each layer what it made of the whole image is kept, and only
the part that a hidden zone reaches is made anew: nine zones cost about as much as two images, not nine.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from auric.ruler.network import ElfNet, standardised
from auric.ruler.rulers import Ruler, images_at_a_time

ZONES = 3
"""Zones along each side of an image."""
ROWS, COLUMNS = ("lower", "middle", "upper"), ("left", "centre", "right")
"""Names of zones from below and from the left."""

Span = tuple[int, int]
"""First row or column, and the one behind the last."""


def zone_edges(pixels: int) -> list[int]:
    """First pixels of the zones along a side, and the number of pixels."""
    return [round(pixels * zone / ZONES) for zone in range(ZONES + 1)]


@torch.no_grad()
def read_occluded(ruler: Ruler, elf: np.ndarray, fill: np.ndarray | float) -> np.ndarray:
    """Lengths read off images of which one zone is hidden, shape (images, zones from below, zones from the left), angstrom.

    Args:
        ruler: A trained ruler.
        elf: ELF values in [0, 1], shape (images, pixels, pixels).
        fill: What hides a zone: a number (the paper's is 0) or an image, shape (pixels, pixels).
    """
    network, pixels = ruler.network, elf.shape[-1]
    first = next(network.parameters())
    cover = torch.as_tensor(np.broadcast_to(np.asarray(fill, dtype=elf.dtype), elf.shape[1:]).copy())
    cover = cover.to(first.device, first.dtype)
    zones = [(rows, columns) for rows in pairwise(zone_edges(pixels)) for columns in pairwise(zone_edges(pixels))]
    read = np.empty((len(elf), len(zones)))
    batch = images_at_a_time(pixels)
    for start in range(0, len(elf), batch):
        part = torch.as_tensor(elf[start : start + batch]).to(first.device, first.dtype)
        whole = _layer_by_layer(network, part)
        for number, (rows, columns) in enumerate(zones):
            hidden = part.clone()
            hidden[:, slice(*rows), slice(*columns)] = cover[slice(*rows), slice(*columns)]
            lengths = network.read_convolved(_convolved(network, hidden, whole, rows, columns), hidden)
            read[start : start + batch, number] = lengths.double().mean(dim=1).cpu().numpy()
    read = ruler.header["mean_angstrom"] + ruler.header["sd_angstrom"] * read
    return np.asarray(read.reshape(len(elf), ZONES, ZONES))


def _layer_by_layer(network: ElfNet, elf: Tensor) -> list[Tensor]:
    """What goes into each layer of the convolutions, and what comes out of the last."""
    maps = [standardised(elf)]
    for layer in network.convolutions:
        maps.append(layer(maps[-1]))
    return maps


def _convolved(network: ElfNet, hidden: Tensor, whole: Sequence[Tensor], rows: Span, columns: Span) -> Tensor:
    """What the convolutions give of images that differ from others, of which `whole` has the layers, in a window only."""
    image = standardised(hidden)
    if not network.plan:  # residual blocks pad, and normalise over channels; they are read whole
        return torch.as_tensor(network.convolutions(image))
    changed = image[:, :, slice(*rows), slice(*columns)]
    for layer, before, after in zip(network.convolutions, whole, whole[1:], strict=False):
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            changed = layer(changed)
            continue
        kernel, stride = _side(layer.kernel_size), _side(layer.stride)
        reached = [_reached(span, kernel, stride, after.shape[-1]) for span in (rows, columns)]
        (top, bottom), (left, right) = (
            (low * stride, (high - 1) * stride + kernel) if high > low else (low, low) for low, high in reached
        )
        if top == bottom or left == right:  # a pooling leaves out the last row of an odd number
            return whole[-1]
        around = before[:, :, top:bottom, left:right].clone()
        inside = changed[:, :, : bottom - rows[0], : right - columns[0]]
        low, near = rows[0] - top, columns[0] - left
        around[:, :, low : low + inside.shape[2], near : near + inside.shape[3]] = inside
        changed, (rows, columns) = layer(around), reached
    found = whole[-1].clone()
    found[:, :, slice(*rows), slice(*columns)] = changed
    return found


def _side(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def _reached(span: Span, kernel: int, stride: int, size: int) -> Span:
    """Which of `size` outputs read something of a span of inputs; output i reads those from i * stride on."""
    first, behind = span
    return max(0, -((kernel - 1 - first) // stride)), min(size, (behind - 1) // stride + 1)
