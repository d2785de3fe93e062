"""The pages about cells leave none out, say of each what its docstring says, and show what draw_cells.py draws."""

import importlib.util
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from statewise import cells

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "cells").glob("*.md"))
SCRIPT = ROOT / "docs" / "pictures" / "draw_cells.py"
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["statewise.cells"]


def drawing() -> Any:
    spec = importlib.util.spec_from_file_location("draw_cells", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DRAWING = drawing()
DESCRIBED: dict[str, str] = DRAWING.described()
picture = pytest.mark.parametrize("name", sorted(DESCRIBED))


class Section(NamedTuple):
    """What a page says under one heading."""

    page: Path
    text: str

    @property
    def equations(self) -> str:
        return "\n".join(re.findall(r"^```text\n(.*?)^```", self.text, flags=re.MULTILINE | re.DOTALL))

    @property
    def pictures(self) -> list[Path]:
        return [(self.page.parent / link).resolve() for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", self.text)]


def sections() -> Iterator[Section]:
    for page in PAGES:
        for text in re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]:
            yield Section(page, text)


def section_of(cell: str) -> Section:
    found = [section for section in sections() if f"`--cell {cell}`" in section.text]
    assert len(found) == 1, f"{len(found)} sections of docs/cells say `--cell {cell}`: write one"
    return found[0]


def equations_of(thing: object) -> list[str]:
    """The lines of a docstring that are indented by four and hold an equation, spaces made one."""
    lines = inspect.cleandoc(thing.__doc__ or "").splitlines()
    return [" ".join(line.split()) for line in lines if line.startswith("    ") and " = " in line]


@pytest.mark.parametrize("cell", sorted(ENTRY_POINTS))
def test_every_registered_cell_has_a_section_with_its_equation_picture_and_source(cell: str) -> None:
    section = section_of(cell)
    assert "Source: " in section.text
    assert section.pictures, f"the section of {cell} shows no picture"
    assert all(path.is_file() for path in section.pictures), section.pictures
    thing = EntryPoint(cell, ENTRY_POINTS[cell], "statewise.cells").load()
    equations = equations_of(thing)
    assert equations, f"the docstring of {cell} has no equation"
    written = [" ".join(line.split()) for line in section.equations.splitlines()]
    assert [line for line in equations if line not in written] == [], "the page and the docstring differ"


@pytest.mark.parametrize("name", sorted(cells.__all__))
def test_every_recurrence_that_can_be_imported_is_named_on_a_page(name: str) -> None:
    thing = getattr(cells, name)
    if inspect.isclass(thing) and issubclass(thing, cells.Recurrent) and not inspect.isabstract(thing):
        named = [section for section in sections() if re.search(rf"\b{name}\b", section.text)]
        assert any(section.equations and section.pictures for section in named)


def test_every_picture_is_drawn_and_shown() -> None:
    drawn = {path.stem for path in SCRIPT.parent.glob("cells/*") if path.suffix != ".toml"}
    shown = {path.stem for section in sections() for path in section.pictures}
    assert drawn == set(DESCRIBED) == shown


@picture
def test_a_picture_is_of_its_description_as_it_now_stands(name: str) -> None:
    stored = (SCRIPT.parent / "cells" / f"{name}.svg").read_text()
    assert DRAWING.digest(DESCRIBED[name]) in stored, "draw it anew: python docs/pictures/draw_cells.py"


def test_drawing_writes_a_picture(tmp_path: Path) -> None:
    DRAWING.draw(DESCRIBED["lstm"], tmp_path / "lstm.svg")
    assert DRAWING.digest(DESCRIBED["lstm"]) in (tmp_path / "lstm.svg").read_text()


@picture
def test_no_shape_of_a_picture_lies_on_another(name: str) -> None:
    parts = {key: part for key, part in DRAWING.describe(DESCRIBED[name]).parts.items() if part.kind != "port"}
    for (one, a), (other, b) in combinations(parts.items(), 2):
        apart = [abs(p - q) >= m + n for p, q, m, n in zip((a.x, a.y), (b.x, b.y), a.half, b.half)]
        assert any(apart), f"{one} and {other}"


@picture
def test_no_line_of_a_picture_passes_through_a_shape(name: str) -> None:
    drawn = DRAWING.describe(DESCRIBED[name])
    for arrow in drawn.arrows:
        ends = [drawn.parts[arrow.start], drawn.parts[arrow.end]]
        met = [part for part in drawn.parts.values() if part in ends or any(meets(part, end) for end in ends)]
        for key, part in drawn.parts.items():
            if part not in met and part.kind not in ("bend", "port"):
                crossed = [crosses(part, *pair) for pair in zip(arrow.points, arrow.points[1:])]
                assert not any(crossed), f"the line from {arrow.start} to {arrow.end} passes through {key}"


@picture
def test_a_port_lies_on_the_edge_of_a_box(name: str) -> None:
    parts = DRAWING.describe(DESCRIBED[name]).parts.values()
    boxes = [part for part in parts if part.kind == "box"]
    for port in (part for part in parts if part.kind == "port"):
        assert any(meets(box, port) for box in boxes), port


def crosses(part: Any, start: tuple[float, float], end: tuple[float, float]) -> bool:
    points = [[a + (b - a) * share / 100 for a, b in zip(start, end)] for share in range(101)]
    return any(all(abs(p - q) < half + 0.02 for p, q, half in zip(at, (part.x, part.y), part.half)) for at in points)


def meets(box: Any, port: Any) -> bool:
    """Whether a port lies on the edge of a box."""
    if (box.kind, port.kind) != ("box", "port"):
        return False
    beyond: list[float] = [abs(p - q) - half for p, q, half in zip((port.x, port.y), (box.x, box.y), box.half)]
    return -0.03 < max(beyond) < 0.03
