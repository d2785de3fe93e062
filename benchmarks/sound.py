"""How fast is a network for the sound of films trained, and how fast is a frame sounded, next to plain PyTorch?

    python benchmarks/sound.py [--rounds 7] [--units 128] [--save DIR]

The peer is the loop that an expert writes: three convolutions over a frame and its last changes, attention to four
places of it, nn.LSTM, one linear layer for envelopes, strokes, strengths and materials, the same loss, clipped Adam.
Ours is the same network of the same sizes, trained by the learner on drawn steps, and one frame through `Stream.push`.
Both on one thread, in turns; seconds are those of the processor, figures are medians over the turns, and ratios are
taken turn by turn.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, cross_entropy

from statewise.data.audio.cochleagram import Cochlea
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.window import Window
from statewise.learning.learner import Learner
from statewise.stream import Stream
from statewise.tasks.sound.task import Sound
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

ROWS, STEPS, FEATURES, CELLS, MATERIALS, GLANCES = 16, 80, 96, 3, 5, 4
FRAMES = 300
CODEC = SoundingCodec((32, 43, 3), 30.0, 0.1, Cochlea(), materials=tuple("abcde"))
BANDS = CODEC.ear.bands


class Plain(nn.Module):
    """The same network as plain modules of PyTorch."""

    def __init__(self, units: int) -> None:
        super().__init__()
        height, width, channels = CODEC.shape
        planes = channels + CODEC.moves
        self.shape = (planes, height, width)
        layers: list[nn.Module] = []
        sizes = []
        for before, after in ((planes, 16), (16, 32), (32, 32)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
            height, width = -(-height // 2), -(-width // 2)
            sizes.append((height, width))
        self.first, self.last = nn.Sequential(*layers[:4]), nn.Sequential(*layers[4:], nn.Flatten())
        high, wide = sizes[1]
        self.scores = nn.Linear(32, GLANCES)
        self.salience = nn.Parameter(torch.linspace(2.0, 8.0, GLANCES))
        grid = torch.meshgrid(torch.linspace(-1, 1, high), torch.linspace(-1, 1, wide), indexing="ij")
        self.places = torch.stack(grid[::-1], -1).flatten(0, 1)
        self.narrow = nn.Sequential(nn.Linear(32 * height * width + GLANCES * (34 + planes), FEATURES - 1), nn.ReLU())
        self.core = nn.LSTM(FEATURES, units)
        self.out = nn.Linear(units, CELLS * (BANDS + 2) + MATERIALS)

    def forward(self, xs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        planes, height, width = self.shape
        pictures = xs[..., :-1].reshape(-1, height, width, planes).permute(0, 3, 1, 2)
        middle = self.first(pictures)
        pixels = pictures[:, :, ::4, ::4].flatten(2).transpose(1, 2)
        known = torch.cat([pixels, self.places.expand(len(pixels), -1, -1)], -1)
        seen = middle.flatten(2).transpose(1, 2)
        moving = avg_pool2d(pictures[:, 3:4].abs(), 4, 4, padding=2, ceil_mode=True, count_include_pad=False)
        moving = moving[:, 0, : middle.shape[2], : middle.shape[3]].flatten(1).unsqueeze(-1)
        shares = (self.scores(seen) + moving * self.salience).softmax(1).transpose(1, 2)
        glances = torch.cat([shares @ seen, shares @ known], -1).flatten(1)
        narrow = self.narrow(torch.cat([self.last(middle), glances], -1))
        features = torch.cat([narrow.reshape(*xs.shape[:2], -1), xs[..., -1:]], -1)
        ys, state = self.core(features, state)
        return self.out(ys), state


def plain_loss(said: Tensor, targets: Tensor) -> Tensor:
    wide = CELLS * BANDS
    envelopes, strokes, strengths, materials = said.split([wide, CELLS, CELLS, MATERIALS], -1)
    y, o, t, k = targets.split([wide, CELLS, CELLS, CELLS], -1)
    loss = ((envelopes - y) / 0.1).square().mean(-1) * CELLS / 2
    loss = loss + binary_cross_entropy_with_logits(strokes, o, reduction="none").sum(-1)
    loss = loss + (o * ((strengths - t) / 0.2).square()).sum(-1) / 2
    odds = materials.unsqueeze(-2).expand(*o.shape, MATERIALS).reshape(-1, MATERIALS)
    missed = cross_entropy(odds, k.clamp(min=0).long().flatten(), reduction="none").reshape(o.shape)
    return (loss + (o * (k >= 0) * missed).sum(-1)).mean()


def drawn() -> Window:
    xs = torch.randn(STEPS, ROWS, CODEC.numbers)
    strokes = (torch.rand(STEPS, ROWS, CELLS) < 0.03).float()
    targets = torch.cat(
        [torch.rand(STEPS, ROWS, CELLS * BANDS), strokes, strokes / 2, torch.randint(5, strokes.shape).float()], -1
    )
    reset = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    reset[0] = True
    return Window(xs, targets, torch.ones(STEPS, ROWS, dtype=torch.bool), reset)


def plain_update(model: Plain, optimizer: Any, window: Window) -> None:
    optimizer.zero_grad()
    loss = plain_loss(model(window.inputs)[0], window.targets)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def our_frames(stream: Stream[Any], frames: Any) -> None:
    for frame in frames:
        stream.push(frame)


@torch.no_grad()
def plain_frames(model: Plain, frames: Any) -> None:
    state = None
    for frame in frames:
        _, state = model(torch.from_numpy(frame)[None, None], state)


def seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    how: dict[str, Any] = {"hidden_size": given.units, "embedding": FEATURES, "dropout": 0.0, "glances": GLANCES}
    task = Sound(source="drawn", updates=10**9, threads=1, **how)
    windows = [drawn() for _ in range(2)]
    learner = Learner(task.model(CODEC), windows, task)
    model = Plain(given.units)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    frames = np.random.default_rng(0).standard_normal((FRAMES, CODEC.numbers)).astype(np.float32)
    stream, eager = Stream(task.model(CODEC).eval(), history=0), Plain(given.units).eval()
    cases: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "an update": (learner.update, lambda: plain_update(model, optimizer, windows[0])),
        f"{FRAMES} frames one by one": (lambda: our_frames(stream, frames), lambda: plain_frames(eager, frames)),
    }
    told: dict[str, Any] = {}
    for name, (own, theirs) in cases.items():
        own(), theirs()
        turns = [(seconds(own), seconds(theirs)) for _ in range(given.rounds)]
        told[name] = {
            "ours": statistics.median(one for one, _ in turns),
            "plain PyTorch": statistics.median(other for _, other in turns),
            "ratio": statistics.median(other / one for one, other in turns),
        }
        print(name, {key: round(value, 3) for key, value in told[name].items()}, file=sys.stderr)
    result = {"rounds": given.rounds, "units": given.units, "cases": told, "machine": machine(), "versions": versions()}
    text = json.dumps({**result, "commit": commit()}, indent=1)
    if given.save:
        (given.save / "sound.json").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
