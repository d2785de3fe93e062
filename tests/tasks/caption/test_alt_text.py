"""Texts are proposed where pages lack them, and nowhere else; no page is changed, and nothing is invented."""

import csv
import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from made_pictures import shape

from statewise.errors import DataError, UsageError
from statewise.tasks.caption.alt_text import AltTexts, MissingText, kind_of_output, patch_of, with_text

HTML = """<html><body>
<img src="a.png">
<img src='b.png' alt="a dog">
<img src="b.png" alt="">
<IMG SRC=a.png
  width=3/>
<!-- <img src="a.png"> -->
<img src="https://example.org/a.png">
<img src="../../outside.png">
<img src="data:image/png;base64,AAAA">
<img data-alt="x" src="a%20b.png">
</body></html>
"""
MARKDOWN = """# A page
![](pics/a.png) and ![a dog](pics/a.png) and ![ ](<pics/a.png> "title")
`![](pics/a.png)`

```
![](pics/a.png)
```
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "pics").mkdir(parents=True)
    for name in ("a.png", "b.png", "a b.png", "pics/a.png"):
        shape("red").save(folder / name)
    shape("blue").save(tmp_path / "outside.png")
    (folder / "index.html").write_text(HTML)
    (folder / "page.md").write_text(MARKDOWN)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "page.md").write_text(MARKDOWN)
    return folder


def test_pictures_without_a_text_are_found_and_no_others(site: Path) -> None:
    found = AltTexts.of(site)
    assert [(one.page.name, one.line, one.source) for one in found.missing] == [
        ("index.html", 2, "a.png"),
        ("index.html", 5, "a.png"),
        ("index.html", 11, "a%20b.png"),
        ("page.md", 2, "pics/a.png"),
        ("page.md", 2, "pics/a.png"),
    ]
    assert len(found.left_alone) == 3
    assert all("lies elsewhere, or is not there" in words for words in found.left_alone)


def test_a_patch_gives_pages_their_texts_and_changes_nothing_else(site: Path) -> None:
    found = AltTexts.of(site)
    found.missing = [
        MissingText(**{**vars(one), "text": 'a "red" [square] & more', "is_sure": number != 1})
        for number, one in enumerate(found.missing)
    ]
    patch = site.parent / "alt.patch"
    patch.write_text(found.patch())
    subprocess.run(["patch", "-p1", "-d", str(site), "-i", str(patch)], check=True, capture_output=True)
    told = 'alt="a &quot;red&quot; [square] &amp; more"'
    wanted = HTML.replace('<img src="a.png">', f'<img src="a.png" {told}>', 1)
    wanted = wanted.replace('src="a%20b.png">', f'src="a%20b.png" {told}>')
    assert (site / "index.html").read_text() == wanted
    escaped = r"![a \"red\" \[square\] & more]".replace(r"\"", '"')
    first, rest = MARKDOWN.split("`", 1)
    assert (site / "page.md").read_text() == first.replace("![]", escaped).replace("![ ]", escaped) + "`" + rest


def test_a_page_without_a_line_end_keeps_being_one(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    one = MissingText(page, 1, 0, 10, "a.png", tmp_path / "a.png", "a dog", 1.0, True)
    patch = patch_of(page, "![](a.png)", [one], tmp_path)
    assert patch.count("\\ No newline at end of file") == 2


def test_a_tag_that_closes_itself_keeps_doing_so() -> None:
    assert with_text('<img src="a.png"/>', "a dog") == '<img src="a.png" alt="a dog" />'


def test_a_folder_without_pages_and_an_odd_output_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no page"):
        AltTexts.of(tmp_path)
    with pytest.raises(UsageError, match="neither"):
        kind_of_output("alt.txt")
    assert kind_of_output("alt.CSV") == ".csv"


def test_texts_are_proposed_with_how_sure_they_are_and_pages_stay_as_they_are(tmp_path: Path, site: Path) -> None:
    from made_pictures import pictures

    import statewise
    from statewise.tasks.caption.task import Caption

    how = {"encoder": "pixels", "hidden_size": 4, "embedding": 4, "subwords": 60, "threads": 1, "held_out": 0.3}
    task = Caption(source=str(pictures(tmp_path / "shown")), updates=2, validation=0.0, **how)  # type: ignore[arg-type]
    trained = statewise.train(task, run=tmp_path / "run").load()
    (site / "broken.html").write_bytes(b'<img src="a.png">\xff')
    table = tmp_path / "alt.csv"
    lines = list(trained.answer(str(site), alt=True, least=0.99, output=str(table)).pieces)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == 5
    assert {row["is_sure"] for row in rows} == {"False"}
    assert all(row["text"].startswith("not sure: a drawing, 28 x 28") for row in rows)
    assert "5 pictures on 2 pages have no text; 0 are proposed, at least 0.99 sure" in lines[-1]
    assert any("broken.html" in line for line in lines)
    assert (site / "index.html").read_text() == HTML
    sure = list(trained.answer(str(site), alt=True, least=1e-9).pieces)[-1]
    assert "5 are proposed" in sure
    assert "nothing was written" in sure
    with pytest.raises(UsageError, match="for a folder of pages"):
        trained.answer(str(site / "a.png"), alt=True)


ODD = """<script>document.write("<img src='a.png'>")</script><!-- <img src="a.png"> --!>
a\x0cb\x85c\u2028d\re <img src="a.png" title="no alt = here"> f
<textarea><img src="a.png"></textarea> `<img src="a.png">` g
"""


def test_scripts_are_left_alone_and_a_patch_applies_to_odd_lines_and_names(site: Path, tmp_path: Path) -> None:
    for name in ("with space.html", "tab\tname.html", 'quote".html'):
        (site / name).write_text(ODD, newline="")
    (site / "code.md").write_text("\\\\![](a.png)\n\n    ![](a.png)\n\n![](<a b.png>) ![](a.png)\n")
    found = AltTexts.of(site)
    odd = [one for one in found.missing if one.page.name in ("with space.html", "tab\tname.html", 'quote".html')]
    assert sorted({one.line for one in odd}) == [2, 3]
    assert len(odd) == 6
    assert [one.source for one in found.missing if one.page.name == "code.md"] == ["a b.png", "a.png"]
    sure = [replace(one, text="a dog", is_sure=True) for one in found.missing]
    patch = AltTexts(found.folder, found.pages, sure, []).patch()
    (tmp_path / "alt.patch").write_text(patch, newline="")
    command = ["patch", "-p1", "-d", str(site), "-i", str(tmp_path / "alt.patch")]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout
    for name in ("with space.html", "tab\tname.html", 'quote".html'):
        content = (site / name).read_bytes().decode()
        assert "document.write(\"<img src='a.png'>\")" in content
        assert content.count('alt="a dog"') == 2
    assert AltTexts.of(site).missing == []


@pytest.mark.parametrize("piece", ["<img ", "<!-- ", '<img "', "<img a='", "`", "![](", "<script", "![](<", "![](a "])
@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_page_that_opens_and_never_closes_is_read_in_a_moment(tmp_path: Path, piece: str, kind: str) -> None:
    page = tmp_path / ("page.html" if kind == "html" else "page.md")
    page.write_text(piece * 30_000)
    assert AltTexts.of(tmp_path).missing == []
