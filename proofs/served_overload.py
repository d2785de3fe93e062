"""Four times more requests than a server can answer: it goes on with as many as before, and refuses the rest.

    python proofs/served_overload.py [--seconds 60] [--at-once 256] [--width 512] [--save FILE]

A server that lets 256 requests in at once is asked by as many sessions, each as soon as it is answered: the peak. Then
requests come at four times that rate over eight times as many connections, whatever the answers. What is answered with
200 a second is the goodput. A machine may be a tenth faster one minute than the next, so both take turns, six rounds of
them, and the goodput of each is compared with the peaks before and after it; the result has the mean, and every round.
The load comes from the same machine; its share of the processors is in the result.
"""

import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

from outcomes import arguments, conclude
from serving import load
from serving.servers import many_files, serving, train

TIMES, CONNECTIONS, ROUNDS = 4, 8, 6
PEAK = ("steps_a_second", "p50_milliseconds", "p99_milliseconds", "cores_taken_by_the_load")
OVER = ("sent_a_second", "goodput_a_second", "refused_a_second", "p50_milliseconds", "p99_milliseconds")
SHARES = (
    ("sent", "sent_a_second", "steps_a_second"),
    ("goodput", "goodput_a_second", "steps_a_second"),
    ("p99", "p99_milliseconds", "p99_milliseconds"),
)
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
    """Return what becomes of requests at four times the peak rate of as many as are let in, in turns."""
    with serving(run, "--most-requests", str(at_once)) as server:

        def peak() -> dict[str, Any]:
            return load.run(load.stepped(server.port, at_once, seconds / ROUNDS / 2))

        peaks, overs = [peak()], list[dict[str, Any]]()
        for _ in range(ROUNDS):
            rate = TIMES * peaks[-1]["steps_a_second"]
            overs.append(load.run(load.flooded(server.port, rate, seconds / ROUNDS, CONNECTIONS * at_once)))
            peaks.append(peak())
    around = [{name: (one[name] + next_[name]) / 2 for name in PEAK} for one, next_ in pairwise(peaks)]
    shares = {
        f"{name}_share_of_peak": [over[of] / near[to] for over, near in zip(overs, around, strict=True)]
        for name, of, to in SHARES
    }
    return {
        **{f"peak_{name}": mean(one[name] for one in peaks) for name in PEAK},
        **{name: mean(over[name] for over in overs) for name in OVER},
        **{name: sum(over[name] for over in overs) for name in ("not_sent", "refused", "others", "unanswered")},
        **{name: mean(of_rounds) for name, of_rounds in shares.items()},
        "rounds": {**shares, "peak_steps_a_second": [one["steps_a_second"] for one in peaks]},
    }


if __name__ == "__main__":
    main()
