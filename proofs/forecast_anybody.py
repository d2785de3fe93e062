"""Tables out of packages, each forecast by one command that says no more than the columns and the horizon.

    python proofs/forecast_anybody.py --packages FOLDER [--kept | --all] [--only WORDS]

How to fill FOLDER is said by public_series.py. AutoETS of statsforecast forecasts from the same origins, with its own
intervals. What AutoETS found for a table is taken from the last result where table and origins are the same. Without
--kept or --all the ten tables are left out that were not read until the end. Results go to
results/forecast_anybody.json, with those of other tables that were there.
Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from exact_forecasts import Layout, share_within
from numpy.typing import NDArray
from outcomes import RESULTS, made_by
from public_series import TABLES, PublicSeries

import statewise
from statewise.tasks.forecast.data import ForecastData
from statewise.tasks.forecast.levels import filled
from statewise.tasks.forecast.metrics import LEVELS, scores
from statewise.tasks.forecast.statistical_forecasts import statistical_quantiles
from statewise.tasks.forecast.verdict import independent_horizons

SAVED = RESULTS / "forecast_anybody.json"
LOW, HIGH, SHARE = 0.7, 0.9, 0.9
TOLD = ("MASE", "weighted_quantile_loss", "covers_80")
Scores = dict[str, float]
Row = dict[str, Any]


def forecast(table: PublicSeries, folder: Path, before: Row | None) -> Row:
    """Train on one table as a newcomer does, and score it beside simple methods and AutoETS."""
    with tempfile.TemporaryDirectory() as made:
        source = Path(made, "table.csv")
        flags = table.write(folder, source)
        columns: dict[str, Any] = {"target": tuple(flags[1 : flags.index("--series") if table.is_long else None])}
        columns |= {"series": "series"} if table.is_long else {}
        began = time.monotonic()
        run = statewise.train(
            statewise.Forecast(source=str(source), horizon=table.horizon, threads=1, **columns), run=Path(made, "run")
        )
        seconds = time.monotonic() - began
        data: Any = run.load().data()
        report = run.report.as_json()
        ets = rival(data, before)
    naive = [name for name in report["baselines"] if name.startswith("seasonal naive")]
    season = max(naive, key=lambda name: int(name.split()[-1])) if naive else "last value"
    return {
        "package": table.package,
        "unread_until_the_end": table.is_kept,
        "command": f"statewise train forecast table.csv {' '.join(flags)} --horizon {table.horizon}",
        "values": report["data"]["training"],
        "series": report["data"]["series"],
        "origins": report["data"]["origins"],
        "horizon": data.codec.horizon,
        "steps_between_origins": int(np.diff(data.origins.places[data.origins.series == data.origins.series[0]]).min()),
        "horizons": independent_horizons(data.truth),
        "seconds": round(seconds, 1),
        "this model": {name: report["metrics"].get(name) for name in TOLD},
        "season": season,
        "seasonal naive": {name: report["baselines"][season].get(name) for name in TOLD},
        "auto ets": ets,
        "what was mixed": report["tables"].get("what was mixed"),
        "remarks": report["remarks"],
    }


def rival(data: ForecastData, before: Row | None) -> Row:
    """Return what AutoETS scores at the same origins, as the last time where these have not changed."""
    origins, panel, codec = data.origins, data.read.panel, data.codec
    content = panel.values.tobytes() + origins.series.tobytes() + origins.places.tobytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    if before is not None and before["auto ets"]["digest"] == digest:
        return dict(before["auto ets"])
    began = time.monotonic()
    found: NDArray[np.float64] = np.empty((len(origins.series), codec.horizon, len(LEVELS)))
    for series in np.unique(origins.series):
        mine = origins.series == series
        values = filled(panel.values[panel.part(int(series))]).astype(np.float64)
        places, season = origins.places[mine], min(codec.frequency.seasons)
        found[mine] = statistical_quantiles("auto_ets", values, places, codec.horizon, np.array(LEVELS), season)
    scored = scores(data.truth, found)
    return {**{name: scored.get(name) for name in TOLD}, "seconds": time.monotonic() - began, "digest": digest}


def layout_of(row: Row) -> Layout:
    """Return from where and how far a table was forecast."""
    origins = -(-row["origins"] // row["series"])
    return Layout(row["series"], origins, row["horizon"], row["steps_between_origins"])


def summary(rows: dict[str, Row]) -> Row:
    """Return the shares and means that are claimed, over some tables."""
    ours, naive, ets = (
        {name: np.array([row[of][name] for row in rows.values()], float) for name in TOLD}
        for of in ("this model", "seasonal naive", "auto ets")
    )

    def mean_ratio(name: str, other: Scores | Any) -> float:
        return float(np.exp(np.nanmean(np.log(ours[name] / other[name]))))

    covered = ours["covers_80"]
    return {
        "tables": len(rows),
        "covered_70_to_90": float(np.mean((covered >= LOW) & (covered <= HIGH))),
        "covered_in_the_mean": float(covered.mean()),
        "MASE_at_most_seasonal_naive": float(np.mean(ours["MASE"] <= naive["MASE"])),
        "MASE_over_seasonal_naive": mean_ratio("MASE", naive),
        "MASE_over_auto_ets": mean_ratio("MASE", ets),
        "quantile_loss_over_auto_ets": mean_ratio("weighted_quantile_loss", ets),
        "auto_ets_covered_70_to_90": float(np.mean((ets["covers_80"] >= LOW) & (ets["covers_80"] <= HIGH))),
        "MASE_better_than_auto_ets": float(np.mean(ours["MASE"] <= ets["MASE"])),
        "exact_intervals_cover_70_to_90": share_within(LOW, HIGH, map(layout_of, rows.values())),
        "longest_seconds": max(row["seconds"] for row in rows.values()),
    }


def claims(found: Row) -> dict[str, bool]:
    """Return which of the claims hold."""
    return {
        "80 % intervals cover 70 to 90 % on 9 of 10": found["covered_70_to_90"] >= SHARE,
        "MASE at most that of seasonal naive on 9 of 10": found["MASE_at_most_seasonal_naive"] >= SHARE,
        "MASE at most that of AutoETS, geometric mean": found["MASE_over_auto_ets"] <= 1,
        "quantile loss at most that of AutoETS, geometric mean": found["quantile_loss_over_auto_ets"] <= 1,
    }


def shown(name: str, row: Row) -> str:
    """Return a table in one line: MASE, quantile loss and coverage of ours, seasonal naive and AutoETS."""
    parts = [
        f"{row[of]['MASE']:7.3f} {row[of]['weighted_quantile_loss']:8.4f} {100 * row[of]['covers_80']:4.0f}"
        for of in ("this model", "seasonal naive", "auto ets")
    ]
    return f"{name:36}{'  '.join(parts)}  {row['seconds']:6.1f}"


HEAD = [f"{'':36}{'this model':>21}  {'seasonal naive':>21}  {'AutoETS':>21}  seconds"]
HEAD += [f"{'':36}" + "  ".join(["   MASE     loss  80%"] * 3)]


def by_luck(shares: dict[str, float]) -> str:
    """Return the shares of tables of each process in words."""
    told = [f"{share:.0%} (coefficient {name})" for name, share in shares.items()]
    return f"{', '.join(told[:-1])} or {told[-1]} of autoregressions"


def page(saved: Row) -> str:
    """Return all that was found as a table, the ten that were not read until the end last, and what it comes to."""
    rows = saved["tables"]
    lines = [*HEAD, *(shown(name, row) for name, row in rows.items() if not row["unread_until_the_end"])]
    kept = [shown(name, row) for name, row in rows.items() if row["unread_until_the_end"]]
    lines += ["not read until the end:", *kept] if kept else []
    for name in ("all", "unread until the end"):
        if name in saved:
            found = saved[name]
            lines += [
                f"{name}, {found['tables']} tables: 80 % intervals cover 70 to 90 % on "
                f"{found['covered_70_to_90']:.0%}, {found['covered_in_the_mean']:.0%} in the mean",
                f"  MASE at most that of seasonal naive on {found['MASE_at_most_seasonal_naive']:.0%}, "
                f"{found['MASE_over_seasonal_naive']:.3f} of it in the geometric mean",
                f"  of AutoETS: MASE {found['MASE_over_auto_ets']:.3f}, loss "
                f"{found['quantile_loss_over_auto_ets']:.3f} in the geometric mean; "
                f"its intervals cover 70 to 90 % on {found['auto_ets_covered_70_to_90']:.0%}",
                f"  exact intervals would, by luck, on {by_luck(found['exact_intervals_cover_70_to_90'])}",
            ]
    return "\n".join(lines)


def main() -> None:
    """Forecast the tables that were asked for, and keep what was found after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="the folder of downloaded packages")
    parser.add_argument("--kept", action="store_true", help="only the tables that were not read until the end")
    parser.add_argument("--all", action="store_true", help="these as well")
    parser.add_argument("--only", default="", help="only tables whose name has these words")
    asked = parser.parse_args()
    wanted: Callable[[PublicSeries], bool] = lambda table: (  # noqa: E731
        (asked.all or table.is_kept == asked.kept) and asked.only in table.name
    )
    saved: Row = json.loads(SAVED.read_text()) if SAVED.exists() else {"tables": {}}
    rows: dict[str, Row] = saved["tables"]
    print("\n".join(HEAD))
    for table in filter(wanted, TABLES):
        rows[table.name] = {**forecast(table, asked.packages, rows.get(table.name)), **made_by()}
        print(shown(table.name, rows[table.name]), flush=True)
        known = {one.name: rows[one.name] for one in TABLES if one.name in rows}
        parts = {"all": known, "unread until the end": {n: r for n, r in known.items() if r["unread_until_the_end"]}}
        told = {name: {**(found := summary(part)), "claims": claims(found)} for name, part in parts.items() if part}
        SAVED.write_text(json.dumps({**told, "tables": known}, indent=1) + "\n")
        saved = {**told, "tables": known}
    print(page(saved))
    sys.exit(0 if all(saved["all"]["claims"].values()) else 1)


if __name__ == "__main__":
    main()
