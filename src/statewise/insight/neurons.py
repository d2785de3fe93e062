"""The units of a network at every step, and which of them follow a known property of the text."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.errors import UsageError
from statewise.insight.probed_network import undisturbed
from statewise.model import Model
from statewise.state import paths

Array = NDArray[np.floating[Any]]
Predicate = Callable[[Sequence[str]], Array]
"From what was read, as it is shown, to one number for each step: how much of something is there."

LIKELIEST = 5
WIDEST = 4096
"Parts of a state with more numbers than this, such as a matrix memory, are left out."
SHIFTS = 20


class Units(NamedTuple):
    """What every unit of a state was after each step, `[T, U]`, with their names, such as `0.cell[17]`.

    `shown` is each input as people read it; `inputs` are the numbers where it is not text. `likely` are, for each step,
    the likeliest choices to come next with their odds; empty where the model makes no choices.
    """

    values: Array
    names: list[str]
    shown: list[str]
    likely: list[list[tuple[str, float]]]
    inputs: Array | None = None

    def of(self, name: str) -> Array:
        """Return one unit's values `[T]`. Raises `UsageError` for a name that is not known."""
        if name not in self.names:
            raise UsageError(f"there is no unit '{name}': give one such as '{self.names[0]}'")
        return self.values[:, self.names.index(name)]


def read_units(model: Model[Any], inputs: Tensor, codec: Any = None) -> Units:
    """Read a sequence `[T, ...]` of one row and keep what every unit of the state was.

    Where the `codec` can `show` a code, inputs and choices are shown so; else inputs of several numbers are kept.
    """
    show: Callable[[int], str] = codec.show if hasattr(codec, "show") else str
    kept, odds = [], []
    with undisturbed(model), torch.no_grad():
        device = next(model.parameters()).device
        state = model.begin(1)
        for x in inputs.to(device):
            params, state = model.step(x.unsqueeze(0), state)
            kept.append(torch.cat([leaf.flatten() for _, leaf in _units(state)]).float().cpu())
            if hasattr(model.head, "choices") and isinstance(params, Tensor):
                odds.append(params[0].softmax(dim=-1).topk(min(LIKELIEST, params.shape[-1])))
        names = [f"{path or 'state'}[{unit}]" for path, leaf in _units(state) for unit in range(leaf.numel())]
    likely = [
        [(show(int(code)), float(odd)) for code, odd in zip(top.indices, top.values, strict=True)] for top in odds
    ]
    is_code = inputs.dim() == 1 and not inputs.is_floating_point()
    shown = [show(int(code)) for code in inputs] if is_code else [str(t) for t in range(len(inputs))]
    raw = None if is_code else inputs.reshape(len(inputs), -1).double().numpy()
    return Units(torch.stack(kept).double().numpy(), names, shown, likely, raw)


def _units(state: Any) -> list[tuple[str, Tensor]]:
    return [(path, leaf) for path, leaf in paths(state) if leaf.is_floating_point() and leaf.numel() <= WIDEST]


def position_in_line(shown: Sequence[str]) -> Array:
    """Return how many characters were read since the last line began.

    >>> position_in_line("ab\\nc").tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    return _counted(shown, lambda count, before: 0.0 if before == "\n" else count + 1)


def since_space(shown: Sequence[str]) -> Array:
    """Return how many characters were read since the last word began.

    >>> since_space("ab c").tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    return _counted(shown, lambda count, before: 0.0 if before.isspace() else count + 1)


def inside_quotes(shown: Sequence[str]) -> Array:
    """Return 1 between double quotes, else 0; a line that is blank closes what was left open.

    >>> inside_quotes('a"b"c').tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """
    found, is_open = [], False
    for before, here in zip(["", *shown], shown, strict=False):
        is_open = here in '“"' and not is_open if here in '“”"' and here else is_open
        is_open = is_open and not (before == here == "\n")
        found.append(float(is_open))
    return np.array(found)


def bracket_depth(shown: Sequence[str]) -> Array:
    """Return how many brackets are open.

    >>> bracket_depth("a(b[c])").tolist()
    [0.0, 1.0, 1.0, 2.0, 2.0, 1.0, 0.0]
    """
    found, depth = [], 0
    for here in shown:
        depth = max(0, depth + (here in tuple("([{")) - (here in tuple(")]}")))
        found.append(float(depth))
    return np.array(found)


def in_capitals(shown: Sequence[str]) -> Array:
    """Return 1 where a word is written in capitals from its beginning up to here, as the name of a speaker.

    >>> in_capitals("AB Cd").tolist()
    [1.0, 1.0, 0.0, 1.0, 0.0]
    """
    found, is_so = [], True
    for before, here in zip([" ", *shown], shown, strict=False):
        is_so = here.isupper() if not before.isalpha() else is_so and here.isupper()
        found.append(float(is_so))
    return np.array(found)


def after_blank_line(shown: Sequence[str]) -> Array:
    """Return 1 in the first line after a blank one, where a play names the speaker.

    >>> after_blank_line("a\\n\\nb\\nc").tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    """
    text = "".join(one[:1] or " " for one in shown)
    found = np.zeros(len(shown))
    for match in re.finditer(r"(?<=\n)\n[^\n]*\n?", text):
        found[match.start() : match.end()] = 1
    return found


def _counted(shown: Sequence[str], follow: Callable[[float, str], float]) -> Array:
    found = [0.0]
    for before in shown[:-1]:
        found.append(follow(found[-1], before))
    return np.array(found[: len(shown)])


PREDICATES: Mapping[str, Predicate] = {
    "position in line": position_in_line,
    "letters since the last space": since_space,
    "inside quotes": inside_quotes,
    "brackets that are open": bracket_depth,
    "a word in capitals": in_capitals,
    "first line after a blank one": after_blank_line,
}
"What people look for in a text; give others of your own."


class Match(NamedTuple):
    """The unit that follows a predicate best: `chosen` on the first half, its correlation `r` on the second.

    `chance` is the best that the same search reached in twenty tries with the predicate shifted in time.
    """

    predicate: str
    unit: str
    r: float
    chance: float

    @property
    def is_real(self) -> bool:
        """Whether it is more than chance."""
        return abs(self.r) > self.chance


def search(units: Units, predicates: Mapping[str, Predicate] = PREDICATES, seed: int = 0) -> list[Match]:
    """Return, for each predicate that is not the same throughout, the unit that follows it best, the surest first.

    A unit is chosen on the first half of the steps and its correlation measured on the second: the best of hundreds
    always looks good where it was chosen.
    """
    found = []
    half = len(units.shown) // 2
    draw = np.random.default_rng(seed)
    for name, predicate in predicates.items():
        wanted = np.asarray(predicate(units.shown), dtype=np.float64)
        if wanted.shape != (len(units.shown),):
            raise UsageError(f"predicate '{name}' gave {list(wanted.shape)} numbers for {len(units.shown)} steps")
        if not wanted[:half].std() or not wanted[half:].std():
            continue
        best, r = _best(units.values, wanted, half)
        shifts = draw.integers(half // 4, max(half // 4 + 1, len(wanted) - half // 4), SHIFTS)
        by_chance = [abs(_best(units.values, np.roll(wanted, int(shift)), half)[1]) for shift in shifts]
        found.append(Match(name, units.names[best], r, float(np.max(by_chance))))
    return sorted(found, key=lambda match: -abs(match.r))


def _best(values: Array, wanted: Array, half: int) -> tuple[int, float]:
    chosen = int(np.abs(_correlations(values[:half], wanted[:half])).argmax())
    return chosen, float(_correlations(values[half:, chosen : chosen + 1], wanted[half:])[0])


def _correlations(values: Array, wanted: Array) -> Array:
    """Return the correlation of each unit `[T, U]` with a predicate `[T]`; 0 for one that says the same throughout."""
    centred, aimed = values - values.mean(axis=0), wanted - wanted.mean()
    size = np.sqrt((centred**2).sum(axis=0) * (aimed**2).sum())
    found: Array = np.divide(aimed @ centred, size, out=np.zeros(values.shape[1]), where=size > 1e-12)
    return found
