"""What an encoder is: it turns what a step reads, or a context, into vectors."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from statewise.bounds import code, shown
from statewise.errors import UsageError

Reads = Literal["code", "row", "context", "picture", ""]
"What is read: one of a fixed set, codes and numbers side by side, a context, a picture; empty: anything else."


class Encoder(nn.Module, ABC):
    """Turns inputs into vectors `[..., features]`; it learns with the model.

    One that is `causal` maps each step by itself, so that one step and many are read alike. One that is not reads a
    whole context, as `Model.reader`.
    """

    features: int
    reads: ClassVar[Reads] = ""
    "What it reads, by which tasks know the encoders that suit them: see `statewise.encoders.named`."
    causal: ClassVar[bool] = True
    codes: int = 0
    "How many codes, from 0, a step is one of; 0 where a step is not a code."
    numbers: int = 0
    "How many numbers a step is; 0 where a step is a code, or of another form."

    @abstractmethod
    def forward(self, inputs: Any) -> Any:
        """Return the features of inputs: of one step, of many, or of a context."""


class StepInput(NamedTuple):
    """What one step of a model is given: one of `codes`, or so many `numbers`; where both are 0, a tensor."""

    codes: int = 0
    numbers: int = 0

    def read(self, x: Any, like: Tensor) -> Tensor:
        """Return what a user gave as a tensor, of the type and on the device of some weights.

        Raises `UsageError` for what is no such input.

        >>> StepInput(codes=10).read(3, torch.empty(0))
        tensor(3)
        """
        if self.codes:
            return torch.tensor(code(x, self.codes), device=like.device)
        given = as_numbers(x)
        if self.numbers:
            if given.shape != (self.numbers,) or given.is_complex():
                raise UsageError(f"a step reads {self.numbers} numbers but was given {shown(given)}")
            given = given.to(like.dtype)
        return given.to(like.device)

    @property
    def example(self) -> Any:
        """An input that a user could give: the code 0, or noughts."""
        return 0 if self.codes else [0.0] * self.numbers

    def draw(self, *sizes: int, generator: torch.Generator) -> Tensor:
        """Draw random inputs, `[*sizes]` of codes or `[*sizes, numbers]`."""
        if self.codes:
            return torch.randint(self.codes, sizes, generator=generator)
        return torch.randn(*sizes, self.numbers, generator=generator)


def step_input(encoder: nn.Module, features: int) -> StepInput:
    """Return what one step of an encoder is given, which is of our own or of PyTorch; `features` are the core's.

    >>> step_input(nn.Sequential(nn.Embedding(10, 5), nn.Dropout(0.1)), 5)
    StepInput(codes=10, numbers=0)
    """
    while isinstance(encoder, nn.Sequential) and len(encoder):
        encoder = encoder[0]
    if isinstance(encoder, nn.Embedding):
        return StepInput(codes=len(encoder.weight))
    if isinstance(encoder, nn.Linear):
        return StepInput(numbers=encoder.in_features)
    if isinstance(encoder, nn.Identity):
        return StepInput(numbers=features)
    return StepInput(int(getattr(encoder, "codes", 0)), int(getattr(encoder, "numbers", 0)))


def as_numbers(x: Any) -> Tensor:
    """Return what was given as a tensor. Raises `UsageError` where it is none.

    >>> as_numbers([1.5, 2])
    tensor([1.5000, 2.0000])
    """
    if type(x) is np.ndarray and x.dtype == np.float32 and x.flags.carray:
        return torch.from_numpy(x)  # which takes a third of the time of `as_tensor`
    try:
        return torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"the input cannot be read ({' '.join(str(error).split())}): give what a step reads") from None
