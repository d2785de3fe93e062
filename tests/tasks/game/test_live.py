"""What users give a step: an observation as JSON has it, of every kind of space."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.errors import UsageError
from statewise.stream import Stream
from statewise.tasks.game.live import GameUnderWay, inputs_of
from statewise.tasks.game.task import Game


@pytest.mark.parametrize("source", ["Recall", "Masked", "Steering", "Mixed"])
def test_the_example_of_every_space_is_read_and_answered_by_an_action_of_its_space(source: str, tmp_path: Path) -> None:
    import made_games

    task = Game(source=f"made_games:{source}", hidden_size=4)
    codec = task.prepare(tmp_path).codec
    inputs = inputs_of(codec)
    example = json.loads(json.dumps(inputs.example))
    assert inputs.check(example).shape == (codec.observed.size,)
    for sampled in (False, True):
        live = task.live(task.model(codec).eval(), codec, sampled=sampled)
        action: Any = live.push(example).action
        space = getattr(made_games, source)().action_space
        assert space.contains(np.asarray(action, space.dtype) if space.shape else action)


def test_an_observation_that_allows_nothing_or_is_outside_of_its_space_is_refused(tmp_path: Path) -> None:
    for source, odd in (
        ("Masked", {"observation": [0.0, 1.0], "action_mask": [0, 0, 0]}),
        ("Masked", {"observation": [0.0, 1.0]}),
        ("Mixed", {"board": [[0]], "die": 1, "pair": [[0, 0, 0], [0, 0]]}),
    ):
        task = Game(source=f"made_games:{source}", hidden_size=4)
        codec = task.prepare(tmp_path).codec
        live = GameUnderWay(Stream(task.model(codec).eval()), codec)
        with pytest.raises(UsageError, match="cannot be read: give an observation"):
            live.push(odd)
