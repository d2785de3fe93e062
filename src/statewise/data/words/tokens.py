"""What a word is: texts cut into words and marks, a piece at a time, and words put together as a text again."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

Form = Literal["running", "lines", "tokenised"]
"""How texts are written: running text whose lines may end anywhere, one paragraph or sentence a line, or lines that are
cut into words by spaces already."""

UNKNOWN, END = "<unk>", "</s>"
"What stands for a word outside the vocabulary, and for the end of a paragraph, a sentence or a line."
MARKS = (UNKNOWN, END)
LONGEST_HELD = 1 << 20
"A piece without a space in so many characters is cut all the same."

WORD = r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|([^\w\s]|_)\1*|\w"
PATTERNS: dict[Form, str] = {
    "running": rf"\n[^\S\n]*\n\s*|<unk>|{WORD}",
    "lines": rf"\n\s*|<unk>|{WORD}",
    "tokenised": r"\n|\S+",
}
OPENING, CLOSING = frozenset("([{¿¡“‘«$£€#"), frozenset(".,;:!?)]}%”’»…")
QUOTES = frozenset("\"'")
JOINING = frozenset("-–—/_") | {"--", "@-@", "@,@", "@.@"}


def tokens_of(
    texts: Iterable[str], form: Form = "running", *, lower: bool = False, ends: bool = True
) -> Iterator[list[str]]:
    """Yield the words of a text that comes in pieces, in lists as long as the pieces; the end of a paragraph is `</s>`.

    A word is a run of letters, also with apostrophes within; a number, also with points and commas within; or a run of
    one mark, as `--`. Nothing else but white space stands between words. In `running` text an empty line ends a
    paragraph and any other line end is a space; in `lines` every line that has a word ends one; `tokenised` lines are
    cut at spaces alone, and every line end counts, those of empty lines too. At the end of the text, where it `ends`,
    a paragraph ends. Windows and old Macintosh line ends are read as others are.

    >>> [token for part in tokens_of(["It's 1,000 mi", "les --\\nhe said.\\n\\nNo."]) for token in part][-6:]
    ['said', '.', '</s>', 'No', '.', '</s>']
    """
    find, last, counts_all = _finder(form), END, form == "tokenised"
    for text in pieces_of(texts):
        found = [END if token[0] == "\n" else token for token in find(text.lower() if lower else text)]
        if not counts_all:
            found = _without_repeated_ends(found, last)
        if found:
            last = found[-1]
            yield found
    if ends and last != END:
        yield [END]


def pieces_of(texts: Iterable[str]) -> Iterator[str]:
    """Yield a text with plain line ends, in pieces that end before white space, so that no word or empty line is cut.

    >>> list(pieces_of(["one tw", "o\\r", "\\n\\r\\nthree"]))
    ['one', ' two', '\\n\\nthree']
    """
    return _cut_at_spaces(_with_plain_line_ends(texts))


def words_of(text: str, form: Form = "running", *, lower: bool = False) -> list[str]:
    """Return the words of a text that goes on: its last paragraph has not ended.

    >>> words_of("Mr. O'Neil -- well ...")
    ['Mr', '.', "O'Neil", '--', 'well', '...']
    """
    parts = tokens_of([text], form, lower=lower, ends=False)
    return [token for part in parts for token in part]


class Joiner:
    """Puts words together as a text: spaces where they are usual, none before a comma.

    >>> join = Joiner()
    >>> "".join(join(word) for word in ["He", "(", "a", "man", ")", "said", ":", '"', "No", ".", '"', "</s>", "So"])
    'He (a man) said: "No."\\nSo'
    """

    def __init__(self, last: str = END) -> None:
        self.last, self.is_quoting = "", False
        if last != END:
            self(last)

    def __call__(self, word: str) -> str:
        """Return a word with what stands between it and the one before it."""
        if word == END:
            self.last, self.is_quoting = "", False
            return "\n"
        is_closing = word in CLOSING or (word in QUOTES and self.is_quoting) or word in JOINING
        is_after_opening = self.last == "" or self.last in OPENING or self.last in JOINING
        is_after_opening = is_after_opening or (self.last in QUOTES and self.is_quoting)
        if word in QUOTES:
            self.is_quoting = not self.is_quoting
        self.last = word
        return word if is_closing or is_after_opening else f" {word}"


def _finder(form: Form) -> Callable[[str], Iterator[str]]:
    pattern = re.compile(PATTERNS[form])
    return lambda text: (match[0] for match in pattern.finditer(text))


def _without_repeated_ends(found: list[str], last: str) -> list[str]:
    kept = []
    for token in found:
        if token != END or last != END:
            kept.append(token)
        last = token
    return kept


def _with_plain_line_ends(texts: Iterable[str]) -> Iterator[str]:
    held = ""
    for text in texts:
        whole = held + text
        held = "\r" if whole.endswith("\r") else ""
        yield (whole[:-1] if held else whole).replace("\r\n", "\n").replace("\r", "\n")
    if held:
        yield "\n"


def _cut_at_spaces(texts: Iterable[str]) -> Iterator[str]:
    """Yield a text in pieces that end before white space, so that neither a word nor an empty line is cut."""
    held = ""
    for text in texts:
        held += text
        kept = len(held.rstrip())
        at = max(held.rfind(" ", 0, kept), held.rfind("\n", 0, kept))
        cut = len(held[:at].rstrip()) if at > 0 else 0
        if cut:
            yield held[:cut]
            held = held[cut:]
        elif len(held) > LONGEST_HELD:
            yield held
            held = ""
    if held:
        yield held
