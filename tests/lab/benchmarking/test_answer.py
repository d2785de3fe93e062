"""`statewise bench` answers each question with PyTorch beside us, and says why other peers are not there."""

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from statewise.cells import Recurrent
from statewise.cli.main import run
from statewise.exchange import from_torch
from statewise.kernels import extension
from statewise_lab.benchmarking import roofline, training
from statewise_lab.benchmarking.questions import QUESTIONS

ROOT = Path(__file__).parents[3]
QUICK = ["--quick", "--rounds", "1", "--threads", "1"]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["bench", *arguments, *QUICK, "--json", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return json.loads(said.out)


def test_without_a_question_all_are_listed_with_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(QUESTIONS)
    assert all(" minutes  " in line and line.endswith("?") for line in lines)
    assert run(["bench", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(QUESTIONS)


@pytest.mark.parametrize("question", [name for name in QUESTIONS if name != "roofline"])
def test_a_question_is_answered_by_us_and_by_the_peers(question: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, question)
    assert (found["question"], found["rounds"], found["machine"]["threads"]) == (question, 1, 1)
    assert found["versions"]["torch"]
    for row in found["rows"]:
        assert row["best_peer"]["statewise"] in row["seconds"]
        assert row["ratio_to"]["statewise"][row["best_peer"]["statewise"]] > 0
        assert all(why.startswith(("not asked for", "has no loop")) for why in row["absent"].values()), row["absent"]
        for name, difference in row["largest_difference"].items():
            assert difference < (1e-2 if name.endswith(("bfloat16", "int8")) else 1e-3), name


def test_the_roofline_has_products_and_every_small_cache(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roofline, "caches", lambda: {"L1": 2**15, "L2": 2**20, "L3": 2**25})
    rows = answer(capsys, "roofline")["rows"]
    products = [row for row in rows if "matrix products" in row["case"]["what"]]
    levels = [row["case"]["what"].split("(")[1][:2] for row in rows if row["case"]["what"].startswith("reading")]
    assert len(products) == (1 if extension.instructions() is None else 2)  # PyTorch's, and ours
    assert levels == ["L1", "L2"]
    assert all(row["at best"] > 0.1 for row in rows)


def test_the_kernel_that_ran_is_named_and_a_masked_one_is_the_one_for_masks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = {row["kernel"] for row in answer(capsys, "training")["rows"]}
    masked = {row["kernel"] for row in answer(capsys, "lengths")["rows"]}
    assert whole in ({"torch"}, {"native"})
    assert masked in ({"reference"}, {"native"})


@pytest.mark.parametrize("question", ["sessions", "roofline"])
def test_a_result_is_kept_with_its_picture(question: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answer(capsys, question, "--save", str(tmp_path / "results"))
    assert json.loads((tmp_path / "results" / f"{question}.json").read_text()) == found
    assert (tmp_path / "results" / f"{question}.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_goes_to_standard_output_and_progress_to_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "sessions", *QUICK]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("### How long does one step of many sessions take")
    assert "- JAX: not asked for (--peers)" in said.out.splitlines()
    lines = said.err.splitlines()
    assert lines[0] == "sessions: a moment"
    assert [line.split(",")[0] for line in lines[1:]] == ["sessions 1", "sessions 5"]


def test_our_own_wrong_outputs_end_in_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(module: nn.RNNBase) -> Recurrent[Any]:
        found = from_torch(module)
        next(found.parameters()).data[0] += 0.1
        return found

    monkeypatch.setattr(training, "ours", wrong)
    assert run(["bench", "training", *QUICK]) == 1
    assert "- statewise: its outputs differ by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trainign"], "did you mean 'training'"),
        (["training", "--rounds", "0"], "rounds 0 is not a whole number from 1 to 1000: give one"),
        (["training", "--threads", "-1"], "threads -1 is not a whole number from 1 to 1024: give one"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_every_question_has_its_script_and_its_turn_in_make_bench() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = next(line for line in makefile.splitlines() if line.startswith("QUESTIONS := ")).split()[2:]
    assert set(listed) == set(QUESTIONS)
    for name, question in QUESTIONS.items():
        script = (ROOT / "benchmarks" / f"{name}.py").read_text()
        assert script.startswith(f'"""{question.asks}\n')
        assert f'main(["bench", "{name}", "--peers"' in script
