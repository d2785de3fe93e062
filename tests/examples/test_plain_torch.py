"""Our loop costs nothing in quality: from the same weights, plain PyTorch's loop has the same losses."""

import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import torch

from statewise.cells import Chain
from statewise.data.code_file import CodeFile
from statewise.data.codec import Characters
from statewise.data.stripes import Stripes
from statewise.exchange import to_torch
from statewise.learning.learner import Learner
from statewise.run.recipe import Recipe
from statewise.tasks.text.task import Text

SCRIPT = Path(__file__).parents[2] / "examples" / "plain_torch.py"
ROWS, STEPS, UPDATES, WIDTH, EMBEDDING, RATE = 3, 7, 60, 6, 5, 0.03


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_torch", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text() -> str:
    return "".join(random.Random(1).choice(["to be ", "or not ", "that is "]) for _ in range(150))


def losses(layers: int, tmp_path: Path) -> tuple[list[float], list[float]]:
    codec = Characters("".join(sorted(set(text()))))
    codes = codec.encode(text())
    (tmp_path / "codes.bin").write_bytes(codes.tobytes())
    torch.manual_seed(0)
    task = Text(source="unused", hidden_size=WIDTH, layers=layers, embedding=EMBEDDING)
    ours = task.model(codec)
    plain = script().CharacterLSTM(codec.choices, EMBEDDING, WIDTH, layers)
    plain.embedding.load_state_dict(ours.encoder.state_dict())
    plain.lstm.load_state_dict(to_torch(ours.core))
    for name, parameter in plain.lstm.named_parameters():  # PyTorch's second bias is one too many: ours has one
        parameter.requires_grad_("bias_hh" not in name)
    plain.linear.load_state_dict({"weight": ours.head.weights, "bias": ours.head.bias})
    windows = Stripes(CodeFile.whole(tmp_path / "codes.bin", codes.dtype), ROWS, STEPS, begin_in_turn=True)
    learner = Learner(
        ours, windows, Recipe(batch_size=ROWS, sequence_length=STEPS, updates=UPDATES, learning_rate=RATE)
    )
    sizes = {"batch_size": ROWS, "sequence_length": STEPS, "updates": UPDATES, "learning_rate": RATE}
    their = script().train(plain, torch.from_numpy(codes.astype("int64")), **sizes)
    return [learner.update().nats for _ in range(UPDATES)], list(their)


def test_our_losses_are_those_of_plain_torch_over_more_than_an_epoch(tmp_path: Path) -> None:
    ours, plain = losses(1, tmp_path)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(plain), rtol=1e-3, atol=1e-4)
    assert ours[-1] < 0.7 * ours[0]


def test_our_losses_are_those_of_plain_torch_in_two_layers(tmp_path: Path) -> None:
    assert isinstance(Text(source="unused", hidden_size=WIDTH, layers=2).model(Characters("ab")).core, Chain)
    ours, plain = losses(2, tmp_path)
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(plain), rtol=1e-3, atol=1e-4)


def test_the_script_runs_on_a_file(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(text())
    flags = ["--hidden-size", "6", "--batch-size", "3", "--sequence-length", "7", "--updates", "4"]
    done = subprocess.run([sys.executable, SCRIPT, book, *flags], capture_output=True, text=True, check=True)
    assert "bits per character" in done.stdout
