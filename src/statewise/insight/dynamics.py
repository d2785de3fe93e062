"""The transition as a map of states: its Jacobian along real data, what that does to small differences, and radii."""

import math
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.cells import Recurrent
from statewise.insight.intervals import Interval, t_interval
from statewise.insight.probes import Probes
from statewise.state import leaves, rebuild, select_rows

LARGEST_SPECTRUM = 1024
"How many numbers a state may have for all eigenvalues of its Jacobian to be found; it takes the cube of their time."
MOST_NUMBERS = 1 << 19
"How many numbers the Jacobians may have together, where the state is large."
SQUARINGS = 20
SETTLING = 0.2
"Share of the steps in which directions settle before growth is counted."


class _Parts(NamedTuple):
    """A state as the floating numbers that can be moved, and the rest."""

    like: Any
    free: list[int]

    @classmethod
    def of(cls, state: Any) -> "_Parts":
        """Find out which numbers of a state can be moved."""
        return cls(state, [i for i, leaf in enumerate(leaves(state)) if leaf.is_floating_point()])

    def flat(self, state: Any) -> Tensor:
        """Return the numbers of a state that can be moved, `[N, n]`."""
        every = leaves(state)
        return torch.cat([every[i].flatten(1) for i in self.free], dim=1)

    def cut(self, flat: Tensor) -> list[Tensor]:
        """Return such numbers in the shapes that they have in the state."""
        shapes = [leaves(self.like)[i].shape[1:] for i in self.free]
        parts = torch.split(flat, [math.prod(shape) for shape in shapes], dim=1)
        return [part.reshape(len(flat), *shape) for part, shape in zip(parts, shapes, strict=True)]

    def put(self, state: Any, moved: tuple[Tensor, ...]) -> Any:
        """Return a state with other numbers in the places that can be moved."""
        every = list(leaves(state))
        for place, part in zip(self.free, moved, strict=True):
            every[place] = part
        return rebuild(state, every)


def jacobian(core: Recurrent[Any], x: Tensor, state: Any) -> Tensor:
    r"""Return the Jacobian of one step, `J[i, j] = d s'_i / d s_j`, over all floating numbers of the state, `[n, n]`.

    Shapes: `x` `[1, D]`, a state of one row. It is found in one backward pass over n equal rows.

    >>> from statewise.cells import Elman
    >>> cell = Elman(5, 4)
    >>> state = cell.initial(1)
    >>> bool(torch.allclose(jacobian(cell, torch.zeros(1, 5), state), cell.recurrent_weights))
    True
    """
    parts = _Parts.of(state)
    width = parts.flat(state).shape[1]
    many = select_rows(state, torch.zeros(width, dtype=torch.long))
    moved = tuple(part.detach().requires_grad_() for part in parts.cut(parts.flat(many)))
    with torch.enable_grad():
        after = parts.flat(core.step(x.detach().expand(width, -1), parts.put(many, moved))[1])
        if not after.requires_grad:
            return after.new_zeros(width, width)
        rows = torch.autograd.grad(after, moved, torch.eye(width).to(after), allow_unused=True)
    found = [torch.zeros_like(part) if row is None else row for part, row in zip(moved, rows, strict=True)]
    return torch.cat([row.flatten(1) for row in found], dim=1).detach()


class Spectrum(NamedTuple):
    """Eigenvalues of the Jacobian at one place, as pairs of real and imaginary parts, the largest first, and its norm.

    `radius` is the size of the largest eigenvalue, `norm` the most by which one step lengthens any difference.
    """

    eigenvalues: list[tuple[float, float]]
    radius: float
    norm: float


def spectra(core: Recurrent[Any], batch: Probes, places: int = 4) -> list[Spectrum]:
    """Return the spectrum of the transition at the probed places of some rows; none where the state is too large."""
    found = []
    width = _Parts.of(batch.state).flat(batch.state).shape[1]
    if not 0 < width <= LARGEST_SPECTRUM:
        return []
    places = min(places, max(1, MOST_NUMBERS // width**2), batch.xs.shape[1])
    with torch.no_grad():
        for row in range(places):
            only = torch.tensor([row])
            state = select_rows(batch.state, only)
            _, state = core.scan(batch.xs[:-1, row : row + 1], state)
            matrix = jacobian(core, batch.xs[-1, row : row + 1], state).double()
            values = torch.linalg.eigvals(matrix)
            values = values[values.abs().argsort(descending=True)]
            pairs = [(float(value.real), float(value.imag)) for value in values]
            norm = float(torch.linalg.matrix_norm(matrix, 2))
            found.append(Spectrum(pairs, float(values[0].abs()), norm))
    return found


def lyapunov(core: Recurrent[Any], xs: Tensor, state: Any, count: int = 4, settling: float = SETTLING) -> Tensor:
    r"""Return the largest Lyapunov exponents along sequences, the largest first, in nats a step, `[N, count]`.

        J_t Q_{t-1} = Q_t R_t        lambda_i = mean over t of  log |R_t[i, i]|

    How fast a small difference between two states grows (above zero) or dies (below) while both read the same inputs;
    minus infinity where a direction is forgotten within a step. Shapes: `xs` `[T, N, D]`. At most as many exponents as
    the state has numbers. Source: Benettin, Galgani, Giorgilli & Strelcyn 1980.

    >>> from statewise.cells import LRU
    >>> cell = LRU(5, 4, modes=1)
    >>> found = lyapunov(cell, torch.zeros(30, 1, 5), cell.initial(1))
    >>> bool(torch.allclose(found, cell.decay().abs().log().double(), atol=1e-5))  # a pair of numbers a mode
    True
    """
    parts = _Parts.of(state)
    rows, width = parts.flat(state).shape
    count = min(count, width)
    begun = torch.randn(rows, width, count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    frame = torch.linalg.qr(begun).Q
    growth = torch.zeros(rows, count, dtype=torch.float64)
    settled = int(settling * len(xs))
    with torch.no_grad():
        for t, x in enumerate(xs):
            many = select_rows(state, torch.arange(rows).repeat_interleave(count))
            wide = x.repeat_interleave(count, dim=0)
            here = tuple(parts.cut(parts.flat(many)))

            def step(*moved: Tensor, wide: Tensor = wide, many: Any = many) -> tuple[Tensor, ...]:
                after = leaves(core.step(wide, parts.put(many, moved))[1])
                return tuple(after[place] for place in parts.free)

            flat = frame.transpose(1, 2).reshape(rows * count, width).to(x)
            with warnings.catch_warnings():  # PyTorch sets this up with a part of itself that it has deprecated
                warnings.simplefilter("ignore", DeprecationWarning)
                pushed = torch.func.jvp(step, here, tuple(parts.cut(flat)))[1]
            carried = torch.cat([part.flatten(1) for part in pushed], dim=1).double().cpu()
            frame, triangle = torch.linalg.qr(carried.reshape(rows, count, width).transpose(1, 2))
            if t >= settled:
                growth += triangle.diagonal(dim1=1, dim2=2).abs().log()
            _, state = core.step(x, state)
    return (growth / max(1, len(xs) - settled)).sort(dim=1, descending=True).values


def exponents(core: Recurrent[Any], batch: Probes, count: int = 4, rows: int = 8) -> list[Interval]:
    """Return the largest exponents along some rows, with an interval from how the rows differ, by Student's t."""
    whole = batch.mask.all(dim=0) & ~batch.reset[1:].any(dim=0)
    chosen = whole.nonzero().flatten()[:rows]
    if not len(chosen) or not leaves(batch.state):
        return []
    found = lyapunov(core, batch.xs[:, chosen], select_rows(batch.state, chosen), count)
    return [t_interval(one.tolist()) for one in found.T]


def radii(core: Recurrent[Any]) -> dict[str, list[float]]:
    """Return the spectral radius of each square block of every `recurrent_weights`, by the cell's place in the core.

    An Elman cell has one, an LSTM one for each of i, f, g and o.
    """
    found = {}
    for name, part in core.named_modules():
        weights = getattr(part, "recurrent_weights", None)
        if not isinstance(weights, Tensor):
            continue
        blocks = weights.detach().double().reshape(-1, weights.shape[-1], weights.shape[-1])
        if weights.shape[-2] % weights.shape[-1] == 0:
            found[name] = spectral_radius(blocks).tolist()
    return found


def spectral_radius(matrices: Tensor) -> Tensor:
    r"""Return the size of the largest eigenvalue of square matrices `[N, n, n]`, without finding any.

        rho(W) = lim ||W^m||^(1 / m),        m = 2^20 by squaring

    Much faster than eigenvalues where n is large, and right to about five digits. Source: Gelfand 1941.

    >>> spectral_radius(torch.tensor([[[0.0, -2.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]))
    tensor([2.0000, 0.0000])
    """
    powers, logs = matrices, matrices.new_zeros(len(matrices))
    for _ in range(SQUARINGS):
        norms = torch.linalg.matrix_norm(powers)
        logs = 2 * (logs + norms.log())
        powers = torch.where((norms > 0)[:, None, None], powers / norms[:, None, None], 0)
        powers = powers @ powers
    found: Tensor = ((logs + torch.linalg.matrix_norm(powers).log()) / 2**SQUARINGS).exp()
    return found
