"""A trained translator: its answers, whatever it is asked together with, and what it refuses."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.cli.main import run
from statewise.data.pairs.subwords import UNKNOWN
from statewise.decode import SearchRule
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.tasks.shared.reader_writer import told
from statewise.tasks.translate.copying import copied_words
from statewise.tasks.translate.translator import Translator
from statewise.verbs import Trained

WORDS = {"the": "le", "cat": "chat", "dog": "chien", "eats": "mange", "sees": "voit", "one": "un"}
SMALL: dict[str, Any] = {"hidden_size": 24, "embedding": 16, "subwords": 70, "threads": 1, "batch_size": 32}


def named(dice: random.Random) -> str:
    return "".join(dice.choice("abdeghilmnoprstu") for _ in range(5)).capitalize()


def lines(count: int = 600) -> list[str]:
    dice, found = random.Random(0), []
    for number in range(count):
        words = [dice.choice([*WORDS]) for _ in range(dice.randint(1, 4))]
        name = [named(dice)] if number % 3 == 0 else []
        found.append(
            f"{' '.join([*words, *name])} .\t{' '.join([*(WORDS[word] for word in words), *name])} .".replace(" .", ".")
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("translate")
    (made / "pairs.tsv").write_text("\n".join(lines()) + "\n")
    task = statewise.Translate(
        source=str(made / "pairs.tsv"),
        held_out=0.1,
        updates=350,
        learning_rate=0.01,
        dropout=0.0,
        word_dropout=0.0,
        **SMALL,
    )
    statewise.train(task, run=made / "run")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return statewise.load(folder / "run")


def translator(trained: Trained, width: int = 3, best: int = 1) -> Translator:
    return Translator(trained.model, trained.codec, SearchRule(width, best))


def test_it_translates_what_it_never_saw_and_is_far_beyond_the_baselines(folder: Path, trained: Trained) -> None:
    report = statewise.evaluate(folder / "run")
    assert report.metrics["bleu"] > 80
    assert report.metrics["bleu"] > max(one["bleu"] for one in report.baselines.values()) + 10
    assert [one.text for one in trained.predict("the cat sees the dog.\none dog eats.")] == [
        "le chat voit le chien.",
        "un chien mange.",
    ]


def test_a_name_that_training_never_saw_is_copied_from_the_source(trained: Trained) -> None:
    assert next(trained.predict("the dog sees Quizzo.")).text == "le chien voit Quizzo."
    assert " ".join(translator(trained, 1).words("the dog sees Quizzo.")) == "le chien voit Quizzo."


def test_words_that_training_never_saw_are_named_and_those_that_are_copied_are_not(
    folder: Path, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = trained.predict("the catdog sees Quizzo.")
    assert list(one.unseen) == ["catdog"]
    assert one.as_json()["words_never_seen"] == ["catdog"]
    for beam in ("1", "3"):
        assert run(["predict", str(folder / "run"), "the catdog sees Quizzo.", "--beam", beam]) == 0
        assert "training never saw catdog: what stands for it is a guess" in capsys.readouterr().err
    assert run(["predict", str(folder / "run"), "The cat sees Quizzo."]) == 0
    assert "never saw" not in capsys.readouterr().err
    (folder / "lines.txt").write_text("the cat.\nthe seeseat dogone.\n")
    assert run(["predict", str(folder / "run"), "--file", str(folder / "lines.txt")]) == 0
    assert "training never saw seeseat, dogone in 1 of 2 lines" in capsys.readouterr().err


def test_answers_are_the_same_alone_and_with_others_in_any_order(trained: Trained) -> None:
    asked = [line.partition("\t")[0] for line in lines(100)]
    together = [one.text for one in translator(trained).translations(asked)]
    turned = [one.text for one in translator(trained).translations(asked[::-1])][::-1]
    by_eight = [one.text for at in range(0, 100, 8) for one in translator(trained).translations(asked[at : at + 8])]
    alone = [translator(trained).translations([text])[0].text for text in asked]
    assert together == turned == by_eight == alone


def test_one_mark_translated_with_a_long_line_is_what_it_is_alone_and_not_empty(trained: Trained) -> None:
    long = "the cat sees the dog. " * 6
    (alone,), (both, _) = (translator(trained).translations(texts) for texts in (["1."], ["1.", long]))
    assert alone.text
    assert alone.text == both.text


def test_words_come_one_by_one_as_a_beam_of_one_has_them(trained: Trained) -> None:
    for text in ("the cat sees the dog.", "one cat eats Bergun.", "the the the."):
        words = [*translator(trained, 1).words(text)]
        assert " ".join(words) == translator(trained, 1).translations([text])[0].text
        assert len(words) > 1


def test_the_best_are_different_texts_the_likeliest_first(trained: Trained) -> None:
    (found,) = translator(trained, 8, 4).translations(["the cat sees."])
    texts, scores = [one.text for one in found.candidates], [one.score for one in found.candidates]
    assert len(set(texts)) == len(texts) > 1
    assert scores == sorted(scores, reverse=True)


def test_a_given_translation_scores_what_the_search_says_of_it(trained: Trained) -> None:
    (found,) = translator(trained).translations(["the cat sees."])
    best = found.candidates[0]
    given = translator(trained).given("the cat sees.", best.text)
    assert given.log_probability == pytest.approx(best.log_probability, abs=1e-3)
    assert translator(trained).given("the cat sees.", "chien chien.").score < given.score


def test_what_a_translation_looked_at_is_a_share_of_each_word_and_follows_the_order(trained: Trained) -> None:
    source = trained.codec.encode_source("the cat sees.").codes
    target = trained.codec.encode_target("le chat voit.")
    seen = told(trained.model, source, target)
    assert seen.alignment.shape == (len(target), len(source))
    assert seen.alignment.sum(dim=1).tolist() == pytest.approx([1.0] * len(target), abs=1e-5)


def test_each_unknown_word_of_the_source_is_copied_once_before_any_is_copied_twice() -> None:
    import torch

    shares = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])
    assert copied_words([UNKNOWN] * 3, shares, [UNKNOWN, UNKNOWN], ["A", "B"]) == ["A", "B", "B"]
    assert copied_words([UNKNOWN], torch.tensor([[0.1, 0.9]]), [7, 8], ["one", "two"]) == ["two"]


def test_a_live_translation_longer_than_is_ever_searched_for_is_only_repeated(trained: Trained) -> None:
    live = trained.live(text="the cat")
    names = [f"Übung{number}" for number in range(60)]  # written with signs that no subword has
    taken = live.push(" ".join(names))
    assert (taken.text.split(), taken.next_word, taken.rest) == (names, "", "")


def test_a_live_translation_takes_words_proposes_the_rest_and_goes_back(trained: Trained) -> None:
    live = trained.live(text="the cat sees the dog.")
    first = live.push("")
    assert (first.text, first.next_word, first.rest) == ("le", "chat", "chat voit le chien.")
    other = live.fork()  # type: ignore[attr-defined]
    assert live.push("chien").text == "le chien"
    assert other.push("").text == "le chat"
    again = trained.live(live.save())
    assert again.push("undo").as_json() == first.as_json()
    with pytest.raises(UsageError, match="no word to take back"):
        trained.live(text="the cat").push("undo")
    with pytest.raises(DataError, match="saved translation is damaged"):
        trained.live(trained.stream().save())


def test_a_fork_of_a_stream_and_a_fresh_one_say_the_same(trained: Trained) -> None:
    stream, fresh = trained.stream(), trained.stream()
    stream.push(1)
    fork = stream.fork()
    fresh.push(1)
    assert bool((fork.push(5) == fresh.push(5)).all())


def test_a_file_is_translated_line_by_line_in_order_with_empty_lines_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in.txt").write_text("the cat.\n\none dog sees the cat.\n")
    (folder / "out.txt").write_text("le chat.\n\nun chien voit le chat.\n")
    assert run(["predict", str(folder / "run"), "--file", str(folder / "in.txt")]) == 0
    assert capsys.readouterr().out == (folder / "out.txt").read_text()


def test_an_alignment_is_drawn_and_beams_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = folder / "align.svg"
    assert run(["predict", str(folder / "run"), "the cat.", "--best", "2", "--alignment", str(picture), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answer"][0]["translations"][0]["text"] == "le chat."
    assert "cat" in picture.read_text()
    assert run(["predict", str(folder / "run"), "the cat.", "--score", "le chat."]) == 0
    assert capsys.readouterr().out.endswith("\tle chat.\n")
    assert run(["predict", str(folder / "run"), "the cat.", "--beam", "1"]) == 0
    assert capsys.readouterr().out == "le chat.\n"


def test_what_each_piece_of_the_best_translation_looked_at_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), "the cat.", "--align", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["answer"]
    looked = told["looked_at"]
    assert looked["written"][-1] == "(end)"
    assert len(looked["shares"]) == len(looked["written"])
    assert {len(row) for row in looked["shares"]} == {len(looked["read"])}
    assert [sum(row) for row in looked["shares"]] == pytest.approx([1.0] * len(looked["written"]), abs=1e-3)
    assert run(["predict", str(folder / "run"), "the cat.", "--json"]) == 0
    assert "looked_at" not in json.loads(capsys.readouterr().out)["answer"][0]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["", "--beam", "2"], "no text to translate"),
        (["the", "--beam", "0"], "beam"),
        (["the", "--beam", "9999"], "give a narrower one"),
        (["the", "--best", "9"], "give a wider beam"),
        (["the", "--alignment", "a.gif"], "neither .svg nor .png"),
        (["the", "--file", "in.txt"], "give one of them"),
        (["the", "--score-file", "in.txt"], "give --file as well"),
        (["--file", "nowhere.txt"], "cannot read"),
        (["x" * 20_000], "20,000 characters is not a sentence"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(
    given: list[str], wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), *given]) == 2
    said = capsys.readouterr().err
    assert wanted in said
    assert "Traceback" not in said


def test_files_of_unequal_length_cannot_be_scored_by_each_other(folder: Path, trained: Trained) -> None:
    (folder / "a.txt").write_text("the cat.\n")
    (folder / "b.txt").write_text("le chat.\nle chien.\n")
    with pytest.raises(UsageError, match=r"1 lines and .* 2: they must be as many"):
        trained.answer(file=str(folder / "a.txt"), score_file=str(folder / "b.txt"))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"from_language": "english"}, "is not a language"),
        ({"from_language": "fr"}, "give two languages"),
        ({"held_out": 0.7, "validation": 0.3}, "leave nothing to learn from"),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, Any], wanted: str) -> None:
    with pytest.raises(StatewiseError, match=wanted):
        statewise.Translate(source="a.tsv", **settings)


def test_a_run_scores_other_pairs_and_says_what_it_left_out(folder: Path) -> None:
    (folder / "other.tsv").write_text("the cat.\tle chat.\none dog.\tun chien.\nsame.\tsame.\n")
    report = statewise.evaluate(folder / "run", folder / "other.tsv")
    assert report.data["held_out"] == 2
    assert report.data["left_out"] == {"with equal sides": 1}
    assert any("BLEU and chrF by sacrebleu" in remark for remark in report.remarks)


def test_texts_cut_into_tokens_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "cut.tsv").write_text("\n".join(line.replace(".", " .") for line in lines(200)))
    task = statewise.Translate(source=str(tmp_path / "cut.tsv"), held_out=0.1, updates=1, **SMALL)
    assert any("cut into tokens" in notice for notice in task.prepare(tmp_path).notices)


def test_a_run_is_used_where_its_pairs_are_not(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    assert next(statewise.load(tmp_path / "run").predict("the cat.")).text == "le chat."
