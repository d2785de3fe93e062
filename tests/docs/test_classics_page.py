"""What the page of the classics says is what its proof found, whether or not the paper was reached."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from statewise_lab.classics.experiments import EXPERIMENTS
from statewise_lab.classics.summary import held

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "classics.md").read_text()
FOUND = json.loads((ROOT / "proofs" / "results" / "classics.json").read_text())


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT / "proofs")
    return runpy.run_path(str(ROOT / "proofs" / "classics.py"))


def test_the_tables_of_the_page_are_those_of_the_committed_result(proof: dict[str, Any]) -> None:
    assert PAGE.count("<!-- table: ") == len(proof["GROUPS"]) == 4
    assert proof["filled"](PAGE, FOUND) == PAGE
    for summary in FOUND["experiments"]:
        assert f"| {summary['title']} | {summary['criterion']} | {summary['paper']['reached']}" in PAGE


def test_what_is_in_the_result_was_made_with_the_settings_of_now_and_what_is_not_is_named() -> None:
    made = {}
    for summary in FOUND["experiments"]:
        experiment = EXPERIMENTS[summary["name"]]
        assert summary["criterion"] == experiment.criterion
        for one in summary["contenders"]:
            assert one["settings"] == experiment.contender(one["name"]).as_json()
            made[summary["name"], one["name"]] = one["seeds"]
    for name, experiment in EXPERIMENTS.items():
        for contender in experiment.contenders:
            missing = [job for job in FOUND["missing"] if job.startswith(f"{name}/{contender.label}/")]
            assert made.get((name, contender.label), 0) + len(missing) == experiment.seeds


def test_what_is_said_of_longer_sequences_is_what_was_found() -> None:
    (order,) = (summary for summary in FOUND["experiments"] if summary["name"] == "order-50-200")
    lstm = next(one for one in order["contenders"] if one["name"] == "lstm")
    wrong = [looked["wrong_of_1000_by_length"]["5000"] for looked in lstm["looked"]]
    assert ("at 5,000 steps most sequences are wrong" in " ".join(PAGE.split())) is (min(wrong) > 500)


def test_what_the_proof_claims_is_what_its_figures_say() -> None:
    assert FOUND["holds"] == held(FOUND["experiments"], "Hochreiter", "lstm")
    words, reached = " ".join(PAGE.split()), sum(FOUND["holds"].values())
    assert f"in {reached} of {len(FOUND['holds'])} experiments" in words
    minutes, count = FOUND["processor_seconds"] / 60, FOUND["trials"] + len(FOUND["missing"])
    assert f"{FOUND['trials']} of its {count} trials took {minutes:.0f} minutes of one processor" in words
