"""Four times more requests than a server can answer, with nginx in front: it goes on as before, the rest is refused.

    python proofs/served_overload.py [--seconds 60] [--at-once 256] [--width 512] [--save FILE]

nginx, as `docs/deploy/nginx.conf` configures it, lets 256 requests in at once. It is asked by as many sessions, each as
soon as it is answered: the peak. Then requests come at four times that rate over eight times as many connections,
whatever the answers, to nginx and, in turns, to a server that has nothing in front and refuses them itself. What is
answered with 200 a second is the goodput. A machine may be a tenth faster one minute than the next, so all of them take
turns, six rounds of them, and the goodput of each is compared with the peaks before and after it; the result has the
mean, and every round. The load comes from the same machine; its share of the processors is in the result.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from outcomes import arguments, conclude
from serving import load
from serving.nginx import in_front_of
from serving.servers import many_files, serving, train

TIMES, CONNECTIONS, ROUNDS = 4, 8, 6
PEAK = ("steps_a_second", "p50_milliseconds", "p99_milliseconds", "cores_taken_by_the_load")
OVER = ("sent_a_second", "goodput_a_second", "refused_a_second", "p50_milliseconds", "p99_milliseconds")
SHARES = (
    ("sent", "sent_a_second", "steps_a_second"),
    ("goodput", "goodput_a_second", "steps_a_second"),
    ("p99", "p99_milliseconds", "p99_milliseconds"),
)
LEAST_GOODPUT, MOST_LATENCY, LEAST_SENT = 0.85, 2.0, 0.95


def main() -> None:
    """Find the peak, ask for more, and write."""
    asked = arguments(
        __doc__,
        "served_overload",
        seconds=(60, "how long too much is asked, of each"),
        at_once=(256, "requests that are let in at once"),
        width=(512, "units of each of two layers"),
    )
    many_files()
    with tempfile.TemporaryDirectory() as name:
        told, alone, peaks = overloaded(train(Path(name), asked.width, 2), asked.seconds, asked.at_once)
    goodput, latency = told["goodput_share_of_peak"], told["p99_share_of_peak"]
    answered = told["others"] == told["unanswered"] == alone["others"] == alone["unanswered"] == 0
    result = {
        "claim": "at four times the peak, nginx in front keeps 85 % of it in twice the time, the rest is refused",
        "words": f"{100 * goodput:.0f} % of the peak answered at {told['sent_share_of_peak']:.1f} times the peak, "
        f"the slowest of a hundred in {latency:.2f} times the time; without nginx "
        f"{100 * alone['goodput_share_of_peak']:.0f} % in {alone['p99_share_of_peak']:.2f}; "
        f"the rest refused: {answered}",
        "holds": answered
        and goodput >= LEAST_GOODPUT
        and latency <= MOST_LATENCY
        and told["sent_share_of_peak"] >= LEAST_SENT * TIMES,
        **{f"peak_{name}": mean(one[name] for one in peaks) for name in PEAK},
        "peak_in_rounds": [one["steps_a_second"] for one in peaks],
        **told,
        "without_nginx": alone,
        "width": asked.width,
        "layers": 2,
    }
    conclude(result, asked.save)


def overloaded(run: Path, seconds: float, at_once: int) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Return what becomes of requests at four times the peak with nginx and without, and the peaks between."""
    with (
        serving(run, "--max-requests", str(2 * at_once)) as server,
        serving(run, "--max-requests", str(at_once)) as alone,
        in_front_of([server.port], limit=at_once) as proxy,
    ):

        def peak() -> dict[str, Any]:
            return load.run(load.stepped(proxy, at_once, seconds / ROUNDS / 2))

        def over(port: int) -> tuple[dict[str, Any], dict[str, Any]]:
            """Return what became of too much, and the peaks before and after it."""
            rate = TIMES * peaks[-1]["steps_a_second"]
            flood = load.run(load.flooded(port, rate, seconds / ROUNDS, CONNECTIONS * at_once))
            peaks.append(peak())
            return flood, {name: (peaks[-2][name] + peaks[-1][name]) / 2 for name in PEAK}

        peaks = [peak()]
        rounds = [(over(proxy), over(alone.port)) for _ in range(ROUNDS)]
    with_nginx, without = zip(*rounds, strict=True)
    return summary(with_nginx), summary(without), peaks


def summary(rounds: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Return figures of all rounds, each what became of too much and the peak around it."""
    overs = [over for over, _ in rounds]
    shares = {f"{name}_share_of_peak": [over[of] / near[to] for over, near in rounds] for name, of, to in SHARES}
    return {
        **{name: mean(over[name] for over in overs) for name in OVER},
        **{name: sum(over[name] for over in overs) for name in ("not_sent", "refused", "others", "unanswered")},
        **{name: mean(of_rounds) for name, of_rounds in shares.items()},
        "rounds": shares,
    }


if __name__ == "__main__":
    main()
