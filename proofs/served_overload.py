"""Four times more requests than a server can answer: it goes on with as many as before, and refuses the rest.

    python proofs/served_overload.py [--seconds 60] [--at-once 256] [--width 512] [--save FILE]

A server that lets 256 requests in at once is asked by as many sessions, each as soon as it is answered: the peak. Then
requests come at four times that rate over eight times as many connections, whatever the answers. What is answered with
200 a second is the goodput. A machine may be faster one minute than the next, so the peak is taken before and after and
goodput is compared with the mean. The load comes from the same machine; its share of the processors is in the result.
"""

import tempfile
from pathlib import Path
from typing import Any

from outcomes import arguments, conclude
from serving import load
from serving.servers import many_files, serving, train

TIMES, CONNECTIONS = 4, 8
PEAK = ("steps_a_second", "p50_milliseconds", "p99_milliseconds", "cores_taken_by_the_load")
LEAST_GOODPUT, MOST_LATENCY, LEAST_SENT = 0.9, 2.0, 0.95


def main() -> None:
    """Find the peak, ask for more, and write."""
    asked = arguments(
        __doc__,
        "served_overload",
        seconds=(60, "how long too much is asked"),
        at_once=(256, "requests that the server lets in at once"),
        width=(512, "units of each of two layers"),
    )
    many_files()
    with tempfile.TemporaryDirectory() as name:
        told = overloaded(train(Path(name), asked.width, 2), asked.seconds, asked.at_once)
    goodput, latency = told["goodput_share_of_peak"], told["p99_share_of_peak"]
    answered = told["others"] == told["unanswered"] == 0
    result = {
        "claim": "at four times the peak, nine tenths of the peak are answered in twice the time, the rest is refused",
        "words": f"{100 * goodput:.0f} % of the peak answered at {told['sent_share_of_peak']:.1f} times the peak, "
        f"the slowest of a hundred in {latency:.2f} times the time; the rest refused: {answered}",
        "holds": answered
        and goodput >= LEAST_GOODPUT
        and latency <= MOST_LATENCY
        and told["sent_share_of_peak"] >= LEAST_SENT * TIMES,
        **told,
        "width": asked.width,
        "layers": 2,
    }
    conclude(result, asked.save)


def overloaded(run: Path, seconds: float, at_once: int) -> dict[str, Any]:
    """Return what becomes of requests at four times the peak rate of as many as are let in."""
    with serving(run, "--most-requests", str(at_once)) as server:
        before = load.run(load.stepped(server.port, at_once, seconds / 2))
        rate = TIMES * before["steps_a_second"]
        over = load.run(load.flooded(server.port, rate, seconds, CONNECTIONS * at_once))
        after = load.run(load.stepped(server.port, at_once, seconds / 2))
    peak = {name: (before[name] + after[name]) / 2 for name in PEAK}
    return {
        **{f"peak_{name}": value for name, value in peak.items()},
        **{f"peak_{name}_before_and_after": [before[name], after[name]] for name in PEAK},
        **over,
        "sent_share_of_peak": over["sent_a_second"] / peak["steps_a_second"],
        "goodput_share_of_peak": over["goodput_a_second"] / peak["steps_a_second"],
        "p99_share_of_peak": over["p99_milliseconds"] / peak["p99_milliseconds"],
    }


if __name__ == "__main__":
    main()
