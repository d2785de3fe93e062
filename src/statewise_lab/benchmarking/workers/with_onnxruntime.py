"""ONNX Runtime: a graph of ONNX's own recurrent nodes, its inputs and outputs bound to memory beforehand."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

Prepared = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]
VERSIONS = ("onnxruntime", "onnx", "numpy")
NODES = {"lstm": "LSTM", "gru": "GRU", "elman": "RNN"}
ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "elman": (0,)}
"Which of PyTorch's gates stands at each place."

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def prepare(work: str, settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Return a call to be timed, and its outputs."""
    if settings["weights"] == "int8" and settings["cell"] != "lstm":
        raise NotImplementedError(f"ONNX Runtime quantises no {NODES[settings['cell']]}")
    return {"inference": inference, "streaming": streaming}[work](settings, arrays)


def layer_nodes(cell: str, layers: int, arrays: dict[str, Any], weights: dict[str, Any]) -> list[Any]:
    """Return the nodes from `xs0` to `xs<layers>`; the weights are added to those in `weights`."""
    nodes, units = [], arrays["weight_hh_l0"].shape[1]
    for n in range(layers):
        weights[f"W{n}"] = reordered(arrays[f"weight_ih_l{n}"], ORDER[cell])[None]
        weights[f"R{n}"] = reordered(arrays[f"weight_hh_l{n}"], ORDER[cell])[None]
        biases = [reordered(arrays[f"bias_{name}_l{n}"], ORDER[cell]) for name in ("ih", "hh")]
        weights[f"B{n}"] = np.concatenate(biases)[None]
        memory = ([f"c{n}"], [f"c{n}_after"]) if cell == "lstm" else ([], [])
        how: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
        given = [f"xs{n}", f"W{n}", f"R{n}", f"B{n}", "", f"h{n}", *memory[0]]
        made = [f"ys{n}", f"h{n}_after", *memory[1]]
        nodes.append(helper.make_node(NODES[cell], given, made, hidden_size=units, **how))
        nodes.append(helper.make_node("Squeeze", [f"ys{n}", "axis"], [f"xs{n + 1}"]))
    weights["axis"] = np.array([1], dtype=np.int64)
    return nodes


def reordered(array: Any, order: tuple[int, ...]) -> Any:
    """Return the gates that lie along the first axis in another order."""
    gates = np.split(array, len(order))
    return np.concatenate([gates[place] for place in order])


def session_of(settings: dict[str, Any], nodes: list[Any], inputs: Any, outputs: Any, weights: dict[str, Any]) -> Any:
    """Return a session over a graph, its weights of the wanted type."""
    kept = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "network", inputs, outputs, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = settings["threads"], 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        onnx.save(model, path)
        if settings["weights"] == "int8":
            narrow = Path(folder, "narrow.onnx")
            quantize_dynamic(path, narrow, weight_type=QuantType.QInt8)
            path = narrow
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def state_names(cell: str, layers: int) -> list[str]:
    """Return the names of all parts of the state."""
    return [f"{part}{n}" for n in range(layers) for part in (("h", "c") if cell == "lstm" else ("h",))]


def state_values(cell: str, layers: int, rows: int, units: int) -> tuple[list[Any], list[Any]]:
    """Return what a graph is told of its state before and after: typed names."""
    shape = [1, rows, units]
    names = state_names(cell, layers)
    before = [helper.make_tensor_value_info(name, FLOAT, shape) for name in names]
    after = [helper.make_tensor_value_info(f"{name}_after", FLOAT, shape) for name in names]
    return before, after


def value(array: Any) -> Any:
    """Return memory that a session reads or writes in place."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def inference(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Read a whole sequence from a given state."""
    cell, layers, xs = settings["cell"], settings["layers"], arrays["xs"]
    steps, rows, features = xs.shape
    units = arrays["weight_hh_l0"].shape[1]
    weights: dict[str, Any] = {}
    nodes = layer_nodes(cell, layers, arrays, weights)
    before, after = state_values(cell, layers, rows, units)
    read = helper.make_tensor_value_info("xs0", FLOAT, [steps, rows, features])
    written = helper.make_tensor_value_info(f"xs{layers}", FLOAT, [steps, rows, units])
    session = session_of(settings, nodes, [read, *before], [written, *after], weights)
    states = {f"h{n}": arrays["hidden"][n : n + 1] for n in range(layers)}
    if cell == "lstm":
        states |= {f"c{n}": arrays["memory"][n : n + 1] for n in range(layers)}
    given = {name: value(array) for name, array in {"xs0": xs, **states}.items()}
    made = {f"xs{layers}": value(np.zeros((steps, rows, units), np.float32))}
    made |= {f"{name}_after": value(np.zeros((1, rows, units), np.float32)) for name in states}
    binding = bound(session, given, made)

    def outputs() -> dict[str, Any]:
        session.run_with_iobinding(binding)
        return {"ys": made[f"xs{layers}"].numpy()}

    return lambda: session.run_with_iobinding(binding), outputs


def bound(session: Any, given: dict[str, Any], made: dict[str, Any]) -> Any:
    """Return inputs and outputs tied to their memory."""
    binding = session.io_binding()
    for name, memory in given.items():
        binding.bind_ortvalue_input(name, memory)
    for name, memory in made.items():
        binding.bind_ortvalue_output(name, memory)
    return binding


def stepping_nodes(cell: str, layers: int, arrays: dict[str, Any], weights: dict[str, Any]) -> list[Any]:
    """Return the nodes of one symbol: look it up, read it, and draw the next from a uniform number."""
    choices = len(arrays["head_bias"])
    weights |= {"embedding": arrays["embedding"], "head": arrays["head_weight"].T, "bias": arrays["head_bias"]}
    weights |= {"last": np.array(1, dtype=np.int64), "most": np.array([choices - 1], dtype=np.int64)}
    return [
        helper.make_node("Gather", ["embedding", "token"], ["xs0"]),
        *layer_nodes(cell, layers, arrays, weights),
        helper.make_node("Squeeze", [f"xs{layers}", "axis"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["odds"], axis=-1),
        helper.make_node("CumSum", ["odds", "last"], ["summed"]),
        helper.make_node("Less", ["summed", "uniform"], ["below"]),
        helper.make_node("Cast", ["below"], ["counted"], to=INT64),
        helper.make_node("ReduceSum", ["counted", "axis"], ["count"], keepdims=1),
        helper.make_node("Min", ["count", "most"], ["chosen"]),
    ]


def streaming(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Draw symbols one after another: two bindings in turn, each reading what the other wrote."""
    cell, layers, tokens = settings["cell"], settings["layers"], settings["tokens"]
    units, choices = arrays["weight_hh_l0"].shape[1], len(arrays["head_bias"])
    weights: dict[str, Any] = {}
    nodes = stepping_nodes(cell, layers, arrays, weights)
    before, after = state_values(cell, layers, 1, units)
    read = [helper.make_tensor_value_info("token", INT64, [1, 1])]
    read += [helper.make_tensor_value_info("uniform", FLOAT, [1])]
    written = [helper.make_tensor_value_info("chosen", INT64, [1, 1])]
    written += [helper.make_tensor_value_info("logits", FLOAT, [1, choices])]
    session = session_of(settings, nodes, read + before, written + after, weights)
    uniform, logits = np.zeros(1, np.float32), np.zeros((1, choices), np.float32)
    names = state_names(cell, layers)
    token_arrays = [np.ones((1, 1), np.int64) for _ in range(2)]
    state_arrays = [[np.zeros((1, 1, units), np.float32) for _ in names] for _ in range(2)]
    bindings = []
    for now, then in ((0, 1), (1, 0)):
        given = {"token": token_arrays[now], "uniform": uniform, **dict(zip(names, state_arrays[now], strict=True))}
        made = {f"{name}_after": array for name, array in zip(names, state_arrays[then], strict=True)}
        made |= {"chosen": token_arrays[then], "logits": logits}
        given_values, made_values = ({k: value(v) for k, v in group.items()} for group in (given, made))
        bindings.append((bound(session, given_values, made_values), given_values, made_values))
    uniforms = np.resize(arrays["uniforms"], tokens + tokens % 2).tolist()

    def call() -> None:
        run, first, second = session.run_with_iobinding, bindings[0][0], bindings[1][0]
        for number in range(0, tokens, 2):
            uniform[0] = uniforms[number]
            run(first)
            uniform[0] = uniforms[number + 1]
            run(second)

    def outputs() -> dict[str, Any]:
        for array in state_arrays[0]:
            array[...] = 0
        for number, token in enumerate(arrays["prompt"]):
            token_arrays[number % 2][...] = token
            session.run_with_iobinding(bindings[number % 2][0])
        return {"logits": logits[0].copy()}

    return call, outputs
