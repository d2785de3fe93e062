"""What looks at pictures: it turns each into vectors of its places, or into one vector."""

from abc import abstractmethod
from typing import ClassVar, Self, final

import torch
from torch import Tensor

from statewise.encoders.encoder import Encoder, Reads

USUAL_SIDE = 224


class PictureEncoder(Encoder):
    """Turns pictures of `side` by `side` points into vectors of their places.

    Shapes: numbers from 0 to 255, `[..., side, side, 3]` in red, green and blue, to `[..., S, features]`, where S are
    `rows` by `columns` places, row by row. A frozen one is asked once about each picture and what it says is kept under
    its `identity`: a name of everything that this depends on. Another package announces its own as an entry point
    `statewise.encoders`.
    """

    reads: ClassVar[Reads] = "picture"
    identity: ClassVar[str]
    side: int = USUAL_SIDE
    rows: int
    columns: int

    @classmethod
    @abstractmethod
    def trained(cls) -> Self:
        """Return it with its weights, which are fetched where they are not there yet.

        Raises `DataError` where they cannot be had.
        """


@final
class PatchPixels(PictureEncoder):
    """Each of 7 x 7 places as its own points, 8 x 8 of them in three colours; nothing is learned.

    It shows what a network that was trained on other pictures brings.

    >>> PatchPixels(side=56)(torch.zeros(2, 56, 56, 3)).shape
    torch.Size([2, 49, 192])
    """

    identity: ClassVar[str] = "pixels-1"
    POINTS: ClassVar[int] = 8

    middle: Tensor

    def __init__(self, side: int = 56) -> None:
        super().__init__()
        self.side = side
        self.rows = self.columns = side // self.POINTS
        self.features = 3 * self.POINTS**2
        self.register_buffer("middle", torch.tensor(127.5), persistent=False)

    @classmethod
    def trained(cls) -> Self:
        """Return it: there is nothing to fetch."""
        return cls()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the points of each place, from -1 to 1."""
        points, count = self.POINTS, self.rows
        seen = (inputs.to(self.middle.dtype) - self.middle) / self.middle
        placed = seen.reshape(*inputs.shape[:-3], count, points, count, points, 3).movedim(-4, -3)
        return placed.reshape(*inputs.shape[:-3], count * count, self.features)
