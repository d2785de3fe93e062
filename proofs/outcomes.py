"""What every proof shares: its arguments, so many of so many and what that proves, and the result that is kept."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from statewise.versions import versions

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SHOWN_FAILURES = 20
CONFIDENCE = 0.95
BEGAN = time.monotonic()


def arguments(words: str | None, name: str, **counts: tuple[int, str]) -> argparse.Namespace:
    """Read what a proof was asked for: how many of each thing, and where to keep the result."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    for count, (usual, said) in counts.items():
        parser.add_argument(f"--{count.replace('_', '-')}", type=int, default=usual, help=f"{said} [{usual}]")
    parser.add_argument("--save", type=Path, default=RESULTS / f"{name}.json", help="where to keep the result")
    return parser.parse_args()


def bound(failures: int, tried: int) -> float:
    """Return the largest rate of failures that these are not too few for, at 95 %: P(X <= failures | rate) = 0.05.

    For no failure at all that is 1 - 0.05^(1 / tried), near 3 / tried. Source: Clopper & Pearson 1934, one-sided.

    >>> round(bound(0, 200), 4), round(bound(1, 200), 4), bound(3, 3)
    (0.0149, 0.0235, 1.0)
    """
    if failures == tried:
        return 1.0
    low, high = failures / tried, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(failures, tried, middle) > 1 - CONFIDENCE else (low, middle)
    return high


def _at_most(failures: int, tried: int, rate: float) -> float:
    term = total = (1 - rate) ** tried
    for count in range(failures):
        term *= (tried - count) / (count + 1) * rate / (1 - rate)
        total += term
    return total


def counted(claim: str, outcomes: Iterable[str], good: set[str], *, is_sample: bool = True) -> dict[str, Any]:
    """Return what came of every trial as a result: `good` names the outcomes that keep the promise."""
    came = list(outcomes)
    failures = [outcome for outcome in came if outcome not in good]
    return {
        "claim": claim,
        "holds": not failures and bool(came),
        "good": len(came) - len(failures),
        "tried": len(came),
        "outcomes": dict(Counter(outcome if outcome in good else "failed" for outcome in came)),
        "failures": failures[:SHOWN_FAILURES],
        "largest_failure_rate_at_95_percent": bound(len(failures), len(came)) if is_sample and came else None,
    }


def words_of(result: dict[str, Any]) -> str:
    """Say a result in one line.

    >>> words_of(counted("a run resumes", ["same"] * 200, {"same"}))
    'a run resumes: 200/200; fewer than 1.49 % fail (95 %)'
    """
    rate = result["largest_failure_rate_at_95_percent"]
    proved = "every case there is" if rate is None else f"fewer than {rate:.2%} fail (95 %)".replace("%", " %", 1)
    return f"{result['claim']}: {result['good']:,}/{result['tried']:,}; {proved}"


def conclude(results: dict[str, Any] | list[dict[str, Any]], save: Path) -> NoReturn:
    """Keep the result, or several, with date, commit and machine; print each; leave with 1 where one does not hold."""
    parts = results if isinstance(results, list) else [results]
    kept = parts[0] if len(parts) == 1 else {"holds": all(part["holds"] for part in parts), "parts": parts}
    seconds = round(time.monotonic() - BEGAN)
    save.write_text(json.dumps({**kept, "took_seconds": seconds, **made_by()}, indent=1) + "\n")
    for part in parts:
        print(words_of(part) if "tried" in part else part["words"])
        for failure in part.get("failures", []):
            print(f"  {failure}")
    sys.exit(0 if kept["holds"] else 1)


def prove_parts(words: str | None, name: str, parts: Mapping[str, Callable[[], dict[str, Any]]]) -> NoReturn:
    """Prove the parts that were asked for, all unless told; keep each, when it is done, with what was proved before.

    Leaves with 1 where one does not hold; a part that says nothing of that claims nothing.
    """
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="part", help=", ".join(parts))
    save, asked, holds = RESULTS / f"{name}.json", parser.parse_args().parts, True
    if odd := [part for part in asked if part not in parts]:
        parser.error(f"there is no part {odd[0]!r}: give {', '.join(parts)}")
    for part in asked:
        made = made_by()
        result = {**parts[part](), **made}
        kept = json.loads(save.read_text()) if save.exists() else {}
        save.write_text(json.dumps({**kept, part: result}, indent=1) + "\n")
        holds &= result.get("holds", True)
    sys.exit(0 if holds else 1)


def made_by() -> dict[str, Any]:
    """Return date, commit, machine and versions."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=HERE)
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else None
    machine = {"processor": cpu[1] if cpu else platform.processor(), "cores": os.cpu_count()}
    date = datetime.now(UTC).date().isoformat()
    return {"date": date, "commit": commit.stdout.strip(), "machine": machine, "versions": versions()}
