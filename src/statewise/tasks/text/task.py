"""Text: learn to write as a text does, one character or byte at a time."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_PLACES, MOST_UNITS, check_whole
from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.shown import in_line
from statewise.task import (
    Answer,
    Calibrating,
    Data,
    DynamicOf,
    Part,
    Score,
    Scoring,
    Sources,
    StorageOf,
    Task,
    stacked_core,
)
from statewise.tasks.shared.counted import CountedOnce
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
from statewise.tasks.text.short import (
    CHECKED,
    CHECKS,
    LONG,
    PATIENCE,
    chosen_words,
    usual_dropout,
    usual_epochs,
    usual_validation,
)
from statewise.underway import told

if TYPE_CHECKING:
    from statewise.data.code_file import CodeFile
    from statewise.data.codec import TextCodec
    from statewise.data.figures import Finding, Found
    from statewise.data.texts import CodedText
    from statewise.data.window import Window
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.shared.kneser_ney import KneserNey
    from statewise.tasks.shared.written_text import Surprises

SCORED_STEPS = 256
SAMPLE_LENGTH = 200
MIXED = "mixed_bits_per_"
CONTRADICTION = "--interactive contradicts --json and --choices: give one of them"
COUNTING = 0.5
"About which share of finding the scores of n-grams is counting them."


@dataclass(frozen=True, kw_only=True)
class Text(Task):
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

    source: Annotated[Sources, Doc("files, folders, patterns, or the name of a corpus")]
    unit: Annotated[Literal["character", "byte"], Doc("what one step reads")] = "character"
    head: Annotated[str, Doc("distribution of the next character, by name (see `statewise list heads`)")] = (
        "categorical"
    )
    encoder: Annotated[
        str | None,
        Doc("encoder of a character, by name (see `statewise list encoders`); if not given, a table of vectors"),
    ] = None
    embedding: Annotated[int, Doc("embedding size of a character"), Ge(1), Le(MOST_UNITS)] = 64
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

    @property
    def sources(self) -> tuple[str, ...]:
        """The source as a tuple, also where one was given."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    @property
    def label(self) -> str:
        """The name of the first source."""
        return Path(self.sources[0]).stem or "text"

    def prepare(self, cache: Path) -> "TextData":
        """Read the texts, choose the alphabet and split; the codes are kept in `cache` by the hash of the contents."""
        from statewise.data.texts import code_text
        from statewise.encoders.named import encoder_named
        from statewise.heads.named import head_named

        check_shares(self.held_out, self.validation or 0.0)
        head_named(self.head, "choice"), encoder_named(self.encoder, "code")
        share = self.validation if self.validation is not None else usual_validation if self.is_timed else 0.0
        text = code_text(self.sources, self.unit, self.held_out, self.gap, cache, share)
        data = TextData(self, text, text.held_out.part(0, self.scored), cache)
        data.windows("training")
        return data

    @property
    def is_timed(self) -> bool:
        """Whether nothing but time bounds the training, so that what a short text asks for is chosen."""
        return self.updates is None and self.epochs is None

    def fitted(self, data: Data) -> "tuple[Self, Data]":
        """Choose dropout, checks and an early end for a short text, as far as they were not given."""
        assert isinstance(data, TextData)
        length, validation = data.facts["length"], data.facts.get("validation", 0)
        chosen: dict[str, Any] = {}
        if self.dropout is None and self.is_timed and length < LONG:
            chosen["dropout"] = usual_dropout(length)
        if validation and self.is_timed and not self.checks:
            chosen |= {"checks": CHECKS, "early_stop": PATIENCE, "keep": "best"}
        if not chosen and self.validation is not None:
            return self, data
        share = self.validation if self.validation is not None else usual_validation(length) if validation else 0.0
        task = replace(self, validation=share, **chosen)
        return task, replace(data, task=task, chosen=chosen)

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

        # The unknown character's vector stays zero: it carries nothing about which one it is.
        unknown = codec.never()[0] if codec.never() else None
        encoder = encoder_named(self.encoder, "code")(codec.choices, self.embedding, unknown=unknown)
        core = stacked_core(self.cell, encoder.features, self.hidden_size, self.layers)
        core = Dropout(core, self.dropout) if self.dropout else core
        return Model(encoder, core, head_named(self.head, "choice")(core.units, codec.choices))

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Learn how much n-grams add to the network, on the part for checks of a short text."""
        from statewise.tasks.text.mixture import calibrating

        assert isinstance(data, TextData)
        is_short = len(data.text.training) < LONG
        if not (is_short and len(data.text.validation) > 1 and hasattr(model.head, "nats")):
            return None
        return (yield from calibrating(model, data))

    def score(
        self, model: "Model[Any]", data: Data, *, dynamic: DynamicOf = False, storage: StorageOf = "float32"
    ) -> Scoring:
        """Score the held-out part; of a short text also the mixture of the network with n-grams."""
        from statewise.tasks.text.mixture import scoring

        score = yield from super().score(model, data, dynamic=dynamic, storage=storage)
        if self.calibration is None:
            return score
        assert isinstance(data, TextData)
        nats = yield from scoring(model, data, self.calibration)
        return score._replace(metrics={**score.metrics, MIXED + self.unit: nats / math.log(2)})

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the mixture with n-grams is, where there is one."""
        if self.calibration is None:
            return []
        share, order, bits = self.calibration["share"], self.calibration["order"], score.metrics[MIXED + self.unit]
        return [
            f"{share:.0%} of this network and {1 - share:.0%} of {order}-grams, shares learned on the part for checks, "
            f"take {bits:.3f} bits; predict, stream and export use the network alone."
        ]

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return bits and perplexity per character (or byte) and how many were scored."""
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

        return Stream(model, encode=lambda x: _one_code(codec, x))

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
        stream = Stream.open(model, saved, encode=stream.encode) if saved is not None else stream
        return Surprises(stream, lambda line: codec.encode(f"{line}\n").tolist())

    def choices(
        self, model: "Model[Any]", codec: "TextCodec", text: str, count: int
    ) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """Yield each character of a text with the `count` likeliest ones to follow it and their probabilities.

        Where the unit is a byte, one that is only part of a character is named by its number, as `\\xc3`.
        """
        stream = self.stream(model, codec)
        for code in codec.encode(text):
            likely = model.head.top(stream.push(int(code)), count)
            pairs = zip(likely.choices.tolist(), likely.probabilities.tolist(), strict=True)
            yield codec.show(int(code)), [(codec.show(choice), probability) for choice, probability in pairs]


@dataclass(frozen=True)
class TextData(CountedOnce):
    """A text as codes, with the n-grams that its model has to beat."""

    task: Text
    text: "CodedText"
    scored: "CodeFile"
    cache: Path
    chosen: Mapping[str, Any] = field(default_factory=dict)
    "Settings that followed from the length of the text."

    @property
    def codec(self) -> "TextCodec":
        """The alphabet."""
        return self.text.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How long the text and its parts are, and its digest."""
        counted = min(self.task.counted, len(self.text.training))
        told = {**self.text.facts, "scored": len(self.scored), "counted_by_n_grams": counted}
        return {**told, "chosen": chosen_words(dict(self.chosen))} if self.chosen else told

    def validating(self) -> "TextData":
        """Return the beginning of the part for checks, where there is one, as what is scored."""
        kept = self.text.validation
        return replace(self, scored=kept.part(0, min(CHECKED, len(kept)))) if len(kept) > 1 else self

    @property
    def notices(self) -> Sequence[str]:
        """Where the codes that were kept had to be made again: that they had."""
        return [self.text.notice] if self.text.notice else []

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> "Sequence[Window]":
        """Return the stripes of a part; the held-out one is read in as many stripes as training has rows."""
        from statewise.data.stripes import Stripes

        rows = rows or self.task.batch_size
        if part == "training":
            steps = steps or self.task.window_steps
            return Stripes(self.text.training, rows, steps, unit=self.task.unit, begin_in_turn=True)
        steps = min(steps or SCORED_STEPS, len(self.scored) - 1)
        return Stripes(self.scored, max(1, min(rows, (len(self.scored) - 1) // steps)), steps, unit=self.task.unit)

    def _counted(self) -> Any:
        training = self.text.training
        return training.read(max(0, len(training) - self.task.counted))

    def counted_ngrams(self) -> "KneserNey":
        """Return n-grams of the training part."""
        from statewise.tasks.shared.kneser_ney import KneserNey

        return KneserNey.fit(self._counted(), self.codec.choices, self.task.orders)

    def baselines_key(self) -> str:
        """Return a name for what Kneser-Ney n-grams of each order score."""
        from statewise.data.figures import key_of

        counted, scored = self._counted(), self.scored.read()
        asked = f"interpolated Kneser-Ney, {self.codec.choices} choices, order {self.task.orders}, {counted.dtype}"
        return key_of([asked, counted.tobytes(), scored.tobytes()])

    def find_baselines(self) -> "Finding":
        """Count n-grams and score those of each order, yielding how much is done.

        Baselines:

        - `N-gram`: characters by interpolated Kneser-Ney of that order, `statewise.tasks.shared.kneser_ney.KneserNey`
        """
        from statewise.tasks.shared.kneser_ney import KneserNey

        orders, scored, found = self.task.orders, self.scored.read(), {}
        counting = KneserNey.fitting(self._counted(), self.codec.choices, orders)
        ngrams = yield from told(counting, lambda share: COUNTING * share)
        for order in ngrams.orders:
            found[f"{order}-gram"] = {"nats": ngrams.nats(scored, order)}
            yield COUNTING + (1 - COUNTING) * order / orders
        return found

    def baseline_metrics(self, found: "Found") -> "Found":
        """Return what n-grams score in bits and perplexity."""
        places = len(self.scored)
        return {name: metrics_of(of["nats"], places, self.task.unit) for name, of in found.items()}

    def on(self, source: Sequence[str], cache: Path) -> "TextData":
        """Return this text with others to be scored."""
        from statewise.data.texts import code_with
        from statewise.errors import DataError

        codes = code_with(self.codec, source, cache)
        if len(codes) < 2:
            raise DataError(f"{', '.join(source)} has {len(codes)} {self.task.unit}s: give at least 2 to score")
        return replace(self, scored=codes.part(0, self.task.scored), cache=cache)


def metrics_of(nats: float, places: int, unit: str) -> dict[str, float]:
    """Return a loss in bits per character and as perplexity.

    Metrics:

    - `bits_per_character`, `bits_per_byte`: nats / characters / log 2; less is better
    - `perplexity`: 2 ** bits: how many equally likely characters would be as hard to foresee; less is better
    - `characters`, `bytes`: places that were scored

    >>> metrics_of(nats=1000 * math.log(2), places=1000, unit="character")
    {'bits_per_character': 1.0, 'perplexity': 2.0, 'characters': 1000}
    """
    bits = nats / places / math.log(2)
    perplexity = math.inf if bits >= sys.float_info.max_exp else 2**bits
    return {f"bits_per_{unit}": bits, "perplexity": perplexity, f"{unit}s": places}


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
