"""ELFnet solved instead of trained: the same layers with a straight edge beside them, no gradient descent.

Several networks read an image, and the mean of what they read counts: they differ in their start alone, which by itself
moves errors by a tenth. Each is started so that it is nearly linear, and its last layer, together with the straight edge (a linear function
of the bond line and of the coarse image), is then the exact solution of a ridge regression on the training images.
Penalty and weight of each part are chosen inside the training images; a part that does not help gets no weight, so that
it reads about as well as the better of the straight readings, and better where the layers see more than they do.

Start, layer by layer over the training images:

- weights are orthogonal, in convolutions blurred by a binomial kernel, and scaled to outputs of unit standard deviation;
- biases lift the smallest output above zero by `MARGIN` times the range of the outputs, so that no ReLU cuts;
- before a max-pooling, filters come in pairs of opposite sign, and the next layer takes the difference of each pair:
  max(f) and max(-f) differ by twice the middle of f's range, which has no kink where f is flat, as max(f) alone has.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from auric.ruler.baselines import bond_line, coarse_image
from auric.ruler.network import ElfNet
from auric.ruler.ridge import BlockRidge
from auric.ruler.rulers import Ruler

STARTS = 4
MARGIN = 3.0
START_IMAGES, START_PIXELS = 1000, 10_000_000
"""Most images that a network is started on, and most pixels of them: a gigabyte and a half in the first layer."""
CHANNELS = (8, 8, 16, 16, 32, 64)
HIDDEN = 256
BATCH, BATCH_PIXELS = 256, 2_500_000
"""Most images, and most pixels, that are read at a time."""
_BLUR = torch.outer(*2 * [torch.tensor([0.25, 0.5, 0.25], dtype=torch.double)])[None, None]


class SolvedElfNet:
    """ELFnets of which only the last layer and the straight edge are fitted, exactly; they read the mean.

    Args:
        seed: Seed of the orthogonal weights.
    """

    subject = "elfnet, solved"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "SolvedElfNet":
        """Start the networks on the images and solve their last layers.

        Args:
            elf: Images, shape (images, pixels, pixels), ELF values.
            lengths_angstrom: Shape (images,).
            groups: Bond of each image, shape (images,).
        """
        self.rulers = []
        for start in starts_of(self.seed):
            network = started_network(elf, start, readings=1)
            ridge = BlockRidge().fit(blocks_of(network, elf), np.asarray(lengths_angstrom), groups)
            self.rulers.append(solved_ruler(network, [ridge], start))
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """Lengths read off images, shape (images,), angstrom."""
        return mean_readings(self.rulers, elf)[:, 0]


def starts_of(seed: int) -> list[int]:
    """Seeds of the networks whose mean is read; those of two seeds have none in common."""
    return [STARTS * seed + number for number in range(STARTS)]


def mean_readings(rulers: Sequence[Ruler], elf: np.ndarray) -> np.ndarray:
    """The mean over rulers of every reading of each image, shape (images, readings), angstrom; `Ruler.read_all`."""
    return np.asarray(np.mean([ruler.read_all(elf) for ruler in rulers], axis=0))


def started_network(elf: np.ndarray, seed: int, *, readings: int) -> ElfNet:
    """A network started near the linear on images, shape (images, pixels, pixels); no length is looked at."""
    torch.manual_seed(seed)
    network = ElfNet(elf.shape[-1], CHANNELS, HIDDEN, closing="average", edge=True, readings=readings).double()
    # Ranges and spreads are known well from some of the images; the margin takes the others in.
    few = _images_of(elf.shape[-1], START_IMAGES, START_PIXELS)
    start_near_linear(network, torch.as_tensor(elf[:: -(-len(elf) // few)]))
    return network


@torch.no_grad()
def blocks_of(network: ElfNet, elf: np.ndarray) -> list[np.ndarray]:
    """What the solution is linear in: bond line, coarse image, and what the last layer reads."""
    size = _images_of(elf.shape[-1], BATCH, BATCH_PIXELS)
    parts = [network.features(part.double()).numpy() for part in torch.split(torch.as_tensor(elf), size)]
    return [bond_line(elf), coarse_image(elf), np.concatenate(parts)]


def _images_of(pixels: int, images: int, whole: int) -> int:
    """So many images, or as many as have so many pixels together."""
    return max(1, min(images, whole // pixels**2))


def solved_ruler(network: ElfNet, ridges: list[BlockRidge], seed: int) -> Ruler:
    """The network with one reading for each solution."""
    assert network.edge is not None
    with torch.no_grad():
        for reading, ridge in enumerate(ridges):
            line, coarse, features = map(torch.as_tensor, ridge.slopes)
            network.edge.weight[reading] = torch.cat([line, coarse])
            network.last.weight[reading] = features
            network.last.bias[reading] = ridge.intercept
    settings = {
        "channels": CHANNELS, "hidden": HIDDEN, "closing": "average", "edge": True, "readings": len(ridges),
        "seed": seed, "penalties": [ridge.penalty for ridge in ridges],
        "block_weights": [ridge.weights for ridge in ridges],
    }  # fmt: skip
    pixels = network.pixels
    return Ruler(network, {"settings": settings, "pixels": pixels, "mean_angstrom": 0.0, "sd_angstrom": 1.0})


@torch.no_grad()
def start_near_linear(network: ElfNet, elf: Tensor) -> None:
    """Set the weights and biases of all layers but the last.

    Args:
        network: The network, changed in place (double precision).
        elf: Training images, shape (images, pixels, pixels), ELF values.
    """
    outputs = (elf.double().unsqueeze(1) - 0.5) / 0.5
    paired = 0
    layers = list(network.convolutions)
    for position, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            pooled_next = any(isinstance(each, nn.MaxPool2d) for each in layers[position + 1 : position + 3])
            paired = _start_layer(layer, outputs, paired, pooled_next)
        outputs = layer(outputs)
    _start_layer(network.first, network.pool(outputs).flatten(1), paired * network.grid**2 if paired else 0, False)


def _start_layer(layer: nn.Conv2d | nn.Linear, inputs: Tensor, paired: int, pair: bool) -> int:
    """Start one layer on its inputs; `paired` inputs are each other's opposites. Returns how many outputs are paired."""
    nn.init.orthogonal_(layer.weight)
    if isinstance(layer, nn.Conv2d):  # smooth filters are flatter where a pooling looks
        layer.weight.copy_(
            nn.functional.conv2d(layer.weight.reshape(-1, 1, 3, 3), _BLUR, padding=1).reshape(layer.weight.shape)
        )
    if paired:
        layer.weight[:, paired:] = -layer.weight[:, :paired]
    half = len(layer.weight) // 2 if pair else 0
    if half:
        layer.weight[half:] = -layer.weight[:half]
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    by_channel = layer(inputs).transpose(0, 1).flatten(1)
    spread = by_channel.std(dim=1, correction=0)
    scale = torch.where(spread > 1e-6, 1 / spread, 1.0)  # a single image has no spread behind the convolutions
    layer.weight.mul_(scale.reshape(-1, *[1] * (layer.weight.dim() - 1)))
    low, high = by_channel.amin(dim=1) * scale, by_channel.amax(dim=1) * scale
    layer.bias.copy_(MARGIN * (high - low) - low)
    return half
