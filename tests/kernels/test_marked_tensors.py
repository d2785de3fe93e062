"""A minus or a conjugation that PyTorch keeps as a mark on a tensor is heeded by native code, as by the reference."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise import program
from statewise.cells import GRU, LSTM, Elman, MinGRU
from statewise.heads import Categorical
from statewise.kernels import native, native_scan, using
from statewise.kernels.op import ScanInputs
from statewise.kernels.table_rows import put_rows, take_rows
from statewise.model import Model
from statewise.state import map_leaves

T, B, D, H = 7, 3, 5, 4

pytestmark = pytest.mark.skipif(native.Program is None, reason="installed without native kernels")


def marked(tensor: Tensor) -> Tensor:
    """Return the same numbers, held as their negatives with a mark."""
    found = torch._neg_view(-tensor)
    assert found.is_neg()
    return found


def both(work: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    own = work()
    with using("reference"):
        return own, work()


@pytest.mark.parametrize("make", [Elman, LSTM, GRU, MinGRU])
def test_marked_inputs_states_and_gradients_are_read_with_their_sign(make: Any) -> None:
    cell, xs, grads = make(D, H), torch.randn(T, B, D), torch.randn(T, B, H)

    def scanned(mark: Callable[[Tensor], Tensor]) -> Tensor:
        given = mark(xs.clone()).detach().requires_grad_()
        state = map_leaves(lambda leaf: mark(leaf + 0.5), cell.initial(B))
        ys, _ = cell.scan(given, state)
        return torch.cat([ys.flatten(), *(part.flatten() for part in torch.autograd.grad(ys, given, mark(grads)))])

    own, reference = both(lambda: scanned(marked))
    assert own.allclose(reference, atol=1e-5)
    assert own.equal(scanned(lambda tensor: tensor))


def test_the_imaginary_part_of_what_is_conjugated_is_read_with_its_sign() -> None:
    cell, xs = LSTM(1, H), torch.randn(T, B, 1, dtype=torch.complex64).conj().imag
    own, reference = both(lambda: cell.scan(xs, cell.initial(B))[0])
    assert xs.is_neg()
    assert own.allclose(reference, atol=1e-6)


def test_marked_decays_of_a_linear_recurrence_are_read_with_their_sign() -> None:
    (op,), decay = native_scan.OPS["linear_scan"], torch.rand(H)
    given = ScanInputs(torch.randn(T, B, H), (torch.randn(B, H),), (torch.zeros(B, H),), (decay,), None, None)
    ys, _ = op.run(given._replace(weights=(marked(decay),)))
    assert ys.equal(op.run(given)[0])


def test_a_program_reads_marked_inputs_and_states_with_their_sign() -> None:
    model = Model(nn.Linear(D, D), LSTM(D, H), Categorical(H, 6))
    x, state = torch.randn(B, D), map_leaves(lambda leaf: leaf + 0.5, model.begin(B))
    wanted, _ = model.step(x, state)
    found, _ = program.compile(model).step(marked(x), map_leaves(marked, state))
    assert found.allclose(wanted, atol=1e-6)


def test_marked_rows_and_tables_are_copied_with_their_sign() -> None:
    table, rows, which = torch.randn(9, D), torch.randn(2, D), torch.tensor([4, 1])
    assert take_rows([marked(table)], which)[0].equal(table[which])
    put_rows([table], which, [marked(rows)])
    assert table[which].equal(rows)


def test_a_sparse_sequence_is_left_to_the_reference() -> None:
    cell, xs = LSTM(D, H), torch.randn(T, B, D)
    assert cell.scan(xs.to_sparse(), cell.initial(B))[0].allclose(cell.scan(xs, cell.initial(B))[0], atol=1e-6)
