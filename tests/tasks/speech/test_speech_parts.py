"""What hearing is made of, worked out by hand: errors, distances, perturbation, a language model."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made_speech import recordings

from statewise.cells import LSTM
from statewise.data.audio.front_end import FrontEnd
from statewise.data.audio.perturbing import Perturbing, masked, varied
from statewise.data.audio.sound import library
from statewise.data.audio.speech_codec import SpeechCodec
from statewise.data.audio.steps import Stacking
from statewise.errors import DataError, MissingExtra
from statewise.heads import Categorical
from statewise.model import Model
from statewise.tasks.shared.dtw import Nearest
from statewise.tasks.speech.metrics import counted, interval
from statewise.tasks.speech.scorers import UNKNOWN_NATS, CharacterModel
from statewise.tasks.speech.task import Speech

FRAMES = np.random.default_rng(0).normal(size=(40, 9)).astype(np.float32)


def codec(units: str = "characters", pieces: str = " abc") -> SpeechCodec:
    stacking = Stacking(1, 1, "fixed", (0.0,) * 13, (1.0,) * 13)
    return SpeechCodec(FrontEnd(8000, bands=13), 100.0, stacking, units, tuple(pieces), 0.1, 99)  # type: ignore[arg-type]


def test_errors_are_counted_over_all_together_and_not_as_a_mean_of_shares() -> None:
    errors = counted(["a b c d e f g h", "a"], ["a b c d e f g h", "b"])
    assert errors.wer == pytest.approx(1 / 9)
    assert errors.wrong == 0.5
    assert counted(["a b"], [""]).wer == 1.0
    assert counted(["a"], ["a b c"]).wer == 2.0
    low, high = interval(errors)
    assert 0 <= low < errors.wer < high <= 1
    assert interval(errors, errors) == (0.0, 0.0)


def by_hand(one: Any, other: Any) -> float:
    """The recurrence of the docstring, as it stands."""
    found = np.full((len(one) + 1, len(other) + 1), math.inf)
    found[0, 0] = 0.0
    for i in range(len(one)):
        for j in range(len(other)):
            found[i + 1, j + 1] = np.linalg.norm(one[i] - other[j]) + min(found[i, j + 1], found[i, j], found[i + 1, j])
    return float(found[-1, -1]) / (len(one) + len(other))


def test_the_distance_of_recordings_is_that_of_the_recurrence() -> None:
    draw = np.random.default_rng(1)
    known = [draw.normal(size=(n, 3)).astype(np.float32) for n in (4, 7, 5)]
    asked = draw.normal(size=(6, 3)).astype(np.float32)
    wanted = [by_hand(asked, one) for one in known]
    np.testing.assert_allclose(Nearest(known).distances(asked), wanted, rtol=1e-5)
    assert Nearest(known).distances(known[1])[1] == pytest.approx(0.0, abs=1e-3)


def test_the_same_draw_varies_frames_alike_and_nothing_leaves_them_as_they_are() -> None:
    how = Perturbing(0.2, 1.0, 1.0, 2)
    one, same, other = (varied(FRAMES, how, np.random.default_rng(seed), are_logs=True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)
    np.testing.assert_array_equal(varied(FRAMES, Perturbing(), np.random.default_rng(1), are_logs=True), FRAMES)
    assert Perturbing().is_nothing
    assert not how.is_nothing


def test_frames_that_are_no_energies_are_stretched_alone() -> None:
    found = varied(FRAMES, Perturbing(0.2, 9.0, 1.0, 0), np.random.default_rng(3), are_logs=False)
    assert 40 / 1.2 - 1 <= len(found) <= 40 / 0.8 + 1
    np.testing.assert_allclose(found[0], FRAMES[0], rtol=1e-6)
    np.testing.assert_allclose(found[-1], FRAMES[-1], rtol=1e-6)


def test_masks_are_zeros_over_a_bounded_stretch() -> None:
    found = masked(FRAMES, 2, np.random.default_rng(4))
    changed = found != FRAMES
    assert (found[changed] == 0).all()
    assert changed.mean() < 0.6
    np.testing.assert_array_equal(masked(FRAMES, 0, np.random.default_rng(4)), FRAMES)


def language(symbols: str) -> tuple[Model[Any], Any]:
    torch.manual_seed(0)
    model = Model(torch.nn.Embedding(len(symbols), 3), LSTM(3, 4), Categorical(4, len(symbols))).eval()
    return model, SimpleNamespace(symbols=[*symbols])


def test_a_language_model_scores_each_character_and_that_the_last_word_ends() -> None:
    symbols = "\nab "
    model, text_codec = language(symbols)
    scorer = CharacterModel(model, text_codec, codec(), 0.5, 0.25)
    state, total = scorer.begin(), 0.0
    for label in (2, 1, 3):  # "a", " ", "b"
        nats, state = scorer.extend(state, label)
        total += nats
    total += scorer.end(state)
    with torch.no_grad():
        inside, wanted, codes = model.begin(1), 0.0, [symbols.index(letter) for letter in "\na b"]
        for number, code in enumerate(codes):
            logits, inside = model.step(torch.tensor([code]), inside)
            chances = logits[0].double().log_softmax(dim=-1)
            if number + 1 < len(codes):
                wanted += float(chances[codes[number + 1]])
            else:
                wanted += float(torch.logsumexp(chances[[symbols.index(" "), symbols.index("\n")]], dim=0))
    assert total == pytest.approx(0.5 * wanted + 3 * 0.25)
    unknown, _ = scorer.extend(scorer.begin(), 4)  # "c", which the model has never seen
    assert unknown == pytest.approx(0.5 * UNKNOWN_NATS + 0.25)


def test_a_codec_comes_back_from_what_it_wrote_and_another_is_refused() -> None:
    own = codec()
    assert SpeechCodec.read(own.as_json()).as_json() == own.as_json()
    for name, value in (("pieces", []), ("pieces", ["a", "a"]), ("units", "x"), ("longest", 0), ("tail", -1.0)):
        with pytest.raises(DataError, match=r"codec\.json is not one of speech"):
            SpeechCodec.read({**own.as_json(), name: value})
    with pytest.raises(DataError, match=r"codec\.json"):
        SpeechCodec.read({})


def test_what_is_read_at_a_place_depends_on_seed_epoch_and_utterance_alone(tmp_path: Path) -> None:
    task = Speech(source=str(recordings(tmp_path / "said")), join=3, bands=13, units="words", split="utterance")
    data = task.prepare(tmp_path / "cache")
    one, same = (data.windows("training") for _ in range(2))
    last = len(one) - 1
    wanted: Any = one.in_epoch(2, last)  # type: ignore[attr-defined]
    for other in (same.in_epoch(2, last), one.in_epoch(2, last)):  # type: ignore[attr-defined]
        assert torch.equal(wanted.inputs, other.inputs)
        assert torch.equal(wanted.targets.values, other.targets.values)
    later: Any = one.in_epoch(3, last)  # type: ignore[attr-defined]
    assert wanted.inputs.shape != later.inputs.shape or not torch.equal(wanted.inputs, later.inputs)
    longest = max(int(window.targets.lengths.max()) for window in (one.in_epoch(e, 0) for e in range(20)))  # type: ignore[attr-defined]
    assert longest == 3


def test_without_its_packages_sound_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[speech\]'"):
        library("soundfile")
