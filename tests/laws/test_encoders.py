"""Every encoder keeps every law: a new encoder adds a line to `ENCODERS` and nothing else."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from subclasses import subclasses_of
from torch import Tensor

from statewise.data.window import Padded
from statewise.encoders import (
    AdaptiveTable,
    CodesAndNumbers,
    EfficientNetLite0,
    Encoder,
    FrameConvolution,
    OneHot,
    PatchPixels,
    SpaceTime,
    Spelled,
    Table,
    TwoWay,
    WordDropout,
)
from statewise.tasks.game.sight import Sight
from statewise.tasks.game.spaces import ObservationSpace, Part
from statewise.tasks.text.mixed_model import CodesKept
from statewise.testing import ENCODER_LAWS, check_encoder, judge_encoder

T, B, D, V = 7, 3, 5, 6
CODES = torch.arange(T * B).reshape(T, B) % V
ROWS = torch.cat([CODES.unsqueeze(-1) % 4, CODES.unsqueeze(-1) % 2, torch.randn(T, B, D)], dim=-1)
CONTEXT = Padded.of([torch.tensor([1, 2, 3, 0]), torch.tensor([4]), torch.tensor([5, 1])])
WRITTEN = torch.stack([CODES, CODES % 4, CODES // 2 % 4, CODES // 3 % 3, CODES % 2, CODES // 4 % 2], dim=-1)
WRITTEN_MASK = torch.arange(T) < torch.tensor([[T], [2], [4]])
SHOWN = torch.rand(T, B, 70 + 27 + 2 + 3).mul(3).floor()
PICTURES = torch.randint(256, (T, B, 16, 16, 3), dtype=torch.uint8)
EVERYTHING = ObservationSpace(
    (
        Part(("die",), "choices", (), (V,), (1,)),
        Part(("far",), "choices", (70,), (3,) * 69 + (100,), (0,) * 70),
        Part(("board",), "image", (3, 3, 3)),
        Part(("lamps",), "bits", (2,)),
    ),
    legal=3,
)
ENCODERS: dict[str, tuple[Callable[[], Encoder], Any]] = {
    "table": (lambda: Table(V, D), CODES),
    "table-with-an-unknown": (lambda: Table(V, D, unknown=0), CODES),
    "adaptive-table": (lambda: AdaptiveTable(V, D, [2, 4]), CODES),
    "one-hot": (lambda: OneHot(V), CODES),
    "codes-kept": (lambda: CodesKept(Table(V, D), D), CODES),
    "one-hot-with-an-unknown": (lambda: OneHot(V, unknown=0), CODES),
    "codes-and-numbers": (lambda: CodesAndNumbers([4, 2], D, embedding=3), ROWS),
    "spelled": (lambda: Spelled(V, D, 4, 3, 2, marks=2), WRITTEN),
    "two-way-of-spelled-words": (
        lambda: TwoWay(V, D, table=Spelled(V, 4, 4, 3, 2, marks=2), dropout=0.2),
        Padded(WRITTEN.transpose(0, 1) * (WRITTEN_MASK.unsqueeze(-1)), WRITTEN_MASK),
    ),
    "two-way": (lambda: TwoWay(V, D), CONTEXT),
    "word-dropout": (lambda: WordDropout(Table(V, D), 0.3, 0.2), CODES),
    "two-way-of-a-table": (lambda: TwoWay(V, D, table=WordDropout(Table(V, 4), 0.3), dropout=0.2), CONTEXT),
    "sight": (lambda: Sight(ObservationSpace((Part((), "numbers", (D,)),), hidden=(1,)), 4), ROWS[..., 1:D]),
    "sight-of-everything": (lambda: Sight(EVERYTHING, 4), torch.cat([CODES.unsqueeze(-1), SHOWN], dim=-1)),
    "frame-convolution": (lambda: FrameConvolution(2, 4, 5, 1, D, (2, 3)), torch.randn(T, B, 40)),
    "space-time": (lambda: SpaceTime(4, 5, 3, 2, D, (2, 3)), torch.randn(T, B, 101)),
    "space-time-with-attention": (lambda: SpaceTime(4, 5, 3, 2, D, (2, 3), glances=2), torch.randn(T, B, 101)),
    "pixels": (lambda: PatchPixels(side=16), PICTURES),
    "efficientnet-lite0": (lambda: EfficientNetLite0(side=32), PICTURES[:2, :2].repeat(1, 1, 2, 2, 1)),
    "two-way-lstm": (lambda: TwoWay(V, D, cell="lstm"), CONTEXT),
}


@pytest.mark.parametrize("law", ENCODER_LAWS)
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_keeps_the_law(name: str, law: int) -> None:
    make, inputs = ENCODERS[name]
    assert check_encoder(make, inputs, laws=[law])[law].holds


def test_every_encoder_of_the_package_is_in_the_table() -> None:
    tried = {type(part) for make, _ in ENCODERS.values() for part in make().modules()}
    written = {kind for kind in subclasses_of(Encoder) if not inspect.isabstract(kind)}
    assert written - tried == set(), "add a line for each to ENCODERS"


class Sound(Encoder):
    """Keeps every law."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(V, D)
        self.codes, self.features = V, D

    def forward(self, inputs: Tensor) -> Tensor:
        vectors: Tensor = self.table(inputs)
        return vectors


class InSinglePrecision(Sound):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).float()


class LooksAhead(Sound):
    def forward(self, inputs: Tensor) -> Tensor:
        vectors = super().forward(inputs)
        return vectors if inputs.dim() < 2 else vectors + vectors.flip(0)


class MixesRows(Sound):
    def forward(self, inputs: Tensor) -> Tensor:
        vectors = super().forward(inputs)
        return vectors - vectors.mean(dim=-2, keepdim=True) if inputs.dim() else vectors


class ForgetsAWeight(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.spare = torch.nn.Parameter(torch.ones(1))


class KeepsToItself(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.scale = float(torch.rand(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scale * super().forward(inputs)


class SaysNumbers(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.codes, self.numbers = 0, 2


class StaysBehind(Sound):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) + torch.ones(D)


BROKEN = {
    1: InSinglePrecision,
    2: LooksAhead,
    3: MixesRows,
    4: ForgetsAWeight,
    5: KeepsToItself,
    6: SaysNumbers,
    7: StaysBehind,
}


def test_every_law_of_an_encoder_is_broken_by_one_that_departs_from_a_sound_one() -> None:
    assert all(verdict.holds for verdict in check_encoder(Sound, CODES).values())
    assert BROKEN.keys() == ENCODER_LAWS.keys()
    for law, make in BROKEN.items():
        verdict = judge_encoder(make, CODES)[law]
        assert verdict.failure.startswith(f"law {law} is broken by {make.__name__}: "), verdict
    with pytest.raises(AssertionError, match=r"law 4 is broken by ForgetsAWeight: .* no gradient reaches spare"):
        check_encoder(ForgetsAWeight, CODES)
