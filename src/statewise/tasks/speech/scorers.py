"""What guides a search besides the sound: hot words, a closed grammar, and a language model of characters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import numpy as np
import torch

from statewise.data.audio.speech_codec import SpeechCodec
from statewise.errors import UsageError
from statewise.model import Model

ENDS_OF_WORDS = " \n.,;!?"
UNKNOWN_NATS = -12.0
"What a character costs that a language model has never seen."


@dataclass
class _Node:
    """A place in a tree of label sequences."""

    children: dict[int, "_Node"] = field(default_factory=dict)
    ends: bool = False

    def add(self, labels: Sequence[int]) -> None:
        """Add a sequence that begins here."""
        node = self
        for label in labels:
            node = node.children.setdefault(int(label), _Node())
        node.ends = True


@final
class Grammar:
    """Allows the sentences of a list, and nothing else."""

    def __init__(self, sentences: Sequence[Sequence[int]]) -> None:
        self._root = _Node()
        for labels in sentences:
            self._root.add(labels)

    def begin(self) -> _Node:
        """Return the place before the first label."""
        return self._root

    def extend(self, state: _Node, label: int) -> tuple[float, _Node] | None:
        """Return the place after a label, if a sentence goes on so."""
        child = state.children.get(label)
        return None if child is None else (0.0, child)

    def end(self, state: _Node) -> float | None:
        """Say that only whole sentences end."""
        return 0.0 if state.ends else None


class _Matching(NamedTuple):
    """Where a text is in a hot word, if it is in one, and what it was given for it so far."""

    node: _Node | None
    given: float


@final
class HotWords:
    """Makes some words likelier, by so many nats each: spread over its labels, and taken back where it does not come.

    A word counts only as a whole: between spaces, or at an end of the text.
    """

    def __init__(self, words: Sequence[Sequence[int]], nats: float, space: int | None) -> None:
        self._root, self.nats, self.space = _Node(), nats, space
        self._longest = max(map(len, words), default=1)
        for labels in words:
            self._root.add(labels)

    def begin(self) -> _Matching:
        """Return the place before the first label: a word may begin."""
        return _Matching(self._root, 0.0)

    def extend(self, state: _Matching, label: int) -> tuple[float, _Matching]:
        """Return what is given for one more label of a hot word, or taken back where it goes on otherwise."""
        node, given = state
        between_words = self.space is None or label == self.space
        if node is not None and node.ends and between_words:
            given = 0.0  # it is whole now, and what was given is kept
            if self.space is None:
                node = self._root if label not in node.children else node
        child = None if node is None else node.children.get(label)
        if child is not None:
            share = self.nats - given if child.ends else min(self.nats - given, self.nats / self._longest)
            return share, _Matching(child, given + share)
        if self.space is None and node is not self._root and (child := self._root.children.get(label)) is not None:
            share = self.nats if child.ends else self.nats / self._longest
            return share - given, _Matching(child, share)
        return -given, _Matching(self._root if between_words else None, 0.0)

    def end(self, state: _Matching) -> float:
        """Take back what was given for a hot word that has only begun."""
        return 0.0 if state.node is None or state.node.ends else -state.given


class _Reading:
    """A language model after some characters; what comes next is found only once it is asked for."""

    def __init__(self, before: "_Reading | None", code: int | None, state: Any) -> None:
        self.before, self.code, self.state = before, code, state
        self.chances: Any = None


@final
class CharacterModel:
    """Adds what a model of `statewise train text` thinks of each character, times a weight, and so much for each label.

    A hypothesis holds a state of the model of its own; characters that the model has never seen cost 12 nats.
    """

    def __init__(self, model: Model[Any], codec: Any, speech: SpeechCodec, weight: float, per_label: float) -> None:
        self.model, self.codec, self.weight, self.per_label = model, codec, weight, per_label
        between = "" if speech.units == "characters" else " "
        known = {symbol: code for code, symbol in enumerate(codec.symbols) if symbol}
        if not known:
            raise UsageError("the language model knows no characters: give a run of `statewise train text`")
        self._codes = [[known.get(letter) for letter in between + piece] for piece in speech.symbols]
        self._ends = [known[letter] for letter in ENDS_OF_WORDS if letter in known]
        self._first = next((known[letter] for letter in "\n ." if letter in known), None)

    def begin(self) -> _Reading:
        """Return the model as it is between sentences."""
        start = _Reading(None, None, None)
        return start if self._first is None else _Reading(start, self._first, None)

    def extend(self, state: _Reading, label: int) -> tuple[float, _Reading]:
        """Return what the characters of a label are worth."""
        nats = 0.0
        for code in self._codes[label]:
            if code is None:
                nats += UNKNOWN_NATS
                continue
            nats += float(self._read(state)[code])
            state = _Reading(state, code, None)
        return self.weight * nats + self.per_label, state

    def end(self, state: _Reading) -> float:
        """Return what it is worth that the last word ends here."""
        if not self._ends:
            return 0.0
        return self.weight * float(np.logaddexp.reduce(self._read(state)[self._ends]))

    def _read(self, at: _Reading) -> Any:
        if at.chances is None:
            with torch.no_grad():
                if at.before is None:
                    at.state = self.model.begin(1)
                    weight = next(self.model.core.parameters())
                    params = self.model.head(weight.new_zeros(1, self.model.core.units))
                else:
                    self._read(at.before)
                    params, at.state = self.model.step(torch.tensor([at.code]), at.before.state)
                at.chances = self.model.head.logits(params)[0].double().log_softmax(dim=-1).numpy()
                at.before = None
        return at.chances
