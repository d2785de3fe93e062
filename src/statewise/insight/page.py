"""One page that shows all that was found, and opens without a network: its pictures and style are inside it."""

import base64
from collections.abc import Mapping, Sequence

from statewise.insight.colouring import CSS as TEXT_CSS
from statewise.insight.colouring import coloured_text, next_characters, units_picture
from statewise.insight.memory import Memory
from statewise.insight.memory_pictures import (
    DARK,
    LIGHT,
    THEMES,
    Drawing,
    activations_picture,
    gates_picture,
    health_picture,
    inputs_picture,
    png,
    reach_picture,
    spectrum_picture,
)
from statewise.insight.memory_summary import rows_of
from statewise.insight.neurons import Match, Units
from statewise.insight.training_health import TrainingHealth
from statewise.shown import in_html

CSS = (
    """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { text-align: right; padding: .25rem .8rem; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
p.note { opacity: .8; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #16181d; } }
"""
    + TEXT_CSS
)
NOTES = {
    "reach": "Left: the gradient of the loss in the input so many steps back, as a share of each probe's whole "
    "gradient and as a mean over all probes; the mark is where 95 % of it lies. Right: how far predictions move, as a "
    "divergence, when only so many steps back are read; bands are 95 % intervals from resampling rows of data.",
    "inputs": "How far predictions move when the input so many steps back is another one of the data.",
    "spectrum": "Left: what one step does to small differences of the state: a direction with a size below one dies "
    "out. Right: what many steps along real data do to them; bars are 95 % intervals from how rows of data differ.",
    "gates": "Each point is a unit. To the right it is open most of the time, high up it is shut. Points near the line "
    "are hardly ever between.",
    "activations": "How the outputs of each cell were spread as training went on.",
    "health": "Ticks mark updates whose gradient was clipped. Weights that change by about a thousandth in an update "
    "learn at a healthy pace.",
    "units": "Each character is coloured by the value of one unit after it was read: blue below nought, orange above. "
    "A unit was chosen on the first half of the text, its correlation r measured on the second; chance is the best "
    "that the same search reached with the question shifted in time.",
}
TITLES = {
    "reach": "How far back it remembers",
    "inputs": "How much one input counts",
    "spectrum": "What a step does to the state",
    "gates": "Gates",
    "activations": "Outputs over training",
    "health": "Health of the training",
    "units": "Units over what it reads",
}
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
LENGTH_SHOWN, LENGTH_NEXT = 900, 240


def drawings(
    memories: Sequence[Memory],
    history: TrainingHealth | None = None,
    units: Units | None = None,
    matches: Sequence[Match] = (),
) -> dict[str, Drawing]:
    """Return every picture that there is something to draw for, by name."""
    found: dict[str, Drawing] = {
        "reach": lambda theme: reach_picture(memories, theme),
        "inputs": lambda theme: inputs_picture(memories, theme),
    }
    if any(memory.lyapunov for memory in memories):
        found["spectrum"] = lambda theme: spectrum_picture(memories, theme)
    if any(cell.gates for cell in memories[0].cells.values()):
        found["gates"] = lambda theme: gates_picture(memories[0].cells, theme)
    if history and history.activations:
        found["activations"] = lambda theme: activations_picture(history, theme)
    if history and history.updates:
        found["health"] = lambda theme: health_picture(history, theme)
    if units and (matches or units.inputs is not None):
        part = shortened(units, LENGTH_SHOWN)
        found["units"] = lambda theme: units_picture(part, matches, theme)
    return found


def drawn(pictures: Mapping[str, Drawing]) -> dict[str, bytes]:
    """Return each picture in each theme as a PNG, by file name, such as `reach-dark.png`."""
    return {f"{name}-{theme.name}.png": png(draw(theme)) for name, draw in pictures.items() for theme in THEMES}


def shortened(units: Units, length: int) -> Units:
    """Return the last steps alone, such as fit a page."""
    inputs = None if units.inputs is None else units.inputs[-length:]
    return Units(units.values[-length:], units.names, units.shown[-length:], units.likely[-length:], inputs)


def page(
    title: str,
    memories: Sequence[Memory],
    words: Sequence[str],
    pngs: Mapping[str, bytes],
    units: Units | None = None,
    matches: Sequence[Match] = (),
    command: str = "",
) -> str:
    """Return the page, in HTML, from what was measured and the pictures of `drawn`."""
    names = [name.removesuffix(f"-{LIGHT.name}.png") for name in pngs if name.endswith(f"-{LIGHT.name}.png")]
    parts = [f"<h1>{in_html(title)}</h1>", _list(words), _table(memories)]
    for name in names:
        parts += [f"<h2>{TITLES[name]}</h2>", f'<p class="note">{NOTES[name]}</p>']
        if name == "units" and units is not None and units.inputs is None:
            parts.append(_texts(units, matches))
        else:
            parts.append(_picture(TITLES[name], pngs[f"{name}-{LIGHT.name}.png"], pngs[f"{name}-{DARK.name}.png"]))
    again = f"<p>Measured by <code>{in_html(command)}</code>.</p>" if command else ""
    head = f"{HEAD}<title>{in_html(title)}</title><style>{CSS}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}{again}</body></html>\n'


def _list(words: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{in_html(one)}</li>' for one in words)}</ul>"


def _table(memories: Sequence[Memory]) -> str:
    head = "".join(f"<th>{in_html(memory.name)}</th>" for memory in memories)
    body = "".join(
        f"<tr><td>{in_html(name)}</td>{''.join(f'<td>{in_html(value)}</td>' for value in values)}</tr>"
        for name, values in rows_of(memories)
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _picture(words: str, light: bytes, dark: bytes) -> str:
    dark_source, light_source = (f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in (dark, light))
    source = f'<source srcset="{dark_source}" media="(prefers-color-scheme: dark)">'
    return f'<picture>{source}<img src="{light_source}" alt="{in_html(words)}"></picture>'


def _texts(units: Units, matches: Sequence[Match]) -> str:
    parts = []
    part = shortened(units, LENGTH_SHOWN)
    for match in matches:
        real = "" if match.is_real else ": no more than chance"
        figures = f"r = {match.r:.2f}, chance {match.chance:.2f}{real}"
        parts.append(f"<h3>{in_html(match.predicate)}: {in_html(match.unit)} ({figures})</h3>")
        parts.append(coloured_text(part, match.unit))
    if matches and units.likely:
        parts.append("<h3>What it holds for likeliest to come next, beneath each character</h3>")
        parts.append(next_characters(shortened(units, LENGTH_NEXT), matches[0].unit))
    return "".join(parts)
