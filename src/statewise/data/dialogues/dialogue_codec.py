"""How conversations become what a network reads and writes: subwords, with a mark after each turn that says whose."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from statewise.data.codec import Codec
from statewise.data.dialogues.spoken_words import MOST_KNOWN, words_in
from statewise.data.pairs.pair import LONGEST_TEXT
from statewise.data.pairs.subwords import END, START, UNKNOWN, Subwords
from statewise.errors import DataError

THEIRS, OWN = END, START
"What stands after a turn of the person who is answered, and after one of the writer's own."
NOT_SAID = START, UNKNOWN
"Codes that no reply has."
LONGEST, MOST_TURNS, MOST_CHECKS = 1 << 16, 100, 10_000


@final
@dataclass(frozen=True, eq=False)
class DialogueCodec(Codec):
    """What turns conversations into codes, and codes into replies.

    Of what was said before, the last `turns` turns are read, and of their codes the last `longest_read`; a reply has at
    most `longest` codes. `example` is a turn that training saw. `checks` are turns before replies, of the part that is
    kept for checks, from which it is found how sure a model is of an ordinary reply. `words` are those of training,
    none where a run did not keep them.
    """

    subwords: Subwords
    turns: int
    longest_read: int
    longest: int
    example: str
    checks: tuple[tuple[str, ...], ...] = ()
    words: tuple[str, ...] = ()

    @cached_property
    def known(self) -> frozenset[str]:
        """The words of training, to look one up."""
        return frozenset(self.words)

    def unknown_words(self, turn: str) -> tuple[list[str], int]:
        """Return the words of a turn that training never had, of letters, and how many words of letters it has."""
        said = [word for word in words_in(turn) if not word.isdigit()]
        return [word for word in said if self.words and word not in self.known], len(said)

    @property
    def size(self) -> int:
        """The number of subwords."""
        return self.subwords.size

    @property
    def symbols(self) -> Sequence[str]:
        """The subwords."""
        return [self.subwords.piece(code) for code in range(self.size)]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        numbers = {name: getattr(self, name) for name in ("turns", "longest_read", "longest", "example")}
        told = {"checks": [list(one) for one in self.checks], "words": list(self.words)}
        return {**numbers, **told, "subwords": self.subwords.as_json()}

    @classmethod
    def read(cls, written: Any) -> "DialogueCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            turns, read, longest = (written[name] for name in ("turns", "longest_read", "longest"))
            example, checks, words = written["example"], written["checks"], written.get("words", [])
            is_sound = all(type(number) is int and 0 < number < LONGEST for number in (turns, read, longest))
            is_sound = is_sound and turns <= MOST_TURNS and isinstance(example, str)
            is_sound = is_sound and 0 < len(example) <= LONGEST_TEXT and len(checks) <= MOST_CHECKS
            is_sound = is_sound and all(_are_turns(one, turns) for one in checks)
            is_sound = is_sound and isinstance(words, list) and len(words) <= MOST_KNOWN
            is_sound = is_sound and all(isinstance(word, str) and 0 < len(word) <= LONGEST_TEXT for word in words)
            subwords = Subwords.read(written["subwords"])
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of conversations: it is damaged, or of another version")
        return cls(subwords, turns, read, longest, example, tuple(tuple(one) for one in checks), tuple(words))

    def encode_turns(self, turns: Sequence[str]) -> list[int]:
        """Return the turns before a reply, which are `cleaned`, as codes; the last is the other's, as every second.

        No turn at all is a single mark.
        """
        some = turns[max(0, len(turns) - self.turns) :]
        return self.joined([self.subwords.encode(turn).codes for turn in some])

    def joined(self, turns: Sequence[Sequence[int]]) -> list[int]:
        """Return the codes of turns with their marks, the last so many of them."""
        if not turns:
            return [THEIRS]
        codes = []
        for back, turn in enumerate(reversed(turns)):
            codes.append([*turn, OWN if back % 2 else THEIRS])
        return [code for turn in reversed(codes) for code in turn][-self.longest_read :]

    def encode_reply(self, text: str) -> list[int]:
        """Return a reply, which is `cleaned`, as codes, its end as the last."""
        return [*self.subwords.encode(text).codes, END]

    def decode(self, codes: Sequence[int]) -> str:
        """Return the text of some codes."""
        return " ".join(self.subwords.decode(codes).split())


def _are_turns(one: Any, most: int) -> bool:
    is_list = isinstance(one, list) and 0 < len(one) <= most
    return is_list and all(isinstance(turn, str) and 0 < len(turn) <= LONGEST_TEXT for turn in one)
