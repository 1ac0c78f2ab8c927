"""ELFnet solved instead of trained: the same layers, no gradient descent.

The network is started so that it is nearly linear, and its last layer is then the exact solution of a ridge regression
on the training images, the penalty chosen inside them. What is learned is thus linear in what the convolutions, the
poolings and the first fully connected layer make of an image; it shows how much of an ELFnet's error comes from
training by gradients rather than from its layers.

Start, layer by layer over the training images:

- weights are orthogonal, in convolutions blurred by a binomial kernel, and scaled to outputs of unit standard deviation;
- biases lift the smallest output above zero by `MARGIN` times the range of the outputs, so that no ReLU cuts;
- before a max-pooling, filters come in pairs of opposite sign, and the next layer takes the difference of each pair:
  max(f) and max(-f) differ by twice the middle of f's range, which has no kink where f is flat, as max(f) alone has.
"""

import numpy as np
import torch
from torch import Tensor, nn

from auric.ruler.baselines import choose_ridge
from auric.ruler.network import ElfNet
from auric.ruler.rulers import Ruler

MARGIN = 3.0
START_IMAGES = 1000
CHANNELS = (8, 8, 16, 16, 32, 64)
HIDDEN = 256
BATCH = 256
_BLUR = torch.outer(*2 * [torch.tensor([0.25, 0.5, 0.25], dtype=torch.double)])[None, None]


class SolvedElfNet:
    """An ELFnet of which only the last layer is fitted, exactly.

    Args:
        seed: Seed of the orthogonal weights.
    """

    subject = "elfnet, solved"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "SolvedElfNet":
        """Start the network on the images and solve its last layer.

        Args:
            elf: Images, shape (images, pixels, pixels), ELF values.
            lengths_angstrom: Shape (images,).
            groups: Bond of each image, shape (images,).
        """
        mean, spread = float(np.mean(lengths_angstrom)), float(np.std(lengths_angstrom)) or 1.0
        pixels = elf.shape[-1]
        torch.manual_seed(self.seed)
        network = ElfNet(pixels, CHANNELS, HIDDEN, closing="average").double()
        # Ranges and spreads are known well from some of the images; the margin takes the others in.
        start_near_linear(network, torch.as_tensor(elf[:: -(-len(elf) // START_IMAGES)]))
        with torch.no_grad():
            parts = [network.features(part.double()) for part in torch.split(torch.as_tensor(elf), BATCH)]
            scaler, ridge = choose_ridge(torch.cat(parts).numpy(), (lengths_angstrom - mean) / spread, groups)
            slope = ridge.coef_ / scaler.scale_
            network.last.weight.copy_(torch.as_tensor(slope[None]))
            network.last.bias.fill_(float(ridge.intercept_ - slope @ scaler.mean_))
        settings = {
            "channels": CHANNELS, "hidden": HIDDEN, "closing": "average", "seed": self.seed, "penalty": float(ridge.alpha),
        }  # fmt: skip
        self.ruler = Ruler(
            network, {"settings": settings, "pixels": pixels, "mean_angstrom": mean, "sd_angstrom": spread}
        )
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """Lengths read off images, shape (images,), angstrom."""
        return self.ruler.read(elf)


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
