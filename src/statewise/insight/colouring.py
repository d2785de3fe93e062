"""Units drawn over what was read: characters coloured by one unit, with what was likely to come next; or a series."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from statewise.insight.memory_pictures import Theme, sheet
from statewise.insight.neurons import Match, Units
from statewise.shown import in_html, in_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, LARGEST_ROWS = 80, 40
BLUE, ORANGE = "0,114,178", "213,94,0"
"Of Okabe & Ito 2008: below and above nought."
LETTER_POINTS = 8
LETTER_INCHES, LINE_INCHES, TITLE_INCHES = 0.602 * LETTER_POINTS / 72, 0.17, 0.42
"A letter of DejaVu Sans Mono, which matplotlib brings along, is 0.602 of its size wide."
STRONGEST = 98.0
"The percentile of sizes that is drawn in full colour, so that one loud moment does not pale the rest."
CSS = """
.text { font: 15px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.text i { font-style: normal; border-radius: 2px; }
.next { font: 13px/1.15 ui-monospace, Menlo, Consolas, monospace; }
.next span { display: inline-block; width: 1.35em; text-align: center; vertical-align: top; margin-bottom: .7em; }
.next b { display: block; font-weight: 600; }
.next u { display: block; text-decoration: none; }
"""


def strengths(values: Sequence[float]) -> list[float]:
    """Return a unit's values as strengths of colour from -1 to 1.

    >>> strengths([0.0, -2.0, 1.0, 2.0])
    [0.0, -1.0, 0.5, 1.0]
    """
    sizes = np.abs(values)
    largest = float(np.percentile(sizes, STRONGEST, method="higher")) if len(sizes) else 0.0
    if not largest:
        return [0.0] * len(values)
    return [round(float(value), 3) for value in np.clip(np.asarray(values) / largest, -1, 1)]


def visible(character: str) -> str:
    """Return a character as it can be seen: a space as an open box, the end of a line as a hook.

    >>> visible(" "), visible("\\n"), visible("a")
    ('␣', '↵', 'a')
    """
    return {" ": "␣", "\n": "↵", "\t": "⇥"}.get(character, character if character.isprintable() else "·")


def coloured_text(units: Units, name: str) -> str:
    """Return a text as HTML, every character coloured by one unit, blue below nought and orange above."""
    values = units.of(name)
    marks = []
    for character, value, strength in zip(units.shown, values, strengths(values.tolist()), strict=True):
        seen = in_html(character) if character != "\n" else "↵\n"
        marks.append(f'<i style="background:{_background(strength)}" title="{value:.3f}">{seen}</i>')
    return f'<div class="text">{"".join(marks)}</div>'


def next_characters(units: Units, name: str) -> str:
    """Return a text as HTML, every character coloured by one unit, the likeliest to come next stacked beneath it."""
    columns = []
    for character, strength, likely in zip(units.shown, strengths(units.of(name).tolist()), units.likely, strict=True):
        below = "".join(
            f'<u style="opacity:{0.25 + 0.75 * odds:.2f};background:rgba({ORANGE},{odds:.2f})" title="{odds:.3f}">'
            f"{in_html(visible(choice))}</u>"
            for choice, odds in likely
        )
        shown = in_html(visible(character))
        columns.append(f'<span><b style="background:{_background(strength)}">{shown}</b>{below}</span>')
    return f'<div class="next">{"".join(columns)}</div>'


def _background(strength: float) -> str:
    return f"rgba({BLUE if strength < 0 else ORANGE},{0.85 * abs(strength):.2f})"


def units_picture(units: Units, matches: Sequence[Match], theme: Theme) -> "Figure":
    """Draw what was read coloured by each unit that was found, one above the other."""
    if units.inputs is not None:
        return _series_picture(units, [match.unit for match in matches] or units.names[:3], theme)
    lines = _lines(units.shown)[:LARGEST_ROWS]
    tall = (len(lines) * LINE_INCHES + TITLE_INCHES) * len(matches)
    with sheet(theme, 1, len(matches), width=COLUMNS * LETTER_INCHES, height=tall) as (figure, many):
        figure.set_layout_engine("none")  # letters and squares have to lie on each other to the point
        for number, (axes, match) in enumerate(zip(many, matches, strict=True)):
            bottom = (len(matches) - 1 - number) * (len(lines) * LINE_INCHES + TITLE_INCHES)
            axes.set_position((0, bottom / tall, 1, len(lines) * LINE_INCHES / tall))
            squares = _squares(lines, strengths(units.of(match.unit).tolist()), theme)
            axes.imshow(squares, extent=(0, COLUMNS, len(lines), 0), aspect="auto", interpolation="nearest")
            for row, line in enumerate(lines):
                shown = "".join(units.shown[place] if units.shown[place].isprintable() else " " for place in line)
                axes.text(0, row + 0.75, shown, family="monospace", fontsize=LETTER_POINTS, parse_math=False)
            axes.set_axis_off()
            title = (
                f"{match.unit} follows: {in_picture(match.predicate)} (r = {match.r:.2f}, chance {match.chance:.2f})"
            )
            axes.set_title(title, fontsize=10, loc="left")
    return figure


def _squares(lines: Sequence[Sequence[int]], colours: Sequence[float], theme: Theme) -> NDArray[np.floating[Any]]:
    """Return the background colour of each letter, `[rows, columns, 4]`."""
    from matplotlib.colors import to_rgb

    squares = np.zeros((len(lines), COLUMNS, 4))
    for row, line in enumerate(lines):
        for column, place in enumerate(line):
            strength = colours[place]
            squares[row, column] = *to_rgb(theme.low if strength < 0 else theme.high), 0.8 * abs(strength)
    return squares


def _lines(shown: Sequence[str]) -> list[list[int]]:
    """Return the places of characters, line by line as they are read, none longer than the sheet is wide."""
    lines: list[list[int]] = [[]]
    for place, character in enumerate(shown):
        if len(lines[-1]) == COLUMNS:
            lines.append([])
        lines[-1].append(place)
        if character == "\n":
            lines.append([])
    return [line for line in lines if line]


def _series_picture(units: Units, names: Sequence[str], theme: Theme) -> "Figure":
    """Draw the numbers that were read as lines over the steps, and each unit's value as the background colour."""
    assert units.inputs is not None
    steps = np.arange(len(units.inputs))
    with sheet(theme, 1, len(names), width=10, height=2.2 * len(names) + 0.4) as (figure, many):
        for axes, name in zip(many, names, strict=True):
            colours = np.array(strengths(units.of(name).tolist()))
            low, high = float(units.inputs.min()), float(units.inputs.max())
            for sign, colour in ((-1, theme.low), (1, theme.high)):
                for step in steps[np.sign(colours) == sign]:
                    axes.axvspan(step - 0.5, step + 0.5, color=colour, alpha=0.6 * abs(colours[step]), linewidth=0)
            axes.plot(steps, units.inputs, linewidth=1, color=theme.ink)
            axes.set(xlabel="step", ylabel="input, as the network reads it", xlim=(-0.5, len(steps) - 0.5))
            axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low) + 1e-9)
            axes.set_title(f"{name}: blue below nought, orange above", fontsize=10, loc="left")
    return figure
