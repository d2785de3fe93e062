"""Recurrences, one a file: each maps `(x, state)` to `(y, state)` and keeps no state of its own."""

from statewise.cells.attention import AttentionCell, AttentionCellState
from statewise.cells.bahdanau import Bahdanau
from statewise.cells.bidirectional import Bidirectional
from statewise.cells.chain import Chain
from statewise.cells.concat_skip import ConcatSkip
from statewise.cells.conditioned import Conditioned
from statewise.cells.dropout import Dropout, DropoutState
from statewise.cells.elman import Elman, ElmanState
from statewise.cells.feedback import Feedback, FeedbackState
from statewise.cells.gaussian_window import GaussianWindow, GaussianWindowState
from statewise.cells.gru import GRU, GRUState
from statewise.cells.initializers import INITIALIZERS, initialize
from statewise.cells.layer_norm import LayerNorm
from statewise.cells.learned import Learned
from statewise.cells.lstm import LSTM, LSTMState
from statewise.cells.luong import Luong
from statewise.cells.memory import Attention, Memory
from statewise.cells.noise import Noise
from statewise.cells.recurrent import Cell, Recurrent, begin, reads_context
from statewise.cells.residual import Residual
from statewise.cells.torch_weights import from_torch, load_torch, to_torch
from statewise.cells.variational_dropout import VariationalDropout, VariationalDropoutState
from statewise.cells.weight_drop import WeightDrop, WeightDropState
from statewise.cells.zoneout import Zoneout, ZoneoutState

__all__ = [
    "begin",
    "reads_context",
    "AttentionCell",
    "AttentionCellState",
    "GaussianWindow",
    "GaussianWindowState",
    "Luong",
    "Bahdanau",
    "Attention",
    "Memory",
    "INITIALIZERS",
    "initialize",
    "Bidirectional",
    "Conditioned",
    "Learned",
    "WeightDrop",
    "WeightDropState",
    "Noise",
    "Zoneout",
    "ZoneoutState",
    "VariationalDropout",
    "VariationalDropoutState",
    "Dropout",
    "DropoutState",
    "Feedback",
    "FeedbackState",
    "LayerNorm",
    "ConcatSkip",
    "Residual",
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
