"""What came from a file, made harmless where it is shown: in a terminal, HTML, Markdown, a picture, or as JSON.

A file may hold characters that move a cursor, clear a screen, turn text round, hide it, or end a line early. Each of
them is shown as the replacement character; JSON names it by its number, and so loses nothing.
"""

import html
import json
import re
import unicodedata
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
FORMULA = "=+-@\t"
"What a spreadsheet takes a cell for a formula by."
LONGEST = 2000
"So many characters of one line are shown."

# Controls but tab and line feed; line and paragraph separators; embeddings, overrides and isolates of direction, with
# the deprecated format characters; annotations; halves of a pair; what is not a character; tags, which are invisible.
HARMFUL = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


def in_block(text: str) -> str:
    """Return text of several lines without what would do more than be read; a carriage return goes.

    >>> in_block("To be\\r\\n\\x1b[2Jor")
    'To be\\n�[2Jor'
    """
    return HARMFUL.sub(REPLACEMENT, text.replace("\r", "")) if HARMFUL.search(text) else text


def sample_in_block(text: str) -> str:
    """Return a sample without blanks around it; one of nothing but blanks, as of an untrained model, in words.

    >>> sample_in_block(" to be\\n"), sample_in_block(" \\n  "), sample_in_block("")
    ('to be', '(4 blanks)', '(nothing)')
    """
    block = in_block(text)
    return block.strip() or (f"({counted(len(block), 'blank')})" if block else "(nothing)")


def in_line(value: object, longest: int = LONGEST) -> str:
    """Return a value as one line, cut where it is longer than a line may be.

    >>> in_line("a\\nb\\x07"), in_line("abcdef", longest=4)
    ('a b�', 'abc…')
    """
    text = in_block(str(value)[: longest + 1]).replace("\n", " ").replace("\t", " ")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def columns_of_screen(text: str) -> int:
    """Return how many columns a text takes in a terminal: letters of East Asia take two, marks over a letter none.

    >>> columns_of_screen("abc"), columns_of_screen("日本語"), columns_of_screen("e\u0301")
    (3, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def counted(count: int, unit: str) -> str:
    """Return how many there are, with their name.

    >>> counted(1, "pair"), counted(2_000, "pair")
    ('1 pair', '2,000 pairs')
    """
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def in_cell(text: str) -> str:
    """Return a cell of a table that is no formula when a spreadsheet opens it; `from_cell` takes it back.

    >>> in_cell("=1+1"), in_cell("-0.5"), from_cell(in_cell("=1+1"))
    ("'=1+1", '-0.5', '=1+1')
    """
    is_number = text.lstrip("-").replace(".", "", 1).isdigit()
    return f"'{text}" if text[:1] in FORMULA and text and not is_number else text


def from_cell(cell: str) -> str:
    """Return the text of a cell that `in_cell` made."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA and cell[1:2] else cell


def in_html(value: object) -> str:
    """Return a value as it stands in HTML or SVG, between tags or in a quoted attribute.

    >>> in_html("<b>\\x1b")
    '&lt;b&gt;�'
    """
    return html.escape(in_block(str(value)))


def in_markdown(value: object) -> str:
    """Return a value as it stands on a line or in a cell of Markdown, with nothing of it read as HTML or as a cell.

    >>> in_markdown("a|b <i>")
    'a\\\\|b &lt;i&gt;'
    """
    return html.escape(in_line(value), quote=False).replace("|", "\\|")


def in_code(value: object) -> str:
    """Return a value as a span of code in Markdown, which a backtick inside it does not end.

    >>> in_code("a <b>"), in_code("a`b")
    ('`a <b>`', '`` a`b ``')
    """
    text = in_line(value)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"`{text}`" if len(fence) == 1 else f"{fence} {text} {fence}"


def in_picture(value: object) -> str:
    """Return a value as matplotlib draws it: no `$` begins a formula, and no `_` in front keeps it from a legend.

    >>> in_picture("_a$b$")
    ' _a\\\\$b\\\\$'
    """
    text = in_line(value).replace("$", "\\$")
    return f" {text}" if text.startswith("_") else text


def in_json(value: Any) -> str:
    """Return plain values as one line of JSON that any encoding can hold and any terminal can show.

    >>> in_json({"é": "\\x9b\\ud800"})
    '{"é": "\\\\u009b\\\\ud800"}'
    """
    return HARMFUL.sub(_by_number, json.dumps(value, ensure_ascii=False))


def _by_number(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]  # two halves of a pair where it needs them
