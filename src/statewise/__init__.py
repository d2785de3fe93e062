"""Recurrent networks that train fast, stream one step at a time, and say honestly how good they are."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statewise.exporting import export
    from statewise.monitoring.memory_report import inspect_memory
    from statewise.progress.running import evaluate, resume, train
    from statewise.tasks.answer.task import QuestionAnswering
    from statewise.tasks.caption.task import Caption
    from statewise.tasks.chat.task import Chat
    from statewise.tasks.dialogue.task import Dialogue
    from statewise.tasks.forecast.task import Forecast
    from statewise.tasks.forecast.traffic import Traffic
    from statewise.tasks.game.task import Game
    from statewise.tasks.gesture.task import Gesture
    from statewise.tasks.handwriting.task import Handwriting
    from statewise.tasks.language.task import Language
    from statewise.tasks.recommend.task import Recommend
    from statewise.tasks.sketch.task import Sketch
    from statewise.tasks.sound.task import Sound
    from statewise.tasks.speech.task import Speech
    from statewise.tasks.stocks.task import Stocks
    from statewise.tasks.text.task import Text
    from statewise.tasks.translate.task import Translate
    from statewise.verbs import Run, Trained, inspect, load, predict, resuming, training

__version__ = "0.1.0"

# Imported when first asked for, since torch takes seconds and `statewise --help` should not.
_ROOMS = {
    **dict.fromkeys(["Run", "Trained", "inspect", "load", "predict", "resuming", "training"], "statewise.verbs"),
    **dict.fromkeys(["evaluate", "resume", "train"], "statewise.progress.running"),
    "export": "statewise.exporting",
    "QuestionAnswering": "statewise.tasks.answer.task",
    "Caption": "statewise.tasks.caption.task",
    "Chat": "statewise.tasks.chat.task",
    "Dialogue": "statewise.tasks.dialogue.task",
    "Forecast": "statewise.tasks.forecast.task",
    "Game": "statewise.tasks.game.task",
    "Gesture": "statewise.tasks.gesture.task",
    "Handwriting": "statewise.tasks.handwriting.task",
    "Language": "statewise.tasks.language.task",
    "Recommend": "statewise.tasks.recommend.task",
    "Speech": "statewise.tasks.speech.task",
    "Stocks": "statewise.tasks.stocks.task",
    "inspect_memory": "statewise.monitoring.memory_report",
    "Sketch": "statewise.tasks.sketch.task",
    "Sound": "statewise.tasks.sound.task",
    "Text": "statewise.tasks.text.task",
    "Traffic": "statewise.tasks.forecast.traffic",
    "Translate": "statewise.tasks.translate.task",
}

__all__ = [
    "QuestionAnswering",
    "Caption",
    "Chat",
    "Dialogue",
    "Forecast",
    "Game",
    "Gesture",
    "Handwriting",
    "Language",
    "Recommend",
    "Run",
    "Sketch",
    "Sound",
    "Speech",
    "Stocks",
    "Text",
    "Traffic",
    "Trained",
    "Translate",
    "__version__",
    "evaluate",
    "export",
    "inspect",
    "inspect_memory",
    "load",
    "predict",
    "resume",
    "resuming",
    "train",
    "training",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'statewise' has no attribute '{name}'")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return __all__
