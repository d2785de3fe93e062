"""Rasa's training data for understanding, as YAML."""

import json
import re
from collections.abc import Iterator
from typing import Any

from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE, SampleUtterance, SlotSpan
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

ENTITY = re.compile(r"\[([^\[\]]+)\](?:\(([^()]+)\)|(\{[^{}]*\}))")
OUT_NAMES = ("nlu_fallback", "out_of_scope", "oos")


def rasa_of_yaml(document: Lined, title: str, found: Any) -> None:
    """Add the utterances, synonyms and lists of a document to what was found. Raises `DataError`, with the line."""
    told = document.value.get("nlu") if isinstance(document.value, dict) else None
    if told is None:
        return
    if not isinstance(told.value, list):
        raise DataError(f"{title} line {told.line}: nlu is {told.kind} where a list is wanted")
    for one in told.value:
        fields = one.value if isinstance(one.value, dict) else {}
        kind = next((name for name in ("intent", "synonym", "lookup", "regex") if name in fields), None)
        if kind is None or "examples" not in fields:
            raise DataError(f"{title} line {one.line}: an entry is wanted with intent, synonym or lookup, and examples")
        name = fields[kind].value
        if not isinstance(name, str):
            raise DataError(f"{title} line {fields[kind].line}: {kind} is {fields[kind].kind} where a name is wanted")
        lines = list(_lines(fields["examples"], title))
        if kind == "intent":
            found.utterances += [_utterance(text, name, f"{title} line {line}") for line, text in lines]
        elif kind == "synonym":
            found.add_value("", name, [text for _, text in lines])
        elif kind == "lookup":
            for _, text in lines:
                found.add_value(name, text)


def _lines(examples: Lined, title: str) -> Iterator[tuple[int, str]]:
    """Yield the examples, which are one text with a hyphen before each, or a list of texts."""
    if isinstance(examples.value, list):
        for one in examples.value:
            own: Lined = one.value.get("text", Lined("", 0)) if isinstance(one.value, dict) else one
            text = own.value
            for line in str(text or "").splitlines():
                if line.strip():
                    yield one.line, line.strip().removeprefix("- ")
        return
    for number, line in enumerate(str(examples.value or "").splitlines(), start=1):
        if not line.strip():
            continue
        if not line.strip().startswith("-"):
            raise DataError(
                f"{title} line {examples.line + number}: '{in_line(line.strip(), 40)}' has no hyphen before it"
            )
        yield examples.line + number, line.strip()[1:].strip()


def _utterance(text: str, intent: str, where: str) -> SampleUtterance:
    """Return an utterance whose slots are written as `[words](slot)` or `[words]{"entity": "slot"}`."""
    plain, slots, at = "", list[SlotSpan](), 0
    for found in ENTITY.finditer(text):
        plain += text[at : found.start()]
        name, value = found[2], None
        if found[3]:
            try:
                told = read_json(found[3].encode())
                name, value = told["entity"], told.get("value")
            except (ValueError, KeyError, TypeError, json.JSONDecodeError):
                raise DataError(f"{where}: {in_line(found[3], 60)} does not name an entity: check it") from None
        elif ":" in name:
            name, value = name.split(":", 1)
        said = value if isinstance(value, str) else None
        slots.append(SlotSpan(len(plain), len(plain) + len(found[1]), str(name), said))
        plain, at = plain + found[1], found.end()
    plain += text[at:]
    return SampleUtterance(plain, OUT_OF_SCOPE if intent in OUT_NAMES else intent, tuple(slots), where)
