"""Recurrences, one a file: each maps `(x, state)` to `(y, state)` and keeps no state of its own."""

from statewise.cells.chain import Chain
from statewise.cells.elman import Elman, ElmanState
from statewise.cells.gru import GRU, GRUState
from statewise.cells.lstm import LSTM, LSTMState
from statewise.cells.recurrent import Cell, Recurrent
from statewise.cells.torch_weights import from_torch, load_torch, to_torch

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "Chain",
    "Elman",
    "ElmanState",
    "GRUState",
    "LSTMState",
    "Recurrent",
    "from_torch",
    "load_torch",
    "to_torch",
]
