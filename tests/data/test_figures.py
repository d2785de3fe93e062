"""Figures are found once; what is kept of them is used only as it was written."""

import json
import math
from pathlib import Path

import pytest

from statewise.data.figures import Finding, Found, find_once, keep_figures, kept_figures, key_of

FIGURES = {"1-gram": {"nats": 0.1 + 0.2, "perplexity": math.inf}, "2-gram": {"nats": 1e-300}}
CACHE = Path("cache")


@pytest.fixture
def kept() -> Path:
    keep_figures(CACHE, "key", FIGURES)
    (path,) = CACHE.iterdir()
    return path


def test_what_is_found_is_kept_with_every_digit_and_found_once() -> None:
    asked: list[int] = []

    def find() -> Finding:
        asked.append(1)
        yield 0.5
        return FIGURES

    def found() -> tuple[list[float], Found]:
        search, fractions = find_once(CACHE, "key", find), []
        while True:
            try:
                fractions.append(next(search))
            except StopIteration as done:
                return fractions, done.value

    assert [found(), found()] == [([0.5], FIGURES), ([], FIGURES)]
    assert asked == [1]
    assert kept_figures(CACHE, "another") is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-9],
        lambda text: text.replace("1e-300", "1e-301"),
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: json.dumps({"figures": [], "format": 1, "sha256": ""}),
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: "",
    ],
)
def test_a_file_that_was_changed_is_not_believed(kept: Path, spoil: object) -> None:
    kept.write_text(spoil(kept.read_text()))  # type: ignore[operator]
    assert kept_figures(CACHE, "key") is None


def test_a_file_under_another_key_and_one_without_numbers_are_not_believed(kept: Path) -> None:
    kept.rename(kept.with_name("baselines-other.json"))
    assert kept_figures(CACHE, "other") is None
    keep_figures(CACHE, "nan", {"a": {"b": math.nan}})
    assert kept_figures(CACHE, "nan") is None


def test_a_cache_that_takes_nothing_stops_no_work() -> None:
    Path("file").touch()
    keep_figures(Path("file"), "key", FIGURES)
    assert kept_figures(Path("file"), "key") is None


def test_a_key_tells_where_one_part_ends() -> None:
    several: list[list[str | bytes]] = [["ab", "c"], ["a", "bc"], ["abc"], ["ab", b"c", ""]]
    assert len({key_of(parts) for parts in several}) == 4
