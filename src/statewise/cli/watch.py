"""`statewise compare` and `statewise tensorboard`: runs looked at from outside."""

import json as json_format
import sys
from pathlib import Path

from statewise.errors import UsageError


def compare_runs(runs: list[Path], picture: Path | None, *, json: bool) -> None:
    """Print the runs in one table, and draw their curves where asked."""
    from statewise.monitoring.comparison import Comparison
    from statewise.monitoring.curves import draw

    if len(runs) < 2:
        raise UsageError(f"only {runs[0]} was given: name two runs or more, as in `statewise compare runs/a runs/b`")
    comparison = Comparison.of(runs)
    if picture:
        draw(comparison.runs, picture)
        print(f"curves in {picture}", file=sys.stderr)
    print(json_format.dumps(comparison.as_json()) if json else comparison.table())


def write_for_tensorboard(run: Path, folder: Path | None, *, follow: bool) -> None:
    """Write a run's events for TensorBoard and say how to look at them."""
    from statewise.monitoring.tensorboard import export_events

    if folder and folder.exists() and (not folder.is_dir() or any(_is_foreign(inside) for inside in folder.iterdir())):
        raise UsageError(f"{folder} holds something else than TensorBoard's events: give another --save")
    written = export_events(run, folder, follow=follow)
    print(f"look at them with: tensorboard --logdir {written}")


def _is_foreign(path: Path) -> bool:
    return not path.name.startswith("events.out.tfevents.")
