"""What number comes next: a whole task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from annotated_doc import Doc
from torch import Tensor, nn

from statewise.data.codec import Codec
from statewise.data.window import LazyWindows, Window
from statewise.errors import DataError
from statewise.heads import Loss
from statewise.heads.named import head_named
from statewise.inputs import Inputs
from statewise.model import Model
from statewise.stream import Stream
from statewise.task import Data, Part, Task, stacked_core


@dataclass(frozen=True)
class Scale(Codec):
    """Numbers around 0: what is read of x is (x - mean) / spread."""

    mean: float
    spread: float

    def as_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "spread": self.spread}

    def encode(self, numbers: Any) -> Tensor:
        return (torch.as_tensor(numbers, dtype=torch.float32) - self.mean) / self.spread


class Stretches(LazyWindows):
    """A series cut into `rows` parts that are read side by side, `steps` at a time."""

    def __init__(self, values: Tensor, rows: int, steps: int) -> None:
        length = (len(values) - 1) // rows
        self.steps = steps
        self.parts = torch.stack([values[row * length :][: length + 1] for row in range(rows)], dim=1)

    def __len__(self) -> int:
        return (len(self.parts) + self.steps - 2) // self.steps

    def at(self, index: int) -> Window:
        here = self.parts[index * self.steps : (index + 1) * self.steps + 1]
        reset = torch.zeros(len(here) - 1, here.shape[1], dtype=torch.bool)
        reset[0] = index == 0
        return Window(here[:-1].unsqueeze(-1), here[1:], reset=reset)


@dataclass(frozen=True)
class NumbersData(Data):
    """A series, of which the last fifth is held out."""

    task: "Numbers"
    values: Tensor
    scored: Tensor

    @property
    def codec(self) -> Scale:
        return Scale(float(self.values.mean()), max(float(self.values.std()), 1e-6))

    @property
    def facts(self) -> dict[str, Any]:
        return {"unit": "number", "training": len(self.values), "held_out": len(self.scored)}

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        values = self.codec.encode(self.values if part == "training" else self.scored)
        most = min(rows or self.task.batch_size, len(values) // 2)
        return Stretches(values, most if part == "training" else 1, steps or self.task.window_steps)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """What a normal distribution that knows nothing but mean and spread scores."""
        scored = self.codec.encode(self.scored)[1:]
        return {"constant normal": {"nats": float(-torch.distributions.Normal(0.0, 1.0).log_prob(scored).mean())}}

    def on(self, source: Sequence[str], cache: Path) -> "NumbersData":
        return NumbersData(self.task, self.values, read(source[0]))


def read(source: str) -> Tensor:
    """Return the numbers of a file, one a line. Raises `DataError` where there are none."""
    try:
        values = torch.tensor([float(line) for line in Path(source).read_text().split()])
    except (OSError, ValueError) as error:
        raise DataError(f"{source} cannot be read ({error}): give a file with a number on each line") from None
    if len(values) < 20:
        raise DataError(f"{source} has {len(values)} numbers: give 20 or more")
    return values


@dataclass(frozen=True, kw_only=True)
class Numbers(Task):
    """Learn what number comes next."""

    name: ClassVar[str] = "numbers"
    title: ClassVar[str] = "Learn what number comes next in a file with a number on each line"

    source: Annotated[str, Doc("a file with a number on each line")]
    head: Annotated[str, Doc("the distribution of a next number, by name")] = "gaussian"

    @property
    def label(self) -> str:
        return Path(self.source).stem

    def prepare(self, cache: Path) -> NumbersData:
        head_named(self.head, "number")  # refused before anything is read
        values = read(self.source)
        cut = len(values) * 4 // 5
        return NumbersData(self, values[:cut], values[cut:])

    def codec(self, written: Mapping[str, Any]) -> Scale:
        return Scale(**written)

    def model(self, codec: Scale) -> Model[Any]:
        core = stacked_core(self.cell, 1, self.hidden_size, self.layers)
        return Model(nn.Identity(), core, head_named(self.head, "number")(core.units))

    def metrics(self, loss: Loss) -> dict[str, float]:
        return {"nats": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        return f"{nats:.3f} nats a number"

    def stream(self, model: Model[Any], codec: Scale) -> Stream[Any]:
        return Stream(model, encode=lambda x: codec.encode([x]))

    def inputs(self, codec: Scale) -> Inputs:
        return Inputs("a number", ("number",), codec.mean)

    def sample(self, model: Model[Any], codec: Scale) -> str:
        return " ".join(f"{number:.3g}" for number in self.predict(model, codec, steps=5))

    def predict(
        self,
        model: Model[Any],
        codec: Scale,
        *,
        steps: Annotated[int, Doc("how many numbers to draw")] = 10,
        temperature: Annotated[float, Doc("0 takes the likeliest")] = 0.0,
    ) -> Iterator[float]:
        """Draw the next numbers, each read before the next."""
        stream, dice = self.stream(model, codec), torch.Generator().manual_seed(self.seed)
        for _ in range(steps):
            drawn = model.head.sample(stream.params, temperature=temperature, generator=dice)
            yield codec.mean + codec.spread * float(drawn)
            stream.push(codec.mean + codec.spread * float(drawn))
