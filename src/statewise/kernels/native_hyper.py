"""The HyperLSTM over a sequence: products by PyTorch, what is done with their rows in native code, gradients by hand.

Gradients of weights are single products over all steps. Rows that sleep are computed and not used.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native import are_places
from statewise.kernels.native_drawn import draw, has_noise, without_noise
from statewise.kernels.native_tensors import address, addresses, is_readable, room, whole
from statewise.kernels.op import Leaves, Op, ScanInputs

MOMENTS, PARAMETERS, SCALES, GATES = 8, 14, 12, 4
"Of a row: numbers of its moments, gradients of its parameters, kinds of scales and shifts, and gates."


class HyperWeights(NamedTuple):
    """The weights of a HyperLSTM, in the order in which `Cell.weights` gives them."""

    x: Tensor
    h: Tensor
    bias: Tensor
    small_x: Tensor
    small_s: Tensor
    small_bias: Tensor
    embedding: Tensor
    embedding_bias: Tensor
    scales: Tensor
    gains: Tensor
    cell_gain: Tensor
    cell_bias: Tensor

    @property
    def shapes(self) -> tuple[int, int, int, int]:
        """Features, units, units of the small LSTM, and numbers of an embedding."""
        return self.x.shape[1], self.h.shape[1], self.small_s.shape[1], self.scales.shape[-1]

    def fit(self) -> bool:
        """Tell whether all are as large as native code will believe."""
        if self.x.dim() != 2 or self.h.dim() != 2 or self.small_s.dim() != 2 or self.scales.dim() != 4:
            return False
        features, units, small, size = self.shapes
        sums = GATES * units
        shapes: list[tuple[int, ...]] = [(sums, features), (sums, units), (sums,), (4 * small, features + units)]
        shapes += [(4 * small, small), (4 * small,), (SCALES * size, small), (SCALES * size,)]
        shapes += [(3, GATES, units, size), (GATES, units), (units,), (units,)]
        return [tuple(one.shape) for one in self] == shapes


class NativeHyper(NamedTuple):
    """The HyperLSTM with normal gates, as it is or with dropout of its candidate, as `NativeDrawn` is given that.

    Its products are PyTorch's, whose bits depend on how many rows there are; so it is a kernel by another name.
    """

    drawn: bool = False
    kernel: str = "native_rows"

    def takes(self, given: ScanInputs) -> bool:
        """Take float32 on a CPU, where there is anything to compute and units fill whole vectors."""
        if self.drawn and not has_noise(given):
            return False
        given = without_noise(given) if self.drawn else given
        tensors = (given.xs, *given.state, *given.fresh, *given.weights)
        plain = all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
        weights, (steps, rows, features) = HyperWeights(*given.weights), given.xs.shape
        if not plain or not given.xs.numel() or not is_readable(tensors) or not weights.fit():
            return False
        _, units, small, _ = weights.shapes
        states = [(rows, units)] * 2 + [(rows, small)] * 2
        fit = all([tuple(leaf.shape) for leaf in leaves] == states for leaves in (given.state, given.fresh))
        whole_vectors = units > 0 and units % _native.PANEL == 0 and small > 0
        return fit and whole_vectors and features == weights.shapes[0] and are_places(given, steps, rows)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H]` and the last state."""
        kept: Tensor | None = None
        rate, after = 0.0, tuple[Tensor, ...]()
        if self.drawn:
            rate, random = given.weights[-1].tolist()
            kept, after = _kept(given, rate, parts=int(random))
            given = without_noise(given)
        call = HyperScan(given, kept, rate)
        tensors = (given.xs, *given.state, *(() if given.reset is None else given.fresh), *given.weights)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            ys, *last = _Hyper.apply(call, *tensors)  # type: ignore[no-untyped-call]
        else:
            (ys, *last), _ = call.forward(tensors, recorded=False)
        return ys, (*last, *after)


class HyperRecord(NamedTuple):
    """What a forward pass lays down for the backward one, each of T steps or, where none will come, of one."""

    xs: Tensor
    before: tuple[Tensor, ...]
    memory: Tensor
    scales: Tensor
    from_x: Tensor
    from_h: Tensor
    gates: Tensor
    normal: Tensor
    moments: Tensor
    small_gates: Tensor
    small: Tensor
    small_memory: Tensor
    embedding: Tensor

    @classmethod
    def of(cls, steps: int, rows: int, weights: HyperWeights, xs: Tensor, from_x: Tensor) -> Self:
        """Return room for so many steps."""
        _, units, small, size = weights.shapes
        wide = GATES * units
        return cls(
            xs,
            tuple(room(steps, rows, width) for width in (units, units, small, small)),
            room(steps, rows, units),
            room(SCALES, rows, units),
            from_x,
            room(steps, rows, wide),
            room(steps, rows, wide),
            room(steps, rows, wide),
            room(steps, rows, MOMENTS),
            room(steps, rows, 4 * small),
            room(steps, rows, small),
            room(steps, rows, small),
            room(steps, rows, SCALES * size),
        )


class HyperScan:
    """One run over one sequence."""

    def __init__(self, given: ScanInputs, kept: Tensor | None, rate: float) -> None:
        self.steps, self.rows, _ = given.xs.shape
        self.kept, self.rate = kept, rate
        self.mask = None if given.mask is None else given.mask.unsqueeze(-1)
        heeded = given.reset if given.mask is None or given.reset is None else given.reset & given.mask
        self.begins = None if heeded is None else heeded.unsqueeze(-1)
        self.some_begin = [False] * self.steps if heeded is None else heeded.any(dim=1).tolist()

    def split(self, tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor], HyperWeights]:
        """Return the inputs, first and fresh states, and the weights."""
        xs, *rest = tensors
        fresh = rest[4:-12]
        return xs, rest[:4], fresh, HyperWeights(*(whole(weights) for weights in rest[-12:]))

    def forward(self, tensors: Sequence[Tensor], *, recorded: bool) -> tuple[tuple[Tensor, ...], HyperRecord]:
        """Read the sequence; returns outputs and the last state, and a record, whole where one is wanted."""
        xs, state, fresh, weights = self.split(tensors)
        xs = xs if self.mask is None else torch.where(self.mask, xs, 0)
        features, units, *_ = weights.shapes
        from_x = torch.nn.functional.linear(xs, weights.x)
        to_small = torch.nn.functional.linear(xs, weights.small_x[:, :features], weights.small_bias)
        record = HyperRecord.of(self.steps if recorded else 1, self.rows, weights, xs, from_x)
        extra, ys = _extra(weights), room(self.steps, self.rows, units)
        for t in range(self.steps):
            begun = state
            if self.begins is not None and self.some_begin[t]:
                begun = [torch.where(self.begins[t], new, old) for new, old in zip(fresh, state, strict=True)]
            at = t if recorded else 0
            for place, leaf in zip(record.before, begun, strict=True):
                place[at].copy_(leaf)
            new = self._step(record, t, at, weights, to_small[t], extra, ys[t])
            state = (
                new
                if self.mask is None
                else [torch.where(self.mask[t], one, old) for one, old in zip(new, state, strict=True)]
            )
        if self.mask is not None:
            ys.masked_fill_(~self.mask, 0.0)
        return (ys, *(leaf.clone() for leaf in state)), record

    def _step(
        self, record: HyperRecord, t: int, at: int, weights: HyperWeights, to_small: Tensor, extra: Tensor, y: Tensor
    ) -> list[Tensor]:
        h, _, s, m = (leaf[at] for leaf in record.before)
        features = weights.shapes[0]
        gates = torch.addmm(to_small, h, weights.small_x[:, features:].T).addmm_(s, weights.small_s.T)
        i, f, g, o = record.small_gates[at].copy_(gates).chunk(4, dim=-1)
        for one in (i, f, o):
            one.sigmoid_()
        g.tanh_()
        new_memory = torch.mul(f, m, out=record.small_memory[at]).addcmul_(i, g)
        new_small = torch.mul(o, new_memory.tanh(), out=record.small[at])
        torch.addmm(weights.embedding_bias, new_small, weights.embedding.T, out=record.embedding[at])
        self._rescale(record, at, weights)
        torch.mm(h, weights.h.T, out=record.from_h[at])
        self._rows(record, t, at, weights, extra, y, ())
        return (
            [y, record.memory[at], new_small, new_memory]
            if len(record.memory) > 1
            else [y, record.memory[at].clone(), new_small.clone(), new_memory.clone()]
        )

    def _rescale(self, record: HyperRecord, at: int, weights: HyperWeights) -> None:
        """Find the scales and shifts of a step: they are the widest of all, so each is found again on the way back."""
        _, units, _, size = weights.shapes
        by_scale = record.embedding[at].view(self.rows, SCALES, size).transpose(0, 1)
        torch.bmm(by_scale, weights.scales.view(SCALES, units, size).transpose(1, 2), out=record.scales)

    def _rows(
        self,
        record: HyperRecord,
        t: int,
        at: int,
        weights: HyperWeights,
        extra: Tensor,
        y: Tensor,
        to: Sequence[Tensor],
    ) -> None:
        """Do in native code what is done with rows, or with gradients `to` find, bring these back through that."""
        of = [record.scales, record.from_x[t], record.from_h[at], weights.bias, extra, record.before[1][at]]
        of += [record.memory[at], y, record.gates[at], record.normal[at], record.moments[at]]
        kept = None if self.kept is None else self.kept[t]
        given = [*(address(one) for one in of), address(kept)]
        sizes = [self.rows, weights.shapes[1]]
        _native.hyper(sizes, given, self.rate, addresses(to, 6), torch.get_num_threads())

    def backward(
        self, record: HyperRecord, tensors: Sequence[Tensor], grads: Sequence[Tensor | None], *, of_xs: bool
    ) -> Iterator[Tensor | None]:
        """Yield the gradients of the inputs, the first and fresh states and the weights."""
        _, state, fresh, weights = self.split(tensors)
        xs = record.xs
        features, units, small, size = weights.shapes
        to_ys, *last = grads
        d_state = [
            torch.zeros_like(leaf) if grad is None else grad.clone() for leaf, grad in zip(state, last, strict=True)
        ]
        d_fresh = [torch.zeros_like(leaf) for leaf in fresh]
        extra, d_scales = _extra(weights), room(SCALES, self.rows, units)
        d_from_x, d_from_h = (room(self.steps, self.rows, GATES * units) for _ in range(2))
        parameters = xs.new_zeros(self.rows, PARAMETERS, units)
        d_by_size = xs.new_zeros(SCALES, size, units)
        d_small = room(self.steps, self.rows, 4 * small)
        d_embedding = room(self.steps, self.rows, SCALES * size)
        scales = weights.scales.view(SCALES, units, size)
        for t in range(self.steps - 1, -1, -1):
            dh, dc, ds, dm = d_state if to_ys is None else (d_state[0] + to_ys[t], *d_state[1:])
            asleep = None
            if self.mask is not None:
                asleep = [torch.where(self.mask[t], 0, one) for one in d_state]
                dh, dc, ds, dm = (torch.where(self.mask[t], one, 0) for one in (dh, dc, ds, dm))
            dh, dc = dh.contiguous(), dc.contiguous()
            self._rescale(record, t, weights)
            self._rows(record, t, t, weights, extra, dh, (dh, dc, d_scales, parameters, d_from_x[t], d_from_h[t]))
            z = record.embedding[t].view(self.rows, SCALES, size)
            d_by_size.baddbmm_(z.permute(1, 2, 0), d_scales)
            dz = d_embedding[t]
            dz.view(self.rows, SCALES, size).copy_(torch.bmm(d_scales, scales).transpose(0, 1))
            ds = torch.addmm(ds, dz, weights.embedding)
            dm = _back_through_small(record, t, ds, dm, d_small[t])
            dh = d_from_h[t].mm(weights.h).addmm_(d_small[t], weights.small_x[:, features:])
            d_state = [dh, dc, d_small[t].mm(weights.small_s), dm]
            if self.begins is not None and self.some_begin[t]:
                for to, one in zip(d_fresh, d_state, strict=True):
                    to.add_(torch.where(self.begins[t], one, 0))
                d_state = [torch.where(self.begins[t], 0, one) for one in d_state]
            if asleep is not None:
                d_state = [one + other for one, other in zip(d_state, asleep, strict=True)]
        yield self._to_xs(d_from_x, weights, d_small) if of_xs else None
        yield from (*d_state, *d_fresh)
        sums = d_from_x, d_from_h, d_small, d_embedding
        yield from self._to_weights(record, weights, xs, sums, d_by_size, parameters.sum(dim=0))

    def _to_xs(self, d_from_x: Tensor, weights: HyperWeights, d_small: Tensor) -> Tensor:
        flat = (
            d_from_x.flatten(0, 1).mm(weights.x).addmm_(d_small.flatten(0, 1), weights.small_x[:, : weights.shapes[0]])
        )
        to_xs = flat.view(self.steps, self.rows, -1)
        return to_xs if self.mask is None else torch.where(self.mask, to_xs, 0)

    def _to_weights(
        self,
        record: HyperRecord,
        weights: HyperWeights,
        xs: Tensor,
        sums: Sequence[Tensor],
        scales: Tensor,
        rows: Tensor,
    ) -> Iterator[Tensor]:
        flat_xs, h, s = (of.reshape(-1, of.shape[-1]) for of in (xs, record.before[0], record.before[2]))
        d_x, d_h, d_gates, d_z = (of.flatten(0, 1).T for of in sums)
        yield d_x @ flat_xs
        yield d_h @ h
        yield rows[:GATES].flatten()
        yield torch.cat([d_gates @ flat_xs, d_gates @ h], dim=1)
        yield d_gates @ s
        yield d_gates.sum(dim=1)
        yield d_z @ record.small.flatten(0, 1)
        yield d_z.sum(dim=1)
        yield scales.transpose(1, 2).reshape(weights.scales.shape)
        yield rows[GATES : 2 * GATES]
        yield from rows[3 * GATES :].unbind()


def _kept(given: ScanInputs, rate: float, *, parts: int) -> tuple[Tensor | None, Leaves]:
    """Return which candidates are kept, `[T, B, H]` of bytes, and the last streams."""
    (steps, rows, _), units = given.xs.shape, given.state[0].shape[1]
    places = [None if of is None else of.contiguous() for of in (given.reset, given.mask)]
    when = _native.Schedule(steps, rows, *(address(of) for of in places))
    changes, after = draw(given, when, units, parts, rate)
    if changes is None or given.mask is None:
        return None if changes is None else changes.view(steps, rows, units), after
    kept = torch.zeros(steps * rows, units, dtype=torch.uint8)
    kept[given.mask.flatten()] = changes[:, 0]
    return kept.view(steps, rows, units), after


def _extra(weights: HyperWeights) -> Tensor:
    gains = weights.gains.detach()
    cell = torch.stack([weights.cell_gain.detach(), weights.cell_bias.detach()])
    return torch.cat([gains, torch.zeros_like(gains), cell])


def _back_through_small(record: HyperRecord, t: int, ds: Tensor, dm: Tensor, to: Tensor) -> Tensor:
    """Put the gradient of the small LSTM's sums at a step into `to`, and return that of its memory before."""
    i, f, g, o = record.small_gates[t].chunk(4, dim=-1)
    squashed, before = record.small_memory[t].tanh(), record.before[3][t]
    dm = dm + ds * o * (1 - squashed.square())
    to_i, to_f, to_g, to_o = to.chunk(4, dim=-1)
    to_i.copy_(dm * g * i * (1 - i))
    to_f.copy_(dm * before * f * (1 - f))
    to_g.copy_(dm * i * (1 - g.square()))
    to_o.copy_(ds * squashed * o * (1 - o))
    return dm * f


class _Hyper(torch.autograd.Function):
    """The scan under PyTorch's differentiation."""

    @staticmethod
    def forward(ctx: Any, call: HyperScan, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Read the sequence and keep what the backward pass needs."""
        results, ctx.record = call.forward(tensors, recorded=True)
        ctx.call = call
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Bring the gradients of outputs and last state back to everything that was given."""
        return None, *ctx.call.backward(ctx.record, ctx.saved_tensors, grads, of_xs=ctx.needs_input_grad[1])


OPS: dict[str, list[Op]] = {}
if "hyper_lstm" in ABILITIES:
    OPS = {"hyper_lstm": [NativeHyper()], "candidate_dropout_hyper_lstm": [NativeHyper(drawn=True)]}
