"""Export of a run into a folder; the exported model is checked and measured."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from statewise.disk.manifest import MANIFEST, manifest_of
from statewise.disk.reading import read_file
from statewise.errors import DataError, RunError, UsageError
from statewise.exporting.folder import as_json, write_folder, write_zip
from statewise.exporting.hub import push
from statewise.exporting.onnx_check import Compared, compare_onnx, open_onnx
from statewise.exporting.onnx_graph import onnx_graph, state_names
from statewise.exporting.rounded import rounded
from statewise.learning.snapshot import WEIGHTS
from statewise.registry import unknown
from statewise.run.config import as_yaml
from statewise.run.directory import LARGEST_CODEC, RunDirectory
from statewise.run.history import RunHistory
from statewise.run.hub_names import HUB
from statewise.run.sources import SOURCES
from statewise.shown import in_json
from statewise.state import paths, write_tensors
from statewise.underway import returned
from statewise.verbs import Trained, load

Format = Literal["onnx", "safetensors"]
Kept = Literal["float32", "bfloat16"]
FORMATS, KEPT_AS = ("onnx", "safetensors"), ("float32", "bfloat16")
LARGEST_REPORT = 1 << 24
CHECKED = 50
"So many random sequences are compared before a graph is written."

TOLERANCE = 1e-3
USE = """# {name}

`{name}.onnx` reads `inputs` {reads} and the tensors of the state, `state.NAME` [B, H], and gives `outputs`
[T, B, V], the logits, and the next state, `next.NAME`. T and B may be anything, also 1: a step. The first state, of one
row, is in `state.safetensors`; what the numbers mean is in `codec.json`.
"""
UNCALIBRATED = """
The graph is the network alone. What `statewise predict` answers was also calibrated after training, by what is in the
`calibration.json` of the run, which a graph does not do: export with `--format safetensors` for that.
"""


@dataclass(frozen=True)
class Exported:
    """What was written, how far ONNX Runtime was from the model, and what int8 costs."""

    path: Path
    format: str
    bytes: int
    compared: Compared | None = None
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        compared = self.compared._asdict() if self.compared else None
        told = {"path": str(self.path), "format": self.format, "bytes": self.bytes}
        return {**told, "compared": compared, "metrics": self.metrics, "seconds": self.seconds}


def export(
    run: str | Path,
    to: str | Path | None = None,
    *,
    format: Format = "onnx",
    int8: bool = False,
    storage: Kept = "float32",
) -> Exported:
    """Write the model of a run as a folder: an ONNX graph with its state in and out, or what `load` reads.

    What `load` reads may be a zip, where `to` ends in .zip, or lie on the Hugging Face Hub, where it is
    `hub:OWNER/NAME`; it takes half as much with a `storage` of `bfloat16`.
    With `int8` the graph's matrices are int8, and the held-out part is scored with them and without. Before a graph is
    written, ONNX Runtime has to give what the model gives. Raises `RunError` for a run that cannot be used or a folder
    that is there already, `UsageError` for a model that ONNX has no nodes for, `MissingExtra` without onnx.
    """
    began = time.monotonic()
    if format not in FORMATS:
        raise UsageError(unknown("format", format, FORMATS))
    if int8 and format != "onnx":
        raise UsageError("--int8 is for ONNX: evaluate --storage int8 shows what it costs in a step program")
    if storage not in KEPT_AS:
        raise UsageError(unknown("storage", storage, KEPT_AS))
    if storage != "float32" and format != "safetensors":
        raise UsageError(f"--storage {storage} is for what `load` reads: give --format safetensors too")
    trained = load(run)
    if to is not None and str(to).startswith(HUB):
        return _pushed(trained, str(to), format, storage, began)
    path = Path(to) if to is not None else Path(f"{trained.path.resolve().name}-{format}")
    if path.exists():
        raise RunError(f"{path} exists already: give another folder with --to")
    if format == "safetensors":
        files = _run_files(trained, storage)
        is_zip = path.suffix.lower() == ".zip"
        (write_zip if is_zip else write_folder)(path, files)
        size = path.stat().st_size if is_zip else _size(files)
        return Exported(path, format, size, seconds=time.monotonic() - began)
    files, compared = _onnx_files(trained, path.name, int8=int8)
    metrics = _costs(trained) if int8 else {}
    write_folder(path, files)
    return Exported(path, format, _size(files), compared, metrics, time.monotonic() - began)


def _pushed(trained: Trained, to: str, format: Format, storage: Kept, began: float) -> Exported:
    if format != "safetensors":
        raise UsageError(f"{to} is to have what `load` reads: give --format safetensors too")
    files = _run_files(trained, storage)
    push(trained, to.removeprefix(HUB), files)
    return Exported(Path(to), format, _size(files), seconds=time.monotonic() - began)


def _run_files(trained: Trained, storage: Kept) -> dict[str, bytes]:
    """Return a run directory of nothing but what `load` needs, and the events that `inspect` shows."""
    directory = RunDirectory(trained.path)
    kept = {name: _kept(tensor, storage) for name, tensor in trained.model.state_dict().items()}
    checkpoint = {WEIGHTS: write_tensors(kept)}
    checkpoint[MANIFEST] = manifest_of(checkpoint)
    place = f"{directory.checkpoints.name}/{trained.update:06d}"
    files = {f"{place}/{name}": content for name, content in checkpoint.items()}
    config = {name: told for name, told in directory.read_config().items() if name != SOURCES}  # they stay here
    files |= {
        directory.config.name: as_yaml(config).encode(),
        directory.codec.name: read_file(directory.codec, LARGEST_CODEC),
    }
    for path, most in ((directory.report, LARGEST_REPORT), (directory.calibration, LARGEST_CODEC)):
        if path.exists():
            files[path.name] = read_file(path, most)
    events = _last_events(RunHistory.from_events(directory.read_last_events()), trained.update)
    files[directory.events.name] = "".join(f"{in_json(event)}\n" for event in events).encode()
    return files


def _last_events(history: RunHistory, update: int) -> Iterator[dict[str, Any]]:
    """Yield the events that say of a run what it ran with, what it wrote last and what it scored."""
    for stretch in history.stretches[-1:]:
        yield {"event": "started", **stretch, "update": update}
    for sample in list(history.sampled.values())[-1:]:
        yield {"event": "sampled", "update": update, "sample": sample}
    if history.report:
        yield {"event": "finished", "update": update, "report": history.report}


def _kept(tensor: torch.Tensor, storage: Kept) -> torch.Tensor:
    return tensor.bfloat16() if storage == "bfloat16" and tensor.is_floating_point() else tensor


def _onnx_files(trained: Trained, name: str, *, int8: bool) -> tuple[dict[str, bytes], Compared]:
    model = trained.model
    graph = onnx_graph(model, int8=int8).SerializeToString()
    compared = compare_onnx(rounded(model) if int8 else model, open_onnx(graph), CHECKED)
    if not compared.difference <= TOLERANCE * max(1.0, compared.largest):
        raise RunError(f"ONNX Runtime is {compared.difference:.2g} away from this model: the graph was not written")
    first = {path: leaf for path, leaf in paths(model.begin(1)) if path in state_names(model)}
    reads = "[T, B], whole numbers," if model.encoder.__class__.__name__ == "Embedding" else "[T, B, D]"
    return {
        f"{name}.onnx": graph,
        "state.safetensors": write_tensors(first),
        "codec.json": read_file(RunDirectory(trained.path).codec, LARGEST_CODEC),
        "README.md": (USE.format(name=name, reads=reads) + (UNCALIBRATED if trained.task.calibration else "")).encode(),
        "compared.json": as_json(compared._asdict()),
    }, compared


def _costs(trained: Trained) -> dict[str, dict[str, float]]:
    """Return what the model scores on the held-out part with its own weights and with int8; nothing without data."""
    try:
        data = trained.data()
    except (DataError, RunError, UsageError):
        return {}
    scores = {}
    for name, model in (("float32", trained.model), ("int8", rounded(trained.model))):
        scores[name] = dict(returned(trained.task.score(model, data)).metrics)
    return scores


def _size(files: dict[str, bytes]) -> int:
    return sum(map(len, files.values()))
