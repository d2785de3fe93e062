"""What came from a file moves no cursor, clears no screen, turns no text round and becomes no tag."""

import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import statewise
from statewise.cli.main import run
from statewise.errors import StatewiseError
from statewise.report import Report
from statewise.shown import HARMFUL, in_block, in_code, in_html, in_json, in_line, in_markdown, in_picture

NASTY = "a\x1b[2J\x9b2K\x07\x7f\0b\u202ec\u2066\u2028\ud800\U000e0041\nsecond"
"Escape codes of seven and of eight bits, a bell, turned text, a line separator, half a pair, an invisible letter."


def is_harmless(text: str) -> bool:
    return not HARMFUL.search(text)


def test_every_control_and_every_turn_of_direction_counts_as_harmful_and_no_letter_does() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category, turns = unicodedata.category(character), unicodedata.bidirectional(character)
        if character in "\t\n":
            assert in_block(character) == character
        elif category in ("Cc", "Cs", "Zl", "Zp") or turns in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        ):
            assert not is_harmless(character), hex(code)
        elif category[0] in "LMNPS":
            assert is_harmless(character), hex(code)


@pytest.mark.parametrize("shown", [in_block, in_line, in_html, in_markdown, in_picture, in_code])
def test_each_way_to_show_a_text_leaves_nothing_harmful(shown: Callable[[str], str]) -> None:
    told = shown(NASTY)
    assert is_harmless(told)
    assert told.removeprefix("`").startswith("a�[2J�2K���b�c���")
    told.encode()


def test_a_line_stays_one_and_is_cut() -> None:
    assert in_line("one\ntwo\tthree") == "one two three"
    assert len(in_line("x" * 10_000)) == 2000
    assert in_line("x" * 10_000, longest=5) == "xxxx…"


def test_json_loses_nothing_and_shows_nothing_harmful() -> None:
    told = in_json({NASTY: [NASTY, "é"]})
    assert is_harmless(told)
    assert "é" in told
    assert json.loads(told) == {NASTY: [NASTY, "é"]}
    told.encode()


def test_an_error_quotes_a_file_in_one_harmless_line() -> None:
    own = [kind for kind in StatewiseError.__subclasses__() if kind.__module__ == StatewiseError.__module__]
    kinds: list[type[StatewiseError]] = [StatewiseError, *own]
    for kind in kinds:
        assert is_harmless(str(kind(f"cannot read {NASTY}")))
        assert "\n" not in str(kind(f"cannot read {NASTY}"))


def nasty_run(run_path: Path) -> Path:
    """Put words of a stranger wherever a run has words."""
    config = yaml.safe_load((run_path / "run.yaml").read_text())
    words = NASTY.encode(errors="ignore").decode()  # half a pair of code units is refused by the reader of YAML
    config["settings"]["source"] = f"{words}<script>"
    config["data"][words] = words
    config["versions"]["torch"] = words
    config["kernels"] = [words]
    (run_path / "run.yaml").write_text(yaml.safe_dump(config))
    events = [json.loads(line) for line in (run_path / "events.jsonl").read_text().splitlines()]
    events[-1]["report"]["baselines"][f"<b>{NASTY}"] = {"bits_per_character": 1.0}
    events.append({"event": "sampled", "update": 5, "seconds": 1.0, "sample": NASTY})
    (run_path / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return run_path


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--json"], ["compare"], ["compare", "--json"]])
def test_what_a_strangers_run_says_of_itself_is_shown_harmlessly(
    run_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    verb, *flags = command
    runs = [str(nasty_run(run_path))] * (2 if verb == "compare" else 1)
    assert run([verb, *runs, *flags]) == 0
    said = capsys.readouterr()
    assert is_harmless(said.out + said.err)
    assert "second" in said.out


def test_an_unknown_task_of_a_strangers_run_is_quoted_harmlessly(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load((run_path / "run.yaml").read_text())
    (run_path / "run.yaml").write_text(yaml.safe_dump({**config, "task": NASTY}))
    assert run(["predict", str(run_path)]) == 2
    said = capsys.readouterr().err
    assert is_harmless(said)
    assert len(said.splitlines()) == 1


def test_a_run_under_a_name_of_control_characters_is_named_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "runs/\x1b[2Jgone"]) == 2
    assert capsys.readouterr().err == (
        "statewise: there is no run at runs/�[2Jgone: give the folder that `statewise train` named\n"
    )


def test_a_notebook_and_a_page_show_names_and_no_tags(run_path: Path) -> None:
    bold = run_path.rename(run_path.with_name("<b>run"))
    trained = statewise.load(bold)
    assert "<b>" not in trained._repr_html_()
    assert "&lt;b&gt;run" in trained._repr_html_()
    metrics = {"<i>error</i>": 1.0}
    report = Report(
        "<u>", "<b>`", {}, metrics, {"<s>|": metrics}, 1.0, remarks=["<em>"], tables={"<p>": {"<q>": metrics}}
    )
    assert not re.search("<[ibsue]", report._repr_html_())
    assert not re.search("<[ibsuepq]", re.sub("``.*?``|`.*?`", "", report.page()))
    assert report.markdown().count("|") == report.markdown().count("\\|") + 3 * 4


def test_a_picture_in_svg_is_well_formed_whatever_its_labels_are() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    for name in (NASTY, "$\\frac{", "_hidden", "<script>"):
        axes.plot([0, 1], label=in_picture(name))
    axes.set_title(in_picture(f"{NASTY}$x$"))
    assert len(axes.legend().get_texts()) == 4
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    assert ElementTree.fromstring(drawn.getvalue()).tag.endswith("svg")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_a_model_writes_is_harmless_in_a_terminal_and_exact_in_a_pipe(
    run_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    codec = json.loads((run_path / "codec.json").read_text())
    codec["alphabet"] = codec["alphabet"].replace(" ", "\x1b").replace("\n", "\r")
    (run_path / "codec.json").write_text(json.dumps(codec))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert run(["predict", str(run_path), "It\x1bwas", "--length", "200", "--seed", "1"]) == 0
    said = capsys.readouterr().out
    assert ("\x1b" in said[6:]) is not is_terminal
    assert is_harmless(said) is is_terminal
