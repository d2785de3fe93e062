"""A training: it drives a learner, yields events, and keeps the run directory up to date."""

import json
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

from statewise.distributed import LostProcess
from statewise.errors import RunError, TrainingError
from statewise.insight.gate_activity import activations
from statewise.insight.probed_network import undisturbed
from statewise.learning.checkpoint import load_checkpoint, save_checkpoint, saved_checkpoints, sweep
from statewise.learning.events import (
    Checked,
    Event,
    Finished,
    RolledBack,
    Sampled,
    Saved,
    Scoring,
    Started,
    Stopped,
    as_json,
)
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.learning.precision import in_use
from statewise.model import Model
from statewise.numerics import changed, numerics_of
from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory
from statewise.shown import in_json, in_line
from statewise.task import Data, Score, Task, report_on
from statewise.underway import told


class TrainingSession:
    """A run directory with the task, the data and the learner that fill it.

    `events` yields what happens and writes it down. Leaving its loop early saves a checkpoint first, and so does an
    interrupt in the middle of an update, which is then not counted.

    Where several processes train together, each has a session; the first one's alone writes. All leave the loop at the
    same event; an interrupt of one of them saves nothing.

    `begun_from` tells of the run whose weights the training began with, if any. With `saves_first` the learner has just
    taken them, and a checkpoint is made before any update.
    """

    def __init__(
        self,
        directory: RunDirectory,
        task: Task,
        data: Data,
        learner: Learner,
        *,
        begun_from: Mapping[str, Any] | None = None,
        saves_first: bool = False,
    ) -> None:
        self.begun_from, self.saves_first = begun_from, saves_first
        self.directory, self.task, self.data, self.learner = directory, task, data, learner
        self.validating, self.ranks = data.validating(), learner.ranks
        self.saved_at: tuple[int, ...] | None = None
        self.is_saving, self.save_took, self.checks_took = False, 0.0, 0.0
        self.beginning: dict[str, bytes] = {}
        self.places = 0

    def events(self) -> Generator[Event, None, None]:
        """Train from where the run stands to the end, then score. Raises `RunError` where another process does."""
        try:
            yield from self._written() if self.ranks.is_first else self._events()
        except LostProcess as lost:
            raise LostProcess(f"{lost}: go on with `statewise resume {self.directory.path}`") from lost

    def _written(self) -> Iterator[Event]:
        # closed here, since an error of the last save would be swallowed where it is only collected as garbage
        with self.directory.locked(), closing(self._events()) as events:
            for event in events:
                if not isinstance(event, Scoring):
                    self.directory.append_event(as_json(event))
                yield event

    def _events(self) -> Generator[Event, None, None]:
        notices = [*self.data.notices, self._restore()]
        parameters = self.learner.model.parameter_count
        first = self.learner.update_number
        numerics = numerics_of(self.learner.model.core, self.ranks.count)
        if self.ranks.is_first:
            history = RunHistory.of(self.directory.path)
            history.updates.go_back(first)
            self.places = int(sum(history.updates["places"]))
            notices.append(self._others_than(numerics, history))
        notice = "\n".join(filter(None, notices)) or None
        yield Started(str(self.directory.path), first, parameters, self.data.facts, notice, numerics)
        self.began = time.monotonic() - self.learner.seconds
        try:
            if self.saves_first:
                yield self._save()
            yield from self._updates()
        except (GeneratorExit, KeyboardInterrupt) as leaving:
            if self._may_save(leaving):
                self._save()
            raise
        if self._stands_at() != self.saved_at:
            yield self._save()
        yield from self._finish(self.places / max(self.learner.seconds, 1e-9))

    def _may_save(self, leaving: BaseException) -> bool:
        is_agreed = self.ranks.count == 1 or isinstance(leaving, GeneratorExit)
        return is_agreed and self.learner.is_whole and self._stands_at() != self.saved_at and not self.is_saving

    def _restore(self) -> str | None:
        if self.ranks.is_first:
            self.directory.sweep()
            sweep(self.directory.checkpoints)
        files, notice = self._newest()
        if not files:  # stopped before the first was whole: begin again
            if self.begun_from and not self.saves_first:
                raise RunError(f"{self.directory.path} was stopped before it was saved once: train it again")
            self.beginning = self.learner.snapshot()
            return None
        self.learner.restore(files)
        self.saved_at = self._stands_at()
        return notice

    def _others_than(self, numerics: dict[str, Any], history: RunHistory) -> str | None:
        """Say what differs from the stretch that made the checkpoint, if anything."""
        before = [one for one in history.stretches if one["update"] < self.learner.update_number]
        named = in_line(changed(before[-1]["numerics"], numerics)) if before else ""
        return f"under other numerics than before, so bits may differ: {named}" if named else None

    def _newest(self) -> tuple[dict[str, bytes], str | None]:
        """Return the newest good checkpoint, as the first process reads it, and what it had to say of newer ones."""
        notices: list[str | None] = [None]

        def read() -> dict[str, bytes]:
            if not saved_checkpoints(self.directory.checkpoints):
                return {}
            checkpoint = load_checkpoint(self.directory.checkpoints)
            notices[0] = checkpoint.notice
            return checkpoint.files

        return self.ranks.hand_round(read), notices[0]

    def _updates(self) -> Iterator[Event]:
        task, learner = self.task, self.learner
        last_save = learner.seconds
        last_sample = learner.seconds if learner.update_number else -math.inf  # noise is seen before it becomes words
        yield from self._check_if_due()  # it may have been left in the middle of one
        while not learner.is_done:
            learner.seconds = self.ranks.agree(self._seconds())
            try:
                updated = learner.update()
            except NotFinite as spoiled:
                yield self._roll_back(spoiled)
                continue
            self.places += updated.places
            yield updated
            if self._samples and learner.seconds - last_sample >= task.sample_seconds:
                last_sample = learner.seconds
                yield self._sample()
            yield from self._check_if_due()
            if self._save_is_due(last_save):
                last_save = learner.seconds
                yield self._save()
        learner.seconds = self._seconds()

    def _roll_back(self, spoiled: NotFinite) -> RolledBack:
        """Go back to the last good checkpoint, or to the beginning, with a lower rate; a bounded number of times."""
        learner, task = self.learner, self.task
        tries = learner.progress.tries + 1
        if tries > task.retries:
            source = f"look at the data near window {learner.window_number + 1}"
            lower = f"train with a lower learning rate than {task.learning_rate:g}, a longer warmup or a smaller clip"
            advice = source if spoiled.finding.kind in ("input", "target") else lower
            raise TrainingError(f"{spoiled}, after {task.retries} tries with lower rates: {advice}")
        files, notice = self._newest()
        learner.restore(files or self.beginning)
        kept = learner.progress
        scale = kept.scale * task.retry_factor ** (tries - kept.tries)
        learner.progress = kept._replace(tries=tries, scale=scale)
        return RolledBack(learner.update_number, self._seconds(), str(spoiled), tries, scale, notice)

    def _seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def _samples(self) -> bool:
        return self.task.sample_seconds > 0 and self.ranks.is_first

    def _sample(self) -> Sampled:
        update, model = self.learner.update_number, in_use(self.learner.judged, self.task)
        with undisturbed(model):  # nor is the training: when a sample is due, the clock decides
            sample = self.task.sample(model, self.data.codec)
        self.directory.write(self.directory.samples / f"{update:06d}.txt", sample)
        return Sampled(update, self._seconds(), sample)

    def _save(self) -> Saved:
        update = self.learner.update_number
        advice = f"free some space, then `statewise resume {self.directory.path}`"
        began, files, folder = time.monotonic(), self.learner.snapshot(), self.directory.checkpoints
        self.is_saving = True  # so that an interrupt now does not begin it once more
        path = save_checkpoint(folder, update, files, advice=advice) if self.ranks.is_first else folder
        self.is_saving, self.saved_at = False, self._stands_at()
        self.save_took = self.ranks.exchange([time.monotonic() - began])[0][0]  # all go by the first process's clock
        self.beginning = {}  # from now on there is a checkpoint to go back to
        return Saved(update, self._seconds(), str(path))

    def _save_is_due(self, last_save: float) -> bool:
        task, learner = self.task, self.learner
        by_updates = task.save_updates > 0 and learner.update_number % task.save_updates == 0
        return by_updates or learner.seconds - last_save >= task.save_interval(self.save_took)

    def _stands_at(self) -> tuple[int, ...]:
        return self.learner.update_number, self.learner.progress.checks, self.learner.progress.tries

    def _check_if_due(self) -> Iterator[Event]:
        learner, task = self.learner, self.task
        due = int(learner.fraction * (task.checks + 1))
        is_wanted = learner.fraction < 1 or task.keep == "best"  # the last weights may be the best, too
        if not task.checks or due <= learner.progress.checks or not is_wanted or self._is_too_soon():
            return
        began = time.monotonic()
        model = in_use(learner.judged, task)
        score = yield from self._score(model, self.validating)
        learner.take_score(score.judged, due)
        seen = activations(model, self.validating.windows("held_out")[0])
        self.checks_took += self.ranks.exchange([time.monotonic() - began])[0][0]
        yield Checked(learner.update_number, self._seconds(), score.metrics, score.judged, seen)
        if learner.progress.is_over(task):
            yield Stopped(learner.update_number, self._seconds(), learner.progress.waited, learner.progress.best)

    def _is_too_soon(self) -> bool:
        """Say whether checks have taken more than their share of the time, where time is what bounds the training."""
        share, is_timed = self.task.check_share, self.task.updates is None and self.task.epochs is None
        is_last = self.learner.fraction >= 1
        return share is not None and is_timed and not is_last and self.checks_took > share * self.learner.seconds

    def _score(self, model: Model[Any], data: Data) -> Generator[Event, None, Score]:
        scoring = scored(self.task.score(model, data))
        while True:
            try:
                yield next(scoring)
                self.ranks.agree(0.0)
            except StopIteration as done:
                score: Score = done.value
                return score._replace(judged=self.ranks.exchange([score.judged])[0][0])

    def _finish(self, places_per_second: float) -> Iterator[Event]:
        learner = self.learner
        model = in_use(learner.chosen(), self.task)
        yield from self._calibrate(model)
        score = yield from self._score(model, self.data)
        training = {
            "updates": learner.update_number,
            "epochs": learner.window_number / len(learner.windows),
            "seconds": learner.seconds,
            "places_per_second": places_per_second,
            "parameters": learner.model.parameter_count,
        }
        where = str(self.directory.path)
        if not self.ranks.is_first:
            told = self.ranks.hand_round(dict)
            yield Finished(learner.update_number, self._seconds(), json.loads(told["report"]))
            return
        yield from prepared(self.data)
        also = [*begun_from_words(self.begun_from), *self._kept_words()]
        report = report_on(self.task, self.data, score, run=where, seconds=self._seconds, also=also, training=training)
        self.directory.write(self.directory.report, report.page())
        self.ranks.hand_round(lambda: {"report": json.dumps(report.as_json()).encode()})
        yield Finished(learner.update_number, self._seconds(), report.as_json())

    def _calibrate(self, model: Model[Any]) -> Iterator[Event]:
        """Let the task find what its answers need besides weights, and keep it."""
        calibrating = self.task.calibrate(model, self.data)
        while True:
            try:
                yield Scoring(next(calibrating), "what lies before the held-out part")
                self.ranks.agree(0.0)
            except StopIteration as done:
                found = done.value
                break
        self.task = self.task.calibrated_by(found)
        if found is not None and self.ranks.is_first:
            told = {"update": self.learner.update_number, "found": found}
            self.directory.write(self.directory.calibration, in_json(told))

    def _kept_words(self) -> list[str]:
        """Return a remark on what checks decided: which weights are used, and that they ended the training early."""
        learner, history = self.learner, RunHistory.of(self.directory.path)
        if history.best_check is None or not learner.best or not learner.progress.waited:
            return []
        is_over = learner.progress.is_over(self.task)
        ended = f"; training ended there, after {learner.fraction:.0%} of its budget" if is_over else ""
        return [f"{history.choice_words()}{ended}."]


def begun_from_words(begun: Mapping[str, Any] | None) -> list[str]:
    """Return a remark on the run whose weights a training began with, if it did."""
    return [f"Began with the weights of {begun['run']} at update {begun['update']}{begun['words']}."] if begun else []


def scored(scoring: Generator[float, None, Score]) -> Generator[Scoring, None, Score]:
    """Run a scoring, yield its progress, and return the score."""
    return (yield from told(scoring, Scoring))


def prepared(data: Data) -> Iterator[Scoring]:
    """Let data score its baselines, yielding the progress."""
    for fraction in data.prepare_baselines():
        yield Scoring(fraction, "the baselines")
