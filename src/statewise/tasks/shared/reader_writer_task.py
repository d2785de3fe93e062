"""Tasks in which one network reads a text from both ends and another writes one: their settings, and the network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.task import Task
from statewise.tasks.shared.sourced import Sourced

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.data.pairs.subwords import Subwords
    from statewise.heads import Loss
    from statewise.model import Model


@dataclass(frozen=True, kw_only=True)
class ReaderWriterTask(Sourced, Task):
    """A task that learns to write one text after another was read."""

    subwords: Annotated[
        int | None, Doc("number of subwords; if not given, by the amount of text"), Ge(50), Le(100_000)
    ] = None
    tied: Annotated[bool, Doc("write a subword by the vector that it is read by")] = True
    attention: Annotated[
        Literal["general", "additive"],
        Doc("attention: general (Luong et al. 2015) or additive (Bahdanau et al. 2015)"),
    ] = "general"
    embedding: Annotated[int, Doc("width of a subword's vector"), Ge(1), Le(65536)] = 256
    dropout: Annotated[float, Doc("rate at which numbers between layers are dropped in training"), Ge(0), Lt(1)] = 0.2
    word_dropout: Annotated[float, Doc("rate at which whole words are dropped in training"), Ge(0), Lt(1)] = 0.1
    smoothing: Annotated[
        float, Doc("label smoothing: share of the odds that training gives to all subwords alike"), Ge(0), Lt(1)
    ] = 0.1

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "gru"
    hidden_size: Annotated[int, Doc("hidden size of the writer, and of each way of reading"), Ge(1), Le(65536)] = 256
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.002

    def network(self, read: int, written: int, *, shared: bool) -> "Model[Tensor]":
        """Return an untrained network that reads and writes so many subwords, by one table where it is shared."""
        from statewise.tasks.shared.reader_writer import ReaderWriter, reader_and_writer

        settings = ReaderWriter(
            self.cell,
            self.embedding,
            self.hidden_size,
            self.layers,
            self.attention,
            self.tied,
            self.word_dropout,
            self.dropout,
            self.smoothing > 0,
        )
        return reader_and_writer(settings, read, written, shared=shared)

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Weigh label smoothing as its share has it."""
        from statewise.heads.deep_output import SMOOTHING

        return term * (self.smoothing / (1 - self.smoothing)) if name == SMOOTHING else term

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats of a subword.

        Metrics of translate, caption:

        - `nats_per_subword`: minus the mean log-likelihood of a subword, given those before it: the loss of training,
          in nats; less is better
        """
        return {"nats_per_subword": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a subword."""
        return f"{nats:.3f} nats a subword"


def subword_inputs(words: str, subwords: "Subwords") -> Inputs:
    """Return what a step of the writer reads, which is `words` in words: a subword, or its code."""
    words = f"{words}, or its code from 0 to {subwords.size - 1}"
    return Inputs(words, ("string", "integer"), subwords.piece(subwords.size - 1), lambda x: code_of(x, subwords))


def code_of(x: Any, subwords: "Subwords") -> int:
    """Return the code of a subword, or a code as it is. Raises `UsageError` where it is none."""
    from statewise.bounds import code, shown

    if isinstance(x, str):
        found = subwords.code(x)
        if found is None:
            raise UsageError(
                f"the subword {shown(x)} is not known: give one of {subwords.size:,}, as inspect names them"
            )
        return found
    return code(x, subwords.size)
