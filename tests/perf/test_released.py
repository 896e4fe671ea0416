"""The command that times the released program, on stand-ins for both sides; its re-written loop on a small set."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.records.record import Record
from bench.records.store import Store
from bench.system import writing
from perf.released import __main__ as released
from perf.released import loop as released_loop

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from scipy.sparse import load_npz
from datasets.datasets import folder

if Path("save").exists():
    sys.exit("trained before")
Path("save").mkdir()
wrong = {}
for split in ("train", "val", "test"):
    x = np.load(folder / f"VOC2007_{split}_features_imagenet_resnet50.npy")
    y = load_npz(folder / f"VOC2007_{split}_labels.npz").toarray()
    assert len(x) == len(y) and x.dtype == np.float32
    wrong[split] = y.mean()
    print("Epoch 0 training done | Hamming: 0.9 | Loss: 1.0", file=sys.stderr)
    print(f"Hamming: {y.mean():.6f}", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def data() -> Dataset:
    random = np.random.default_rng(0)
    x = random.random((40, 6), dtype=np.float32)
    return bench.load_dataset(x, (x[:, :3] > 0.6).astype(np.int8), name="small")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What the released program asks of its surroundings, and nothing of what it does."""
    folder = tmp_path / "flem"
    for name in released.NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("from pathlib import Path\nfolder = Path(__file__).parent / 'data'\n")
    (folder / released.ENTRY).write_text(PROGRAM)
    for left in ("save/29.tar", "datasets/data/VOC2007_train_labels.npz", ".git/config", "model.tar"):
        (folder / left).parent.mkdir(exist_ok=True)
        (folder / left).write_text("")
    return folder


def test_a_copy_of_the_program_finds_the_data_set_and_leaves_the_users_folder_alone(
    repository: Path, data: Dataset, tmp_path: Path
) -> None:
    before = sorted(repository.rglob("*"))
    other = released.Other(released.checked(repository))
    copies = [tmp_path / "a", tmp_path / "b"]
    for copy in copies:
        other.prepare(copy, data)
    for folders in (copies[:1], copies, copies):  # each time from nothing
        assert other.run(folders, 1).hamming == pytest.approx(data.splits["test"].y.mean(), abs=1e-6)
    assert sorted(repository.rglob("*")) == before
    assert not list(tmp_path.rglob("a/*.tar"))


def test_a_program_that_fails_and_one_that_is_not_there_are_named(
    repository: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (repository / released.ENTRY).write_text("raise ValueError('too old')")
    other = released.Other(repository)
    other.prepare(tmp_path / "a", data)
    with pytest.raises(UsageError, match=r"the released program ended with code 1; .* ValueError: too old"):
        other.run([tmp_path / "a"], 1)
    (repository / "methods/template.py").unlink()
    for arguments, sentence in ((["--flem", str(repository)], "holds no methods/template.py"), ([], "give --flem")):
        monkeypatch.setattr(sys, "argv", ["released", *arguments])
        assert released.main() == 2
        assert sentence in capsys.readouterr().err


def test_sixteen_configurations_are_sixteen_times_one_and_both_sides_take_turns(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def theirs(self: released.Other, folders: list[Path], threads: int) -> released.Run:
        taken.append(f"other {len(folders)} {threads}")
        return released.Run(20.0 / len(folders), 0.1)

    def ours(folder: Path, variant: str, dataset: str, where: str | None, jobs: int) -> released.Run:
        taken.append(f"{variant} {jobs}")
        return released.Run({released.FIXED: 5.0, released.GRID: 40.0 / jobs}[variant], 0.2)

    monkeypatch.setattr(released.Other, "run", theirs)
    monkeypatch.setattr(released, "ours", ours)
    monkeypatch.setattr(bench, "load_dataset", lambda name, folder: data)
    found = released.measure(released.Other(None), "small", None, [1, 2], 2)
    one, two = found["cores_1"], found["cores_2"]
    assert taken[1:4] == ["other 1 1", f"{released.FIXED} 1", f"{released.GRID} 1"]
    assert taken[7:11] == ["other 1 2", "other 2 1", f"{released.FIXED} 2", f"{released.GRID} 2"]
    assert one["ratio_of_the_configuration"] == 20 / 5
    assert one["ratio_of_the_grid_alone"] == 16 * 20 / 40
    assert two["ratio_of_the_grid_alone"] == 16 * 20 / 20
    assert two["ratio_of_the_grid_side_by_side"] == 16 * 10 / 20
    text = "\n".join(released.described(found))
    assert "16.0x the other's 16, one after another; 8.0x 2 at once" in text
    assert "a re-write" in text


@pytest.mark.slow
def test_our_side_is_the_configuration_of_the_released_program(tmp_path: Path, data: Dataset) -> None:
    x, y = (np.concatenate([getattr(part, kind) for part in data.splits.values()]) for kind in ("x", "y"))
    writing.write(tmp_path / "small.npz", writing.packed({"X": x, "Y": y}))
    writing.write(
        tmp_path / "bench.toml", (released.SETTINGS + "[protocols.small]\nepochs = 1\nminimum_steps = 1\n").encode()
    )
    run = released.ours(tmp_path, released.FIXED, str(tmp_path / "small.npz"), None, 1)
    (record,) = [found for _, found in Store(tmp_path / "results").records() if isinstance(found, Record)]
    options = record.key["hyperparameters"]["options"]
    assert options["alpha"] == options["beta"] == released_loop.WEIGHT
    assert record.key["hyperparameters"]["grid"] == {}
    assert run.hamming == record.metrics["hamming"]


def test_the_loop_written_anew_learns_and_tests_its_best_epoch(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    released.Other(None).prepare(tmp_path, data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(released_loop, "EPOCHS", 8)
    monkeypatch.setattr(released_loop, "BATCH", 8)
    released_loop.main()
    text = capsys.readouterr().out
    losses = [float(line.split()[1].strip(",")) for line in text.splitlines() if line.startswith("loss")]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    assert len(released.VALUE.findall(text)) == 1
