"""Every recurrence keeps every law, on every kernel: a new cell adds a line to `CELLS` and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from statewise.cells import (
    GRU,
    LSTM,
    AttentionCell,
    Bahdanau,
    Chain,
    ConcatSkip,
    Conditioned,
    Dropout,
    Elman,
    Feedback,
    GaussianWindow,
    LayerNorm,
    Learned,
    Luong,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
    Zoneout,
)
from statewise.testing import LAWS, check_cell

D, H = 5, 4  # and T=7, B=3 within: all different, so that a transposed axis fails
CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "elman": lambda: Elman(D, H),
    "elman-relu": lambda: Elman(D, H, activation="relu"),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
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
    "zoneout": lambda: Zoneout(LSTM(D, H), 0.4),
    "zoneout-in-evaluation": lambda: Zoneout(LSTM(D, H), 0.4).eval(),
    "zoneout-of-a-stack": lambda: Residual(Dropout(Zoneout(Chain(GRU(D, 6), GRU(6, D)), 0.4), 0.4)),
    "weight-drop": lambda: WeightDrop(LSTM(D, H), 0.4),
    "weight-drop-in-evaluation": lambda: WeightDrop(LSTM(D, H), 0.4).eval(),
    "weight-drop-of-a-chain": lambda: Dropout(WeightDrop(Chain(GRU(D, 6), Elman(6, H)), 0.4), 0.4),
    "learned": lambda: Learned(LSTM(D, H)),
    "learned-inside": lambda: VariationalDropout(Learned(Zoneout(Chain(GRU(D, H)), 0.4)), 0.4),
    "conditioned": lambda: Conditioned(LSTM(D, H), width=2),
    "bahdanau": lambda: Bahdanau(D, H, 6),
    "luong-dot": lambda: Luong(D, D, score="dot"),
    "luong-general": lambda: Luong(D, H),
    "gaussian-window": lambda: GaussianWindow(D, H, 2),
    "attention-cell": lambda: AttentionCell(LSTM(D + H, 6), GaussianWindow(6, H, 2)),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrence_keeps_the_law(cell: str, law: int) -> None:
    assert check_cell(CELLS[cell], laws=[law])[law].holds
