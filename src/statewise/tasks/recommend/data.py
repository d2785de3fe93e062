"""The data of a recommender: sessions in two parts, and what simple methods score on the second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.code_file import CodeFile
from statewise.data.figures import Finding, Found, key_of
from statewise.data.interactions.catalogue import Catalogue
from statewise.data.interactions.session_files import PreparedSessions, sessions_with
from statewise.data.interactions.session_rows import Places, SessionRows, read_places
from statewise.data.window import Window
from statewise.task import Part
from statewise.tasks.recommend.comparing import fit_baselines, scores_by
from statewise.tasks.recommend.list_metrics import judge, measures
from statewise.tasks.recommend.sizes import PLAIN_SIZES, chosen_words
from statewise.tasks.shared.counted import CountedOnce
from statewise.underway import returned

MOST_CHECKED = 5000
"A check scores so many places at most."
USUAL_K = 20
"How long the lists in the metrics are, where there are so many items."


@dataclass(frozen=True)
class RecommendData(CountedOnce):
    """Sessions in two parts, with the simple methods that a model has to beat."""

    task: Any  # a Recommend, whose module imports this one
    sessions: PreparedSessions
    held_out: CodeFile
    cache: Path
    chosen: Mapping[str, Any] = field(default_factory=dict)
    "Settings that followed from the amount of data."

    @property
    def codec(self) -> Catalogue:
        """The catalogue."""
        return self.sessions.codec

    @cached_property
    def _cut(self) -> int:
        """The place at which the part for checks begins, a whole number of sessions: of some users, or some sessions.

        Sessions lie in the order of a hash of their users, so these are other users' than those before.
        """
        places = len(self.sessions.training) // 2
        wanted = places - int(places * (self.task.validation or 0.0))
        if wanted == places:
            return places
        begins = np.flatnonzero(self.sessions.training.read(2 * wanted).reshape(-1, 2)[:, 0] < 0)
        return wanted + int(begins[0]) if len(begins) and wanted + begins[0] > 0 else places

    @property
    def training(self) -> CodeFile:
        """The places that are learned from."""
        return self.sessions.training.part(0, 2 * self._cut)

    @property
    def validation(self) -> CodeFile:
        """The places that are kept for checks; there may be none."""
        return self.sessions.training.part(2 * self._cut, len(self.sessions.training))

    @property
    def facts(self) -> dict[str, Any]:
        """How many events, sessions and items there are, what was left out, when the split is, and the digest."""
        told = {**self.sessions.facts, "scored_places": min(self.task.scored, len(self.held_out) // 2)}
        if len(self.validation):
            sessions = int((self.validation.read().reshape(-1, 2)[:, 0] < 0).sum())
            events = sessions + len(self.validation) // 2
            told |= {"validation": events, "validation_events": events, "validation_sessions": sessions}
            for name, less in (("training", events), ("training_events", events), ("training_sessions", sessions)):
                told[name] -= less
        return {**told, "chosen": chosen_words(dict(self.chosen))} if self.chosen else told

    def validating(self) -> "RecommendData":
        """Return the part for checks, where there is one, as what is scored."""
        if not len(self.validation):
            return self
        return replace(self, held_out=self.validation.part(0, min(len(self.validation), 2 * MOST_CHECKED)))

    @property
    def k(self) -> int:
        """The length of the lists in the metrics, which is at most the number of items."""
        return min(self.task.k or USUAL_K, self.codec.trained)

    @property
    def supports(self) -> Any:
        """How often each item was trained on."""
        return np.array(self.codec.supports[: self.codec.trained])

    @cached_property
    def places(self) -> Places:
        """The places of the held-out part that are scored."""
        return Places.joined(list(read_places(self.held_out, self.task.scored)))

    @property
    def notices(self) -> Sequence[str]:
        """That the kept sessions had to be made again, and that there are fewer items than a usual list has."""
        is_short = self.task.k is None and self.k < USUAL_K
        short = f"lists in the metrics have all {self.k} items, so recall is 1: give a smaller k" if is_short else ""
        return [*filter(None, [self.sessions.notice, short])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return the sessions of a part, one after another in each of so many rows."""
        codes = self.training if part == "training" else self.held_out
        rows, steps = rows or self.task.batch_size or PLAIN_SIZES.batch_size, steps or self.task.sequence_length
        if part == "held_out":
            rows = max(1, min(rows, len(codes) // 2 // steps))
            steps = min(steps, len(codes) // 2)
        return SessionRows(codes, rows, steps)

    def baselines_key(self) -> str:
        """Return a name for what popularity, co-occurrence, neighbours and a Markov chain score."""
        task, training, places = self.task, self.sessions.training, self.places
        first = max(0, len(training) - 2 * task.counted)
        asked = f"simple methods, k {self.k}, repeats {task.repeats}, {task.counted} counted, {self.codec.supports}"
        read = (part.tobytes() for part in (training.read(first), *places))
        return key_of([asked, *read])

    def find_baselines(self) -> Finding:
        """Count, and score each method, yielding how much is done."""
        found: Found = {}
        places = self.places
        counted = fit_baselines(self.sessions.training, self.task.counted, self.codec.trained)
        methods = counted.methods()
        for name, method in methods.items():
            scores = scores_by(method, places, repeats=self.task.repeats)
            judged = returned(judge(scores, places.wanted, self.k, self.codec.trained))
            found[name] = measures(judged, places.wanted, places.sessions, self.supports)
            yield len(found) / len(methods)
        return found

    def on(self, source: Sequence[str], cache: Path) -> "RecommendData":
        """Return these sessions with those of other logs, all of them, to be scored."""
        held_out, facts = sessions_with(self.codec, source, self.task.columns, self.task.rules, cache)
        told = {**self.sessions.facts, **facts, "held_out": facts["held_out_events"]}
        return replace(self, sessions=self.sessions._replace(facts=told), held_out=held_out, cache=cache)
