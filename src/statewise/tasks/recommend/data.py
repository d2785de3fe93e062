"""The data of a recommender: sessions in two parts, and what simple methods score on the second."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from statewise.tasks.shared.counted import CountedOnce
from statewise.underway import returned

USUAL_K = 20
"How long the lists in the metrics are, where there are so many items."


@dataclass(frozen=True)
class RecommendData(CountedOnce):
    """Sessions in two parts, with the simple methods that a model has to beat."""

    task: Any  # a Recommend, whose module imports this one
    sessions: PreparedSessions
    held_out: CodeFile
    cache: Path

    @property
    def codec(self) -> Catalogue:
        """The catalogue."""
        return self.sessions.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many events, sessions and items there are, what was left out, when the split is, and the digest."""
        return {**self.sessions.facts, "scored_places": min(self.task.scored, len(self.held_out) // 2)}

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
        codes = self.sessions.training if part == "training" else self.held_out
        rows, steps = rows or self.task.batch_size, steps or self.task.sequence_length
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
