"""Every recurrence, made small: the rows of the table of laws.

Cells that have a name are found by it, those of other packages too. Only what has none, and further forms of a cell
that read or keep a state in another way, are written here.
"""

from collections.abc import Callable
from typing import Any, cast

from statewise import registry
from statewise.cells import (
    GRU,
    LRU,
    LSTM,
    MLSTM,
    SLSTM,
    TDNN,
    Aligned,
    AttentionCell,
    Bahdanau,
    CandidateDropout,
    CfC,
    Chain,
    ClippedDerivatives,
    Clockwork,
    ConcatSkip,
    Conditioned,
    Dropout,
    Elman,
    Fed,
    Feedback,
    GatedAttention,
    GaussianWindow,
    HyperLSTM,
    Jordan,
    LayerNorm,
    LayerNormLSTM,
    Learned,
    Luong,
    ProjectedLSTM,
    QueryReduction,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
    Zoneout,
)
from statewise.cells.ensemble import Ensemble
from statewise.cells.last_inputs import Frames
from statewise.cells.memoryless import Memoryless
from statewise.cells.passing import Passing
from statewise.exchange.onnx.activations import read_activations
from statewise.exchange.onnx.cells import OnnxGRU, OnnxLSTM, OnnxRNN
from statewise.testing.recurrence_trial import FEATURES as D
from statewise.testing.recurrence_trial import UNITS as H

FORMS: dict[str, Callable[[], Recurrent[Any]]] = {
    "elman-relu": lambda: Elman(D, H, activation="relu"),
    "gru-reset-before": lambda: GRU(D, H, reset_after=False),
    "projected-lstm": lambda: ProjectedLSTM(D, H, memory_units=6),
    "jordan": lambda: Jordan(D, H, hidden_units=6),
    "jordan-decaying": lambda: Jordan(D, H, hidden_units=6, decay=0.5),
    "tdnn-dilated": lambda: TDNN(D, H, offsets=(-1, 0), dilation=2),
    "clockwork": lambda: Clockwork(D, H, periods=(1, 3)),
    "lru": lambda: LRU(D, H, modes=6),
    "slstm-of-two-heads": lambda: SLSTM(D, H, heads=2),
    "mlstm-in-chunks": lambda: MLSTM(D, H, heads=2, chunk_steps=3),
    "hyper-lstm": lambda: HyperLSTM(D, H, hyper_units=6, embedding=2),
    "hyper-lstm-plain": lambda: HyperLSTM(D, H, hyper_units=6, embedding=2, normalized=False),
    "cfc-timed": lambda: CfC(D, H, timed=True, hidden_units=6),
    "chain-of-one": lambda: Chain(GRU(D, H)),
    "chain-of-two": lambda: Chain(LSTM(D, H), LSTM(H, H)),
    "chain-of-mixed": lambda: Chain(GRU(D, 6), Chain(Elman(6, 2)), LSTM(2, H)),
    "residual": lambda: Residual(GRU(D, D)),
    "concat-skip": lambda: ConcatSkip(GRU(D, 6), LSTM(D + 6, H)),
    "layer-norm": lambda: LayerNorm(D),
    "layer-norm-between": lambda: Chain(GRU(D, 6), LayerNorm(6), LSTM(6, H)),
    "feedback": lambda: Feedback(Chain(GRU(D + H, 6), LSTM(6, H))),
    "dropout": lambda: Dropout(LSTM(D, H), 0.4),
    "dropout-in-evaluation": lambda: Dropout(LSTM(D, H), 0.4).eval(),
    "dropout-between": lambda: Chain(Dropout(GRU(D, 6), 0.4), Dropout(GRU(6, H), 0.4)),
    "variational-dropout": lambda: VariationalDropout(LSTM(D, H), 0.4),
    "variational-dropout-in-evaluation": lambda: VariationalDropout(LSTM(D, H), 0.4).eval(),
    "variational-dropout-whole": lambda: VariationalDropout(LSTM(D, H), 0.4, input_rate=0.3, recurrent_rate=0.5),
    "variational-dropout-of-a-chain": lambda: Chain(
        VariationalDropout(GRU(D, 6), 0.0, input_rate=0.4),
        VariationalDropout(Chain(GRU(6, H)), 0.3, recurrent_rate=0.5),
    ),
    "clipped-derivatives": lambda: ClippedDerivatives(Learned(LSTM(D, H)), inputs=100.0, outputs=1000.0),
    "candidate-dropout": lambda: CandidateDropout(LSTM(D, H), 0.4),
    "candidate-dropout-in-evaluation": lambda: CandidateDropout(LSTM(D, H), 0.4).eval(),
    "candidate-dropout-layer-norm": lambda: CandidateDropout(LayerNormLSTM(D, H), 0.4),
    "candidate-dropout-hyper": lambda: CandidateDropout(HyperLSTM(D, H, hyper_units=6, embedding=2), 0.4),
    "candidate-dropout-of-a-chain": lambda: Residual(
        Chain(CandidateDropout(LSTM(D, 6), 0.4), CandidateDropout(LSTM(6, D), 0.4))
    ),
    "zoneout": lambda: Zoneout(LSTM(D, H), 0.4),
    "zoneout-in-evaluation": lambda: Zoneout(LSTM(D, H), 0.4).eval(),
    "zoneout-of-a-stack": lambda: Residual(Dropout(Zoneout(Chain(GRU(D, 6), GRU(6, D)), 0.4), 0.4)),
    "weight-drop": lambda: WeightDrop(LSTM(D, H), 0.4),
    "weight-drop-in-evaluation": lambda: WeightDrop(LSTM(D, H), 0.4).eval(),
    "weight-drop-of-units": lambda: WeightDrop(GRU(D, H), 0.4, units=True),
    "weight-drop-of-a-chain": lambda: Dropout(WeightDrop(Chain(GRU(D, 6), Elman(6, H)), 0.4), 0.4),
    "learned": lambda: Learned(LSTM(D, H)),
    "learned-inside": lambda: VariationalDropout(Learned(Zoneout(Chain(GRU(D, H)), 0.4)), 0.4),
    "fed": lambda: Fed(Conditioned(LSTM(D + 2, H), width=2), width=2),
    "aligned": lambda: Aligned(LSTM(D + 2, H), width=2),
    "aligned-of-a-chain": lambda: Aligned(Chain(GRU(D + 2, 6), LSTM(6, H)), width=2),
    "conditioned": lambda: Conditioned(LSTM(D, H), width=2),
    "query-reduction": lambda: QueryReduction(H),
    "bahdanau": lambda: Bahdanau(D, H, 6),
    "luong-dot": lambda: Luong(D, D, score="dot"),
    "luong-general": lambda: Luong(D, H),
    "gaussian-window": lambda: GaussianWindow(D, H, 2),
    "ensemble": lambda: Ensemble([LSTM(D, 6), Dropout(GRU(D, H), 0.4)]),
    "passing": lambda: Passing(LSTM(D, H)),
    "passing-two-of-dropout": lambda: Passing(Dropout(GRU(D, H), 0.4), width=2),
    "memoryless": lambda: Memoryless(LSTM(D, H)),
    "frames": lambda: Frames(LSTM(3 * D, H), count=3),
    "onnx-rnn": lambda: OnnxRNN(D, H, activations=read_activations(["Softsign"]), clip=2.0),
    "onnx-lstm": lambda: OnnxLSTM(D, H, clip=2.0),
    "onnx-lstm-coupled": lambda: OnnxLSTM(D, H, input_forget=True),
    "onnx-gru": lambda: OnnxGRU(D, H),
    "onnx-gru-linear": lambda: OnnxGRU(D, H, linear_before_reset=True),
    "attention-cell-shown": lambda: AttentionCell(LSTM(D + H, 6), Luong(6, H), shown=9),
    "gated-attention": lambda: GatedAttention(Bahdanau(D, H, 6)),
    "attention-cell": lambda: AttentionCell(LSTM(D + H, 6), GaussianWindow(6, H, 2)),
}
"Combinators, and forms of cells; one under a cell's own name stands for it, with sizes that all differ."


def small(name: str) -> Callable[[], Recurrent[Any]]:
    """Return what makes the cell of that name, small. Raises `UsageError` when called, where there is none."""

    def make() -> Recurrent[Any]:
        return cast(Callable[[int, int], Recurrent[Any]], registry.find("cells", name))(D, H)

    return make


RECURRENCES = {**{name.replace("_", "-"): small(name) for name in registry.names("cells")}, **FORMS}
"Every cell that is installed, by its name with hyphens, and every form."
