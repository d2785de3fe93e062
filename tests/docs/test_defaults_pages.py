"""The tables of texts and logs that were learned without settings are those that the proof wrote down."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
SAVED = json.loads((ROOT / "proofs" / "results" / "defaults.json").read_text())


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "proofs"))
    spec = importlib.util.spec_from_file_location("defaults", ROOT / "proofs" / "defaults.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["text", "recommend"])
def test_the_table_of_a_page_is_the_one_that_was_written_down(name: str, proof: Any) -> None:
    page = proof.page if name == "text" else proof.logs_page
    assert page(SAVED) in (TUTORIALS / f"{name}.md").read_text()


def test_claims_are_counted_from_the_rows(proof: Any) -> None:
    assert proof.claims(SAVED) == SAVED["claims"]
    for row in (*SAVED["texts"].values(), *SAVED["logs"].values()):
        assert row["minutes"] > 0
        assert row["chosen"].startswith("chosen by the ")
        assert {"date", "commit", "machine", "versions"} <= set(row)


def test_texts_are_of_many_scripts_and_four_were_unread(proof: Any) -> None:
    assert len({text.script for text in proof.TEXTS}) >= 6
    assert sum(text.is_kept for text in proof.TEXTS) == 4
    assert {name for name, row in SAVED["texts"].items() if row["unread_until_the_end"]} <= {
        text.name for text in proof.TEXTS if text.is_kept
    }
