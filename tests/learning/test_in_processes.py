"""A learner in several processes: the same training as in one, with the rows shared."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain
from statewise.data.window import Window
from statewise.distributed import Ranks, own_rows
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

T, B, D, H, V = 7, 6, 5, 4, 8
PLAIN: dict[str, Any] = {"epochs": 3, "warmup": 2, "learning_rate": 0.02, "precision": "64-true", "sequence_length": T}
InProcesses = Callable[[int, Callable[[Ranks], Any]], list[Any]]
Kept = dict[str, str]


def make_windows(count: int = 5) -> list[Window]:
    codes = torch.randint(V, (count * T + 1, B), generator=torch.Generator().manual_seed(1))
    mask = torch.rand(T, B, generator=torch.Generator().manual_seed(2)) > 0.4
    pieces = [codes[i * T : (i + 1) * T + 1] for i in range(count)]
    return [Window(piece[:-1], piece[1:], mask=mask if i == 1 else None) for i, piece in enumerate(pieces)]


def make_learner(ranks: Ranks, *, dropout: float = 0.0, spoilt: int | None = None, **how: Any) -> Learner:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Embedding(V, D), nn.Dropout(dropout))
    model: Model[Tensor] = Model(encoder, Chain(LSTM(D, H), GRU(H, 2)), Categorical(2, V))
    windows = make_windows()
    if spoilt is not None:
        features = [nn.functional.one_hot(window.inputs, V).double() for window in windows]
        features[2][3, spoilt] = float("nan")
        windows = [window._replace(inputs=inputs) for window, inputs in zip(windows, features, strict=True)]
        model = Model(nn.Linear(V, D), Chain(LSTM(D, H), GRU(H, 2)), Categorical(2, V))
    torch.manual_seed(ranks.rank)
    return Learner(model.double(), own_rows(windows, ranks), Recipe(**{**PLAIN, **how}), ranks)


def as_text(files: dict[str, bytes]) -> Kept:
    place = {**json.loads(files["place.json"]), "seconds": 0}
    return {name: base64.b64encode(content).decode() for name, content in files.items()} | {"place.json": str(place)}


def curve(in_processes: InProcesses, count: int, **how: Any) -> list[tuple[float, float, int]]:
    def work(ranks: Ranks) -> Any:
        learner = make_learner(ranks, **how)
        told = []
        while not learner.is_done:
            updated = learner.update()
            told.append((updated.nats, updated.norm, updated.places))
        return told, as_text(learner.snapshot())

    told = in_processes(count, work)
    assert all(each == told[0] for each in told)
    curve_: list[tuple[float, float, int]] = told[0][0]
    return curve_


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"accumulate": 2, "segment": 3},
        {"sequence_length": 2 * T, "stride": T, "shuffle": 2},
        {"vary": 1.0, "optimizer": "sgd"},
    ],
    ids=str,
)
def test_several_processes_have_the_loss_curve_of_one(in_processes: InProcesses, how: dict[str, Any]) -> None:
    alone = curve(in_processes, 1, **how)
    assert len(alone) == 3 * (5 // how.get("accumulate", 1))
    for count in (2, 3):
        torch.testing.assert_close(curve(in_processes, count, **how), alone, rtol=1e-9, atol=1e-12)


def test_the_rows_must_be_shared_alike() -> None:
    with pytest.raises(UsageError, match="a batch of 6 cannot be split into 4 equal parts"):
        make_learner(Ranks(0, 4))


@pytest.mark.parametrize("count", [2, 3])
def test_a_snapshot_of_all_goes_on_bit_for_bit_at_every_update(in_processes: InProcesses, count: int) -> None:
    how: dict[str, Any] = {"dropout": 0.3, "shuffle": 2, "vary": 1.0, "precision": "32-true"}

    def work(ranks: Ranks) -> Any:
        one = make_learner(ranks, **how)
        kept, told = [], []
        while not one.is_done:
            kept.append(one.snapshot())
            told.append(one.update().nats)
        last, wrong = as_text(one.snapshot()), 0
        for begin, files in enumerate(kept[:: 1 if count == 2 else 4]):
            other = make_learner(ranks, **how)
            other.update()
            other.restore(files)
            again = [other.update().nats for _ in told[begin * (1 if count == 2 else 4) :]]
            wrong += again != told[len(told) - len(again) :] or as_text(other.snapshot()) != last
        return wrong

    assert in_processes(count, work) == [0] * count


def test_a_training_goes_on_with_another_number_of_processes(in_processes: InProcesses) -> None:
    def begun(ranks: Ranks) -> Kept:
        learner = make_learner(ranks)
        for _ in range(7):
            learner.update()
        return {name: base64.b64encode(content).decode() for name, content in learner.snapshot().items()}

    def ended(kept: Kept) -> Any:
        def work(ranks: Ranks) -> list[float]:
            learner = make_learner(ranks)
            learner.restore({name: base64.b64decode(content) for name, content in kept.items()})
            return [learner.update().nats for _ in range(8)]

        return work

    alone = curve(in_processes, 1)
    for first, then in ((1, 2), (2, 3), (3, 1)):
        kept = in_processes(first, begun)[0]
        for told in in_processes(then, ended(kept)):
            torch.testing.assert_close(told, [nats for nats, _, _ in alone[7:]], rtol=1e-9, atol=1e-12)


def test_what_one_process_cannot_use_is_undone_by_all_and_named_with_its_row_among_all(
    in_processes: InProcesses,
) -> None:
    def work(ranks: Ranks) -> Any:
        learner = make_learner(ranks, spoilt=4)
        learner.update()
        learner.update()
        before = as_text(learner.snapshot())
        try:
            learner.update()
        except NotFinite as spoiled:
            return str(spoiled), as_text(learner.snapshot()) == before
        return "not noticed", False

    assert in_processes(3, work) == [["update 3 was undone: input is nan at step 3 of row 4", True]] * 3
