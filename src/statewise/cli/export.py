"""`statewise export`: a run as a folder for elsewhere."""

import json as json_format
import sys
from pathlib import Path
from typing import Any


def export_run(run: Path, to: Path | None, format: str, *, int8: bool, storage: str, json: bool, quiet: bool) -> None:
    """Write the folder and say what is in it, how exact it is and what int8 costs."""
    if int8 and not quiet:
        print("scoring the held-out part twice, to say what int8 costs", file=sys.stderr)
    from statewise.exporting import export

    exported = export(run, to, format=format, int8=int8, storage=storage)  # type: ignore[arg-type]  # checked there
    if json:
        print(json_format.dumps(exported.as_json()))
        return
    print(f"{exported.path}  {exported.bytes / 1e6:.2f} MB")
    if exported.compared:
        compared = exported.compared
        print(
            f"ONNX Runtime differs by at most {compared.difference:.1e} on {compared.sequences} random sequences "
            f"(numbers up to {compared.largest:.1f})"
        )
    for line in _table(exported.metrics):
        print(line)
    if int8 and not exported.metrics:
        print("what int8 costs was not measured: the data of the run are not here")


def _table(metrics: dict[str, dict[str, Any]]) -> list[str]:
    names = list(next(iter(metrics.values()), {}))
    if not names:
        return []
    head = f"{'weights':10}" + "".join(f"{name:>20}" for name in names)
    return [head, *(f"{kind:10}" + "".join(f"{row[name]:20.4f}" for name in names) for kind, row in metrics.items())]
