"""A task that is not text: scored in its own way, with its own flags, printed as it says."""

import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import pytest
from annotated_doc import Doc

import statewise
from statewise import registry
from statewise.cli.main import run
from statewise.learning.events import Checked, Scoring
from statewise.task import Data, Score, Task
from statewise.task import Scoring as Scored
from statewise.tasks.text.task import Text

LINES = "It was the best of times.\nzzz\nIt was\n"


class Place(NamedTuple):
    """One of the things that a task ranked."""

    item: str
    share: float

    def __str__(self) -> str:
        return f"{self.item}: {self.share:.2f}"

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


@dataclass(frozen=True, kw_only=True)
class Ranking(Text):
    """A text model that pretends to rank."""

    name: ClassVar[str] = "ranking"

    tags: Annotated[tuple[str, ...], Doc("words to go by")] = ()
    sorts: Annotated[bool, Doc("whether the best come first")] = True

    def sample(self, model: Any, codec: Any) -> str:
        return "first"

    def score(self, model: Any, data: Data, *, top: Annotated[int, Doc("how many count as found")] = 3) -> Scored:  # type: ignore[override]
        yield 0.5
        yield 1.0
        found = top / (10 + next(model.parameters()).norm().item())
        return Score({"found": found}, -found, {"by length": {"short": {"found": found}, "long": {"found": 0.25}}})

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        return [f"It finds {score.metrics['found']:.0%} of {data.facts['held_out']}."]

    def predict(  # type: ignore[override]
        self,
        model: Any,
        codec: Any,
        seen: Annotated[tuple[str, ...], Doc("what was seen so far")] = (),
        *,
        count: Annotated[int, Doc("how many to name")] = 2,
        unseen: Any = None,
    ) -> Iterator[Place]:
        yield from (Place(item, 1 / (n + 1)) for n, item in enumerate([*seen, "more", "most"][:count]))

    answer = Task.answer


TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
    "threads": 1,
}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, ("tasks", "ranking"), Ranking)


@pytest.fixture
def ranked(book: Path) -> Path:
    statewise.train(Ranking(source="book.txt", updates=3, **TINY), run="ranked")
    return Path("ranked")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err


def test_checks_and_the_best_weights_go_by_the_score_of_the_task(book: Path) -> None:
    task = Ranking(source="book.txt", updates=6, checks=2, keep="best", **TINY)
    events = list(statewise.training(task, run="r"))
    checked = [event for event in events if isinstance(event, Checked)]
    assert [event.judged for event in checked] == [-event.metrics["found"] for event in checked]
    scorings = [event for event in events if isinstance(event, Scoring)]
    own = [event.fraction for event in scorings if event.what == "the held-out part"]
    assert own == [0.5, 1.0] * (len(checked) + 1)
    assert [event.fraction for event in scorings[len(own) :]] == [0.25, 0.5, 0.75, 1.0]  # n-grams: counted and scored
    best = min(checked, key=lambda event: event.judged)
    assert statewise.evaluate("r").metrics == best.metrics  # keep=best uses the weights of that check
    seen = statewise.inspect("r")
    assert seen["best"] == best.metrics


def test_what_the_numbers_mean_and_further_tables_stand_beneath(
    capsys: pytest.CaptureFixture[str], ranked: Path
) -> None:
    out, _ = said(capsys, "evaluate", "ranked", "--top", "4")
    lines = out.splitlines()
    assert lines[0].split() == ["found"]
    assert lines[4].startswith("It finds ")
    assert lines[6:8] == ["by length", "       found"]
    assert lines[-1] == "long   0.250"
    report = json.loads(said(capsys, "evaluate", "ranked", "--top", "4", "--json")[0])
    assert report["remarks"] == lines[4:5]
    assert report["tables"]["by length"]["short"] == report["metrics"]
    assert "It finds " in (ranked / "report.md").read_text()
    assert "| long | 0.250 |" in (ranked / "report.md").read_text()


def test_a_run_takes_the_arguments_and_flags_of_its_task(capsys: pytest.CaptureFixture[str], ranked: Path) -> None:
    helped, _ = said(capsys, "predict", "ranked", "--help")
    assert "SEEN" in helped
    assert "how many to name [default: 2]" in " ".join(helped.split())
    assert "unseen" not in helped  # it is for Python alone
    assert "--temperature" not in helped
    assert said(capsys, "predict", "ranked", "a", "b", "--count", "3") == ("a: 1.00\nb: 0.50\nmore: 0.33\n", "")
    assert said(capsys, "predict", "--count", "1", "ranked")[0] == "more: 1.00\n"  # flags may stand first
    answer = json.loads(said(capsys, "predict", "ranked", "a", "--json")[0])
    assert answer["answer"] == [{"item": "a", "share": 1.0}, {"item": "more", "share": 0.5}]
    assert (answer["task"], answer["run"]) == ("ranking", "ranked")


def test_a_flag_of_another_task_is_refused(capsys: pytest.CaptureFixture[str], ranked: Path, run_path: Path) -> None:
    assert "--temperature" in said(capsys, "predict", "ranked", "--temperature", "1", code=2)[1]
    assert "--dynamic" in said(capsys, "evaluate", "ranked", "--dynamic", code=2)[1]
    assert "--count" in said(capsys, "predict", "run", "--count", "1", code=2)[1]


def test_a_tuple_is_a_flag_that_is_repeated_and_what_is_on_can_be_switched_off(
    capsys: pytest.CaptureFixture[str], ranked: Path
) -> None:
    budget = [f"--{name.replace('_', '-')}={value}" for name, value in {**TINY, "updates": 1}.items()]
    command = ["train", "ranking", "book.txt", "--run", "r", "--tags", "a", "--tags", "b", "--no-sorts", *budget]
    said(capsys, *command, "--quiet")
    settings = statewise.inspect("r")["settings"]
    assert (settings["tags"], settings["sorts"]) == (["a", "b"], False)


def test_a_stream_of_lines_goes_on_from_its_state(
    capsys: pytest.CaptureFixture[str], run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def streamed(lines: str, *flags: str) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return said(capsys, "stream", "run", *flags)[0].splitlines()

    whole = streamed(LINES)
    first, rest = LINES.split("\n", 1)
    assert streamed(first, "--state", "kept") + streamed(rest, "--state", "kept") == whole
    assert [line.split("  ", 1)[1] for line in whole] == LINES.splitlines()
    surprise = json.loads(streamed("zzz\n", "--json")[0])
    assert surprise.keys() == {"bits", "characters", "line"}
    Path("kept").write_bytes(b"not a state")
    monkeypatch.setattr(sys, "stdin", io.StringIO(LINES))
    assert said(capsys, "stream", "run", "--state", "kept", code=2)[1].startswith("statewise: ")


def test_a_task_that_reads_no_lines_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, run_path: Path
) -> None:
    monkeypatch.setattr(Text, "live", Task.live)
    assert "text does not work on lines as they come" in said(capsys, "stream", "run", code=2)[1]


def test_a_run_that_diverged_says_so_wherever_it_is_used(run_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"event": "checked", "update": 10**9, "seconds": 1.0, "metrics": {"perplexity": math.inf}, "judged": -1.0}
    lines = (run_path / "events.jsonl").read_text().splitlines(keepends=True)
    (run_path / "events.jsonl").write_text("".join(lines[:-1]) + json.dumps(told) + "\n")
    words = "this run diverged (its perplexity is inf): train it again with a lower --learning-rate\n"
    for command in (["predict", "run", "It", "--length", "3"], ["evaluate", "run"]):
        assert run(command) == 0
        assert words in capsys.readouterr().err
    assert run(["predict", "run", "It", "--length", "3", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["inspect", "run"]) == 0
    assert words in capsys.readouterr().out


def test_a_run_that_did_not_diverge_says_nothing(run_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "run"]) == 0
    assert "diverged" not in capsys.readouterr().out
    assert run(["predict", "run", "It", "--length", "3"]) == 0
    assert capsys.readouterr().err == ""
