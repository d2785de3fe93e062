"""Settings of a text task: what is read, how it is split, and the network; what is 0 follows from the text."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_PLACES, MOST_SEQUENCES, MOST_STEPS, MOST_UNITS
from statewise.task import Sources
from statewise.tasks.shared.sourced import Sourced


@dataclass(frozen=True, kw_only=True)
class TextSettings(Sourced):
    """What is read, how it is split, and the network that reads it."""

    source: Annotated[Sources, Doc("files, folders, patterns, or the name of a corpus")]
    unit: Annotated[Literal["character", "byte"], Doc("what one step reads")] = "character"
    head: Annotated[str, Doc("distribution of the next character, by name (see `statewise list heads`)")] = (
        "categorical"
    )
    encoder: Annotated[
        str | None,
        Doc("encoder of a character, by name (see `statewise list encoders`); if not given, a table of vectors"),
    ] = None
    embedding: Annotated[
        int, Doc("embedding size of a character; 0 means by the number of characters"), Ge(0), Le(MOST_UNITS)
    ] = 0
    dropout: Annotated[
        float | None,
        Doc("dropout of the cells' outputs; if not given, more the shorter the text is, where time alone is bounded"),
        Ge(0),
        Lt(1),
    ] = None
    held_out: Annotated[float, Doc("share of the text, its end, that is kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[
        float | None,
        Doc("share before it that is kept for checks; if not given, some of a short text, where time alone is bounded"),
        Ge(0),
        Lt(1),
    ] = None
    gap: Annotated[
        int, Doc("characters between the training and the held-out part that neither reads"), Ge(0), Le(MOST_PLACES)
    ] = 1000
    scored: Annotated[
        int, Doc("maximum number of characters of the held-out part to score"), Ge(2), Le(MOST_PLACES)
    ] = 1_000_000
    counted: Annotated[
        int, Doc("maximum number of characters, the last ones, that n-grams count"), Ge(1), Le(MOST_PLACES)
    ] = 6_000_000
    orders: Annotated[int, Doc("longest n-gram of the baseline"), Ge(1), Le(12)] = 6

    hidden_size: Annotated[
        int,
        Doc("hidden size: units in each layer; 0 means by the amount of text, the minutes and the speed"),
        Ge(0),
        Le(MOST_UNITS),
    ] = 0
    batch_size: Annotated[
        int, Doc("batch size: sequences read in parallel; 0 means by the amount of text"), Ge(0), Le(MOST_SEQUENCES)
    ] = 0
    sequence_length: Annotated[
        int,
        Doc("sequence length: steps of a window, through which gradients flow back; 0 means by the amount of text"),
        Ge(0),
        Le(MOST_STEPS),
    ] = 0
