"""A model with a pen as one native object, which draws many sequences to their ends in one call."""

import threading
from typing import Any, NamedTuple, final
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from statewise.bounds import check_whole
from statewise.errors import UsageError
from statewise.heads import Strokes
from statewise.heads.strokes import LARGEST_CORRELATION, LARGEST_LOG, NUMBERS, PenRule, StrokeParams
from statewise.kernels import allowed, native
from statewise.kernels.extension import ABILITIES
from statewise.model import Model
from statewise.program.compiled import Declined
from statewise.program.freshness import WHOLE, watch
from statewise.program.packed import room
from statewise.program.plan import ABSENT, STORAGES, Plan, addresses_of
from statewise.program.state_layout import StateLayout
from statewise.registry import unknown
from statewise.sampling import uniform
from statewise.state import detach, leaves, select_rows

MOST_NUMBERS = 2**27
"So many numbers can be drawn in one call."
DONE = -1
NO_ODDS = "the odds are not numbers, so nothing can be drawn: the model's weights are damaged"


class Drawings(NamedTuple):
    """What was drawn of some rows.

    `steps` `[B, most, 5]`, or `[..., 3]` with a pen that is lifted or not, of which the first `lengths` `[B]` are each
    row's, its end not counted; `nats` `[B]` what all of it cost, the end too; `ended` `[B]` whether the pen ended it.
    """

    steps: Tensor
    lengths: Tensor
    nats: Tensor
    ended: Tensor


@final
class DrawingProgram:
    """A model whose head is `Strokes` as a native object; see `draw`.

    It reads what it draws, with or without a `Fed` context next to it, by cells that step programs know. Its weights
    are kept as `float32`, `bfloat16` or `int8`, as of a step program; those that have changed are packed again at the
    next call. Raises `UsageError` that says which part native code does not know.
    """

    def __init__(self, model: Model[Any], storage: str = "float32") -> None:
        if storage not in STORAGES:
            raise UsageError(unknown("storage", storage, STORAGES))
        if "drawing" not in ABILITIES:
            raise UsageError(ABSENT)
        self.storage, self._model, self._lock = storage, ref(model), threading.Lock()
        self._pack(model)

    def draw(
        self, params: StrokeParams, state: Any, seeds: Tensor, *, most: int, rule: PenRule | None = None
    ) -> Drawings:
        """Draw rows from `params` and `state` on, each to its end or `most` steps, by its own stream of numbers.

        A row's drawing follows from its seed alone, whatever rows are next to it. Shapes: parameters `[B, ...]`,
        `seeds` `[B]` of int64. Raises `UsageError` for what does not fit, and where odds are not numbers.
        """
        rule, rows = rule or PenRule(), len(seeds)
        rule.check()
        check_most(rows, most)
        with self._lock:
            self._look()
            plan, head, program, layout = self._plan, self._head, self._native, self._layout
            before = layout.own(state, rows)
        given = [
            params.log_weights,
            params.means.flatten(1),
            params.log_scales.flatten(1),
            params.correlations,
            params.pen,
        ]
        sums = torch.cat([part.detach() for part in given], dim=-1).to("cpu", torch.float32).contiguous()
        if sums.shape != (rows, 6 * head.components + head.states):
            raise UsageError(f"parameters of {len(sums)} rows were given with {rows} seeds: give one seed a row")
        context = _context(state, plan, rows)
        seeds = seeds.to("cpu", torch.int64).contiguous()
        width = 2 + head.states
        found = Drawings(
            room(rows, most, width), *(room(rows, dtype=kind) for kind in (torch.int64, torch.double, torch.bool))
        )
        how = [LARGEST_LOG, LARGEST_CORRELATION, float(rule.temperature), float(rule.bias)]
        done = program.draw(
            rows,
            most,
            [head.components, head.states, int(rule.softened)],
            how,
            [sums.data_ptr(), context.data_ptr(), seeds.data_ptr()],
            [leaf.data_ptr() for leaf in before],
            [part.data_ptr() for part in found],
            torch.get_num_threads(),
        )
        if done != DONE:
            raise UsageError(NO_ODDS)
        return found

    def _look(self) -> None:
        if self._watch.look(WHOLE) == native.CHANGED:
            model = self._model()
            if model is None:
                raise Declined("the model is gone that this program was made of: keep it")
            self._pack(model)
        if self._watch.look(0) == native.NOT_NOW:
            raise Declined("a step program computes evaluation, in float32: call model.eval(), outside of autocast")

    def _pack(self, model: Model[Any]) -> None:
        plan = Plan(model, draws=True)
        head = plan.head
        if not isinstance(head, Strokes) or not isinstance(plan.encoder, nn.Identity):
            raise UsageError("a program that draws reads what a head of strokes draws, as it is: use model.step")
        if plan.features - plan.fed != 2 + head.states:
            raise UsageError(
                f"a pen draws {2 + head.states} numbers, but {plan.features - plan.fed} are read: use model.step"
            )
        with torch.no_grad():
            layout = StateLayout(plan.leaves, detach(plan.core.initial(0)))
        self._plan, self._head, self._layout, self._watch = plan, head, layout, watch(model, plan)
        of_encoder, of_head, of_parts, _held = addresses_of(plan)
        outputs = 6 * head.components + head.states
        sizes = [STORAGES.index(self.storage), 0, plan.features, plan.features, outputs]
        assert native.Program is not None
        self._native = native.Program(self._watch, sizes, of_encoder, of_head, of_parts, layout.bytes)


def check_most(rows: int, most: int) -> None:
    """Raise `UsageError` where so many rows of so many steps are more than one call draws."""
    check_whole("most", most, 0, MOST_NUMBERS)
    if rows * most * NUMBERS > MOST_NUMBERS:
        raise UsageError(f"{rows} drawings of {most} steps are more than one call draws: ask for fewer")


def _context(state: Any, plan: Plan, rows: int) -> Tensor:
    if not plan.fed:
        return room(rows, 0)
    context: Tensor = leaves(state)[plan.context]
    return context.detach().to("cpu", torch.float32).expand(rows, plan.fed).contiguous()


_made: "WeakKeyDictionary[nn.Module, DrawingProgram | None]" = WeakKeyDictionary()


def drawing_program_of(model: Model[Any]) -> DrawingProgram | None:
    """Return a model's program that draws, made once and kept as long as the model, or None where there can be none."""
    if not allowed("native"):
        return None
    if model not in _made:
        try:
            _made[model] = DrawingProgram(model)
        except UsageError:
            _made[model] = None
    return _made[model]


def draw(
    model: Model[Any], params: StrokeParams, state: Any, seeds: Tensor, *, most: int, rule: PenRule | None = None
) -> Drawings:
    """Draw rows to their ends, by native code where it knows the model, else step by step by the same numbers.

    See `DrawingProgram.draw`. Two ways of rounding may part two drawings in time, as they do any two sums.
    """
    program = drawing_program_of(model)
    if program is not None:
        try:
            return program.draw(params, state, seeds, most=most, rule=rule)
        except Declined:
            pass
    return draw_step_by_step(model, params, state, seeds, most=most, rule=rule or PenRule())


@torch.no_grad()
def draw_step_by_step(
    model: Model[Any], params: StrokeParams, state: Any, seeds: Tensor, *, most: int, rule: PenRule
) -> Drawings:
    """Draw as `DrawingProgram.draw` does, with `model.step`: what it is held to."""
    head: Any = model.head
    rule.check()
    check_most(len(seeds), most)
    width, live = 2 + head.states, torch.arange(len(seeds))
    steps, nats = params.pen.new_zeros(len(seeds), most, width), torch.zeros(len(seeds), dtype=torch.float64)
    lengths, ended = torch.zeros(len(seeds), dtype=torch.int64), torch.zeros(len(seeds), dtype=torch.bool)
    for n in range(most + 1):
        drawn = [[uniform(int(seeds[row]), NUMBERS * n + i) for i in range(NUMBERS)] for row in live.tolist()]
        x = head.choose(
            params, torch.tensor(drawn, dtype=torch.float64, device=steps.device).reshape(-1, NUMBERS), rule
        )
        if not all(bool(part.isfinite().all()) for part in (x, params.log_weights, params.pen)):
            raise UsageError(NO_ODDS)
        ends = x[:, 4] > 0 if head.states == 3 else torch.zeros(len(x), dtype=torch.bool, device=x.device)
        counts = ends | (n < most)  # the limit: nothing is scribbled on
        nats[live] += torch.where(counts, head.nats(params, x).double(), 0.0).cpu()
        ended[live] = ends.cpu()
        goes_on = ~ends & (n < most)
        live, x = live[goes_on.cpu()], x[goes_on]
        if not len(live):
            break
        steps[live, n], lengths[live] = x, lengths[live] + 1
        places = goes_on.nonzero().flatten()
        params, state = model.step(x, state if len(places) == len(goes_on) else select_rows(state, places))
    return Drawings(steps, lengths, nats, ended)
