"""Law 8 at other lengths and numbers of rows: gradients are those of finite differences, with resets and sleep."""

from dataclasses import replace

import pytest
import torch

from statewise.kernels import using
from statewise.state import select_rows
from statewise.testing.gradient_checks import gradients_are_those_of_finite_differences
from statewise.testing.recurrence_trial import B, T, try_out
from statewise.testing.recurrences import RECURRENCES


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("name", RECURRENCES)
def test_gradients_are_right_at_short_lengths(name: str, steps: int) -> None:
    rows = 1 + steps % B
    trial = try_out(RECURRENCES[name], torch.float64, "reference")
    here = slice(T - steps, T), slice(B - rows, B)  # the last ones, among which rows begin anew and sleep
    cut = replace(
        trial,
        xs=trial.xs[here],
        state=select_rows(trial.state, torch.arange(B - rows, B)),
        reset=trial.reset[here],
        mask=trial.mask[here],
    )
    with using("reference"):
        gradients_are_those_of_finite_differences(cut)
