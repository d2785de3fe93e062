"""Recommend: the items that a session wants next, learned from a log of events."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import LONGEST_MINUTES, MOST_PLACES, MOST_STEPS, MOST_UNITS
from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.task import Data, Score, Scoring, Several, Sources, Task, stacked_core
from statewise.tasks.shared.table_settings import TableSettings

if TYPE_CHECKING:
    from statewise.data.interactions.catalogue import Catalogue
    from statewise.data.interactions.event_log import LogColumns
    from statewise.data.interactions.session_table import Rules
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.task import Answer, Live
    from statewise.tasks.recommend.answers import Recommended
    from statewise.tasks.recommend.data import RecommendData

ONE_HOT_MOST = 20_000
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Recommend(TableSettings, Task):
    """Learn from sessions what comes next, and recommend it (GRU4Rec).

    >>> Recommend(source="events.tsv", epochs=5).loss
    'cross_entropy'
    """

    name: ClassVar[str] = "recommend"
    title: ClassVar[str] = "Learn from a log of events what a session wants next"
    example: ClassVar[str] = "movielens-100k"
    content: ClassVar[str] = "events"
    in_memory: ClassVar[InMemory] = InMemory(("table",))
    page: ClassVar[str] = "recommend"

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
    embedding: Annotated[int, Doc("embedding size of an item"), Ge(1), Le(MOST_UNITS)] = 100
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
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(MOST_UNITS)] = 100
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window, through which gradients flow back"), Ge(1), Le(MOST_STEPS)
    ] = 16

    @property
    def sources(self) -> tuple[str, ...]:
        """The source as a tuple, also where one was given."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    @property
    def label(self) -> str:
        """The name of the first source."""
        return Path(self.sources[0]).stem or "events"

    @property
    def columns(self) -> "LogColumns":
        """Which columns of a log to read."""
        from statewise.data.interactions.event_log import LogColumns

        named = self.session, self.user, self.item, self.time, self.type
        return LogColumns(*named, tuple(self.types), self.weight, self.min_weight, self.order, self.table_format)

    @property
    def rules(self) -> "Rules":
        """How events become sessions."""
        from statewise.data.interactions.session_table import Rules

        return Rules(60 * self.gap_minutes, self.held_out, self.min_support, self.shortest)

    def prepare(self, cache: Path) -> "RecommendData":
        """Read the logs, cut them into sessions and split; these are kept in `cache` by the hash of the contents."""
        from statewise.data.interactions.session_files import prepare_sessions
        from statewise.heads.named import head_named
        from statewise.tasks.recommend.data import RecommendData

        head_named(self.head, "item")
        if self.features and self.items != "tied":
            raise UsageError(
                f"--features are of vectors that are read and scored, not of {self.items}: give --items tied"
            )
        sessions = prepare_sessions(self.sources, self.columns, self.rules, cache, cold=self.features)
        if self.k is not None and self.k > sessions.codec.trained:
            raise UsageError(f"--k {self.k} is more than the {sessions.codec.trained} items: give a smaller k")
        data = RecommendData(self, sessions, sessions.held_out, cache)
        data.windows("training")
        return data

    def codec(self, written: Mapping[str, Any]) -> "Catalogue":
        """Return the catalogue of a run."""
        from statewise.data.interactions.catalogue import catalogue

        return catalogue(written)

    def model(self, codec: "Catalogue") -> "Model[Any]":
        """Return a table of items, cells and a head that scores items."""
        import torch

        from statewise.cells import Dropout
        from statewise.encoders import OneHot
        from statewise.heads.named import head_named
        from statewise.model import Model
        from statewise.tasks.recommend.answers import item_encoder

        if self.items == "one_hot" and codec.choices > ONE_HOT_MOST:
            raise UsageError(
                f"--items one_hot reads {codec.choices:,} numbers for an item, more than {ONE_HOT_MOST:,}: "
                "give --items tied"
            )
        is_sampled = 0 < self.negatives < codec.trained
        shared = codec if self.features else None
        encoder, table = item_encoder(
            codec.trained, self.embedding, self.dropout_embedding, is_sparse=is_sampled, shared=shared
        )
        features = self.embedding
        if self.items == "one_hot":
            encoder, features = torch.nn.Sequential(OneHot(codec.choices), encoder[1]), codec.choices
        core = stacked_core(self.cell, features, self.hidden_size, self.layers)
        if self.dropout_hidden:
            core = Dropout(core, self.dropout_hidden)
        head = head_named(self.head, "item")(
            self.hidden_size,
            torch.tensor(codec.supports[: codec.trained], dtype=torch.float32),
            table=table if self.items == "tied" else None,
            loss=self.loss,
            negatives=self.negatives,
            in_batch=self.in_batch,
            alpha=self.alpha,
            corrected=self.corrected,
            regularization=self.regularization,
        )
        return Model(encoder, core, head)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean cross-entropy over all items.

        Metrics:

        - `nats_per_event`: minus the mean log-likelihood of the next event: the loss of training, in nats; less is
          better
        """
        return {"nats_per_event": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean of the loss that is trained on."""
        return f"{self.loss} {nats:.3f}"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many sessions of how many events there are to learn from."""
        parts = {part: (facts[f"{part}_sessions"], facts[f"{part}_events"]) for part in ("training", "held_out")}
        learned, kept = (f"{sessions:,} sessions of {events:,} events" for sessions, events in parts.values())
        return f"{learned} to learn, {kept} held out after {facts['split']}, {facts['choices']:,} items"

    def score(self, model: "Model[Any]", data: Data) -> Scoring:  # type: ignore[override]  # it has no settings
        """Rank what came next among all items at every place of the held-out part."""
        from statewise.tasks.recommend.comparing import scores_of
        from statewise.tasks.recommend.data import RecommendData
        from statewise.tasks.recommend.list_metrics import by_position, judge, measures

        assert isinstance(data, RecommendData)
        places = data.places
        judged = yield from judge(
            scores_of(model, places, repeats=self.repeats), places.wanted, data.k, data.codec.trained
        )
        metrics = measures(judged, places.wanted, places.sessions, data.supports)
        positions = by_position(judged, places.positions)
        tables = {"By how many events of the session were read": positions}
        return Score(metrics, -metrics[f"mrr_at_{data.k}"], tables)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the ranks are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.recommend.comparing import verdicts
        from statewise.tasks.recommend.data import RecommendData

        assert isinstance(data, RecommendData)
        again = "may be" if self.repeats else "is never"
        return [
            f"Ranks among all {data.facts['choices']:,} items, equal scores counted as ranked before; what a session "
            f"has had {again} recommended again. In brackets 95 % intervals, from resampling sessions.",
            *verdicts(score.metrics, data.baselines(), data.k),
        ]

    def sample(self, model: "Model[Any]", codec: "Catalogue") -> str:
        """Return what is recommended after the most frequent item."""
        listed = "\n".join(str(one) for one in self._recommended(model, codec, [0], SHOWN))
        return f"after {codec.name(0)}:\n{listed}"

    def stream(self, model: "Model[Any]", codec: "Catalogue") -> "Stream[Any]":
        """Return a stream that reads items, by their exact title or id, or by number, and gives queries."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda item: codec.number(item) if isinstance(item, str) else item)

    def inputs(self, codec: "Catalogue") -> Inputs:
        """Return what a step reads: an item."""
        from statewise.tasks.recommend.answers import item_of

        words = "the id or the title of an item"
        return Inputs(words, ("string", "integer"), codec.name(0), lambda x: item_of(codec, x), codec.session)

    def known_names(self, codec: "Catalogue") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the items, the most frequent first, with how many events each was trained on."""
        titled = [{"title": title} for title in codec.titles] or [{}] * codec.choices
        rows = zip(codec.ids, titled, codec.supports, strict=True)
        return {"items": [{"id": id_, **title, "events": events} for id_, title, events in rows]}

    def example_question(self, codec: "Catalogue") -> dict[str, Any]:
        """Return a session of one item."""
        return {"session": [codec.name(0)], "k": 5}

    def predict(
        self,
        model: "Model[Any]",
        codec: "Catalogue",
        *,
        session: Annotated[
            str | Sequence[Any], Doc("titles or ids of the items of a session, with commas between them")
        ] = "",
        k: Annotated[int | None, Doc("number of items to recommend; if not given, 10, or all of fewer")] = None,
        exclude_seen: Annotated[bool, Doc("leave out what the session has had")] = False,
        explain: Annotated[bool, Doc("show how much each past event moved the score, by leaving it out")] = False,
        cold: Annotated[bool, Doc("also recommend items never trained on, by their features")] = False,
    ) -> "Iterator[Recommended]":
        """Yield what a session wants next, the likeliest first; from Python a session may be a list of ids or titles.

        An id is exact; what is nearly a title is read as that, with a warning. Raises `UsageError` for an empty
        session, what is not an item, or a `k` that cannot be had.
        """
        from statewise.tasks.recommend.answers import heard

        items, notices = heard(codec, session)
        for notice in notices:
            warnings.warn(notice, stacklevel=2)
        how: dict[str, Any] = {"exclude_seen": exclude_seen, "explain": explain, "cold": cold}
        yield from self._recommended(model, codec, items, k, **how)

    def _recommended(
        self,
        model: "Model[Any]",
        codec: "Catalogue",
        items: list[int],
        k: int | None = None,
        *,
        exclude_seen: bool = False,
        explain: bool = False,
        cold: bool = False,
    ) -> "Iterator[Recommended]":
        from statewise.tasks.recommend.answers import list_length, recommend

        if cold and not self.features:
            raise UsageError("this run knows no items that it was not trained on: train one with --features")
        choices = codec.choices if cold else codec.trained
        exclude = exclude_seen or not self.repeats
        k = list_length(k, choices - (len(set(items)) if exclude else 0))
        return recommend(model, codec, items, k, choices, exclude_seen=exclude, explain=explain)

    def answer(
        self,
        model: "Model[Any]",
        codec: "Catalogue",
        *,
        sessions: Annotated[str, Doc("a file with a session on each line; each is answered with a line")] = "",
        approximate: Annotated[bool, Doc("look at some of the items only, by an index; for --sessions")] = False,
        **how: Any,
    ) -> "Answer":
        """Return a list of items with their titles, or a line for each session of a file, whose names are exact."""
        from statewise.tasks.recommend.answers import answer_file, answer_one, heard

        if sessions:
            return answer_file(self, model, codec, sessions, approximate=approximate, **how)
        if approximate:
            raise UsageError("--approximate makes an index, which is worth it for many sessions: give --sessions")
        session = how.pop("session", "")
        items, notices = heard(codec, session)
        return answer_one(session, list(self._recommended(model, codec, items, **how)), notices)

    def live(
        self,
        model: "Model[Any]",
        codec: "Catalogue",
        saved: bytes | None = None,
        *,
        k: Annotated[int | None, Doc("number of items to recommend; if not given, 10, or all of fewer")] = None,
        exclude_seen: Annotated[bool, Doc("leave out what the session has had")] = False,
        approximate: Annotated[bool, Doc("look at some of the items only, by an index")] = False,
    ) -> "Live":
        """Begin a session that reads an event a line, and answers each with the next list."""
        from statewise.tasks.recommend.answers import Recommending

        exclude = exclude_seen or not self.repeats
        return Recommending.begin(
            self.stream(model, codec), codec, k, exclude_seen=exclude, approximate=approximate, saved=saved
        )
