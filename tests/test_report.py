"""A report shows a model beside what it has to beat, in plain text, Markdown and HTML, and how to repeat it."""

import json
import math
from dataclasses import replace

import pytest

from statewise.report import Report, aligned, cells_of

REPORT = Report(
    task="text",
    run="runs/text-a-1",
    data={"unit": "character"},
    metrics={"bits_per_character": 2.0604, "perplexity": 4.17, "characters": 99_999},
    baselines={
        "1-gram": {"bits_per_character": 4.75, "perplexity": 26.9, "characters": 100_000},
        "2-gram": {"bits_per_character": 3.5},
    },
    seconds=1.5,
    training={"updates": 1234, "seconds": 61.23456, "places_per_second": 56_789.4},
)
DYNAMIC = replace(REPORT, metrics={**REPORT.metrics, "dynamic_bits_per_character": 1.9, "dynamic_perplexity": 3.73})


def test_the_model_comes_first_then_the_baselines_and_counts_are_left_out() -> None:
    assert REPORT.cells() == [
        ["", "bits_per_character", "perplexity"],
        ["this model", "2.060", "4.170"],
        ["1-gram", "4.750", "26.900"],
        ["2-gram", "3.500", ""],
    ]


def test_a_model_that_learned_on_has_a_row_of_its_own() -> None:
    assert [name for name, _ in DYNAMIC.rows()] == ["this model", "this model, learning on", "1-gram", "2-gram"]
    assert DYNAMIC.columns() == REPORT.columns()
    assert DYNAMIC.cells()[2] == ["this model, learning on", "1.900", "3.730"]


def test_the_plain_table_lines_up_and_has_no_trailing_spaces() -> None:
    assert REPORT.table() == (
        "            bits_per_character  perplexity\n"
        "this model               2.060       4.170\n"
        "1-gram                   4.750      26.900\n"
        "2-gram                   3.500"
    )


def test_the_markdown_table_has_as_many_columns_in_every_line() -> None:
    lines = REPORT.markdown().splitlines()
    assert lines[:3] == [
        "|  | bits_per_character | perplexity |",
        "|---|---:|---:|",
        "| this model | 2.060 | 4.170 |",
    ]
    assert {line.count("|") for line in lines} == {4}


def test_the_page_says_what_was_done_and_how_to_repeat_it() -> None:
    page = REPORT.page()
    assert page.startswith(
        "# runs/text-a-1\n\nTask text. Training: updates 1,234, seconds 61.235, characters per second"
    )
    assert "characters per second 56,789.\n" in page
    assert REPORT.markdown() in page
    assert "`statewise evaluate runs/text-a-1`" in page
    assert "`statewise train text --config runs/text-a-1/run.yaml`" in page


def test_the_commands_of_a_run_with_a_space_in_its_name_can_be_pasted() -> None:
    page = replace(REPORT, run="my runs/a").page()
    assert "`statewise evaluate 'my runs/a'`" in page
    assert "`statewise train text --config 'my runs/a/run.yaml'`" in page


def test_a_notebook_shows_a_table_in_which_nothing_is_markup() -> None:
    shown = replace(REPORT, run="<b>runs", baselines={"<script>": {"perplexity": 1.0}})._repr_html_()
    assert shown.startswith("<p>&lt;b&gt;runs</p><table><tr><th></th><th>bits_per_character</th>")
    assert "<td>&lt;script&gt;</td><td></td><td>1.000</td>" in shown
    assert shown.count("<tr>") == shown.count("</tr>") == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.000"), (999.9994, "999.999"), (1000.0, "1,000"), (1234567.8, "1,234,568"), (math.inf, "inf")],
)
def test_large_numbers_lose_their_decimals(value: float, shown: str) -> None:
    assert replace(REPORT, metrics={"perplexity": value}, baselines={}).cells()[1] == ["this model", shown]


def test_a_report_is_the_same_after_json() -> None:
    assert Report(**json.loads(json.dumps(DYNAMIC.as_json()))) == DYNAMIC


def test_an_interval_follows_its_value_in_brackets_and_a_count_has_no_decimals() -> None:
    metrics = {"recall": 0.25, "recall_low": 0.2, "recall_high": 0.3, "places": 208.0, "flow": 1.0}
    baselines = {"best": {"recall": 0.2, "recall_low": 0.125, "recall_high": 0.25}, "plain": {"recall": 0.1}}
    tables = {"by length": {"short": {"places": 7, "recall": 0.5}}}
    report = Report("recommend", "runs/a", {}, metrics, baselines, 1.0, tables=tables)
    assert report.columns() == ["recall", "places", "flow"]
    rows = [row[:2] for row in report.cells()]
    assert rows == [
        ["", "recall"],
        ["this model", "0.250 [0.200, 0.300]"],
        ["best", "0.200 [0.125, 0.250]"],
        ["plain", "0.100"],
    ]
    assert report.shown().splitlines()[-1].split() == ["short", "7", "0.500"]


def test_numbers_of_any_size_are_told_apart() -> None:
    shown = [cells_of({"a": {"error": value}})[1][1] for value in (0.0, 0.00012, -3e-9, 0.5, -1234.5, 4e5, 1.5e30)]
    assert shown == ["0.000", "0.00012", "-3e-09", "0.500", "-1,234", "400,000", "1.5e+30"]


def test_a_report_reads_in_one_line_where_python_shows_it() -> None:
    assert repr(REPORT) == "<Report of runs/text-a-1: bits_per_character 2.060, perplexity 4.170>"


def test_a_column_of_counts_has_no_decimals_and_one_of_shares_has() -> None:
    told = cells_of({"a": {"share": 1.0, "count": 2.0}, "b": {"share": 0.0, "count": 1.0}, "c": {"share": 1.0}})
    assert told[1:] == [["a", "1.000", "2"], ["b", "0.000", "1"], ["c", "1.000", ""]]


def test_a_table_wider_than_the_screen_goes_on_below() -> None:
    rows = [
        ["", *(f"metric {i}" for i in range(9))],
        *([name, *["0.125"] * 9] for name in ("this model", "last value")),
    ]
    lines = aligned(rows, width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.startswith("this model") for line in lines) == lines.count("") + 1
    assert [word for line in lines for word in line.split() if word.isdigit()] == [str(i) for i in range(9)]
    assert len(aligned(rows).splitlines()) == 3


def test_letters_that_are_two_columns_wide_are_counted_so() -> None:
    lines = aligned([["", "share"], ["日本語", "1"], ["abcdef", "10"]]).splitlines()
    assert lines == ["        share", "日本語      1", "abcdef     10"]
