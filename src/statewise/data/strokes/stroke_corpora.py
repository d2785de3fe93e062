"""Drawings that come by name, out of published packages."""

from statewise.data.corpora import PublishedTables
from statewise.data.packages import Package

KANJI = PublishedTables(
    name="kanji",
    title="Japanese characters, stroke by stroke in writing order, by Ulrich Apel (KanjiVG)",
    licence="CC BY-SA 3.0",
    size="6,703 drawings",
    package=Package(
        "pypi",
        "kanjivg",
        "20260714",
        members="kanji/?????.svg",
        digest="07fec01564843a5aa02d4ea1838e4f8541b41ec2786f13db36b858fd64982d83",
    ),
    holds="drawings",
)
ICONS = PublishedTables(
    name="icons",
    title="Icons made of lines, from the collection Tabler",
    licence="MIT",
    size="5,131 drawings",
    package=Package(
        "npm",
        "@iconify-json/tabler",
        "1.2.41",
        members="package/icons.json",
        digest="22e86b3023cad84e4156307a5185d1d5525e7e383be209d5f4e484b1dec20713",
    ),
    holds="drawings",
)
SYNTHETIC = PublishedTables(
    name="synthetic-handwriting",
    title="Nine single-stroke fonts (EMS, by Sheldon B. Michaels), of which synthetic writers are made: no real pen",
    licence="SIL OFL 1.1",
    size="9 fonts",
    package=Package(
        "npm",
        "hersheytext",
        "2.0.0",
        members="package/svg_fonts/EMS*.svg",
        digest="6baddb05c041b2f84f0d8b409a4efeb0bc2b7e93fd669d4265055cdd38c8cb9a",
    ),
    holds="handwriting",
)
