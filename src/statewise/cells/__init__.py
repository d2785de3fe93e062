"""Recurrences, one a file: each maps `(x, state)` to `(y, state)` and keeps no state of its own."""

from statewise.cells.aligned import Aligned, AlignedState
from statewise.cells.attention import AttentionCell, AttentionCellState
from statewise.cells.attention_memory import Attention, AttentionMemory
from statewise.cells.bahdanau import Bahdanau
from statewise.cells.bidirectional import Bidirectional
from statewise.cells.candidate_dropout import CandidateDropout, CandidateDropoutState
from statewise.cells.cfc import CfC, CfCState
from statewise.cells.chain import Chain
from statewise.cells.clipped_derivatives import ClippedDerivatives
from statewise.cells.clockwork import Clockwork, ClockworkState
from statewise.cells.concat_skip import ConcatSkip
from statewise.cells.conditioned import Conditioned
from statewise.cells.coupled_lstm import CoupledLSTM
from statewise.cells.dropout import Dropout, DropoutState
from statewise.cells.elman import Elman, ElmanState
from statewise.cells.fed import Fed, FedState
from statewise.cells.feedback import Feedback, FeedbackState
from statewise.cells.gated_attention import GatedAttention
from statewise.cells.gaussian_window import GaussianWindow, GaussianWindowState
from statewise.cells.gru import GRU, GRUState
from statewise.cells.hyper_lstm import HyperLSTM, HyperLSTMState
from statewise.cells.initializers import INITIALIZERS, initialize
from statewise.cells.irnn import irnn
from statewise.cells.jordan import Jordan, JordanState
from statewise.cells.layer_norm import LayerNorm
from statewise.cells.layer_norm_gru import LayerNormGRU
from statewise.cells.layer_norm_lstm import LayerNormLSTM
from statewise.cells.learned import Learned
from statewise.cells.lru import LRU, LRUState
from statewise.cells.lstm import LSTM, LSTMState
from statewise.cells.lstm_1997 import LSTM1997
from statewise.cells.luong import Luong
from statewise.cells.min_gru import MinGRU, MinGRUState
from statewise.cells.min_lstm import MinLSTM, MinLSTMState
from statewise.cells.mlstm import MLSTM, MLSTMState
from statewise.cells.noise import Noise
from statewise.cells.peephole_lstm import PeepholeLSTM
from statewise.cells.projected_lstm import ProjectedLSTM
from statewise.cells.query_reduction import QueryReduction, QueryReductionState
from statewise.cells.recurrent import Cell, Recurrent, begin, reads_context
from statewise.cells.residual import Residual
from statewise.cells.rg_lru import RGLRU, RGLRUState
from statewise.cells.slstm import SLSTM, SLSTMState
from statewise.cells.time_delay import TDNN, TDNNState
from statewise.cells.variational_dropout import VariationalDropout, VariationalDropoutState
from statewise.cells.weight_drop import WeightDrop, WeightDropState
from statewise.cells.zoneout import Zoneout, ZoneoutState
from statewise.kernels.derivatives import clip_derivative

__all__ = [
    "GRU",
    "INITIALIZERS",
    "LRU",
    "LSTM",
    "LSTM1997",
    "MLSTM",
    "RGLRU",
    "SLSTM",
    "TDNN",
    "Aligned",
    "AlignedState",
    "Attention",
    "AttentionCell",
    "AttentionCellState",
    "Bahdanau",
    "Bidirectional",
    "Cell",
    "CandidateDropout",
    "CandidateDropoutState",
    "CfC",
    "CfCState",
    "Chain",
    "ClippedDerivatives",
    "Clockwork",
    "ClockworkState",
    "ConcatSkip",
    "Conditioned",
    "CoupledLSTM",
    "Dropout",
    "DropoutState",
    "Elman",
    "ElmanState",
    "Fed",
    "FedState",
    "Feedback",
    "FeedbackState",
    "GRUState",
    "GatedAttention",
    "GaussianWindow",
    "GaussianWindowState",
    "HyperLSTM",
    "HyperLSTMState",
    "Jordan",
    "JordanState",
    "LRUState",
    "LSTMState",
    "LayerNorm",
    "LayerNormGRU",
    "LayerNormLSTM",
    "Learned",
    "Luong",
    "MLSTMState",
    "AttentionMemory",
    "MinGRU",
    "MinGRUState",
    "MinLSTM",
    "MinLSTMState",
    "Noise",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "QueryReduction",
    "QueryReductionState",
    "RGLRUState",
    "Recurrent",
    "Residual",
    "SLSTMState",
    "TDNNState",
    "VariationalDropout",
    "VariationalDropoutState",
    "WeightDrop",
    "WeightDropState",
    "Zoneout",
    "ZoneoutState",
    "begin",
    "clip_derivative",
    "initialize",
    "irnn",
    "reads_context",
]
