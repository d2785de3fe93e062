"""Recommend: the items that a session wants next, learned from a log of events."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from annotated_doc import Doc

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.run.recipe import DEFAULT_MINUTES
from statewise.task import Calibrating, Data, Score, Scoring, Task, stacked_core
from statewise.tasks.recommend.settings import RecommendSettings

if TYPE_CHECKING:
    from statewise.data.interactions.catalogue import Catalogue
    from statewise.data.interactions.event_log import LogColumns
    from statewise.data.interactions.session_table import Rules
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.task import Answer, Live
    from statewise.tasks.recommend.answers import Recommended
    from statewise.tasks.recommend.blend import ItemBlend
    from statewise.tasks.recommend.data import RecommendData

ONE_HOT_MOST = 20_000
SHOWN = 5
NETWORK_ALONE = "network_"
BLEND = "_blend"
"Where a task of a run keeps what its network is mixed with: an attribute that is no setting."


@dataclass(frozen=True, kw_only=True)
class Recommend(RecommendSettings, Task):
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
        from statewise.tasks.recommend.sizes import PLAIN_SIZES, usual_validation

        head_named(self.head, "item")
        if self.features and self.items != "tied":
            raise UsageError(
                f"--features are of vectors that are read and scored, not of {self.items}: give --items tied"
            )
        sessions = prepare_sessions(self.sources, self.columns, self.rules, cache, cold=self.features)
        if self.k is not None and self.k > sessions.codec.trained:
            raise UsageError(f"--k {self.k} is more than the {sessions.codec.trained} items: give a smaller k")
        share = usual_validation(sessions.facts["training_events"]) if self.is_timed else 0.0
        task = self if self.validation is not None else replace(self, validation=share)
        plain = {name: size for name, size in PLAIN_SIZES._asdict().items() if not getattr(self, name)}
        data = RecommendData(task if self.is_timed else replace(task, **plain), sessions, sessions.held_out, cache)
        if data.task.batch_size:
            data.windows("training")
        return data

    @property
    def is_timed(self) -> bool:
        """Whether nothing but time bounds the training, so that what the log asks for is chosen."""
        return self.updates is None and self.epochs is None

    def fitted(self, data: Data) -> "tuple[Self, Data]":
        """Choose sizes, checks and an early end by the log, the time and the machine, as far as they were not given."""
        from statewise.tasks.recommend.data import RecommendData
        from statewise.tasks.recommend.sizes import CHECKS, PATIENCE, sized

        assert isinstance(data, RecommendData)
        chosen: dict[str, Any] = {}
        task = replace(self, validation=data.task.validation) if self.is_timed else data.task
        if self.is_timed:
            chosen = sized(task, data, self.minutes or DEFAULT_MINUTES)
            if len(data.validation) and not self.checks:
                chosen |= {"checks": CHECKS, "early_stop": PATIENCE, "keep": "best"}
        task = replace(task, **chosen)
        found = replace(data, task=task, chosen=chosen)
        found.windows("training")
        return task, found

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done: of one that time bounds, at most so many epochs."""
        from statewise.tasks.recommend.sizes import usual_epochs

        done = super().fraction(update, epoch_updates, seconds)
        if not (self.is_timed and self.validation):
            return done
        events = epoch_updates * self.batch_size * self.sequence_length
        return max(done, min(1.0, update / (usual_epochs(events) * epoch_updates)))

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
        from statewise.tasks.recommend.sizes import PLAIN_SIZES

        width, embedding = self.hidden_size or PLAIN_SIZES.hidden_size, self.embedding or PLAIN_SIZES.embedding
        if self.items == "one_hot" and codec.choices > ONE_HOT_MOST:
            raise UsageError(
                f"--items one_hot reads {codec.choices:,} numbers for an item, more than {ONE_HOT_MOST:,}: "
                "give --items tied"
            )
        is_sampled = 0 < self.negatives < codec.trained
        shared = codec if self.features else None
        encoder, table = item_encoder(
            codec.trained, embedding, self.dropout_embedding, is_sparse=is_sampled, shared=shared
        )
        features = embedding
        if self.items == "one_hot":
            encoder, features = torch.nn.Sequential(OneHot(codec.choices), encoder[1]), codec.choices
        core = stacked_core(self.cell, features, width, self.layers)
        if self.dropout_hidden:
            core = Dropout(core, self.dropout_hidden)
        head = head_named(self.head, "item")(
            width,
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
        checked = f"{facts['validation_events']:,} events for validation, " if "validation_events" in facts else ""
        told = f"{learned} to learn, {checked}{kept} held out after {facts['split']}, {facts['choices']:,} items"
        return f"{told}; {facts['chosen']}" if "chosen" in facts else told

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Learn by which weights the network is mixed with methods that count, on the part for checks."""
        from statewise.tasks.recommend.blend import calibrating
        from statewise.tasks.recommend.data import RecommendData

        assert isinstance(data, RecommendData)
        if not (self.is_timed and len(data.validation)):
            return None
        return (yield from calibrating(model, data))

    def blend(self, codec: "Catalogue") -> "ItemBlend | None":
        """Return what the network is mixed with, counted at most once; None where it is alone.

        Raises `DataError` where the run's calibration is damaged.
        """
        from statewise.tasks.recommend.blend import ItemBlend

        if self.calibration is None:
            return None
        kept = vars(self).get(BLEND)
        if kept is None or kept[0] is not self.calibration:
            kept = vars(self)[BLEND] = self.calibration, ItemBlend.read(self.calibration, codec.trained)
        blend: ItemBlend = kept[1]
        return blend

    def score(self, model: "Model[Any]", data: Data) -> Scoring:  # type: ignore[override]  # it has no settings
        """Rank what came next among all items at every place of the held-out part, by all that is mixed.

        Metrics:

        - `network_recall_at_K`, `network_mrr_at_K`, `network_ndcg_at_K`: those of the network without what is mixed
          with it; more is better
        """
        from statewise.tasks.recommend.comparing import scores_of
        from statewise.tasks.recommend.data import RecommendData
        from statewise.tasks.recommend.list_metrics import by_position, judge, measures

        assert isinstance(data, RecommendData)
        places = data.places
        blend = self.blend(data.codec)
        judging: Any = partial(judge, wanted=places.wanted, k=data.k, choices=data.codec.trained)
        judged = yield from judging(scores_of(model, places, repeats=self.repeats, blend=blend))
        metrics = measures(judged, places.wanted, places.sessions, data.supports)
        if blend is not None:
            alone = (yield from judging(scores_of(model, places, repeats=self.repeats))).values()
            metrics |= {f"{NETWORK_ALONE}{name}": float(values.mean()) for name, values in alone.items()}
        positions = by_position(judged, places.positions)
        tables = {"By how many events of the session were read": positions}
        return Score(metrics, -metrics[f"mrr_at_{data.k}"], tables)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the ranks are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.recommend.comparing import verdicts
        from statewise.tasks.recommend.data import RecommendData

        assert isinstance(data, RecommendData)
        again = "may be" if self.repeats else "is never"
        blend, mrr = self.blend(data.codec), f"mrr_at_{data.k}"
        mixed = [] if blend is None else [
            f"This model is {blend.words()}, weights learned on the part for checks; the network alone, as it is "
            f"exported and indexed, has an MRR of {score.metrics[NETWORK_ALONE + mrr]:.3f}."
        ]  # fmt: skip
        return [
            *mixed,
            f"Ranks among all {data.facts['choices']:,} items, equal scores counted as ranked before; what a session "
            f"has had {again} recommended again. In brackets 95 % intervals, from resampling sessions.",
            *verdicts(score.metrics, data.baselines(), data.k),
        ]

    def sample(self, model: "Model[Any]", codec: "Catalogue") -> str:
        """Return what is recommended after the most frequent item."""
        left = codec.trained - (not self.repeats)
        if not left:
            return f"after {codec.name(0)}: nothing, for there is no other item"
        listed = "\n".join(str(one) for one in self._recommended(model, codec, [0], min(SHOWN, left)))
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
        blend = None if cold else self.blend(codec)
        return recommend(model, codec, items, k, choices, exclude_seen=exclude, explain=explain, blend=blend)

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

        exclude, blend = exclude_seen or not self.repeats, self.blend(codec)
        how: dict[str, Any] = {"exclude_seen": exclude, "approximate": approximate, "saved": saved, "blend": blend}
        return Recommending.begin(self.stream(model, codec), codec, k, **how)
