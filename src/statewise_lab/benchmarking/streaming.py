"""How long does one symbol take: looked up, read at batch 1, and the next one drawn?"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.decode import sample
from statewise.heads import Categorical
from statewise.model import Model
from statewise.stream import Stream
from statewise_lab.benchmarking.gauges import FLOAT_BYTES, Floor, Reading
from statewise_lab.benchmarking.inference import plainly
from statewise_lab.benchmarking.measure import Local, timed
from statewise_lab.benchmarking.networks import CELLS, GATES, Shape, network, ours, weight_arrays
from statewise_lab.benchmarking.question import Question, Settings, Ways, compare
from statewise_lab.benchmarking.row import Row
from statewise_lab.benchmarking.torch_streaming import called, scripted

CHOICES, EMBEDDING = 96, 64
SHAPES = ((128, 1), (256, 2), (512, 2), (512, 3), (1024, 2))
QUICK_SHAPES = ((16, 1), (24, 2))
PROMPT = [5, 17, 3, 90, 41, 0, 95, 17]
READ_WEIGHTS = 20_000_000
"So many weights are read by one call, in as many symbols as this takes."


class Workload(NamedTuple):
    """A network with an embedding before it and a head after it, and the random numbers to draw symbols with."""

    cell: str
    module: nn.RNNBase
    embedding: Tensor
    head: nn.Linear
    uniforms: Tensor

    @property
    def weights(self) -> int:
        """How many weights one symbol reads: all but those of the embedding, of which it reads one row."""
        return sum(weight.numel() for part in (self.module, self.head) for weight in part.parameters())

    def model(self) -> Model[Tensor]:
        """Return our model with the same weights."""
        encoder = nn.Embedding(CHOICES, EMBEDDING, _weight=self.embedding)
        head = Categorical(self.module.hidden_size, CHOICES)
        with torch.no_grad():
            head.weights.copy_(self.head.weight)
            head.bias.copy_(self.head.bias)
        return Model(encoder, ours(self.module), head)


Stepper = tuple[Callable[[], Any], Callable[[list[int]], Tensor]]


def stream_steps(work: Workload, storage: str = "float32", *, at_once: bool = True) -> Stepper:
    """Return our calls to draw symbols, all in one native call or each on its own, and to read a prompt."""
    stream = Stream(work.model().eval(), storage=storage)
    symbols = len(work.uniforms)

    def generate() -> list[int]:
        return list(islice(sample(stream, seed=0, ahead=symbols if at_once else 1), symbols))

    def read(prompt: list[int]) -> Tensor:
        stream.reset()
        return stream.push_many(prompt)

    return generate, read


STEPPERS: dict[str, Callable[[Workload], Stepper]] = {
    "statewise": stream_steps,
    "statewise, a call each": partial(stream_steps, at_once=False),
    "statewise bfloat16": partial(stream_steps, storage="bfloat16"),
    "statewise int8": partial(stream_steps, storage="int8"),
}
"""Our ways to stream: a name that begins with `statewise` and ends in `bfloat16` or `int8` where its weights are
smaller, and a function that returns how to draw as many symbols as there are `work.uniforms`, and how to read a prompt
and return the logits after it."""


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each size and cell."""
    for units, layers in QUICK_SHAPES if settings.quick else SHAPES:
        for cell in CELLS:
            work = workload(cell, units, layers, quick=settings.quick)
            size_bytes = FLOAT_BYTES * work.weights
            symbols = len(work.uniforms)
            floor = Floor(size_bytes, Reading(size_bytes))
            extra = {"symbols a call": symbols, **push_cost(work, settings)}
            case = {"cell": cell, "H": units, "layers": layers, "MB": round(size_bytes / 1e6, 2)}
            yield compare(case, ways(work, settings), settings, floor=floor, extra=extra, per_call=symbols)


def workload(cell: str, units: int, layers: int, *, quick: bool) -> Workload:
    """Return the network of one row, the same in every run."""
    module = network(cell, Shape(1, 1, units, layers), features=EMBEDDING)
    embedding, head = torch.randn(CHOICES, EMBEDDING), nn.Linear(units, CHOICES)
    read = GATES[cell] * units * (EMBEDDING + units + (layers - 1) * 2 * units)
    symbols = 4 if quick else 2 * max(8, READ_WEIGHTS // read // 2)
    return Workload(cell, module.requires_grad_(False), embedding, head.requires_grad_(False), torch.rand(symbols))


def ways(work: Workload, settings: Settings) -> Ways:
    """Return everyone's way to draw symbols."""
    told = {"cell": work.cell, "layers": work.module.num_layers, "tokens": len(work.uniforms)}
    sent = {**weight_arrays(work.module), "embedding": work.embedding.numpy(), "uniforms": work.uniforms.numpy()}
    sent |= {"head_weight": work.head.weight.numpy(), "head_bias": work.head.bias.numpy()}
    sent |= {"prompt": torch.tensor(PROMPT).numpy()}
    peer = settings.peers.way
    return {
        **{name: _local(stepper(work), torch.inference_mode) for name, stepper in STEPPERS.items()},
        "torch, scripted": _local(
            scripted(work.cell, work.embedding, work.module, work.head, work.uniforms), torch.inference_mode
        ),
        "torch, oneDNN off": _local(called(work.embedding, work.module, work.head, work.uniforms), plainly),
        "JAX": peer("jax", "streaming", told, sent),
        "ONNX Runtime": peer("onnxruntime", "streaming", {**told, "weights": "float32"}, sent),
        "ONNX Runtime int8": peer("onnxruntime", "streaming", {**told, "weights": "int8"}, sent),
    }


def push_cost(work: Workload, settings: Settings) -> dict[str, float]:
    """Return the microseconds of one push into a stream, and how many of them are not the native step."""
    stream = Stream(work.model().eval())
    calls, pushes, steps = 10 if settings.quick else 200, [], []
    for _ in range(settings.rounds):
        pushes.append(timed(lambda: stream.push(PROMPT[0]), calls) / calls)
        steps.append(timed(lambda: stream.push_many([PROMPT[0]] * calls), 1) / calls)
    beyond = sorted(push - step for push, step in zip(pushes, steps, strict=True))[len(steps) // 2]
    return {"push": sorted(pushes)[len(pushes) // 2] * 1e6, "push beyond its step": beyond * 1e6}


def _local(stepper: Stepper, around: Any) -> Local:
    generate, read = stepper
    return Local(generate, around=around, check=lambda: {"logits": read(PROMPT)})


QUESTION = Question(
    "streaming",
    "How long does one symbol take, looked up, read and the next one drawn?",
    5,
    rows,
    unit="microseconds",
    per_second=1e6,
    threads=1,
)
