"""A head of another package, known by its name alone, is trained, stored, scored and used by every task it suits."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from made_log import make_task, write_log
from torch import Tensor, nn

import statewise
from statewise import registry
from statewise.cli.main import run
from statewise.errors import UsageError
from statewise.heads import Head, ItemHead, Loss, Real
from statewise.heads.head import check_temperature
from statewise.heads.real import positive
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.stocks.task import Stocks
from statewise.testing import check_head

H, V = 4, 6
SERIES: dict[str, Any] = {
    "hidden_size": 6,
    "batch_size": 4,
    "updates": 6,
    "threads": 1,
    "horizon": "6h",
    "context": "24h",
}


class Laplace(Real[Tensor]):
    """A number around a median: p(y) = exp(-|y - m| / b) / 2b. Its parameters are m and b, `[..., 2]`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(features, 2)

    def forward(self, features: Tensor) -> Tensor:
        middle, width = self.linear(features).unbind(dim=-1)
        return torch.stack([middle, positive(width)], dim=-1)

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        return (targets - params[..., 0]).abs() / params[..., 1] + (2 * params[..., 1]).log()

    def cdf(self, params: Tensor, values: Tensor) -> Tensor:
        beyond = (values - params[..., 0]) / params[..., 1]
        half = (-beyond.abs()).exp() / 2
        return torch.where(beyond < 0, half, 1 - half)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        check_temperature(temperature)
        share = torch.empty_like(params[..., 0]).uniform_(-1, 1, generator=generator)
        return params[..., 0] - temperature * params[..., 1] * share.sign() * (1 - share.abs()).clamp(min=1e-6).log()


class TwoLayers(Head[Tensor]):
    """A softmax behind a layer of its own."""

    over = "choice"

    def __init__(self, features: int, choices: int) -> None:
        super().__init__()
        self.features, self.choices = features, choices
        self.layers = nn.Sequential(nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, choices))

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers(features)
        return logits

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        nats = nn.functional.cross_entropy(params.reshape(-1, self.choices), targets.flatten(), reduction="none")
        heeded = torch.ones_like(nats, dtype=torch.bool) if mask is None else mask.flatten()
        return Loss(nats[heeded].sum(), heeded.sum())

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        if temperature == 0:
            return params.argmax(dim=-1)
        odds = (params / temperature).softmax(dim=-1).reshape(-1, self.choices)
        return torch.multinomial(odds, 1, generator=generator).reshape(params.shape[:-1])


class Plain(ItemHead):
    """Items by a linear map of the features, and nothing else."""

    def __init__(self, features: int, supports: Tensor, **settings: Any) -> None:
        super().__init__()
        self.features, self.choices = features, len(supports)
        self.linear = nn.Linear(features, self.choices)
        self.is_sampled = False

    def forward(self, features: Tensor) -> Tensor:
        return features

    def scores(self, queries: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        scores: Tensor = self.linear(queries)
        return scores[..., start:stop]

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        return TwoLayers.loss(self, self.scores(params), targets, mask)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, made in {"laplace": Laplace, "two_layers": TwoLayers, "plain": Plain}.items():
        monkeypatch.setitem(registry._registered, ("heads", name), made)


@pytest.fixture
def hours() -> Path:
    path = Path("hours.csv")
    values = [
        f"2026-11-{1 + t // 24:02d} {t % 24:02d}:00,{50 + 20 * math.sin(t / 4) + t * 37 % 11:.3f}" for t in range(240)
    ]
    path.write_text("\n".join(["time,load", *values]) + "\n")
    return path


def test_they_keep_the_laws() -> None:
    numbers, choices = torch.linspace(-3, 4, 21).reshape(7, 3), torch.arange(21).reshape(7, 3) % V
    assert all(of.holds for of in check_head(lambda: Laplace(H), numbers).values())
    assert all(of.holds for of in check_head(lambda: TwoLayers(H, V), choices).values())
    assert all(of.holds for of in check_head(lambda: Plain(H, torch.ones(V)), choices).values())


def test_a_forecast_takes_it_by_its_name(hours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SERIES.items()]
    assert run(["train", "forecast", "hours.csv", "--head", "laplace", "--run", "r", *flags]) == 0
    assert "head: laplace" in Path("r/run.yaml").read_text()
    assert run(["evaluate", "r", "--samples", "20", "--json"]) == 0
    assert run(["predict", "r", "--samples", "20", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert 0 <= told[0]["metrics"]["covers_80"] <= 1
    assert len(told[1]["answer"][0]["quantiles"]["0.5"]) == 6
    live = statewise.load("r").live(samples=20, anomaly=True)
    live.push("2026-11-11 00:00,55")
    said = live.push("2026-11-11 01:00,60").as_json()
    assert 0 <= said["tail"] <= 1
    assert len(said["ahead"]) == 6


def test_several_members_of_it_are_mixed(hours: Path) -> None:
    found = statewise.train(Forecast(source="hours.csv", head="laplace", members=2, **SERIES), run="r")
    assert found.metrics["CRPS"] > 0


def test_a_text_takes_it_by_its_name(book: Path) -> None:
    task = statewise.Text(
        source=str(book),
        head="two_layers",
        hidden_size=8,
        batch_size=4,
        sequence_length=16,
        updates=4,
        orders=1,
        threads=1,
    )
    found = statewise.train(task, run="r")
    assert "head: two_layers" in Path("r/run.yaml").read_text()
    assert found.metrics["bits_per_character"] > 0
    trained = found.load()
    one, other = ("".join(trained.predict("It", length=9, seed=3, temperature=0.9, top_k=5)) for _ in range(2))
    assert one == other
    assert len(one) == 9


def test_a_recommender_takes_it_by_its_name() -> None:
    write_log(40)
    found = statewise.train(make_task(updates=3, head="plain"), run="r")
    assert "head: plain" in Path("r/run.yaml").read_text()
    assert 0 < found.metrics["recall_at_3"] < 1
    assert len(list(found.load().predict(session=["0", "1"], k=3))) == 3


@pytest.mark.parametrize(
    ("make", "suitable"),
    [
        (lambda book: statewise.Text(source=str(book), head="gaussian"), "choice as its target: give one of categ"),
        (lambda book: Forecast(source="hours.csv", head="categorical"), "number or count as its target: give one of g"),
        (lambda book: make_task(head="categorical"), "item as its target: give one of plain, ranking"),
        (lambda book: Stocks(source="hours.csv", head="quantiles"), "number or count as its target and a likelihood"),
    ],
)
def test_one_that_does_not_suit_is_refused_before_a_run_is_made(
    make: Any, suitable: str, book: Path, hours: Path
) -> None:
    with pytest.raises(UsageError, match=suitable):
        statewise.train(make(book), run="none")
    assert not Path("none").exists()
