"""The small version of the proof of strangers' runs, and that it fails where what it proves is broken."""

import importlib
import random
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

PROOFS = Path(__file__).parents[2] / "proofs"
VERBS = ["inspect", "load", "predict", "evaluate", "resume", "compare"]


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("fastapi")
    monkeypatch.syspath_prepend(PROOFS)
    for name in ("outcomes", "spoiling", "strangers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("strangers")


def spoiled(proof: ModuleType, run: Path, kind: str, seed: int) -> str:
    what: str = proof.SPOILS[kind](run, random.Random(seed))
    return what


@pytest.mark.parametrize("kind", ["bytes", "value", "settings", "kind", "sizes", "names"])
def test_a_spoiled_run_is_refused_in_one_line_or_used(
    proof: ModuleType, kind: str, trained_once: Path, tmp_path: Path
) -> None:
    assert set(proof.SPOILS) == {"bytes", "value", "settings", "kind", "sizes", "names"}
    came = set()
    for seed in range(4):
        folder = tmp_path / str(seed)
        shutil.copytree(trained_once / "run", folder / "run")
        shutil.copytree(trained_once / ".data", folder / ".data")
        what = spoiled(proof, folder / "run", kind, seed)
        for verb in VERBS[seed % 2 :: 2]:
            outcome = proof.outcome_of(verb, folder / "run")
            assert outcome in proof.GOOD, (kind, seed, what, verb, outcome)
            came.add(outcome)
    assert came


def test_the_proof_fails_where_a_run_is_read_without_a_check(
    proof: ModuleType, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run_path / "run.yaml"
    told: dict[str, Any] = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**told, "parameters": "many"}, sort_keys=False))
    assert proof.outcome_of("inspect", run_path) == "refused"
    monkeypatch.setattr("statewise.run.directory.misfit", lambda *given: None)
    assert proof.outcome_of("inspect", run_path).startswith("traceback (ValueError")


def test_the_proof_fails_where_harm_is_shown_a_program_starts_or_too_much_is_said(proof: ModuleType) -> None:
    assert proof.verdict("inspect", 0, "all is well\n", "") == "used"
    assert proof.verdict("inspect", 2, "", "scoring\nstatewise: no\n") == "refused"
    assert proof.verdict("inspect", 0, "\x1b[2J", "").startswith("printed what is harmful")
    assert proof.verdict("inspect", 1, "", "statewise: no\n").startswith("exit code 1")
    assert proof.verdict("resume", 1, "", "statewise: no\n") == "refused"
    assert proof.verdict("inspect", 2, "", "statewise: no\nstatewise: no\n").startswith("exit code 2 and 2 lines")
    assert proof.verdict("inspect", 2, "", "").startswith("exit code 2 and 0 lines")
    proof.HEARING.heard = ["subprocess.Popen ('sh',)"]
    assert proof.verdict("inspect", 0, "", "").startswith("started something")
