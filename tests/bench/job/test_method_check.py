"""Faults of a method's own code, told in one sentence with the line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import methods
from bench.job.inputs import problem_of
from bench.job.method_check import explained, fault
from bench.methods import api, declarations
from bench.methods.api import Split

METHOD = """
import torch
from bench.methods.api import LinearMethod, Method, register

@register("Mine", family="test", paper="none", shift=0.5)
class Mine(LinearMethod):
    def objective(self, batch):
        {body}
"""
WHOLE = """
import torch
from bench.methods.api import Method, register

@register("Mine", family="test", paper="none")
class Mine(Method):
    def fit(self, train, seed):
        pass

    def scores(self, x):
        {body}
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that makes a file of a method the only one that is found."""
    monkeypatch.syspath_prepend(tmp_path)
    registered = dict(api.REGISTERED)

    def write(text: str, body: str, module: str) -> None:
        monkeypatch.setattr(api, "REGISTERED", dict(registered))
        path = tmp_path / f"{module}.py"
        path.write_text(text.replace("{body}", body))
        (info,) = declarations.read(path, module, "test")
        monkeypatch.setattr(methods, "infos", lambda: {"Mine": info})

    return write


@pytest.mark.parametrize(
    ("module", "body", "message"),
    [
        ("good", "return (batch.z - batch.y).square().mean()", None),
        ("branch", "return batch.z.mean() if batch.y.sum() > 0 else batch.z.sum()", "branch.py, line 8: it looks at a"),
        ("item", "return batch.z.mean() * batch.z.sum().item()", "item.py, line 8: it looks at a tensor's value"),
        ("solve", "return torch.linalg.solve(torch.eye(3), batch.z.T).mean()", "solve.py, line 8: it looks at a"),
        ("mask", "return batch.z[batch.y > 0].mean()", "torch.where or masked_fill, or set stackable = False"),
        ("shape", "return batch.z.mean(dim=1)", "a scalar tensor; it returned one of the shape [12] for a batch of 12"),
        ("nothing", "batch.z.mean()", "must return the batch's loss, a scalar tensor; it returned something else"),
        ("attribute", "return batch.z.mean() * self.shfit", "attribute.py, line 8: 'Mine' object has no attribute"),
        ("infinite", "return (batch.z * 0).log().mean()", "is not finite on random features and labels"),
    ],
)
def test_an_objectives_fault_is_told_with_its_line(written, module: str, body: str, message: str | None) -> None:
    written(METHOD, body, f"checked_{module}")
    found = fault("Mine")
    assert found == message if message is None else found is not None and message in found


def test_a_branch_is_allowed_where_models_are_not_stacked(written) -> None:
    body = "return batch.z.mean() if batch.y.sum() > 0 else batch.z.sum()\n    stackable = False"
    written(METHOD, body, "checked_alone")
    assert fault("Mine") is None


def test_scores_of_another_shape_are_told(written) -> None:
    written(WHOLE, "return torch.zeros(len(x), 3)", "checked_scores")
    assert fault("Mine") is None
    written(WHOLE, "return torch.zeros(len(x))", "checked_vector")
    assert fault("Mine") == "scores returned the shape [7] for 7 rows and 3 labels"


def test_a_grid_over_what_is_no_option_is_told(written) -> None:
    text = METHOD.replace("shift=0.5", 'shift=0.5, grid={"shfit": [1.0]}')
    written(text, "return batch.z.mean()", "checked_grid")
    assert "has no option 'shfit'; did you mean 'shift'?" in (fault("Mine") or "")


def test_a_jobs_error_is_told_as_it_was_where_it_names_the_method() -> None:
    """Not as the trial on a few rows would: k = 30 is too many there, whatever the job's rows were."""
    train = Split(torch.rand(20, 3), torch.zeros(20, 2, dtype=torch.int8))
    model = methods.create("ML-KNN", problem_of("", {"train": train}, "official"), k=30)
    with pytest.raises(ValueError, match="there are 20") as raised:
        model.fit(train, 0)
    assert "more than k = 30 training rows; there are 20" in explained(raised.value, "ML-KNN", {"k": 30})


def test_an_error_that_tells_nothing_of_the_method_is_looked_into(written) -> None:
    written(METHOD, "return batch.z.mean(dim=1)", "checked_opaque")
    error = RuntimeError("The size of tensor a (3) must match the size of tensor b (64)")
    assert "a scalar tensor; it returned one of the shape [12]" in explained(error, "Mine", {})
    assert explained(error, "uniform", {}) == str(error)


@pytest.mark.parametrize("name", ["BCE", "DB", "FLEM-T", "RAKEL"])
def test_what_is_compared_has_no_fault(name: str) -> None:
    assert fault(name) is None
