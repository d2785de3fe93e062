"""Docstrings as Markdown: examples become code, and lines such as `Shapes:` and `Source:` stand by themselves."""

import re

LABEL = re.compile(r"^(Shapes?|Sources?|Units?|Errors?|Example|After|From):", re.MULTILINE)
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def as_markdown(text: str) -> str:
    r"""Return a docstring as Markdown.

    >>> as_markdown("Add one to a < b.\n\nShapes: `[B]`.\nSource: none.")
    'Add one to a &lt; b.\n\n**Shapes:** `[B]`.\n\n**Source:** none.'
    """
    return "\n\n".join(_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block)


def _block(block: str) -> str:
    if block.lstrip().startswith(">>>"):
        return f"```pycon\n{block}\n```"
    if block.startswith("    "):
        return block
    before, begin, example = block.partition("\n>>> ")
    words = re.sub(r"\n{2,}", "\n\n", LABEL.sub(r"\n\n**\1:**", before)).strip()
    words = "".join(part if CODE.fullmatch(part) else part.replace("<", "&lt;") for part in CODE.split(words))
    return f"{words}\n\n{_block(f'>>> {example}')}" if begin else words
