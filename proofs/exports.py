"""An exported ONNX graph gives in ONNX Runtime what the model gives, and what int8 costs is measured.

    python proofs/exports.py [--sequences 1000] [--updates 600] [--save FILE]

Sequences are random, of random lengths, numbers of rows and first states, and are read by models of Elman, LSTM and GRU
cells, alone, in chains and with residuals, in turn. A sequence is good if no output and no state differs by more than
1e-4 of the largest (at least of 1). With int8, the graph is compared with the model whose weights were rounded alike.
Then a character LSTM is trained on Shakespeare's plays and scored on what it never saw, as it is and as int8.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from torch import nn

import statewise
from statewise.cells import GRU, LSTM, Chain, Elman, Recurrent, Residual
from statewise.exporting import compare_onnx, export, onnx_graph, open_onnx, rounded
from statewise.heads import Categorical
from statewise.model import Model

CHOICES, WIDTH, TOLERANCE = 66, 48, 1e-4
CORES: dict[str, Callable[[], Recurrent[Any]]] = {
    "Elman": lambda: Elman(WIDTH, WIDTH),
    "LSTM": lambda: LSTM(WIDTH, WIDTH),
    "GRU": lambda: GRU(WIDTH, WIDTH),
    "LSTM and GRU in a chain": lambda: Chain(LSTM(WIDTH, WIDTH), GRU(WIDTH, WIDTH)),
    "three LSTM with residuals": lambda: Chain(LSTM(WIDTH, WIDTH), *(Residual(LSTM(WIDTH, WIDTH)) for _ in range(2))),
}


def main() -> None:
    """Export, compare, score and write."""
    asked = arguments(
        __doc__,
        "exports",
        sequences=(1000, "random sequences to compare, and as many with int8"),
        updates=(600, "updates of the model whose int8 is scored"),
    )
    torch.set_num_threads(1)
    claim = "a random sequence read in ONNX Runtime{} gives what the model gives within 1e-4 of the largest number"
    parts = [
        counted(claim.format(words), compared(asked.sequences, int8=int8), {"same"})
        for words, int8 in (("", False), (" by int8 weights", True))
    ]
    parts[1] |= cost(asked.updates)
    conclude(parts, asked.save)


def compared(sequences: int, *, int8: bool) -> list[str]:
    """Return what came of every sequence, the models taking turns."""
    torch.manual_seed(0)
    pairs = []
    for name, core in CORES.items():
        model = Model(nn.Embedding(CHOICES, WIDTH), core(), Categorical(WIDTH, CHOICES)).eval()
        graph = open_onnx(onnx_graph(model, int8=int8).SerializeToString())
        pairs.append((name, rounded(model) if int8 else model, graph))
    outcomes = []
    for seed in range(sequences):
        name, model, graph = pairs[seed % len(pairs)]
        told = compare_onnx(model, graph, 1, seed)
        good = told.difference <= TOLERANCE * max(1.0, told.largest)
        outcomes.append("same" if good else f"{name}, sequence {seed}: {told.difference:.2g} of {told.largest:.2g}")
    return outcomes


def cost(updates: int) -> dict[str, Any]:
    """Return what a trained model scores as it is and as int8, on text that it never saw."""
    with tempfile.TemporaryDirectory() as name:
        task = statewise.Text(source="shakespeare", hidden_size=256, updates=updates, scored=100_000, orders=1)
        statewise.train(task, run=Path(name) / "run")
        exported = export(Path(name) / "run", Path(name) / "exported", int8=True)
    bits = {kind: row["bits_per_character"] for kind, row in exported.metrics.items()}
    return {"bits_per_character": bits, "int8_costs_bits": bits["int8"] - bits["float32"], "updates": updates}


if __name__ == "__main__":
    main()
