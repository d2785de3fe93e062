"""A context begins the rows that begin with it, and what reads it learns with the rest of the model."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, AttentionCell, Bahdanau, Bidirectional, Conditioned, GaussianWindow
from statewise.cells.attention_memory import AttentionMemory
from statewise.data.window import Padded, Window
from statewise.distributed import Ranks, own_rows
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.scoring import score
from statewise.learning.segments import read_in_segments
from statewise.model import Model, Opening
from statewise.run.recipe import Recipe

T, B, D, H, V, S = 7, 3, 5, 4, 6, 8
PLAIN: dict[str, Any] = {
    "updates": 6,
    "warmup": 0,
    "schedule": "constant",
    "learning_rate": 0.05,
    "precision": "64-true",
}


class Table(nn.Module):
    """A speaker's number to a vector, with a term that pulls the vectors to zero."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(9, 2)

    def forward(self, speaker: Tensor) -> Opening:
        vectors = self.vectors(speaker)
        return Opening(vectors, {"size": vectors.square().sum(dim=-1)})


class TwoWay(nn.Module):
    """Words of another sequence to a memory."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, D)
        self.read = Bidirectional(GRU(D, 1), GRU(D, 2))

    def forward(self, words: Padded) -> AttentionMemory:
        ys, _ = self.read.scan(self.embedding(words.values.T), mask=words.mask.T)
        return AttentionMemory(ys.transpose(0, 1), words.mask)


def speakers() -> Tensor:
    return torch.tensor([4, 0, 7])


def sentences() -> Padded:
    return Padded.of([torch.arange(8), torch.tensor([5]), torch.tensor([3, 8, 1])])


def make(kind: str) -> tuple[Model[Tensor], Any]:
    torch.manual_seed(0)
    encoder, head = nn.Embedding(V, D), Categorical
    if kind == "conditioned":
        return Model(encoder, Conditioned(LSTM(D, H), 2), head(H, V), Table()).double(), speakers()
    attention = Bahdanau(H, 3, 2) if kind == "attention" else GaussianWindow(H, 3, 2)
    return Model(encoder, AttentionCell(LSTM(D + 3, H), attention), head(H + 3, V), TwoWay()).double(), sentences()


def make_window(context: Any, number: int = 0, *, begins: tuple[int, ...] = (0, 0, 0), **more: Any) -> Window:
    codes = torch.randint(V, (T + 1, B), generator=torch.Generator().manual_seed(number))
    reset = torch.zeros(T, B, dtype=torch.bool)
    for row, step in enumerate(begins):
        reset[step, row] = True
    return Window(codes[:-1], codes[1:], reset=reset, context=context, **more)


KINDS = ["conditioned", "attention", "window"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_update_changes_every_weight_that_reads_the_context(kind: str) -> None:
    model, context = make(kind)
    reading = {name: weight.clone() for name, weight in model.named_parameters() if "head" not in name}
    Learner(model, [make_window(context)], Recipe(**PLAIN)).update()
    same = {name for name, was in reading.items() if torch.equal(model.get_parameter(name), was)}
    assert same <= {"core.attention.bias"} if kind == "attention" else not same


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_begin_within_a_window_begin_from_its_context(kind: str) -> None:
    model, context = make(kind)
    window = make_window(context, begins=(0, 4, 2))
    _, carried = model.scan(make_window(context, 9), model.begin(B))
    logits, _ = model.scan(window, carried)
    for row, step in enumerate((0, 4, 2)):
        alone = window.of_rows(slice(row, row + 1)).cut(step, T)
        again, _ = model.scan(alone, model.begin(1))
        torch.testing.assert_close(logits[step:, row : row + 1], again)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_goes_on_does_not_heed_the_context(kind: str) -> None:
    model, context = make(kind)
    _, carried = model.scan(make_window(context, 9), model.begin(B))
    going_on = make_window(context)._replace(reset=torch.zeros(T, B, dtype=torch.bool))
    without = going_on._replace(context=None, reset=None)
    torch.testing.assert_close(model.scan(going_on, carried)[0], model.scan(without, carried)[0])


def test_a_context_without_resets_begins_every_row() -> None:
    model, context = make("conditioned")
    window = make_window(context)
    assert torch.equal(
        model.scan(window, model.begin(B))[0], model.scan(window._replace(reset=None), model.begin(B))[0]
    )


def test_a_sleeping_row_does_not_begin() -> None:
    model, context = make("attention")
    mask = torch.ones(T, B, dtype=torch.bool)
    mask[:, 1] = False
    _, carried = model.scan(make_window(context, 9), model.begin(B))
    _, state = model.scan(make_window(context, mask=mask), carried)
    assert torch.equal(state.cell.hidden[1], carried.cell.hidden[1])


@pytest.mark.parametrize("kind", KINDS)
def test_other_contexts_give_other_scores(kind: str) -> None:
    model, context = make(kind)
    other = context.flip(0) if kind == "conditioned" else Padded(context.values.flip(0), context.mask.flip(0))
    one, two = ([loss for _, loss in score(model, [make_window(c)])][-1] for c in (context, other))
    assert abs(float(one.nats - two.nats)) > 1e-3


def test_a_context_for_a_core_that_reads_none_is_refused() -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V))
    with pytest.raises(UsageError, match="a context was given but the LSTM begins without one"):
        Learner(model, [make_window(torch.zeros(B, 2))], Recipe(updates=1)).update()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("segment", [1, 3])
def test_segments_give_the_gradient_of_the_whole(kind: str, segment: int) -> None:
    gradients = []
    for steps in (0, segment):
        model, context = make(kind)
        window = make_window(context, begins=(0, 4, 2))
        loss, _ = read_in_segments(model, window, model.begin(B), steps)
        terms = sum((term.sum for term in loss.terms.values()), torch.zeros(()))
        (loss.nats + 3 * terms).backward()  # type: ignore[no-untyped-call]
        gradients.append([weight.grad for weight in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_training_is_the_same_bit_for_bit(kind: str) -> None:
    model, context = make(kind)
    windows = [make_window(context, n, begins=(0, n, 2)) for n in range(4)]
    learner = Learner(model, windows, Recipe(**PLAIN))
    kept = {}
    for _ in range(6):
        learner.update()
        kept[learner.update_number] = learner.snapshot()
    again = Learner(make(kind)[0], windows, Recipe(**PLAIN))
    again.restore(kept[3])
    for _ in range(3):
        again.update()
    ours, theirs = again.snapshot(), kept[6]
    assert {n: ours[n] for n in ours if n != "place.json"} == {n: theirs[n] for n in theirs if n != "place.json"}


@pytest.mark.parametrize("kind", KINDS)
def test_processes_share_the_rows_of_contexts(kind: str, in_processes: Any) -> None:
    def work(ranks: Ranks) -> Any:
        model, context = make(kind)
        windows = own_rows([make_window(context, n, begins=(0, n, 2)) for n in range(2)], ranks)
        learner = Learner(model, windows, Recipe(**PLAIN), ranks)
        told = [learner.update() for _ in range(3)]
        return [[one.nats, one.norm, *(one.terms or {}).values()] for one in told]

    alone = work(Ranks())
    together = in_processes(3, work)
    torch.testing.assert_close(torch.tensor(together[0]), torch.tensor(alone))


def test_terms_are_of_the_rows_that_begin_and_are_weighed_by_the_recipe() -> None:
    class Weighed(Recipe):
        def weighed(self, name: str, term: Tensor, update: int, fraction: float) -> Tensor:
            return term * (10 if update else 0)

    model, context = make("conditioned")
    first = model.get_parameter("reader.vectors.weight").detach().clone()
    no_gradient = torch.zeros(T, B, dtype=torch.bool)
    window = make_window(context, begins=(0, 0, 2), scored=no_gradient)
    window = window._replace(scored=no_gradient.index_fill(0, torch.tensor([1]), True))
    learner = Learner(model, [window], Weighed(**{**PLAIN, "optimizer": "sgd", "clip": 0.0, "momentum": 0.0}))
    updated = learner.update()
    assert updated.terms is not None
    assert updated.terms["size"] == pytest.approx(float(first[context].square().sum(dim=-1).mean()))
    before = model.get_parameter("reader.vectors.weight").detach().clone()
    learner.update()
    moved = model.get_parameter("reader.vectors.weight").detach() - before
    pulled = -0.05 * 10 * 2 * before[context] / B
    assert float((moved[context] - pulled).norm()) < 0.1 * float(pulled.norm())


def test_what_is_not_scored_is_read_but_has_no_loss_and_no_gradient() -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V))
    plain = make_window(None)
    scored = torch.zeros(T, B, dtype=torch.bool)
    scored[-1] = scored[3, 1] = True
    read: list[int] = []
    model.head.register_forward_hook(lambda head, given, made: read.append(len(given[0])))
    loss, state = model.loss(plain._replace(scored=scored), model.begin(B))
    logits, last = model.scan(plain, model.begin(B))
    wanted = nn.functional.cross_entropy(logits[scored], plain.targets[scored], reduction="sum")
    torch.testing.assert_close(loss.nats, wanted)
    torch.testing.assert_close(state, last)
    assert (int(loss.places), read[0]) == (4, 2)


def test_scored_and_mask_are_both_heeded() -> None:
    mask, scored = torch.ones(T, B, dtype=torch.bool), torch.ones(T, B, dtype=torch.bool)
    mask[5:, 0] = scored[:3] = False
    places = make_window(None, mask=mask, scored=scored).places
    assert places is not None
    assert int(places.sum()) == 4 * 3 - 2
