"""Diagonal recurrences: each unit depends on its own past alone, so that no loop over time is needed.

All reset to zero.
"""

import torch
from torch import Tensor

from statewise.kernels import ScanInputs, choose, linear_scan, log_linear_scan

RECURRENCE = "linear_scan"
"The name under which `statewise.kernels` knows what is here."

LOG_ZERO = -1e30
"The logarithm of nothing: its exponential is zero in every type, sums of it stay finite, and so do its gradients."


def kernel_of_scan(like: Tensor) -> str:
    """Return the name of the kernel that scans numbers of a tensor's type on its device.

    >>> kernel_of_scan(torch.zeros(1, dtype=torch.float64))
    'reference'
    """
    one = like.new_zeros(1, 1, 1)
    op = choose(RECURRENCE, ScanInputs(one, (one[0],), (), (one,), None, None))
    return op.kernel if op else "reference"


def scan_linear(
    decay: Tensor, drive: Tensor, first: Tensor, reset: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return every `h_t = decay_t * h_{t-1} + drive_t` and the last of them.

    Shapes: `decay`, `drive` `[T, B, H]`, real or complex; `first` `[B, H]`; `reset`, `mask` `[T, B]` or None.

    >>> ones = torch.ones(4, 1, 1)
    >>> hs, _ = scan_linear(ones, ones, torch.tensor([[5.0]]), torch.tensor([[False], [False], [True], [False]]), None)
    >>> hs.flatten()
    tensor([6., 7., 1., 2.])
    """
    given = ScanInputs(drive, (first,), (), (decay,), reset, mask)
    op = choose(RECURRENCE, given)
    if op is not None:
        hs, (last,) = op.run(given)
        return hs, last
    if mask is not None:
        decay, drive = _where(mask, decay, 1), _where(mask, drive, 0)
    decay = _begun(decay, 0, reset, mask)
    if drive.shape[0] == 0:
        return drive, first
    hs = linear_scan(decay, torch.cat([decay[:1] * first + drive[:1], drive[1:]]))
    return hs, hs[-1]


def scan_positive(
    log_decay: Tensor, log_drive: Tensor, first: Tensor, reset: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Do as `scan_linear` does, from the logarithms of positive decays and drives.

    What is driven is added up as logarithms; the first state, which may be negative, decays separately.

    >>> halves = torch.full((3, 1, 1), 0.5).log()
    >>> scan_positive(halves, halves, torch.tensor([[-3.0]]), None, None)[0].flatten()
    tensor([-1.0000,  0.0000,  0.5000])
    """
    given = ScanInputs(log_drive, (first,), (), (log_decay,), reset, mask)
    if choose(RECURRENCE, given) is not None:  # step after step there is nothing that could overflow
        return scan_linear(log_decay.exp(), log_drive.exp(), first, reset, mask)
    log_decay, log_drive = mark_places(log_decay, log_drive, reset, mask)
    hs = log_linear_scan(log_decay, log_drive).exp() + log_decay.cumsum(dim=0).exp() * first
    return hs, (hs[-1] if hs.shape[0] else first)


def mark_places(
    log_decay: Tensor, log_drive: Tensor, reset: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return logarithms in which a row that resets keeps nothing and one that sleeps keeps all and takes nothing.

    >>> mask, nothing = torch.tensor([[True], [False]]), torch.zeros(2, 1, 1)
    >>> mark_places(nothing, nothing, None, mask)[1].flatten()
    tensor([ 0.0000e+00, -1.0000e+30])
    """
    if mask is not None:
        log_decay, log_drive = _where(mask, log_decay, 0), _where(mask, log_drive, LOG_ZERO)
    return _begun(log_decay, LOG_ZERO, reset, mask), log_drive


def _where(condition: Tensor, chosen: Tensor, otherwise: float) -> Tensor:
    return torch.where(condition.unsqueeze(-1), chosen, otherwise)


def _begun(decay: Tensor, none: float, reset: Tensor | None, mask: Tensor | None) -> Tensor:
    if reset is None:
        return decay
    return _where(~(reset if mask is None else reset & mask), decay, none)
