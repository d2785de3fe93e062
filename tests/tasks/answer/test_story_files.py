"""Files of stories, and what becomes of them: questions, their parts, words, and kinds."""

from pathlib import Path

import pytest
from made_stories import stories

import statewise
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import Splitting
from statewise.errors import DataError, UsageError
from statewise.tasks.answer.data import parts_of
from statewise.tasks.answer.kinds import kind_of, open_words
from statewise.tasks.answer.stories_codec import StoriesCodec
from statewise.tasks.answer.story_files import StoryQuestion, read_stories

STORY = (
    "1 Mary moved to the bathroom.\n2 John got the football there.\n3 Where is Mary? \tbathroom\t1\n"
    "4 John went to the garden.\n5 Where is the football?\tgarden\t2 4\n1 Mary left.\n2 Who left?\tMary,John\n"
)


def read(folder: Path, text: str, longest: int = 9) -> tuple[list[StoryQuestion], LeftOutCount]:
    path, left_out = folder / "a.txt", LeftOutCount("question")
    path.write_text(text)
    return list(read_stories([path], longest, left_out)), left_out


def test_questions_have_the_sentences_before_them_and_what_they_follow_from(tmp_path: Path) -> None:
    found, _ = read(tmp_path, STORY)
    assert [one.text for one in found] == ["Where is Mary?", "Where is the football?", "Who left?"]
    assert [one.answer for one in found] == ["bathroom", "garden", "Mary,John"]
    assert found[1].sentences == (
        "Mary moved to the bathroom.",
        "John got the football there.",
        "John went to the garden.",
    )
    assert [one.support for one in found] == [(0,), (1, 2), ()]
    assert found[0].story == found[1].story != found[2].story


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Mary left.\n", "line 1 of .* does not begin with a number"),
        ("1 Mary left.\n3 Who left?\tMary\n", "line 2 of .* has the number 3 after 1"),
        ("2 Mary left.\n", "has the number 2 after 0"),
        ("1 Mary left.\n2 Who left?\t\n", "line 2 of .* has no answer"),
        ("1 ...\n", "line 1 of .* has no word"),
        ("1 Mary left.\n2 Who left?\tMary\t7\n", "follows from '7', which is not the line of a sentence before it"),
        ("1 Mary left.\n2 Who left?\tMary\tx\n", "follows from 'x'"),
        ("1 Mary left.\n", "has no question"),
        ("", "has no question"),
        ("1 " + "a" * 20_000 + "\n", "has 20,002 characters"),
    ],
)
def test_what_is_no_story_is_refused_with_its_line(text: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=wanted):
        read(tmp_path, text)


def test_what_is_too_long_or_about_nothing_is_left_out_and_counted(tmp_path: Path) -> None:
    long = "".join(f"{n} Mary left.\n" for n in range(1, 7)) + "7 Who left?\tMary\n"
    wide = f"1 {'very ' * 70}long.\n2 Who left?\tMary\n"
    found, left_out = read(tmp_path, f"{long}{wide}1 Who left?\tMary\n1 Mary left.\n2 Who left?\tMary\n", longest=5)
    assert len(found) == 1
    assert left_out.counts == {
        "about more than 5 sentences": 1,
        "with a sentence of more than 64 words": 1,
        "about no sentence": 1,
    }
    assert left_out.first["about no sentence"] == "line 10 of a.txt"


def asked(story: str, file: str) -> StoryQuestion:
    return StoryQuestion(("Mary left.",), "Who left?", "Mary", (), story, file)


def test_a_story_is_in_one_part_and_files_named_as_parts_stay_whole() -> None:
    some = [asked(f"story {n // 3}", "a") for n in range(300)]
    parts = parts_of(some, Splitting(0.3, 0.2))
    assert {parts.count(part) > 20 for part in (0, 1, 2)} == {True}
    assert all(len(set(parts[n : n + 3])) == 1 for n in range(0, 300, 3))
    named = [asked(f"story {n}", file) for n in range(50) for file in ("qa1_train", "qa1_test")]
    parts = parts_of(named, Splitting(0.3, 0.2))
    assert set(parts[1::2]) == {2}
    assert set(parts[::2]) == {0, 1}
    checked = [asked(f"story {n}", file) for n in range(50) for file in ("qa1_train", "qa1_valid", "qa1_test")]
    assert parts_of(checked, Splitting(0.3, 0.2)) == [0, 1, 2] * 50


def test_kinds_take_out_the_words_that_may_be_others() -> None:
    questions = [["where", "is", "mary"], ["where", "is", "john"], ["who", "gave", "it", "to", "mary"]]
    opened = open_words(questions)
    assert opened == {"mary", "john"}
    assert kind_of(["who", "gave", "it", "to", "john"], opened) == "who gave it to _"


def test_a_codec_knows_words_answers_and_kinds_and_comes_back_from_json(tmp_path: Path) -> None:
    found, _ = read(tmp_path, STORY)
    codec = StoriesCodec.of(found)
    assert codec.answers == ("Mary,John", "bathroom", "garden")
    assert codec.unknown("Where is Bob's football?") == ["bob's"]
    assert codec.knows_kind("where is the football")
    assert not codec.knows_kind("Is Mary where?")
    assert (codec.widest, codec.longest) == (5, 3)
    assert StoriesCodec.read(codec.as_json()).as_json() == codec.as_json()
    for name, wrong in {"words": [1], "answers": ["a", "a"], "widest": 0, "longest": True, "example": ["a"]}.items():
        with pytest.raises(DataError, match="not one of stories"):
            StoriesCodec.read({**codec.as_json(), name: wrong})


def test_parts_without_a_question_are_refused_and_what_was_left_out_is_told(tmp_path: Path) -> None:
    path = stories(tmp_path, 1)
    with pytest.raises(DataError, match=r"questions to learn from, and the .* part would have none"):
        statewise.QuestionAnswering(source=str(path), held_out=0.0001).prepare(tmp_path)
    path = stories(tmp_path, 3)
    few = statewise.QuestionAnswering(source=str(path), held_out=0.0001, validation=0.0001).prepare(tmp_path)
    assert min(few.facts[part] for part in ("training", "validation", "held_out")) > 0
    with pytest.raises(DataError, match=r"left out: about more than 1 sentences"):
        statewise.QuestionAnswering(source=str(path), sequence_length=1).prepare(tmp_path)
    with pytest.raises(UsageError, match="neither a file, a folder, a pattern nor a corpus"):
        statewise.QuestionAnswering(source="nowhere.txt").prepare(tmp_path)
