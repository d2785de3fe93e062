"""What is seen and what moved, as vectors: a convolution over a picture and the last differences between pictures."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from statewise.encoders.encoder import Encoder
from statewise.encoders.frame_convolution import FrameConvolution


@final
class SpaceTime(Encoder):
    """A convolution over a picture of `channels` and the `moves` last differences of brightness, and the time passed.

        features = (conv([x_t, g_t - g_{t-1}, g_{t-1} - g_{t-2}, ...]), seconds since the last picture)

    The planes lie side by side in each pixel; the time, in units of the usual one, is the last number. `glances` are
    places of a picture that attention picks out; it begins at what moves now (`FrameConvolution`). Shapes: numbers
    `[..., H W (channels + moves) + 1]`, features `[..., features]`. Source: the space-time images of Owens et al. 2016.

    >>> encoder = SpaceTime(16, 24, channels=3, moves=2, features=5, maps=(3, 4))
    >>> encoder(torch.zeros(7, 3, encoder.numbers)).shape
    torch.Size([7, 3, 5])
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        moves: int,
        features: int = 64,
        maps: Sequence[int] = (16, 32, 32),
        dropout: float = 0.0,
        glances: int = 0,
    ) -> None:
        super().__init__()
        self.seen = FrameConvolution(1, height, width, channels + moves, features - 1, maps, dropout, glances, channels)
        self.numbers, self.features = self.seen.numbers + 1, features

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features of steps."""
        return torch.cat([self.seen(inputs[..., :-1]), inputs[..., -1:]], dim=-1)
