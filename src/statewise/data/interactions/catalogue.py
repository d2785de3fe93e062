"""The items of a recommender, by number, by id and by title."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, final

from statewise.data.codec import Codec
from statewise.data.tables.columns import plain_id
from statewise.errors import RunError, UsageError

CLOSE = 0.75
MOST_PARTS = 5
"How many parts a title with commas in it may have."
MOST_COMPARED = 50_000
"Of a larger catalogue only titles that share a word with what was asked for are compared, which takes a moment less."
MOST_SHOWN = 80
"How many characters of what was asked for a message repeats."


class Found(NamedTuple):
    """An item, and a note to the user on how it was found, if needed."""

    number: int
    notice: str | None = None


@final
@dataclass(frozen=True)
class Catalogue(Codec):
    """The items of a run, the most frequent first, with how often each was trained on, titles and side features.

    Items without a title are called by their id. `features` names for each item what it has, such as genres. Items of
    support 0 were never trained on: they lie after all others, and are known by their features alone.

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

    @property
    def symbols(self) -> Sequence[str]:
        """The ids of the items that training saw."""
        return self.ids[: self.trained]

    def name(self, number: int) -> str:
        """Return the title of an item, or its id where it has none."""
        return self.titles[number] if self.titles else self.ids[number]

    def number(self, words: str) -> int:
        """Return the item that an id or a title stands for: nothing is guessed.

        Upper and lower case are alike in a title; its year may be left out, and its article stand in front, where that
        leaves one item. Raises `UsageError`, with the nearest names, for any other word.
        """
        found, called = self.find(words), self._called(words)
        if found.notice is None:
            return found.number
        if called:
            which = " or ".join(f"'{self.name(n)}' (id {self.ids[n]})" for n in called[:3])
            raise UsageError(f"{len(called)} items are called '{words.strip()[:MOST_SHOWN]}': say {which}, by its id")
        _refuse(words, [self.name(found.number)])

    def find(self, words: str) -> Found:
        """Return the item that an id, a title, or nearly a title, stands for.

        An id is exact or unknown. Where a title is misspelt, or several items have it, the notice says which item was
        taken. Raises `UsageError`, with the nearest names, where none is close.

        >>> films = Catalogue(("10", "7"), (5, 2), ("Alien (1979)", "Heat (1995)"))
        >>> films.find("heat"), films.find("Alein")
        (Found(number=1, notice=None), Found(number=0, notice="'Alein' is read as 'Alien (1979)'"))
        """
        asked = words.strip()
        if asked in self._by_id:
            return Found(self._by_id[asked])
        called = self._called(asked)
        if len(called) == 1:
            return Found(called[0])
        plain = _plain(asked)
        may_be_near = not called and any(map(str.isalpha, plain))  # a number is an id, and no id is near another
        near = difflib.get_close_matches(plain, self._comparable(plain), n=3, cutoff=0.5) if may_be_near else []
        if near and difflib.SequenceMatcher(None, plain, near[0]).ratio() >= CLOSE:
            called = self._by_title[near[0]]
        if not called:
            names = [self.name(self._by_title[title][0]) for title in near]
            _refuse(asked, names or difflib.get_close_matches(asked, self.ids[:MOST_COMPARED], n=3, cutoff=0.5))
        name = self.name(called[0])
        which = f" (id {self.ids[called[0]]}), the most frequent of {len(called)} so called" if len(called) > 1 else ""
        return Found(called[0], f"'{asked[:MOST_SHOWN]}' is read as '{name}'{which}")

    def parts(self, words: str | Iterable[Any]) -> list[str]:
        """Return the ids or titles of a session: of a line, with commas or semicolons between them, or of a list.

        A title may itself hold commas. Raises `UsageError` where there is none.

        >>> films = Catalogue(("1", "2"), (1, 1), ("Crying Game, The (1992)", "Alien (1979)"))
        >>> films.parts("crying game, the (1992), Alien"), films.parts(["Alien", 1])
        (['crying game, the (1992)', 'Alien'], ['Alien', '1'])
        """
        if isinstance(words, str):
            between = ";" if ";" in words else ","
            cut = [part for part in words.replace("\n", between).split(between) if part.strip(" ,\t")]
            parts = self._joined(cut, between)
        else:
            parts = [part.strip() if isinstance(part, str) else plain_id(str(part)) for part in words]
        if not parts:
            raise UsageError("the session is empty: name at least one item; `statewise inspect RUN --names` lists them")
        return parts

    def session(self, words: str | Iterable[Any]) -> list[int]:
        """Return the items of a session, by `parts` and `number`; raises what these do."""
        return [self.number(part) for part in self.parts(words)]

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
    def _by_title(self) -> dict[str, list[int]]:
        # Without the year and with the article in front, too, where no title is just that; the most frequent lie first.
        titles: dict[str, list[int]] = {}
        for vary in (str, _without_year, _article_first, lambda title: _article_first(_without_year(title))):
            varied: dict[str, list[int]] = {}
            for number, title in enumerate(self.titles):
                if title != self.ids[number]:  # an item without a title is called by its id
                    varied.setdefault(_plain(vary(title)), []).append(number)
            titles = varied | titles
        return titles

    def _called(self, words: str) -> list[int]:
        return self._by_title.get(_plain(words), [])

    def _is_one(self, words: str) -> bool:
        return words.strip() in self._by_id or bool(self._called(words))

    def _joined(self, parts: list[str], between: str) -> list[str]:
        """Put together again what was cut at commas within a title."""
        found, at = [], 0
        while at < len(parts):
            most = min(MOST_PARTS, len(parts) - at)
            joined = {n: between.join(parts[at : at + n]).strip() for n in range(most, 0, -1)}
            taken = next((n for n, words in joined.items() if n > 1 and self._is_one(words)), 1)
            found.append(joined[taken])
            at += taken
        return found

    def _comparable(self, plain: str) -> list[str]:
        titles = list(self._by_title)
        if len(titles) <= MOST_COMPARED:
            return titles
        words = set(plain.split())
        return [title for title in titles if words & set(title.split())]


def _refuse(asked: str, near: list[str]) -> NoReturn:
    hint = " or ".join(f"'{name}'" for name in near[:3])
    raise UsageError(
        f"no item that training saw is called '{asked.strip()[:MOST_SHOWN]}': "
        + (f"did you mean {hint}?" if hint else "`statewise inspect RUN --names` lists the items")
    )


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
