"""Chat: learn from conversations, and reply to what is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Several, Sources
from statewise.tasks.shared.reader_writer_task import ReaderWriterTask, code_of, subword_inputs
from statewise.tasks.shared.sourced import check_shares

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.data.dialogues.dialogue_codec import DialogueCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.chat.chatter import Chatter, Replied
    from statewise.tasks.chat.data import ChatData
    from statewise.tasks.chat.never_said import NeverSaid

BEAM, DIVERSITY, LENGTH_PENALTY, AGAINST_GENERIC, NO_REPEAT, UNSURE = 10, 0.0, 1.0, 1.0, 3, 0.05
BeamOf = Annotated[int, Doc("how many replies are weighed: width of the beam, or number of draws")]
DiversityOf = Annotated[float, Doc("nats by which each further choice after one beginning counts as less likely")]
LengthPenaltyOf = Annotated[float, Doc("0 is the plain probability of a reply, 1 the mean")]
AgainstGenericOf = Annotated[
    float, Doc("share of what a reply is likely by whatever was said that counts against it; 0 is the likeliest reply")
]
NoRepeatOf = Annotated[int, Doc("no so many subwords in a row come twice in a reply; 0 allows any")]
TemperatureOf = Annotated[
    float | None, Doc("draw replies at this temperature; if not given, the best are searched for")
]
SeedOf = Annotated[int | None, Doc("seed of the draws; if not given, each time another")]
UnsureOf = Annotated[
    float, Doc("it is not known what to say below the confidence of this share of ordinary places; 0 always replies")
]
NeverOf = Annotated[Several, Doc("words that are never said, with commas between; may be given several times")]
ContextOf = Annotated[Several, Doc("turns that were said before, the first first, the last the model's own; repeat it")]


@dataclass(frozen=True, kw_only=True)
class Chat(ReaderWriterTask):
    """Learn from conversations to reply to what is said.

    >>> Chat(source="dialogues.jsonl").label
    'dialogues'
    """

    name: ClassVar[str] = "chat"
    title: ClassVar[str] = "Learn from conversations to reply"
    example: ClassVar[str] = "dialogues.jsonl"
    content: ClassVar[str] = "dialogues"
    page: ClassVar[str] = "chat"
    in_memory: ClassVar[InMemory] = InMemory(("records",), ("turns",))

    source: Annotated[
        Sources,
        Doc("conversations: JSON lines of turns, ParlAI, Cornell or Topical-Chat files, also .xz; or a corpus"),
    ]
    turns: Annotated[int, Doc("how many turns before a reply are read"), Ge(1), Le(100)] = 3
    context_length: Annotated[
        int, Doc("most subwords of the turns before a reply that are read, the last ones"), Ge(1), Le(2000)
    ] = 80
    context_dropout: Annotated[
        float, Doc("share of replies that are learned as if nothing was said, to tell generic ones"), Ge(0), Lt(1)
    ] = 0.1
    never: Annotated[Several, Doc("words that no reply of this run ever has, with commas between")] = ()
    held_out: Annotated[float, Doc("share of conversations kept from training"), Gt(0), Lt(1)] = 0.05
    validation: Annotated[float, Doc("share of conversations kept for checks"), Ge(0), Lt(1)] = 0.03
    scored: Annotated[int, Doc("how many held-out places are replied to, to be scored; 0 is all"), Ge(0), Le(10**6)] = (
        500
    )
    checked: Annotated[int, Doc("how many places a check replies to; 0 is all"), Ge(0), Le(10**6)] = 100

    smoothing: Annotated[
        float, Doc("label smoothing: share of the odds that training gives to all subwords alike"), Ge(0), Lt(1)
    ] = 0.0
    batch_size: Annotated[int, Doc("replies in a batch"), Ge(1), Le(65536)] = 64
    sequence_length: Annotated[
        int, Doc("most subwords of a reply; longer ones are read, but not learned"), Ge(2), Le(2000)
    ] = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.held_out, self.validation)
        if self.never:
            from statewise.tasks.chat.never_said import NeverSaid

            NeverSaid.of(_several(self.never))

    def prepare(self, cache: Path) -> "ChatData":
        """Read the conversations and split them; they are kept in `cache` by the hash of the contents."""
        from statewise.data.dialogues.prepared_dialogues import Wording, prepare_dialogues
        from statewise.data.pairs.prepared_pairs import Splitting
        from statewise.tasks.chat.data import ChatData

        wording = Wording(self.subwords, self.turns, self.context_length, self.sequence_length)
        found = prepare_dialogues(self.sources, Splitting(self.held_out, self.validation), wording, cache)
        return ChatData(self, found)

    def codec(self, written: Mapping[str, Any]) -> "DialogueCodec":
        """Return how turns of a run become codes."""
        from statewise.data.dialogues.dialogue_codec import DialogueCodec

        return DialogueCodec.read(written)

    def model(self, codec: "DialogueCodec") -> "Model[Tensor]":
        """Return a reader from both ends, and a cell that attends to what it read."""
        return self.network(codec.size, codec.size, shared=True)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the perplexity of a subword.

        Metrics:

        - `perplexity`: exp of minus the mean log-likelihood of a subword of a reply; less is better
        """
        import math

        return {"perplexity": math.exp(min(float(loss.mean), 700.0))}

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many exchanges and conversations there are, and how many subwords."""
        conversations = sum(facts["conversations"].values())
        return f"{super().size(facts)}, {conversations:,} conversations, {facts['subwords']:,} subwords"

    def score(  # type: ignore[override]  # it has settings of its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        beam: BeamOf = BEAM,
        diversity: DiversityOf = DIVERSITY,
        length_penalty: LengthPenaltyOf = LENGTH_PENALTY,
        against_generic: AgainstGenericOf = AGAINST_GENERIC,
        no_repeat: NoRepeatOf = NO_REPEAT,
        unsure: UnsureOf = UNSURE,
    ) -> Scoring:
        """Look for the true reply among others, reply to held-out places, and find how each subword is foreseen.

        Checks do so at fewer places, those that were kept for checks, and reply greedily.
        """
        from statewise.learning import scoring
        from statewise.tasks.chat.chatter import Chatter, Manner
        from statewise.tasks.chat.data import ChatData
        from statewise.tasks.chat.metrics import hit_metrics, variety, words_a_reply
        from statewise.tasks.chat.scoring import SHARES, foreseen, said_to

        assert isinstance(data, ChatData)
        asked, is_check = data.asked, data.scored != "held_out"
        manner = Manner(
            1 if is_check else beam, 1, diversity, length_penalty, against_generic, no_repeat, unsure=unsure
        )
        chatter = Chatter(model, data.codec, manner._replace(never=self._never(())))
        for done, loss in scoring.score(model, data.windows("held_out")):  # noqa: B007  # the last one is used
            yield 0.2 * done
        seen = yield from _part(foreseen(model, data.codec, asked), 0.2, 0.4)
        replies = yield from _part(said_to(chatter, asked.said), 0.6, 0.4)
        found = seen.hits(against_generic)
        texts = [reply.best_text for reply in replies]
        metrics = {**hit_metrics(found, asked.conversations), **self.metrics(loss), **variety(texts)}
        told = {"this model": texts, "people": asked.replies}
        tables = {
            "What is said": {name: {**variety(some), "words": words_a_reply(some)} for name, some in told.items()},
            "hits@1 by the share against generic replies": {
                f"{share:g}": {"hits_at_1": float(seen.hits(share).mean())} for share in SHARES
            },
        }
        return Score(metrics, float(loss.mean), {} if is_check else tables, details=(found, replies))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what was counted, whether the best simple method is beaten beyond doubt, and when it is not known."""
        from statewise.tasks.chat.data import ChatData
        from statewise.tasks.chat.remarks import remarks_on

        assert isinstance(data, ChatData)
        found, replies = score.details
        return remarks_on(found, replies, data)

    def sample(self, model: "Model[Any]", codec: "DialogueCodec") -> str:
        """Return the likeliest reply to the example, with that."""
        from statewise.tasks.chat.chatter import Chatter, Manner

        manner = Manner(never=self._never(()))
        (reply,) = Chatter(model, codec, manner).replies([[codec.example]])
        return f"{codec.example} -> {reply.text}"

    def stream(self, model: "Model[Any]", codec: "DialogueCodec") -> "Stream[Any]":
        """Return a stream that reads subwords of a reply; it has nothing said to look at, as in `live`."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda x: code_of(x, codec.subwords))

    def inputs(self, codec: "DialogueCodec") -> Inputs:
        """Return what a step reads: a subword of a reply, or its code."""
        return subword_inputs("a subword of a reply", codec.subwords)

    def known_names(self, codec: "DialogueCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the subwords."""
        return {"subwords": [{"subword": piece} for piece in codec.symbols[3:]]}

    def example_question(self, codec: "DialogueCodec") -> dict[str, Any]:
        """Say what was said in training."""
        return {"text": codec.example}

    def predict(
        self,
        model: "Model[Any]",
        codec: "DialogueCodec",
        text: Annotated[str, Doc("what a person says")] = "",
        *,
        context: ContextOf = (),
        best: Annotated[int, Doc("how many replies to tell")] = 1,
        beam: BeamOf = BEAM,
        diversity: DiversityOf = DIVERSITY,
        length_penalty: LengthPenaltyOf = LENGTH_PENALTY,
        against_generic: AgainstGenericOf = AGAINST_GENERIC,
        no_repeat: NoRepeatOf = NO_REPEAT,
        temperature: TemperatureOf = None,
        seed: SeedOf = None,
        unsure: UnsureOf = UNSURE,
        never: NeverOf = (),
    ) -> "Iterator[Replied]":
        """Yield the reply to what is said.

        Raises `UsageError` where nothing is said, and for a beam narrower than what is to be told.
        """
        from statewise.tasks.chat.chatter import Manner

        how = beam, best, diversity, length_penalty, against_generic, no_repeat, temperature, seed, unsure
        chatter = self._chatter(model, codec, Manner(*how), never)
        said = [chatter.read(turn) for turn in [*_several(context), text]]
        return iter(chatter.replies([said]))

    def answer(
        self,
        model: "Model[Any]",
        codec: "DialogueCodec",
        text: Annotated[str, Doc("what a person says")] = "",
        *,
        interactive: Annotated[
            bool, Doc("read lines, reply to each; /undo takes the last exchange back, /forget forgets all"), OF_COMMANDS
        ] = False,
        never_file: Annotated[
            str | None, Doc("a file of further words that are never said, one or several a line"), OF_COMMANDS
        ] = None,
        context: ContextOf = (),
        never: NeverOf = (),
        **how: Any,
    ) -> Answer:
        """Return the reply to be shown, or a conversation."""
        from statewise.tasks.chat.answers import check_conversation, no_object, talk, words_of_file

        words = (*_several(never), *([] if never_file is None else [words_of_file(never_file)]))
        if interactive:
            check_conversation(text, how.get("best", 1))
            how.pop("best", None)
            live: Any = self.live(model, codec, context=_several(context), never=words, **how)
            return Answer(talk(live), no_object, end="")
        return super().answer(model, codec, text, context=context, never=words, **how)

    def live(
        self,
        model: "Model[Any]",
        codec: "DialogueCodec",
        saved: bytes | None = None,
        *,
        context: ContextOf = (),
        beam: BeamOf = BEAM,
        diversity: DiversityOf = DIVERSITY,
        length_penalty: LengthPenaltyOf = LENGTH_PENALTY,
        against_generic: AgainstGenericOf = AGAINST_GENERIC,
        no_repeat: NoRepeatOf = NO_REPEAT,
        temperature: TemperatureOf = None,
        seed: SeedOf = None,
        unsure: UnsureOf = UNSURE,
        never: NeverOf = (),
    ) -> Live:
        """Begin a conversation with a person, or go on where it was saved."""
        from statewise.tasks.chat.chatter import Manner
        from statewise.tasks.chat.live import ConversationUnderWay, begun

        how = beam, 1, diversity, length_penalty, against_generic, no_repeat, temperature, seed, unsure
        chatter = self._chatter(model, codec, Manner(*how), never)
        return begun(chatter, _several(context)) if saved is None else ConversationUnderWay.open(chatter, saved)

    def _never(self, also: Sequence[str]) -> "NeverSaid":
        from statewise.tasks.chat.never_said import NeverSaid

        return NeverSaid.of(_several(self.never)) | NeverSaid.of(_several(also))

    def _chatter(self, model: "Model[Any]", codec: "DialogueCodec", manner: Any, never: Sequence[str]) -> "Chatter":
        from statewise.tasks.chat.chatter import Chatter

        return Chatter(model, codec, manner._replace(never=self._never(never)))


def _several(given: Any) -> tuple[str, ...]:
    """Return texts as a tuple, also where one was given."""
    return (given,) if isinstance(given, str) else tuple(given)


def _part(working: Any, begun: float, share: float) -> Any:
    """Yield what share of the whole is done by work that says how much of itself is done, and return its result."""
    try:
        while True:
            yield begun + share * next(working)
    except StopIteration as stopped:
        return stopped.value
