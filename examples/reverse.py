"""Say a sequence backwards: a two-way reader, a cell that attends to what it read, and whole examples in batches."""

import sys

import torch
from torch import Tensor

from statewise.cells import GRU, AttentionCell, Bahdanau
from statewise.data.batches import Batches, Example, Varying
from statewise.data.window import Padded
from statewise.encoders import Table, TwoWay
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

SYMBOLS, START, LONGEST = 6, 6, 7


def make_model(width: int = 24) -> Model[Tensor]:
    """Return a writer that reads its last symbol, looks at the source, and names the next symbol."""
    core = AttentionCell(GRU(width + 2 * width, width), Bahdanau(width, 2 * width, width))
    return Model(Table(SYMBOLS + 1, width), core, Categorical(core.units, SYMBOLS), TwoWay(SYMBOLS, width))


def drawn(count: int, seed: int) -> list[Tensor]:
    """Return sequences of 1 to 7 random symbols."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, LONGEST + 1, (count,), generator=draw).tolist()
    return [torch.randint(SYMBOLS, (length,), generator=draw) for length in lengths]


def example(source: Tensor) -> Example:
    """Return a source as context, and its reverse as what is to be written, a symbol at a time."""
    wanted = source.flip(0)
    return Example(torch.cat([torch.tensor([START]), wanted[:-1]]), wanted, context=Varying(source))


@torch.no_grad()
def reversed_by(model: Model[Tensor], source: Tensor) -> list[int]:
    """Let the model write, each time the likeliest symbol."""
    x, state, written = torch.tensor([START]), model.begin(1, Padded.of([source])), []
    for _ in source:
        logits, state = model.step(x, state)
        x = logits.argmax(dim=-1)
        written.append(int(x))
    return written


def run(updates: int = 200) -> float:
    """Train, and return the share of fresh sequences that are reversed without an error."""
    torch.manual_seed(0)
    sources, model = drawn(9600, seed=1), make_model()
    batches = Batches([example(source) for source in sources], [len(source) for source in sources], rows=96, seed=0)
    learner = Learner(model, batches, Recipe(updates=updates, learning_rate=0.02))
    while not learner.is_done:
        updated = learner.update()
        if updated.update % 50 == 0:
            print(f"update {updated.update}: {updated.nats:.3f} nats a symbol", file=sys.stderr)
    fresh = drawn(200, seed=2)
    return sum(reversed_by(model.eval(), source) == source.flip(0).tolist() for source in fresh) / len(fresh)


if __name__ == "__main__":
    print(f"{run():.1%} of 200 sequences never seen are reversed without an error")
