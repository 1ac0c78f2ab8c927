"""ELFnet: six convolutions, five poolings, 256 features, two fully connected layers.

After Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models", section III.b. The
paper gives the layers and the 256 features; that they are 2 x 2 x 64 is our inference: 200 pixels through six 3 x 3
convolutions without padding and five 2 x 2 poolings leave 2 x 2. Smaller images cannot be pooled so often: a pooling is left
out where the convolutions after it would leave less than 2 x 2, and an adaptive pooling keeps the 2 x 2 in the end.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from auric.ruler.baselines import COARSE_PIXELS

POOLED = 5
"""Convolutions that are followed by a pooling (where the image is large enough)."""
GRID = 2
"""Side of the last feature maps."""


def pooling_plan(pixels: int, layers: int) -> list[bool]:
    """Whether each convolution is followed by a pooling.

    Raises:
        ValueError: If the image is too small for the convolutions even without pooling.
    """
    if pixels - 2 * layers < GRID:
        raise ValueError(f"{pixels} pixels are too few for {layers} convolutions; use at least {2 * layers + GRID}")
    size, plan = pixels, []
    for layer in range(1, layers + 1):
        size -= 2
        pooled = size // 2
        plan.append(layer <= POOLED and pooled - 2 * (layers - layer) >= GRID)
        size = pooled if plan[-1] else size
    return plan


@torch.no_grad()
def start_orthogonal(network: nn.Module) -> None:
    """Orthogonal weights, scaled so that ReLUs keep the spread of their inputs, and no biases (doi:10.48550/arXiv.1312.6120)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(layer.weight, math.sqrt(2))
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


class ElfNet(nn.Module):
    """Reads a standardised bond length off an ELF image.

    Args:
        pixels: Side of the images.
        channels: Channels of each convolution; the last are 64 for the paper's 256 features.
        hidden: Width of the first fully connected layer.
        closing: The adaptive pooling that ends images of other sizes than 200 pixels.
        edge: Whether a straight edge is laid beside the layers: the output adds a linear function of the bond line and of
            the coarse image. Not in the paper.
        readings: Lengths per image, one for each member of a set that shares all layers but the last.
    """

    grid = GRID

    def __init__(
        self, pixels: int, channels: Sequence[int], hidden: int, *, closing: Literal["max", "average"] = "max",
        edge: bool = False, readings: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.pixels = pixels
        layers: list[nn.Module] = []
        for before, after, pool in zip([1, *channels], channels, pooling_plan(pixels, len(channels)), strict=False):
            layers += [nn.Conv2d(before, after, 3), nn.ReLU()]
            if pool:
                layers.append(nn.MaxPool2d(2))
        self.convolutions = nn.Sequential(*layers)
        self.pool = nn.AdaptiveMaxPool2d(GRID) if closing == "max" else nn.AdaptiveAvgPool2d(GRID)
        self.first = nn.Linear(GRID * GRID * channels[-1], hidden)
        self.last = nn.Linear(hidden, readings)
        self.edge = nn.Linear(straight_width(pixels), readings, bias=False) if edge else None

    def features(self, elf: Tensor) -> Tensor:
        """What the last layer reads, shape (images, hidden), from ELF values (images, pixels, pixels) in [0, 1]."""
        standardised = (elf.unsqueeze(1) - 0.5) / 0.5
        return torch.relu(self.first(self.pool(self.convolutions(standardised)).flatten(1)))

    def forward(self, elf: Tensor) -> Tensor:
        """Standardised lengths, shape (images, readings), from ELF values (images, pixels, pixels) in [0, 1]."""
        lengths: Tensor = self.last(self.features(elf))
        return lengths if self.edge is None else lengths + self.edge(straight(elf))


def straight_width(pixels: int) -> int:
    """How many numbers `straight` gives."""
    tile = max(1, pixels // COARSE_PIXELS)
    return int(pixels + (pixels // tile) ** 2)


def straight(elf: Tensor) -> Tensor:
    """The bond line and the coarse image (`auric.ruler.baselines`), one after the other, shape (images, width)."""
    pixels = elf.shape[-1]
    line = elf[:, (pixels - 1) // 2 : pixels // 2 + 1].mean(dim=1)
    tile = max(1, pixels // COARSE_PIXELS)
    count = pixels // tile
    rim = (pixels - count * tile) // 2
    inner = elf[:, rim : rim + count * tile, rim : rim + count * tile]
    return torch.cat([line, nn.functional.avg_pool2d(inner.unsqueeze(1), tile).flatten(1)], dim=1)
