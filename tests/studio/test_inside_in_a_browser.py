"""Inside a run: neurons over a text and what is on elsewhere too, gates, memory; and the gradient moved by hand."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from in_browser import LOOKS, StudioProcess, accessibility_faults, address_of, eventually, in_chromium, words_of

import statewise
from statewise.insight.neurons import read_units

pytestmark = in_chromium("what is inside")
PAGES = ("#/inside/text-1?text=to be or not", "#/inside/forecast-1", "#/learn")
RUNS = ("text", "forecast")
TEXT = "to be or not that is to be or not"


def test_a_neuron_is_coloured_over_a_text_and_a_stretch_is_found_elsewhere(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/inside/text-1?text={TEXT}&unit=h[1]&from=0&to=2&on=0.1")
    page.locator(".coloured [data-at='32']").wait_for()
    trained = statewise.load(studio.folder / "runs" / "text-1")
    codes = torch.tensor(trained.codec.encode(TEXT).tolist())
    units = read_units(trained.model, codes, trained.codec)
    name = page.get_by_label("Unit", exact=True).input_value()
    assert name in units.names
    title = page.locator(".coloured [data-at='5']").get_attribute("title")
    assert float(title.split()[-1].replace("−", "-")) == pytest.approx(units.of(name)[5], abs=0.02)
    known = page.locator("#units option").count()
    assert known > len(units.names)  # gates come after the state
    page.locator(".coloured").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    eventually(lambda: words_of(page, "p[role=status]").startswith("“to”"))
    on = int(re.findall(r": (\d+) of", words_of(page, "p[role=status]"))[0])
    scaled = units.values / np.abs(units.values).max(axis=0)
    signs = np.sign(scaled[0])
    inside, after = (signs * scaled[:2]).min(axis=0), signs * scaled[2]
    assert on == int(((inside >= 0.1) & (after < 0.1)).sum())
    eventually(lambda: "from=0&to=2" in address_of(page))
    page.get_by_role("button", name="the next unit").click()
    assert page.get_by_label("Unit", exact=True).input_value() != name


def test_a_text_that_is_too_long_to_be_looked_into_is_said(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/inside/text-1?text=to be")
    page.locator(".coloured [data-at='4']").wait_for()
    page.get_by_label("Text", exact=True).fill("to be " * 1000)
    page.get_by_role("button", name="Read it").click()
    page.get_by_role("alert").get_by_text("give 1 to 4,000").wait_for()


@pytest.mark.parametrize("name", ["text-1", "forecast-1"])
def test_how_far_back_any_run_remembers_is_measured_next_to_the_untrained_one(
    page: Any, studio: StudioProcess, name: str
) -> None:
    page.goto(f"{studio.address}/#/inside/{name}?lags=10&probes=16")
    page.get_by_role("button", name="Measure").click()
    page.locator(".charts .curve").first.wait_for()
    rows = [each.text_content() for each in page.locator("section tbody th").all()]
    assert rows[:2] == [name, "before training"]
    assert page.get_by_role("heading", name="Gates").count() == 1
    assert page.locator(".charts figure").count() == 3


def test_the_gradient_of_every_cell_is_that_of_automatic_differentiation(page: Any, studio: StudioProcess) -> None:
    page.goto(studio.address)
    root = re.findall(r'src="(/web/\w+/)main.js"', page.content())[0]
    xs, w, bias = [0.3, -1.2, 0.7, 2.0, -0.4], 1.3, 0.8
    told = page.evaluate(
        """async ([root, xs, w, bias]) => {
          const { CELLS, through } = await import(`${root}lib/gradients.js`);
          return CELLS.map((name) => [name, through(name, xs, { w, bias })]);
        }""",
        [root, xs, w, bias],
    )
    assert [name for name, _ in told] == ["linear", "elman", "gru", "lstm"]
    for name, found in told:
        read = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
        h, c = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for x in read:
            if name == "linear":
                h = w * h + x
            elif name == "elman":
                h = torch.tanh(w * h + x)
            elif name == "gru":
                new = torch.tanh(x + torch.sigmoid(w * h + x) * w * h)
                keep = torch.sigmoid(w * h + bias)
                h = (1 - keep) * new + keep * h
            else:
                gate, new = torch.sigmoid(w * h + x), torch.tanh(w * h + x)
                c = torch.sigmoid(w * h + bias) * c + gate * new
                h = gate * torch.tanh(c)
        (gradient,) = torch.autograd.grad(h, read)
        assert found["states"][-1]["h"] == pytest.approx(float(h.detach()), rel=1e-12)
        assert found["gradients"] == pytest.approx(gradient.tolist(), rel=1e-9)


def test_a_learner_moves_the_weight_and_sees_the_gradient_vanish_and_hold(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/learn?cell=linear&w=0.5&steps=9")
    eventually(lambda: "0.00391 of it is left at the first, 8 steps back" in words_of(page, "p.said"))  # 0.5 ** 8
    page.get_by_label("Recurrent weight w").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    eventually(lambda: "it holds" in words_of(page, "p.said"))
    eventually(lambda: "w=1&" in address_of(page))
    page.get_by_role("button", name="A forget gate that forgets").click()
    eventually(lambda: "cell=lstm" in address_of(page))
    assert page.get_by_label("Cell", exact=False).first.input_value() == "lstm"
    page.get_by_text("Step by step").click()
    assert page.locator("tbody tr").count() == 9
    page.reload()
    eventually(lambda: page.get_by_label("Cell", exact=False).first.input_value() == "lstm")


@pytest.mark.parametrize("scheme", LOOKS)
def test_pages_on_what_is_inside_break_no_rule_of_accessibility_and_fit_their_window(
    page: Any, studio: StudioProcess, scheme: str
) -> None:
    assert accessibility_faults(page, studio.address, PAGES, scheme) == []
