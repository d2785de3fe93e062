"""The next symbol of a text: char-rnn."""

from statewise.tasks.text.task import Text

__all__ = ["Text"]
