"""What griffe is told of docstrings: they are Markdown once examples and labels are set apart."""

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))  # griffe reads this file from its path alone
from markdown_of_docstrings import as_markdown


class PlainDocstrings(griffe.Extension):
    """What griffe calls for every object as soon as it is read, before others look at its docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Make Markdown of a docstring."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
