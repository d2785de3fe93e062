"""Every form of drawings is read as it is, and what is none is refused in one line."""

import gzip
import json
import struct
import tracemalloc
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.strokes import Drawing, read_drawings, read_one
from statewise.data.strokes.stroke3 import LARGEST_MEMBER
from statewise.errors import DataError

CAT = '{"word": "cat", "recognized": true, "key_id": "1", "drawing": '


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def plain(drawing: Drawing) -> list[list[list[float]]]:
    return [stroke.tolist() for stroke in drawing.strokes]


def svg(tmp_path: Path, body: str, head: str = 'viewBox="0 0 100 100"') -> Drawing:
    return read_one(put(tmp_path, "a.svg", f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{body}</svg>'))


def test_quickdraw_is_read_raw_and_simplified(tmp_path: Path) -> None:
    lines = [
        CAT + "[[[0, 3], [0, 4], [0, 500]], [[5], [6], [900]]]}",
        CAT + "[[[1, 2], [3, 4]]]}",
        CAT.replace("true", "false") + "[[[1, 2], [3, 4]]]}",
        CAT + "[]}",
    ]
    left_out = Counter[str]()
    raw, simplified = read_drawings([put(tmp_path, "cat.ndjson", "\n".join(lines) + "\n\n")], left_out)
    assert plain(raw) == [[[0, 0], [3, 4]], [[5, 6]]]
    assert raw.times is not None
    assert [time.tolist() for time in raw.times] == [[0, 0.5], [0.9]]
    assert (raw.label, simplified.label, simplified.times) == ("cat", "cat", None)
    assert left_out == {"not recognized by Google": 1, "without a point": 1}


def test_quickdraws_binary_files_are_read(tmp_path: Path) -> None:
    head = struct.pack("<Q2sbIH", 7, b"DE", 1, 0, 2)
    strokes = struct.pack("<H3B3B", 3, 1, 2, 3, 4, 5, 6) + struct.pack("<H1B1B", 1, 9, 8)
    other = struct.pack("<Q2sbIH", 8, b"DE", 0, 0, 1) + struct.pack("<H1B1B", 1, 9, 8)
    left_out = Counter[str]()
    path = put(tmp_path, "full_binary_cat.bin", head + strokes + other)
    (drawing,) = read_drawings([path], left_out)
    assert plain(drawing) == [[[1, 4], [2, 5], [3, 6]], [[9, 8]]]
    assert drawing.label == "cat"
    assert left_out == {"not recognized by Google": 1}
    path.write_bytes((head + strokes)[:-1])
    with pytest.raises(DataError, match=r"drawing 1 of .* was cut: fetch the file again"):
        [*read_drawings([path])]


def test_lines_of_our_own_have_text_writer_class_and_times(tmp_path: Path) -> None:
    line = {"text": "hi", "writer": "ann", "class": "word", "strokes": [[[0, 1, 0], [2, 3, 0.25]], [[4, 5, 1]]]}
    (drawing,) = read_drawings([put(tmp_path, "a.jsonl", json.dumps(line))])
    assert plain(drawing) == [[[0, 1], [2, 3]], [[4, 5]]]
    assert (drawing.text, drawing.writer, drawing.label) == ("hi", "ann", "word")
    assert drawing.times is not None
    assert drawing.times[0].tolist() == [0, 0.25]


def arrays(*drawings: list[list[int]], dtype: Any = np.int16) -> Any:
    made = np.empty(len(drawings), dtype=object)
    for number, rows in enumerate(drawings):
        made[number] = np.array(rows, dtype=dtype)
    return made


def test_drawings_of_sketch_rnn_are_read_with_their_parts_and_first_segment(tmp_path: Path) -> None:
    first = [[3, 4, 0], [1, 0, 1], [2, 0, 0], [0, 5, 1]]
    begun = [[0, 0, 0], [0, -11, 1]]
    path = tmp_path / "cat.npz"
    np.savez_compressed(path, train=arrays(first), test=arrays(begun, dtype=np.float32), valid=arrays([[0, 0, 1]]))
    read = {drawing.part: drawing for drawing in read_drawings([path])}
    assert plain(read["training"]) == [[[0, 0], [3, 4], [4, 4]], [[6, 4], [6, 9]]]
    assert plain(read["held_out"]) == [[[0, 0], [0, -11]]]
    assert plain(read["validation"]) == [[[0, 0], [0, 0]]]
    assert read["training"].label == "cat"


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_way_in_which_numpy_wrote_such_arrays_is_read(tmp_path: Path, protocol: int) -> None:
    import pickle

    from statewise.data.strokes.object_arrays import read_object_array

    given = arrays([[300, -4, 0], [255, 7, 1]], [[1, 2, 1]])
    read = [*read_object_array(pickle.dumps(given, protocol), "it")]
    assert [array.tolist() for array in read] == [array.tolist() for array in given]


def test_a_malicious_npz_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    import pickle

    trace = tmp_path / "it ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trace,)

    head = b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(79) + b"\n"
    for content in (pickle.dumps(Evil(), 2), pickle.dumps([Evil()], 4), b"\x80\x02ios\nsystem\n.", b"\x80\x02K", b""):
        path = tmp_path / "evil.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train.npy", head + content)
        with pytest.raises(DataError, match=r"train.npy in .* (is refused: |is damaged or was cut)") as raised:
            [*read_drawings([path])]
        assert "\n" not in str(raised.value)
        assert not trace.exists()


def test_an_npz_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("train.npy", "w") as member:
        for _ in range(LARGEST_MEMBER // (1 << 20) + 1):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"train.npy in .* unpacks to more than"):
        [*read_drawings([path])]
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_numbers_of_an_npz_are_held_in_memory_once(tmp_path: Path) -> None:
    path = tmp_path / "cat.npz"
    np.savez_compressed(path, train=np.zeros((20_000, 40, 3), np.float32))
    drawings = read_drawings([path])
    tracemalloc.start()
    next(drawings)
    assert tracemalloc.get_traced_memory()[1] < 1.6 * 20_000 * 40 * 3 * 4
    tracemalloc.stop()


@pytest.mark.parametrize("opcodes", [b"]", b"K\1", b"]q\0"])
def test_opcodes_that_only_fill_memory_are_refused(opcodes: bytes) -> None:
    from statewise.data.strokes.object_arrays import read_object_array

    with pytest.raises(DataError, match="it holds more at once than an array of arrays needs"):
        [*read_object_array(b"\x80\2" + opcodes * 20_000 + b".", "it")]


def test_an_array_that_lies_about_its_size_or_refers_to_others_is_refused() -> None:
    import pickle

    from statewise.data.strokes.object_arrays import read_object_array

    whole = pickle.dumps(arrays([[300, -4, 0], [255, 7, 1]]), 2)
    for place in range(len(whole)):
        for changed in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :]):
            with suppress(DataError):  # anything else that it raises is a fault
                for array in read_object_array(changed, "it"):
                    assert array.size * array.itemsize < len(whole)


def test_an_svg_keeps_the_order_of_the_document_and_every_kind_of_line(tmp_path: Path) -> None:
    drawing = svg(
        tmp_path,
        """<g stroke="black" fill="none" transform="translate(10 0)">
        <line x1="0" y1="0" x2="1" y2="0"/>
        <g transform="scale(2)"><polyline points="1,1 2,1 2,2"/></g>
        <path d="M0 5h3 M7 7 v2 z"/>
        <rect x="1" y="2" width="3" height="4"/></g>
        <line x1="50" y1="50" x2="60" y2="60" style="stroke:#00f"/>""",
    )
    assert [stroke[0].tolist() for stroke in drawing.strokes] == [[10, 0], [12, 2], [10, 5], [17, 7], [11, 2], [50, 50]]
    assert plain(drawing)[1] == [[12, 2], [14, 2], [14, 4]]
    assert plain(drawing)[3] == [[17, 7], [17, 9], [17, 7]]
    assert len(drawing.strokes[4]) == 5


def test_curves_arcs_and_circles_of_an_svg_lie_where_they_should(tmp_path: Path) -> None:
    circle = svg(tmp_path, '<circle cx="10" cy="20" r="5" stroke="red"/>').strokes[0]
    assert np.hypot(*(circle - [10, 20]).T) == pytest.approx(5)
    assert len(circle) > 90
    arc = svg(tmp_path, '<path stroke="red" d="M0 0 a5 5 0 0 1 10 0"/>').strokes[0]
    assert np.hypot(*(arc - [5, 0]).T) == pytest.approx(5)
    smooth = svg(tmp_path, '<path stroke="red" d="M0 0 C0 10 10 10 10 0 S20 -10 20 0 Q25 5 30 0 T40 0"/>').strokes[0]
    assert smooth[12].tolist() == pytest.approx([5, 7.5])
    assert smooth[36].tolist() == pytest.approx([15, -7.5])
    assert smooth[84].tolist() == pytest.approx([35, -2.5])


def test_uses_of_an_svg_are_heeded_and_points_are_in_its_own_coordinates(tmp_path: Path) -> None:
    body = '<defs><line id="l" x1="0" y1="0" x2="1" y2="1" stroke="red"/></defs><use href="#l" x="3"/>'
    assert plain(svg(tmp_path, body, 'viewBox="2 1 10 10" width="20mm" height="20mm"')) == [[[3, 0], [4, 1]]]


LAUGHS = "".join(f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<text>cat</text>", "has no lines, only text or nothing: give lines that are stroked"),
        ('<rect width="3" height="4"/>', "has fills and no strokes: give lines that are stroked"),
        ("", "has no lines"),
        ('<g id="a0"><line stroke="red" x2="1"/></g>' + LAUGHS, "draws more than 50,000 shapes by <use>"),
        ('<g id="a"><use href="#a"/></g>', "has a <use> that uses itself"),
        ("<g>" * 200 + "</g>" * 200, "more than 100 in each other"),
        ('<line stroke="red" x2="1e300"/>', "has a point that is not finite, or beyond 1e"),
        ("<g>", "is no XML"),
        ("<style>" + "a{" * 50_000 + "</style>", "styles or a transform of more than 10,000 characters"),
        ("<style>a</style>" * 10_001, "styles or a transform of more than 10,000 characters"),
        (f'<line stroke="red" transform="{"scale(" * 2000}"/>', "styles or a transform of more than 10,000 char"),
        (
            '<g transform="' + "scale(1)" * 1000 + '">' + '<path stroke="red" d="M0 0L1 1"/>' * 40 + "</g>",
            "around many",
        ),
        (f'<path stroke="red" d="M0 0L1 1{"zl1 1" * 101}"/>', "closed more than 100 times without a move"),
    ],
)
def test_an_svg_without_lines_or_without_end_is_refused(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        svg(tmp_path, body)


def test_xml_that_declares_entities_is_refused(tmp_path: Path) -> None:
    text = '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg><text>&a;</text></svg>'
    for content in (text.encode(), f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16")):
        with pytest.raises(DataError, match="declares an entity, which is not read"):
            read_one(put(tmp_path, "a.svg", content))


def test_without_svgelements_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from statewise.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "svgelements", None)
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[strokes\]'"):
        svg(tmp_path, '<line stroke="red" x2="1"/>')


def test_inkml_is_read_with_its_channels_and_differences(tmp_path: Path) -> None:
    text = """<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="truth">x</annotation>
    <traceFormat><channel name="X"/><channel name="F"/><channel name="Y"/><channel name="T" units="ms"/></traceFormat>
    <trace>10 0 20 100, 11 0 21 200</trace>
    <trace>1 0 2 5, '3 '0 '-1 '10, 2 0 -1 10, "1 "0 "1 "0</trace></ink>"""
    drawing = read_one(put(tmp_path, "a.inkml", text))
    assert plain(drawing) == [[[10, 20], [11, 21]], [[1, 2], [4, 1], [6, 0], [9, 0]]]
    assert drawing.text == "x"
    assert drawing.times is not None
    assert [time.tolist() for time in drawing.times] == [[0.1, 0.2], pytest.approx([0.005, 0.015, 0.025, 0.035])]
    with pytest.raises(DataError, match=r"trace 1 of .* has a point '1' where 2 numbers are wanted"):
        read_one(put(tmp_path, "b.inkml", "<ink><trace>1</trace></ink>"))
    with pytest.raises(DataError, match=r"trace 1 of .* has 'one' where a number should be"):
        read_one(put(tmp_path, "b.inkml", "<ink><trace>one 2</trace></ink>"))


def line_of_iam(folder: Path, number: int, points: int) -> Path:
    ink = "".join(f'<Point x="{10 * n}" y="{n}" time="{5 + n}"/>' for n in range(points))
    content = f"<WhiteboardCaptureSession><StrokeSet><Stroke>{ink}</Stroke></StrokeSet></WhiteboardCaptureSession>"
    return put(folder, f"lineStrokes/a01/a01-000/a01-000u-0{number}.xml", content)


def test_lines_of_iam_come_with_their_text_and_those_that_disagree_are_counted(tmp_path: Path) -> None:
    files = [line_of_iam(tmp_path, 1, 20), line_of_iam(tmp_path, 2, 3), line_of_iam(tmp_path, 3, 20)]
    put(tmp_path, "ascii/a01/a01-000/a01-000u.txt", "OCR:\n\nnot this\n\nCSR:\n\nA move\nto stop\n")
    left_out = Counter[str]()
    (drawing,) = read_drawings(files, left_out)
    assert (drawing.text, drawing.writer, drawing.points) == ("A move", "a01-000", 20)
    assert drawing.times is not None
    assert drawing.times[0][:2].tolist() == [0, 1]
    assert left_out == {"whose ink and text disagree": 1, "without its text": 1}


def test_a_page_of_iam_has_its_text_and_writer(tmp_path: Path) -> None:
    page = (
        """<WhiteboardCaptureSession><General><Form writerID="10003" id="a"/></General>
    <Transcription><Text>By Tre
    vor</Text><TextLine text="By Tre"/><TextLine text="vor"/></Transcription>
    <StrokeSet><Stroke><Point x="1" y="2" time="0.5"/><Point x="2" y="2" time="1"/></Stroke>
    <Stroke><Point x="1" y="5" time="2"/>"""
        + '<Point x="3" y="5" time="3"/>' * 30
    )
    drawing = read_one(
        put(tmp_path, "original/strokesz.xml", page + "</Stroke></StrokeSet></WhiteboardCaptureSession>")
    )
    assert (drawing.text, drawing.writer, len(drawing.strokes)) == ("By Tre\nvor", "10003", 2)


def test_unipen_is_read_by_its_segments_with_what_it_includes(tmp_path: Path) -> None:
    head, last = ".COORD X Y T P\n.WRITER_ID ann\n", ".PEN_DOWN\n5 6 20 9\n.PEN_UP\n.DT 4\n7 8\n"
    ink = f"{head}.PEN_DOWN\n1 2 0 9\n3 4 10 9\n.PEN_UP\n{last}"
    put(tmp_path, "include/ann/one.dat", ink)
    included = ".VERSION 1.0\n.INCLUDE ann/me.doc\n.INCLUDE ann/one.dat\n"
    segments = included + '.SEGMENT CHARACTER 0 ? "a"\n.SEGMENT CHARACTER 0-1 ? "b"\n'
    one, other = read_drawings([put(tmp_path, "data/1a/one.dat", segments)])
    assert plain(one) == [[[1, -2], [3, -4]]]
    assert plain(other) == [[[1, -2], [3, -4]], [[5, -6]]]
    assert (one.label, other.text, one.writer) == ("a", "b", "ann")
    assert one.times is not None
    assert one.times[0].tolist() == [0, 0.01]
    (whole,) = read_drawings([tmp_path / "include/ann/one.dat"])
    assert plain(whole) == plain(other)
    words = ink + '.SEGMENT WORD 0-1 ? "ab"\n.SEGMENT CHARACTER 0 ? "a"\n'
    (word,) = read_drawings([put(tmp_path, "words.unp", words)])
    assert (word.text, word.label) == ("ab", None)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n", r"a\.png is a raster image \(PNG\), which has no lines: give SVG or strokes"),
        ("a.svg", b"\xff\xd8\xff\xe0", r"raster image \(JPEG\)"),
        ("a.svg", "", "is empty: give SVG"),
        ("a.svg", "<html/>", "is XML, but no SVG: its root is <html>"),
        ("a.docx", "PK", "ends in no known form: give SVG, QuickDraw"),
        ("a.json", "[]", "is no collection of icons"),
        ("a.jsonl", "{", "line 1 of .* is no JSON"),
        ("a.jsonl", '{"strokes": 3}', "line 1 of .* has no strokes"),
        ("a.jsonl", '{"strokes": [3]}', "stroke 1 of line 1 of .* is 3: a list of points"),
        ("a.jsonl", '{"strokes": [[[1, 2], [3]]]}', "is no list of points"),
        ("a.jsonl", '{"strokes": [[[1, 2, 3, 4]]]}', r"has the shape \[1, 4\]"),
        ("a.jsonl", '{"strokes": [[[1, 1e99]]]}', "not finite, or beyond 1e\\+09"),
        ("a.jsonl", '{"strokes": [[[1, "a"]]]}', "is no list of points"),
        ("a.jsonl", '{"strokes": [[["1", "2"]]]}', "is no list of points"),
        ("a.jsonl", '{"strokes": [[[true, false]]]}', "is no list of points"),
        ("a.jsonl", '{"strokes": [[[1, 2, 3]], [[1, 2]]]}', "has times in some strokes and none in others"),
        ("a.jsonl", '{"strokes": [[[1, 2]]], "class": 3}', "the class of line 1 of .* is 3: a short text is wanted"),
        ("a.jsonl", '{"strokes": []}', "holds no drawing but one without a point"),
        ("a.jsonl", '{"strokes": [[[1, 2]]]}\n{"strokes": [[[1, 2]]]}', "holds more than one drawing"),
        ("a.ndjson", CAT + "[[[1, 2], [3]]]}", "has a stroke of 2 x and 1 y"),
        ("a.ndjson", CAT + "[[1, 2]]}", r"has a stroke \[1, 2\]"),
        ("a.npz", b"PK\x05\x06" + bytes(18), "has no train.npy, valid.npy or test.npy"),
        ("a.npz", b"nothing", "cannot be unpacked"),
        ("a.bin", b"12345", "was cut"),
        ("a.bin", b"\xff" * 40, "is none: the file is damaged, or no binary file of QuickDraw"),
        ("a.xml", "<a/>", "is XML of <a>: give SVG, InkML"),
        (
            "a.xml",
            "<WhiteboardCaptureSession><Stroke><Point x='a'/></Stroke></WhiteboardCaptureSession>",
            "whose x is 'a'",
        ),
        ("a.unp", "nothing", "has no ink between .PEN_DOWN and .PEN_UP"),
        ("a.unp", ".PEN_DOWN\n1 b\n", "line 2 of .* is '1 b': numbers X Y are wanted"),
        ("a.unp", ".PEN_DOWN\n1 2\n.SEGMENT WORD 0-3 ? a", "names strokes '0-3', and there are 1"),
        ("a.unp", ".PEN_DOWN\n1 2\n.SEGMENT WORD all ? a", "names the strokes 'all'"),
        ("a.unp", ".INCLUDE ../secret\n", "which may lie anywhere: it is refused"),
        ("a.unp", ".INCLUDE ink.dat\n", "and there is none in a folder include"),
        ("a.inkml", "<ink><traceFormat><channel name='F'/></traceFormat></ink>", "has no channels X and Y"),
        (
            "a.inkml",
            f"<ink>{''.join(f'<channel name={n!r}/>' for n in 'XY' * 51)}</ink>",
            "has 102 channels",
        ),
        ("a.jsonl", '{"strokes": [[[1, 2]]], "class": "\\ud800"}', "the class of line 1 of .* holds half a character"),
        (
            "a.jsonl",
            '{"strokes": [[[1, 2]]], "writer": "a\\udfff"}',
            "the writer of line 1 of .* holds half",
        ),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        read_one(put(tmp_path, name, content))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_drawing_of_too_many_points_is_refused(tmp_path: Path) -> None:
    line = json.dumps({"strokes": [[[n, n % 7] for n in range(50_001)]]})
    with pytest.raises(DataError, match="has more than 50,000 points: give a drawing of fewer"):
        read_one(put(tmp_path, "a.jsonl", line))


def test_a_gzip_that_is_called_npz_is_no_drawing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_one(put(tmp_path, "a.npz", gzip.compress(b"a" * 99)))


def test_icons_are_read_and_filled_ones_counted(tmp_path: Path) -> None:
    icons = {"line": {"body": '<path stroke="currentColor" d="M1 2h3"/>'}, "blob": {"body": '<path d="M1 2h3z"/>'}}
    left_out = Counter[str]()
    (icon,) = read_drawings([put(tmp_path, "icons.json", json.dumps({"icons": icons}))], left_out)
    assert (plain(icon), icon.text) == ([[[1, 2], [4, 2]]], "line")
    assert left_out == {"without a stroked line": 1}


def test_other_files_in_a_folder_of_drawings_are_counted(tmp_path: Path) -> None:
    files = [put(tmp_path, "LICENSE", "MIT"), put(tmp_path, "a.jsonl", '{"strokes": [[[1, 2]]]}')]
    left_out = Counter[str]()
    assert len([*read_drawings(files, left_out)]) == 1
    assert left_out == {"files of another kind (without an ending)": 1}
