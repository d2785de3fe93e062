"""The next word of a text: language models over large vocabularies."""

from statewise.tasks.language.task import Language

__all__ = ["Language"]
