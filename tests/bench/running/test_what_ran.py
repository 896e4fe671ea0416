"""A record has the key of what ran, and a job's harm stays its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import config, methods
from bench.job.selection import Fitted
from bench.plan import digests
from bench.plan.jobs import Job
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.records.record import Record
from bench.records.store import Store
from bench.running import isolation, worker
from bench.running.worker import JobOptions, JobRun, Outcome, run_job
from tests.end_to_end.test_program import bench

METHOD = """
import os, sys
import torch
from bench.methods.api import LinearMethod, Method, register

@register("Mine", family="test", paper="none")
class Mine(LinearMethod):
    def objective(self, batch):
        {}
        return torch.nn.functional.binary_cross_entropy_with_logits(batch.z, batch.y)
"""


def write_data(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.random((60, 5), dtype=np.float32)
    np.savez(path, X=x, Y=(x[:, :3] > 0.5).astype(np.int8))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one data set and one method file, known to the registry."""
    write_data(tmp_path / "data.npz", 0)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.py").write_text(METHOD.format("pass"))
    monkeypatch.setattr(methods, "_folders", [])
    methods.infos.cache_clear()
    methods.add_folders([tmp_path / "own"])
    yield tmp_path
    methods.infos.cache_clear()


def planned(folder: Path, method: str) -> Job:
    settings = config.load(folder)
    digests.forget_sources()
    rows = chosen_variants(settings, [method])
    (job,) = make_plan(settings, [], [str(folder / "data.npz")], rows, [0], epochs=1).jobs
    return job


def ran(folder: Path, job: Job) -> tuple[Outcome, Record]:
    store = Store(folder / "results")
    outcome = run_job(job, store, JobOptions(device="cpu", keep=["scores"], checkpoint_seconds=60.0))
    record = store.read(job.name)
    assert record is not None
    return outcome, record


def test_data_replaced_after_the_plan_give_a_failure(folder: Path) -> None:
    job = planned(folder, "BCE")
    write_data(folder / "data.npz", 1)
    outcome, record = ran(folder, job)
    assert outcome.status == record.status == "failed"
    assert "data.npz was replaced while the run was on" in outcome.message
    write_data(folder / "data.npz", 0)
    outcome, record = ran(folder, planned(folder, "BCE"))
    assert (outcome.status, record.key) == ("done", job.key)


def test_mapped_data_written_over_while_training_give_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = JobRun.fit

    def written_over(run: JobRun, stack: int) -> Fitted:
        os.utime(folder / "data.npz")
        run.dataset.splits["test"].x[0] += 1.0  # a mapped array follows its file
        return fit(run, stack)

    monkeypatch.setattr(JobRun, "fit", written_over)
    outcome, _ = ran(folder, planned(folder, "BCE"))
    assert outcome.status == "failed"
    assert "data.npz was replaced while the run was on" in outcome.message


def test_a_method_edited_after_the_plan_gives_a_failure(folder: Path) -> None:
    job = planned(folder, "Mine")
    (folder / "own/mine.py").write_text(METHOD.format("return (batch.z - batch.y).square().mean()"))
    outcome, _ = ran(folder, job)
    assert outcome.status == "failed"
    assert "the code of Mine was edited while the run was on (method)" in outcome.message


def test_a_methods_source_is_stored_once_beside_its_records(folder: Path) -> None:
    job = planned(folder, "Mine")
    outcome, record = ran(folder, job)
    assert outcome.status == "done", outcome.message
    stored = folder / "results/methods" / f"{record.key['method']}.py"
    assert stored.read_bytes() == (folder / "own/mine.py").read_bytes()
    assert list(stored.parent.iterdir()) == [stored]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("sys.exit(0)", "mine.py, line 9: it raised SystemExit (0)"),
        ("sys.exit('done')", "mine.py, line 9: it raised SystemExit ('done')"),
        ("raise KeyboardInterrupt", "mine.py, line 9: it raised KeyboardInterrupt"),
        ("raise FileNotFoundError('caf\\udce9.txt')", "caf\\udce9.txt"),
        ("raise GeneratorExit", "mine.py, line 9: GeneratorExit"),
    ],
)
def test_whatever_a_method_raises_is_its_jobs_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, statement: str, sentence: str
) -> None:
    monkeypatch.setattr(worker, "can_be_interrupted", lambda: False)  # as in a worker, where Ctrl-C is the run's
    (folder / "own/mine.py").write_text(METHOD.format(statement))
    methods.infos.cache_clear()
    outcome, record = ran(folder, planned(folder, "Mine"))
    assert outcome.status == record.status == "failed"
    assert outcome.message == record.problem == sentence


WRITES = """

    def prepare(self, train, fit):
        train.{}
        return {{}}
"""


@pytest.mark.parametrize("written", ["x.zero_()", "y[0] = 1", "x[:, 0].add_(1)"])
def test_a_method_that_changes_its_data_in_place_fails(folder: Path, written: str) -> None:
    (folder / "own/mine.py").write_text(METHOD.format("pass") + WRITES.format(written))
    methods.infos.cache_clear()
    outcome, _ = ran(folder, planned(folder, "Mine"))
    assert "changes the features or labels that it is given in place" in outcome.message


def test_a_process_that_a_method_forks_leaves_no_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forked = []

    def forks(run: JobRun, stack: int) -> Fitted:
        forked.append(os.fork())
        if forked == [0]:
            raise ValueError
        return fit(run, stack)

    fit = JobRun.fit
    monkeypatch.setattr(JobRun, "fit", forks)
    outcome, _ = ran(folder, planned(folder, "BCE"))
    assert outcome.status == "done"
    assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 1


def test_ctrl_c_is_no_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(run: JobRun, stack: int) -> Fitted:
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "can_be_interrupted", lambda: True)
    monkeypatch.setattr(JobRun, "fit", interrupted)
    job, store = planned(folder, "BCE"), Store(folder / "results")
    with pytest.raises(KeyboardInterrupt):
        run_job(job, store, JobOptions(device="cpu", keep=[], checkpoint_seconds=60.0))
    assert store.read(job.name) is None


def test_the_methods_that_come_with_the_harness_are_listed() -> None:
    stems = {info.file.stem for info in methods.infos().values() if info.file and info.origin == "built-in"}
    assert stems == isolation.SHIPPED


def test_methods_of_others_have_a_process_of_their_own(folder: Path) -> None:
    assert isolation.own_process(planned(folder, "Mine"))
    assert not isolation.own_process(planned(folder, "BCE"))
    assert isolation.is_shipped("uniform")  # a trivial baseline


HARMFUL = """
import os
import torch
from bench.methods.api import Method, register

class Harmful(Method):
    def fit(self, train, seed):
        self.harm()
    def scores(self, x):
        return x[:, :3]

@register("Ends", family="test", paper="none")
class Ends(Harmful):
    def harm(self):
        os._exit(0)

@register("Leaks", family="test", paper="none")
class Leaks(Harmful):
    def harm(self):
        import bench.running.worker
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        os.chdir("/")
        os.environ["BENCH_DATA"] = "/nowhere"
        bench.running.worker.prepare = None
"""


def test_methods_of_others_harm_nobody_else(folder: Path) -> None:
    for method in ("BCE", "FL"):
        assert ran(folder, planned(folder, method))[0].status == "done"
    (folder / "own/mine.py").write_text(HARMFUL)
    (folder / "bench.toml").write_text('method_folders = ["own"]\n')
    run = ("run", "--datasets", "data.npz", "--epochs", "1", "--methods", "Ends", "Leaks", "BCE", "FL")
    done = bench(*run, "--results", "together", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 jobs done, 1 failed" in done.stdout
    found = {path.parent.name: json.loads(path.read_text()) for path in (folder / "together").rglob("seed-0.json")}
    states = {name: record["status"] for name, record in found.items()}
    assert states == {"Ends": "failed", "Leaks": "done", "BCE": "done", "FL": "done"}
    for name in ("BCE", "FL"):
        alone = json.loads((folder / f"results/data@npz/{name}/seed-0.json").read_text())
        assert found[name]["result"] == alone["result"]
