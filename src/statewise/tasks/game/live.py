"""A game under way: each observation is answered by an action, and the memory goes on from one to the next."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from statewise.bounds import shown
from statewise.errors import UsageError
from statewise.inputs import Inputs, JsonType
from statewise.plain.strict_json import read_json
from statewise.stream import Stream
from statewise.task import Live
from statewise.tasks.game.environment import GameCodec
from statewise.tasks.game.policy import PolicyParams, as_policy
from statewise.tasks.game.spaces import MASK, Misfit, Numbers

RESTART = "restart"
LARGEST = 1e30


@dataclass(frozen=True)
class Acted:
    """What to do, what the state is worth, and, of one choice, how likely each was; None after a restart."""

    action: Any
    value: float | None = None
    odds: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.value is None:
            return "restarted"
        odds = f"  odds {' '.join(f'{one:.3f}' for one in self.odds)}" if self.odds else ""
        return f"{self.action}  value {self.value:.3f}{odds}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"action": self.action, "value": self.value, "odds": list(self.odds)}


def words_of(codec: GameCodec) -> str:
    """Say what an observation is."""
    told = f"an observation: {codec.observed.words()}"
    return f'{told}, with "{MASK}" of {codec.observed.legal} noughts and ones' if codec.observed.legal else told


def encoder_of(codec: GameCodec) -> Callable[[Any], Numbers]:
    """Return what makes a row of numbers of an observation; one that is a row already stays."""

    def read(x: Any) -> Numbers:
        is_row = isinstance(x, np.ndarray) and x.shape == (codec.observed.size,) and x.dtype == np.float32
        return x if is_row else observation_of(x, codec)

    return read


def inputs_of(codec: GameCodec) -> Inputs:
    """Return what a step reads: an observation as JSON has it."""
    return Inputs(words_of(codec), _types(codec), example_of(codec), lambda x: observation_of(x, codec))


def _types(codec: GameCodec) -> tuple[JsonType, ...]:
    (first, *_) = codec.observed.parts
    if first.path or codec.observed.legal:
        return ("array",) if first.path and first.path[0].startswith("#") else ("object",)
    return ("array",) if first.shape else ("number",)


def example_of(codec: GameCodec) -> Any:
    """Return an observation of noughts, or of the smallest choices, as a user would write it."""
    example: Any = {}
    for part in codec.observed.parts:
        value: Any = np.zeros(part.shape, np.int64 if part.kind != "numbers" else np.float64)
        value = value + np.array(part.first, value.dtype).reshape(part.shape) if part.first else value
        if not part.path:
            example = value.tolist() if not codec.observed.legal else {"observation": value.tolist()}
        else:
            _put(example, part.path, value.tolist())
    if codec.observed.legal:
        example = {**example, MASK: [1] * codec.observed.legal}
    return _listed(example)


def _put(nest: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        nest = nest.setdefault(key, {})
    nest[path[-1]] = value


def _listed(nest: Any) -> Any:
    """Return tables whose keys are places as lists."""
    if not isinstance(nest, dict):
        return nest
    inner = {key: _listed(value) for key, value in nest.items()}
    return [inner[f"#{at}"] for at in range(len(inner))] if "#0" in inner else inner


def observation_of(x: Any, codec: GameCodec) -> Numbers:
    """Return an observation as a row of numbers. Raises `UsageError` for what is none."""
    row = np.zeros(codec.observed.size, np.float32)
    is_plain = not codec.observed.parts[0].path
    try:
        value = x["observation"] if is_plain and isinstance(x, Mapping) and codec.observed.legal else x
        _refuse_odd(value)
        told = x if isinstance(x, Mapping) else {}
        codec.observed.write(value, told, row)
        is_sound = bool((np.abs(row) < LARGEST).all()) and (
            not codec.observed.legal or bool(row[codec.observed.seen :].any())
        )
    except (Misfit, KeyError, IndexError, TypeError, ValueError, OverflowError):
        is_sound = False
    if not is_sound:
        raise UsageError(f"the observation {shown(x)} cannot be read: give {words_of(codec)}")
    return row


def _refuse_odd(value: Any) -> None:
    """Raise `ValueError` for what only NumPy would take for a number: text and truth values."""
    if isinstance(value, Mapping):
        for inner in value.values():
            _refuse_odd(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_odd(inner)
    elif isinstance(value, str | bool) or value is None:
        raise ValueError("not a number")


@dataclass
class GameUnderWay(Live):
    """Answers observations by the likeliest actions, or by actions drawn by their odds."""

    stream: Stream[PolicyParams]
    codec: GameCodec
    draw: torch.Generator | None = None

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: an observation, or `restart` where an episode begins."""
        plain = inputs_of(self.codec)
        return Inputs(f'{plain.words}; or "{RESTART}" where an episode begins', (*plain.types, "string"), plain.example)

    def push(self, line: Any) -> Acted:
        """Read an observation and return the action; or forget all.

        Raises `UsageError` for what is no observation; nothing has changed then.
        """
        given = line.strip() if isinstance(line, str) else line
        if isinstance(given, str) and given == RESTART:
            self.stream.reset()
            return Acted(None)
        if isinstance(given, str):
            try:
                given = read_json(given.encode())
            except ValueError:
                raise UsageError(f"the line {shown(given)} is not JSON: give {words_of(self.codec)}") from None
        params = self.stream.push(observation_of(given, self.codec))
        return acted(params, self.codec, as_policy(self.stream.model).sample(params, **self._how))

    @property
    def _how(self) -> dict[str, Any]:
        return {"temperature": 0.0} if self.draw is None else {"generator": self.draw}

    def save(self) -> bytes:
        """Return the memory, as bytes."""
        return self.stream.save()


def acted(params: PolicyParams, codec: GameCodec, chosen: torch.Tensor) -> Acted:
    """Return a chosen action as the environment takes it."""
    (action,) = codec.actions.made(chosen.unsqueeze(0).cpu().numpy())
    odds: tuple[float, ...] = ()
    if codec.actions.is_single:
        odds = tuple(round(one, 6) for one in params.action.double().softmax(dim=-1).tolist())
    plain = np.asarray(action).tolist() if not isinstance(action, int) else action
    value = float(params.value)
    return Acted(plain, value if math.isfinite(value) else None, odds)
