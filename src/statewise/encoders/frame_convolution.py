"""Frames as vectors: a small convolution, the same for each step, and attention to a few places of what it finds."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.encoders.encoder import Encoder
from statewise.encoders.spatial_attention import SeenPlaces, SpatialAttention
from statewise.errors import UsageError
from statewise.kernels.native_pictures import convolved

MOST_AT_ONCE = 1024
"Frames whose inner pictures are in memory at once where nothing is learned."


@final
class FrameConvolution(Encoder):
    """A few convolutions over `frames` pictures side by side, of `height` x `width` pixels of `channels` numbers.

        z_0 = x        z_{k+1} = relu(W_k * z_k + b_k), every second pixel        features = relu(V (z, v) + c)

    The newest picture is the last: two of them show what moved. `glances` are places that attention picks out of what
    the layer before the last gives, and v is what it finds there, with the pixel in the middle; it begins where number
    `salient` of a pixel is large (`SpatialAttention`). Shapes: numbers `[..., frames H W channels]`, features
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
        glances: int = 0,
        salient: int = 0,
    ) -> None:
        super().__init__()
        if min(height, width) < 2 ** len(maps):
            raise UsageError(f"pictures of {height} x {width} are too small: give {2 ** len(maps)} x {2 ** len(maps)}")
        self.frames, self.height, self.width, self.channels = frames, height, width, channels
        self.salient = salient
        self.numbers, self.features = frames * height * width * channels, features
        layers: list[nn.Module] = []
        before, attended = frames * channels, (0, 0, 0, 0)
        for number, count in enumerate(maps):
            layers += [nn.Conv2d(before, count, 3, stride=2, padding=1), nn.ReLU()]
            before = count
            height, width = -(-height // 2), -(-width // 2)
            if number == self._attended(len(maps)):
                attended = (count, frames * channels, height, width)
        self.convolutions = nn.Sequential(*layers)
        self.attending = SpatialAttention(*attended, glances) if glances else None
        found = before * height * width + (self.attending.features if self.attending else 0)
        self.narrowing = nn.Sequential(nn.Dropout(dropout), nn.Linear(found, features), nn.ReLU(), nn.Dropout(dropout))

    def _places(self, pictures: Tensor, step: int) -> SeenPlaces:
        """Return the pixel in the middle of each place, and how large the salient number is about it."""
        sizes = pictures[..., self.salient].detach().abs().unsqueeze(1)
        around = functional.avg_pool2d(sizes, step, step, padding=step // 2, ceil_mode=True, count_include_pad=False)
        rows, columns = (-(-side // step) for side in (self.height, self.width))
        return SeenPlaces(pictures[:, ::step, ::step], around[:, 0, :rows, :columns])

    @staticmethod
    def _attended(layers: int) -> int:
        """Return the number of the layer that is attended to: the one before the last, where there are two."""
        return max(0, layers - 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features of pictures; they are made comparable before."""
        around = inputs.shape[:-1]
        flat = inputs.reshape(-1, self.numbers)
        if self.training or len(flat) <= MOST_AT_ONCE:
            return self._of(flat).reshape(*around, self.features)
        parts = [self._of(piece) for piece in torch.split(flat, MOST_AT_ONCE)]
        return torch.cat(parts).reshape(*around, self.features)

    def _of(self, flat: Tensor) -> Tensor:
        pictures = flat.view(-1, self.frames, self.height, self.width, self.channels)
        pictures = pictures.permute(0, 2, 3, 1, 4).flatten(3) if self.frames > 1 else pictures.squeeze(1)
        layers = [layer for layer in self.convolutions if isinstance(layer, nn.Conv2d)]
        given, seen, step = pictures, [], 1
        for number, layer in enumerate(layers):
            pictures = convolved(pictures, layer.weight, layer.bias)
            step *= 2
            if self.attending is not None and number == self._attended(len(layers)):
                seen.append(self.attending(pictures, self._places(given, step)))
        planes = pictures.permute(0, 3, 1, 2).flatten(1)  # the order in which weights were always stored
        found: Tensor = self.narrowing(torch.cat([planes, *seen], dim=-1) if seen else planes)
        return found
