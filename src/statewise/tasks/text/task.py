"""Text: learn to write as a text does, one character or byte at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from annotated_doc import Doc

from statewise.bounds import check_whole
from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.run.recipe import DEFAULT_MINUTES
from statewise.shown import in_line
from statewise.task import (
    Answer,
    Calibrating,
    Data,
    DynamicOf,
    Score,
    Scoring,
    StorageOf,
    Task,
    stacked_core,
)
from statewise.tasks.shared.sourced import check_shares
from statewise.tasks.shared.writing import (
    AHEAD,
    LONGEST,
    PromptOf,
    SeedOfText,
    StopOf,
    TemperatureOfText,
    TopKOf,
    TopPOf,
    before,
    check_prompt,
    choices_from,
)
from statewise.tasks.text.settings import TextSettings
from statewise.tasks.text.short import CHECKS, LONG, MIXED, PATIENCE, usual_dropout, usual_epochs, usual_validation

if TYPE_CHECKING:
    from statewise.data.codec import TextCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.shared.written_text import Surprises
    from statewise.tasks.text.data import TextData
    from statewise.tasks.text.mixture import NgramMixture

SAMPLE_LENGTH = 200
NETWORK = "network_bits_per_"
ANSWERS = "_answers"
"Where a task of a run keeps the model that answers: an attribute that is no setting."
CONTRADICTION = "--interactive contradicts --json and --choices: give one of them"


@dataclass(frozen=True, kw_only=True)
class Text(TextSettings, Task):
    """Learn a text and write more of it (char-rnn).

    >>> Text(source="shakespeare", hidden_size=128, minutes=2).cell
    'lstm'
    """

    name: ClassVar[str] = "text"
    title: ClassVar[str] = "Learn a text and write more of it, a character at a time"
    example: ClassVar[str] = "shakespeare"
    content: ClassVar[str] = "text"
    page: ClassVar[str] = "text"
    in_memory: ClassVar[InMemory] = InMemory(("texts",))

    @property
    def label(self) -> str:
        """The name of the first source."""
        return Path(self.sources[0]).stem or "text"

    def prepare(self, cache: Path) -> "TextData":
        """Read the texts, choose the alphabet and split; the codes are kept in `cache` by the hash of the contents."""
        from statewise.data.texts import code_text
        from statewise.encoders.named import encoder_named
        from statewise.heads.named import head_named
        from statewise.tasks.text.data import TextData
        from statewise.tasks.text.sizes import PLAIN_SIZES

        check_shares(self.held_out, self.validation or 0.0)
        head_named(self.head, "choice"), encoder_named(self.encoder, "code")
        share = self.validation if self.validation is not None else usual_validation if self.is_timed else 0.0
        text = code_text(self.sources, self.unit, self.held_out, self.gap, cache, share)
        plain = {name: size for name, size in PLAIN_SIZES._asdict().items() if not getattr(self, name)}
        data = TextData(self, text, text.held_out.part(0, self.scored), cache)
        data = data if self.is_timed else replace(data, task=replace(self, **plain))
        if data.task.batch_size and data.task.sequence_length:
            data.windows("training")
        return data

    @property
    def is_timed(self) -> bool:
        """Whether nothing but time bounds the training, so that what a short text asks for is chosen."""
        return self.updates is None and self.epochs is None

    def fitted(self, data: Data) -> "tuple[Self, Data]":
        """Choose sizes, dropout, checks and an early end by the text, the time and the machine, if not given."""
        from statewise.tasks.text.data import TextData
        from statewise.tasks.text.sizes import sized

        assert isinstance(data, TextData)
        task, length, validation = self, data.facts["length"], data.facts.get("validation", 0)
        task = task if self.is_timed else data.task
        chosen: dict[str, Any] = {}
        if self.is_timed:
            chosen = sized(self, data, self.minutes or DEFAULT_MINUTES)
            if self.dropout is None and length < LONG:
                chosen["dropout"] = usual_dropout(length)
            if validation and not self.checks:
                chosen |= {"checks": CHECKS, "early_stop": PATIENCE, "keep": "best"}
        share = self.validation if self.validation is not None else usual_validation(length) if validation else 0.0
        task = replace(task, validation=share, **chosen)
        found = replace(data, task=task, chosen=chosen)
        found.windows("training")
        return task, found

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done: with dropout for a short text, at most so many epochs."""
        done = super().fraction(update, epoch_updates, seconds)
        length = epoch_updates * self.batch_size * self.sequence_length
        if not (self.is_timed and self.dropout) or length >= LONG:
            return done
        return max(done, min(1.0, update / (usual_epochs(length, epoch_updates) * epoch_updates)))

    def codec(self, written: Mapping[str, Any]) -> "TextCodec":
        """Return the alphabet of a run."""
        from statewise.data.codec import text_codec

        return text_codec(written)

    def model(self, codec: "TextCodec") -> "Model[Any]":
        """Return an encoder of characters, cells and a head over the alphabet."""
        from statewise.cells import Dropout
        from statewise.encoders.named import encoder_named
        from statewise.heads.named import head_named
        from statewise.model import Model
        from statewise.tasks.text.sizes import PLAIN_SIZES

        # The unknown character's vector stays zero: it carries nothing about which one it is.
        unknown = codec.never()[0] if codec.never() else None
        embedding, width = self.embedding or PLAIN_SIZES.embedding, self.hidden_size or PLAIN_SIZES.hidden_size
        encoder = encoder_named(self.encoder, "code")(codec.choices, embedding, unknown=unknown)
        core = stacked_core(self.cell, encoder.features, width, self.layers)
        core = Dropout(core, self.dropout) if self.dropout else core
        return Model(encoder, core, head_named(self.head, "choice")(core.units, codec.choices))

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Learn how much of the odds n-grams should have, on the part for checks of a short text."""
        from statewise.heads import Categorical
        from statewise.tasks.text.data import TextData
        from statewise.tasks.text.mixture import calibrating

        assert isinstance(data, TextData)
        is_short = len(data.text.training) < MIXED
        if not (is_short and len(data.text.validation) > 1 and isinstance(model.head, Categorical)):
            return None
        return (yield from calibrating(model, data))

    def mixture(self, codec: "TextCodec") -> "NgramMixture | None":
        """Return the n-grams that the network is mixed with, None where it is alone.

        Raises `DataError` where the run's calibration is damaged.
        """
        from statewise.tasks.text.mixture import NgramMixture

        return None if self.calibration is None else NgramMixture.read(self.calibration, codec.choices)

    def answering(self, model: "Model[Any]", codec: "TextCodec") -> "Model[Any]":
        """Return the model that answers: the network, where there are n-grams mixed with them; made at most once."""
        kept: tuple[Any, ...] = vars(self).get(ANSWERS, (None, None, None))
        if kept[0] is not model or kept[1] is not self.calibration:
            from statewise.tasks.text.mixed_model import mixed_model

            mixture = self.mixture(codec)
            made = model if mixture is None else mixed_model(model, mixture)
            kept = vars(self)[ANSWERS] = model, self.calibration, made
        answers: Model[Any] = kept[2]
        return answers

    def score(
        self, model: "Model[Any]", data: Data, *, dynamic: DynamicOf = False, storage: StorageOf = "float32"
    ) -> Scoring:
        """Score the held-out part; of a short text by the mixture of the network with n-grams, and the network alone.

        What learns on, or is stored in another form, is the network alone.

        Metrics:

        - `network_bits_per_character`, `network_bits_per_byte`: those of the network without n-grams; less is better
        """
        from statewise.tasks.text.data import TextData, metrics_of
        from statewise.tasks.text.mixture import scoring

        score = yield from super().score(model, data, dynamic=dynamic, storage=storage)
        assert isinstance(data, TextData)
        mixture = self.mixture(data.codec)
        if mixture is None:
            return score
        nats = yield from scoring(model, data, mixture)
        bits = f"bits_per_{self.unit}"
        alone = {NETWORK + self.unit: score.metrics[bits]}
        both = metrics_of(nats * score.metrics[f"{self.unit}s"], int(score.metrics[f"{self.unit}s"]), self.unit)
        return score._replace(metrics={**score.metrics, **both, **alone}, judged=nats)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the mixture with n-grams is, where there is one."""
        if self.calibration is None:
            return []
        shares = self.calibration["shares"]
        return [
            f"This model is its network mixed with {len(shares)}-grams: the network has {min(shares):.0%} to "
            f"{max(shares):.0%} of the odds, by how many {self.unit}s before were seen together, learned on the part "
            f"for checks. The network alone, as it is exported to other systems, takes "
            f"{score.metrics[NETWORK + self.unit]:.3f} bits."
        ]

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return bits and perplexity per character (or byte) and how many were scored."""
        from statewise.tasks.text.data import metrics_of

        return metrics_of(float(loss.nats), int(loss.places), self.unit)

    def gauge(self, nats: float) -> str:
        """Return a loss in bits per character."""
        return f"{nats / math.log(2):.3f} bits per {self.unit}"

    def sample(self, model: "Model[Any]", codec: "TextCodec") -> str:
        """Return a few lines; always the same dice, so that samples differ by what was learned."""
        return "".join(self.predict(model, codec, "", length=SAMPLE_LENGTH, temperature=0.7, seed=self.seed))

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how long the text is, and how many different characters it has."""
        told = f"{super().size(facts)}, {facts['choices']} choices"
        return f"{told}; {facts['chosen']}" if "chosen" in facts else told

    def stream(self, model: "Model[Any]", codec: "TextCodec") -> "Stream[Any]":
        """Return a stream that reads characters (or bytes, as numbers from 0 to 255), or their codes."""
        from statewise.stream import Stream

        return Stream(self.answering(model, codec), encode=lambda x: _one_code(codec, x))

    def inputs(self, codec: "TextCodec") -> Inputs:
        """Return what one step reads: one character (or byte), or its code."""
        words = f"one {self.unit}, or its code from 0 to {codec.choices - 1}"
        shown = map(codec.show, range(codec.choices))
        example = next((one for one in shown if one.isalpha()), codec.show(codec.choices - 1))
        split = lambda text: codec.encode(text).tolist()  # noqa: E731
        return Inputs(words, ("string", "integer"), example, lambda x: _one_input(codec, x, words), split)

    def known_names(self, codec: "TextCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the characters, or bytes, that can be read and written."""
        never = set(codec.never())
        return {f"{self.unit}s": [{self.unit: codec.show(n)} for n in range(codec.choices) if n not in never]}

    def example_question(self, codec: "TextCodec") -> dict[str, Any]:
        """Return the beginning of a text."""
        return {"prompt": "It was", "length": 80}

    def predict(
        self,
        model: "Model[Any]",
        codec: "TextCodec",
        prompt: PromptOf = "",
        *,
        length: Annotated[int, Doc("number of characters to write")] = 500,
        temperature: TemperatureOfText = 0.8,
        top_k: TopKOf = None,
        top_p: TopPOf = None,
        seed: SeedOfText = None,
        stop: StopOf = None,
        stream: "Stream[Any] | None" = None,
    ) -> Iterator[str]:
        """Write on from a prompt, a character at a time; with no prompt, from the beginning of a line.

        A prompt character that training never saw is read as the unknown character, and is never written.
        Writing ends after `length` characters, or before `stop`. A given `stream` is read on from and ends after
        what was written, a `stop` included; no prompt then means just that, unless nothing was read yet.
        Raises `UsageError` for a `length` below 1 or settings that leave no choice.
        """
        check_prompt(prompt)
        ahead = AHEAD if stream is None else 1  # a stream of our own may be ahead of what the caller has read
        stream = self.stream(model, codec) if stream is None else stream
        prompt = prompt or ("\n" if stream.fresh else "")
        how = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        read, never = codec.encode(prompt).tolist(), codec.never()
        codes = choices_from(stream, read, length=length, ahead=ahead, never=never, **how)
        written = map(codec.decoder(), codes)
        # as the model would write it: composed, where the unit is a character
        yield from before(written, codec.decode(codec.encode(stop))) if stop else written

    def answer(
        self,
        model: "Model[Any]",
        codec: "TextCodec",
        prompt: str = "",
        *,
        choices: Annotated[int, Doc("show the N likeliest next characters at every position")] = 0,
        interactive: Annotated[bool, Doc("read lines, answer each, keep the state")] = False,
        **how: Any,
    ) -> Answer:
        """Return what is written after a prompt, or was likely at each position, or a conversation.

        Raises `UsageError` for `choices` below 0 or in a conversation.
        """
        from statewise.tasks.shared import written_text

        if interactive and choices:
            raise UsageError(CONTRADICTION)
        check_whole("--choices", choices, 0, LONGEST)
        check_prompt(prompt)
        missing = codec.missing(prompt)
        listed = " ".join(map(repr, missing))
        notices = [f"never seen in training, read as the unknown character: {listed}"] if missing else []
        if interactive:
            return Answer(written_text.talk(self, model, codec, prompt, how), _no_object, end="", notices=notices)
        pieces = self.predict(model, codec, prompt, **how)
        if not choices:
            return written_text.written(prompt, pieces, notices)
        text = "".join(pieces)
        likely = self.choices(model, codec, prompt + text, choices)
        return written_text.with_choices(prompt, text, likely, notices)

    def live(self, model: "Model[Any]", codec: "TextCodec", saved: bytes | None = None) -> "Surprises":
        """Begin to say of each line how surprising it is, in bits per character, or go on where that was left."""
        from statewise.stream import Stream
        from statewise.tasks.shared.written_text import Surprises

        stream = self.stream(model, codec)
        stream = Stream.open(stream.model, saved, encode=stream.encode) if saved is not None else stream
        return Surprises(stream, lambda line: codec.encode(f"{line}\n").tolist())

    def choices(
        self, model: "Model[Any]", codec: "TextCodec", text: str, count: int
    ) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """Yield each character of a text with the `count` likeliest ones to follow it and their probabilities.

        Where the unit is a byte, one that is only part of a character is named by its number, as `\\xc3`.
        """
        stream = self.stream(model, codec)
        for code in codec.encode(text):
            likely = stream.model.head.top(stream.push(int(code)), count)
            pairs = zip(likely.choices.tolist(), likely.probabilities.tolist(), strict=True)
            yield codec.show(int(code)), [(codec.show(choice), probability) for choice, probability in pairs]


def _no_object() -> dict[str, Any]:
    raise UsageError(CONTRADICTION)


def _one_input(codec: "TextCodec", x: str | int, words: str) -> int:
    """Return the code of an input. Raises `UsageError`, in words for a user of a server, for more than one."""
    if isinstance(x, str):
        codes = codec.encode(x).tolist()
        if len(codes) != 1:
            unit = codec.as_json()["unit"]
            raise UsageError(f"the input has {len(codes)} {unit}s: give {words}, or read them all as a text")
        return int(codes[0])
    if not 0 <= x < codec.choices:
        raise UsageError(f"there is no code {in_line(x, 40)}: give {words}")
    return x


def _one_code(codec: "TextCodec", x: Any) -> Any:
    if not isinstance(x, str):
        return x
    codes = codec.encode(x)
    if len(codes) != 1:
        raise UsageError(f"{x!r} is {len(codes)} {codec.as_json()['unit']}s: push one at a time, or use push_many")
    return int(codes[0])
