"""The floors and nevers of ARCHITECTURE.md, read off the imports themselves."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "statewise"
ENVIRONMENT = {"statewise.data.packages", "statewise.kernels.extension", "statewise.tuning.over_ray"}
FACES = {"tasks", "cli", "progress"}


@functools.cache
def floors() -> dict[str, int]:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)
    return {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)}


@functools.cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def all_modules() -> dict[str, Path]:
    """Those of the house and of the laboratory next to it."""
    lab = {
        str(path.relative_to(SOURCE.parent)): path for path in sorted((SOURCE.parent / "statewise_lab").rglob("*.py"))
    }
    return {**modules(), **lab}


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module of ours that a file imports, wherever in the file the import stands."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names if alias.name != "_native"}
            found |= {name if name in known else node.module for name in inner}
    return {name for name in found if name.split(".")[0] == "statewise" and name != "statewise"}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_a_floor_in_the_architecture_page() -> None:
    rooms = {room(module) for module in modules()} - {"", "__main__"}
    assert rooms == set(floors())


@pytest.mark.parametrize("module", [name for name in modules() if room(name) not in ("", "__main__")])
def test_a_room_imports_only_from_floors_beneath_it(module: str) -> None:
    here = floors()
    for imported in imports(modules()[module]):
        if room(imported) != room(module):
            assert here[room(imported)] < here[room(module)], f"{module} imports {imported}"


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: imports(path) for name, path in modules().items()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for imported in graph.get(name, set()):
                if imported != name:
                    walk(imported, (*path, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def test_nothing_imports_tasks() -> None:
    for name, path in modules().items():
        if room(name) != "tasks" and name != "statewise":  # the front door names ours to type checkers
            assert not {i for i in imports(path) if room(i) == "tasks"}, name


def test_nothing_imports_the_laboratory() -> None:
    for name, path in modules().items():
        assert "statewise_lab" not in path.read_text(), name


def test_kernels_know_no_cell_module_or_state() -> None:
    for name, path in modules().items():
        if room(name) == "kernels":
            assert {room(i) for i in imports(path)} <= {"kernels", "errors", "registry"}
            assert "nn.Module" not in path.read_text()


@pytest.mark.parametrize("module", [name for name in modules() if room(name) not in {*FACES, "", "__main__"}])
def test_only_faces_print_draw_or_read_the_environment(module: str) -> None:
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{module}:{node.lineno} prints"
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            assert module in ENVIRONMENT, f"{module}:{node.lineno} reads the environment"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not [name for name in names if name.split(".")[0] in ("rich", "typer", "tqdm")], module


def test_nothing_is_unpickled_or_evaluated() -> None:
    for name, path in all_modules().items():
        tree = ast.parse(path.read_text())
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not called & {"eval", "exec", "compile", "__import__"}, name
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill)", path.read_text(), re.MULTILINE), name
        assert "torch.load(" not in path.read_text(), name


def test_every_public_name_has_a_docstring() -> None:
    for name, path in all_modules().items():
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), name
        owners = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        for body in owners:
            for node in body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    assert ast.get_docstring(node), f"{name}.{node.name}"
