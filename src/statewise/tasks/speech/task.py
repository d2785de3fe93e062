"""Speech: learn to write down what is said from recordings with their texts, and hear as the sound comes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import FILE, OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Task
from statewise.tasks.shared.sourced import check_shares
from statewise.tasks.speech.settings import SpeechSettings

if TYPE_CHECKING:
    from statewise.data.audio.speech_codec import SpeechCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.speech.data import SpeechData
    from statewise.tasks.speech.decoding import Listening, Transcript
    from statewise.tasks.speech.recogniser import Recogniser

BEAM = Doc("search width: how many texts are kept; 1 follows the likeliest labels")
HOT = Doc("words that are likelier than usual, as names are")
HOT_NATS = Doc("how much likelier a hot word is, in nats")
PAUSE = Doc("silence after words that makes a text final, in seconds")
LEAST = Doc("with sentences: what is less likely than this share of what was heard freely, a label, is none of them")


@dataclass(frozen=True, kw_only=True)
class Speech(SpeechSettings, Task):
    """Learn to write down what is said, then hear recordings or a microphone as the sound comes.

    >>> Speech(source="recordings").stack
    6
    """

    name: ClassVar[str] = "speech"
    title: ClassVar[str] = "Learn to write down what is said, and hear it as it is spoken"
    example: ClassVar[str] = "RECORDINGS"
    content: ClassVar[str] = "speech"
    page: ClassVar[str] = "speech"
    in_memory: ClassVar[InMemory] = InMemory(("records",), ("audio_filepath", "text"), ("audio_filepath",))

    def prepare(self, cache: Path) -> "SpeechData":
        """Read the sounds and split them by speaker; their frames are kept in `cache` by the hash of the contents."""
        from statewise.data.audio.prepared_speech import prepare_speech
        from statewise.tasks.speech.data import SpeechData

        check_shares(self.held_out, self.validation)
        if self.normalize == "whole" and not self.two_way:
            raise UsageError("--normalize whole needs the whole sound: give --two-way too, or --normalize running")
        return SpeechData(self, prepare_speech(self.sources, self.preparing, cache), cache)

    def codec(self, written: Mapping[str, Any]) -> "SpeechCodec":
        """Return how sounds and texts of a run become numbers."""
        from statewise.data.audio.speech_codec import SpeechCodec

        return SpeechCodec.read(written)

    def model(self, codec: "SpeechCodec") -> "Model[Any]":
        """Return layers of a cell that read steps one way, or both, under the head of CTC."""
        from torch import nn

        from statewise.heads import CTC
        from statewise.model import Model
        from statewise.tasks.shared.both_ways import core_of

        core = core_of(self, codec.stacking.numbers)
        return Model(nn.Identity(), core, CTC(core.units, len(codec.symbols)))

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats a label.

        Metrics:

        - `nats_per_label`: minus the mean log-likelihood of a label, by CTC: the loss of training, in nats; less is
          better
        """
        return {"nats_per_label": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a label."""
        return f"{nats:.3f} nats a label"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many utterances of how many speakers there are to learn from, and how long they are."""
        from statewise.tasks.shared.parts_in_words import minutes_of, parts_in_words

        def amount(part: str) -> str:
            speakers = facts[f"{part}_speakers"]
            return f"{facts[part]:,} utterances ({minutes_of(facts, part, speakers, 'speaker', 'speakers')})"

        return parts_in_words(facts, amount)

    def score(  # type: ignore[override]  # its settings are its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        beam: Annotated[int, BEAM] = 8,
        language: Annotated[str | None, Doc("a run of `statewise train text` that says what is usual to say")] = None,
        language_weight: Annotated[float, Doc("how much the language model counts")] = 0.5,
        language_bonus: Annotated[float, Doc("what each label is worth with a language model, in nats")] = 1.0,
        grammar: Annotated[str | None, Doc("a file of sentences, one a line: nothing else can have been said")] = None,
    ) -> Scoring:
        """Find how many words and letters are wrong in the held-out part, over all of it together."""
        from statewise.tasks.speech.data import SpeechData
        from statewise.tasks.speech.scoring import judged

        assert isinstance(data, SpeechData)
        how = self._listening(
            data.codec,
            beam,
            grammar=grammar,
            language=language,
            language_weight=language_weight,
            language_bonus=language_bonus,
            least=0.0,
        )
        return (yield from judged(model, data, how))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the numbers are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.speech.data import SpeechData
        from statewise.tasks.speech.scoring import said_of

        assert isinstance(data, SpeechData)
        return said_of(score, data)

    def sample(self, model: "Model[Any]", codec: "SpeechCodec") -> str:
        """Return what is heard in a few utterances that are not learned."""
        from statewise.tasks.speech.answers import chances_of
        from statewise.tasks.speech.decoding import Listening

        how, lines = Listening(codec), []
        for example in codec.examples:
            steps = codec.stacking.steps(example.frames(len(codec.stacking.means)))
            lines.append(f"{example.text} -> {how.heard(chances_of(model, steps)).text or '(nothing)'}")
        return "\n".join(lines) or "(no example)"

    def stream(self, model: "Model[Any]", codec: "SpeechCodec") -> "Stream[Any]":
        """Return a stream that reads steps: comparable frames side by side. Sound is read by `live`."""
        from statewise.stream import Stream
        from statewise.tasks.shared.both_ways import refuse_two_way
        from statewise.tasks.shared.step_of_numbers import number_reader

        refuse_two_way(self)
        return Stream(model, encode=number_reader(codec.stacking.numbers))

    def inputs(self, codec: "SpeechCodec") -> Inputs:
        """Return what a step reads."""
        from statewise.tasks.shared.step_of_numbers import number_inputs

        return number_inputs(codec.stacking.numbers, f"{codec.stacking.count} normalized frames side by side")

    def example_question(self, codec: "SpeechCodec") -> dict[str, Any]:
        """Ask what is said in a short tone."""
        from statewise.tasks.speech.showing import short_tone

        return {} if codec.front_end is None else {"audio": short_tone()}

    def predict(
        self,
        model: "Model[Any]",
        codec: "SpeechCodec",
        sound: Annotated[Any, Doc("the recording: WAV, FLAC, OGG or MP3"), OF_COMMANDS] = None,
        *,
        audio: Annotated[str | None, Doc("the recording as the bytes of a file in base 64"), FILE] = None,
        beam: Annotated[int, BEAM] = 8,
        texts: Annotated[int, Doc("how many texts to return, the likeliest first (n-best)")] = 1,
        hot: Annotated[tuple[str, ...], HOT] = (),
        hot_nats: Annotated[float, HOT_NATS] = 3.0,
        sentences: Annotated[
            tuple[str, ...], Doc("all that can have been said; anything else is answered by 'none of these'")
        ] = (),
        least: Annotated[float, LEAST] = 0.5,
        pause: Annotated[float, PAUSE] = 1.2,
        grammar: Annotated[str | None, Doc("a file of sentences, one a line, as --sentences"), OF_COMMANDS] = None,
        language: Annotated[
            str | None, Doc("a run of `statewise train text` that says what is usual to say"), OF_COMMANDS
        ] = None,
        language_weight: Annotated[float, Doc("how much the language model counts")] = 0.5,
        language_bonus: Annotated[float, Doc("what each label is worth with a language model, in nats")] = 1.0,
        rate: Annotated[int | None, Doc("samples a second, where samples are given"), OF_COMMANDS] = None,
    ) -> "Iterator[Transcript]":
        """Yield what was said between two pauses, with its words, their times and how sure they are.

        From Python a sound is a path, the bytes of a file, or an array of samples with its rate; for a run that reads
        frames of another program it is an array `[T, F]`, or an `.npy`.
        """
        from statewise.tasks.speech import answers
        from statewise.tasks.speech.recogniser import heard_in

        if (sound is None) == (audio is None):
            raise UsageError("give one recording: a path, or audio in base 64")
        how = self._listening(
            codec,
            beam,
            texts=texts,
            hot=hot,
            hot_nats=hot_nats,
            sentences=sentences,
            least=least,
            grammar=grammar,
            language=language,
            language_weight=language_weight,
            language_bonus=language_bonus,
        )
        if codec.front_end is None:
            yield answers.heard_in_frames(model, how, answers.frames_given(sound, codec))
            return
        recording = answers.recording_of(answers.sent(audio) if audio is not None else sound, rate)
        if self.two_way:
            yield answers.heard_at_once(model, how, recording)
            return
        pieces = iter(recording.pieces())
        own, first = next(pieces)
        recogniser = self._recogniser(model, how, pause)(own)

        def all_pieces() -> "Iterator[Any]":
            yield first
            yield from (piece for _, piece in pieces)

        yield from heard_in(recogniser, all_pieces())

    def answer(
        self,
        model: "Model[Any]",
        codec: "SpeechCodec",
        sound: Annotated[Any, Doc("the recording: WAV, FLAC, OGG or MP3"), OF_COMMANDS] = None,
        *,
        captions: Annotated[str | None, Doc("also write captions to this file, as .srt or .vtt")] = None,
        **how: Any,
    ) -> Answer:
        """Return a line for what was said between two pauses, and captions where asked."""
        from statewise.tasks.speech import answers

        heard = self.predict(model, codec, sound, **how)
        if captions is None:
            return answers.answer_of(heard)
        answers.kind_of(captions)
        found = list(heard)
        return answers.answer_of(iter(found), [answers.put_captions(captions, found)])

    def live(
        self,
        model: "Model[Any]",
        codec: "SpeechCodec",
        saved: bytes | None = None,
        *,
        rate: Annotated[
            float | None, Doc("samples a second of the sound that comes; if not given, those that it learned at")
        ] = None,
        beam: Annotated[int, BEAM] = 8,
        hot: Annotated[tuple[str, ...], HOT] = (),
        hot_nats: Annotated[float, HOT_NATS] = 3.0,
        sentences: Annotated[
            tuple[str, ...], Doc("all that can be said; anything else is answered by 'none of these'")
        ] = (),
        least: Annotated[float, LEAST] = 0.5,
        pause: Annotated[float, PAUSE] = 1.2,
    ) -> Live:
        """Begin to hear pieces of sound, each a line of base 64 or a list of samples, or go on from there."""
        from statewise.data.audio.sound import check_rate
        from statewise.tasks.shared.both_ways import refuse_two_way
        from statewise.tasks.speech.live import SpeechUnderWay

        refuse_two_way(self)
        if codec.front_end is None:
            raise UsageError("this run reads frames of another program, not sound: use statewise predict with .npy")
        how = self._listening(codec, beam, hot=hot, hot_nats=hot_nats, sentences=sentences, least=least)
        make = self._recogniser(model, how, pause)
        wanted = None if rate is None else check_rate(int(rate) if rate == int(rate) else rate)
        if saved is not None:
            return SpeechUnderWay.open(make, saved, wanted)
        return SpeechUnderWay(make, wanted or codec.front_end.rate)

    @staticmethod
    def _recogniser(model: "Model[Any]", how: "Listening", pause: float) -> "Callable[[int], Recogniser]":
        from statewise.stream import Stream
        from statewise.tasks.speech.recogniser import Pauses, Recogniser

        pauses = Pauses(max(2.4, pause), pause)
        return lambda rate: Recogniser(Stream(model, history=0), how, rate, pauses)

    @staticmethod
    def _listening(
        codec: "SpeechCodec",
        beam: int,
        *,
        grammar: str | None = None,
        sentences: Sequence[str] = (),
        language: str | None = None,
        language_weight: float = 0.5,
        language_bonus: float = 1.0,
        **how: Any,
    ) -> "Listening":
        from statewise.tasks.speech.answers import lines_of_grammar
        from statewise.tasks.speech.decoding import Listening
        from statewise.tasks.speech.language import language_model

        if grammar is not None and sentences:
            raise UsageError("a grammar and sentences were given: give one of them")
        lines = lines_of_grammar(grammar) if grammar is not None else sentences
        if blank := next(
            (number for number, line in enumerate(lines, start=1) if isinstance(line, str) and not line.strip()), None
        ):
            raise UsageError(f"sentence {blank:,} of {len(lines):,} has no letter: give what may have been said")
        model = None if language is None else language_model(language, codec, language_weight, language_bonus)
        return Listening.of(codec, beam, grammar=lines, language=model, **how)
