"""ELFnet: six convolutions, five poolings, 256 features, two fully connected layers.

After Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models", section III.b. The
paper gives the layers and the 256 features; that they are 2 x 2 x 64 is our inference: 200 pixels through six 3 x 3
convolutions without padding and five 2 x 2 poolings leave 2 x 2. Smaller images cannot be pooled so often: a pooling is left
out where the convolutions after it would leave less than 2 x 2, and an adaptive pooling keeps the 2 x 2 in the end.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from auric.ruler.baselines import COARSE_PIXELS
from auric.ruler.blocks import residual_stages

POOLED = 5
"""Convolutions that are followed by a pooling (where the image is large enough)."""
GRID = 2
"""Side of the last feature maps."""


ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
CLOSINGS = {"max": nn.AdaptiveMaxPool2d, "average": nn.AdaptiveAvgPool2d}


def pooling_plan(pixels: int, layers: int, kernel: int = 3) -> list[bool]:
    """Whether each convolution is followed by a pooling.

    Raises:
        ValueError: If the image is too small for the convolutions even without pooling.
    """
    lost = kernel - 1
    if pixels - lost * layers < GRID:
        raise ValueError(f"{pixels} pixels are too few for {layers} convolutions; use at least {lost * layers + GRID}")
    size, plan = pixels, []
    for layer in range(1, layers + 1):
        size -= lost
        pooled = size // 2
        plan.append(layer <= POOLED and pooled - lost * (layers - layer) >= GRID)
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
        architecture: `plain` as in the paper, or `residual` (`auric.ruler.blocks`), to which kernel, activation, pooling
            and normalisation do not apply.
        kernel: Side of the convolutions.
        activation: One of `ACTIVATIONS`.
        pooling: One of `POOLINGS`.
        batch_norm: Whether each convolution is followed by batch normalization.
        dropout: Share of the neurons dropped behind each activation in training.
        closing: The adaptive pooling that ends images of other sizes than 200 pixels; by default like `pooling`.
        edge: Whether a straight edge is laid beside the layers: the output adds a linear function of the bond line and of
            the coarse image. Not in the paper.
        readings: Lengths per image, one for each member of a set that shares all layers but the last.
    """

    grid = GRID

    def __init__(
        self, pixels: int, channels: Sequence[int], hidden: int, *, architecture: str = "plain", kernel: int = 3,
        activation: str = "relu", pooling: str = "max", batch_norm: bool = False, dropout: float = 0.0,
        closing: str | None = None, edge: bool = False, readings: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.pixels = pixels
        self.activation = ACTIVATIONS[activation]()
        self.dropped = [nn.Dropout(dropout)] if dropout else []  # one for all places: it has no weights
        stages: list[list[nn.Module]]
        if architecture == "residual":
            stages = residual_stages(pixels, channels, least=GRID)
            self.plan: list[bool] = []
        else:
            self.plan = pooling_plan(pixels, len(channels), kernel)
            stages = [
                [
                    nn.Conv2d(before, after, kernel),
                    *([nn.BatchNorm2d(after)] if batch_norm else []),
                    ACTIVATIONS[activation](),
                ]
                for before, after in zip([1, *channels], channels, strict=False)
            ]
        layers: list[nn.Module] = []
        self.ends: list[int] = []
        for number, stage in enumerate(stages):
            layers += stage
            self.ends.append(len(layers))
            layers += self.dropped
            if self.plan and self.plan[number]:
                layers.append(POOLINGS[pooling](2))
        self.convolutions = nn.Sequential(*layers)
        self.pool = CLOSINGS[closing or pooling](GRID)
        self.first = nn.Linear(GRID * GRID * channels[-1], hidden)
        self.last = nn.Linear(hidden, readings)
        self.edge = nn.Linear(straight_width(pixels), readings, bias=False) if edge else None

    def features(self, elf: Tensor) -> Tensor:
        """What the last layer reads, shape (images, hidden), from ELF values (images, pixels, pixels) in [0, 1]."""
        return self._behind(self.convolutions(standardised(elf)))

    def forward(self, elf: Tensor) -> Tensor:
        """Standardised lengths, shape (images, readings), from ELF values (images, pixels, pixels) in [0, 1]."""
        return self.read_convolved(self.convolutions(standardised(elf)), elf)

    def read_convolved(self, convolved: Tensor, elf: Tensor) -> Tensor:
        """The same from what `convolutions` gave of the images, and the images, which the straight edge reads."""
        lengths: Tensor = self.last(self._behind(convolved))
        return lengths if self.edge is None else lengths + self.edge(straight(elf))

    def maps(self, elf: Tensor) -> list[Tensor]:
        """What each convolution and its activation give, shapes (images, channels, side, side)."""
        outputs, found = standardised(elf), []
        for number, layer in enumerate(self.convolutions, 1):
            outputs = layer(outputs)
            if number in self.ends:
                found.append(outputs)
        return found

    def read_maps(self, last: Tensor) -> Tensor:
        """Standardised lengths from the last of `maps`, shape (images, readings); without the straight edge."""
        lengths: Tensor = self.last(self._behind(self.convolutions[self.ends[-1] :](last)))
        return lengths

    def _behind(self, convolved: Tensor) -> Tensor:
        outputs: Tensor = self.activation(self.first(self.pool(convolved).flatten(1)))
        for dropping in self.dropped:
            outputs = dropping(outputs)
        return outputs


def build_network(pixels: int, settings: Mapping[str, Any]) -> ElfNet:
    """The network that settings describe; those it does not know (of the training) are left out."""
    known = ("architecture", "kernel", "activation", "pooling", "batch_norm", "dropout", "closing", "edge", "readings")
    chosen = {name: settings[name] for name in known if name in settings}
    return ElfNet(pixels, settings["channels"], settings["hidden"], **chosen)


def channels_last(network: ElfNet) -> ElfNet:
    """The network, its weights laid out so that poolings take a seventh of the time, reading a half, training two thirds."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def standardised(elf: Tensor) -> Tensor:
    """What the convolutions take, shape (images, 1, pixels, pixels), of ELF values (images, pixels, pixels) in [0, 1]."""
    return (elf.unsqueeze(1) - 0.5) / 0.5


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
