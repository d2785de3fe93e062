"""`statewise league`: its progress, and its tables."""

import sys
import time
from pathlib import Path

from statewise.progress.terminal import width
from statewise.shown import in_json
from statewise.tasks.game.teams.league import League, league_of

LINE_SECONDS = 5.0


def show_league(run: Path, matches: int, selves: int, *, json: bool, quiet: bool) -> None:
    """Play a league and print it."""
    playing, said = league_of(run, matches, selves), time.monotonic()
    while True:
        try:
            done = next(playing)
        except StopIteration as ended:
            league: League = ended.value
            break
        if not quiet and time.monotonic() - said > LINE_SECONDS:
            said = time.monotonic()
            print(f"playing  {done:.0%}", file=sys.stderr)
    print(in_json({"run": str(run), **league.as_json()}) if json else league.shown(width()))
