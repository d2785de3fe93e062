"""The five ways in which something can go wrong, each with the exit code that a shell sees.

A message is one line: what was given, what was wanted, and what to do about it. It may quote a file, and is therefore
made harmless. It is written with flags, as `--hidden-size`; Python shows the names of arguments in their place.
"""

import re
from keyword import iskeyword

from statewise.shown import in_line

FLAG = re.compile(r"(?<![\w'\"-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")


def flag_of(name: str) -> str:
    """Return how a setting or an argument is given on a command line.

    >>> flag_of("hidden_size"), flag_of("class_")
    ('--hidden-size', '--class')
    """
    return f"--{name.rstrip('_').replace('_', '-')}"


class StatewiseError(Exception):
    """What every error of this package is; catch it to catch them all.

    >>> UsageError("temperature -1 is below 0: give 0 for the likeliest, 1 for the model's own odds").exit_code
    2
    """

    exit_code = 2

    def __str__(self) -> str:
        """Return the message as one line that any terminal can show, with arguments named as in Python.

        >>> str(UsageError("--batch-size 0 is too small: give 1, as in `train --batch-size 1`"))
        'batch_size 0 is too small: give 1, as in `train --batch-size 1`'
        """
        parts = self.with_flags.split("`")
        parts[::2] = [FLAG.sub(_argument, part) for part in parts[::2]]
        return "`".join(parts)

    @property
    def with_flags(self) -> str:
        """The message as one line for a reader of a command line; what is put into another error is this."""
        return in_line(super().__str__())


def _argument(flag: re.Match[str]) -> str:
    name = flag[1].replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


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
