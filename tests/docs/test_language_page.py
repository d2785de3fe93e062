"""The figures of the page on language models are those that the benchmark wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "language.md").read_text()
BENCHMARK: Any = json.loads((ROOT / "benchmarks" / "results" / "language.json").read_text())


def test_the_table_of_speed_is_that_of_the_benchmark() -> None:
    narrow, wide = BENCHMARK["rows"]
    speeds = narrow["words_a_second"]
    assert (narrow["case"]["units"], wide["case"]["units"]) == (256, 512)
    assert f"| full softmax | {speeds['ours, full']} | 1 |" in PAGE
    assert f"| adaptive, cut-offs chosen | {speeds['ours, adaptive']} | {narrow['adaptive_to_full']} |" in PAGE
    assert f"| sampled, 4,096 words | {speeds['ours, sampled']} | {narrow['sampled_to_full']} |" in PAGE
    assert f"| plain PyTorch, full softmax | {speeds['PyTorch, full']} | |" in PAGE
    assert f"with `nn.LSTM` | {speeds['PyTorch, adaptive']} | |" in PAGE
    words = " ".join(PAGE.split())
    assert f"takes {narrow['adaptive_to_pytorch_adaptive']} times as many words a second" in words
    assert f"and {wide['adaptive_to_pytorch_adaptive']} times at 512" in words
