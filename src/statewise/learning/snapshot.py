"""The files from which training resumes: each is read and checked against the model before any is used."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.distributed import Ranks, random_of
from statewise.errors import RunError
from statewise.learning.early_stopping import Progress
from statewise.learning.guard import Usual
from statewise.learning.precision import LossScale
from statewise.learning.rollouts import ROLLOUTS
from statewise.model import Model
from statewise.state import count_rows, from_bytes, map_leaves, read_json, read_tensors, stack, to_bytes, write_tensors

WEIGHTS = "weights.safetensors"
AVERAGE = "average.safetensors"
BEST = "best.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.safetensors"
RANDOM = "random.safetensors"
PLACE = "place.json"
KNOWN = {WEIGHTS, AVERAGE, BEST, OPTIMIZER, STATE, RANDOM, PLACE, ROLLOUTS}
PARTS: dict[str, Any] = {"progress": Progress, "usual": Usual, "loss_scale": LossScale}
MOST = 1 << 53
OTHER_RANDOM = f"{RANDOM} holds no state of random numbers: it was made by another version"
OTHER_VERSION = "the checkpoint lacks what training goes on from: it was made by another version"


class TrainingPosition(NamedTuple):
    """The position of a training, as numbers: updates, windows, seconds, progress and scales."""

    update: int
    window: int
    seconds: float
    averaged: int = 0
    progress: Progress = Progress()
    usual: Usual = Usual()
    loss_scale: LossScale = LossScale()

    def write(self) -> bytes:
        """Return the place as JSON."""
        return json.dumps({**self._asdict(), **{name: getattr(self, name)._asdict() for name in PARTS}}).encode()

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> "TrainingPosition":
        """Return the place that some files tell. Raises `RunError` where anything is missing, unknown or no number."""
        try:
            told = read_json(files[PLACE])
            place = cls(**{**told, **{name: part(**told[name]) for name, part in PARTS.items()}})
        except (KeyError, ValueError, TypeError):
            raise RunError(OTHER_VERSION) from None
        if set(told) != set(cls._fields) or any(set(told[name]) != set(part._fields) for name, part in PARTS.items()):
            raise RunError(OTHER_VERSION)
        progress, usual = place.progress, place.usual
        counts = (
            place.update,
            place.window,
            place.averaged,
            progress.checks,
            progress.waited,
            progress.tries,
            usual.seen,
            place.loss_scale.updates,
        )
        scales = (place.seconds, progress.scale, usual.norm, place.loss_scale.factor)
        if not all(type(n) is int and 0 <= n <= MOST for n in counts):
            raise RunError(OTHER_VERSION)
        if not all(_is_number(n) and n >= 0 for n in scales) or not (
            progress.best is None or _is_number(progress.best)
        ):
            raise RunError(OTHER_VERSION)
        return place


def _is_number(told: Any) -> bool:
    return type(told) in (int, float) and abs(told) < math.inf


def refuse_unknown(names: Collection[str]) -> None:
    """Raise `RunError` where a checkpoint holds a file that this version would leave unread."""
    if unknown := sorted(set(names) - KNOWN):
        raise RunError(f"the checkpoint holds a file {unknown[0]!r} that is not known: it was made by another version")


def read_weights(
    model: Model[Any], files: Mapping[str, bytes], name: str = WEIGHTS, *, may_be_short: bool = False
) -> dict[str, Tensor]:
    """Return a model's weights out of one of the files. Raises `RunError` where they are not this model's.

    Those that are only used, and not trained further, `may_be_short`: kept as bfloat16, they get the model's own type.
    """
    weights, _ = read_tensors(files.get(name, b""), name)
    expected: dict[str, Tensor] = model.state_dict()
    if may_be_short:
        weights = {place: _widened(found, expected.get(place)) for place, found in weights.items()}
    found, wanted = _forms(weights), _forms(expected)
    wrong = sorted(place for place in {*found, *wanted} if found.get(place) != wanted.get(place))
    if wrong:
        raise RunError(f"{name} does not fit this model at '{wrong[0]}': it is of another model")
    return weights


def weights_to_use(names: Iterable[str]) -> list[str]:
    """Return which of a checkpoint's files has the weights to use: the best ones, their mean, or the last.

    Raises `RunError` where a checkpoint holds a file that this version would leave unread.
    """
    there = set(names)
    refuse_unknown(there)
    return [next((name for name in (BEST, AVERAGE) if name in there), WEIGHTS)]


def load_weights(model: Model[Any], files: Mapping[str, bytes]) -> None:
    """Put the weights to use into a model, all or none: the best ones, their mean, or the last, as training was told.

    Raises `RunError` where they are not this model's.
    """
    (name,) = weights_to_use(files)
    model.load_state_dict(read_weights(model, files, name, may_be_short=True))


def gathered_state(ranks: Ranks, state: Any) -> bytes:
    """Return the state of every process's rows, in order, as one file: the same for any number of processes."""
    told = [from_bytes(each, state, STATE)[0] for each in ranks.gather(to_bytes(state))] if ranks.count > 1 else [state]
    return to_bytes(stack(told))


def own_state(files: Mapping[str, bytes], like: Any, ranks: Ranks) -> Any:
    """Return the state of this process's rows.

    Raises `DataError` where the file holds none of this kind, `RunError` where it holds one of other rows.
    """
    state, _ = from_bytes(files.get(STATE, b""), like, STATE)
    found, wanted = count_rows(state), count_rows(like) * ranks.count
    if found != wanted:
        raise RunError(f"{STATE} is of {found} rows where {wanted} are trained: it is of another run")
    rows = ranks.own(found)
    return state if ranks.count == 1 else map_leaves(lambda leaf: leaf[rows].clone(), state)


def gathered_random(ranks: Ranks) -> bytes:
    """Return the random numbers of every process as one file."""
    told = [torch.frombuffer(bytearray(each), dtype=torch.uint8) for each in ranks.gather(_random_here())]
    return write_tensors({_random_name(rank): each for rank, each in enumerate(told)})


def read_random(files: Mapping[str, bytes], ranks: Ranks, seed: int, update: int) -> Tensor:
    """Return the state of this process's random numbers; one that was not there then begins its own.

    Raises `RunError` where it is none.
    """
    tensors, _ = read_tensors(files.get(RANDOM, b""), RANDOM)
    name = _random_name(ranks.rank)
    if any(other != _random_name(rank) for rank, other in enumerate(sorted(tensors, key=lambda n: (len(n), n)))):
        raise RunError(OTHER_RANDOM)
    if name not in tensors and not ranks.is_first:
        return random_of(seed, ranks.rank, update)
    generator = torch.Generator()
    try:
        generator.set_state(tensors[name])
    except (KeyError, RuntimeError, TypeError):
        raise RunError(OTHER_RANDOM) from None
    if not torch.equal(generator.get_state(), tensors[name]):  # it would leave some bits unread
        raise RunError(OTHER_RANDOM)
    return tensors[name]


def _random_name(rank: int) -> str:
    return f"cpu{rank}" if rank else "cpu"


def _random_here() -> bytes:
    return torch.get_rng_state().numpy().tobytes()


def _widened(found: Tensor, wanted: Tensor | None) -> Tensor:
    is_short = found.dtype == torch.bfloat16 and wanted is not None and wanted.is_floating_point()
    return found.to(wanted.dtype) if is_short and wanted is not None else found


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
