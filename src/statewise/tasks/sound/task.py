"""Sound for silent film: learn from films with sound what things sound like, and make the sound of films without."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc

from statewise.errors import DataError
from statewise.inputs import FILE, OF_COMMANDS, Inputs
from statewise.shown import counted
from statewise.task import Answer, Calibrating, Data, Live, Score, Scoring, Task
from statewise.tasks.shared.sourced import check_shares
from statewise.tasks.sound.settings import SoundSettings

if TYPE_CHECKING:
    from collections.abc import Generator

    from statewise.data.sounding.sounding_codec import SoundingCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.sound.data import FilmVarying, SoundingData

SURE = Doc("a stroke is one where it is so likely; if not given, as was best on the part for checks")
WAY = Doc("by recorded pieces about each stroke, or by noise and tones")
TONE = Doc("parametric: the share of tones, from 0, noise alone, to 1")
SEED = Doc("the seed of what is drawn: the same seed, the same samples")


@dataclass(frozen=True, kw_only=True)
class Sound(SoundSettings, Task):
    """Learn from films with sound what is heard when something moves, then make the sound of silent ones.

    >>> Sound(source="clips").cell
    'lstm'
    """

    name: ClassVar[str] = "sound"
    title: ClassVar[str] = "Learn what films sound like, and sound silent ones"
    example: ClassVar[str] = "CLIPS"
    content: ClassVar[str] = "films"
    page: ClassVar[str] = "sound"

    def preparing_data(self, cache: Path) -> "Generator[float, None, SoundingData]":
        """Read the clips and split them; frames and envelopes are kept in `cache` by the hash of the contents."""
        from statewise.data.sounding.prepared_sounding import prepare_sounding
        from statewise.tasks.sound.data import SoundingData

        check_shares(self.held_out, self.validation)
        clips = yield from prepare_sounding(self.sources, self.preparing, cache)
        return SoundingData(self, clips, cache)

    def prepare(self, cache: Path) -> "SoundingData":
        """Do what `preparing_data` does."""
        from statewise.underway import returned

        return returned(self.preparing_data(cache))

    @property
    def varying(self) -> "FilmVarying":
        """How clips vary in training."""
        from statewise.tasks.sound.data import FilmVarying

        return FilmVarying(self.mirror, self.shift, self.light)

    @property
    def two_way(self) -> bool:
        """Whether the network reads from both ends: it never does, so that it can stream."""
        return False

    def codec(self, written: Mapping[str, Any]) -> "SoundingCodec":
        """Return how films of a run become steps and sound."""
        from statewise.data.sounding.sounding_codec import SoundingCodec

        return SoundingCodec.read(written)

    def model(self, codec: "SoundingCodec") -> "Model[Any]":
        """Return a convolution of frames and their changes, layers of a cell, and what is heard at each step."""
        from statewise.tasks.sound.network import network

        return network(self, codec)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats a step.

        Metrics:

        - `nats_per_step`: minus the mean log-likelihood of what is said at a step: the loss of training, in nats; less
          is better
        """
        return {"nats_per_step": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a step."""
        return f"{nats:.3f} nats a step"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many clips there are to learn from, how long they are and how many strokes are in them."""
        from statewise.tasks.shared.parts_in_words import minutes_of, parts_in_words

        def amount(part: str) -> str:
            strokes = minutes_of(facts, part, facts[f"{part}_hits"], "stroke", "strokes")
            return f"{counted(facts[part], 'clip')} ({strokes})"

        return parts_in_words(facts, amount)

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Find how likely a stroke must be, on the part for checks."""
        from statewise.tasks.sound.data import SoundingData
        from statewise.tasks.sound.scoring import surest_level

        assert isinstance(data, SoundingData)
        return (yield from surest_level(model, data))

    def _sure(self, given: float | None) -> float:
        from statewise.tasks.sound.strokes import USUALLY_SURE

        if given is not None or self.calibration is None:
            return USUALLY_SURE if given is None else given
        found = self.calibration.get("sure")
        if type(found) is not float or not 0 < found < 1:
            raise DataError("calibration.json is not that of sound ('sure'): the run is damaged, resume it")
        return found

    def score(  # type: ignore[override]  # its settings are its own
        self, model: "Model[Any]", data: Data, *, sure: Annotated[float | None, SURE] = None
    ) -> Scoring:
        """Find how many strokes are found, how near in time, of the right material, and how near the envelopes are."""
        from statewise.tasks.sound.data import SoundingData
        from statewise.tasks.sound.scoring import judged_sound

        assert isinstance(data, SoundingData)
        return (yield from judged_sound(model, data, self._sure(sure)))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the numbers are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.sound.data import SoundingData
        from statewise.tasks.sound.scoring import said_of_score

        assert isinstance(data, SoundingData)
        return said_of_score(score, data)

    def sample(self, model: "Model[Any]", codec: "SoundingCodec") -> str:
        """Return how loud a bright square is taken to be that falls and stops."""
        from statewise.tasks.sound.showing import falling_square

        return falling_square(model, codec)

    def stream(self, model: "Model[Any]", codec: "SoundingCodec") -> "Stream[Any]":
        """Return a stream that reads steps: a comparable frame with its last changes. Frames are read by `live`."""
        from statewise.stream import Stream
        from statewise.tasks.shared.step_of_numbers import number_reader

        return Stream(model, encode=number_reader(codec.numbers))

    def inputs(self, codec: "SoundingCodec") -> Inputs:
        """Return what a step reads."""
        from statewise.tasks.shared.step_of_numbers import number_inputs

        return number_inputs(codec.numbers, f"a comparable frame with its {codec.moves} last changes")

    def example_question(self, codec: "SoundingCodec") -> dict[str, Any]:
        """Ask for the sound of a film in which nothing moves."""
        from statewise.tasks.shared.films import still_film

        return {"sent": still_film()}

    def predict(
        self,
        model: "Model[Any]",
        codec: "SoundingCodec",
        film: Annotated[Any, Doc("a film, a folder of pictures, or frames as .npy"), OF_COMMANDS] = None,
        *,
        sent: Annotated[str | None, Doc("a film as its bytes in base 64, not as a file"), FILE] = None,
        out: Annotated[str | None, Doc("write the film with its sound: .mp4, .mov, .mkv or .webm"), OF_COMMANDS] = None,
        wav: Annotated[str | None, Doc("write the sound alone, as .wav"), OF_COMMANDS] = None,
        events: Annotated[str | None, Doc("write the strokes as CSV: seconds, strength, material"), OF_COMMANDS] = None,
        existing: Annotated[
            Literal["replace", "keep"], Doc("sound that the film has: leave it out, or keep it as the first track")
        ] = "replace",
        way: Annotated[Literal["retrieval", "parametric"], WAY] = "retrieval",
        tone: Annotated[float, TONE] = 0.0,
        gain: Annotated[float, Doc("make the sound louder by so many decibels")] = 0.0,
        loudness: Annotated[float | None, Doc("make the whole so loud, in LUFS, as -23")] = None,
        sure: Annotated[float | None, SURE] = None,
        seed: Annotated[int, SEED] = 0,
        times: Any = None,
    ) -> "Iterator[Any]":
        """Yield each stroke as it is seen, and at the end the sound, exactly as long as the pictures are shown.

        From Python a film is a path, the bytes of one, or an array of frames `[T, H, W]` or `[T, H, W, 3]`, with the
        `times` of them in seconds where they are known. Samples are in what comes last where nothing is written.
        """
        wanted: dict[str, Any] = {
            "out": out,
            "wav": wav,
            "events": events,
            "existing": existing,
            "gain": gain,
            "loudness": loudness,
        }
        how: dict[str, Any] = {"sent": sent, "way": way, "tone": tone, "sure": sure, "seed": seed, "times": times}
        found = self._pieces(model, codec, film, **wanted, **how)
        yield from (one for one in found if not isinstance(one, float))

    def _pieces(
        self,
        model: "Model[Any]",
        codec: "SoundingCodec",
        film: Any = None,
        *,
        sent: str | None = None,
        way: Literal["retrieval", "parametric"] = "retrieval",
        tone: float = 0.0,
        sure: float | None = None,
        seed: int = 0,
        times: Any = None,
        **wanted: Any,
    ) -> "Iterator[Any]":
        from statewise.tasks.sound import answers
        from statewise.tasks.sound.making import SoundRules

        rules, files = SoundRules(way, tone, seed), answers.SoundWanted(**wanted)
        given = answers.given_film(answers.one_film(film, sent), codec, times)
        yield from answers.sound_made(model, codec, given, rules, self._sure(sure), files)

    def answer(self, model: "Model[Any]", codec: "SoundingCodec", *given: Any, **how: Any) -> Answer:
        """Return a line for each stroke, and one for each file."""
        from statewise.tasks.sound.answers import shown_sound

        return shown_sound(self._pieces(model, codec, *given, **how))

    def live(
        self,
        model: "Model[Any]",
        codec: "SoundingCodec",
        saved: bytes | None = None,
        *,
        way: Annotated[Literal["retrieval", "parametric"], WAY] = "retrieval",
        tone: Annotated[float, TONE] = 0.0,
        sure: Annotated[float | None, SURE] = None,
        seed: Annotated[int, SEED] = 0,
    ) -> Live:
        """Begin to watch frames as they come, each in base 64, and make their sound, or go on from there."""
        from statewise.tasks.sound.live import SoundUnderWay
        from statewise.tasks.sound.making import SoundRules
        from statewise.tasks.sound.watching import FilmWatcher

        rules, least = SoundRules(way, tone, seed), self._sure(sure)
        if saved is not None:
            return SoundUnderWay.open(lambda: FilmWatcher(model, codec, rules, least), saved)
        return SoundUnderWay(lambda: FilmWatcher(model, codec, rules, least))
