"""Items by number, by id and by title: what a recommender calls the things it speaks of."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

from statewise.errors import RunError, UsageError

CLOSE = 0.75
MOST_PARTS = 5
"How many parts a title with commas in it may have."
MOST_COMPARED = 50_000
"Of a larger catalogue only titles that share a word with what was asked for are compared, which takes a moment less."


@final
@dataclass(frozen=True)
class Catalogue:
    """The items of a run, the most frequent first, with how often each was trained on, titles and side features.

    Items without a title are called by their id. `features` names for each item what it has, such as genres. Items of
    support 0 were never trained on: they lie behind all others, and are known by their features alone.

    >>> films = Catalogue(("10", "7"), (5, 2), ("Alien (1979)", "Aliens (1986)"))
    >>> films.number("aliens"), films.number("10"), films.name(1)
    (1, 0, 'Aliens (1986)')
    """

    ids: tuple[str, ...]
    supports: tuple[int, ...]
    titles: tuple[str, ...] = ()
    features: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def choices(self) -> int:
        """How many items there are."""
        return len(self.ids)

    @property
    def trained(self) -> int:
        """How many of them, the first ones, training saw."""
        return sum(support > 0 for support in self.supports)

    def name(self, number: int) -> str:
        """Return the title of an item, or its id where it has none."""
        return self.titles[number] if self.titles else self.ids[number]

    def number(self, words: str) -> int:
        """Return the item that an id, a title, or nearly a title, stands for.

        Raises `UsageError`, with the nearest titles, where none is close.
        """
        asked = words.strip()
        if asked in self._by_id:
            return self._by_id[asked]
        plain = _plain(asked)
        if plain in self._by_title:
            return self._by_title[plain]
        near = difflib.get_close_matches(plain, self._comparable(plain), n=3, cutoff=0.5)
        if near and difflib.SequenceMatcher(None, plain, near[0]).ratio() >= CLOSE:
            return self._by_title[near[0]]
        hint = " or ".join(f"'{self.name(self._by_title[title])}'" for title in near)
        raise UsageError(
            f"no item that training saw is called '{asked[:80]}': " + (f"did you mean {hint}?" if hint else "check it")
        )

    def session(self, words: str) -> list[int]:
        """Return the items of a session written in one line, with commas or semicolons between them.

        A title may itself hold commas. Raises `UsageError` where a part is no item, or there is none.

        >>> films = Catalogue(("1", "2"), (1, 1), ("Crying Game, The (1992)", "Alien (1979)"))
        >>> films.session("crying game, the (1992), Alien")
        [0, 1]
        """
        between = ";" if ";" in words else ","
        parts = [part for part in words.replace("\n", between).split(between) if part.strip(" ,\t")]
        if not parts:
            raise UsageError("the session is empty: name at least one item, as in 'Alien (1979), Aliens (1986)'")
        found, at = [], 0
        while at < len(parts):
            longest = min(MOST_PARTS, len(parts) - at)
            taken = next((n for n in range(longest, 1, -1) if self._is_one(between.join(parts[at : at + n]))), 1)
            found.append(self.number(between.join(parts[at : at + taken])))
            at += taken
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what `catalogue` needs to build it again."""
        written = {"unit": "item", "ids": self.ids, "supports": self.supports}
        return {**written, "titles": self.titles, "features": self.features}

    @cached_property
    def kinds(self) -> list[str]:
        """Every feature that an item has, in order."""
        return sorted({kind for of_item in self.features for kind in of_item})

    @cached_property
    def _by_id(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.ids)}

    @cached_property
    def _by_title(self) -> dict[str, int]:
        # Without the year and with the article in front, too; of equal titles the most frequent item, which lies first.
        titles: dict[str, int] = {}
        for vary in (str, _without_year, _article_first, lambda title: _article_first(_without_year(title))):
            for number, title in enumerate(self.titles or self.ids):
                titles.setdefault(_plain(vary(title)), number)
        return titles

    def _is_one(self, words: str) -> bool:
        return _plain(words) in self._by_title

    def _comparable(self, plain: str) -> list[str]:
        titles = list(self._by_title)
        if len(titles) <= MOST_COMPARED:
            return titles
        words = set(plain.split())
        return [title for title in titles if words & set(title.split())]


def catalogue(written: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue that `as_json` wrote down.

    Raises `RunError` where it is none.

    >>> catalogue(Catalogue(("a", "b"), (2, 1)).as_json())
    Catalogue(ids=('a', 'b'), supports=(2, 1), titles=())
    """
    match written:
        case {
            "unit": "item",
            "ids": [_, *_] as ids,
            "supports": [*supports],
            "titles": [*titles],
            "features": [*kinds],
        }:
            texts = all(isinstance(text, str) for text in (*ids, *titles))
            counts = all(type(count) is int and count >= 0 for count in supports)
            fits = len(supports) == len(ids) and len(titles) in (0, len(ids)) and len(kinds) in (0, len(ids))
            lists = all(isinstance(of, list | tuple) and all(isinstance(kind, str) for kind in of) for of in kinds)
            if texts and counts and fits and lists:
                return Catalogue(tuple(ids), tuple(supports), tuple(titles), tuple(tuple(of) for of in kinds))
    raise RunError("codec.json is not a catalogue: the run is damaged or of another task")


def _plain(title: str) -> str:
    return " ".join(title.casefold().split())


def _without_year(title: str) -> str:
    return re.sub(r"\s*\(\d{4}\)$", "", title)


def _article_first(title: str) -> str:
    """Write a title as it is spoken.

    >>> _article_first("Godfather, The (1972)")
    'The Godfather (1972)'
    """
    return re.sub(r"^(.+), (The|An?|Le|La|Les|L'|Der|Die|Das|El|Il)(?= \(|$)", r"\2 \1", title)
