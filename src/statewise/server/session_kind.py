"""How sessions of one kind are stepped: what an input is, what is told of it, and what a session's bytes are."""

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from statewise.batcher import StepResult
from statewise.errors import UsageError
from statewise.inputs import Inputs

Show = Literal["choices", "params", "nothing"]
STREAM, LIVE = "stream", "live"


class OutputOptions(NamedTuple):
    """How a call is told what comes next: the likeliest choices, every number of the distribution, or not at all.

    `settings` are those of the task, by name and as JSON, where its live stream answers.
    """

    show: Show | None = None
    choices: int | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def asked(cls, show: Show | None, choices: int | None, settings: Mapping[str, Any]) -> "OutputOptions":
        """Return how a body asks to be told."""
        return cls(show, choices, tuple(sorted((name, json.dumps(value)) for name, value in settings.items())))

    @property
    def arguments(self) -> dict[str, Any]:
        """The settings of the task."""
        return {name: json.loads(value) for name, value in self.settings}


class SessionKind(ABC):
    """One kind of session of one model. `name` is the model's, `fresh` a session at its beginning, as bytes."""

    kind_name: ClassVar[str]

    name: str
    fresh: bytes
    inputs: Inputs
    max_inputs: int

    async def begin(self, settings: Mapping[str, Any]) -> bytes:
        """Return a session at its beginning, with settings of the task. Raises `UsageError` where it takes none."""
        if settings:
            raise UsageError(f"a session of {self.name} begins without settings: leave them out")
        return self.fresh

    @abstractmethod
    def how(self, asked: OutputOptions) -> Hashable:
        """Return how a call is told, with every default in its place. Raises `UsageError` for what cannot be asked."""

    @abstractmethod
    def check(self, xs: Sequence[Any]) -> list[Any]:
        """Return inputs as they are read. Raises `UsageError` for one that cannot be."""

    @abstractmethod
    def split(self, text: str) -> Sequence[Any]:
        """Return the inputs that a text is, before `check`. Raises `UsageError` where it is none."""

    @abstractmethod
    def digest(self, inputs: Sequence[Any]) -> str:
        """Return what tells checked inputs from any others."""

    @abstractmethod
    def numbers(self, how: Hashable) -> int:
        """Return about how many numbers are told after one input."""

    @abstractmethod
    async def read(self, state: bytes, inputs: Sequence[Any], how: Hashable, *, each: bool) -> StepResult:
        """Read checked inputs from where a session is: the session after them, and what was told."""

    @abstractmethod
    def admit(self, snapshot: bytes) -> bytes:
        """Return a session from elsewhere as this server writes it down.

        Raises `DataError` for one that is damaged, of another model or kind, or holds what no session can.
        """

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a client may know of it."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many sessions wait for their turn."""

    @abstractmethod
    async def close(self) -> None:
        """Let what waits be read, then stop."""

    def described(self) -> dict[str, Any]:
        """Return what an input is."""
        return {"input": self.inputs.words, "types": list(self.inputs.types), "example": self.inputs.example}
