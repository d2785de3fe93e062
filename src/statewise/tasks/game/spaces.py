"""What an environment shows and takes, as numbers: an observation is a row, an action is chosen by a head."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.errors import RunError, UsageError
from statewise.shown import counted

Numbers = NDArray[np.float32]
Kind = Literal["numbers", "image", "choices", "bits"]

MASK = "action_mask"
"The part of an observation, or of the information next to it, that says which actions are legal."
MOST_NUMBERS = 1_000_000
"Of one observation."
MOST_CHOICES = 100_000
"Of one action."
SMALLEST_IMAGE = 3
DAMAGED = "codec.json does not describe a game: the run is damaged or of another task"
UNREAD = ("Text", "MissionSpace")
"Spaces of words, which are not read."


class Misfit(ValueError):
    """An observation that is not what its space said."""


@dataclass(frozen=True)
class Part:
    """A part of an observation: how to reach it, what it is, and its shape.

    `choices` and `first` say how many values each number of a choice has, and which is the smallest.
    """

    path: tuple[str, ...]
    kind: Kind
    shape: tuple[int, ...]
    choices: tuple[int, ...] = ()
    first: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def read(self, value: Any) -> Numbers:
        """Return its numbers. Raises `Misfit` where the value is not of its shape."""
        for key in self.path:
            value = value[int(key[1:])] if key.startswith("#") else value[key]
        found: Numbers = np.asarray(value, np.float32)
        if found.shape != self.shape:
            raise Misfit(f"{self.called} of shape {list(found.shape)}, where {list(self.shape)} was declared")
        found = found.reshape(-1)
        if self.first:
            found = found - np.asarray(self.first, np.float32)
            if not ((found >= 0) & (found < np.asarray(self.choices))).all():
                raise Misfit(f"{self.called} outside of what was declared")
        return found

    @property
    def named(self) -> str:
        """Its name before a remark; nothing where it is the whole observation."""
        return f"{'.'.join(key.removeprefix('#') for key in self.path)} " if self.path else ""

    @property
    def called(self) -> str:
        """What it is called where it is wrong."""
        return f"the part {self.named}of an observation" if self.path else "an observation"

    def words(self) -> str:
        """Say what it is."""
        match self.kind:
            case "numbers":
                return counted(self.size, "number")
            case "image":
                return f"an image of {' x '.join(map(str, self.shape))}"
            case "choices":
                return " and ".join(f"one of {count}" for count in self.choices)
            case "bits":
                return counted(self.size, "bit")


@dataclass(frozen=True)
class ObservationSpace:
    """An observation as a row of numbers: its parts one after another, without hidden ones, and the legal actions."""

    parts: tuple[Part, ...]
    hidden: tuple[int, ...] = ()
    legal: int = 0

    @cached_property
    def seen(self) -> int:
        """How many numbers the network reads of what the environment shows."""
        return sum(part.size for part in self.parts) - len(self.hidden)

    @property
    def size(self) -> int:
        """How many numbers a row has, those of legal actions among them."""
        return self.seen + self.legal

    def write(self, value: Any, info: Mapping[str, Any], row: Numbers) -> None:
        """Write an observation into a row. Raises `Misfit` where it is not what the environment had said."""
        first = self.parts[0]
        if self.is_plain and type(value) is np.ndarray and value.shape == first.shape:
            flat = value.reshape(-1)  # as most environments have it: a microsecond counts, at every step of each
            row[:] = flat[self.kept] if self.hidden else flat
            return
        found = first.read(value) if len(self.parts) == 1 else np.concatenate([part.read(value) for part in self.parts])
        row[: self.seen] = found[self.kept] if self.hidden else found
        if self.legal:
            row[self.seen :] = self._legal(value, info)

    @cached_property
    def is_plain(self) -> bool:
        """Whether an observation is numbers alone, as they are."""
        (first, *others) = self.parts
        return not (others or first.path or first.first or self.legal)

    @cached_property
    def kept(self) -> list[int]:
        """The places of the numbers that are not hidden."""
        return [place for place in range(self.parts[0].size) if place not in self.hidden]

    def _legal(self, value: Any, info: Mapping[str, Any]) -> Numbers:
        given = value[MASK] if isinstance(value, Mapping) and MASK in value else info.get(MASK)
        if given is None:
            raise Misfit(f"no {MASK}, which it had at first")
        parts = given if isinstance(given, tuple | list) and np.ndim(given[0]) else [given]
        found = np.concatenate([np.asarray(part).reshape(-1) for part in parts])
        if found.shape != (self.legal,):
            raise Misfit(f"{MASK} of {len(found)} actions, where there are {self.legal}")
        legal: Numbers = (found != 0).astype(np.float32)
        return legal

    def words(self) -> str:
        """Say what is seen."""
        told = ", ".join(f"{part.named}{part.words()}" for part in self.parts)
        return f"{told}{f' ({len(self.hidden)} hidden)' if self.hidden else ''}"


@dataclass(frozen=True)
class Actions:
    """What an action is: one or several choices, bits, or numbers within bounds, which may be infinite."""

    kind: Kind
    shape: tuple[int, ...]
    choices: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    dtype: str = "float32"

    @property
    def is_continuous(self) -> bool:
        """Whether it is numbers."""
        return self.kind == "numbers"

    @cached_property
    def is_single(self) -> bool:
        """Whether it is one choice."""
        return not self.is_continuous and not self.shape

    @property
    def width(self) -> int:
        """How many choices or numbers it has."""
        return math.prod(self.shape)

    def made(self, chosen: NDArray[Any]) -> Sequence[Any]:
        """Return what the environments are given, of what a head chose for each: `[E]` or `[E, K]`.

        A number with two bounds is squashed between them by tanh; with one or none it is cut there.
        """
        if self.is_single:
            shifted: list[int] = (chosen.astype(np.int64) + self.first[0]).tolist()
            return shifted
        rows = chosen.reshape(len(chosen), *self.shape)
        if not self.is_continuous:
            return list(rows.astype(self.dtype) + np.asarray(self.first, self.dtype).reshape(self.shape))
        low, high = (np.asarray(bound, np.float64).reshape(self.shape) for bound in (self.low, self.high))
        both = np.isfinite(low) & np.isfinite(high)
        lower, upper = np.where(both, low, -1.0), np.where(both, high, 1.0)
        squashed = lower + (np.tanh(rows) + 1) / 2 * (upper - lower)
        return list(np.clip(np.where(both, squashed, rows), low, high).astype(self.dtype))

    def words(self) -> str:
        """Say what it is."""
        if self.is_continuous:
            return counted(self.width, "number")
        if self.kind == "bits":
            return counted(self.width, "bit")
        return " and ".join(f"one of {count}" for count in self.choices)


def observations_of(space: Any, *, is_masked: bool = False, actions: Actions | None = None) -> ObservationSpace:
    """Return a space of Gymnasium as rows of numbers. Raises `UsageError`, with its name, for one that is not read."""
    parts = tuple(_parts(space, ()))
    legal = sum(actions.choices) if is_masked and actions else 0
    found = ObservationSpace(parts, (), legal)
    if not parts or not 0 < found.size <= MOST_NUMBERS:
        raise UsageError(f"an observation of {found.size:,} numbers cannot be read: give 1 to {MOST_NUMBERS:,}")
    return found


def without(observations: ObservationSpace, hidden: Sequence[int]) -> ObservationSpace:
    """Return observations of which some numbers are hidden. Raises `UsageError` where they cannot be."""
    if not hidden:
        return observations
    (part, *others), told = observations.parts, ", ".join(map(str, hidden))
    if others or part.kind != "numbers":
        raise UsageError(f"--hide {told} hides numbers of an observation, and this one is {observations.words()}")
    wrong = [place for place in hidden if not 0 <= place < part.size]
    if wrong or len(set(hidden)) >= part.size:
        raise UsageError(f"--hide {told} is not some of {part.size} numbers: give places from 0 to {part.size - 1}")
    return replace(observations, hidden=tuple(sorted(set(hidden))))


def _parts(space: Any, path: tuple[str, ...]) -> Iterator[Part]:
    from gymnasium import spaces

    match space:
        case spaces.Dict():
            for key, inner in space.spaces.items():
                if not (key == MASK and not path) and type(inner).__name__ not in UNREAD:
                    yield from _parts(inner, (*path, str(key)))
        case spaces.Tuple():
            for number, inner in enumerate(space.spaces):
                yield from _parts(inner, (*path, f"#{number}"))
        case spaces.Discrete():
            yield Part(path, "choices", (), (int(space.n),), (int(space.start),))
        case spaces.MultiDiscrete():
            counts, first = np.asarray(space.nvec), np.asarray(space.start)
            yield Part(path, "choices", space.shape, _whole(counts), _whole(first))
        case spaces.MultiBinary():
            yield Part(path, "bits", tuple(space.shape))
        case spaces.Box():
            is_image = space.dtype == np.uint8 and len(space.shape) == 3 and min(space.shape[:2]) >= SMALLEST_IMAGE
            yield Part(path, "image" if is_image else "numbers", tuple(space.shape))
        case _:
            where = f" ({'.'.join(path)})" if path else ""
            raise UsageError(
                f"observations of a {type(space).__name__}{where} are not read: wrap the environment in a function "
                "that gives Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of them"
            )


def unread_of(space: Any) -> list[str]:
    """Return the names of parts of an observation that are words, and are left out."""
    inner = getattr(space, "spaces", {})
    return [key for key, part in inner.items() if type(part).__name__ in UNREAD] if isinstance(inner, Mapping) else []


def actions_of(space: Any) -> Actions:
    """Return a space of Gymnasium as what a head chooses. Raises `UsageError`, with its name, for any other."""
    from gymnasium import spaces

    match space:
        case spaces.Discrete():
            found = Actions("choices", (), (int(space.n),), (int(space.start),), dtype="int64")
        case spaces.MultiDiscrete():
            counts, first = np.asarray(space.nvec), np.asarray(space.start)
            found = Actions("choices", space.shape, _whole(counts), _whole(first), dtype=str(space.dtype))
        case spaces.MultiBinary():
            bits = math.prod(space.shape)
            found = Actions("bits", tuple(space.shape), (2,) * bits, (0,) * bits, dtype=str(space.dtype))
        case spaces.Box() if np.issubdtype(np.dtype(str(space.dtype)), np.floating):
            bounds = (tuple(float(x) for x in np.asarray(bound).reshape(-1)) for bound in (space.low, space.high))
            low, high = bounds
            found = Actions("numbers", tuple(space.shape), low=low, high=high, dtype=str(space.dtype))
        case _:
            raise UsageError(
                f"actions of a {type(space).__name__} are not chosen: wrap the environment in a function that takes "
                "Discrete, MultiDiscrete, MultiBinary, or a Box of real numbers"
            )
    if not 0 < (found.width if found.is_continuous else sum(found.choices)) <= MOST_CHOICES:
        raise UsageError(f"actions of {found.words()} cannot be chosen from: give 1 to {MOST_CHOICES:,}")
    return found


def _whole(numbers: NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(number) for number in numbers.reshape(-1))


def spaces_as_json(observations: ObservationSpace, actions: Actions) -> dict[str, Any]:
    """Return both as plain values."""
    parts = [
        {"path": [*p.path], "kind": p.kind, "shape": [*p.shape], "choices": [*p.choices], "first": [*p.first]}
        for p in observations.parts
    ]
    bounds = {name: [repr(bound) for bound in getattr(actions, name)] for name in ("low", "high")}
    taken = {"kind": actions.kind, "shape": [*actions.shape], "choices": [*actions.choices], "first": [*actions.first]}
    return {
        "observations": {"parts": parts, "hidden": [*observations.hidden], "legal": observations.legal},
        "actions": {**taken, **bounds, "dtype": actions.dtype},
    }


def spaces_from_json(written: Mapping[str, Any]) -> tuple[ObservationSpace, Actions]:
    """Return what `spaces_as_json` wrote. Raises `RunError` where it is something else."""
    try:
        seen, taken = written["observations"], written["actions"]
        parts = tuple(
            Part(
                tuple(map(str, p["path"])),
                _kind(p["kind"]),
                *(_sizes(p[name]) for name in ("shape", "choices", "first")),
            )
            for p in seen["parts"]
        )
        observations = ObservationSpace(parts, _sizes(seen["hidden"]), _sizes([seen["legal"]])[0])
        low, high = (tuple(float(bound) for bound in taken[name]) for name in ("low", "high"))
        shape, choices, first = (_sizes(taken[name]) for name in ("shape", "choices", "first"))
        dtype = np.dtype(str(taken["dtype"])).name
        actions = Actions(_kind(taken["kind"]), shape, choices, first, low, high, dtype)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(DAMAGED) from error
    count = actions.width if actions.is_continuous else sum(actions.choices)
    bounds = actions.width if actions.is_continuous else 0
    is_sound = 0 < observations.size <= 2 * MOST_NUMBERS and 0 < count <= MOST_CHOICES
    if not is_sound or observations.legal not in (0, sum(actions.choices)) or len(low) != bounds or len(high) != bounds:
        raise RunError(DAMAGED)
    return observations, actions


def _kind(name: Any) -> Kind:
    found: dict[str, Kind] = {"numbers": "numbers", "image": "image", "choices": "choices", "bits": "bits"}
    return found[name]


def _sizes(given: Any) -> tuple[int, ...]:
    found = tuple(given)
    if any(type(one) is not int or abs(one) > 2**31 for one in found):
        raise ValueError("sizes")
    return found
