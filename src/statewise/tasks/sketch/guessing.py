"""What a drawing will be, where a user does not say: the class under which what was drawn so far is likeliest."""

from dataclasses import replace

import torch

from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.model import evaluating
from statewise.tasks.sketch.answers import Artist, StartedDrawing
from statewise.tasks.sketch.drawing_on import begun
from statewise.tasks.sketch.opener import Given, Opener

CLASSES_AT_ONCE = 256


def guessing(artist: Artist, sheet: StartedDrawing) -> Artist:
    """Return the artist told the class under which what was drawn so far costs the fewest nats.

    Latent numbers, where there are some, are taken as 0, which is their mean. Raises `UsageError` for a run without
    classes, and where nothing was drawn.
    """
    opener = artist.model.reader
    if not isinstance(opener, Opener) or opener.labels is None:
        raise UsageError("this run was told no classes, so it cannot guess one: train one with --by-class")
    if not len(sheet.rows):
        raise UsageError("nothing was drawn to guess a class by: draw a line, or give --class")
    names = artist.codec.classes
    costs = [
        _costs(artist, sheet, torch.arange(len(names))[first : first + CLASSES_AT_ONCE])
        for first in range(0, len(names), CLASSES_AT_ONCE)
    ]
    return replace(artist, label=names[int(torch.cat(costs).argmin())])


def _costs(artist: Artist, sheet: StartedDrawing, labels: torch.Tensor) -> torch.Tensor:
    """Return what was drawn in nats under each of some classes, `[C]`."""
    model, rows = artist.model, len(labels)
    with evaluating(model), torch.no_grad():
        steps = begun(sheet.rows).to(next(model.parameters())).unsqueeze(1).expand(-1, rows, -1)
        z = torch.zeros(rows, artist.latent) if artist.latent else None
        state = model.begin(rows, Given(None, labels, z))
        params, _ = model.scan(Window(steps[:-1], steps[:-1]), state)
        nats: torch.Tensor = model.head.nats(params, steps[1:]).sum(dim=0)
        return nats
