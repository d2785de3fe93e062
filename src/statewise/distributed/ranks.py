"""The processes of one training, seen from one of them: sums, broadcasts and agreements between them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from statewise.errors import TrainingError, UsageError

PATIENCE = timedelta(minutes=30)
"How long a process waits for another that is there but does not answer; one that has ended is noticed at once."


class LostProcess(TrainingError):
    """Another process of the training has ended, so this one cannot go on."""


class Ranks:
    """The processes of a training, of which this is number `rank` of `count`. Alone, it sends nothing.

    Messages are numbers and bytes, never pickles. Every method is called by all processes, in the same order.

    >>> Ranks().exchange([2.0, 3.0]), Ranks().own(32)
    ([[2.0, 3.0]], slice(0, 32, None))
    """

    def __init__(self, rank: int = 0, count: int = 1, device: torch.device | None = None) -> None:
        self.rank, self.count, self.device = rank, count, device or torch.device("cpu")
        self.pending = 0
        self._agreed = 0

    @property
    def is_first(self) -> bool:
        """Say whether this is the process that writes files and talks."""
        return self.rank == 0

    @property
    def agreed(self) -> int:
        """The signal on which all stop, once one of them has told it as `pending` and they have agreed; else 0."""
        return self._agreed if self.count > 1 else self.pending

    def own(self, rows: int) -> slice:
        """Return which of so many rows are this process's. Raises `UsageError` where they cannot be shared alike."""
        if rows % self.count:
            raise UsageError(
                f"a batch of {rows} cannot be split into {self.count} equal parts: "
                f"give a batch size that {self.count} divides"
            )
        each = rows // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def agree(self, seconds: float) -> float:
        """Return the first process's clock, and let all know of a signal that came to any."""
        if self.count == 1:
            return seconds
        told = self.exchange([seconds, float(self.pending)])
        self._agreed = int(max(signal for _, signal in told))
        return told[0][0]

    def exchange(self, numbers: Sequence[float]) -> list[list[float]]:
        """Return the numbers of every process, in order; all give equally many."""
        if self.count == 1:
            return [list(numbers)]
        mine = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        told = [torch.empty_like(mine) for _ in range(self.count)]
        with _company():
            dist.all_gather(told, mine)
        return [each.tolist() for each in told]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put into each of some tensors the sum of those of all processes, the same bits everywhere.

        One message for all of them, in their order: so an element's sum is made in the same order at every update,
        also the first after a resumption.
        """
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _company():
            dist.all_reduce(flat)
        begin = 0
        for tensor in tensors:
            tensor.copy_(flat[begin : begin + tensor.numel()].view_as(tensor))
            begin += tensor.numel()

    def gather(self, content: bytes) -> list[bytes]:
        """Return what every process gives, in order."""
        if self.count == 1:
            return [content]
        sizes = [int(size) for (size,) in self.exchange([float(len(content))])]
        mine = torch.zeros(max(1, *sizes), dtype=torch.uint8)
        mine[: len(content)] = _as_numbers(content)
        told = [torch.empty_like(mine, device=self.device) for _ in sizes]
        with _company():
            dist.all_gather(told, mine.to(self.device))
        return [bytes(each[:size].cpu().numpy().data) for each, size in zip(told, sizes, strict=True)]

    def hand_round(self, make: Callable[[], Mapping[str, bytes]]) -> dict[str, bytes]:
        """Let the first process make something, and return it in all of them."""
        made = dict(make()) if self.is_first else {}
        if self.count == 1:
            return made
        header = json.dumps({name: len(content) for name, content in made.items()}).encode()
        lengths = json.loads(self._broadcast(header))
        content = memoryview(self._broadcast(b"".join(made.values())))
        received, begin = {}, 0
        for name, length in lengths.items():
            received[name] = bytes(content[begin : begin + length])
            begin += length
        return received

    def _broadcast(self, content: bytes) -> bytes:
        size = int(self.exchange([float(len(content))])[0][0])
        if not size:
            return b""
        message = _as_numbers(content) if self.is_first else torch.empty(size, dtype=torch.uint8)
        message = message.to(self.device)
        with _company():
            dist.broadcast(message, src=0)
        return bytes(message.cpu().numpy().data)

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Let the first process through this block, then the others: it fetches and makes what they find made."""
        if not self.is_first:
            self.exchange([0.0])
        yield
        if self.is_first:
            self.exchange([0.0])


_here = Ranks()


def here() -> Ranks:
    """Return the processes that this one has joined last."""
    return _here


def join(device: str = "cpu") -> Ranks:
    """Join the processes that torchrun or Ray started this one with, and return them; alone, return this one."""
    global _here
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        _here = Ranks()
        return _here
    on_gpu = device.startswith(("cuda", "gpu"))
    if not dist.is_initialized():
        with _company():
            dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    rank, count = dist.get_rank(), dist.get_world_size()
    place = torch.device("cuda", rank % torch.cuda.device_count()) if on_gpu else torch.device("cpu")
    _here = Ranks(rank, count, place)
    return _here


def random_of(seed: int, rank: int, update: int) -> Tensor:
    """Return random numbers, as a generator's state, for a process that has none of its own at that update yet.

    >>> torch.equal(random_of(seed=0, rank=1, update=5), random_of(seed=0, rank=1, update=5))
    True
    """
    import numpy as np

    drawn = np.random.SeedSequence([seed, rank, update]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(drawn >> np.uint64(1))).get_state()


def _as_numbers(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


@contextmanager
def _company() -> Iterator[Any]:
    """Let a message that does not arrive be a `LostProcess`, in one line."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcess("another process of this training has ended or does not answer") from error
