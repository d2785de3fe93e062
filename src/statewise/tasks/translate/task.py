"""Translation: learn from pairs of sentences that say the same in two languages, and translate others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Sources
from statewise.tasks.shared.reader_writer_task import ReaderWriterTask, code_of, subword_inputs
from statewise.tasks.shared.sourced import check_shares

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.data.pairs.pairs_codec import PairsCodec
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.translate.data import TranslateData
    from statewise.tasks.translate.translator import Translated, Translator

BEAM = 5


@dataclass(frozen=True, kw_only=True)
class Translate(ReaderWriterTask):
    """Learn from pairs of sentences to translate from one language to another.

    >>> Translate(source="pairs.tsv", from_language="en", to_language="fr").label
    'pairs'
    """

    name: ClassVar[str] = "translate"
    title: ClassVar[str] = "Learn from pairs of sentences to translate others"
    example: ClassVar[str] = "pairs.tsv"
    content: ClassVar[str] = "pairs"
    page: ClassVar[str] = "translate"
    in_memory: ClassVar[InMemory] = InMemory(("records",), ("source", "target"))

    source: Annotated[
        Sources,
        Doc("pairs of sentences: lines SOURCE<tab>TARGET, two files line by line, TMX, or JSON lines; or a corpus"),
    ]
    from_language: Annotated[str, Doc("language of the source, as en")] = "en"
    to_language: Annotated[str, Doc("language to translate to, as fr")] = "fr"
    shared: Annotated[bool, Doc("let both languages have the same subwords")] = True
    copy_names: Annotated[bool, Doc("copy names that training never saw from the source")] = True
    split: Annotated[
        Literal["source", "file"], Doc("split so that no source sentence, or no file, is in two parts")
    ] = "source"
    held_out: Annotated[float, Doc("share of sources kept from training"), Gt(0), Lt(1)] = 0.02
    validation: Annotated[float, Doc("share of sources kept for checks"), Ge(0), Lt(1)] = 0.01
    scored: Annotated[int, Doc("how many held-out sources are translated to be scored; 0 is all"), Ge(0), Le(10**6)] = (
        1000
    )
    checked: Annotated[int, Doc("how many sources a check translates, greedily; 0 is all"), Ge(0), Le(10**6)] = 200

    batch_size: Annotated[int, Doc("pairs in a batch"), Ge(1), Le(65536)] = 64
    sequence_length: Annotated[
        int, Doc("most subwords of a sentence; longer ones are left out and counted"), Ge(2), Le(2000)
    ] = 100

    def __post_init__(self) -> None:
        from statewise.data.pairs.pairs_codec import LANGUAGE

        super().__post_init__()
        for flag, language in {"--from-language": self.from_language, "--to-language": self.to_language}.items():
            if not LANGUAGE.fullmatch(language):
                raise UsageError(f"{flag} {language!r} is not a language: give its code, such as en or pt-BR")
        if self.from_language == self.to_language:
            raise UsageError(f"--from-language and --to-language are both {self.from_language}: give two languages")
        check_shares(self.held_out, self.validation)

    def prepare(self, cache: Path) -> "TranslateData":
        """Read the pairs and split them by source or file; they are kept in `cache` by the hash of the contents."""
        from statewise.data.pairs.prepared_pairs import Spelling, Splitting, prepare_pairs
        from statewise.tasks.translate.data import TranslateData

        splitting = Splitting(self.held_out, self.validation, self.split)
        spelling = Spelling(self.subwords, self.shared, self.copy_names, self.sequence_length)
        pairs = prepare_pairs(self.sources, (self.from_language, self.to_language), splitting, spelling, cache)
        return TranslateData(self, pairs, cache)

    def codec(self, written: Mapping[str, Any]) -> "PairsCodec":
        """Return how texts of a run become codes."""
        from statewise.data.pairs.pairs_codec import PairsCodec

        return PairsCodec.read(written)

    def model(self, codec: "PairsCodec") -> "Model[Tensor]":
        """Return a reader from both ends, and a cell that attends to what it read."""
        return self.network(codec.source.size, codec.target.size, shared=codec.is_shared)

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many pairs there are, and how many subwords."""
        subwords = " and ".join(f"{size:,}" for size in facts["subwords"])
        return f"{super().size({**facts, 'unit': 'pair'})}, {subwords} subwords"

    def score(  # type: ignore[override]  # it has settings of its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        beam: Annotated[int, Doc("beam width; 1 is greedy")] = BEAM,
        length_penalty: Annotated[float, Doc("0 is the plain probability of a translation, 1 the mean")] = 1.0,
    ) -> Scoring:
        """Translate held-out sources, and find BLEU and chrF, and how well each subword is foreseen.

        Checks translate fewer, greedily, those that were kept for checks.
        """
        from statewise.decode import SearchRule
        from statewise.learning import scoring
        from statewise.tasks.translate.data import TranslateData
        from statewise.tasks.translate.metrics import bleu_by_length
        from statewise.tasks.translate.translator import Translator

        assert isinstance(data, TranslateData)
        is_check = data.scored != "held_out"
        rule = SearchRule(1 if is_check else beam, 1, length_penalty).check()
        texts: list[str] = []
        asked = data.asked.sources
        for begin in range(0, len(asked), 256):
            texts += [one.text for one in Translator(model, data.codec, rule).translations(asked[begin : begin + 256])]
            yield 0.9 * len(texts) / len(asked)
        for done, loss in scoring.score(model, data.windows("held_out")):  # noqa: B007  # the last one is used
            yield 0.9 + 0.1 * done
        found = data.judged(texts)
        metrics = {**found.metrics, "nats_per_subword": float(loss.mean)}
        tables = {} if is_check else {"BLEU by words of the source": bleu_by_length(found, asked)}
        return Score(metrics, -found.bleu, tables, details=(found, texts))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say how BLEU was computed, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.translate.data import TranslateData
        from statewise.tasks.translate.metrics import difference

        assert isinstance(data, TranslateData)
        found, _ = score.details
        asked = data.asked
        several = sum(len(one) > 1 for one in asked.references)
        said = [
            f"BLEU and chrF by sacrebleu ({found.signature}; {found.chrf_signature}), of {len(asked.sources):,} "
            f"distinct sources that training never saw, {several:,} of them with several references; 95 % intervals "
            "by the bootstrap."
        ]
        baselines = data.baselines()
        best = max(baselines, key=lambda name: baselines[name]["bleu"])
        apart, low, high = difference(found, data.found[best])
        verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these sentences"
        said.append(
            f"Against the best baseline ({best}): {apart:+.1f} BLEU, 95 % interval {low:+.1f} to {high:+.1f} by the "
            f"paired bootstrap: {verdict}."
        )
        trained = data.facts["held_out_targets_trained"]
        if trained:
            said.append(
                f"{trained:,} of the {data.facts['held_out']:,} held-out pairs have a target that training saw."
            )
        return said

    def sample(self, model: "Model[Any]", codec: "PairsCodec") -> str:
        """Return a translation of the example, greedily, with its source."""
        from statewise.decode import SearchRule
        from statewise.tasks.translate.translator import Translator

        text = self.example_question(codec)["text"]
        (found,) = Translator(model, codec, SearchRule(1)).translations([text])
        return f"{text} -> {found.text or '(nothing)'}"

    def stream(self, model: "Model[Any]", codec: "PairsCodec") -> "Stream[Any]":
        """Return a stream that reads subwords of the target; it has no source to look at, as in `live`."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda x: code_of(x, codec.target))

    def inputs(self, codec: "PairsCodec") -> Inputs:
        """Return what a step reads: a subword of the target, or its code."""
        return subword_inputs(f"a subword of the language {codec.languages[1]}", codec.target)

    def known_names(self, codec: "PairsCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the subwords of the target."""
        return {"subwords": [{"subword": piece} for piece in codec.symbols[3:]]}

    def example_question(self, codec: "PairsCodec") -> dict[str, Any]:
        """Ask for a sentence that training saw to be translated."""
        return {"text": codec.example}

    def predict(
        self,
        model: "Model[Any]",
        codec: "PairsCodec",
        text: Annotated[str, Doc("what to translate; each line is a sentence")] = "",
        *,
        beam: Annotated[int, Doc("beam width; 1 is greedy, and shows words as they come")] = BEAM,
        best: Annotated[int, Doc("how many translations of each sentence to tell")] = 1,
        length_penalty: Annotated[float, Doc("0 is the plain probability of a translation, 1 the mean")] = 1.0,
        no_repeat: Annotated[int, Doc("no so many subwords in a row come twice; 0 allows any")] = 0,
        score: Annotated[str | None, Doc("say how likely this translation of the text is, and make none")] = None,
        align: Annotated[bool, Doc("also tell what each piece of the best translation looked at, in JSON")] = False,
    ) -> "Iterator[Translated]":
        """Yield the translations of each line of a text, the best first; with `align` also what the best looked at.

        Raises `UsageError` for a text without a word, and for a beam narrower than what is to be told.
        """
        from statewise.tasks.translate.translator import Translated

        found = self._translator(model, codec, beam, best, length_penalty, no_repeat)
        if not isinstance(text, str):
            raise UsageError("what to translate is not text: give sentences, one a line")
        if score is not None:
            told = [Translated(text, [found.given(text, score)], is_given=True)]
        else:
            told = found.translations([line for line in text.splitlines() if line.strip()] or [text])
        return iter([found.looked_over(one) for one in told] if align else told)

    @staticmethod
    def _translator(
        model: "Model[Any]", codec: "PairsCodec", beam: int, best: int, length_penalty: float, no_repeat: int
    ) -> "Translator":
        from statewise.decode import SearchRule
        from statewise.tasks.translate.translator import MOST_BEAM, Translator

        if beam > MOST_BEAM:
            raise UsageError(f"a beam of {beam:,} is wider than {MOST_BEAM}: give a narrower one")
        return Translator(model, codec, SearchRule(beam, best, length_penalty, (), no_repeat).check())

    def answer(
        self,
        model: "Model[Any]",
        codec: "PairsCodec",
        text: Annotated[str, Doc("what to translate; each line is a sentence")] = "",
        *,
        file: Annotated[
            str | None,
            Doc("translate this file, line by line in order"),
            OF_COMMANDS,
        ] = None,
        score_file: Annotated[
            str | None, Doc("say how likely each line of this file is as the translation of that line"), OF_COMMANDS
        ] = None,
        alignment: Annotated[
            str | None, Doc("also draw what the best translation looked at to this file, as .svg or .png")
        ] = None,
        beam: int = BEAM,
        best: int = 1,
        length_penalty: float = 1.0,
        no_repeat: int = 0,
        score: str | None = None,
        align: bool = False,
    ) -> Answer:
        """Return translations to be shown: those of a file in its order, and of one sentence as its words come."""
        from statewise.tasks.translate.answers import (
            answer_of,
            draw_first,
            guessed,
            lines_of_file,
            scored_lines,
            word_by_word,
        )

        found = self._translator(model, codec, beam, best, length_penalty, no_repeat)
        if alignment is not None:
            from statewise.tasks.translate.alignment_picture import kind_of

            kind_of(alignment)
        if file is not None:
            if text or score is not None or alignment is not None:
                raise UsageError("--file takes no text, --score or --alignment: give one of them")
            lines = lines_of_file(file)
            if score_file is not None:
                return answer_of(scored_lines(found, lines, lines_of_file(score_file), file, score_file))
            return answer_of(found.translations_of_lines(lines), guessed(codec, lines))
        if score_file is not None:
            raise UsageError("--score-file is for the lines of a file: give --file as well")
        if beam == 1 and score is None and alignment is None and not align and len(text.splitlines()) <= 1:
            return word_by_word(found, text)
        how: dict[str, Any] = {"beam": beam, "best": best, "length_penalty": length_penalty, "no_repeat": no_repeat}
        told = list(self.predict(model, codec, text, score=score, align=align, **how))
        notices = guessed(codec, text.splitlines())
        notices += [] if alignment is None else [draw_first(alignment, found, told)]
        return answer_of(told, notices)

    def live(
        self,
        model: "Model[Any]",
        codec: "PairsCodec",
        saved: bytes | None = None,
        *,
        text: Annotated[str | None, Doc("the sentence that is being translated; none: an example")] = None,
    ) -> Live:
        """Begin the translation of a sentence of which each line is the next word, or go on from there."""
        from statewise.data.pairs.pair import cleaned
        from statewise.decode import SearchRule
        from statewise.tasks.translate.live import TranslationUnderWay
        from statewise.tasks.translate.translator import Translator

        translator = Translator(model, codec, SearchRule(1))
        if saved is not None:
            return TranslationUnderWay.open(translator, saved)
        wanted = self.example_question(codec)["text"] if text is None else text
        translator.coded(wanted)
        return TranslationUnderWay(translator, cleaned(wanted))
