"""Conversations made ready once: cleaned, split so that none is in two parts, as codes; kept by content hash."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.dialogues.dialogue_codec import DialogueCodec
from statewise.data.dialogues.dialogue_files import SpokenTurns, clean_dialogues, read_dialogues
from statewise.data.dialogues.spoken_words import known_words
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import PARTS, Splitting, Third, filled_parts, key_of
from statewise.data.pairs.subwords import END, Subwords, usual_size
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

FORMAT = 2
"What is kept in a cache is made again where this is another number."
NAMES = TURNS, CODES, LENGTHS, BEGINS, PLACES, CODEC, FACTS = (
    "turns.txt",
    "codes.bin",
    "lengths.bin",
    "conversations.bin",
    "parts.bin",
    "codec.json",
    "facts.json",
)
LARGEST_FILE, LARGEST_TOLD = 1 << 32, 1 << 26
MOST_NAMED = 20
CHECKS = 300
"From so many places it is found how sure a model is of an ordinary reply."


class Wording(NamedTuple):
    """How turns become codes: subwords (none: by the amount of text), how many turns and codes are read and written."""

    subwords: int | None
    turns: int
    longest_read: int
    longest: int


@dataclass(frozen=True)
class PreparedDialogues:
    """Turns as texts and as codes, one conversation after another, each in one of three parts.

    `ends` says where in `codes` each turn ends, `conversations` which conversation it is of, `parts` which part.
    """

    codec: DialogueCodec
    turns: list[str]
    codes: NDArray[np.int32]
    ends: NDArray[np.int64]
    conversations: NDArray[np.int32]
    parts: NDArray[np.uint8]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: Third) -> NDArray[np.int64]:
        """Return which turns of a part are replies that can be learned: those that follow another and fit."""
        follows = np.diff(self.conversations, prepend=-1) == 0
        fits = self.lengths < self.codec.longest
        return np.flatnonzero(follows & fits & (self.parts == PARTS.index(part)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many codes each turn has, its mark not counted."""
        return np.diff(self.ends, prepend=0)

    def turn(self, number: int) -> list[int]:
        """Return a turn as codes."""
        return [int(code) for code in self.codes[self.ends[number - 1] if number else 0 : self.ends[number]]]

    def before(self, number: int) -> range:
        """Return which turns are read before a reply."""
        first = int(np.searchsorted(self.conversations, self.conversations[number]))
        return range(max(first, number - self.codec.turns), number)

    def said_before(self, number: int) -> list[str]:
        """Return the turns that are read before a reply as texts."""
        return [self.turns[one] for one in self.before(number)]

    def coded(self, number: int, *, reads: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what is read before a reply, or nothing, and the reply, as codes with their marks."""
        read = self.codec.joined([self.turn(one) for one in self.before(number)] if reads else [])
        return np.array(read, np.int64), np.array([*self.turn(number), END], np.int64)


def prepare_dialogues(sources: Sequence[str], splitting: Splitting, wording: Wording, cache: Path) -> PreparedDialogues:
    """Return conversations in three parts, as codes; they are made once and kept in `cache` by their contents.

    Raises `DataError` where a source cannot be read, or a part would have no reply.
    """
    files = find_files(sources, "dialogues")
    contents = digest(files)
    told = [FORMAT, contents, [path.name for path in files], splitting, wording]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        found, left_out, others = _read(files)
        parts = _parts(found, splitting)
        _check_parts({parts[number] for number in range(len(found))}, found, splitting, sources, left_out)
        codec = _learned([one for one, part in zip(found, parts, strict=True) if part == 0], wording)
        made = _coded(codec, found, parts, left_out, contents)
        _check_parts(
            {number for number, part in enumerate(PARTS) if made.facts.get(part)}, found, splitting, sources, left_out
        )
        made.facts["files_of_another_kind"] = others[:MOST_NAMED]
        _write(folder, made)

    found, notice = kept(cache, key, NAMES, make, _kept)
    return PreparedDialogues(**{**vars(found), "notice": notice})


def dialogues_with(codec: DialogueCodec, sources: Sequence[str]) -> PreparedDialogues:
    """Return other conversations, all of them held out, by a codec that there is."""
    files = find_files(sources, "dialogues")
    found, left_out, _ = _read(files)
    made = _coded(codec, found, [PARTS.index("held_out")] * len(found), left_out, digest(files))
    if not made.facts["held_out"]:
        raise DataError(f"{', '.join(sources)} has no reply to score: {'; '.join(left_out.told()) or 'give others'}")
    return made


def _read(files: Sequence[Path]) -> tuple[list[SpokenTurns], LeftOutCount, list[str]]:
    """Return the conversations of files, what was left out, and the names of files that are of another kind."""
    left_out, others = LeftOutCount("conversation"), list[str]()
    return list(clean_dialogues(read_dialogues(files, others), left_out)), left_out, others


def _parts(found: Sequence[SpokenTurns], splitting: Splitting) -> list[int]:
    """Return the part of each conversation: the same for all parts of one, and for those with the same words."""
    words: dict[int, list[str]] = {}
    for one in found:
        words.setdefault(one.whole, []).extend(one.turns)
    keys = {whole: key_of(" / ".join(turns)) for whole, turns in words.items()}
    return filled_parts([keys[one.whole] for one in found], splitting)


def _check_parts(
    there: set[int], found: Sequence[SpokenTurns], splitting: Splitting, sources: Sequence[str], left_out: LeftOutCount
) -> None:
    """Raise `DataError` where a part has no conversation, or none with a reply."""
    missing = {"training": 0, "held-out": 2} | ({"validation": 1} if splitting.validation else {})
    for name, part in missing.items():
        if part not in there:
            told = "".join(f"; {line}" for line in left_out.told())
            raise DataError(
                f"{', '.join(sources)} has {len(found):,} conversations of two turns or more, and the {name} part "
                f"would have no reply{told}: give more conversations or other shares"
            )


def _learned(training: Sequence[SpokenTurns], wording: Wording) -> DialogueCodec:
    turns = [turn for one in training for turn in one.turns]
    size = wording.subwords or usual_size(sum(turn.count(" ") + 1 for turn in turns))
    short = (one.turns[0] for one in training if 2 <= len(one.turns[0].split()) <= 8)
    example = next(short, turns[0][:100])
    return DialogueCodec(Subwords.learned(turns, size), *wording[1:], example, words=known_words(turns))


def _coded(
    codec: DialogueCodec, found: Sequence[SpokenTurns], parts: Sequence[int], left_out: LeftOutCount, contents: str
) -> PreparedDialogues:
    turns = [turn for one in found for turn in one.turns]
    codes = codec.subwords.encode_all(turns)
    ends = np.cumsum([len(one) for one in codes], dtype=np.int64)
    flat = np.fromiter((code for one in codes for code in one), np.int32, count=int(ends[-1]) if len(ends) else 0)
    counts = [len(one.turns) for one in found]
    conversations = np.repeat(np.arange(len(found), dtype=np.int32), counts)
    places = np.repeat(np.array(parts, np.uint8), counts)
    made = PreparedDialogues(codec, turns, flat, ends, conversations, places, {})
    made = PreparedDialogues(**{**vars(made), "facts": _facts(made, parts, left_out, contents)})
    if codec.checks:
        return made
    numbers = made.numbers("validation") if made.facts.get("validation") else made.numbers("training")
    some = numbers[np.linspace(0, len(numbers) - 1, min(CHECKS, len(numbers))).astype(int)] if len(numbers) else []
    checks = tuple(tuple(made.said_before(int(number))) for number in some)
    return PreparedDialogues(**{**vars(made), "codec": DialogueCodec(**{**vars(codec), "checks": checks})})


def _facts(made: PreparedDialogues, parts: Sequence[int], left_out: LeftOutCount, contents: str) -> dict[str, Any]:
    counts = {name: len(made.numbers(name)) for name in ("training", "validation", "held_out")}
    if not counts["validation"]:
        del counts["validation"]
    follows = np.diff(made.conversations, prepend=-1) == 0
    return {
        "unit": "exchange",
        **counts,
        "conversations": {name: sum(part == number for part in parts) for number, name in enumerate(PARTS)},
        "replies_too_long": int((follows & (made.lengths >= made.codec.longest)).sum()),
        "subwords": made.codec.size,
        **left_out.facts(),
        "sha256": contents,
    }


def _write(folder: Path, made: PreparedDialogues) -> None:
    (folder / TURNS).write_text("\n".join(made.turns), encoding="utf-8", newline="\n")
    arrays = (CODES, made.codes), (LENGTHS, made.lengths), (BEGINS, made.conversations), (PLACES, made.parts)
    for name, array in arrays:
        (folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
    for name, told in ((CODEC, made.codec.as_json()), (FACTS, made.facts)):
        (folder / name).write_text(json.dumps(told), encoding="utf-8")


def _kept(folder: Path) -> PreparedDialogues:
    def array(name: str, kind: Any) -> NDArray[Any]:
        return np.frombuffer(read_file(folder / name, LARGEST_FILE, DataError), kind)

    codec, facts = (read_json(read_file(folder / name, LARGEST_TOLD, DataError)) for name in (CODEC, FACTS))
    codes, ends = array(CODES, np.int32), np.cumsum(array(LENGTHS, np.int64))
    conversations, parts = array(BEGINS, np.int32), array(PLACES, np.uint8)
    turns = read_file(folder / TURNS, LARGEST_FILE, DataError).decode().split("\n")
    if not len(turns) == len(ends) == len(conversations) == len(parts) or ends[-1] != len(codes):
        raise DataError("what was kept of the conversations does not fit together")
    return PreparedDialogues(DialogueCodec.read(codec), turns, codes, ends, conversations, parts, facts)
