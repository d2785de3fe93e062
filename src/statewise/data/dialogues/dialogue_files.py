"""Conversations out of files, whatever their form, with what cannot be learned from left out and counted."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from statewise.data.dialogues.json_dialogues import dialogues_in_object, read_json_lines
from statewise.data.dialogues.whole_files import content_of, numbered_lines
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair import LONGEST_TEXT, cleaned
from statewise.errors import DataError

SEPARATOR = "+++$+++"
LINES, CONVERSATIONS = "movie_lines", "movie_conversations"
"What the names of the two files of the Cornell form begin with."
MOST_TURNS = 20_000_000
PARLAI = re.compile(r"(?:^|\t)(text|labels|eval_labels|episode_done):")
FORMS = (
    'JSON lines such as {"turns": ["...", "..."]}, lines of text, labels and episode_done, movie_lines.txt with '
    "movie_conversations.txt, or JSON of conversations by name"
)


class SpokenTurns(NamedTuple):
    """What was said in turn, and where that stands. Each turn is another speaker's than the one before.

    What is part of one conversation has the same `whole`: the number of that, from 0.
    """

    turns: list[str]
    where: str
    whole: int = 0


def read_dialogues(files: Sequence[Path], others: list[str]) -> Iterator[SpokenTurns]:
    """Yield the conversations of some files.

    The names of files of another kind are added to `others`; a file that is given alone raises `DataError` for it.
    """
    for path in files:
        name = path.name.lower()
        if name.startswith(CONVERSATIONS):
            yield from _read_cornell(path, files)
        elif name.startswith(LINES):
            if not any(other.name.lower().startswith(CONVERSATIONS) for other in files):
                raise DataError(f"{path} has no {CONVERSATIONS}.txt next to it: give both files, or their folder")
        elif found := _read_one(path):
            yield from found
        elif len(files) > 1:
            others.append(path.name)
        else:
            raise DataError(f"{path} is not a file of conversations: give {FORMS}")


def clean_dialogues(found: Iterator[SpokenTurns], left_out: LeftOutCount) -> Iterator[SpokenTurns]:
    """Yield conversations that can be learned from, cleaned: cut where a turn is empty; the others are counted.

    Left out are conversations of a single turn, and those that stood before.
    """
    seen: set[int] = set()
    turns = 0
    for whole, dialogue in enumerate(found):
        for part in _between_empty(dialogue):
            key = hash(tuple(part))
            if len(part) < 2:
                left_out.add("with a single turn" if part else "without any word", dialogue.where)
            elif key in seen:
                left_out.add("that stood before", dialogue.where)
            else:
                seen.add(key)
                turns += len(part)
                if turns > MOST_TURNS:
                    raise DataError(f"there are more than {MOST_TURNS:,} turns: give fewer")
                yield SpokenTurns(part, dialogue.where, whole)


def _between_empty(dialogue: SpokenTurns) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for turn in dialogue.turns:
        if clean := cleaned(turn[:LONGEST_TEXT]):
            parts[-1].append(clean)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part] or [[]]


def _read_one(path: Path) -> Iterator[SpokenTurns] | None:
    """Return the conversations of a file that stands alone; None where it is of no form that is known."""
    content = content_of(path)
    begun = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:200]
    if ".json" in [suffix.lower() for suffix in path.suffixes]:
        found = dialogues_in_object(content, path)
    elif begun.startswith(b"{"):
        found = read_json_lines(content, path)
    elif PARLAI.match(begun.decode("utf-8", "replace")):
        found = _read_parlai(content, path)
    else:
        return None
    return (SpokenTurns(turns, where) for turns, where in found)


def _read_parlai(content: bytes, path: Path) -> Iterator[tuple[list[str], str]]:
    r"""Yield the conversations of lines such as `text:Hi<tab>labels:Hello<tab>episode_done:True`.

    Of several labels, which stand between `|`, the first is the reply.
    """
    turns: list[str] = []
    begun = ""
    for number, line in numbered_lines(content, path):
        if not line.strip():
            continue
        where = f"line {number} of {path.name}"
        fields = _fields(line)
        if "text" not in fields:
            raise DataError(f"{where} has no text: give text:...<tab>labels:...<tab>episode_done:True")
        begun = begun or where
        turns += [fields["text"], *([label.split("|")[0]] if (label := _label(fields)) else [])]
        if fields.get("episode_done", "").strip().lower() == "true":
            yield turns, begun
            turns, begun = [], ""
    if turns:
        yield turns, begun


def _label(fields: dict[str, str]) -> str:
    return fields.get("labels") or fields.get("eval_labels") or ""


def _fields(line: str) -> dict[str, str]:
    places = list(PARLAI.finditer(line))
    ends = [place.start() for place in places[1:]] + [len(line)]
    return {place[1]: line[place.end() : end].replace("\\n", " ") for place, end in zip(places, ends, strict=True)}


def _read_cornell(path: Path, files: Sequence[Path]) -> Iterator[SpokenTurns]:
    """Yield the conversations that a file lists by the numbers of lines in another one.

    Lines that one character says one after another are one turn.
    """
    lines_file = next((other for other in files if other.name.lower().startswith(LINES)), None)
    if lines_file is None:
        raise DataError(f"{path} has no {LINES}.txt next to it: give both files, or their folder")
    said: dict[str, tuple[str, str]] = {}
    for number, line in numbered_lines(content_of(lines_file), lines_file):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(SEPARATOR)]
        if len(cells) < 5:
            raise DataError(f"line {number} of {lines_file.name} has {len(cells)} fields between '{SEPARATOR}': give 5")
        said[cells[0]] = cells[1], " ".join(cells[4:])
    for number, line in numbered_lines(content_of(path), path):
        if not line.strip():
            continue
        where = f"line {number} of {path.name}"
        names = re.findall(r"L\d+", line.rpartition(SEPARATOR)[2])
        if not names or (missing := [name for name in names if name not in said]):
            lacks = f"names {missing[0]}, which {lines_file.name} has not" if names else "names no lines"
            raise DataError(f"{where} {lacks}: check both files")
        turns: list[str] = []
        last = ""
        for name in names:
            speaker, text = said[name]
            if speaker == last:
                turns[-1] += f" {text}"
            else:
                turns.append(text)
            last = speaker
        yield SpokenTurns(turns, where)
