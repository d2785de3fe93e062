"""Make a version: its number in every file that has it, the changelog closed under it, one commit and one tag.

`python .ci/release.py 0.2.0` does it, on a tree without changes, and prints the notes. It pushes nothing.
`python .ci/release.py --notes` prints the notes of the version that stands, as the workflow that publishes it does.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGELOG = "CHANGELOG.md"
VERSION = r"\d+\.\d+\.\d+"
PLACES = {
    "pyproject.toml": rf'^version = "({VERSION})"$',
    "src/statewise/__init__.py": rf'^__version__ = "({VERSION})"$',
    "zoo/pyproject.toml": rf'^version = "({VERSION})"$',
    "CITATION.cff": rf"^version: ({VERSION})$",
}
"Where the number of the version stands, once in each file."
OPEN = re.compile(rf"^## (?:Unreleased|{VERSION} \(unreleased\))$", re.MULTILINE)


def place_of(name: str, text: str) -> re.Match[str]:
    """Return where a file says which version it is of. Raises `SystemExit` where it says it never, or twice."""
    found = list(re.finditer(PLACES[name], text, re.MULTILINE))
    if len(found) != 1:
        raise SystemExit(f"{name} says {len(found)} times which version it is of: it must say so once")
    return found[0]


def notes(root: Path = ROOT) -> str:
    """Return what the changelog says of the version that stands, the first section of it that has a version."""
    sections = re.split(r"^## ", (root / CHANGELOG).read_text(), flags=re.MULTILINE)[1:]
    named = [section for section in sections if re.match(VERSION, section)]
    if not named:
        raise SystemExit(f"{CHANGELOG} has no section of a version: write one")
    return named[0].partition("\n")[2].strip() + "\n"


def release(version: str, root: Path = ROOT) -> list[str]:
    """Write a version into every file and return their names. Raises `SystemExit`, before anything is written."""
    if not re.fullmatch(VERSION, version):
        raise SystemExit(f"{version} is no version such as 0.2.0: give three numbers")
    changed = {}
    for name in PLACES:
        text = (root / name).read_text()
        place = place_of(name, text)
        now = tuple(map(int, place[1].split(".")))
        if now > tuple(map(int, version.split("."))):
            raise SystemExit(f"{name} is of {place[1]} already: give a version after it")
        changed[name] = text[: place.start(1)] + version + text[place.end(1) :]
    log = (root / CHANGELOG).read_text()
    if len(OPEN.findall(log)) != 1:
        raise SystemExit(f"{CHANGELOG} needs one section `## Unreleased`, of what this version brings: write it")
    changed[CHANGELOG] = OPEN.sub(f"## {version} ({time.strftime('%Y-%m-%d')})", log)
    for name, text in changed.items():
        (root / name).write_text(text)
    return list(changed)


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout


def main(given: list[str]) -> None:
    """Do what the words say."""
    if given == ["--notes"]:
        print(notes(), end="")
        return
    if len(given) != 1:
        raise SystemExit("give a version, as in `python .ci/release.py 0.2.0`, or --notes")
    if _git("status", "--porcelain"):
        raise SystemExit("there are changes that are not committed: commit them, then make the version")
    files = release(given[0])
    _git("commit", "--quiet", "--message", f"Release {given[0]}", "--", *files)
    _git("tag", "--annotate", f"v{given[0]}", "--message", f"statewise {given[0]}")
    print(notes(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
