"""A language model out of a run of `statewise train text`."""

import math

from statewise.data.audio.speech_codec import SpeechCodec
from statewise.errors import UsageError
from statewise.tasks.speech.scorers import CharacterModel
from statewise.verbs import load


def language_model(run: str, speech: SpeechCodec, weight: float, bonus: float) -> CharacterModel:
    """Return the model of a run as what guides a search. Raises `UsageError` for a run of another task."""
    trained = load(run)
    if trained.task.name != "text":
        raise UsageError(f"{run} is a run of {trained.task.name}: give one of `statewise train text` as --language")
    if not math.isfinite(weight) or not math.isfinite(bonus):
        raise UsageError(f"a weight of {weight:g} and a bonus of {bonus:g} are not finite numbers: give others")
    return CharacterModel(trained.model, trained.codec, speech, weight, bonus)
