"""The demo says once what may be typed next."""

from pathlib import Path

import pytest

from statewise.cli import demo


def test_the_demo_says_once_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "book.txt").write_text("def is_it(this: str) -> str:\n" * 200)
    small = {"hidden_size": 4, "batch_size": 3, "sequence_length": 7, "orders": 2, "gap": 9, "threads": 1}
    monkeypatch.setattr(demo, "SMALL", small)
    monkeypatch.setattr(demo, "_corpus", lambda: str(tmp_path / "book.txt"))
    monkeypatch.setattr(demo, "PROMPTS", {str(tmp_path / "book.txt"): "def "})
    demo.show_demo(0.01, tmp_path / "run")
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "next:" in line.lower()]
    assert lines == [f"The run lies in {tmp_path / 'run'}. What next:"]
