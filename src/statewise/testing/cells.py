"""The eleven laws of a recurrence, and how one is held to them."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from statewise.cells import Cell, Recurrent
from statewise.kernels import ScanInputs, choose, kernels_of, using
from statewise.state import count_rows, from_bytes, leaves, map_leaves, select_rows, to_bytes
from statewise.testing.gradient_checks import gradients_are_those_of_finite_differences, kernel_equals_reference
from statewise.testing.laws import Law, LawResult, chosen, judge, pronounce, same, short
from statewise.testing.recurrence_trial import B, RecurrenceTrial, T, row_of, try_out

Make = Callable[[], Recurrent[Any]]

TO_ROUNDING = ("reference", "torch", "native_rows")
"Kernels that keep law 11 to rounding; every other keeps it bit for bit."


@torch.no_grad()
def _steps_equal_scan(trial: RecurrenceTrial) -> None:
    ys, last = trial.scan(trial.xs, trial.state)
    state, stepped = map_leaves(torch.clone, trial.state), []
    for x in trial.xs:
        y, state = trial.recurrent.step(x, state)
        stepped.append(y)
    same("the output of scan", ys, torch.stack(stepped))
    same("the last state of scan", last, state)


@torch.no_grad()
def _parts_equal_whole(trial: RecurrenceTrial) -> None:
    for places in ((None, None), (trial.reset, trial.mask)):
        ys, last = trial.scan(trial.xs, trial.state, *places)
        for cut in (0, 1, 4, T):
            early, late = ([part if part is None else part[half] for part in places] for half in _halves(cut))
            first, carried = trial.scan(trial.xs[:cut], trial.state, *early)
            second, end = trial.scan(trial.xs[cut:], carried, *late)
            same(f"cut at {cut}, the output", torch.cat([first, second]), ys)
            same(f"cut at {cut}, the last state", end, last)


def _halves(cut: int) -> tuple[slice, slice]:
    return slice(cut), slice(cut, None)


@torch.no_grad()
def _reset_begins_again(trial: RecurrenceTrial) -> None:
    reset = trial.reset & trial.mask
    ys, last = trial.scan(trial.xs, trial.state, reset)
    plain, end = trial.scan(trial.xs, trial.state)
    for row, at in ((0, 0), (1, 3)):
        fresh, fresh_last = trial.scan(trial.xs[at:], trial.initial())
        same(f"row {row}, reset at {at}, the output", ys[at:, row], fresh[:, row])
        same(f"row {row}, reset at {at}, the last state", row_of(last, row), row_of(fresh_last, row))
    same("row 1, before it resets, the output", ys[:3, 1], plain[:3, 1])
    same("row 2, which never resets, the output", ys[:, 2], plain[:, 2])
    same("row 2, which never resets, the last state", row_of(last, 2), row_of(end, 2))


@torch.no_grad()
def _sleeping_row_stays(trial: RecurrenceTrial) -> None:
    reset = trial.reset & ~trial.mask
    ys, last = trial.scan(trial.xs, trial.state, reset, trial.mask)
    same("the output of a sleeping row", ys[~trial.mask], torch.zeros_like(ys[~trial.mask]), exact=True)
    for row in range(B):
        awake, end = trial.scan(trial.xs[trial.mask[:, row]], trial.state)
        same(f"row {row}, the output while awake", ys[trial.mask[:, row], row], awake[:, row])
        same(f"row {row}, the last state", row_of(last, row), row_of(end, row))
    _, asleep = trial.scan(trial.xs, trial.state, None, torch.zeros_like(trial.mask))
    same("the state of rows that sleep throughout", asleep, trial.state, exact=True)
    other = torch.where(trial.mask.unsqueeze(-1), trial.xs, 1000)
    same("with other inputs while asleep, the output", trial.scan(other, trial.state, reset, trial.mask)[0], ys)


@torch.no_grad()
def _rows_permute(trial: RecurrenceTrial) -> None:
    order = torch.tensor([2, 0, 1])
    ys, last = trial.scan(trial.xs, trial.state, None, trial.mask)
    permuted = trial.scan(trial.xs[:, order], select_rows(trial.state, order), None, trial.mask[:, order])
    same("with rows in the order 2, 0, 1, the output", permuted[0], ys[:, order])
    same("with rows in the order 2, 0, 1, the last state", permuted[1], select_rows(last, order))


@torch.no_grad()
def _state_keeps_its_form(trial: RecurrenceTrial) -> None:
    begun = _form(trial.initial())
    y, stepped = trial.recurrent.step(trial.xs[0], map_leaves(torch.clone, trial.state))
    ys, scanned = trial.scan(trial.xs, trial.state)
    _, sparse = trial.scan(trial.xs, trial.state, trial.reset, trial.mask)
    after = {"a step": stepped, "a scan": scanned, "a scan with resets and sleep": sparse}
    for what, state in after.items():
        if _form(state) != begun:
            raise AssertionError(f"it is {begun} at first and {_form(state)} after {what}")
    if {leaf.shape[:1] for leaf in leaves(trial.initial())} - {(B,)}:
        raise AssertionError(f"initial({B}) has {count_rows(trial.initial())} rows: {begun}")
    units = trial.recurrent.units
    same("the form of an output of step", torch.zeros_like(y), trial.xs.new_zeros(B, units))
    same("the form of an output of scan", torch.zeros_like(ys), trial.xs.new_zeros(T, B, units))


def _form(state: Any) -> str:
    if isinstance(state, Tensor):
        return f"{list(state.shape)} {short(state.dtype)}"
    return f"{type(state).__name__}({', '.join(_form(part) for part in state)})"


@torch.no_grad()
def _bytes_keep_everything(trial: RecurrenceTrial) -> None:
    _, state = trial.scan(trial.xs, trial.state, trial.reset, trial.mask)
    written = to_bytes(state)
    expected = trial.recurrent.step(trial.xs[0], map_leaves(torch.clone, state))[0], trial.scan(trial.xs, state)[0]
    read, _ = from_bytes(written, like=trial.twin.initial(1))
    same("the state read back", read, state, exact=True)
    found = trial.twin.step(trial.xs[0], map_leaves(torch.clone, read))[0], trial.twin.scan(trial.xs, read)[0]
    same("read by another of the same weights, the next output", found, expected, exact=True)


def _given_state_stays(trial: RecurrenceTrial) -> None:
    for gradients in (False, True):
        for places in ((None, None), (trial.reset, None), (trial.reset, trial.mask)):
            given = map_leaves(torch.clone, trial.state)
            with torch.set_grad_enabled(gradients):
                trial.recurrent.scan(trial.xs, given, reset=places[0], mask=places[1])
            same("the state given to scan, afterwards,", given, trial.state, exact=True)
            with torch.set_grad_enabled(gradients):
                trial.recurrent.step(trial.xs[0], given)
            same("the state given to step, afterwards,", given, trial.state, exact=True)


@torch.no_grad()
def _rows_do_not_mix(trial: RecurrenceTrial) -> None:
    for mask in (None, trial.mask):
        exact = trial.kernel not in TO_ROUNDING and _runs_whole(trial, mask)
        ys, last = trial.scan(trial.xs, trial.state, None, mask)
        for row in range(B):
            here = slice(row, row + 1)
            one = mask if mask is None else mask[:, here]
            alone, end = trial.scan(trial.xs[:, here], row_of(trial.state, row), None, one)
            same(f"row {row} alone, the output", alone, ys[:, here], exact=exact)
            same(f"row {row} alone, the last state", end, row_of(last, row), exact=exact)


def _runs_whole(trial: RecurrenceTrial, mask: Tensor | None) -> bool:
    """Tell whether the kernel computes all of this recurrence in these types: only then can it promise the bits."""
    cell = trial.recurrent
    if not isinstance(cell, Cell) or cell.recurrence is None:
        return False
    given = ScanInputs(trial.xs, leaves(trial.state), leaves(trial.state), cell.weights(), None, mask)
    op = choose(cell.recurrence, given)
    return op is not None and op.kernel == trial.kernel


LAWS: dict[int, Law[RecurrenceTrial]] = {
    1: Law("steps repeated equal a scan", _steps_equal_scan),
    2: Law("a scan in two parts equals the scan of the whole", _parts_equal_whole),
    3: Law("a reset equals a fresh start there and leaves other rows alone", _reset_begins_again),
    4: Law("where a row sleeps its state stays and its output is zero", _sleeping_row_stays),
    5: Law("permuting rows permutes outputs", _rows_permute),
    6: Law("a state keeps its structure, shape and type", _state_keeps_its_form),
    7: Law("a state written down and read back gives the same next output, bit for bit", _bytes_keep_everything),
    8: Law("gradients are those of finite differences", gradients_are_those_of_finite_differences),
    9: Law("every kernel equals the reference, forward and backward", kernel_equals_reference),
    10: Law("the state that is given is never changed in place", _given_state_stays),
    11: Law("a row's result does not depend on the other rows of the batch", _rows_do_not_mix),
}
"The laws by their number in ARCHITECTURE.md."


def judge_cell(
    make: Make,
    *,
    dtypes: Iterable[torch.dtype] = (torch.float32, torch.float64),
    kernels: Iterable[str] | None = None,
    laws: Iterable[int] | None = None,
) -> dict[int, LawResult]:
    """Return what each law says of a recurrence made by `make`, raising nothing.

    Every law is tried in each type and on each kernel: by default on all that its cells have here. Law 8, and the
    gradients of law 9, are tried in float64 alone.

    >>> from statewise.cells import GRU
    >>> [verdict.holds for verdict in judge_cell(lambda: GRU(5, 4), laws=[1, 4]).values()]
    [True, True]
    """
    dtypes, kernels = list(dtypes), list(_kernels(make) if kernels is None else kernels)
    for kernel in kernels:
        with using(kernel):  # an unknown kernel is the caller's mistake, not the cell's
            pass
    return {
        number: judge(number, law._replace(check=partial(_on_kernel, law)), _trials(make, number, dtypes, kernels))
        for number, law in chosen(LAWS, laws).items()
    }


def check_cell(
    make: Make,
    *,
    dtypes: Iterable[torch.dtype] = (torch.float32, torch.float64),
    kernels: Iterable[str] | None = None,
    laws: Iterable[int] | None = None,
) -> dict[int, LawResult]:
    """Hold a recurrence to the laws, as `judge_cell` does, and return what each says.

    Raises `AssertionError` with one line for each law that is broken: its number, the law, and what was found.

    >>> from statewise.cells import Elman
    >>> check_cell(lambda: Elman(5, 4), laws=[10])[10].statement
    'the state that is given is never changed in place'
    """
    verdicts = judge_cell(make, dtypes=dtypes, kernels=kernels, laws=laws)
    pronounce(verdicts)
    return verdicts


def _kernels(make: Make) -> list[str]:
    with torch.random.fork_rng(devices=[]):
        parts = [part for part in make().modules() if isinstance(part, Recurrent)]
    return list(dict.fromkeys([kernel for part in parts for kernel in kernels_of(part.recurrence)] + ["reference"]))


def _trials(
    make: Make, number: int, dtypes: list[torch.dtype], kernels: list[str]
) -> Iterator[tuple[str, Callable[[], RecurrenceTrial]]]:
    with torch.random.fork_rng(devices=[]):
        name = type(make()).__name__
    for kernel in kernels:
        for dtype in [torch.float64] if number == 8 else dtypes:
            if (number, kernel) != (9, "reference"):
                yield f"{name} ({short(dtype)}, {kernel} kernel)", partial(try_out, make, dtype, kernel)


def _on_kernel(law: Law[RecurrenceTrial], trial: RecurrenceTrial) -> None:
    with using(trial.kernel):
        law.check(trial)
