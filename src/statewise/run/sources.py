"""The sources of a run: kept as they were typed, found from any folder, and checked against their digests."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from statewise.data.source_paths import found_again
from statewise.errors import RunError

SOURCE, SOURCES = "source", "sources"
"The setting that says what to learn from, and the part of `run.yaml` that says where each of it is."
DIGEST, SHOWN = "sha256", 12


def sources_of(settings: Mapping[str, Any]) -> list[str]:
    """Return the sources in some settings that are text, as one that was typed is.

    >>> sources_of({"source": "book.txt"}), sources_of({"hidden_size": 3})
    (['book.txt'], [])
    """
    given = settings.get(SOURCE, ())
    return [one for one in (given if isinstance(given, list | tuple) else [given]) if isinstance(one, str)]


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a `run.yaml`, with sources as they are found now, from any folder.

    >>> settings_of({"settings": {"source": ["a"]}, "sources": {"a": "corpus:a"}})
    {'source': ['corpus:a']}
    """
    settings, places = dict(config["settings"]), config.get(SOURCES) or {}
    return with_places(settings, {source: found_again(source, places) for source in sources_of(settings)})


def with_places(settings: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """Return settings whose sources are replaced by what is found under their names."""
    given = settings.get(SOURCE)
    if isinstance(given, str):
        return {**settings, SOURCE: places.get(given, given)}
    if isinstance(given, list | tuple):
        return {**settings, SOURCE: [places.get(one, one) if isinstance(one, str) else one for one in given]}
    return dict(settings)


def refuse_changed(run: PurePath | str, then: Mapping[str, Any], now: Mapping[str, Any], advice: str) -> None:
    """Raise `RunError` where the digests among the facts of some data are others than they were in training."""
    for name in _digests(then):
        if name in now and then[name] != now[name]:
            was, is_now = (str(facts[name])[:SHOWN] for facts in (then, now))
            raise RunError(f"the data of {run} have changed since it began (sha256 {was}, now {is_now}): {advice}")


def _digests(facts: Mapping[str, Any]) -> Iterable[str]:
    return [name for name in facts if name.startswith(DIGEST)]
