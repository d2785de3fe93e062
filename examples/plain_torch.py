"""The same training without statewise: nn.LSTM in a loop of plain PyTorch, for comparing quality and speed.

    python examples/plain_torch.py book.txt --hidden-size 256 --updates 500

Sizes, data order, optimizer, clipping and learning rate are those of `statewise train text` with the same flags, so
its loss follows the same curve. It does not resume, split, score, sample or stream.
"""

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn


class CharacterLSTM(nn.Module):
    """Embedding, nn.LSTM and a linear layer: logits of the next character."""

    def __init__(self, choices: int, embedding: int, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(choices, embedding)
        self.lstm = nn.LSTM(embedding, hidden_size, layers)
        self.linear = nn.Linear(hidden_size, choices)

    def forward(self, codes: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read codes `[T, B]`; return logits `[T, B, V]` and the last state."""
        ys, state = self.lstm(self.embedding(codes), state)
        return self.linear(ys), state


def train(
    model: CharacterLSTM,
    codes: Tensor,
    *,
    batch_size: int,
    sequence_length: int,
    updates: int,
    learning_rate: float = 0.004,
    warmup: int = 50,
) -> Iterator[float]:
    """Yield the mean loss in nats of each update, the state carried from window to window."""
    stripe = (len(codes) - 1) // batch_size
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    state, start = None, 0
    for update in range(updates):
        rising = min(1.0, (update + 1) / warmup)
        falling = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * update / updates))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rising * falling
        if start >= stripe:
            state, start = None, 0
        stop = min(start + sequence_length, stripe)
        begins = range(start, start + batch_size * stripe, stripe)
        window = torch.stack([codes[begin : begin + stop - start + 1] for begin in begins], dim=1)
        if state is not None:  # one row in turn begins again, so that the network learns to write from a bare prompt
            row = torch.tensor([start // sequence_length % batch_size])
            state = (state[0].index_fill(1, row, 0), state[1].index_fill(1, row, 0))
        logits, state = model(window[:-1], state)
        state = (state[0].detach(), state[1].detach())
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), window[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        start = stop
        yield loss.item()


def main() -> None:
    """Train on one file and print the loss and the speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    sizes = {"hidden-size": 256, "layers": 1, "embedding": 64, "batch-size": 32, "sequence-length": 64, "updates": 500}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    text = given.path.read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    codes = torch.tensor([alphabet.index(character) for character in text])
    torch.manual_seed(0)
    model = CharacterLSTM(len(alphabet), given.embedding, given.hidden_size, given.layers)
    began = time.monotonic()
    window = {"batch_size": given.batch_size, "sequence_length": given.sequence_length}
    losses = train(model, codes, **window, updates=given.updates)
    for update, nats in enumerate(losses, start=1):
        if update % 50 == 0 or update == given.updates:
            speed = update * given.batch_size * given.sequence_length / (time.monotonic() - began)
            print(f"update {update}  {nats / math.log(2):.3f} bits per character  {speed:,.0f} characters a second")


if __name__ == "__main__":
    main()
