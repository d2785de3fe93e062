"""Gestures: learn from recorded movements which gesture each is, and say it while it is still going on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import FILE, OF_COMMANDS, TABLE, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Task
from statewise.tasks.gesture.settings import GestureSettings
from statewise.tasks.shared.sourced import check_shares

if TYPE_CHECKING:
    from statewise.data.movement.movement_codec import MovementCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.gesture.data import GestureData, MovementVarying
    from statewise.tasks.gesture.events import EventRules

SURE = Doc("decide as soon as a class is so likely")
ON = Doc("a gesture begins where its smoothed probability reaches this")
OFF = Doc("and it ends where that falls below this")
LEAST = Doc("seconds that a gesture lasts at least")
REFRACTORY = Doc("seconds after a gesture within which no other begins")
SMOOTH = Doc("seconds over which probabilities are smoothed")


@dataclass(frozen=True, kw_only=True)
class Gesture(GestureSettings, Task):
    """Learn which gesture a recorded movement is, then watch recordings, sensors or a camera as they come.

    >>> Gesture(source="recordings").cell
    'gru'
    """

    name: ClassVar[str] = "gesture"
    title: ClassVar[str] = "Learn gestures, and say which one while it goes on"
    example: ClassVar[str] = "RECORDINGS"
    content: ClassVar[str] = "movements"
    page: ClassVar[str] = "gesture"
    in_memory: ClassVar[InMemory] = InMemory(("arrays", "table"))

    def prepare(self, cache: Path) -> "GestureData":
        """Read the recordings and split them by person; samples are kept in `cache` by the hash of the contents."""
        from statewise.data.movement.movement_cache import prepare_movement
        from statewise.tasks.gesture.data import GestureData

        check_shares(self.held_out, self.validation)
        return GestureData(self, prepare_movement(self.sources, self.preparing, cache), cache)

    @property
    def varying(self) -> "MovementVarying":
        """How recordings vary in training."""
        from statewise.tasks.gesture.data import MovementVarying

        return MovementVarying(self.mirror, self.speed, self.noise, self.shift, self.early)

    def codec(self, written: Mapping[str, Any]) -> "MovementCodec":
        """Return how recordings of a run become numbers."""
        from statewise.data.movement.movement_codec import MovementCodec

        return MovementCodec.read(written)

    def model(self, codec: "MovementCodec") -> "Model[Any]":
        """Return layers of a cell under a choice of classes; before them, for frames, a convolution."""
        from statewise.tasks.gesture.network import network

        return network(self, codec)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats a step.

        Metrics:

        - `nats_per_step`: minus the mean log-likelihood of the class at a step: the loss of training, in nats; less is
          better
        """
        return {"nats_per_step": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a step."""
        return f"{nats:.3f} nats a step"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many recordings of how many people there are to learn from, and how long they are."""
        from statewise.tasks.shared.parts_in_words import minutes_of, parts_in_words

        def amount(part: str) -> str:
            people = len(facts[f"{part}_people"])
            return f"{facts[part]:,} recordings ({minutes_of(facts, part, people, 'person', 'people')})"

        return parts_in_words(facts, amount)

    def score(  # type: ignore[override]  # its settings are its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        sure: Annotated[float, SURE] = 0.9,
        on: Annotated[float, ON] = 0.7,
        off: Annotated[float, OFF] = 0.4,
        least: Annotated[float, LEAST] = 0.2,
        refractory: Annotated[float, REFRACTORY] = 0.3,
        smooth: Annotated[float, SMOOTH] = 0.2,
        confusions: Annotated[
            str | None, Doc("also draw what was taken for what, as .svg or .png"), OF_COMMANDS
        ] = None,
    ) -> Scoring:
        """Find how many recordings or steps are told rightly, how early, and how steadily."""
        from statewise.tasks.gesture.confusion_picture import draw_confusions, picture_kind
        from statewise.tasks.gesture.data import GestureData
        from statewise.tasks.gesture.scoring import judged_gestures

        assert isinstance(data, GestureData)
        rules = self._rules(sure, on, off, least, refractory, smooth)
        if confusions is not None:
            picture_kind(confusions)
        score = yield from judged_gestures(model, data, rules, sure, self.early)
        if confusions is not None:
            draw_confusions(confusions, score.details.judged.table, data.codec.classes)
        return score

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the numbers are of, whether the best baseline is beaten beyond doubt, and what is confused."""
        from statewise.tasks.gesture.data import GestureData
        from statewise.tasks.gesture.scoring import said_of

        assert isinstance(data, GestureData)
        return said_of(score, data)

    def sample(self, model: "Model[Any]", codec: "MovementCodec") -> str:
        """Return what a few recordings that are not learned are taken for."""
        import numpy as np

        from statewise.tasks.gesture.deciding import so_far
        from statewise.tasks.gesture.network import logs_of

        lines = []
        for example in codec.examples:
            logs = logs_of(model, example.steps(codec.numbers))
            last = so_far(logs, codec.typical, self.early)[-1] if codec.whole else np.exp(logs[-1])
            lines.append(f"{example.label} -> {codec.classes[int(last.argmax())]} ({last.max():.2f})")
        return "\n".join(lines) or "(no example)"

    def stream(self, model: "Model[Any]", codec: "MovementCodec") -> "Stream[Any]":
        """Return a stream that reads steps: comparable samples side by side. Samples are read by `live`."""
        from statewise.stream import Stream
        from statewise.tasks.shared.step_of_numbers import number_reader

        self._refuse_two_way()
        return Stream(model, encode=number_reader(codec.numbers))

    def _refuse_two_way(self) -> None:
        from statewise.tasks.shared.both_ways import refuse_two_way

        refuse_two_way(self)

    def inputs(self, codec: "MovementCodec") -> Inputs:
        """Return what a step reads."""
        from statewise.tasks.shared.step_of_numbers import number_inputs

        return number_inputs(codec.numbers, f"{codec.stack} comparable samples side by side")

    def example_question(self, codec: "MovementCodec") -> dict[str, Any]:
        """Ask what a movement is in which nothing moves."""
        from statewise.tasks.shared.films import still_film

        if codec.is_film:
            return {"film": still_film()}
        return {"table": {name: [0.0, 0.0] for name in codec.columns}}

    def predict(
        self,
        model: "Model[Any]",
        codec: "MovementCodec",
        recording: Annotated[Any, Doc("a clip, a folder of pictures, a table or .npy"), OF_COMMANDS] = None,
        *,
        table: Annotated[str | None, Doc("the recording as a table: a row is a sample"), TABLE] = None,
        film: Annotated[str | None, Doc("a clip as the bytes of a film in base 64, not as a file"), FILE] = None,
        steps: Annotated[
            bool, Doc("say what is likeliest at every step, as it comes; a camera is /dev/video0")
        ] = False,
        sure: Annotated[float, SURE] = 0.9,
        on: Annotated[float, ON] = 0.7,
        off: Annotated[float, OFF] = 0.4,
        least: Annotated[float, LEAST] = 0.2,
        refractory: Annotated[float, REFRACTORY] = 0.3,
        smooth: Annotated[float, SMOOTH] = 0.2,
        times: Any = None,
    ) -> "Iterator[Any]":
        """Yield what a recording is, with the gestures in it; or with `steps` what is seen at each step.

        Each row of a table without names of columns is a recording.

        From Python a recording is a path, the bytes of a film, a table, or an array: samples `[T, D]` or frames
        `[T, H, W]`, with the `times` of them in seconds where they are known.
        """
        from statewise.tasks.gesture import answers, given

        rules = self._rules(sure, on, off, least, refractory, smooth)
        if steps:
            self._refuse_two_way()
        for pieces in given.recordings_of(given.one_of(recording, table, film), codec, self.reading, times):
            if not steps:
                yield answers.answer_of(model, codec, pieces, rules, sure, self.early)
                continue
            watcher = answers.Watcher(model, codec, rules)
            for seconds, values in pieces:
                yield from watcher.push(seconds, values)
            yield from watcher.finish()

    def answer(
        self,
        model: "Model[Any]",
        codec: "MovementCodec",
        recording: Annotated[Any, Doc("a clip, a folder of pictures, a table or .npy"), OF_COMMANDS] = None,
        *,
        why: Annotated[str | None, Doc("also draw what moved the decision, as .svg or .png")] = None,
        **how: Any,
    ) -> Answer:
        """Return a line for what the recording is and one for each gesture in it; and a picture where asked."""
        from statewise.tasks.gesture import answers
        from statewise.tasks.gesture.given import one_of

        found = self.predict(model, codec, recording, **how)
        notices = []
        if why is not None:
            given = one_of(recording, how.get("table"), how.get("film"))
            notices.append(answers.put_why(why, model, codec, given, self.reading, how.get("times"), self.early))
        return answers.shown_answer(found, notices)

    def live(
        self,
        model: "Model[Any]",
        codec: "MovementCodec",
        saved: bytes | None = None,
        *,
        on: Annotated[float, ON] = 0.7,
        off: Annotated[float, OFF] = 0.4,
        least: Annotated[float, LEAST] = 0.2,
        refractory: Annotated[float, REFRACTORY] = 0.3,
        smooth: Annotated[float, SMOOTH] = 0.2,
    ) -> Live:
        """Begin to watch samples as they come, each a line of numbers or a frame in base 64, or go on from there."""
        from statewise.tasks.gesture.answers import Watcher
        from statewise.tasks.gesture.live import GesturesUnderWay

        self._refuse_two_way()
        rules = self._rules(1.0, on, off, least, refractory, smooth)
        if saved is not None:
            return GesturesUnderWay.open(lambda: Watcher(model, codec, rules), saved)
        return GesturesUnderWay(lambda: Watcher(model, codec, rules))

    @staticmethod
    def _rules(sure: float, on: float, off: float, least: float, refractory: float, smooth: float) -> "EventRules":
        from statewise.tasks.gesture.events import EventRules

        if not 0 < sure <= 1:
            raise UsageError(f"--sure {sure:g} is not a probability: give more than 0, at most 1")
        return EventRules(on, off, least, refractory, smooth)
