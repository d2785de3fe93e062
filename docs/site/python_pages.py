"""The reference of Python: a page for each module of the library, its public names in the order of its source.

What a package names in `__all__` stands under the name by which users import it. The other names without `_` and with a
docstring of the library's modules stand under those modules. mkdocstrings renders both from the sources; here they are
only read.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = Path(__file__).parents[2] / "src"
INNER = {"__main__", "cli", "disk", "kernels", "plain", "progress", "server", "studio", "tasks"}
"Rooms whose modules are not for others: faces, fast loops, and tasks, whose settings have pages of their own."
PACKAGES = ("statewise", "statewise_lab")


class Name(NamedTuple):
    """A public name: the path by which users import it, that of its definition, and its docstring's first line."""

    path: str
    origin: str
    line: str


class Module(NamedTuple):
    """A module with public names, and its docstring's first line."""

    path: str
    line: str
    names: list[Name]

    @property
    def page(self) -> str:
        """Where its page lies, beneath the folder of the reference."""
        return f"python/{'/'.join(self.path.split('.')[1:]) or 'statewise'}.md"


@functools.cache
def modules() -> list[Module]:
    """Return every module that has public names, in the order of their paths."""
    files = {_path_of(file): file for package in PACKAGES for file in sorted((SOURCE / package).rglob("*.py"))}
    exported: dict[str, str] = {}
    for path, file in files.items():
        for name, origin in exports(path, file):
            shorter = exported.get(origin, "")
            exported[origin] = shorter if shorter and shorter.count(".") <= path.count(".") + 1 else f"{path}.{name}"
    found = []
    for path, file in files.items():
        tree = ast.parse(file.read_text())
        names = [
            Name(exported.get(f"{path}.{name}", f"{path}.{name}"), f"{path}.{name}", line)
            for name, line in _defined(tree)
            if f"{path}.{name}" in exported or (line and _is_open(path))
        ]
        if names:
            found.append(Module(path, _line(ast.get_docstring(tree)), names))
    return found


def exports(path: str, file: Path) -> Iterator[tuple[str, str]]:
    """Yield the names in `__all__` of a package, and where each is defined."""
    tree = ast.parse(file.read_text())
    origins = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            yield from ((name, origins.get(name, f"{path}.{name}")) for name in ast.literal_eval(node.value))


def pages() -> tuple[list[Any], dict[str, str]]:
    """Return the navigation of the reference of Python, and its pages by name."""
    those = modules()
    written = {module.page: _page(module) for module in those}
    written["python/index.md"] = _index(those)
    tree: dict[str, Any] = {}
    for module in those:
        *folders, last = module.page.removeprefix("python/").removesuffix(".md").split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at.setdefault(last, {})[""] = module
    return ["reference/python/index.md", *_nav(tree, "python", written)], written


def _nav(tree: dict[str, Any], folder: str, written: dict[str, str]) -> list[Any]:
    """Return a part of the navigation; a folder has a first page, which names what lies beneath."""
    found: list[Any] = []
    for name, beneath in sorted(tree.items()):
        inner = {key: value for key, value in beneath.items() if key}
        own = [f"reference/{beneath[''].page}"] if "" in beneath else []
        if inner:
            first = f"{folder}/{name}/index.md"
            written[first] = _folder_page(f"statewise.{first.removeprefix('python/').removesuffix('/index.md')}", inner)
            found.append({name: [f"reference/{first}", *own, *_nav(inner, f"{folder}/{name}", written)]})
        else:
            found.append({name: own[0]})
    return found


def _folder_page(path: str, inner: dict[str, Any]) -> str:
    rows = []
    for name, beneath in sorted(inner.items()):
        module = beneath.get("")
        link = f"{name}/index.md" if beneath.keys() - {""} else f"{name}.md"
        rows.append(f"| [{name}]({link}) | {_cell(module.line) if module else 'several modules'} |")
    return "\n".join([f"# {path.replace('/', '.')}", "", "| module | what it holds |", "|---|---|", *rows, ""])


def _page(module: Module) -> str:
    imports: dict[str, list[str]] = {}
    for name in module.names:
        package, _, last = name.path.rpartition(".")
        imports.setdefault(package, []).append(last)
    lines = "\n".join(f"from {package} import {', '.join(names)}" for package, names in sorted(imports.items()))
    shown = "\n\n".join(f"::: {name.path}" for name in module.names)
    return f"# {module.path}\n\n{module.line}\n\n```python\n{lines}\n```\n\n{shown}\n"


def _index(those: list[Module]) -> str:
    """Return the first page: first what packages export, then the modules."""
    exported: dict[str, list[Name]] = {}
    for module in those:
        for name in module.names:
            if name.path != name.origin or module.path == "statewise":
                exported.setdefault(name.path.rpartition(".")[0], []).append(name)
    parts = [
        "# Python\n\nEvery public name, from the docstrings in the sources. What a package exports is listed here by "
        "the path to import it from; [every module](#every-module) is further down. "
        "`T B D H` are steps, rows, features and units; sequences have time first."
    ]
    for package, names in sorted(exported.items()):
        rows = [f"| [`{name.path.rpartition('.')[2]}`][{name.path}] | {_cell(name.line)} |" for name in sorted(names)]
        parts.append("\n".join([f"## {package}", "", "| name | what it is |", "|---|---|", *rows]))
    rows = [f"| [`{m.path}`]({m.page.removeprefix('python/')}) | {_cell(m.line)} |" for m in those]
    parts.append("\n".join(["## Every module", "", "| module | what it holds |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(line: str) -> str:
    return line.replace("|", "\\|")


def _path_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_open(path: str) -> bool:
    package, _, inner = path.partition(".")
    return package == "statewise" and inner.partition(".")[0] not in {*INNER, ""}


def _defined(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names that a module defines without `_`, and the first line of what is said of each, if anything."""
    for node, after in zip(tree.body, [*tree.body[1:], None]):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names, text = [node.name], ast.get_docstring(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            text = str(after.value.value) if is_text else None  # type: ignore[union-attr]
        else:
            continue
        yield from ((name, _line(text)) for name in names if not name.startswith("_"))


def _line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
