"""What an observation looks like to a recurrence: normalized numbers, choices, bits, small images, legal actions."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.encoders import Encoder
from statewise.encoders.encoder import Reads
from statewise.tasks.game.policy import parted
from statewise.tasks.game.spaces import ObservationSpace, Part

FARTHEST = 10.0
"Normalized numbers are bounded by this, up and down."
ONE_HOT = 64
"A choice of more values has a vector for each."
VECTOR = 16
LARGE_IMAGE = 36
COLOURS = (1, 3, 4)


@final
class Sight(Encoder):
    """Reads a row of numbers, as `ObservationSpace` writes it, and hands on which actions are legal.

        y = (tanh(W (numbers - mean) / deviation, choices, bits, convolved images + b), legal)

    `mean` and `scale`, one over the deviation, are set from outside by `normalize`; at first they change nothing.
    Shapes: rows `[..., D]`, features `[..., width + legal]`.

    >>> sight = Sight(ObservationSpace((Part((), "numbers", (5,)),)), width=4)
    >>> sight(torch.zeros(7, 3, 5)).shape
    torch.Size([7, 3, 4])
    """

    reads: ClassVar[Reads] = ""
    mean: Tensor
    scale: Tensor

    def __init__(self, observed: ObservationSpace, width: int) -> None:
        super().__init__()
        self.observed, self.numbers, self.features = observed, observed.size, width + observed.legal
        self.sizes = [part.size for part in observed.parts]
        self.sizes[0] -= len(observed.hidden)
        self.parts = nn.ModuleList(_reader(part) for part in observed.parts)
        found = zip(observed.parts, self.parts, self.sizes, strict=True)
        read = sum(_width(part, reader, size) for part, reader, size in found)
        self.linear = nn.Linear(read, width)
        nn.init.orthogonal_(self.linear.weight, 2**0.5)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("mean", torch.zeros(observed.seen))
        self.register_buffer("scale", torch.ones(observed.seen))
        self.is_plain = all(part.kind in ("numbers", "bits") for part in observed.parts)

    def normalize(self, mean: Tensor, scale: Tensor) -> None:
        """Read numbers as so much away from a mean, times a scale."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features `[..., width + legal]`."""
        seen = inputs if not self.observed.legal else inputs[..., : self.observed.seen]
        near = ((seen - self.mean) * self.scale).clamp(-FARTHEST, FARTHEST)
        if not self.is_plain:
            raw, parts = parted(seen, self.sizes), parted(near, self.sizes)
            whole = zip(self.observed.parts, self.parts, raw, parts, strict=True)
            near = torch.cat(
                [reader(own if part.kind == "choices" else normal) for part, reader, own, normal in whole], dim=-1
            )
        features = torch.tanh(self.linear(near))
        return features if not self.observed.legal else torch.cat([features, inputs[..., self.observed.seen :]], dim=-1)


def normalized(observed: ObservationSpace) -> Tensor:
    """Return which numbers of an observation are to be normalized, `[D]`: numbers and images, not choices and bits."""
    flags = [torch.full((part.size,), part.kind in ("numbers", "image")) for part in observed.parts]
    kept = torch.ones(sum(part.size for part in observed.parts), dtype=torch.bool)
    kept[list(observed.hidden)] = False
    return torch.cat(flags)[kept]


def _reader(part: Part) -> nn.Module:
    match part.kind:
        case "choices":
            return Chosen(part)
        case "image":
            return Image(part.shape)
        case _:
            return nn.Identity()


def _width(part: Part, reader: nn.Module, size: int) -> int:
    return int(reader.width) if isinstance(reader, Chosen | Image) else size


class Chosen(nn.Module):
    """Choices as one of so many, or, where there are more than 64, as learned vectors."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.counts = part.choices
        self.tables = nn.ModuleDict(
            {str(at): nn.Embedding(count, VECTOR) for at, count in enumerate(part.choices) if count > ONE_HOT}
        )
        self.width = sum(VECTOR if count > ONE_HOT else count for count in part.choices)

    def forward(self, values: Tensor) -> Tensor:
        """Return `[..., width]` of values `[..., K]`."""
        found = []
        for at, count in enumerate(self.counts):
            codes = values[..., at].long().clamp(0, count - 1)
            if str(at) in self.tables:
                found.append(self.tables[str(at)](codes))
            else:
                found.append(functional.one_hot(codes, count).to(values.dtype))
        return torch.cat(found, dim=-1)


class Image(nn.Module):
    """An image as what two or three convolutions make of it; it may have its colours first or last.

    Source of the layers for images of 36 pixels and more: Mnih et al. 2015.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.is_first = shape, shape[0] in COLOURS and shape[2] not in COLOURS
        first, *sides = shape if self.is_first else (shape[2], shape[0], shape[1])
        colours = first
        if min(sides) >= LARGE_IMAGE:
            plan = [(32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0)]
        else:
            plan = [(16, 3, 1, 1), (32, 3, 2, 1)]
        layers: list[nn.Module] = []
        for channels, kernel, stride, padding in plan:
            layers += [nn.Conv2d(colours, channels, kernel, stride, padding), nn.ReLU()]
            colours = channels
        self.layers = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            self.width = int(self.layers(torch.zeros(1, first, *sides)).shape[1])

    def forward(self, values: Tensor) -> Tensor:
        """Return `[..., width]` of images `[..., H W C]`."""
        images = values.reshape(-1, *self.shape)
        found = self.layers(images if self.is_first else images.movedim(-1, 1))
        return torch.as_tensor(found).reshape(*values.shape[:-1], -1)
