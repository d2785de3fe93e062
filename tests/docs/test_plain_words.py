"""Docstrings, messages and pages use plain words: they name who or what acts, and say after, with or compared with."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = re.compile(r"\b(who|whoever|nobody|somebody|anybody|everybody|behind|beside|anew)\b", re.IGNORECASE)
BOUND = 1.0
"How many of them there may be in 10,000 words."
IS_NO = re.compile(
    r"(?<!there )\b(is|are) (no (?!longer|more|less|larger|smaller|greater|such|other|one\b)\w+|none\b(?! among))"
)
LEFT = r"data/strokes|statewise/server|tasks/handwriting"
"Rooms whose words are still to be changed."
SOURCES = sorted(path.relative_to(ROOT) for path in (ROOT / "src").rglob("*.py"))
OWNERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def counted(texts: Iterable[str]) -> tuple[Counter[str], int]:
    """Count such words, and all words, in texts without their code."""
    found: Counter[str] = Counter()
    total = 0
    for text in texts:
        plain = re.sub(r"`[^`]*`|~\w+", "", text)
        total += len(re.findall(r"\w+", plain))
        found.update(word.lower() for word in WORDS.findall(plain))
    return found, total


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for path in sorted((ROOT / "src").rglob("*.py"))]


def docstrings() -> list[str]:
    nodes = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, OWNERS)]
    return [text for node in nodes if (text := ast.get_docstring(node))]


def messages() -> list[str]:
    """Every other text with a space in it: messages, help texts and notes on constants."""
    owned = set(docstrings())
    nodes = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = [node.value for node in nodes if isinstance(node.value, str) and " " in node.value]
    return [text for text in texts if text not in owned]


def pages() -> list[str]:
    """The prose of the pages: neither code nor tables, which repeat what programs print."""
    paths = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
    texts = [re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL) for path in paths]
    return ["\n".join(line for line in text.splitlines() if not line.startswith("|")) for text in texts]


@pytest.mark.parametrize("texts", [docstrings, messages, pages], ids=lambda of: of.__name__)
def test_few_words_leave_open_what_acts_or_where(texts: Callable[[], list[str]]) -> None:
    found, total = counted(texts())
    assert 1e4 * found.total() / total <= BOUND, dict(found)


@pytest.mark.parametrize("path", [path for path in SOURCES if not re.search(LEFT, str(path))], ids=str)
def test_nothing_is_named_by_a_word_for_a_person_or_a_side(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text())
    named = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.name for node in ast.walk(tree) if isinstance(node, OWNERS) and not isinstance(node, ast.Module)}
    assert {name for name in named if WORDS.search(name.replace("_", " "))} <= {"EVERYBODY", "is_behind"}


@pytest.mark.parametrize("path", [path for path in SOURCES if not re.search(LEFT, str(path))], ids=str)
def test_messages_say_that_a_thing_is_not_one_in_place_of_is_no(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text())
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    texts = [node.value for one in raised for node in ast.walk(one) if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and IS_NO.search(text)] == []


@pytest.mark.parametrize(
    "text", ["7 is no number", "'a' is no whole number from 1", "they are no JSON", "pen 3 is none: give"]
)
def test_the_search_for_messages_finds_those_that_were_there(text: str) -> None:
    assert IS_NO.search(text)


def test_such_words_are_counted_outside_of_code_alone() -> None:
    found, total = counted(["Nobody waits beside it.", "Give `behind` to who asks for ~nobody."])
    assert (dict(found), total) == ({"nobody": 1, "beside": 1, "who": 1}, 9)
