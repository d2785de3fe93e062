"""The five ways in which something can go wrong, each with the exit code that a shell sees.

A message is one line: what was given, what was wanted, and what to do about it. It may quote a file, and is therefore
made harmless.
"""

from statewise.shown import in_line


class StatewiseError(Exception):
    """What every error of this package is; catch it to catch them all.

    >>> UsageError("temperature -1 is below 0: give 0 for the likeliest, 1 for the model's own odds").exit_code
    2
    """

    exit_code = 2

    def __str__(self) -> str:
        """Return the message as one line that any terminal can show."""
        return in_line(super().__str__())


class UsageError(StatewiseError, ValueError):
    """What was asked for cannot be done: an unknown name, a value out of range, two options that contradict."""


class DataError(StatewiseError):
    """The data cannot be read as what they were said to be."""


class RunError(StatewiseError):
    """A run directory is missing, half written, in use, damaged, or belongs to something else."""


class MissingExtra(StatewiseError):
    """A part is not installed; the message ends in the line that installs it."""


class TrainingError(StatewiseError):
    """Training itself failed, as with a full disk or a loss that is not a number."""

    exit_code = 1
