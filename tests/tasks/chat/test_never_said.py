"""Words that are never said: in whatever letters and subwords, but not within other words."""

import itertools

import pytest

from statewise.data.dialogues.dialogue_codec import DialogueCodec
from statewise.data.pairs.subwords import END, Subwords
from statewise.errors import UsageError
from statewise.tasks.chat.never_said import NeverSaid


@pytest.mark.parametrize(
    "text",
    ["darn", "Oh DARN!", "(Darn)", "darn-it", "the_darn_thing", "\uff24\uff41\uff52\uff4e", "da\u200brn", "it's darn"],
)
def test_a_word_is_found_in_any_letters_and_next_to_any_mark(text: str) -> None:
    assert NeverSaid.of(["darn"]).is_in(text)


@pytest.mark.parametrize("text", ["darned", "a darning needle", "d arn", "dar n", "darn1", ""])
def test_a_word_within_another_is_another(text: str) -> None:
    assert not NeverSaid.of(["darn"]).is_in(text)


def test_words_in_a_row_are_found_whatever_stands_between_and_only_in_their_order() -> None:
    never = NeverSaid.of(["shut up, don't\nOne"])
    assert never.phrases == {("shut", "up"), ("don", "t"), ("one",)}
    assert all(never.is_in(text) for text in ("Shut... UP", "shut-up!", "I don\u2019t know", "one"))
    assert not any(never.is_in(text) for text in ("shut it up", "up shut", "done", "don"))


def test_both_together_and_none_at_all() -> None:
    assert (NeverSaid.of(["a"]) | NeverSaid.of(["b, c"])).phrases == {("a",), ("b",), ("c",)}
    assert not NeverSaid.of([])
    assert not NeverSaid.of(["", " , "])
    with pytest.raises(UsageError, match="has no word that could be said"):
        NeverSaid.of(["darn, !!!"])
    with pytest.raises(UsageError, match="is words, not 3"):
        NeverSaid.of([3])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="are too many"):
        NeverSaid((str(n),) for n in range(10_001))


@pytest.fixture(scope="module")
def codec() -> DialogueCodec:
    texts = ["darn it", "darned dar n", "a shut up", "d a r n", "upper DARN", "shut . ! ,"] * 5
    return DialogueCodec(Subwords.learned(texts, 60), 2, 20, 10, "a")


def spellings(codec: DialogueCodec, text: str) -> list[list[int]]:
    """All ways of spelling a text by subwords."""
    pieces = {piece: code for code, piece in enumerate(codec.symbols) if code > END}

    def ways(left: str) -> list[list[int]]:
        if not left:
            return [[]]
        begun = [piece for piece in pieces if left.startswith(piece)]
        return [[pieces[piece], *rest] for piece in begun for rest in ways(left[len(piece) :])]

    return ways("\u2581" + text.replace(" ", "\u2581"))


def test_a_word_cannot_be_ended_however_subwords_split_it(codec: DialogueCodec) -> None:
    barring = NeverSaid.of(["darn, shut up"]).barring(codec)
    assert barring is not None
    tried = 0
    for text, codes in itertools.chain.from_iterable(
        ((text, way) for way in spellings(codec, text)) for text in ("darn", "a darn", "DARN", "a shut up", "shut up")
    ):
        barred = {codec.symbols[code] for code in barring(codes)}
        assert codec.symbols[END] in barred, text
        assert {"!", ".", "\u2581a"} <= barred
        assert "e" not in barred  # it may still become another word
        tried += 1
    assert tried > 10


def test_words_that_may_be_said_bar_nothing(codec: DialogueCodec) -> None:
    barring = NeverSaid.of(["darn, shut up"]).barring(codec)
    assert barring is not None
    for text in ("dar", "darned", "shut", "a shut", "up", "shut . up a"):
        for codes in spellings(codec, text):
            assert not barring(codes)
    assert NeverSaid(()).barring(codec) is None
