"""Blocks of a modern kind for ELFnet's layers: few, wide and residual, after ConvNeXt (doi:10.48550/arXiv.2201.03545).

Each block is a depthwise 7 x 7 convolution, a normalisation over channels, and two 1 x 1 convolutions with a GELU between,
added to its input. Maps keep their size inside blocks; a strided convolution before a block halves it.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each pixel, shape (images, channels, side, side)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Normalised maps, shape as given."""
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """One block; shape (images, channels, side, side) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            ChannelNorm(channels),
            nn.Conv2d(channels, 4 * channels, 1),
            nn.GELU(),
            nn.Conv2d(4 * channels, channels, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """The maps and what the branch adds."""
        added: Tensor = self.branch(maps)
        return maps + added


def residual_stages(pixels: int, channels: Sequence[int], *, least: int) -> list[list[nn.Module]]:
    """Layers of each stage: a convolution that halves the side, or where less than `least` would be left a 1 x 1 one, and a block.

    Raises:
        ValueError: If the first halving leaves too little.
    """
    if pixels // 2 < least:
        raise ValueError(f"{pixels} pixels are too few for residual blocks; use at least {2 * least}")
    stages: list[list[nn.Module]] = []
    side, before = pixels, 1
    for after in channels:
        halved = side // 2 >= least and after != before
        side = side // 2 if halved else side
        entry: list[nn.Module] = [nn.Conv2d(before, after, 2, stride=2) if halved else nn.Conv2d(before, after, 1)]
        stages.append([*([ChannelNorm(before)] if stages else []), *entry, ResidualBlock(after)])
        before = after
    return stages
