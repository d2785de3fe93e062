"""What a source stands for: the path that the user typed, found from any folder, or a corpus."""

import glob
from collections.abc import Iterable
from pathlib import Path

from statewise import registry
from statewise.data.naming import path_of
from statewise.errors import UsageError

CORPUS = "corpus:"
"What a source begins with that is a corpus, whatever files there are."


def corpus_named(source: str) -> str | None:
    """Return the name of the corpus that a source stands for; None where it is a path.

    A file comes before a corpus of the same name, unless the source says that it is a corpus.

    >>> corpus_named("python"), corpus_named("corpus:python"), corpus_named("book.txt")
    ('python', 'python', None)
    """
    name = source.removeprefix(CORPUS)
    if name == source and (path_of(source).exists() or name not in registry.names("corpora")):
        return None
    return name


def located(sources: Iterable[str]) -> dict[str, str]:
    """Return, by what was typed, the same source as it is found from any folder, where that is another.

    >>> located(["python", "/nowhere/book.txt"])
    {'python': 'corpus:python'}
    """
    found = {source: _located(source) for source in sources}
    return {source: place for source, place in found.items() if place != source}


def _located(source: str) -> str:
    try:
        path, name = path_of(source), corpus_named(source)
    except UsageError:  # it is neither: a task of another package may read anything
        return source
    if name is not None:
        return f"{CORPUS}{name}"
    if path.exists():
        return str(path.absolute())
    if glob.has_magic(source):  # of the pattern, but not of the folder that it was typed in
        return str(path if path.is_absolute() else Path(glob.escape(str(Path.cwd())), path))
    return source


def found_again(source: str, places: dict[str, str]) -> str:
    """Return where a source is now: at its place, or else, where a run was moved with its data, where it was typed."""
    place = places.get(source, source)
    if place.startswith(CORPUS) or place == source:
        return place
    try:
        is_moved = not glob.has_magic(place) and not path_of(place).exists() and path_of(source).exists()
    except UsageError:
        return source
    return source if is_moved else place
