"""What one application has to say for itself: how its data become windows, its model, its scores and its answers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge

from statewise.run.recipe import Recipe

if TYPE_CHECKING:
    from statewise.data.window import Window
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream

Part = Literal["training", "held_out"]


class Data(ABC):
    """A source, read and split: windows of each part, and what a simple method scores on the held-out one."""

    @property
    @abstractmethod
    def codec(self) -> Any:
        """What turns raw things into numbers and back."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a reader of results should know of the data: sizes, split, digest."""

    @abstractmethod
    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> "Sequence[Window]":
        """Return the windows of a part, in order; window `i` continues window `i - 1` where rows carry a state.

        Without `rows` or `steps` they are those of the recipe for training, and what scores fast for the rest.
        """

    @abstractmethod
    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score on the held-out part, by name, in the metrics of the task."""

    @abstractmethod
    def on(self, source: Sequence[str], cache: Path) -> "Data":
        """Return the same training part with another source, read by the same codec, as the held-out part."""


@dataclass(frozen=True, kw_only=True)
class Task(Recipe, ABC):
    """One application. Its fields are its whole configuration."""

    name: ClassVar[str]
    title: ClassVar[str]

    cell: Annotated[str, Doc("the recurrence, by name (see `statewise list cells`)")] = "lstm"
    width: Annotated[int, Doc("units in a layer"), Ge(1)] = 256
    layers: Annotated[int, Doc("layers, each reading the one below"), Ge(1)] = 1

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for a run of this task, such as that of its source."""

    @abstractmethod
    def stream(self, model: "Model[Any]", codec: Any) -> "Stream[Any]":
        """Return a stream that reads what the task's users have: characters, rows of a table, strokes."""

    @abstractmethod
    def prepare(self, cache: Path) -> Data:
        """Read the source; what takes long is kept in `cache` and used again."""

    @abstractmethod
    def codec(self, written: Mapping[str, Any]) -> Any:
        """Return the codec that was written to `codec.json`, so that a model can be used without its data."""

    @abstractmethod
    def model(self, codec: Any) -> "Model[Any]":
        """Return an untrained model."""

    @abstractmethod
    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return a loss in the units of the field."""

    @abstractmethod
    def gauge(self, nats: float) -> str:
        """Return a mean loss in the words of the field, as a live bar shows it."""

    @abstractmethod
    def sample(self, model: "Model[Any]", codec: Any) -> str:
        """Return something short that shows what the model can do at this stage."""

    @abstractmethod
    def predict(self, model: "Model[Any]", codec: Any, prompt: str, **how: Any) -> Iterator[str]:
        """Answer a prompt, a piece at a time."""


def stacked_core(cell: str, features: int, width: int, layers: int) -> Any:
    """Return `layers` cells of that name, one behind another."""
    from statewise.cells import Chain
    from statewise.registry import find

    make: Any = find("cells", cell)
    parts = [make(features if layer == 0 else width, width) for layer in range(layers)]
    return parts[0] if layers == 1 else Chain(*parts)
