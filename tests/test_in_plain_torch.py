"""A model is a part of a plain PyTorch module: it learns, is saved, copied and moved with it."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import statewise
from statewise.cells import GRU
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.model import Model
from statewise.state import detach


class Judged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.language = Model(nn.Embedding(10, 5), GRU(5, 4), Categorical(4, 10))
        self.judge = nn.Linear(4, 1)

    def forward(self, codes: Tensor, state: object) -> tuple[Tensor, object]:
        loss, after = self.language(Window(codes[:-1], codes[1:]), state)
        return loss.mean + self.judge(after.hidden).square().mean(), after


def test_a_model_learns_inside_another_module_and_is_saved_with_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, codes = Judged(), torch.arange(8).repeat(2)[:, None].repeat(1, 3)
    assert {name.partition(".")[0] for name, _ in module.named_parameters()} == {"language", "judge"}
    optimizer, state, losses = torch.optim.Adam(module.parameters(), 0.05), module.language.begin(rows=3), []
    for _ in range(30):
        loss, state = module(codes, state)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in module.parameters())
        optimizer.step()
        losses.append(loss.item())
        state = detach(state)
    assert losses[-1] < losses[0] / 2
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    again = Judged()
    again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    for other in (again, copy.deepcopy(module)):
        assert torch.equal(other(codes, state)[0], module(codes, state)[0])
    assert module.double()(codes, module.language.begin(rows=3))[0].dtype == torch.float64


def test_the_model_of_a_run_is_a_part_that_can_be_frozen(run_path: Path) -> None:
    model = statewise.load(run_path).model
    whole = nn.ModuleDict({"old": model, "new": nn.Linear(3, 1)})
    for parameter in whole["old"].parameters():
        parameter.requires_grad_(False)
    assert sum(parameter.requires_grad for parameter in whole.parameters()) == 2
    assert isinstance(model, Model)


def test_runs_reports_and_models_show_themselves_in_a_notebook(run_path: Path) -> None:
    report = statewise.evaluate(run_path)
    shown: list[Any] = [statewise.Run(run_path, report), report, statewise.load(run_path)]
    for one in shown:
        html = one._repr_html_()
        assert html.startswith("<")
        assert "<script" not in html
    assert "<table>" in shown[0]._repr_html_()
