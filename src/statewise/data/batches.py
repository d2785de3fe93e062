"""Finite examples as windows: batches of about equally long ones, each example once an epoch, in a repeatable order."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from statewise.data.window import Epochs, Padded, Window
from statewise.errors import DataError

POOL_BATCHES = 50
"How many batches the examples of a pool fill: those are sorted by length among themselves."


class Varying(NamedTuple):
    """A sequence `[S, ...]` whose length differs from example to example: a source sentence, the labels of CTC."""

    values: Tensor


class Example(NamedTuple):
    """One finite sequence of `T` steps, with everything that belongs to it.

    `inputs` are `[T, ...]`. `targets` are a tensor `[T, ...]`, a `Varying` for labels that have no steps, or a tuple of
    these. `scored` `[T]` of bool says which predictions are scored, None all. `context` is what a reader reads: a
    tensor of the same shape in every example, a `Varying`, or a tuple of these.
    """

    inputs: Tensor
    targets: Any
    scored: Tensor | None = None
    context: Any = None


@final
class Batches(Epochs):
    """Examples in batches of `rows`, sorted by length within pools, padded to the longest of the batch.

    Every epoch draws another order out of `seed` and its own number: examples are shuffled, cut into pools of
    `pool_batches` batches, sorted by length within each, and the batches are shuffled. So no example is lost or
    repeated in an epoch, and what is read at a place depends on the place alone. Without a seed, as for scoring, all
    are sorted by length. Rows that the last batch lacks sleep.

    `lengths` are the numbers of steps, by which sorting needs no example to be made. Every row begins with its example,
    from its context where there is one.

    Raises `DataError` where there is no example, one without steps, or another number of lengths.

    >>> examples = [Example(torch.zeros(n, 2), torch.zeros(n)) for n in (3, 7, 1, 7, 4)]
    >>> batches = Batches(examples, [len(example.inputs) for example in examples], rows=2)
    >>> [(window.steps, int(window.mask.sum())) for window in batches], batches.padding
    ([(3, 4), (7, 11), (7, 7)], 0.3529411764705882)
    """

    def __init__(
        self,
        examples: Sequence[Example],
        lengths: Sequence[int],
        rows: int,
        *,
        seed: int | None = None,
        pool_batches: int = POOL_BATCHES,
    ) -> None:
        if not len(examples):
            raise DataError("there is no example to learn from or to score: give some")
        self.examples, self.lengths, self.rows = examples, np.asarray(lengths, np.int64), rows
        if len(self.lengths) != len(examples):
            raise DataError(
                f"there are {len(self.lengths):,} lengths for {len(examples):,} examples: give one for each"
            )
        if int(self.lengths.min()) < 1:
            shortest = int(self.lengths.argmin())
            raise DataError(f"example {shortest} has {int(self.lengths[shortest])} steps: leave out what has none")
        self.seed, self.pool_batches = seed, pool_batches
        self._latest: tuple[int, list[list[int]]] = -1, []

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self.rows)

    @property
    def padding(self) -> float:
        """The share of all places of an epoch at which no example is."""
        places = sum(int(self.lengths[batch].max()) * self.rows for batch in self.order(0))
        return 1 - int(self.lengths.sum()) / places

    def order(self, epoch: int) -> list[list[int]]:
        """Return which examples each batch of an epoch holds."""
        if self._latest[0] != epoch:
            self._latest = epoch, self._drawn(epoch)
        return self._latest[1]

    def _drawn(self, epoch: int) -> list[list[int]]:
        if self.seed is None:
            return [*_groups(self._by_length(range(len(self.examples))), self.rows)]
        draw = np.random.default_rng([self.seed, epoch])
        shuffled = draw.permutation(len(self.examples)).tolist()
        pools = _groups(shuffled, self.rows * self.pool_batches)
        found = [batch for pool in pools for batch in _groups(self._by_length(pool), self.rows)]
        return [found[number] for number in draw.permutation(len(found))]

    def _by_length(self, examples: Sequence[int]) -> list[int]:
        return sorted(examples, key=lambda number: int(self.lengths[number]))

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        return collated([self.examples[number] for number in self.order(epoch)[index]], self.rows)


def collated(examples: Sequence[Example], rows: int | None = None) -> Window:
    """Return examples as the rows of one window, each beginning with its own; rows without an example sleep.

    >>> window = collated([Example(torch.ones(2), torch.ones(2)), Example(torch.ones(3), torch.ones(3))], rows=3)
    >>> window.mask.int()
    tensor([[1, 1, 0],
            [1, 1, 0],
            [0, 1, 0]], dtype=torch.int32)
    """
    rows = len(examples) if rows is None else rows
    lengths = torch.zeros(rows, dtype=torch.long)
    lengths[: len(examples)] = torch.tensor([len(example.inputs) for example in examples])
    mask = torch.arange(int(lengths.max())).unsqueeze(1) < lengths
    reset = torch.zeros_like(mask)
    reset[0] = True
    missing = rows - len(examples)
    scored = None
    if any(example.scored is not None for example in examples):
        flags = [torch.ones(len(e.inputs), dtype=torch.bool) if e.scored is None else e.scored for e in examples]
        scored = _side_by_side(flags, missing)
    inputs = _side_by_side([example.inputs for example in examples], missing)
    targets = _targets([example.targets for example in examples], missing)
    return Window(inputs, targets, mask, reset, _contexts([example.context for example in examples], missing), scored)


def _groups(numbers: Sequence[int], size: int) -> list[list[int]]:
    return [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def _side_by_side(sequences: Sequence[Tensor], missing: int) -> Tensor:
    """Return sequences `[T_b, ...]` as `[T, B, ...]`, zeros where there is nothing."""
    padded = torch.nn.utils.rnn.pad_sequence(list(sequences))
    return padded if not missing else _wider(padded, missing, 1)


def _targets(parts: Sequence[Any], missing: int) -> Any:
    first = parts[0]
    if isinstance(first, Varying):
        return _padded(parts, missing)
    if isinstance(first, Tensor):
        return _side_by_side(parts, missing)
    return _nest(first, [_targets(of_one, missing) for of_one in zip(*parts, strict=True)])


def _contexts(parts: Sequence[Any], missing: int) -> Any:
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, Varying):
        return _padded(parts, missing)
    if isinstance(first, Tensor):
        return _wider(torch.stack(list(parts)), missing, 0)
    return _nest(first, [_contexts(of_one, missing) for of_one in zip(*parts, strict=True)])


def _padded(parts: Sequence[Varying], missing: int) -> Padded:
    return Padded(*(_wider(part, missing, 0) for part in Padded.of([one.values for one in parts])))


def _wider(tensor: Tensor, rows: int, axis: int) -> Tensor:
    """Return a tensor with so many rows of zeros more."""
    if not rows:
        return tensor
    shape = [*tensor.shape]
    shape[axis] = rows
    return torch.cat([tensor, tensor.new_zeros(shape)], dim=axis)


def _nest(like: Any, parts: Sequence[Any]) -> Any:
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
