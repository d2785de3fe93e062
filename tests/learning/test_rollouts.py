"""A learner that makes its windows by acting: with the present weights, each rollout read once, resumed exactly."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU
from statewise.data.window import Window
from statewise.distributed import Ranks
from statewise.errors import RunError, UsageError
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.rollouts import ROLLOUTS, Collector
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import leaves, read_tensors, rebuild, write_tensors

T, B, H, V = 7, 3, 4, 6
PLAIN: dict[str, Any] = {"updates": 8, "warmup": 0, "learning_rate": 0.05, "precision": "64-true"}


class Echo(Collector):
    """An environment that answers a choice by the same choice: what is learned is to say again what one said."""

    rows, size = B, 2

    def __init__(self, model: Model[Tensor]) -> None:
        self.last = torch.zeros(B, dtype=torch.long)
        self.like = model.begin(B)
        self.state = self.like
        self.collected: list[Tensor] = []
        self.fails_at = -1

    def collect(self, model: Model[Any], draw: torch.Generator) -> dict[str, Tensor]:
        assert not model.training
        begin, state, told = self.state, self.state, [self.last]
        for step in range(2 * T):
            logits, state = model.step(told[-1], state)
            told.append(model.head.sample(logits, generator=draw))
            self.last = told[-1]
            if len(self.collected) == self.fails_at and step == T:
                raise KeyboardInterrupt
        self.state = state
        self.collected.append(torch.stack(told))
        return {"told": self.collected[-1], **{f"state{n}": leaf for n, leaf in enumerate(leaves(begin))}}

    def windows(self, rollout: Mapping[str, Tensor], draw: np.random.Generator) -> Sequence[Window]:
        told = rollout["told"]
        begin = rebuild(self.like, [rollout[f"state{n}"] for n in range(len(leaves(self.like)))])
        pieces = [told[:T], told[T : 2 * T]]
        windows = [Window(pieces[0], told[1 : T + 1], state=begin), Window(pieces[1], told[T + 1 :])]
        return [windows[n] for n in draw.permutation(2)]

    def save(self) -> dict[str, Tensor]:
        return {"last": self.last, **{f"state{n}": leaf for n, leaf in enumerate(leaves(self.state))}}

    def load(self, saved: Mapping[str, Tensor]) -> None:
        if "last" not in saved:
            raise RunError("no environment was saved")
        self.last = saved["last"]
        self.state = rebuild(self.like, [saved[f"state{n}"] for n in range(len(leaves(self.like)))])


def make_learner(ranks: Ranks | None = None, **how: Any) -> tuple[Learner, Echo]:
    torch.manual_seed(0)
    model = Model(nn.Embedding(V, 5), GRU(5, H), Categorical(H, V)).double()
    echo = Echo(model)
    return Learner(model, echo, Recipe(**{**PLAIN, **how}), ranks), echo


def test_each_rollout_is_made_with_the_weights_as_they_are_then() -> None:
    learner, echo = make_learner()
    told = [learner.update().nats for _ in range(8)]
    assert len(echo.collected) == 4
    assert all(torch.isfinite(torch.tensor(told)))
    same, other = make_learner()
    same.update()
    assert torch.equal(other.collected[0], echo.collected[0])
    with torch.no_grad():
        same.model.get_parameter("head.bias")[0] += 9
    same.update()
    same.update()
    assert float((other.collected[1] == 0).double().mean()) > float((echo.collected[1] == 0).double().mean())


@pytest.mark.parametrize("begin", range(8))
def test_training_by_acting_is_resumed_bit_for_bit(begin: int) -> None:
    learner, _ = make_learner()
    for _ in range(begin):
        learner.update()
    kept = learner.snapshot()
    while not learner.is_done:
        learner.update()
    again, _ = make_learner()
    again.restore(kept)
    while not again.is_done:
        again.update()
    ours, theirs = again.snapshot(), learner.snapshot()
    assert {n: ours[n] for n in ours if n != "place.json"} == {n: theirs[n] for n in theirs if n != "place.json"}


def test_an_interrupt_in_the_middle_of_acting_leaves_the_environments_as_they_were() -> None:
    learner, echo = make_learner()
    for _ in range(2):
        learner.update()
    echo.fails_at = 1
    kept = echo.save()
    with pytest.raises(KeyboardInterrupt):
        learner.update()
    assert all(torch.equal(one, kept[name]) for name, one in echo.save().items())
    echo.fails_at = -1
    plain, _ = make_learner()
    for _ in range(3):
        plain.update()
    learner.update()
    assert learner.snapshot()["weights.safetensors"] == plain.snapshot()["weights.safetensors"]


def test_a_snapshot_without_rollouts_is_refused() -> None:
    learner, _ = make_learner()
    files = learner.snapshot()
    del files["rollouts.safetensors"]
    with pytest.raises(Exception, match=r"rollouts\.safetensors"):
        learner.restore(files)


def without(files: dict[str, bytes], file: str, name: str) -> dict[str, bytes]:
    """Return a snapshot of which a file has no tensor of that name; of rollouts, the part of process 0 has none."""
    tensors, words = read_tensors(files[file], file)
    if file == ROLLOUTS:
        part, _ = read_tensors(tensors["0"].numpy().tobytes(), file)
        content = write_tensors({key: value for key, value in part.items() if key != name})
        tensors["0"] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    kept = {key: value for key, value in tensors.items() if key != name}
    return {**files, file: write_tensors(kept, words)}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("optimizer.safetensors", "head.bias/exp_avg"),
        (ROLLOUTS, "rollout.told"),
        (ROLLOUTS, "environment.last"),
        (ROLLOUTS, "environment.state0"),
        (ROLLOUTS, "number"),
    ],
)
def test_a_snapshot_that_is_refused_changes_neither_environments_nor_learner(file: str, name: str) -> None:
    learner, _ = make_learner()
    for _ in range(3):
        learner.update()
    other, _ = make_learner()
    for _ in range(5):
        other.update()
    before = learner.snapshot()
    with pytest.raises(RunError):
        learner.restore(without(other.snapshot(), file, name))
    assert learner.snapshot() == before
    while not learner.is_done:
        learner.update()
    plain, _ = make_learner()
    while not plain.is_done:
        plain.update()
    assert learner.snapshot()["weights.safetensors"] == plain.snapshot()["weights.safetensors"]


def test_updates_do_not_cross_rollouts() -> None:
    with pytest.raises(UsageError, match="for accumulate a divisor of 2"):
        make_learner(accumulate=3)


def test_processes_act_apart_and_learn_together(in_processes: Callable[..., Any]) -> None:
    def work(ranks: Ranks) -> Any:
        learner, echo = make_learner(ranks)
        nats = [learner.update().nats for _ in range(4)]
        return nats, echo.collected[1].tolist()

    (one, first), (other, second) = in_processes(2, work)
    assert one == other
    assert first != second
