from collections.abc import Sequence

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
    zoneout: tuple[float, int],
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
    zoneout: tuple[float, int],
    threads: int,
) -> None: ...
def draw_changes(when: Schedule, units: int, parts: int, kept: int, streams: Sequence[int], changes: int) -> None: ...
def scan(sizes: Sequence[int], of: Sequence[int], gaps: Sequence[int], to: Sequence[int], threads: int) -> None: ...
def spread(when: Schedule, units: int, hidden: int, ys: int) -> None: ...
def last(when: Schedule, units: int, states: int, numbered: bool, to: int) -> None: ...
def sigmoid(x: int, y: int, n: int) -> None: ...
def tanh(x: int, y: int, n: int) -> None: ...
def product(a: int, b: int, c: int, rows: int, columns: int, terms: int, threads: int) -> None: ...
def multiply_adds(times: int) -> float: ...
def lend(floats: int) -> object: ...
def memory_held() -> int: ...
def memory_release() -> None: ...

class Program:
    def __init__(
        self,
        sizes: Sequence[int],
        encoder: Sequence[int],
        head: Sequence[int],
        parts: Sequence[tuple[int, Sequence[int], Sequence[int]]],
    ) -> None: ...
    @property
    def bytes(self) -> int: ...
    def step(
        self, rows: int, inputs: int, before: Sequence[int], after: Sequence[int], outputs: int, threads: int
    ) -> int: ...
    def push(self, number: int, before: Sequence[int], after: Sequence[int], outputs: int) -> int: ...
    def read(
        self,
        steps: int,
        inputs: int,
        targets: int,
        before: Sequence[int],
        after: Sequence[int],
        outputs: int,
        nats: int,
    ) -> int: ...
    def sample(
        self,
        steps: int,
        odds: int,
        temperature: float,
        top_k: int,
        top_p: float,
        never: Sequence[int],
        seed: int,
        first: int,
        choices: int,
        before: Sequence[int],
        after: Sequence[int],
        outputs: int,
    ) -> int: ...

def uniform(seed: int, n: int) -> float: ...
