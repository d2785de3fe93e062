"""A network of two: a reader from both ends, and a writer that attends to what was read.

What is read is called the source, and what is written the target.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.cells import AttentionCell, Bahdanau, Conditioned, Luong
from statewise.data.pairs.subwords import START
from statewise.data.window import Padded, Window
from statewise.encoders import Table, TwoWay, WordDropout
from statewise.heads import DeepOutput
from statewise.model import Model, evaluating
from statewise.state import select_rows
from statewise.task import stacked_core


class ReaderWriter(NamedTuple):
    """The settings of the network. Widths: `embedding` of a subword, `hidden` of the writer and of each way of reading.

    `is_tied` writes a word by the vector that it is read by; `words` and `values` are the rates of dropout.
    """

    cell: str
    embedding: int
    hidden: int
    layers: int
    attention: str
    is_tied: bool
    words: float
    values: float
    smooths: bool


def reader_and_writer(network: ReaderWriter, source: int, target: int, *, shared: bool) -> Model[Tensor]:
    """Return an untrained model of so many subwords of the source and of the target.

        m = read(x_1 ... x_S)        h_t = cell(y_(t-1), g_(t-1))        g_t = attention(h_t, m)
        p(y_t) = softmax(E tanh(W (h_t, g_t)))        h_0 = W_0 mean(m)

    Where subwords are shared, so is the table that they are read by.
    """
    table = Table(target, network.embedding)
    nn.init.normal_(table.weight, std=network.embedding**-0.5)  # what is tied is a matrix of odds, too
    written = WordDropout(table, network.words, network.values)
    read = written if shared else WordDropout(Table(source, network.embedding), network.words, network.values)
    reader = TwoWay(source, network.hidden, network.cell, table=read, dropout=network.values)
    memory = reader.features
    attention = (
        Bahdanau(network.hidden, memory, network.hidden)
        if network.attention == "additive"
        else Luong(network.hidden, memory)
    )
    inner = stacked_core(network.cell, network.embedding + memory, network.hidden, network.layers)
    core = AttentionCell(Conditioned(inner, memory), attention)
    how: dict[str, Any] = {"dropout": network.values, "smoothing": network.smooths}
    head = DeepOutput(core.units, target, network.embedding, table=table if network.is_tied else None, **how)
    return Model(written, core, head, reader)


def opened(model: Model[Any], sources: Sequence[Sequence[int]]) -> Any:
    """Return the state after some sources, which are codes, before the first word of their targets."""
    device = next(model.parameters()).device
    read = Padded.of([torch.tensor(list(source), dtype=torch.long) for source in sources])
    return model.begin(len(sources), Padded(read.values.to(device), read.mask.to(device)))


class ScoredTarget(NamedTuple):
    """What a target of T codes, the end among them, costs in nats `[T]`, and what each looked at, `[T, S]`."""

    nats: Tensor
    alignment: Tensor


@torch.no_grad()
def told(model: Model[Any], source: Sequence[int], target: Sequence[int]) -> ScoredTarget:
    """Return what a target, whose last code is its end, costs, and what it looked at.

    >>> from statewise.tasks.shared.reader_writer import ReaderWriter, reader_and_writer
    >>> model = reader_and_writer(ReaderWriter("gru", 4, 4, 1, "general", True, 0.0, 0.0, False), 9, 9, shared=True)
    >>> [part.shape for part in told(model, [5, 6, 2], [7, 2])]
    [torch.Size([2]), torch.Size([2, 3])]
    """
    core: Any = model.core
    device, nats, alignment = next(model.parameters()).device, [], []
    with evaluating(model):
        state = opened(model, [source])
        for read, wanted in zip([START, *target[:-1]], target, strict=True):
            y, state = core.step(model.encoder(torch.tensor([read], device=device)), state)
            nats.append(model.head.nats(model.head(y), torch.tensor([wanted], device=device))[0].cpu())
            alignment.append(core.attention.align(y[:, : core.attention.features], state.attention)[0].cpu())
    return ScoredTarget(torch.stack(nats), torch.stack(alignment))


ROWS = 128
"How many targets are scored at once: those of like lengths."


@torch.no_grad()
def nats_of(
    model: Model[Any], sources: Sequence[Sequence[int]], which: Sequence[int], targets: Sequence[Sequence[int]]
) -> list[float]:
    """Return what each target, whose last code is its end, costs after the source of that number, in nats.

    >>> from statewise.tasks.shared.reader_writer import ReaderWriter, reader_and_writer
    >>> model = reader_and_writer(ReaderWriter("gru", 4, 4, 1, "general", True, 0.0, 0.0, False), 9, 9, shared=True)
    >>> both = nats_of(model, [[5, 6, 2], [2]], [1, 0], [[7, 2], [7, 8, 2]])
    >>> abs(both[1] - float(told(model, [5, 6, 2], [7, 8, 2]).nats.sum())) < 1e-4
    True
    """
    found = [0.0] * len(targets)
    order = sorted(range(len(targets)), key=lambda number: len(targets[number]))
    with evaluating(model):
        state = opened(model, sources)
        device = next(model.parameters()).device
        for begin in range(0, len(order), ROWS):
            numbers = order[begin : begin + ROWS]
            wanted = Padded.of([torch.tensor(list(targets[number])) for number in numbers])
            inputs = torch.cat([torch.full((len(numbers), 1), START), wanted.values[:, :-1]], dim=1).T.to(device)
            values = wanted.values.T.to(device)
            rows = select_rows(state, torch.tensor([which[number] for number in numbers], device=device))
            params, _ = model.scan(Window(inputs, values), rows)
            nats = (model.head.nats(params, values).cpu().double() * wanted.mask.T).sum(dim=0)
            for number, one in zip(numbers, nats.tolist(), strict=True):
                found[number] = one
    return found
