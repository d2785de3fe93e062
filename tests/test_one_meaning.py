"""Each name of a class or a module has one meaning."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src"
SOURCE = ROOT / "statewise"
FACES = {"cli", "testing", "server"}
"Rooms whose module X is the command, the laws or the serving of X."
SHARED = {
    "cells": "in `exchange.onnx`, the cells as ONNX defines them",
    "named": "in `heads` and in `encoders`, finding one by its registered name",
    "sound": "in `data.audio`, what files of sound hold; in `tasks`, the task that makes sound for films",
    "strokes": "in `data`, pen drawings; in `heads`, the head over them",
}


def modules() -> list[tuple[str, ...]]:
    paths = [path.relative_to(SOURCE).with_suffix("").parts for path in SOURCE.rglob("*.py")]
    return sorted(path[:-1] if path[-1] == "__init__" else path for path in paths if path != ("__init__",))


def repeated(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The places of each name that has several."""
    places = defaultdict(list)
    for name, place in named:
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def classes(source: str) -> list[str]:
    body = ast.parse(source).body
    return [node.name for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def module_names(paths: list[tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    """The name and the place of each module that must not share its name with another."""
    for path in paths:
        is_face = len(path) > 1 and path[0] in FACES
        is_of_a_task = path[0] == "tasks" and len(path) == 3  # every task's folder has the same file names
        is_heart = len(path) > 1 and path[-1] == path[-2]  # the module that a room is named after
        if not (is_face or is_of_a_task or is_heart):
            yield path[-1], ".".join(path)


def test_a_class_that_is_defined_twice_is_found() -> None:
    found = [(name, place) for place in ("a", "b") for name in classes("class One: ...\nclass _Two: ...")]
    assert repeated(found) == {"One": ["a", "b"]}


def test_a_module_that_is_named_twice_is_found() -> None:
    paths = [("data", "rows"), ("heads", "rows"), ("cli", "rows"), ("tasks", "text", "rows"), ("heads", "heads")]
    assert repeated(module_names(paths)) == {"rows": ["data.rows", "heads.rows"]}


def test_no_class_name_has_two_meanings() -> None:
    sources = [(path.read_text(), str(path.relative_to(ROOT))) for path in sorted(ROOT.rglob("*.py"))]
    assert repeated((name, place) for source, place in sources for name in classes(source)) == {}


def test_no_module_name_has_two_meanings() -> None:
    found = repeated(module_names(modules()))
    assert found.keys() == SHARED.keys(), {name: places for name, places in found.items() if name not in SHARED}


def test_the_ends_of_the_protocol_alone_share_names() -> None:
    served = {path[1] for path in modules() if path[0] == "server" and len(path) == 2}
    asking = {path[1] for path in modules() if path[0] == "client" and len(path) == 2}
    assert served & asking <= {"calls", "protocol"}
