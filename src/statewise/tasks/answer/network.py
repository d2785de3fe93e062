"""The networks that answer questions about stories: a reader of the story, and a cell that looks at what was read."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from statewise.cells import AttentionCell, AttentionMemory, Conditioned, Luong, QueryReduction
from statewise.data.window import Padded
from statewise.encoders import CodesAndNumbers, Table
from statewise.heads import Categorical
from statewise.model import Model, Opening
from statewise.task import stacked_core
from statewise.tasks.answer.passage_features import NUMBERS
from statewise.tasks.answer.passage_features import TAGS as PASSAGE_TAGS
from statewise.tasks.answer.table_codec import AHEAD, TAGS

Reader = Literal["reasoner", "attention", "words"]
TABLE_WIDTH = 32
"Numbers that stand for a word of a question about a table."
PASSAGE_WIDTH = 24
"Numbers that stand for a word of a passage, at most."
SUPPORT = "support"
"The name of the term of the loss by which a reasoner learns which sentences an answer follows from."


class StoryContext(NamedTuple):
    """What is read: sentences `[B, S, W]` of codes, questions `[B, W]`, and `[B, S]` which sentences support it.

    Rows of which nothing is known have no support at all, and learn nothing from it.
    """

    sentences: Any
    question: Any
    support: Any


class StoryNetwork(NamedTuple):
    """The settings of the network: its widths, how many layers reason, and how often it looks at the story."""

    reader: Reader
    cell: str
    words: int
    answers: int
    widest: int
    longest: int
    width: int
    layers: int
    hops: int
    dropout: float


class Sentences(nn.Module):
    """A vector for each sentence: those of its words, weighed by where they stand, summed.

        s = sum_j l_j * E[w_j]

    `l` is learned, and begins as the position encoding of Sukhbaatar et al. 2015, section 4.1.
    """

    def __init__(self, words: int, width: int, widest: int) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width, padding_idx=0)
        place, unit = torch.arange(1, widest + 1).unsqueeze(1) / widest, torch.arange(1, width + 1) / width
        self.places = nn.Parameter((1 - place) - unit * (1 - 2 * place))
        with torch.no_grad():
            self.table.weight[1:].normal_(std=0.4)

    def forward(self, codes: Tensor) -> Tensor:
        """Return `[..., D]` of codes `[..., W]`, zeros where there is no word."""
        weighed: Tensor = self.table(codes) * self.places[: codes.shape[-1]]
        return weighed.sum(dim=-2)


class AttentionReader(nn.Module):
    """Each sentence by itself, and how many come after it: what an attention looks at, next to the question."""

    def __init__(self, network: StoryNetwork) -> None:
        super().__init__()
        self.sentences = Sentences(network.words, network.width, network.widest)
        self.ages = nn.Parameter(torch.randn(network.longest, network.width) * 0.1)
        self.dropout = nn.Dropout(network.dropout)

    def forward(self, context: StoryContext) -> AttentionMemory:
        """Return the memory of stories, `[B, S, 2 D]`."""
        (codes, mask), question = context.sentences, self.sentences(context.question)
        age = (mask.sum(dim=1, keepdim=True) - 1 - torch.arange(mask.shape[1], device=mask.device)).clamp(min=0)
        facts = self.dropout(self.sentences(codes) + self.ages[age.clamp(max=len(self.ages) - 1)])
        return AttentionMemory(torch.cat([facts, question.unsqueeze(1).expand_as(facts)], dim=-1), mask)


class Reasoner(nn.Module):
    """Layers that reduce the question fact by fact, from both ends, the last one from the beginning alone.

    q_1 = q        q_(k+1) = reduced from the beginning by layer k + reduced from the end        Source: Seo et al. 2017
    """

    def __init__(self, network: StoryNetwork) -> None:
        super().__init__()
        width, self.depth = network.width, network.layers
        self.sentences = Sentences(network.words, width, network.widest)
        self.layers: Iterable[QueryReduction]
        self.layers = nn.ModuleList(QueryReduction(width) for _ in range(network.layers))  # type: ignore[assignment]
        self.relevance = nn.Linear((2 + 2 * network.layers) * width, 1)
        self.dropout = nn.Dropout(network.dropout)

    def forward(self, context: StoryContext) -> Opening:
        """Return the memory of stories `[B, S, 2 D]`, and what it costs to be wrong about the support."""
        memory, logits = self.read(context)
        return Opening(memory, {SUPPORT: _support_cost(logits, context.support)})

    def read(self, context: StoryContext) -> tuple[AttentionMemory, Tensor]:
        """Return the memory of stories, and the log-odds `[B, S]` that the answer follows from each sentence."""
        question = self.sentences(context.question)
        mask = context.sentences.mask
        facts = self.dropout(self.sentences(context.sentences.values.transpose(0, 1)))
        asked = question.expand_as(facts)
        found = [facts, facts * asked]
        for number, layer in enumerate(self.layers, start=1):
            ahead, back = _both_ways(layer, torch.cat([facts, asked], dim=-1), mask.T)
            asked = ahead if number == self.depth else ahead + back
            found += [asked, facts * asked]
        logits = self.relevance(torch.cat(found, dim=-1)).squeeze(-1).T
        reduced = (asked * logits.sigmoid().T.unsqueeze(-1)).transpose(0, 1)
        return AttentionMemory(torch.cat([reduced, question.unsqueeze(1).expand_as(reduced)], dim=-1), mask), logits


def _both_ways(layer: QueryReduction, xs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a layer reads from the beginning and from the end, in one scan of twice as many rows."""
    rows = xs.shape[1]
    read, _ = layer.scan(
        torch.cat([xs, xs.flip(0)], dim=1), layer.initial(2 * rows), mask=torch.cat([mask, mask.flip(0)], dim=1)
    )
    return read[:, :rows], read[:, rows:].flip(0)


def _support_cost(logits: Tensor, support: Padded) -> Tensor:
    """Return the mean cross-entropy of each row over its sentences, zero where no support is known."""
    costs = nn.functional.binary_cross_entropy_with_logits(logits, support.values, reduction="none") * support.mask
    is_known = support.values.any(dim=1)
    return costs.sum(dim=1) * is_known


def story_model(network: StoryNetwork) -> Model[Tensor]:
    """Return an untrained model of stories."""
    width = network.width
    if network.reader == "words":
        core = stacked_core(network.cell, width, width, network.layers)
        return Model(Table(network.words, width), core, Categorical(width, network.answers))
    reader: nn.Module = AttentionReader(network) if network.reader == "attention" else Reasoner(network)
    inner = Conditioned(stacked_core(network.cell, width + 2 * width, width, 1), 2 * width)
    core = AttentionCell(inner, Luong(width, 2 * width))
    return Model(Table(network.hops, width), core, Categorical(core.units, network.answers), reader)


def table_model(cell: str, codes: int, width: int, layers: int) -> Model[Tensor]:
    """Return an untrained model of questions about tables: a cell that reads each word with those after it."""
    encoder = CodesAndNumbers([codes] * AHEAD, 0, TABLE_WIDTH)
    return Model(encoder, stacked_core(cell, encoder.features, width, layers), Categorical(width, len(TAGS)))


def passage_model(cell: str, choices: Sequence[int], width: int, layers: int) -> Model[Tensor]:
    """Return an untrained model of passages: a cell that reads words, with what they are next to in the question."""
    encoder = CodesAndNumbers(choices, NUMBERS, PASSAGE_WIDTH)
    return Model(encoder, stacked_core(cell, encoder.features, width, layers), Categorical(width, PASSAGE_TAGS))
