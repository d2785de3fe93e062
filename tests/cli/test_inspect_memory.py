"""`statewise inspect RUN --memory` at the command line."""

import json
import re
import sys
from pathlib import Path

import pytest

from statewise.cli.main import run

HOW = ["--memory", "--lags", "12", "--probes", "24"]


def test_numbers_are_side_by_side_and_the_report_needs_no_network(
    run_path: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(run_path), *HOW]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"memory horizon, steps .* \d+\.\d \(.* to .*\) .*\d+\.\d \(", out)
    assert "in words\n- run forgets in" in out
    assert f"drawn in {run_path}/report/report.html" in err
    page = (run_path / "report" / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http" not in page
    assert page.count("data:image/png;base64,") == 2 * page.count("<picture>")
    assert "--lags 12 --probes 24" in page
    pictures = {path.name for path in (run_path / "report").glob("*.png")}
    assert {"reach-light.png", "reach-dark.png", "health-light.png", "gates-dark.png"} <= pictures


def test_json_is_one_object_and_quiet_says_nothing_else(
    run_path: Path, book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # drawing takes most of the time
    assert run(["inspect", str(run_path), *HOW, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert not err
    assert [memory["name"] for memory in found["memories"]] == ["run", "before training"]
    assert found["report"] is None
    assert found["health"]["updates"] == 5


def test_without_matplotlib_the_numbers_come_all_the_same(
    run_path: Path, book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["inspect", str(run_path), *HOW]) == 0
    out, err = capsys.readouterr()
    assert "memory horizon" in out
    assert "pip install 'statewise[plot]'" in err
    assert not (run_path / "report").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lags", "5"], "give --memory too"),
        (["--memory", "--lags", "1"], "lags 1 cannot show"),
        (["--memory", "--probes", "-3"], "probes -3 cannot show"),
        (["--memory", "--compare", "nowhere"], "there is no run at nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    run_path: Path, book: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(run_path), *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert words in err
    assert len(err.strip().splitlines()) == 1
