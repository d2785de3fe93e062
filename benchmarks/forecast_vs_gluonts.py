"""How accurate is a forecast of hourly traffic, and how fast is its training, compared with GluonTS's DeepAR?

    python benchmarks/forecast_vs_gluonts.py [--minutes 2] [--threads 2] [--save DIR] [--json]

Both read the same hours, train for the same minutes with the same width, batch and context, and forecast 24 hours from
the same 60 origins, none of which they trained on; the measures are ours, computed once for both. GluonTS lives in an
environment of its own under `benchmarks/.peers`. A training window is context and horizon of one row of the batch.
Prints a table; leaves with exit code 1 where GluonTS cannot be had.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import statewise
from statewise.report import aligned
from statewise.tasks.forecast import metrics
from statewise.tasks.forecast.data import ForecastData
from statewise.tasks.forecast.task import Forecast
from statewise_lab.benchmarking.result import made_by

HERE = Path(__file__).parent
PEER, NEEDS = HERE / ".peers" / "gluonts", ("gluonts[torch]==0.17.0",)
WIDTH, ROWS, SAMPLES = 40, 64, 200
SHOWN = ("MASE", "weighted_quantile_loss", "covers_80")

WORKER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import logging
logging.disable(logging.WARNING)
import numpy as np, pandas as pd, torch
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator
import lightning.pytorch as lightning
given = json.load(open(sys.argv[1]))
torch.set_num_threads(given["threads"])
torch.manual_seed(0)
values = np.load(given["values"])
start = pd.Period(given["start"], freq="h")

class Counting(lightning.Callback):
    batches = 0

    def on_train_batch_end(self, *rest):
        self.batches += 1
        self.last = time.monotonic()
        if self.batches == 1:
            self.first = self.last


counting = Counting()
estimator = DeepAREstimator(
    freq="h", prediction_length=given["horizon"], context_length=given["context"], num_layers=1,
    hidden_size=given["width"], batch_size=given["rows"], num_batches_per_epoch=100, lr=given["rate"],
    num_parallel_samples=given["samples"],
    trainer_kwargs=dict(max_epochs=100000, max_time={"seconds": given["seconds"]}, accelerator="cpu", logger=False,
                        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=True,
                        callbacks=[counting], default_root_dir=given["folder"]),
)
training = ListDataset([{"start": start, "target": values[: given["known"]]}], freq="h")
predictor = estimator.train(training, num_workers=0)
spent = counting.last - counting.first
entries = ListDataset([{"start": start, "target": values[:origin]} for origin in given["origins"]], freq="h")
torch.manual_seed(0)
found = [np.quantile(forecast.samples, given["levels"], axis=0).T for forecast in predictor.predict(entries)]
np.save(given["quantiles"], np.stack(found))
json.dump({"windows_per_second": (counting.batches - 1) * given["rows"] / spent, "updates": counting.batches,
           "versions": {"gluonts": __import__("gluonts").__version__, "torch": torch.__version__}}, sys.stdout)
"""


def main() -> None:
    """Train both in turn and print what they score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    python = peer()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(python, Path(folder), given.minutes, given.threads)
    if given.save:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "forecast_vs_gluonts.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result) if given.json else table(result))


def measured(python: Path, folder: Path, minutes: float, threads: int) -> dict[str, Any]:
    """Return the scores and speeds of both."""
    task = Forecast(
        source="traffic", target=("traffic_volume",), horizon="24h", held_out="60d", context="7d", minutes=minutes,
        batch_size=ROWS, hidden_size=WIDTH, threads=threads,
    )  # fmt: skip
    made = made_by()
    run = statewise.train(task, run=folder / "ours")
    training = run.report.training
    data = task.prepare(folder)
    window = data.codec.context + data.codec.horizon
    ours = {name: run.metrics[name] for name in SHOWN}
    ours["windows_per_second"] = training["updates"] * ROWS / training["seconds"]
    theirs = gluonts(python, folder, data, minutes * 60, threads)
    return {
        "steps_in_a_window": window,
        "minutes": minutes,
        "threads": threads,
        "width": WIDTH,
        "rows": ROWS,
        "statewise": ours,
        "gluonts": theirs,
        "baselines": {name: {key: row[key] for key in SHOWN} for name, row in run.report.baselines.items()},
        "ratio_of_windows_per_second": ours["windows_per_second"] / theirs["windows_per_second"],
        **made,
    }


def gluonts(python: Path, folder: Path, data: ForecastData, seconds: float, threads: int) -> dict[str, Any]:
    """Train DeepAR in its own process, and score its quantiles as ours."""
    panel, origins, codec = data.read.panel, data.origins, data.codec
    values, quantiles, settings = folder / "values.npy", folder / "quantiles.npy", folder / "settings.json"
    np.save(values, panel.values)
    given = {
        "values": str(values), "start": str(panel.times(0, 1)[0]), "known": int(origins.known[0]),
        "origins": origins.places.tolist(), "horizon": codec.horizon, "context": codec.context, "seconds": seconds,
        "threads": threads, "width": WIDTH, "rows": ROWS, "rate": 0.001, "samples": SAMPLES, "folder": str(folder),
        "levels": metrics.LEVELS, "quantiles": str(quantiles),
    }  # fmt: skip
    settings.write_text(json.dumps(given))
    worker = folder / "worker.py"
    worker.write_text(WORKER)
    done = subprocess.run([python, worker, settings], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"GluonTS failed: {done.stderr.strip().splitlines()[-1]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    scores = metrics.scores(data.truth, np.load(quantiles))
    return {**{name: scores[name] for name in SHOWN}, **said}


def peer() -> Path:
    """Return the Python of GluonTS's own environment, made at the first call."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        began = time.monotonic()
        subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS], check=True)
        print(f"GluonTS installed in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return python


def table(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    columns = [*SHOWN, "windows_per_second"]
    rows = {"statewise": result["statewise"], "GluonTS DeepAR": result["gluonts"], **result["baselines"]}
    cells = [["", *columns]]
    for name, row in rows.items():
        cells.append([name, *(f"{row[c]:,.3f}" if c in row else "" for c in columns)])
    return f"{aligned(cells)}\n{result['ratio_of_windows_per_second']:.2f} times as many training windows a second"


if __name__ == "__main__":
    main()
