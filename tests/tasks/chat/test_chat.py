"""A trained chat: its replies, whatever they are found together with, what it never says, and what it refuses."""

import io
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from made_dialogues import DOUBT, INSISTED, REPLIES, dialogues

import statewise
from statewise.cli.main import run
from statewise.data.pairs.pair import MARKS
from statewise.data.pairs.subwords import START
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.tasks.chat.chatter import NOT_KNOWN, NOTHING, Chatter, Manner
from statewise.tasks.chat.confidence import confidences, threshold
from statewise.tasks.chat.metrics import variety
from statewise.tasks.chat.never_said import NeverSaid
from statewise.tasks.shared.reader_writer import nats_of, opened, told
from statewise.verbs import Trained

SMALL: dict[str, Any] = {"hidden_size": 32, "embedding": 24, "subwords": 120, "threads": 1, "sample_seconds": 0}
LIKELIEST: dict[str, Any] = {"unsure": 0.0, "against_generic": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("chat")
    task = statewise.Chat(
        source=str(dialogues(made, 400)),
        held_out=0.1,
        validation=0.05,
        scored=40,
        updates=300,
        learning_rate=0.015,
        batch_size=32,
        dropout=0.0,
        word_dropout=0.0,
        context_dropout=0.05,
        **SMALL,
    )
    statewise.train(task, run=made / "run")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return statewise.load(folder / "run")


def said(trained: Trained, text: str, **how: Any) -> str:
    (reply,) = trained.predict(text, **{**LIKELIEST, **how})
    return str(reply.text)


def chatter(trained: Trained, **how: Any) -> Chatter:
    return Chatter(trained.model, trained.codec, Manner(**how))


def test_it_replies_to_what_is_said_and_to_what_was_said_before(trained: Trained) -> None:
    assert {asked: said(trained, asked) for asked in REPLIES} == REPLIES
    asked_of = {reply: asked for asked, reply in REPLIES.items()}
    assert {own: said(trained, DOUBT, context=(asked_of[own], own)) for own in INSISTED} == INSISTED


def test_ten_different_turns_get_replies_that_differ(trained: Trained) -> None:
    asked = [[text] for text in REPLIES] + [["x", own, DOUBT] for own in INSISTED] + [["ann"]]
    replies = [one.text for one in chatter(trained, beam=4).replies(asked)]
    assert len(asked) == 10
    assert variety(replies)["distinct_2"] > 0.6
    assert len(set(replies)) >= 9


def test_the_report_has_every_measure_and_baseline(folder: Path) -> None:
    report = statewise.evaluate(folder / "run", beam=2)
    assert set(report.metrics) >= {"hits_at_1", "perplexity", "distinct_1", "distinct_2", "generic"}
    assert 1 < report.metrics["perplexity"] < 2
    names = [*report.baselines]
    assert names[0].startswith("n-gram")
    assert {"perplexity", "hits_at_1"} <= set(report.baselines[names[0]])
    assert {"distinct_1", "generic", "hits_at_1_low"} <= set(report.baselines["TF-IDF, replies to the like"])
    assert report.metrics["hits_at_1"] > 0.5
    assert [*report.tables] == ["What is said", "hits@1 by the share against generic replies"]
    words = " ".join(report.remarks)
    assert "by the paired bootstrap" in words
    assert "Below a confidence of" in words
    assert "Said most often" in words


def test_replies_are_the_same_alone_and_with_others_in_any_order(trained: Trained) -> None:
    asked = [[text] for text in [*REPLIES, "so ?", "ann ann"]] + [["a", "i live in oslo .", DOUBT]]
    talker = chatter(trained, beam=4, no_repeat=3, diversity=0.5, against_generic=0.5, unsure=0.1)
    together = talker.replies(asked)
    turned = talker.replies(asked[::-1])[::-1]
    alone = [talker.replies([one])[0] for one in asked]
    assert [one.text for one in together] == [one.text for one in turned] == [one.text for one in alone]


def test_targets_cost_together_what_they_cost_alone(trained: Trained) -> None:
    codec = trained.codec
    read = [codec.encode_turns([text]) for text in REPLIES]
    replies = [codec.encode_reply(text) for text in REPLIES.values()]
    which = [3, 0, 3, 5, 1, 2]
    together = nats_of(trained.model, read, which, replies)
    alone = [float(told(trained.model, read[at], reply).nats.sum()) for at, reply in zip(which, replies, strict=True)]
    assert together == pytest.approx(alone, abs=1e-3)


def test_the_best_are_different_and_what_is_likely_whatever_was_said_counts_against_them(trained: Trained) -> None:
    (plain,) = trained.predict("do you like fish ?", best=4, **LIKELIEST)
    texts = [one.text for one in plain.candidates]
    assert len(set(texts)) == len(texts) > 1
    assert all(one.score == pytest.approx(one.log_probability / n) for one, n in _lengths(trained, plain.candidates))
    (weighed,) = trained.predict("do you like fish ?", best=4, unsure=0.0, against_generic=0.5)
    codec = trained.codec
    for one, n in _lengths(trained, weighed.candidates):
        alone = -nats_of(trained.model, [codec.encode_turns([])], [0], [codec.encode_reply(one.text)])[0]
        assert one.score == pytest.approx((one.log_probability - 0.5 * alone) / n, abs=1e-3)


def _lengths(trained: Trained, candidates: Any) -> list[Any]:
    return [(one, len(trained.codec.encode_reply(one.text))) for one in candidates if one.is_finished]


def test_draws_follow_from_their_seed_and_temperature_zero_is_the_likeliest(trained: Trained) -> None:
    how: dict[str, Any] = {"temperature": 1.5, "beam": 3, "best": 3}
    one, same, other = (
        [each.text for each in next(trained.predict("so ?", seed=seed, **LIKELIEST, **how)).candidates]
        for seed in (3, 3, 4)
    )
    assert one == same != other
    assert said(trained, "how old are you ?", temperature=0.0, beam=1) == "nine years old now ."


@pytest.mark.parametrize("how", [{}, {"temperature": 1.0, "seed": 1}, {"temperature": 0.0}])
@pytest.mark.parametrize("never", ["oslo", "OSLO", "\uff2f\uff53\uff4c\uff4f", "in oslo, sister"])
def test_what_is_never_said_is_not_said(trained: Trained, never: str, how: dict[str, Any]) -> None:
    (reply,) = trained.predict("where do you live ?", never=(never,), best=3, **LIKELIEST, **how)
    assert reply.candidates
    assert not any(NeverSaid.of([never]).is_in(one.text) for one in reply.candidates)
    assert not NeverSaid.of([never]).is_in(reply.text)


def test_where_all_that_could_be_said_is_never_said_nothing_is(trained: Trained) -> None:
    letters = ",".join(sorted({piece.strip("\u2581") for piece in trained.codec.symbols[3:]} - set(".,?\u2581") - {""}))
    (reply,) = trained.predict("who is over there ?", never=(letters, "I, do, not, know"), **LIKELIEST)
    assert not NeverSaid.of([letters]).is_in(reply.text)
    talker = chatter(trained, never=NeverSaid.of(["know"]), unsure=1.0)
    assert {one.text for one in talker.replies([["zzz"], ["so ?"]])} <= {NOTHING, "."}


def test_words_of_a_file_are_never_said_nor_are_those_of_the_run(
    folder: Path, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "never.txt").write_text("oslo, lima\nrome\n")
    asked = ["predict", str(folder / "run"), "where do you live ?", "--unsure", "0"]
    assert run([*asked, "--never-file", str(folder / "never.txt"), "--never", "paris"]) == 0
    assert "oslo" not in capsys.readouterr().out
    strict = statewise.Chat(source="a.jsonl", never=("Oslo", "rome"))
    (reply,) = strict.predict(trained.model, trained.codec, "where do you live ?", **LIKELIEST)
    assert "oslo" not in reply.text
    with pytest.raises(UsageError, match="has no word"):
        statewise.Chat(source="a.jsonl", never=("!",))


def test_below_the_confidence_of_ordinary_places_it_does_not_know(trained: Trained) -> None:
    model, codec = trained.model, trained.codec
    sure = confidences(model, codec, [codec.encode_turns(turns) for turns in codec.checks])
    for share in (0.1, 0.5):
        least = threshold(model, codec, share)
        assert least is not None
        assert sum(one < least for one in sure) / len(sure) == pytest.approx(share, abs=0.06)
    (reply,) = trained.predict("zz qq zz", unsure=0.9)
    assert (reply.text, reply.knows) == (NOT_KNOWN, False)
    assert reply.confidence < reply.threshold
    assert str(next(trained.predict("zz qq zz", unsure=0.9, best=2))).startswith(NOT_KNOWN)
    assert threshold(model, codec, 0.0) is None


def test_the_confidence_is_minus_the_entropy_of_how_a_reply_begins(trained: Trained) -> None:
    model, codec = trained.model, trained.codec
    read = [codec.encode_turns([text]) for text in ("how old are you ?", "zz qq zz zz qq", "so ?")]
    found = confidences(model, codec, read)
    for one, codes in zip(found, read, strict=True):
        with torch.no_grad():
            params, _ = model.step(torch.tensor([START]), opened(model, [codes]))
        odds = model.head.logits(params)[0].softmax(dim=-1)
        assert one == pytest.approx(sum(share * math.log(share) for share in odds.tolist()), abs=1e-4)
    assert -math.log(codec.size) < min(found) < max(found) == found[0] < 0


def test_the_confidence_is_found_again_where_the_weights_are_others(trained: Trained) -> None:
    model, codec = trained.model, trained.codec
    before = threshold(model, codec, 0.3)
    kept = {name: part.clone() for name, part in model.state_dict().items()}
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(0.5)
    assert threshold(model, codec, 0.3) != before
    model.load_state_dict(kept)
    assert threshold(model, codec, 0.3) == before


def test_a_conversation_is_known_forked_taken_back_and_forgotten(trained: Trained) -> None:
    live: Any = trained.live(**LIKELIEST)
    assert str(live.push("how old are you ?")) == "nine years old now ."
    saved, other = live.save(), live.fork()
    assert str(live.push(DOUBT)) == "nine it is indeed ."
    assert str(live.push("/undo")) == "(2 turns known)"
    assert live.turns == other.turns
    assert str(trained.live(saved, **LIKELIEST).push(DOUBT)) == str(other.push(DOUBT)) == "nine it is indeed ."
    assert live.push("/forget").as_json() == {"turns": 0}
    assert live.save() == trained.live().save()
    assert str(live.push("/forget")) == "(nothing known)"
    fresh = trained.live(**LIKELIEST)
    assert str(live.push(DOUBT)) == str(fresh.push(DOUBT))
    with pytest.raises(UsageError, match="no turn to take back"):
        trained.live().push("/undo")
    with pytest.raises(DataError, match="saved conversation is damaged"):
        trained.live(trained.stream().save())


def test_what_cannot_be_read_changes_no_conversation(trained: Trained) -> None:
    live: Any = trained.live(context=("hello", "i live in oslo ."))
    for line in ("", "  ", 3, "x" * 100_001):
        with pytest.raises(UsageError):
            live.push(line)
    assert live.turns == ["hello", "i live in oslo ."]


def test_draws_of_a_conversation_repeat_by_their_seed_and_differ_from_turn_to_turn(trained: Trained) -> None:
    how: dict[str, Any] = {"temperature": 2.0, "seed": 9, "beam": 1, **LIKELIEST}

    def talked() -> list[str]:
        live = trained.live(**how)
        return [str(live.push("so ?")) for _ in range(4)]

    assert talked() == talked()
    assert len(set(talked())) > 1


def test_draws_to_different_turns_by_one_seed_do_not_begin_alike(trained: Trained) -> None:
    talker = chatter(trained, temperature=100.0, seed=1)  # odds are all but equal: the random numbers alone decide
    replies = talker.replies([["so " * (n + 1) + "?"] for n in range(20)])
    assert len({one.text[:3] for one in replies}) > 10


def test_an_interactive_conversation_reads_lines_and_ends_with_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"where do you live ?\n{DOUBT}\n\n/undo\n/forget\n/undo\nwho is over there ?\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    how = ["--interactive", "--unsure", "0", "--against-generic", "0"]
    assert run(["predict", str(folder / "run"), *how]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "i live in oslo .",
        "oslo it is indeed .",
        "(2 turns known)",
        "(nothing known)",
        "that is my sister .",
    ]
    assert "nothing to reply to" in err
    assert "no turn to take back" in err


def test_an_interactive_conversation_ends_at_an_interrupt(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(["where do you live ?\n"])

    def typed() -> str:
        if (line := next(lines, None)) is None:
            raise KeyboardInterrupt
        return line

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "readline", typed)
    with pytest.raises(KeyboardInterrupt):  # of which `main` makes a line and exit code 130
        run(["predict", str(folder / "run"), "--interactive", "--unsure", "0", "--against-generic", "0"])
    assert capsys.readouterr().out == "i live in oslo .\n"


def test_a_reply_is_printed_and_told_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["predict", str(folder / "run"), "do you like fish ?", "--unsure", "0", "--against-generic", "0"]
    assert run(asked) == 0
    assert capsys.readouterr().out == "yes i like it .\n"
    assert run([*asked, "--best", "2", "--json"]) == 0
    (told_of,) = json.loads(capsys.readouterr().out)["answer"]
    assert told_of["text"] == "yes i like it ."
    assert told_of["knows"]
    assert [*told_of["candidates"][0]] == ["text", "log_probability", "score", "is_finished"]
    assert (
        run(["predict", str(folder / "run"), DOUBT, "--context", "x", "--context", "i live in oslo .", *asked[3:]]) == 0
    )
    assert capsys.readouterr().out == "oslo it is indeed .\n"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([""], "there is nothing to reply to"),
        (["hi", "--context", " "], "there is nothing to reply to"),
        (["hi", "--beam", "0"], "beam"),
        (["hi", "--best", "99"], "give a wider beam"),
        (["hi", "--unsure", "2"], "--unsure 2 is not a share"),
        (["hi", "--against-generic", "-1"], "--against-generic -1 is not a share"),
        (["hi", "--diversity", "-1"], "diversity"),
        (["hi", "--temperature", "-1"], "temperature"),
        (["hi", "--never", "!"], "has no word"),
        (["hi", "--never-file", "nowhere.txt"], "cannot read"),
        (["hi", "--interactive"], "takes neither a text"),
        (["x" * 100_001], "100,001 characters is not a turn"),
    ],
)
def test_what_cannot_be_replied_to_is_refused_in_one_line(
    given: list[str], wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), *given]) == 2
    err = capsys.readouterr().err
    assert wanted in err
    assert "Traceback" not in err


def test_a_turn_of_5000_words_and_one_with_the_marks_of_the_codes_are_replied_to(trained: Trained) -> None:
    long = "so " * 5000
    assert said(trained, long + "where do you live ?") == said(trained, "so " * 400 + "where do you live ?")
    marked = "".join(MARKS) + "where do you live ?" + MARKS[2] + "</s> <eos>"
    assert not any(mark in said(trained, marked) for mark in MARKS)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [({"held_out": 0.7, "validation": 0.3}, "leave nothing to learn from"), ({"turns": 0}, "turns")],
)
def test_settings_that_contradict_are_refused(settings: dict[str, Any], wanted: str) -> None:
    with pytest.raises(StatewiseError, match=wanted):
        statewise.Chat(source="a.jsonl", **settings)


def test_a_run_scores_other_conversations_and_says_what_it_left_out(folder: Path) -> None:
    lines = [["what do you eat ?", "only soup and bread ."], ["alone"], ["who is over there ?", "that is my sister ."]]
    (folder / "other.jsonl").write_text("\n".join(json.dumps({"turns": turns}) for turns in lines))
    report = statewise.evaluate(folder / "run", folder / "other.jsonl")
    assert report.data["held_out"] == 2
    assert report.data["left_out"] == {"with a single turn": 1}
    assert report.metrics["hits_at_1"] == 1


def test_a_run_is_used_where_its_conversations_are_not(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    assert said(statewise.load(tmp_path / "run"), "what do you eat ?") == "only soup and bread ."


def test_it_does_not_know_what_to_say_to_words_that_training_never_had(trained: Trained) -> None:
    for nonsense in ("asdf qwer zxcv", "xylophones juggle fish", "zzz?"):
        (reply,) = trained.predict(nonsense, unsure=1e-9)
        assert (reply.text, reply.knows) == (NOT_KNOWN, False)
        assert reply.as_json()["unknown_words"][0] == nonsense.split()[0].rstrip("?")
    assert next(iter(trained.predict("what do you eat ?", unsure=1e-9))).knows
    told = {"WHAT do you eat?": ([], 4), "what is your surname?": (["surname"], 4), "12 34 !": ([], 0)}
    assert {turn: trained.codec.unknown_words(turn) for turn in told} == told
    assert said(trained, "asdf qwer zxcv") != NOT_KNOWN  # where nothing is to be unsure of
    assert next(iter(trained.predict("is that really so ?", context=("asdf", "zxcv"), unsure=1e-9))).knows


def test_a_codec_without_words_knows_none_to_be_strange(trained: Trained) -> None:
    written = trained.codec.as_json()
    before = type(trained.codec).read({name: told for name, told in written.items() if name != "words"})
    assert before.unknown_words("asdf qwer") == ([], 2)
    for damaged in ([7], "abc", [""]):
        with pytest.raises(DataError, match="not one of conversations"):
            type(trained.codec).read({**written, "words": damaged})
