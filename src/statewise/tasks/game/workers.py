"""Environments in processes of their own, which write what they give into memory that all share."""

import json
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import StatewiseError, TrainingError
from statewise.tasks.game.making import maker_of
from statewise.tasks.game.seats import InProcess, Seats, SeatTable, Stepped
from statewise.tasks.game.spaces import Actions, Numbers, ObservationSpace, spaces_as_json, spaces_from_json

RESET, STEP, REPLAY = b"r", b"s", b"p"
OK = b"ok"
STARTS = 3
"So often a worker is started again within one training."


class InWorkers(Seats):
    """E environments that W processes step at once, each some of the rows; faster where a step takes long.

    Observations, rewards, actions and seeds lie in shared memory; a pipe carries one letter each way. A worker that is
    killed is started again and its rows begin new episodes, which is said: the step in which it was lost is not learned
    from. What one raises is raised here.
    """

    def __init__(
        self, name: str, size: int, workers: int, observed: ObservationSpace, actions: Actions, longest: int
    ) -> None:
        self.name, self.size, self.observed, self.longest = name, size, observed, longest
        self.written = json.dumps(spaces_as_json(observed, actions))
        self.context = multiprocessing.get_context("spawn")
        self.table, self.shared = shared_table(self.context, size, observed, actions)
        self.parts = [part for part in np.array_split(np.arange(size), workers) if len(part)]
        self.starts, self.awaited = 0, [0] * len(self.parts)
        self.pipes: list[Connection] = []
        self.processes: list[Any] = []
        for part in self.parts:
            pipe, process = self._started(part)
            self.pipes.append(pipe)
            self.processes.append(process)

    def _started(self, part: NDArray[np.int64]) -> tuple[Connection, Any]:
        ours, theirs = self.context.Pipe()
        given = (theirs, self.shared, self.name, self.written, self.size, int(part[0]), len(part), self.longest)
        process = self.context.Process(target=work, args=(*given, [*sys.path]), daemon=True)
        process.start()
        theirs.close()
        return ours, process

    @property
    def observations(self) -> Numbers:  # type: ignore[override]
        """What the next actions answer."""
        return self.table.observations

    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Numbers:
        """Begin an episode of each seed."""
        asked = range(self.size) if rows is None else rows
        for row, seed in zip(asked, seeds, strict=True):
            self.table.seeds[row] = seed
        self.table.asked[:] = False
        self.table.asked[[*asked]] = True
        self._ask(RESET)
        return self.table.observations

    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Step all environments at once."""
        table = self.table
        table.actions[:] = actions.reshape(self.size, -1)
        table.seeds[:] = seeds
        lost = self._ask(STEP)
        real = None
        if lost:
            real = np.ones(self.size, np.bool_)
            for part in lost:
                real[part] = False
                table.rewards[part], table.terminated[part], table.truncated[part] = 0.0, False, True
                table.final[part] = table.observations[part]
        return Stepped(table.observations, table.rewards, table.terminated, table.truncated, table.final, real)

    def replay(self, row: int, seed: int, actions: NDArray[Any]) -> None:
        """Play an episode once more in its worker."""
        self.reset([seed], [row])
        (number,) = [at for at, part in enumerate(self.parts) if row in part]
        self.table.asked[:] = False
        self.table.asked[row] = True
        for action in actions:
            self.table.actions[row] = action
            self._tell(number, REPLAY)
            self._answer(number)

    def _ask(self, letter: bytes) -> list[NDArray[np.int64]]:
        """Let all workers do something; return the rows of those that were lost, which have begun again."""
        told = [self._tell(number, letter) for number in range(len(self.parts))]
        lost = [number for number, is_told in enumerate(told) if not self._answer(number) or not is_told]
        for number in lost:
            self._start_again(number)
        return [self.parts[number] for number in lost]

    def _tell(self, number: int, letter: bytes) -> bool:
        try:
            while self.awaited[number]:  # an interrupt came between a letter and its answer
                self._heard(number)
            self.pipes[number].send_bytes(letter)
            self.awaited[number] += 1
        except (EOFError, OSError):
            return False
        return True

    def _answer(self, number: int) -> bool:
        try:
            said = self._heard(number)
        except (EOFError, OSError):
            return False
        if said != OK:
            raise TrainingError(said.decode())
        return True

    def _heard(self, number: int) -> bytes:
        said = self.pipes[number].recv_bytes()
        self.awaited[number] -= 1
        return said

    def _start_again(self, number: int) -> None:
        self.starts += 1
        code = self.processes[number].exitcode
        if self.starts > STARTS:
            raise TrainingError(f"a worker of {self.name} ended {self.starts} times (exit code {code}): mend it")
        warnings.warn(
            f"a worker of {self.name} ended (exit code {code}) and is started again: its episodes begin again",
            RuntimeWarning,
            stacklevel=2,
        )
        part = self.parts[number]
        self.pipes[number], self.processes[number] = self._started(part)
        self.awaited[number] = 0
        self.table.asked[:] = False
        self.table.asked[part] = True
        self._tell(number, RESET)
        if not self._answer(number):
            raise TrainingError(f"a worker of {self.name} ended as soon as it was started: mend the environment")

    def close(self) -> None:
        """End the workers."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.close()
            process.join(2)
            if process.is_alive():
                process.terminate()

    def __del__(self) -> None:
        if "processes" in vars(self):
            self.close()


class SharedTable(SeatTable):
    """Rows in shared memory, with what the workers are told: actions, seeds, and which rows are meant."""

    actions: NDArray[np.float64]
    seeds: NDArray[np.int64]
    asked: NDArray[np.bool_]


def shared_table(
    context: Any, size: int, observed: ObservationSpace, actions: Actions
) -> tuple[SharedTable, list[Any]]:
    """Return rows in shared memory, and the memory itself, from which a worker has them too."""
    width = actions.width if actions.shape else 1
    sizes = {"f": 2 * size * observed.size, "d": size * (1 + width), "q": size, "b": 3 * size}
    shared = [context.RawArray(kind, count) for kind, count in sizes.items()]
    return table_in(shared, size, observed.size, width), shared


def table_in(shared: Sequence[Any], size: int, numbers: int, width: int) -> SharedTable:
    """Return the rows that lie in some shared memory."""
    reals, doubles, whole, flags = shared
    seen = np.frombuffer(reals, np.float32).reshape(2, size, numbers)
    rewards = np.frombuffer(doubles, np.float64)
    bits = np.frombuffer(flags, np.bool_).reshape(3, size)
    table = SharedTable(seen[0], seen[1], rewards[:size], bits[0], bits[1])
    table.actions, table.seeds = rewards[size:].reshape(size, width), np.frombuffer(whole, np.int64)
    table.asked = bits[2]
    return table


def work(
    pipe: Connection,
    shared: Sequence[Any],
    name: str,
    written: str,
    size: int,
    first: int,
    count: int,
    longest: int,
    path: Sequence[str],
) -> None:
    """Do what the letters say, until the pipe is closed: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the training to end them
    sys.path[:] = path
    observed, actions = spaces_from_json(json.loads(written))
    whole = table_in(shared, size, observed.size, actions.width if actions.shape else 1)
    own = slice(first, first + count)
    seats: InProcess | None = None
    while True:
        try:
            letter = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            if seats is None:
                seats = InProcess(name, maker_of(name), count, observed, actions, longest)
                seats.table = SeatTable(*(getattr(whole, part)[own] for part in SeatTable.__dataclass_fields__))
            _do(letter, seats, whole, own)
            pipe.send_bytes(OK)
        except StatewiseError as error:
            pipe.send_bytes(str(error).encode())


def _do(letter: bytes, seats: InProcess, whole: SharedTable, own: slice) -> None:
    seeds, asked = whole.seeds[own].tolist(), np.flatnonzero(whole.asked[own])
    chosen = whole.actions[own].astype(np.float32 if seats.actions.is_continuous else np.int64)
    if not seats.actions.shape:
        chosen = chosen[:, 0]
    if letter == RESET:
        seats.reset([seeds[row] for row in asked], asked.tolist())
    elif letter == STEP:
        seats.step(chosen, seeds)
    else:
        for row in asked:
            (action,) = seats.actions.made(chosen[row : row + 1])
            seats.each[row].step(action, seats.table, int(row))
