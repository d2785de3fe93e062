"""The laws of a task: it trains, resumes bit for bit, streams what it computes at once, and has a baseline."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from statewise.data.codec import Codec
from statewise.learning.learner import Learner
from statewise.model import Model, evaluating
from statewise.run.config import as_yaml, build, plain
from statewise.state import map_leaves, stack
from statewise.task import Data, Score, Task
from statewise.testing.laws import Law, LawResult, chosen, judge, pronounce, same
from statewise.underway import returned

UPDATES = 4
"How many updates each of the short trainings makes."
STEPS = 5
"How many steps are compared where a model is stepped and scanned."


@dataclass(frozen=True)
class TaskTrial:
    """A task with its data, prepared once."""

    task: Task
    data: Data

    def learner(self) -> Learner:
        """Return a learner at the beginning, seeded by the task."""
        torch.manual_seed(self.task.seed)
        return Learner(self.task.model(self.data.codec), self.data.windows("training"), self.task)

    def model(self) -> Model[Any]:
        """Return a model after a few updates."""
        learner = self.learner()
        for _ in range(UPDATES):
            learner.update()
        return learner.model

    def score(self, model: Model[Any]) -> Score:
        """Score a model on the held-out part."""
        return returned(self.task.score(model, self.data))


def _settings_come_back(trial: TaskTrial) -> None:
    from yaml import safe_load

    written = safe_load(as_yaml(plain(trial.task)))
    again = build(type(trial.task), written)
    if again != trial.task:
        raise AssertionError(f"{trial.task} is read back from YAML as {again}")


def _codec_comes_back(trial: TaskTrial) -> None:
    is_codec = isinstance(trial.data.codec, Codec)
    assert is_codec, f"its codec is a {type(trial.data.codec).__name__}, which is not a statewise.data.codec.Codec"
    written = trial.data.codec.as_json()
    read = trial.task.codec(json.loads(json.dumps(written)))
    if json.dumps(read.as_json()) != json.dumps(written):
        raise AssertionError("codec.json is read back as another codec")
    own, other = trial.task.model(trial.data.codec), trial.task.model(read)
    other.load_state_dict(own.state_dict())


def _same_seed_same_training(trial: TaskTrial) -> None:
    one, other = (trial.model().state_dict() for _ in range(2))
    same("the weights of a second training", tuple(other.values()), tuple(one.values()), exact=True)


def _resumed_training_is_the_same(trial: TaskTrial) -> None:
    whole, kept = trial.learner(), {}
    for update in range(UPDATES):
        if update == UPDATES // 2:
            kept = whole.snapshot()
        whole.update()
    resumed = trial.learner()
    resumed.restore(kept)
    for _ in range(UPDATES - UPDATES // 2):
        resumed.update()
    ours, wanted = resumed.model.state_dict(), whole.model.state_dict()
    same("the weights of a resumed training", tuple(ours.values()), tuple(wanted.values()), exact=True)


def _steps_equal_a_scan(trial: TaskTrial) -> None:
    model = trial.model()
    window = trial.data.windows("held_out")[0]
    if window.is_labelled:  # labels of whole rows cannot be cut, and are not read
        window = window._replace(targets=window.inputs)
    window = window._replace(mask=None, reset=None).cut(0, STEPS)
    with evaluating(model), torch.no_grad():
        at_once, _ = model.scan(window, model.begin(window.rows, window.context))
        state, steps = model.begin(window.rows, window.context), []
        for x in window.inputs:
            params, state = model.step(x, state)
            steps.append(map_leaves(lambda leaf: leaf.unsqueeze(0), params))
    same("what the model says step by step", stack(steps), at_once)


def _baselines_are_measured_alike(trial: TaskTrial) -> None:
    for _ in trial.data.prepare_baselines():
        pass
    metrics, baselines = trial.score(trial.model()).metrics, trial.data.baselines()
    if not metrics or not baselines:
        raise AssertionError("there is no metric" if not metrics else "there is no baseline to compare with")
    first = next(iter(metrics))
    for name, values in baselines.items():
        if first not in values:
            raise AssertionError(f"the baseline '{name}' has no {first}, which is the metric that matters most")


def _scoring_changes_nothing(trial: TaskTrial) -> None:
    model = trial.model()
    before, random = {name: part.clone() for name, part in model.state_dict().items()}, torch.get_rng_state()
    one, other = trial.score(model), trial.score(model)
    same("the weights after scoring", tuple(model.state_dict().values()), tuple(before.values()), exact=True)
    same("the random numbers after scoring", torch.get_rng_state(), random, exact=True)
    if one.metrics != other.metrics:
        raise AssertionError(f"scored twice it has {one.metrics} and {other.metrics}")


def _sample_is_text(trial: TaskTrial) -> None:
    model = trial.model()
    sample = trial.task.sample(model, trial.data.codec)
    if not isinstance(sample, str) or not sample.strip():
        raise AssertionError(f"its sample is {sample!r}, where text to look at is wanted")
    if sample != trial.task.sample(model, trial.data.codec):
        raise AssertionError("two samples of the same weights differ, so a person cannot see what training changed")


TASK_LAWS: dict[int, Law[TaskTrial]] = {
    1: Law("its settings come back from YAML as they were", _settings_come_back),
    2: Law("its codec comes back from JSON as it was, and fits the same weights", _codec_comes_back),
    3: Law("two trainings from one seed end in the same weights, bit for bit", _same_seed_same_training),
    4: Law("a resumed training ends in the same weights, bit for bit", _resumed_training_is_the_same),
    5: Law("steps say what a scan says", _steps_equal_a_scan),
    6: Law("every baseline has the metric that matters most", _baselines_are_measured_alike),
    7: Law("scoring repeats, and changes neither weights nor random numbers", _scoring_changes_nothing),
    8: Law("its sample is text, and follows from the weights", _sample_is_text),
}
"The laws of a task by their number."


def judge_task(make: Callable[[], Task], *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Return what each law says of a task made by `make`, raising nothing. It should train in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        task = make()
        data = task.prepare(Path(folder))

        def trials() -> Iterator[tuple[str, Callable[[], TaskTrial]]]:
            yield type(task).__name__, partial(TaskTrial, task, data)

        return {number: judge(number, law, trials()) for number, law in chosen(TASK_LAWS, laws).items()}


def check_task(make: Callable[[], Task], *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Hold a task to its laws, as `judge_task` does, and return what each says.

    Raises `AssertionError` with one line for each law that is broken.

    >>> from statewise.tasks.text.task import Text
    >>> def small() -> Text:
    ...     path = Path(tempfile.mkdtemp(), "book.txt")
    ...     _ = path.write_text("to be or not to be, that is the question. " * 20)
    ...     return Text(source=str(path), hidden_size=4, batch_size=3, sequence_length=7, orders=2, gap=9, updates=4)
    >>> check_task(small, laws=[4])[4].statement
    'a resumed training ends in the same weights, bit for bit'
    """
    verdicts = judge_task(make, laws=laws)
    pronounce(verdicts)
    return verdicts
