"""Tasks that learn from a source: its names, and the shares of it that are kept from training."""

from pathlib import Path
from typing import Any, ClassVar

from statewise.errors import UsageError


class Sourced:
    """A task whose `source` is a name of a file or a corpus, or several; it is called after the first."""

    name: ClassVar[str]
    source: Any

    @property
    def sources(self) -> tuple[str, ...]:
        """The source as a tuple, also where one was given."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    @property
    def label(self) -> str:
        """The name of the first source, without its ending."""
        return Path(self.sources[0]).name.split(".")[0] or self.name


def check_shares(held_out: float, validation: float) -> None:
    """Raise `UsageError` where nothing is left to learn from.

    >>> check_shares(0.1, 0.05)
    """
    if held_out + validation >= 1:
        raise UsageError(
            f"--held-out {held_out:g} and --validation {validation:g} leave nothing to learn from: give smaller shares"
        )
