"""ARPA files: what is written is what the n-grams say, what is read is as by hand, and damaged ones are refused."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.cli.main import run as command
from statewise.data.words.words_codec import Words
from statewise.errors import DataError, UsageError
from statewise.tasks.language.arpa import ArpaModel, write_arpa
from statewise.tasks.language.task import Language
from statewise.tasks.shared.kneser_ney import KneserNey

CODEC = Words(("<unk>", "</s>", "a", "b", "c", "d"), (0, 9, 9, 8, 7, 0))
BY_HAND = r"""
\data\
ngram 1=7
ngram 2=3

\1-grams:
-99	<s>	-0.5
-2.0	<unk>
-1.0	</s>
-0.3	a	-0.25
-0.6	b	-0.125
-1.5	c
-3	d

\2-grams:
-0.2	<s> a
-0.4	a b
-0.7	b </s>

\end\
"""


def spoken(length: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Return sentences of a, b and c, some empty; d is never said."""
    dice = random.Random(seed)
    return np.array([dice.choices([1, 2, 3, 4], [2, 5, 3, 1])[0] for _ in range(length)])


def test_what_is_read_is_scored_as_by_hand(tmp_path: Path) -> None:
    (tmp_path / "hand.arpa").write_text(BY_HAND)
    model = ArpaModel.read(str(tmp_path / "hand.arpa"), CODEC)
    # <s> a b c </s> | <s> d a
    wanted = [-0.2, -0.4, -0.125 - 1.5, -1.0, -0.5 - 3, -0.3]
    found = -model.nats(np.array([2, 3, 4, 1, 5, 2])) / math.log(10)
    assert found.tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_what_is_written_is_what_the_n_grams_say_within_a_sentence(order: int, tmp_path: Path) -> None:
    model = KneserNey.fit(spoken(400), 6, order, modified=True)
    count = write_arpa(model, CODEC, tmp_path / "model.arpa")
    read = ArpaModel.read(str(tmp_path / "model.arpa"), CODEC)
    assert count == sum(map(len, read.keys))
    for sentence in ([2, 3, 2, 2], [4, 4, 5, 3], [0, 2, 3, 3, 4], [1]):
        for word in range(6):
            found = float(read.nats(np.array([*sentence, word]))[-1])
            begun = sentence if sentence[-1] != 1 else []
            context = [1, *begun][-(order - 1) :] if order > 1 else []
            wanted = float(model.distribution(context)[word]) if order > 1 else unigram(model, word)
            assert found == pytest.approx(-math.log(wanted), rel=1e-5)


def unigram(model: KneserNey, word: int) -> float:
    return float(model.distribution([], 1)[word])


def test_the_odds_of_all_words_after_any_beginning_add_up_to_one(tmp_path: Path) -> None:
    write_arpa(KneserNey.fit(spoken(300), 6, 4, modified=True), CODEC, tmp_path / "model.arpa")
    read = ArpaModel.read(str(tmp_path / "model.arpa"), CODEC)
    for begun in ([], [2], [5, 2], [2, 3, 4], [3, 1], [3, 1, 2]):
        odds = [math.exp(-float(read.nats(np.array([*begun, word]))[-1])) for word in range(6)]
        assert sum(odds) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\\data\\\nngram 1=7\nngram 2=3", "", "does not begin with how many"),
        ("ngram 2=3", "ngram 3=3", "does not begin with how many"),
        ("ngram 2=3", "ngram 2=9999999999", "n-grams, more than"),
        ("ngram 2=3", "ngram 2=2", "other than 2 2-grams"),
        ("ngram 2=3", "ngram 2=4", "damaged at 2-gram 4"),
        ("-0.4\ta b", "0.4\ta b", "damaged at 2-gram 2"),
        ("-0.4\ta b", "nan\ta b", "damaged at 2-gram 2"),
        ("-0.4\ta b", "-0.4\ta", "damaged at 2-gram 2"),
        ("-0.7\tb </s>\n\n\\end\\\n", "", "damaged at 2-gram 3"),
    ],
)
def test_a_damaged_file_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in BY_HAND
    (tmp_path / "bad.arpa").write_text(BY_HAND.replace(old, new))
    with pytest.raises(DataError, match=told):
        ArpaModel.read(str(tmp_path / "bad.arpa"), CODEC)


def test_n_grams_over_other_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.arpa").write_text(BY_HAND.replace("-3\td", "-3\te"))
    with pytest.raises(UsageError, match="'e', which is not in this vocabulary"):
        ArpaModel.read(str(tmp_path / "other.arpa"), CODEC)
    (tmp_path / "fewer.arpa").write_text(BY_HAND.replace("-3\td\n", "").replace("ngram 1=7", "ngram 1=6"))
    with pytest.raises(UsageError, match="lacks 1 words of this vocabulary, such as d"):
        ArpaModel.read(str(tmp_path / "fewer.arpa"), CODEC)


def test_evaluate_writes_n_grams_and_scores_those_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {code: word for word, code in CODEC.numbers.items()} | {1: "\n\n"}
    Path("book.txt").write_text(" ".join(names[int(code)] for code in spoken(600)))
    small: dict[str, Any] = {"hidden_size": 4, "embedding": 4, "batch_size": 2, "sequence_length": 5, "threads": 1}
    task = Language(source="book.txt", updates=2, cutoffs="2", orders=3, held_out=0.2, **small)
    statewise.train(task, run="run", quiet=True)
    capsys.readouterr()
    assert command(["evaluate", "run", "--write-arpa", "own.arpa"]) == 0
    report = statewise.evaluate("run", quiet=True, arpa="own.arpa")
    (table,) = report.tables.values()
    assert table["own.arpa"]["perplexity"] == pytest.approx(report.baselines["Kneser-Ney 3"]["perplexity"], rel=0.1)
    assert command(["evaluate", "run", "--write-arpa", "own.arpa"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*.arpa*")) == ["own.arpa"]
