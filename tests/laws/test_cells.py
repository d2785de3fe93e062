"""Every recurrence keeps every law, on every kernel: cells that have a name are found, others are a line of `FORMS`."""

import inspect

import pytest
import torch
from subclasses import subclasses_of
from torch import Tensor

from statewise.cells import Recurrent
from statewise.cells.description import kernels_at_work
from statewise.kernels import kernels_of, using
from statewise.state import leaves, map_leaves
from statewise.tasks.text.mixed_model import CountedNext
from statewise.testing import LAWS, check_cell
from statewise.testing.recurrence_trial import try_out
from statewise.testing.recurrences import RECURRENCES


def kernels_here(name: str) -> list[str]:
    recurrence = RECURRENCES[name]().recurrence
    return list(dict.fromkeys(["reference", *(kernels_of(recurrence) if recurrence else [])]))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"law{law}")
@pytest.mark.parametrize("name", RECURRENCES)
def test_a_recurrence_keeps_the_law(name: str, law: int) -> None:
    assert check_cell(RECURRENCES[name], laws=[law])[law].holds


@pytest.mark.parametrize("name", RECURRENCES)
def test_to_ask_for_the_kernels_draws_no_random_number(name: str) -> None:
    recurrent = RECURRENCES[name]().train()
    before = torch.get_rng_state()
    kernels_at_work(recurrent)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_recurrence_of_the_package_is_in_the_table() -> None:
    tried = {type(part) for make in RECURRENCES.values() for part in make().modules()}
    written = {kind for kind in subclasses_of(Recurrent) if not inspect.isabstract(kind)}
    # CountedNext reads codes among its features: tests/tasks/text/test_short_texts.py holds its state to laws
    assert written - tried == {CountedNext}, "give each a name in pyproject.toml, or a line in FORMS"


@pytest.mark.parametrize(("name", "kernel"), [(name, kernel) for name in RECURRENCES for kernel in kernels_here(name)])
def test_a_sleeping_row_of_any_numbers_keeps_them_and_spoils_nothing(name: str, kernel: str) -> None:
    trial = try_out(RECURRENCES[name], torch.float32, kernel)
    state = map_leaves(with_nan_in_row_2, trial.state)
    mask, xs = trial.mask.clone(), trial.xs.clone()
    mask[:, 2], xs[:, 2] = False, torch.nan
    torch.manual_seed(1)
    with using(kernel):
        ys, last = trial.recurrent.scan(xs.requires_grad_(), state, mask=mask)
    assert bool((ys[:, 2] == 0).all())
    real = [(old, new) for old, new in zip(leaves(state), leaves(last), strict=True) if old.is_floating_point()]
    torch.autograd.backward(
        [ys, *(new for _, new in real)],
        [torch.ones_like(part) for part in (ys, *leaves(last)) if part.is_floating_point()],
    )
    for old, new in real:
        assert bool(new[2].isnan().all())
        assert bool(new[:2].isfinite().all())
        assert old.grad is not None
        assert bool((old.grad[2] == 1).all()), "its gradient is that of the last state"
        assert bool(old.grad.isfinite().all())
    grads = [weights.grad for weights in (xs, *trial.recurrent.parameters()) if weights.grad is not None]
    assert all(bool(grad.isfinite().all()) for grad in grads)
    assert xs.grad is None or bool((xs.grad[:, 2] == 0).all())


def with_nan_in_row_2(leaf: Tensor) -> Tensor:
    if not leaf.is_floating_point():
        return leaf
    spoiled = leaf.clone()
    spoiled[2] = torch.nan
    return spoiled.requires_grad_()
