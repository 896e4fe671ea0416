"""An extraction that is killed goes on, and gives what one that was not killed gives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.features.extraction import write_rows

X = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
IDENTITY = {"network": "a", "rows": len(X)}


def extracted(target: Path, identity: dict[str, object] = IDENTITY, killed_at: int | None = None) -> list[int]:
    """First rows of the parts that were computed; the process kills itself before the part from ``killed_at`` on."""
    started = []

    def compute(start: int, stop: int) -> np.ndarray:
        if start == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        started.append(start)
        return X[start:stop]

    write_rows(target, X.shape, identity, compute, rows_per_save=4)
    np.testing.assert_array_equal(np.load(target), X)
    return started


def kill_one(target: Path, at: int) -> None:
    """An extraction in a process of its own that is killed."""
    child = os.fork()
    if child == 0:
        extracted(target, killed_at=at)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not target.exists()


@pytest.mark.parametrize(("killed_at", "left"), [(0, [0, 4, 8]), (4, [4, 8]), (8, [8])])
def test_a_killed_extraction_goes_on_with_the_first_rows_that_are_not_saved(
    tmp_path: Path, killed_at: int, left: list[int]
) -> None:
    kill_one(tmp_path / "x.npy", killed_at)
    assert extracted(tmp_path / "x.npy") == left


def test_what_came_to_its_end_is_not_computed_again(tmp_path: Path) -> None:
    assert extracted(tmp_path / "x.npy") == [0, 4, 8]
    assert extracted(tmp_path / "x.npy") == []


@pytest.mark.parametrize(
    "journal",
    [b'{"network": "another", "rows": 11, "done": 4}', b'{"network": "a", "rows": 11, "done": "4"}', b"{broken", b"[]"],
)
def test_another_networks_or_a_damaged_journal_starts_anew(tmp_path: Path, journal: bytes) -> None:
    kill_one(tmp_path / "x.npy", 4)
    (tmp_path / "x.npy.progress.json").write_bytes(journal)
    assert extracted(tmp_path / "x.npy") == [0, 4, 8]


def test_a_journal_without_its_rows_starts_anew(tmp_path: Path) -> None:
    kill_one(tmp_path / "x.npy", 4)
    (tmp_path / "x.npy.partial").unlink()
    assert extracted(tmp_path / "x.npy") == [0, 4, 8]


def test_half_a_row_behind_the_saved_ones_is_cut_off(tmp_path: Path) -> None:
    kill_one(tmp_path / "x.npy", 8)
    with open(tmp_path / "x.npy.partial", "ab") as stream:
        stream.write(b"half")
    assert extracted(tmp_path / "x.npy") == [8]


def test_progress_is_told_after_every_part(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_rows(
        tmp_path / "x.npy", X.shape, IDENTITY, lambda a, b: X[a:b], 4, lambda done, rows: told.append((done, rows))
    )
    assert told == [(4, 11), (8, 11), (11, 11)]
