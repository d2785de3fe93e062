"""Snips' training data for understanding, as YAML."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from statewise.data.utterances.sample_utterance import SampleUtterance, SlotSpan
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined

SLOT = re.compile(r"\[([^\[\]:]+)(?::([^\[\]]+))?\](?:\(([^()]*)\))?")


def snips_of_yaml(documents: Sequence[Lined], title: str, found: Any) -> None:
    """Add the intents and entities of documents to what was found. Raises `DataError`, with the line."""
    for document in documents:
        fields: Mapping[str, Lined] = document.value
        kind = fields["type"].value
        name = fields.get("name", Lined(None, document.line)).value
        if kind not in ("intent", "entity") or not isinstance(name, str):
            raise DataError(
                f"{title} line {document.line}: a document is wanted with type intent or entity, and a name"
            )
        if kind == "entity":
            for value in _list(fields.get("values"), title):
                words = [str(one.value) for one in value.value] if isinstance(value.value, list) else [str(value.value)]
                found.add_value(name, words[0], words[1:])
            if str(fields.get("automatically_extensible", Lined("", 0)).value).lower() in ("false", "no"):
                found.closed.add(name)
        else:
            found.utterances += [_utterance(one, name, title) for one in _list(fields.get("utterances"), title)]


def _list(at: Lined | None, title: str) -> list[Lined]:
    if at is None:
        return []
    if not isinstance(at.value, list):
        raise DataError(f"{title} line {at.line}: {at.kind} stands where a list is wanted")
    return at.value


def _utterance(at: Lined, intent: str, title: str) -> SampleUtterance:
    """Return an utterance whose slots are written as `[slot:entity](words)`."""
    text, where = str(at.value or ""), f"{title} line {at.line}"
    plain, slots, end = "", list[SlotSpan](), 0
    for found in SLOT.finditer(text):
        if not found[3]:
            raise DataError(f"{where}: slot '{found[1]}' has no words: write it as [{found[1]}:entity](words)")
        plain += text[end : found.start()]
        slots.append(SlotSpan(len(plain), len(plain) + len(found[3]), found[1].strip()))
        plain, end = plain + found[3], found.end()
    return SampleUtterance(plain + text[end:], intent, tuple(slots), where)
