"""What MkDocs calls while it builds the site: source code is shown, but search looks in words alone."""

from typing import Any

SOURCE = '<details class="mkdocstrings-source"'


def on_page_content(html: str, **_: Any) -> str:
    """Leave the source code in a page out of what is searched.

    >>> on_page_content('<details class="mkdocstrings-source">x</details>')
    '<details class="mkdocstrings-source" data-search-exclude>x</details>'
    """
    return html.replace(SOURCE, f"{SOURCE} data-search-exclude")
