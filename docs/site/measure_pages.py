"""A page for each metric and each baseline, out of the docstrings of the code that computes them.

A docstring says what it defines by a list under `Metrics:` or `Baselines:`, or a line such as "Baseline: `copy`." where
it is all of the definition. `Metrics of sketch, handwriting:` names tasks where they are not that of the module. In
names `N` and `K` stand for a number. What a definition names by its whole path is shown as well.
"""

import ast
import functools
import inspect
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

from markdown_of_docstrings import as_markdown

from statewise.report import ASIDE, ENDS

SOURCE = Path(__file__).parents[2] / "src"
TASKS = SOURCE / "statewise" / "tasks"
HEAD = re.compile(r"^(Metric|Baseline)s?(?: of ([a-z, ]+))?: ?((?:`[^`]+`(?:, )?)*)\.?$")
ITEM = re.compile(r"^- ((?:`[^`]+`(?:, )?)+): (.*)$", re.DOTALL)
PATH = re.compile(r"`(statewise(?:\.\w+)+)`")
ANY_NUMBER = re.compile(r"(?<![A-Za-z])[NK](?![A-Za-z])")


class Definition(NamedTuple):
    """One meaning of a metric or a baseline: for which tasks, in which words, and where in the code it stands."""

    kind: str
    name: str
    tasks: tuple[str, ...]
    words: str
    origin: str
    source: str
    whole: str
    "The docstring that it was taken from, where that says more than the words."


@functools.cache
def definitions() -> list[Definition]:
    """Return every definition in the docstrings of the tasks, in the order of names."""
    found = [one for file in sorted(TASKS.rglob("*.py")) for one in _of_file(file)]
    return sorted(found, key=lambda one: (one.kind, one.name.lower(), one.tasks))


def is_defined(kind: str, name: str, tasks: Set[str]) -> bool:
    """Say whether a name in the reports of some task of these is defined, whatever it was measured with besides.

    >>> is_defined("Metric", "dynamic_perplexity", {"language"}), is_defined("Baseline", "luck", {"language"})
    (True, False)
    """
    plain = name.removeprefix(next((aside for aside in ASIDE if name.startswith(aside)), ""))
    plain = plain.removesuffix(next((end for end in ENDS if plain.endswith(end)), ""))
    return any(one.kind == kind and tasks & {*one.tasks} and is_named(one, plain) for one in definitions())


def is_named(definition: Definition, name: str) -> bool:
    """Say whether a name of a report is that of a definition."""
    parts = re.split(ANY_NUMBER, definition.name)
    return re.fullmatch(r"[\d,]+".join(map(re.escape, parts)), name) is not None


def pages() -> tuple[list[Any], dict[str, str]]:
    """Return the navigation of metrics and baselines, and their pages by name."""
    every = definitions()
    nav: list[Any] = []
    written: dict[str, str] = {}
    for kind, folder, title, about in (
        (
            "Metric",
            "metrics",
            "Metrics",
            "What a report measures, each with its definition, from the code that computes it.",
        ),
        ("Baseline", "baselines", "Baselines", "The simple methods that each model is compared with, from their code."),
    ):
        names = list(dict.fromkeys(one.name for one in every if one.kind == kind))
        rows = []
        for name in names:
            those = [one for one in every if one.kind == kind and one.name == name]
            page = f"{folder}/{_slug(name)}.md"
            written[page] = _page(name, kind, those)
            of = ", ".join(dict.fromkeys(task for one in those for task in one.tasks))
            rows.append(f"| [{name}]({_slug(name)}.md) | {of} | {_first(those[0].words)} |")
        table = "\n".join(["| name | tasks | what it is |", "|---|---|---|", *rows])
        written[f"{folder}/index.md"] = f"# {title}\n\n{about} `N` and `K` stand for a number.\n\n{table}\n"
        entries = [{name: f"reference/{folder}/{_slug(name)}.md"} for name in names]
        nav.append({title: [f"reference/{folder}/index.md", *entries]})
    return nav, written


def _page(name: str, kind: str, those: list[Definition]) -> str:
    parts = [f"# {name}"]
    for one in those:
        tasks = ", ".join(f"[{task}](../tasks/{task}.md)" for task in one.tasks)
        parts += [f"{kind} of {tasks}." if len(those) == 1 else f"## Of {tasks}", as_markdown(one.words)]
        if one.whole:
            parts += [f"**Where it is computed**, `{one.origin}`:", as_markdown(one.whole)]
        for path in dict.fromkeys(PATH.findall(one.words)):
            text, source = _named(path)
            parts += [f"**`{path}`**:", as_markdown(text)]
            if source.startswith("def "):
                parts.append(f'``` {{ .python data-search-exclude="" }}\n{source}\n```')
        parts.append(f'Source of `{one.origin}`:\n\n``` {{ .python data-search-exclude="" }}\n{one.source}\n```')
    return "\n\n".join(parts) + "\n"


def _of_file(file: Path) -> Iterator[Definition]:
    lines, tree = file.read_text().splitlines(), ast.parse(file.read_text())
    module = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
    for path, node in _documented(tree, module):
        text = ast.get_docstring(node) or ""
        source = _without_docstring(node, lines)
        for kind, name, tasks, words in _said(text):
            whole = "" if words else _without_lists(text)
            yield Definition(
                kind, name, tasks or (module.split(".")[2],), words or whole, path, source, whole if words else ""
            )


def _documented(tree: ast.Module, module: str) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield f"{module}.{node.name}", node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{module}.{node.name}.{inner.name}", inner


def _said(text: str) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield the kind, name, tasks and words of what a docstring defines; no words where it is all of it."""
    blocks = re.split(r"\n\s*\n", text)
    for at, block in enumerate(blocks):
        for line in block.splitlines():
            if (head := HEAD.match(line)) is None:
                continue
            tasks = tuple(re.split(", ?", head[2])) if head[2] else ()
            for name in re.findall(r"`([^`]+)`", head[3]):
                yield head[1], name, tasks, ""
            if not head[3]:
                for item in re.split(r"\n(?=- )", blocks[at + 1]):
                    found = ITEM.match(item)
                    assert found, f"not a definition: {item}"
                    words = " ".join(found[2].split())
                    for name in re.findall(r"`([^`]+)`", found[1]):
                        yield head[1], name, tasks, words[:1].upper() + words[1:] + "."


def _without_lists(text: str) -> str:
    blocks, kept = re.split(r"\n\s*\n", text), []
    is_list = False
    for block in blocks:
        lines = block.splitlines()
        heads = [HEAD.match(line) for line in lines]
        rest = "\n".join(line for line, head in zip(lines, heads) if head is None)
        if not (is_list and block.startswith("- ")) and rest.strip():
            kept.append(rest)
        is_list = any(head is not None and not head[3] for head in heads)
    return "\n\n".join(kept)


def _without_docstring(node: Any, lines: list[str]) -> str:
    """Return the source of a function without its docstring, or the first line of a class."""
    if isinstance(node, ast.ClassDef):
        return lines[node.lineno - 1]
    own = lines[node.lineno - 1 : node.end_lineno]
    first, last = node.body[0].lineno - node.lineno, node.body[0].end_lineno - node.lineno
    kept = own[:first] + own[last + 1 :]
    return inspect.cleandoc("\n" + "\n".join(kept))


def _named(path: str) -> tuple[str, str]:
    """Return the docstring and the source of what a path names."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        file = SOURCE.joinpath(*parts[:count]).with_suffix(".py")
        if file.is_file():
            for found, node in _documented(ast.parse(file.read_text()), ".".join(parts[:count])):
                if found == path:
                    text = ast.get_docstring(node) or ""
                    return _without_lists(text), _without_docstring(node, file.read_text().splitlines())
    raise AssertionError(f"a definition names {path}, which is not there")


def _first(words: str) -> str:
    line = " ".join(words.partition("\n\n")[0].split())
    return line.replace("|", "\\|").replace("<", "&lt;")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
