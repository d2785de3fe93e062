"""Units over what is read: values, names, likely next choices, and the search for those that follow something."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from statewise.cells import LSTM, Cell, Elman
from statewise.data.codec import Characters
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.insight.colouring import coloured_text, next_characters, units_picture
from statewise.insight.memory_pictures import LIGHT, png
from statewise.insight.neurons import (
    PREDICATES,
    Match,
    Units,
    bracket_depth,
    inside_quotes,
    read_units,
    search,
)
from statewise.model import Model

CODEC = Characters('\n "abcdeAB()<&')
TEXT = 'ab "cd" (a(b)c)\nAB c & <d>\n\n' * 40
UNITS = 5


class Watcher(Cell[Tensor]):
    """Its unit 3 is whether a quote is open; the others are noise that follows from the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features, self.units = features, UNITS
        self.mix = nn.Parameter(torch.randn(features, UNITS))

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, UNITS)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        is_quote = x[:, CODEC.encode('"').item()] > 0
        new = torch.tanh(x @ self.mix + 0.5 * state)
        is_open = torch.where(is_quote, 1 - state[:, 3], state[:, 3])
        new = torch.cat([new[:, :3], is_open.unsqueeze(1), new[:, 4:]], dim=1)
        return new, new


def watcher() -> Model[Any]:
    torch.manual_seed(0)
    encoder = nn.Embedding(CODEC.choices, CODEC.choices)
    encoder.load_state_dict({"weight": torch.eye(CODEC.choices)})
    return Model(encoder, Watcher(CODEC.choices), Categorical(UNITS, CODEC.choices))


def codes(text: str) -> Tensor:
    return torch.from_numpy(CODEC.encode(text).astype(np.int64))


def test_units_are_those_of_the_state_with_their_likeliest_choices() -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(CODEC.choices, 3), LSTM(3, 4), Categorical(4, CODEC.choices))
    units = read_units(model, codes("abc\n"), CODEC)
    assert units.names == [f"{part}[{unit}]" for part in ("hidden", "cell") for unit in range(4)]
    assert units.shown == ["a", "b", "c", "\n"]
    state = model.begin(1)
    with torch.no_grad():
        for code in codes("abc\n"):
            logits, state = model.step(code.unsqueeze(0), state)
    assert units.of("cell[2]")[-1] == pytest.approx(float(state.cell[0, 2]))
    odds = logits[0].softmax(dim=-1)
    assert [len(likely) for likely in units.likely] == [5] * 4
    choice, likeliest = units.likely[-1][0]
    assert choice == CODEC.show(int(odds.argmax()))
    assert likeliest == pytest.approx(float(odds.max()))
    with pytest.raises(UsageError, match=r"no unit 'cell\[9\]'"):
        units.of("cell[9]")


def test_the_unit_that_counts_quotes_is_found_and_is_more_than_chance() -> None:
    units = read_units(watcher(), codes(TEXT), CODEC)
    found = {match.predicate: match for match in search(units)}
    assert found["inside quotes"].unit == "state[3]"
    assert found["inside quotes"].r > 0.95
    assert found["inside quotes"].is_real
    assert set(found) <= set(PREDICATES)


def test_a_user_may_ask_for_something_else_and_what_is_the_same_throughout_is_left_out() -> None:
    units = read_units(watcher(), codes(TEXT), CODEC)
    mine = {"an a": lambda shown: np.array([float(one == "a") for one in shown]), "nothing": lambda s: np.zeros(len(s))}
    (only,) = search(units, mine)
    assert only.predicate == "an a"
    with pytest.raises(UsageError, match="'short' gave"):
        search(units, {"short": lambda shown: np.zeros(3)})


def test_a_unit_of_noise_is_no_more_than_chance() -> None:
    noise = np.random.default_rng(0).normal(size=(600, 300))
    shown = list("ab(c)d\n" * 86)[:600]
    quiet = Units(noise, [f"n[{i}]" for i in range(300)], shown, [])
    assert max(abs(match.r) for match in search(quiet)) < 0.2


def test_quotes_and_brackets_survive_what_is_not_closed() -> None:
    assert inside_quotes('"a\n\nb').tolist() == [1, 1, 1, 0, 0]
    assert bracket_depth("))a(").tolist() == [0, 0, 0, 1]
    for predicate in PREDICATES.values():
        assert predicate(["�", "", "a", "\n"]).shape == (4,)


def test_a_text_is_coloured_and_nothing_in_it_is_read_as_html() -> None:
    units = read_units(watcher(), codes('a<b>&"\n'), CODEC)
    page = coloured_text(units, "state[3]") + next_characters(units, "state[0]")
    assert "<b>&" not in page
    assert "&lt;" in page
    assert "&amp;" in page
    assert page.count("<i ") == len(units.shown)
    assert page.count("<u ") == 5 * len(units.shown)


def test_what_is_no_text_is_drawn_as_a_series() -> None:
    torch.manual_seed(0)
    model: Model[Any] = Model(nn.Identity(), Elman(2, UNITS), Categorical(UNITS, 3))
    units = read_units(model, torch.randn(30, 2))
    assert units.inputs is not None
    assert units.inputs.shape == (30, 2)
    assert png(units_picture(units, [], LIGHT)).startswith(b"\x89PNG")
    text = read_units(watcher(), codes(TEXT), CODEC)
    assert png(units_picture(text, [Match("quotes", "state[3]", 0.9, 0.1)], LIGHT)).startswith(b"\x89PNG")
