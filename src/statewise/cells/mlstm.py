"""An LSTM whose memory is a matrix that keeps pairs of keys and values, and which trains a chunk at a time."""

import math
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid

from statewise.cells.diagonal import LOG_ZERO, mark_places
from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Recurrent, awake, harmless
from statewise.cells.slstm import head_width
from statewise.errors import UsageError
from statewise.state import where_rows


class MLSTMState(NamedTuple):
    """The state of an mLSTM: `[B, N, K, K]`, `[B, N, K]` and `[B, N]` for `N` heads of `K` units.

    `memory` and `normalizer` are to be read as multiplied by the exponential of `stabilizer`.
    """

    memory: Tensor
    normalizer: Tensor
    stabilizer: Tensor


class _Read(NamedTuple):
    """What the input alone decides: `[..., N, K]` for q, k, v and o, `[..., N]` for the logarithms of the gates."""

    query: Tensor
    key: Tensor
    value: Tensor
    output: Tensor
    log_input: Tensor
    log_forget: Tensor


@final
class MLSTM(Recurrent[MLSTMState]):
    r"""Matrix LSTM of xLSTM: it writes values under keys and reads them back with queries.

        q, v = W_x x + b        k = (W_x x + b) / sqrt(K)        o = sigmoid(W_x x + b)
        i = exp(w_i x + b_i)    f = sigmoid(w_f x + b_f)         one of each for a head
        C' = f C + i v k^T      n' = f n + i k                   y = o * C' q / max(|n' q|, 1)

    No gate looks at the state, so a chunk of `chunk_steps` is read at once, as attention within it and one step of the
    memory across it. To keep `i` from overflowing, `C` and `n` are kept divided by `exp(m)`, with
    `m' = max(log f + m, log i, 0)`; the 0, which the paper does not have, changes no output and keeps `exp(-m)` finite.

    Shapes: `x` `[B, D]`, `C` `[B, N, K, K]`, `n` `[B, N, K]`. Raises `UsageError` for units that the heads do not
    divide or a chunk of no steps. Source: Beck et al. 2024.

    >>> cell = MLSTM(5, 4, heads=2)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.memory.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 2, 2, 2]))
    """

    gate_names = ("output", "forget")

    def __init__(
        self, features: int, units: int, *, heads: int = 1, forget_bias: float = 3.0, chunk_steps: int = 64
    ) -> None:
        super().__init__()
        if chunk_steps < 1:
            raise UsageError(f"chunks of {chunk_steps} steps were asked for: give 1 or more")
        self.width = head_width(units, heads)
        self.features, self.units, self.heads, self.chunk_steps = features, units, heads, chunk_steps
        self.input_weights = glorot(4, units, features)
        self.bias = zeros(4 * units)
        self.gate_weights = glorot(2, heads, features)
        self.gate_bias = zeros(2 * heads)
        with torch.no_grad():
            self.gate_bias[heads:] = forget_bias

    def initial(self, rows: int) -> MLSTMState:
        """Return zeros for `rows` rows."""
        shapes = [(self.width, self.width), (self.width,), ()]
        return MLSTMState(*(self.bias.new_zeros(rows, self.heads, *shape) for shape in shapes))

    def step(self, x: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        """Read one input `[B, D]`."""
        read, (C, n, m) = self._read(x), state
        kept = read.log_forget + m
        m = torch.maximum(kept, read.log_input).clamp(min=0)
        keep, take = (kept - m).exp().unsqueeze(-1), (read.log_input - m).exp().unsqueeze(-1)
        n = keep * n + take * read.key
        C = keep.unsqueeze(-1) * C + (take * read.value).unsqueeze(-1) * read.key.unsqueeze(-2)
        found, weight = (C @ read.query.unsqueeze(-1)).squeeze(-1), (n * read.query).sum(dim=-1)
        return _weighed(read, found, weight, m), MLSTMState(C, n, m)

    def scan(
        self, xs: Tensor, state: MLSTMState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, MLSTMState]:
        """Read a sequence `[T, B, D]`, a chunk at a time."""
        self.check(xs, state)
        ys = [xs.new_zeros(0, xs.shape[1], self.units)]
        for start in range(0, xs.shape[0], self.chunk_steps):
            here = slice(start, start + self.chunk_steps)
            begins, wakes = (places if places is None else places[here] for places in (reset, mask))
            read = self._read(awake(xs[here], wakes))
            log_forget, log_input = mark_places(read.log_forget, read.log_input, begins, wakes)
            begun = state if wakes is None else harmless(state, wakes.any(dim=0))
            y, new = _read_chunk(read._replace(log_forget=log_forget, log_input=log_input), begun)
            state = new if wakes is None else where_rows(wakes.any(dim=0), new, state)
            ys.append(awake(y, wakes))
        return torch.cat(ys), state

    def _read(self, x: Tensor) -> _Read:
        by_head = linear(x, self.input_weights, self.bias).reshape(*x.shape[:-1], 4, self.heads, self.width)
        q, k, v, o = by_head.unbind(dim=-3)
        i, f = linear(x, self.gate_weights, self.gate_bias).chunk(2, dim=-1)
        return _Read(q, k / math.sqrt(self.width), v, o.sigmoid(), i, logsigmoid(f))


def _read_chunk(read: _Read, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
    """Read some steps at once: each looks at those up to itself, and at the state before them all.

    How far step s has faded by step t is added up, not a difference of two sums, which would cancel: so a reset may be
    a fading without end.
    """
    C, n, m = state
    steps = read.log_forget.shape[0]
    before = torch.ones(steps, steps, dtype=torch.bool, device=n.device).tril()[..., None, None]  # [t, s, B, N]
    after = before & ~torch.eye(steps, dtype=torch.bool, device=n.device)[..., None, None]
    fading = torch.where(after, read.log_forget.unsqueeze(1), 0).cumsum(dim=0)
    logs = torch.where(before, fading + read.log_input, LOG_ZERO)
    kept = read.log_forget.cumsum(dim=0) + m
    m = torch.maximum(kept, logs.amax(dim=1)).clamp(min=0)
    keep, take = (kept - m).exp(), (logs - m.unsqueeze(1)).exp()
    scores = take * torch.einsum("tbnk,sbnk->tsbn", read.query, read.key)
    found = torch.einsum("tsbn,sbnv->tbnv", scores, read.value)
    found = found + keep.unsqueeze(-1) * torch.einsum("bnvk,tbnk->tbnv", C, read.query)
    weight = scores.sum(dim=1) + keep * torch.einsum("bnk,tbnk->tbn", n, read.query)
    values = take[-1].unsqueeze(-1) * read.value
    C = keep[-1][..., None, None] * C + torch.einsum("sbnv,sbnk->bnvk", values, read.key)
    n = keep[-1].unsqueeze(-1) * n + torch.einsum("sbn,sbnk->bnk", take[-1], read.key)
    return _weighed(read, found, weight, m), MLSTMState(C, n, m[-1])


def _weighed(read: _Read, found: Tensor, weight: Tensor, m: Tensor) -> Tensor:
    return (read.output * found / torch.maximum(weight.abs(), (-m).exp()).unsqueeze(-1)).flatten(-2)
