"""A window may be cut, joined and shared out by rows, whatever its targets and context are made of."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import LSTM
from statewise.data.window import Padded, Window, joined
from statewise.errors import UsageError
from statewise.heads import Categorical, Gaussian, Head, Loss
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

T, B, D, H, V = 7, 3, 5, 4, 6


class Both(NamedTuple):
    """Two targets of one step."""

    kind: Tensor
    size: Tensor


class TwoHeads(Head[Any]):
    """A kind and a size."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.parts = H, nn.ModuleList([Categorical(H, V), Gaussian(H)])

    def forward(self, features: Tensor) -> Any:
        return tuple(part(features) for part in self.parts)

    def loss(self, params: Any, targets: Any, mask: Tensor | None = None) -> Loss:
        heads: Any = self.parts
        kind, size = (head.loss(p, wanted, mask) for head, p, wanted in zip(heads, params, targets, strict=True))
        return Loss(kind.nats + size.nats, kind.places)

    def sample(self, params: Any, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Any:
        heads: Any = self.parts
        return Both(*(head.sample(p, temperature=temperature) for head, p in zip(heads, params, strict=True)))


class WholeRows(Head[Any]):
    """The mean output of a row should say how many labels it has: stands for CTC, whose labels have no steps."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.out = H, nn.Linear(H, 1)

    def forward(self, features: Tensor) -> Any:
        return self.out(features)

    def loss(self, params: Any, targets: Any, mask: Tensor | None = None) -> Loss:
        nats = (params.mean(dim=0).squeeze(-1) - targets.lengths).square()
        return Loss(nats.sum(), torch.tensor(len(nats)))

    def sample(self, params: Any, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Any:
        return params


def make_window(**more: Any) -> Window:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(T, B, D, generator=draw)
    targets = Both(torch.randint(V, (T, B), generator=draw), torch.randn(T, B, generator=draw))
    return Window(inputs, targets, **more)


def labelled() -> Window:
    return make_window()._replace(targets=Padded.of([torch.tensor([3, 1]), torch.tensor([2]), torch.arange(1, 5)]))


def test_targets_of_several_parts_are_cut_and_joined_with_the_rest() -> None:
    mask, scored = torch.rand(2, T, B) > 0.3
    window = make_window(mask=mask, scored=scored, reset=mask & scored)
    again = joined([window.cut(0, 2), window.cut(2, 3), window.cut(3, T)])
    flat = [*again[:1], *again.targets, *(again.mask, again.reset, again.scored)]
    wanted = [window.inputs, *window.targets, mask, window.reset, scored]
    assert all(torch.equal(one, other) for one, other in zip(flat, wanted, strict=True))
    assert type(again.targets) is Both


def test_flags_that_only_some_pieces_have_are_filled_in() -> None:
    window = make_window()
    whole = joined([window, window._replace(scored=torch.zeros(T, B, dtype=torch.bool))])
    assert whole.scored is not None
    assert whole.scored[:T].all()
    assert not whole.scored[T:].any()


def test_rows_of_every_part_are_shared_out_alike() -> None:
    window = make_window(context=(torch.arange(B), Padded.of([torch.ones(n) for n in (1, 3, 2)])), state=torch.eye(B))
    own = window.of_rows(slice(1, 3))
    assert (own.rows, own.steps) == (2, T)
    assert torch.equal(own.targets.kind, window.targets.kind[:, 1:])
    assert own.context[0].tolist() == [1, 2]
    assert own.context[1].lengths.tolist() == [3, 2]
    assert torch.equal(own.state, torch.eye(B)[1:])
    labels = labelled().of_rows(slice(2, 3)).targets
    assert labels.values.tolist() == [[1, 2, 3, 4]]


def test_a_piece_in_the_middle_begins_no_row_and_keeps_no_state() -> None:
    window = make_window(context=torch.arange(B), state=torch.eye(B))
    first, rest = window.cut(0, 3), window.cut(3, T)
    assert first.begins[0].all()
    assert first.state is not None
    assert not rest.begins.any()
    assert rest.state is None


def test_labels_of_whole_rows_are_not_cut_in_time() -> None:
    window = labelled()
    assert window.is_labelled
    assert window.cut(0, T) is window
    with pytest.raises(UsageError, match="cannot be cut in time"):
        window.cut(0, 3)
    with pytest.raises(UsageError, match="cannot be cut in time"):
        joined([window, window])


@pytest.mark.parametrize("window", [make_window(), labelled()], ids=["two targets", "labels"])
def test_a_learner_learns_whatever_the_targets_are(window: Window) -> None:
    torch.manual_seed(0)
    head = WholeRows() if window.is_labelled else TwoHeads()
    model: Model[Any] = Model(nn.Identity(), LSTM(D, H), head)
    learner = Learner(model, [window], Recipe(updates=60, warmup=0, learning_rate=0.05))
    losses = [learner.update().nats for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_window_that_brings_its_state_is_read_from_it() -> None:
    torch.manual_seed(0)
    model: Model[Any] = Model(nn.Identity(), LSTM(D, H), TwoHeads())
    _, carried = model.scan(make_window(), model.begin(B))
    one, _ = model.loss(make_window(), carried)
    other, _ = model.loss(make_window(state=carried), model.begin(B))
    assert torch.equal(one.nats, other.nats)


def test_no_sequence_at_all_is_not_padded() -> None:
    with pytest.raises(UsageError, match="no sequence was given to be padded: give one or more"):
        Padded.of([])
