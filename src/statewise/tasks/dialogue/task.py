"""Dialogue: learn what people want of a bot and which words say the details, and hold the conversation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Several, Sources, Task
from statewise.tasks.shared.sourced import Sourced, check_shares

if TYPE_CHECKING:
    from statewise.data.utterances.utterances_codec import UtterancesCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.dialogue.answers import UnderstoodAnswer
    from statewise.tasks.dialogue.data import DialogueData
    from statewise.tasks.dialogue.understanding import Understanding

USUAL_EPOCHS, FEW_EPOCHS, LEAST_UPDATES, ENOUGH_UPDATES = 15, 80, 150, 500
"""How long is trained where no budget is given: so many passes, and over few utterances so many, until updates are
enough; and so many updates at least."""
MOST_TRAINED_UPDATES = 12_000
ThresholdOf = Annotated[
    float | None, Doc("an intent below this confidence is not understood; if not given, as the bot says"), Ge(0), Le(1)
]
NowOf = Annotated[str | None, Doc("the time that dates are told from, as 2026-11-30T09:00; if not given, the clock's")]
ZoneOf = Annotated[str, Doc("time zone of dates and times, as Europe/Paris")]
RegionOf = Annotated[str, Doc("country whose telephone numbers are meant, as US")]
LogOf = Annotated[str | None, Doc("append what is heard and said to this file, without what is private"), OF_COMMANDS]
ValuesOf = Annotated[
    Several, Doc("further values of a slot type, as Size=huge,tiny; may be given several times; needs no training")
]


@dataclass(frozen=True, kw_only=True)
class Dialogue(Sourced, Task):
    """Learn a bot from what people say to it: intents with slots. Then understand others, and hold conversations.

    >>> Dialogue(source="bot.yaml").label
    'bot'
    """

    name: ClassVar[str] = "dialogue"
    title: ClassVar[str] = "Learn what people want of a bot, and talk with them"
    example: ClassVar[str] = "bot.yaml"
    content: ClassVar[str] = "utterances"
    page: ClassVar[str] = "dialogue"
    in_memory: ClassVar[InMemory] = InMemory(("table",), ("text", "intent"))

    source: Annotated[
        Sources,
        Doc(
            "a bot in YAML, a Lex V2 export, or labelled utterances: Rasa NLU, Snips, CLINC150 or CSV; "
            "files or a folder"
        ),
    ]
    held_out: Annotated[float, Doc("share of the utterances of each intent kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[
        float, Doc("share of the utterances of each intent kept for checks and for confidences"), Ge(0), Lt(1)
    ] = 0.05
    made_up: Annotated[bool, Doc("also learn nonsense and negations as what no intent is for")] = True
    lists: Annotated[bool, Doc("mark words that stand in lists of values")] = True
    small_letters: Annotated[float, Doc("share of utterances that are read in small letters"), Ge(0), Le(1)] = 0.2
    embedding: Annotated[int, Doc("numbers that stand for a word"), Ge(1), Le(65536)] = 100
    filters: Annotated[int, Doc("filters that look at the letters of a word"), Ge(1), Le(65536)] = 64
    dropout: Annotated[float, Doc("rate at which numbers of words and layers are lost in training"), Ge(0), Lt(1)] = 0.4
    words_lost: Annotated[float, Doc("rate at which words are read by their letters alone"), Ge(0), Lt(1)] = 0.1
    marks_lost: Annotated[float, Doc("rate at which a word's marks of lists are lost"), Ge(0), Lt(1)] = 0.2

    hosts: Annotated[Several, Doc("hosts that hooks of the bot may call, as api.example.com or localhost:8080")] = ()
    hook_key: Annotated[str | None, Doc("file with the key that signs what is sent to hooks")] = None

    cell: Annotated[str, Doc("cell that reads and labels (see `statewise list cells`)")] = "lstm"
    hidden_size: Annotated[int, Doc("hidden size: units in each direction and layer"), Ge(1), Le(65536)] = 128
    batch_size: Annotated[int, Doc("utterances in a batch"), Ge(1), Le(65536)] = 64
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.003

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.held_out, self.validation)

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done, from 0 to 1: without a budget, as many passes as are usual."""
        if (self.minutes, self.epochs, self.updates) != (None, None, None):
            return super().fraction(update, epoch_updates, seconds)
        over_few = min(FEW_EPOCHS * epoch_updates, ENOUGH_UPDATES)
        wanted = min(max(USUAL_EPOCHS * epoch_updates, over_few, LEAST_UPDATES), MOST_TRAINED_UPDATES)
        return min(1.0, update / wanted)

    def prepare(self, cache: Path) -> "DialogueData":
        """Read the bot or the utterances and split them, the same share of each intent."""
        from statewise.data.utterances.prepared_utterances import PartShares, prepare_utterances
        from statewise.tasks.dialogue.data import DialogueData

        shares = PartShares(self.held_out, self.validation, self.made_up, self.lists)
        return DialogueData(self, prepare_utterances(self.sources, shares))

    def codec(self, written: Mapping[str, Any]) -> "UtterancesCodec":
        """Return the bot of a run, and how utterances become codes."""
        from statewise.data.utterances.utterances_codec import UtterancesCodec

        return UtterancesCodec.read(written)

    def model(self, codec: "UtterancesCodec") -> "Model[Any]":
        """Return a reader from both ends and a labeller, under the head of intents and slots."""
        from statewise.tasks.dialogue.network import Widths, understanding_model

        lost = self.dropout, self.marks_lost
        return understanding_model(
            codec, Widths(self.cell, self.embedding, self.filters, self.hidden_size, self.layers, *lost)
        )

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats of an utterance.

        Metrics:

        - `nats_per_utterance`: minus the mean log-likelihood of the intent and the slots of an utterance: the loss of
          training, in nats; less is better
        """
        return {"nats_per_utterance": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of an utterance."""
        return f"{nats:.3f} nats an utterance"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many utterances there are, of how many intents and slots."""
        return f"{super().size(facts)}, {facts['intents']:,} intents, {facts['slots']:,} slots"

    def understanding(
        self, model: "Model[Any]", codec: "UtterancesCodec", threshold: float | None = None, values: Any = ()
    ) -> "Understanding":
        """Return a model at work. Raises `UsageError` for values of a type that the bot has not."""
        from statewise.tasks.dialogue.answers import lists_with
        from statewise.tasks.dialogue.understanding import Understanding

        lists = lists_with(codec, values)
        return Understanding(model, codec, lists, codec.bot.threshold if threshold is None else threshold)

    def score(  # type: ignore[override]  # it has settings of its own
        self, model: "Model[Any]", data: Data, *, threshold: ThresholdOf = None
    ) -> Scoring:
        """Understand the held-out utterances: intents, slots by entity, whole sentences, confidences."""
        from statewise.learning import scoring
        from statewise.tasks.dialogue.data import DialogueData
        from statewise.tasks.dialogue.scoring import judge_understanding

        assert isinstance(data, DialogueData)
        for done, loss in scoring.score(model, data.windows("held_out")):  # noqa: B007  # the last one is used
            yield 0.5 * done
        judging = judge_understanding(self.understanding(model, data.codec, threshold), model, data, float(loss.mean))
        try:
            while True:
                yield 0.5 + 0.5 * next(judging)
        except StopIteration as stopped:
            found: Score = stopped.value
            return found

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what was counted, whether the best simple method is beaten beyond doubt, and what was missed."""
        from statewise.tasks.dialogue.data import DialogueData
        from statewise.tasks.dialogue.scoring import remarks_on_understanding

        assert isinstance(data, DialogueData)
        return remarks_on_understanding(score, data)

    def sample(self, model: "Model[Any]", codec: "UtterancesCodec") -> str:
        """Return what is understood of the example."""
        (found,) = self.understanding(model, codec).understood([codec.example])
        slots = ", ".join(f"{slot.span.slot}: {slot.text}" for slot in found.slots)
        return f"{codec.example} -> {found.intent} ({found.confidence:.0%}){f', {slots}' if slots else ''}"

    def stream(self, model: "Model[Any]", codec: "UtterancesCodec") -> "Stream[Any]":
        """Return a stream that reads words as they come, so that nothing is known of what follows; see `live`."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda x: word_code(x, codec))

    def inputs(self, codec: "UtterancesCodec") -> Inputs:
        """Return what a step reads: a word."""
        from statewise.data.utterances.sample_utterance import words_of_utterance

        word = words_of_utterance(codec.example)[0].text
        return Inputs("a word", ("string",), word, lambda x: word_code(x, codec))

    def known_names(self, codec: "UtterancesCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the intents, the slots, and the values of their types."""
        types = {slot.name: slot.type for intent in codec.bot.intents for slot in intent.slots}
        return {
            "intents": [{"intent": name} for name in codec.intents[1:]],
            "slots": [{"slot": name, "type": types.get(name, name)} for name in codec.slots],
            "values": [
                {"type": one.name, "value": value.value, "synonyms": ", ".join(value.synonyms)}
                for one in codec.bot.types
                for value in one.values
            ],
        }

    def example_question(self, codec: "UtterancesCodec") -> dict[str, Any]:
        """Say what was said in training."""
        return {"text": codec.example}

    def predict(
        self,
        model: "Model[Any]",
        codec: "UtterancesCodec",
        text: Annotated[str, Doc("what a person says")] = "",
        *,
        threshold: ThresholdOf = None,
        now: NowOf = None,
        zone: ZoneOf = "UTC",
        region: RegionOf = "US",
        values: ValuesOf = (),
    ) -> "Iterator[UnderstoodAnswer]":
        """Yield what is understood: the intent with its confidence, further intents, and slots with their values.

        Where nothing is understood, or nothing said, the intent is `out_of_scope`. Raises `UsageError` for a text that
        is too long.
        """
        from statewise.tasks.dialogue.answers import answer_of, resolver_of

        how = self.understanding(model, codec, threshold, values)
        resolver = resolver_of(codec, now, zone, region, values)
        return iter([answer_of(one, resolver) for one in how.understood([text])])

    def answer(
        self,
        model: "Model[Any]",
        codec: "UtterancesCodec",
        text: Annotated[str, Doc("what a person says")] = "",
        *,
        interactive: Annotated[
            bool, Doc("hold a conversation: read lines, ask for what is missing, say what is done"), OF_COMMANDS
        ] = False,
        log: LogOf = None,
        write_bot: Annotated[
            str | None,
            Doc("write the bot: .yaml, .zip as Lex V2 imports it, or .txt, what may be said to it"),
            OF_COMMANDS,
        ] = None,
        missed: Annotated[
            str | None, Doc("tell what was not understood in this log, as a table to be labelled"), OF_COMMANDS
        ] = None,
        **how: Any,
    ) -> Answer:
        """Return what is understood of a text, or a conversation; or write the bot to a file."""
        from statewise.tasks.dialogue.answers import bot_written, missed_table, no_single_object, talk_with

        if write_bot is not None:
            return bot_written(self.sources, write_bot)
        if missed is not None:
            return missed_table(missed)
        if not interactive:
            if log is not None:
                raise UsageError("--log is for a conversation: give --interactive too")
            return super().answer(model, codec, text, **how)

        if text:
            raise UsageError("--interactive takes no text: type what you say, a line each")
        live: Any = self.live(model, codec, log=log, **how)
        return Answer(talk_with(live), no_single_object, end="")

    def live(
        self,
        model: "Model[Any]",
        codec: "UtterancesCodec",
        saved: bytes | None = None,
        *,
        threshold: ThresholdOf = None,
        now: NowOf = None,
        zone: ZoneOf = "UTC",
        region: RegionOf = "US",
        values: ValuesOf = (),
        log: LogOf = None,
        functions: Mapping[str, Any] | None = None,
    ) -> Live:
        """Begin a conversation with the bot, or go on where it was saved.

        From Python `functions` are those that hooks of the bot name: each is given a request as Lex V2 has it, and
        returns what is to follow, a message, or nothing.
        """
        from statewise.data.utterances.conversation_log import ConversationLog
        from statewise.tasks.dialogue.answers import resolver_of
        from statewise.tasks.dialogue.conversation import BotConversation
        from statewise.tasks.dialogue.hooks import HookRunner, read_key
        from statewise.tasks.dialogue.resolving import clock_now, moment_of

        how = self.understanding(model, codec, threshold, values)
        hosts = (self.hosts,) if isinstance(self.hosts, str) else self.hosts
        named = frozenset(host.strip().lower() for given in hosts for host in given.split(",") if host.strip())
        key = read_key(self.hook_key) if self.hook_key is not None else None
        begun = BotConversation(
            how,
            (lambda: clock_now(zone)) if now is None else (lambda: moment_of(now, zone)),
            resolver_of(codec, now, zone, region, values),
            HookRunner(named, key, functions or {}),
            log=None if log is None else ConversationLog(Path(log)),
        )
        return begun if saved is None else begun.opened(saved)


def word_code(x: Any, codec: "UtterancesCodec") -> int:
    """Return the code of a word, or a code as it is. Raises `UsageError` for what is not one word."""
    from statewise.bounds import shown
    from statewise.data.utterances.sample_utterance import words_of_utterance

    if type(x) is int and 0 <= x <= len(codec.words):
        return x
    if not isinstance(x, str) or len(x) > 1000 or len(words_of_utterance(x)) != 1 or x != x.strip():
        raise UsageError(f"the input {shown(x)} is not a word: give one word, or a single mark")
    return codec.code(x)
