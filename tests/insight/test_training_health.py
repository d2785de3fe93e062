"""The health of a training is read from its events, also those of older versions and of runs that went back."""

from typing import Any

from statewise.insight.training_health import history_of
from statewise.run.history import RunHistory


def updated(number: int, **more: Any) -> dict[str, Any]:
    return {"event": "updated", "update": number, "nats": 4.0 - number, "norm": 2.0, "clipped": 1.0, **more}


def test_layers_clips_and_activations_are_read() -> None:
    events = [
        {"event": "started", "update": 0},
        updated(1, layers={"encoder": [0.5, 0.01], "head": [1.5, 0.02]}),
        updated(2, norm=0.5, clipped=0.5, layers=None),
        {"event": "checked", "update": 2, "activations": {"LSTM": [1, 2]}},
        updated(3, layers={"encoder": [0.4, 0.005], "head": [1.0, 0.01]}),
    ]
    history = history_of(RunHistory.from_events(events))
    assert history.clipped == [True, False, True]
    assert history.layers["encoder"] == [(1, 0.5, 0.01), (3, 0.4, 0.005)]
    assert history.activations == {"LSTM": [(2, [1, 2])]}
    assert history.as_json()["layers"]["head"] == {"gradient": 1.0, "update_to_weight": 0.01}


def test_an_update_that_was_made_twice_stands_as_it_was_made_last() -> None:
    history = history_of(RunHistory.from_events([updated(1), updated(2), updated(3), updated(2, nats=9.0)]))
    assert history.updates == [1, 2]
    assert history.nats == [3.0, 9.0]


def test_what_an_older_version_did_not_write_is_left_out() -> None:
    events = [{"event": "updated", "update": 1, "nats": 1.0, "norm": 2.0}, {"event": "checked", "update": 1}]
    history = history_of(RunHistory.from_events(events))
    assert history.clipped == [False]
    assert not history.layers
    assert not history.activations
    assert history_of(RunHistory()).clipped_share == 0
