"""How fast are gestures learned and watched, compared with a plain PyTorch program and with ONNX Runtime?

    python benchmarks/gesture.py [--rounds 7] [--units 64 128] [--save DIR]

Learning: updates of a GRU over windows of 4 s of 6 sensors, 32 in a batch, on one thread; the plain program holds all
steps in memory, as a person would write it for this data: nn.GRU, nn.Linear, cross entropy, clipped Adam. Both read the
same recordings; ours also varies them (tempo and noise) where the row says so. Watching: one step, its features given,
through `Stream.push`, through the same GRU in ONNX Runtime, and as a loop over nn.GRU. In turns, figures are medians
over the turns, ratios are taken turn by turn. Seconds are those of the processor, to which others on the machine do not
add.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from statewise.learning.learner import Learner
from statewise.stream import Stream
from statewise.tasks.gesture.task import Gesture
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

RESULTS = Path(__file__).parent / "results"
RECORDINGS, SAMPLES, SENSORS, CLASSES, ROWS = 512, 200, 6, 7, 32
UPDATES, STEPS = 8, 2000


def recordings(folder: Path) -> Path:
    """Write random windows, and return their file."""
    draw = np.random.default_rng(0)
    path = folder / "windows.npz"
    x = draw.normal(size=(RECORDINGS, SAMPLES, SENSORS)).astype(np.float32)
    np.savez(path, x=x, label=np.array([f"c{n % CLASSES}" for n in range(RECORDINGS)]))
    return path


def settings(path: Path, units: int, **how: Any) -> Gesture:
    """Return the task that both learn."""
    return Gesture(
        source=str(path), untimed=50.0, rate=50.0, stack=4, hidden_size=units, batch_size=ROWS, dropout=0.0, early=0.0,
        validation=0.0, updates=10**9, threads=1, **how,
    )  # fmt: skip


class Plain(nn.Module):
    """The same network, plainly."""

    def __init__(self, numbers: int, units: int) -> None:
        super().__init__()
        self.core, self.head = nn.GRU(numbers, units), nn.Linear(units, CLASSES)

    def forward(self, xs: Any) -> Any:
        """Return logits at each step."""
        return self.head(self.core(xs)[0])


def plain_updates(data: Any, units: int) -> Callable[[], None]:
    """Return a call that makes an update of the plain program."""
    codec, movement = data.codec, data.movement
    numbers = movement.numbers("training")
    xs = torch.stack([torch.from_numpy(codec.steps(movement.samples(int(n)))) for n in numbers], dim=1)
    labels = torch.tensor([int(movement.labels(int(n))[0]) for n in numbers])
    model = Plain(codec.numbers, units)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def update() -> None:
        chosen = torch.randint(len(labels), (ROWS,))
        own = xs[:, chosen]
        logits = model(own)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels[chosen].repeat(len(own)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def seconds_of(call: Callable[[], Any], times: int) -> float:
    """Return the seconds of the processor that so many calls take, each."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def learning(units: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Let three ways make updates in turns."""
    path = recordings(folder)
    ways: dict[str, Callable[[], Any]] = {}
    for name, how in {"ours": {"speed": 0.0, "noise": 0.0}, "ours_varied": {"speed": 0.1, "noise": 0.05}}.items():
        task = settings(path, units, **how)
        data = task.prepare(folder)
        torch.manual_seed(0)
        ways[name] = Learner(task.model(data.codec), data.windows("training"), task).update
    ways["pytorch"] = plain_updates(data, units)
    took = in_turns(ways, rounds, UPDATES)
    row: dict[str, Any] = {"what": "learning", "units": units}
    row |= {f"{name}_windows_per_second": round(ROWS / statistics.median(times)) for name, times in took.items()}
    row["ratio"] = ratio(took["pytorch"], took["ours"])
    row["varied_ratio"] = ratio(took["pytorch"], took["ours_varied"])
    return row


def in_turns(ways: dict[str, Callable[[], Any]], rounds: int, times: int) -> dict[str, list[float]]:
    """Return the seconds a call of each way in each round."""
    for way in ways.values():
        seconds_of(way, times)  # the first has things to set up
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            took[name].append(seconds_of(way, times))
    return took


def ratio(theirs: list[float], ours: list[float]) -> float:
    """Return how many times as long they take, the median over turns."""
    return round(statistics.median(one / own for one, own in zip(theirs, ours, strict=True)), 2)


def watching(units: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Let three ways read steps in turns."""
    import onnxruntime

    task = settings(recordings(folder), units)
    codec = task.prepare(folder).codec
    stream = Stream(task.model(codec), history=0)
    step = np.random.default_rng(0).normal(size=codec.numbers).astype(np.float32)
    model = Plain(codec.numbers, units).eval()
    path = folder / "plain.onnx"
    export(model, codec.numbers, units, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    known: dict[str, Any] = {"onnx": np.zeros((1, 1, units), np.float32), "torch": torch.zeros(1, 1, units)}
    given = step[None, None]

    def by_onnx() -> None:
        _, known["onnx"] = session.run(None, {"x": given, "state": known["onnx"]})

    def by_torch() -> None:
        with torch.inference_mode():
            ys, known["torch"] = model.core(torch.from_numpy(given), known["torch"])
            model.head(ys)

    took = in_turns({"ours": lambda: stream.push(step), "onnxruntime": by_onnx, "pytorch": by_torch}, rounds, STEPS)
    row: dict[str, Any] = {"what": "watching", "units": units}
    row |= {f"{name}_microseconds_per_step": round(1e6 * statistics.median(times), 1) for name, times in took.items()}
    row |= {f"{name}_ratio": ratio(took[name], took["ours"]) for name in ("onnxruntime", "pytorch")}
    return row


def export(model: Plain, numbers: int, units: int, path: Path) -> None:
    """Write one step of the plain network as ONNX: a GRU node, whose gates are in another order, and a product."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def turned(weights: Any) -> Any:  # PyTorch has reset, update, new; ONNX update, reset, hidden
        reset, update, new = np.split(weights.detach().numpy(), 3)
        return np.concatenate([update, reset, new])[None]

    core, head = model.core, model.head
    biases = np.concatenate([turned(core.bias_ih_l0), turned(core.bias_hh_l0)], axis=1)
    kept = {"W": turned(core.weight_ih_l0), "R": turned(core.weight_hh_l0), "B": biases}
    kept |= {"V": head.weight.detach().numpy().T.copy(), "b": head.bias.detach().numpy()}
    nodes = [
        helper.make_node(
            "GRU", ["x", "W", "R", "B", "", "state"], ["", "after"], hidden_size=units, linear_before_reset=1
        ),
        helper.make_node("MatMul", ["after", "V"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["logits"]),
    ]
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "step",
        [
            helper.make_tensor_value_info("x", floats, [1, 1, numbers]),
            helper.make_tensor_value_info("state", floats, [1, 1, units]),
        ],
        [
            helper.make_tensor_value_info("logits", floats, None),
            helper.make_tensor_value_info("after", floats, [1, 1, units]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in kept.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--units", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--save", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for way in (learning, watching):
            for units in given.units:
                rows.append(way(units, given.rounds, Path(folder)))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    result = {"rows": rows, "machine": machine(), "commit": commit(), "versions": versions(), "threads": 1}
    (given.save / "gesture.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
