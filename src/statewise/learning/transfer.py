"""Beginning from another run: its weights for a new model, row by row where rows stand for symbols."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.cells.candidate_dropout import CandidateDropout
from statewise.cells.dropout import Dropout
from statewise.cells.variational_dropout import VariationalDropout
from statewise.cells.weight_drop import WeightDrop
from statewise.errors import UsageError
from statewise.model import Model

DROPPERS = (Dropout, VariationalDropout, CandidateDropout, WeightDrop)
"What drops something of its `part` in training, and has no weights of its own."
BY_SYMBOL = ("encoder", "head")
"The parts of a model whose weights may have a row for each symbol."


class Transferred(NamedTuple):
    """How many symbols two runs have in common, and how many are new."""

    known: int
    new: int

    def words(self) -> str:
        """Say it; nothing where weights have no rows for symbols.

        >>> Transferred(61, 4).words()
        ', 61 of 65 symbols known there'
        """
        return f", {self.known:,} of {self.known + self.new:,} symbols known there" if self.known + self.new else ""


def names_without_dropout(model: nn.Module) -> dict[str, str]:
    """Return what each weight of a model would be called if nothing were dropped from its cells.

    >>> from statewise.cells import LSTM
    >>> names_without_dropout(VariationalDropout(LSTM(5, 4), 0.5, recurrent_rate=0.3))["part.part.bias"]
    'bias'
    """
    droppers = [name for name, module in model.named_modules() if isinstance(module, DROPPERS)]
    names = {name: name for name in model.state_dict()}
    for dropper in sorted(droppers, key=len, reverse=True):  # what lies within first
        above = f"{dropper}." if dropper else ""
        names = {
            own: above + name.removeprefix(f"{above}part.") if name.startswith(f"{above}part.") else name
            for own, name in names.items()
        }
    return names


def transfer(
    model: Model[Any], weights: Mapping[str, Tensor], symbols: Sequence[str], their_symbols: Sequence[str]
) -> Transferred:
    """Give a model the weights of another one, all or nothing.

    Weights of encoder and head with a row for each symbol keep the rows of symbols that both know; the rows of others
    stay as they began. All other weights must be of the same shape. `weights` may be named as if nothing were dropped.

    Raises `UsageError` that names the first weight that does not fit, and where symbols differ but the encoder has no
    weights for each of them: the same code would stand for another symbol.
    """
    theirs = {symbol: row for row, symbol in enumerate(their_symbols)}
    pairs = [(row, theirs[symbol]) for row, symbol in enumerate(symbols) if symbol in theirs]
    ours, from_there = (torch.tensor([pair[side] for pair in pairs], dtype=torch.long) for side in (0, 1))
    made: dict[str, Tensor] = {}
    by_symbol: list[str] = []
    without_dropout = names_without_dropout(model)
    for name, own in model.state_dict().items():
        other = weights.get(name, weights.get(without_dropout[name]))
        if other is None or other.shape[1:] != own.shape[1:]:
            raise _misfit(name, own, other)
        has_rows = name.startswith(BY_SYMBOL) and own.dim() > 0 and len(symbols) > 0
        if has_rows and (len(own), len(other)) == (len(symbols), len(their_symbols)):
            made[name] = own.clone()
            made[name][ours] = other[from_there].to(own.dtype)
            by_symbol.append(name)
        elif own.shape == other.shape:
            made[name] = other
        else:
            raise _misfit(name, own, other)
    reads_symbols = model.step_input.codes > 0 and list(symbols) != list(their_symbols)
    if reads_symbols and not any(name.startswith("encoder") for name in by_symbol):
        raise UsageError(
            "the other run has other symbols, and this encoder has no weights for each of them: "
            "give an encoder with a table of them, or the data of that run"
        )
    model.load_state_dict(made)
    return Transferred(len(pairs), len(symbols) - len(pairs)) if by_symbol else Transferred(0, 0)


def _misfit(name: str, own: Tensor, other: Tensor | None) -> UsageError:
    there = "it has none" if other is None else f"it is {list(other.shape)}"
    return UsageError(
        f"the other run does not fit: {name} is {list(own.shape)} here and there {there}; give the cell, width and "
        "layers of that run"
    )


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Let the weights of some parts of a model stay as they are; a part is named as in `named_parameters`.

    Raises `UsageError` for a part that the model lacks, and where nothing would be left to learn.

    >>> layer = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> freeze(layer, ["0"])
    >>> [name for name, weight in layer.named_parameters() if weight.requires_grad]
    ['1.weight', '1.bias']
    """
    named = dict(model.named_parameters())
    for part in parts:
        found = [name for name in named if name == part or name.startswith(f"{part}.")]
        if not found:
            known = dict.fromkeys(".".join(name.split(".")[:depth]) for name in named for depth in (1, 2))
            raise UsageError(f"the model has no part '{part}' to freeze: name one of {', '.join(known)}")
        for name in found:
            named[name].requires_grad_(False)
    if parts and not any(weight.requires_grad for weight in named.values()):
        raise UsageError("every weight is frozen, so nothing would be learned: freeze fewer parts")
