"""The figures of docs/scale.md are those of the benchmark's last result."""

import importlib.util
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def load(name: str = "processes") -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    return benchmark


def test_the_tables_of_the_page_are_those_of_the_result() -> None:
    benchmark = load()
    result = json.loads((ROOT / "benchmarks" / "results" / "processes.json").read_text())
    page = (ROOT / "docs" / "scale.md").read_text()
    tables = benchmark.tables(result)
    assert len(tables) == 2
    assert all(len(table.splitlines()) == rows and table in page for table, rows in zip(tables, (5, 8), strict=True))


def test_the_model_counts_messages_and_bytes() -> None:
    benchmark = load()
    sizes = {str(count): 2 * 50e-6 + 4 * count / 2e9 for count in benchmark.SIZES}
    latency, bandwidth = benchmark.fitted(sizes)
    assert abs(latency - 50e-6) < 1e-9
    assert abs(bandwidth - 2e9) < 1
    assert benchmark.added(1, 10**6, latency, bandwidth) == 0
    assert benchmark.added(2, 10**6, latency, bandwidth) == benchmark.added_by_halving(2, 10**6, latency, bandwidth)


def test_the_serving_plan_is_reckoned_out_of_what_was_measured() -> None:
    benchmark, page = load("serving"), (ROOT / "docs" / "scale.md").read_text()
    tables = benchmark.tables(*benchmark.kept())
    assert [len(table.splitlines()) for table in tables] == [8, 7]
    assert all(table in page for table in tables)
    assert [benchmark.about(figure) for figure in (17432.1, 985, 7)] == ["17,000", "980", "7"]
