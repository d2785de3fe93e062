"""The network that understands utterances: words by their letters, read from both ends, labelled one after another."""

from typing import TYPE_CHECKING, Any, NamedTuple

from statewise.cells import Aligned, Dropout
from statewise.encoders import Spelled, Table, TwoWay
from statewise.heads import IntentAndSlots
from statewise.model import Model
from statewise.task import stacked_core

if TYPE_CHECKING:
    from statewise.data.utterances.utterances_codec import UtterancesCodec

LEAST_FILTERS = 4


class Widths(NamedTuple):
    """Widths of words and layers, how many layers label, and what is lost in training."""

    cell: str
    embedding: int
    filters: int
    hidden: int
    layers: int
    dropout: float
    marks_lost: float


def understanding_model(codec: "UtterancesCodec", widths: Widths) -> Model[Any]:
    """Return an untrained model of utterances.

    A reader from both ends makes of each word a vector that knows the whole utterance; the recurrence that is stepped
    reads a word and that vector, and the head says which slot the word is of and which intent it speaks for.
    """
    from statewise.data.utterances.utterances_codec import LETTERS, OTHER_LETTER

    table = Table(len(codec.words) + 1, widths.embedding)
    words = Spelled(
        len(codec.words) + 1,
        widths.embedding,
        len(codec.alphabet) + OTHER_LETTER + 1,
        LETTERS,
        max(LEAST_FILTERS, widths.filters),
        marks=codec.marks,
        marks_lost=widths.marks_lost,
        dropout=widths.dropout,
        table=table,
    )
    reader = TwoWay(len(codec.words) + 1, widths.hidden, widths.cell, table=words, dropout=widths.dropout)
    part = stacked_core(widths.cell, widths.embedding + reader.features, widths.hidden, widths.layers)
    core: Any = Aligned(part, reader.features)
    core = Dropout(core, widths.dropout) if widths.dropout else core
    return Model(table, core, IntentAndSlots(core.units, len(codec.intents), len(codec.slots)), reader)
