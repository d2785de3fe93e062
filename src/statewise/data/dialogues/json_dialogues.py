"""Conversations as JSON: one a line, or all of them by name in one object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statewise.data.dialogues.whole_files import numbered_lines
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

Found = Iterator[tuple[list[str], str]]
LISTS = "turns", "messages", "content", "dialog", "dialogue"
"Under which names the turns of a conversation may stand."
TEXTS = "text", "message", "content", "utterance"
"Under which names a turn may have its text."
SPEAKERS = "agent", "sender", "speaker", "role", "id"
"Under which names a turn may say whose it is."
FORM = '{"turns": ["...", "..."]}'
LONGEST_LINE = 1 << 24


def read_json_lines(content: bytes, path: Path) -> Found:
    """Yield the conversations of lines of JSON: each a whole one, or a text with its labels, as ParlAI has them.

    Raises `DataError`, naming the line, for anything else.
    """
    turns: list[str] = []
    begun = ""
    for number, line in numbered_lines(content, path):
        if not line.strip():
            continue
        where = f"line {number} of {path.name}"
        told = _read(line.encode(), where)
        if not isinstance(told, dict):
            raise DataError(f"{where} is not an object: give one conversation a line, such as {FORM}")
        if "text" in told:
            begun = begun or where
            turns += _episode_turns(told, where)
            if told.get("episode_done") is True:
                yield turns, begun
                turns, begun = [], ""
            continue
        yield turns_of(told, where), where
    if turns:
        yield turns, begun


def dialogues_in_object(content: bytes, path: Path) -> Found:
    """Yield the conversations of one piece of JSON: an object of conversations by name, or a list of them."""
    told = _read(content.removeprefix(b"\xef\xbb\xbf"), path.name)
    if isinstance(told, dict) and any(name in told for name in LISTS):
        told = [told]
    if not isinstance(told, dict | list) or not told:
        raise DataError(f"{path} holds no conversations: give an object of them by name, or a list of {FORM}")
    named = told.items() if isinstance(told, dict) else enumerate(told, start=1)
    for name, one in named:
        where = f"conversation {str(name)[:40]} of {path.name}"
        yield turns_of(one, where), where


def turns_of(told: Any, where: str) -> list[str]:
    """Return the turns of a conversation; what one speaker says in a row is one turn.

    >>> turns_of({"turns": ["Hi", "Hello"]}, "line 1")
    ['Hi', 'Hello']
    >>> turns_of({"content": [{"message": "a", "agent": 1}, {"message": "b", "agent": 1}]}, "line 1")
    ['a b']
    """
    found = told if isinstance(told, list) else None
    if isinstance(told, dict):
        found = next((told[name] for name in LISTS if isinstance(told.get(name), list)), None)
    if found is None:
        raise DataError(f"{where} has no list of turns: give {FORM}")
    turns: list[str] = []
    last: Any = None
    for one in found:
        said = [one] if not isinstance(one, list) else one
        texts, speaker = [_text_of(each, where) for each in said], _speaker_of(said)
        if speaker is not None and speaker == last:
            turns[-1] = " ".join([turns[-1], *texts])
        else:
            turns.append(" ".join(texts))
        last = speaker
    return turns


def _text_of(one: Any, where: str) -> str:
    text = one if isinstance(one, str) else None
    if isinstance(one, dict):
        text = next((one[name] for name in TEXTS if isinstance(one.get(name), str)), None)
    if text is None:
        raise DataError(f"{where} has a turn that is not text: give {FORM}")
    return text


def _speaker_of(said: list[Any]) -> Any:
    """Return whose a turn is; None where it does not say."""
    one = said[0] if said else None
    found = next((one[name] for name in SPEAKERS if name in one), None) if isinstance(one, dict) else None
    return found if isinstance(found, str | int) else None


def _episode_turns(told: dict[str, Any], where: str) -> list[str]:
    """Return a text, and the first of its labels."""
    labels = told.get("labels") or told.get("eval_labels") or []
    labels = [labels] if isinstance(labels, str) else labels
    if not isinstance(told["text"], str) or not isinstance(labels, list) or not all(isinstance(x, str) for x in labels):
        raise DataError(f'{where} has a text or labels that are not text: give {{"text": "...", "labels": ["..."]}}')
    return [told["text"], *labels[:1]]


def _read(content: bytes, where: str) -> Any:
    try:
        return read_json(content, any_number=True)
    except ValueError as error:
        raise DataError(f"{where} is not JSON ({error}): give one conversation a line, such as {FORM}") from None
