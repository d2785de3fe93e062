"""Files of every form, damaged at random: each is read or refused in one line, and nothing else happens."""

import random
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from statewise.data.strokes import read_drawings
from statewise.errors import StatewiseError

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><defs><path id="a" d="M0 0 q1 2 3 4"/></defs>
<g transform="rotate(20) scale(2 3)" stroke="red"><use href="#a"/><circle r="4" cx="1" cy="2"/>
<path d="M1 1 C 2 3 4 5 6 7 S 1 2 3 4 A 5 5 0 0 1 3 3 z m 2 2 h3 v4"/><rect width="3" height="4" rx="1"/></g></svg>"""
INKML = """<ink><annotation type="truth">x</annotation><traceFormat><channel name="X"/><channel name="Y"/></traceFormat>
<trace>10 0, 11 0</trace><trace>1 0, '3 '-1, "1 "0</trace></ink>"""
IAM = '<WhiteboardCaptureSession><Stroke><Point x="1" y="2" time="3.5"/></Stroke></WhiteboardCaptureSession>'
UNIPEN = """.COORD X Y T
.PEN_DOWN
1 2 3
4 5 6
.PEN_UP
.PEN_DOWN
1 2 3
.SEGMENT WORD 0-1 ? "ab"
.SEGMENT CHARACTER 0:1-1:2,1 ? "a"
"""
LINES = '{"strokes": [[[1,2,0],[3,4,1]]], "class": "cat"}\n{"drawing": [[[1,2],[3,4]]], "word": "dog"}\n'
ICONS = '{"prefix":"x","icons":{"a":{"body":"<path stroke=\\"red\\" d=\\"M1 2h3\\"/>"}}}'
BINARY = struct.pack("<Q2sbIH", 7, b"DE", 1, 0, 1) + struct.pack("<H3B3B", 3, 1, 2, 3, 4, 5, 6)
WHOLE = {
    "a.svg": SVG.encode(),
    "a.inkml": INKML.encode(),
    "a.xml": IAM.encode(),
    "a.unp": UNIPEN.encode(),
    "a.jsonl": LINES.encode(),
    "a.json": ICONS.encode(),
    "a.bin": BINARY,
}
PUT_IN = [b"1e999", b"NaN", b"-", b"9" * 30, b"<g>", b"\0", b"\xff", b'"', b"inf", b"<use href='#a'/>", b"[[", b"{"]


def damaged(content: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(content) + 1)
        end = min(len(content), place + dice.randint(1, 20))
        content = dice.choice(
            [
                content[:place],
                content[:place] + content[end:],
                content[:place] + dice.choice(PUT_IN) + content[place:],
                content[:end] + content[place:end] * dice.randint(1, 3) + content[end:],
                content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :],
            ]
        )
    return content


@pytest.mark.parametrize("name", WHOLE)
def test_a_damaged_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    dice, path, refused = random.Random(0), tmp_path / name, 0
    path.write_bytes(WHOLE[name])
    assert [*read_drawings([path])] or name == "a.xml"
    for _ in range(150):
        path.write_bytes(damaged(WHOLE[name], dice))
        with suppress(StatewiseError):
            [*read_drawings([path])]
            continue
        refused += 1
    assert refused > 20
