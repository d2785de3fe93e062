"""Settings of a recommender: which columns a log has, how it is split, the network and what it learns by."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import LONGEST_MINUTES, MOST_PLACES, MOST_SEQUENCES, MOST_STEPS, MOST_UNITS
from statewise.task import Several, Sources
from statewise.tasks.shared.sourced import Sourced
from statewise.tasks.shared.table_settings import TableSettings


@dataclass(frozen=True, kw_only=True)
class RecommendSettings(TableSettings, Sourced):
    """Which columns a log has, how it is split, the network and what it learns by; what is 0 follows from the log."""

    source: Annotated[Sources, Doc("logs of events, tables of items with titles, or a corpus")]
    session: Annotated[str | None, Doc("column that names the session; if not given, session_id")] = None
    user: Annotated[str | None, Doc("column that names the user, whose events a gap cuts into sessions")] = None
    item: Annotated[str | None, Doc("column that names the item; if not given, item_id")] = None
    time: Annotated[str | None, Doc("column with Unix times or dates; if not given, timestamp")] = None
    order: Annotated[str | None, Doc("column with milliseconds since the time of a row; if not given, timeframe")] = (
        None
    )
    type: Annotated[str | None, Doc("column of the types of events, for --types; if not given, type")] = None
    types: Annotated[Several, Doc("only events of these types")] = ()
    weight: Annotated[str | None, Doc("column for --min-weight; if not given, weight or rating")] = None
    min_weight: Annotated[float | None, Doc("minimum weight of an event, such as a rating")] = None
    gap_minutes: Annotated[
        float, Doc("minutes without an event of a user that end a session"), Gt(0), Le(LONGEST_MINUTES)
    ] = 30.0
    held_out: Annotated[float, Doc("share of sessions, the last to begin, kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[
        float | None,
        Doc("share of training sessions kept for checks; if not given, a tenth or less, where time alone is bounded"),
        Ge(0),
        Lt(1),
    ] = None
    min_support: Annotated[int, Doc("minimum number of events of an item in training"), Ge(1), Le(MOST_PLACES)] = 5
    shortest: Annotated[int, Doc("minimum number of events of a session"), Ge(2), Le(MOST_PLACES)] = 2
    scored: Annotated[int, Doc("maximum number of events of the held-out part to score"), Ge(1), Le(MOST_PLACES)] = (
        100_000
    )
    counted: Annotated[
        int, Doc("maximum number of events of the training part that the baselines count"), Ge(1), Le(MOST_PLACES)
    ] = 5_000_000
    k: Annotated[
        int | None,
        Doc("length of the lists in the metrics; if not given, 20, or all items if there are fewer"),
        Ge(1),
        Le(MOST_PLACES),
    ] = None
    repeats: Annotated[bool, Doc("also recommend items that the session had already")] = True
    items: Annotated[
        Literal["tied", "separate", "one_hot"],
        Doc("input embedding of an item: tied to the output, separate, or one-hot"),
    ] = "tied"
    embedding: Annotated[
        int, Doc("embedding size of an item; 0 means by the number of events and items"), Ge(0), Le(MOST_UNITS)
    ] = 0
    features: Annotated[
        bool, Doc("add features of items, such as genres, to their vectors, and know items never trained on by them")
    ] = False
    head: Annotated[str, Doc("what scores items, by name (see `statewise list heads`)")] = "ranking"
    loss: Annotated[Literal["cross_entropy", "bpr", "top1", "bpr_max", "top1_max"], Doc("ranking loss")] = (
        "cross_entropy"
    )
    negatives: Annotated[
        int,
        Doc("negative samples of a window; 0, or the size of the catalogue, means all items"),
        Ge(0),
        Le(MOST_PLACES),
    ] = 2048
    in_batch: Annotated[bool, Doc("use the items of the other rows as negatives, too")] = True
    alpha: Annotated[float, Doc("negatives are sampled with probability support to this power"), Ge(0), Le(1)] = 0.5
    corrected: Annotated[bool, Doc("correct sampled cross-entropy for the sampling probabilities")] = True
    regularization: Annotated[float, Doc("score regularization of bpr_max"), Ge(0)] = 1.0
    dropout_embedding: Annotated[float, Doc("dropout of the item embeddings"), Ge(0), Lt(1)] = 0.2
    dropout_hidden: Annotated[float, Doc("dropout of the cells' outputs"), Ge(0), Lt(1)] = 0.5

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "gru"
    hidden_size: Annotated[
        int,
        Doc("hidden size: units in each layer; 0 means by the number of events, the minutes and the speed"),
        Ge(0),
        Le(MOST_UNITS),
    ] = 0
    batch_size: Annotated[
        int, Doc("batch size: sequences read in parallel; 0 means by the number of events"), Ge(0), Le(MOST_SEQUENCES)
    ] = 0
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window, through which gradients flow back"), Ge(1), Le(MOST_STEPS)
    ] = 16
