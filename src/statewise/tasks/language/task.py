"""Language: foresee the next word of a text, out of hundreds of thousands."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_CHECKS, MOST_PLACES, MOST_STEPS, MOST_UNITS
from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Score, Scoring, Sources, Task
from statewise.tasks.shared.sourced import Sourced, check_shares
from statewise.tasks.shared.writing import (
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

if TYPE_CHECKING:
    from statewise.data.words.prepared_words import Vocabulary, WordCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.language.data import LanguageData
    from statewise.tasks.language.network import LanguageNetwork
    from statewise.tasks.shared.written_text import Surprises

MOST_WORDS = 5_000_000
SAMPLE_WORDS, LONGEST_WORD = 40, 1000


@dataclass(frozen=True, kw_only=True)
class Language(Sourced, Task):
    """Learn the words of a text, foresee the next one and write more.

    >>> Language(source="novels/", hidden_size=256, output="adaptive", minutes=2).cutoffs
    'auto'
    """

    name: ClassVar[str] = "language"
    title: ClassVar[str] = "Learn the words of a text, and write more of it"
    example: ClassVar[str] = "shakespeare"
    content: ClassVar[str] = "text"
    in_memory: ClassVar[InMemory] = InMemory(("texts",))
    check_share: ClassVar[float | None] = 0.05

    source: Annotated[Sources, Doc("files, folders, patterns, or the name of a corpus")]
    unit: Annotated[Literal["word", "bpe"], Doc("what one step reads: a word, or a subword by bpe")] = "word"
    form: Annotated[
        Literal["running", "lines", "tokenised"],
        Doc(
            "how the text is written: `running` ends a paragraph at an empty line, `lines` at every line; `tokenised` "
            "lines are cut at spaces alone"
        ),
    ] = "running"
    lower: Annotated[bool, Doc("read capital letters as small ones")] = False
    min_count: Annotated[
        int, Doc("minimum number of times that a word of the vocabulary occurs in training"), Ge(1), Le(MOST_PLACES)
    ] = 1
    vocabulary: Annotated[
        int | None,
        Doc("size of the vocabulary, the most frequent words; if not given, all of them, and 8,000 of bpe"),
        Ge(3),
        Le(MOST_WORDS),
    ] = None
    output: Annotated[
        Literal["full", "adaptive", "sampled"],
        Doc("output: a full softmax, one in groups by frequency, or one trained against a sample of the words"),
    ] = "adaptive"
    cutoffs: Annotated[str, Doc("where groups end, such as 2000,10000; `auto` takes those that should cost least")] = (
        "auto"
    )
    shrink: Annotated[float, Doc("factor by which the vectors of each group are narrower"), Ge(1), Le(65536)] = 4.0
    negatives: Annotated[int, Doc("words that a window's targets are compared with in training"), Ge(1), Le(10**7)] = (
        4096
    )
    sampling: Annotated[
        Literal["log_uniform", "unigram"], Doc("odds by which these words are drawn, and corrected for")
    ] = "log_uniform"
    input_table: Annotated[
        Literal["full", "adaptive"], Doc("vectors of the words that are read: all as wide, or narrower for rare ones")
    ] = "full"
    tied: Annotated[bool, Doc("read and write a word by the same vector")] = False
    embedding: Annotated[int, Doc("embedding size of a word"), Ge(1), Le(MOST_UNITS)] = 256
    dropout: Annotated[
        float | None,
        Doc("dropout of the cells' outputs, one mask a sequence; if not given, less the more words there are to learn"),
        Ge(0),
        Lt(1),
    ] = None
    dropout_input: Annotated[float, Doc("dropout of the vectors read, one mask a sequence"), Ge(0), Lt(1)] = 0.0
    dropout_words: Annotated[float, Doc("dropout of whole words that are read"), Ge(0), Lt(1)] = 0.0
    weight_drop: Annotated[float, Doc("dropout of recurrent weights (AWD-LSTM)"), Ge(0), Lt(1)] = 0.0
    held_out: Annotated[float, Doc("share of the text, its end, that is kept from training"), Gt(0), Lt(1)] = 0.05
    validation: Annotated[
        float, Doc("share of the text, before the held-out part, that is kept for checks"), Ge(0), Lt(1)
    ] = 0.05
    gap: Annotated[
        int, Doc("words between the training part and what is kept from it that neither reads"), Ge(0), Le(MOST_PLACES)
    ] = 0
    checked: Annotated[int, Doc("maximum number of words that a check scores"), Ge(2), Le(MOST_PLACES)] = 10_000
    checks: Annotated[
        int,
        Doc("how many times to score during training, on the validation part if there is one, else the held-out part"),
        Ge(0),
        Le(MOST_CHECKS),
    ] = 60
    keep: Annotated[Literal["last", "best"], Doc("weights to use after training: the last, or the best at a check")] = (
        "best"
    )
    early_stop: Annotated[
        int,
        Doc("early stopping: end after this many checks without improvement; 0 turns it off"),
        Ge(0),
        Le(MOST_CHECKS),
    ] = 15
    scored: Annotated[int, Doc("maximum number of words of the held-out part to score"), Ge(2), Le(MOST_PLACES)] = (
        200_000
    )
    counted: Annotated[
        int, Doc("maximum number of words, the last ones, that n-grams count"), Ge(1), Le(MOST_PLACES)
    ] = 20_000_000
    orders: Annotated[int, Doc("longest n-gram of the baseline"), Ge(1), Le(12)] = 5
    batch_size: Annotated[int, Doc("batch size: sequences read in parallel"), Ge(1), Le(1_000_000)] = 64
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window, through which gradients flow back"), Ge(1), Le(MOST_STEPS)
    ] = 20

    def __post_init__(self) -> None:
        from statewise.tasks.language.network import AUTO, read_cutoffs

        super().__post_init__()
        check_shares(self.held_out, self.validation)
        if self.cutoffs != AUTO:
            read_cutoffs(self.cutoffs)
        adaptive = self.output == "adaptive", self.input_table == "adaptive"
        if self.tied and adaptive[0] != adaptive[1]:
            raise UsageError(
                f"--tied needs vectors as wide on both sides, and --output {self.output} and --input-table "
                f"{self.input_table} differ in that: give both adaptive, or neither"
            )
        if self.unit == "bpe" and self.vocabulary is not None and self.vocabulary < 257:
            raise UsageError(f"--vocabulary {self.vocabulary} is too small for bpe: give at least 257")

    @property
    def spelling(self) -> "Vocabulary":
        """How texts become codes."""
        from statewise.data.words.prepared_words import Vocabulary

        return Vocabulary(self.unit, self.form, self.lower, self.vocabulary, self.min_count)

    def network(self) -> "LanguageNetwork":
        """Return what the model is made of."""
        from statewise.tasks.language.network import LanguageNetwork

        return LanguageNetwork(
            cell=self.cell,
            hidden_size=self.hidden_size,
            layers=self.layers,
            embedding=self.embedding,
            output=self.output,
            reading=self.input_table,
            cutoffs=self._cutoffs(),
            shrink=self.shrink,
            is_tied=self.tied,
            negatives=self.negatives,
            sampling=self.sampling,
            places=self.batch_size * self.sequence_length,
            dropout=self.dropout,
            input_dropout=self.dropout_input,
            word_dropout=self.dropout_words,
            weight_drop=self.weight_drop,
        )

    def _cutoffs(self) -> str:
        """Return the cut-offs as written; of a run those that were chosen for it, whatever would be chosen now."""
        from statewise.tasks.language.network import AUTO

        chosen = self.trained_facts.get("cutoffs")
        is_known = self.cutoffs == AUTO and isinstance(chosen, list) and bool(chosen)
        return ",".join(map(str, chosen)) if is_known else self.cutoffs  # type: ignore[arg-type]

    def prepare(self, cache: Path) -> "LanguageData":
        """Read the texts, choose the vocabulary and split; codes are kept in `cache` by the hash of the contents."""
        from statewise.data.words.prepared_words import Parted, code_words
        from statewise.heads.adaptive_softmax import groups_of
        from statewise.tasks.language.data import Amounts, LanguageData

        text = code_words(self.sources, self.spelling, Parted(self.held_out, self.validation, self.gap), cache)
        network, cut = self.network(), dict[str, Any]()
        if "adaptive" in (self.output, self.input_table):
            cuts = network.cuts(text.codec)
            groups_of(text.codec.choices, cuts, self.hidden_size, self.shrink)
            cut = {"cutoffs": cuts, "expected_speed_up": round(network.expectation(text.codec), 1)}
        scored = text.held_out.part(0, self.scored)
        steps, most = (self.sequence_length, self.window_steps), (self.scored, self.checked, self.counted)
        amounts = Amounts(self.batch_size, *steps, *most, self.orders, self.seed)
        data = LanguageData(amounts, text, scored, int(text.facts["unknown_types"]), cache, cut)
        data.windows("training")
        return data

    def codec(self, written: Mapping[str, Any]) -> "WordCodec":
        """Return the vocabulary of a run."""
        from statewise.data.words.prepared_words import words_codec

        return words_codec(written)

    def model(self, codec: "WordCodec") -> "Model[Any]":
        """Return a table of words, cells, and an output over all words."""
        return self.network().model(codec)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the perplexity of a loss."""
        from statewise.tasks.language.scoring import perplexity

        return {"perplexity": perplexity(float(loss.nats), int(loss.places))}

    def gauge(self, nats: float) -> str:
        """Return a loss as a perplexity."""
        return f"perplexity {math.exp(min(nats, 700.0)):.1f}"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how long the text is, how many of its words have a code, and what cutting these should save."""
        told = f"{super().size(facts)}, {facts['choices']:,} choices"
        if self.output != "adaptive" or "cutoffs" not in facts:
            return told
        cuts, faster = ", ".join(f"{cut:,}" for cut in facts["cutoffs"]), facts["expected_speed_up"]
        saved = f"be {faster:g} times as fast as a full one" if faster > 1 else "take longer than with --output full"
        return f"{told} cut at {cuts}: an update of the output should {saved}"

    def score(  # type: ignore[override]  # it has settings of its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        dynamic: Annotated[bool, Doc("dynamic evaluation: also score while a copy goes on learning")] = False,
        dynamic_rate: Annotated[float, Doc("learning rate of dynamic evaluation"), Gt(0), Le(1e6)] = 0.1,
        cache: Annotated[int, Doc("neural cache: also score with the last N words remembered"), Ge(0), Le(10**6)] = 0,
        cache_weight: Annotated[float, Doc("share of the odds that the cache tells"), Ge(0), Lt(1)] = 0.1,
        cache_sharpness: Annotated[float, Doc("how much alike what was read must be to count"), Ge(0), Le(1e6)] = 0.3,
        arpa: Annotated[str | None, Doc("also score the n-grams of this ARPA file, over the same vocabulary")] = None,
        write_arpa: Annotated[str | None, Doc("write the n-grams of the training part to this new ARPA file")] = None,
    ) -> Scoring:
        """Score words in order, the state carried on from the first to the last.

        Unknown words are scored as one, left out, and told apart; see `remarks`.
        """
        from statewise.tasks.language.comparing import scored

        remembering = (cache, cache_weight, cache_sharpness) if cache else None
        return (yield from scored(model, data, dynamic_rate if dynamic else 0.0, remembering, arpa, write_arpa))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the perplexities are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.language.comparing import remarks

        trained = {
            "full": "a full softmax",
            "adaptive": "an adaptive softmax",
            "sampled": f"a sampled softmax of {self.negatives:,} words",
        }
        is_whole = self.output == "sampled" and self.negatives >= data.facts["choices"]
        return remarks(trained["full" if is_whole else self.output], score, data)

    def sample(self, model: "Model[Any]", codec: "WordCodec") -> str:
        """Return a few lines; always the same dice, so that samples differ by what was learned."""
        from statewise.model import evaluating

        with evaluating(model):
            text = "".join(self.predict(model, codec, "", length=SAMPLE_WORDS, temperature=0.8, seed=self.seed))
        return text if text.strip() else repr(text)

    def stream(self, model: "Model[Any]", codec: "WordCodec") -> "Stream[Any]":
        """Return a stream that reads words, or their codes."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda x: one_code(codec, x) if isinstance(x, str) else x)

    def inputs(self, codec: "WordCodec") -> Inputs:
        """Return what one step reads: a word, or its code."""
        words = f"one {codec.unit}, or its code from 0 to {codec.choices - 1}"
        example = next((word for word in map(codec.show, range(codec.choices)) if word.isalpha()), codec.show(0))
        split = lambda text: codec.encode(text).tolist()  # noqa: E731
        return Inputs(words, ("string", "integer"), example, lambda x: one_code(codec, x), split)

    def known_names(self, codec: "WordCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the words with how often each occurs in training."""
        counts = zip(map(codec.show, range(codec.choices)), codec.counts, strict=True)
        return {f"{codec.unit}s": [{codec.unit: word, "count": count} for word, count in counts]}

    def example_question(self, codec: "WordCodec") -> dict[str, Any]:
        """Return the beginning of a text, in words that it has."""
        prompt = "It was the" if not codec.unknown_words("It was the") else self.inputs(codec).example
        return {"prompt": prompt, "length": 20}

    def predict(
        self,
        model: "Model[Any]",
        codec: "WordCodec",
        prompt: PromptOf = "",
        *,
        length: Annotated[int, Doc("number of words, or subwords, to write")] = 100,
        temperature: TemperatureOfText = 0.8,
        top_k: TopKOf = None,
        top_p: TopPOf = None,
        seed: SeedOfText = None,
        stop: StopOf = None,
        stream: "Stream[Any] | None" = None,
    ) -> Iterator[str]:
        """Write on from a prompt, a word at a time; with no prompt, from the beginning of a paragraph.

        A word of the prompt that is not in the vocabulary is read as unknown, and unknown words are never written.
        Writing ends after `length` words, or before `stop`. A given `stream` is read on from.
        Raises `UsageError` for a `length` below 1 or settings that leave no choice.
        """
        check_prompt(prompt)
        stream = self.stream(model, codec) if stream is None else stream
        read = codec.encode(prompt).tolist() if prompt else [codec.beginning] if stream.fresh else []
        how = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        codes = choices_from(stream, read, length=length, ahead=1, never=codec.never(), **how)
        decode = codec.decoder(read[-1]) if read else codec.decoder()
        written = map(decode, codes)
        yield from before(written, stop) if stop else written

    def answer(
        self,
        model: "Model[Any]",
        codec: "WordCodec",
        prompt: str = "",
        *,
        choices: Annotated[int, Doc("show the N likeliest next words after the prompt, and write nothing")] = 0,
        complete: Annotated[bool, Doc("with --choices, only those that go on with the prompt's last letters")] = False,
        score: Annotated[
            str | None, Doc("show the nats of each word of this file, sentence by sentence"), OF_COMMANDS
        ] = None,
        rank: Annotated[
            str | None,
            Doc("order the lines of this file, the likeliest first"),
            OF_COMMANDS,
        ] = None,
        interactive: Annotated[bool, Doc("read lines, answer each, keep the state")] = False,
        **how: Any,
    ) -> Answer:
        """Return what is written after a prompt, what is likely to follow it, how likely texts are, or a conversation.

        Raises `UsageError` for more than one of these, and for `choices` below 0.
        """
        from statewise.tasks.language.answers import answer_of

        return answer_of(
            self, model, codec, prompt, choices=choices, complete=complete, score=score, rank=rank,
            interactive=interactive, how=how,
        )  # fmt: skip

    def live(self, model: "Model[Any]", codec: "WordCodec", saved: bytes | None = None) -> "Surprises":
        """Begin to say of each line how surprising it is, in bits per word, or go on where that was left."""
        from statewise.stream import Stream
        from statewise.tasks.language.answers import line_codes
        from statewise.tasks.shared.written_text import Surprises

        stream = self.stream(model, codec)
        stream = Stream.open(model, saved, encode=stream.encode) if saved is not None else stream
        return Surprises(stream, lambda line: line_codes(codec, line))


def one_code(codec: "WordCodec", x: str | int) -> int:
    """Return the code of an input: a word of any spelling, or a code.

    Raises `UsageError` for several words, and for what is too long or cannot be printed.
    """
    from statewise.bounds import code, shown

    if not isinstance(x, str):
        return code(x, codec.choices)
    if len(x) > LONGEST_WORD or not x.strip().isprintable():
        raise UsageError(f"{shown(x)} is not a {codec.unit}: give one of at most {LONGEST_WORD} letters")
    codes = codec.encode(x).tolist()
    if len(codes) != 1:
        unit = codec.unit
        raise UsageError(f"{shown(x)} is {len(codes)} {unit}s: give one {unit} at a time, or read them all as a text")
    return int(codes[0])
