from collections.abc import Callable, Sequence
from typing import Any

INTERFACE: int
ABILITIES: tuple[str, ...]
PANEL: int

class Schedule:
    def __init__(self, steps: int, rows: int, reset: int, mask: int) -> None: ...
    @property
    def pairs(self) -> int: ...

def instructions() -> str: ...
def use(name: str) -> None: ...
def shares_threads() -> bool: ...
def form(cell: int) -> list[int]: ...
def forward(
    sizes: Sequence[int],
    weights: Sequence[int],
    when: Schedule,
    xs: int,
    xs_stride: int,
    states: Sequence[int],
    record: Sequence[int],
    drawn: tuple[float, int],
    threads: int,
) -> None: ...
def backward(
    sizes: Sequence[int],
    weights: Sequence[int],
    when: Schedule,
    xs: int,
    xs_stride: int,
    record: Sequence[int],
    outputs: int,
    outputs_stride: int,
    last: Sequence[int],
    to_xs: int,
    to_weights: Sequence[int],
    to_states: Sequence[int],
    drawn: tuple[float, int],
    threads: int,
) -> None: ...
def draw_changes(when: Schedule, units: int, parts: int, kept: int, streams: Sequence[int], changes: int) -> None: ...
def scan(sizes: Sequence[int], of: Sequence[int], gaps: Sequence[int], to: Sequence[int], threads: int) -> None: ...
def rank(sizes: Sequence[int], regularization: float, of: Sequence[int], to: Sequence[int], threads: int) -> None: ...
def pictures(sizes: Sequence[int], gap: int, of: Sequence[int], to: Sequence[int], threads: int) -> None: ...
def hyper(sizes: Sequence[int], of: Sequence[int], rate: float, to: Sequence[int], threads: int) -> None: ...
def window_forward(
    sizes: Sequence[int],
    weights: Sequence[int],
    when: Schedule,
    xs: int,
    xs_stride: int,
    states: Sequence[int],
    record: Sequence[int],
    recorded: bool,
    ys: int,
    threads: int,
) -> None: ...
def window_backward(
    sizes: Sequence[int],
    weights: Sequence[int],
    when: Schedule,
    record: Sequence[int],
    outputs: int,
    outputs_stride: int,
    last: Sequence[int],
    to: Sequence[int],
    threads: int,
) -> None: ...
def merge_rows(count: int, width: int, limit: int, of: Sequence[int], threads: int) -> int: ...
def copy_rows(count: int, which: int, tables: Sequence[tuple[int, int, int, int]], put: bool, threads: int) -> None: ...
def spread(when: Schedule, units: int, hidden: int, ys: int) -> None: ...
def last(when: Schedule, units: int, states: int, numbered: bool, to: int) -> None: ...
def sigmoid(x: int, y: int, n: int) -> None: ...
def tanh(x: int, y: int, n: int) -> None: ...
def product(a: int, b: int, c: int, rows: int, columns: int, terms: int, threads: int) -> None: ...
def multiply_adds(times: int) -> float: ...
def lend(floats: int) -> object: ...
def memory_held() -> int: ...
def memory_release() -> None: ...
def note_step(*args: object, **kwargs: object) -> None: ...

CHANGED: int
NOT_NOW: int

class Watch:
    def __init__(
        self,
        root: object,
        attributes: int,
        tables: list[tuple[dict[str, Any], list[Any]]],
        kinds: list[tuple[object, type]],
        noisy: list[dict[str, Any]],
        weights: list[tuple[Any, Any, int, int, int, int]],
        mixed: Callable[[str], bool],
        device: str,
    ) -> None: ...
    def look(self, parts: int) -> int: ...

class Program:
    def __init__(
        self,
        watch: Watch,
        sizes: Sequence[int],
        encoder: Sequence[int],
        head: Sequence[int],
        parts: Sequence[tuple[int, Sequence[int], Sequence[int]]],
        starts: Sequence[int],
    ) -> None: ...
    @property
    def bytes(self) -> int: ...
    def step(
        self,
        parts: int,
        rows: int,
        inputs: int,
        before: Sequence[int],
        after: Sequence[int],
        outputs: int,
        threads: int,
    ) -> int: ...
    def push(self, parts: int, number: int, before: int, after: int, outputs: int) -> int: ...
    def draw(
        self,
        rows: int,
        most: int,
        pen: Sequence[int],
        how: Sequence[float],
        given: Sequence[int],
        before: Sequence[int],
        to: Sequence[int],
        threads: int,
    ) -> int: ...
    def read(
        self,
        parts: int,
        steps: int,
        inputs: int,
        targets: int,
        before: int,
        after: int,
        outputs: int,
        nats: int,
    ) -> int: ...
    def sample(
        self,
        parts: int,
        steps: int,
        odds: int,
        temperature: float,
        top_k: int,
        top_p: float,
        never: Sequence[int],
        seed: int,
        first: int,
        choices: int,
        before: int,
        after: int,
        outputs: int,
    ) -> int: ...

def uniform(seed: int, n: int) -> float: ...

class Writer:
    def __init__(
        self,
        sizes: Sequence[int],
        query: Sequence[int],
        head: Sequence[int],
        layers: Sequence[tuple[int, Sequence[int]]],
    ) -> None: ...
    def write(
        self,
        count: Sequence[int],
        limits: Sequence[int],
        pen: Sequence[int],
        how: Sequence[float],
        given: Sequence[int],
        before: Sequence[int],
        to: Sequence[int],
        threads: int,
    ) -> int: ...
