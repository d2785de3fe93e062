"""Frames as vectors: a small convolution, the same for each step."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.encoders.encoder import Encoder
from statewise.errors import UsageError

MOST_AT_ONCE = 1024
"Frames whose inner pictures are in memory at once where nothing is learned."


@final
class FrameConvolution(Encoder):
    """A few convolutions over `frames` pictures side by side, of `height` x `width` pixels of `channels` numbers.

        z_0 = x        z_{k+1} = relu(W_k * z_k + b_k), every second pixel        features = relu(V z + c)

    The newest picture is the last: two of them show what moved. Shapes: numbers `[..., frames H W channels]`, features
    `[..., features]`. Raises `UsageError` for pictures that become smaller than a pixel.

    >>> encoder = FrameConvolution(2, 16, 24, 1, features=5, maps=(3, 4))
    >>> encoder(torch.zeros(7, 3, encoder.numbers)).shape
    torch.Size([7, 3, 5])
    """

    def __init__(
        self,
        frames: int,
        height: int,
        width: int,
        channels: int,
        features: int = 128,
        maps: Sequence[int] = (16, 32, 32),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(height, width) < 2 ** len(maps):
            raise UsageError(f"pictures of {height} x {width} are too small: give {2 ** len(maps)} x {2 ** len(maps)}")
        self.frames, self.height, self.width, self.channels = frames, height, width, channels
        self.numbers, self.features = frames * height * width * channels, features
        layers: list[nn.Module] = []
        before = frames * channels
        for count in maps:
            layers += [nn.Conv2d(before, count, 3, stride=2, padding=1), nn.ReLU()]
            before = count
            height, width = -(-height // 2), -(-width // 2)
        self.convolutions = nn.Sequential(*layers)
        self.narrowing = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(before * height * width, features), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features of pictures; they are made comparable before."""
        around = inputs.shape[:-1]
        flat = inputs.reshape(-1, self.numbers)
        if self.training or len(flat) <= MOST_AT_ONCE:
            return self._of(flat).reshape(*around, self.features)
        parts = [self._of(piece) for piece in torch.split(flat, MOST_AT_ONCE)]
        return torch.cat(parts).reshape(*around, self.features)

    def _of(self, flat: Tensor) -> Tensor:
        pictures = flat.reshape(-1, self.frames, self.height, self.width, self.channels)
        joined = pictures.permute(0, 2, 3, 1, 4).reshape(-1, self.height, self.width, self.frames * self.channels)
        planes = joined.permute(0, 3, 1, 2)
        for layer in self.convolutions:
            planes = _convolved(layer, planes) if isinstance(layer, nn.Conv2d) else layer(planes)
        found: Tensor = self.narrowing(planes.flatten(1))
        return found


def _convolved(layer: nn.Conv2d, planes: Tensor) -> Tensor:
    """Return what a layer makes of planes whose channels lie next to each other, as those of its weights then do.

    That takes two thirds of the time of weights as they are stored.
    """
    weight = layer.weight.contiguous(memory_format=torch.channels_last)
    return functional.conv2d(planes, weight, layer.bias, layer.stride, layer.padding)
