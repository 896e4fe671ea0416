"""ML-KNN on a problem of Reuters' size (5827 x 512, 90 labels) against scikit-multilearn-ng's MLkNN, and against the
search for neighbours alone by scikit-learn's brute force (float64, as ours) and by faiss (float32)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from skmultilearn.adapt import MLkNN

from bench import methods
from bench.methods.api import Method, Problem, Split
from perf.machine import seconds

ROWS, TEST_ROWS, FEATURES, LABELS = 5827, 3019, 512, 90


def run(full: bool) -> dict[str, object]:
    torch.set_num_threads(2)
    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS + TEST_ROWS, FEATURES)).astype(np.float32)
    direction = random.standard_normal((FEATURES, LABELS))
    y = (x @ direction / FEATURES**0.5 > 2.2).astype(np.int8)
    train = Split(torch.from_numpy(x[:ROWS]), torch.from_numpy(y[:ROWS]))
    test = x[ROWS:]
    problem = Problem("simulated", ROWS, FEATURES, LABELS, train.y.sum(0, dtype=torch.float64))

    def ours() -> np.ndarray:
        method = methods.create("ML-KNN", problem)
        assert isinstance(method, Method)
        method.fit(train, 0)
        return method.scores(torch.from_numpy(test)).numpy()

    def theirs() -> np.ndarray:
        # The paper's algorithm: a training row is not its own neighbour, a test row's nearest neighbour counts.
        reference = MLkNN(k=10, s=1.0, ignore_first_neighbours=1)
        reference.fit(x[:ROWS].astype(float), y[:ROWS])
        reference.ignore_first_neighbours = 0
        return np.asarray(reference.predict_proba(test.astype(float)).todense())

    def brute_force() -> None:
        search = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(x[:ROWS].astype(float))
        search.kneighbors(x[:ROWS].astype(float))
        search.kneighbors(test.astype(float), 10)

    results: list[np.ndarray] = []
    mine = seconds(lambda: results.append(ours()), times=3)
    reference = seconds(lambda: results.append(theirs()), times=1, warm_up=0)
    return {
        "seconds": mine,
        "scikit_multilearn_seconds": reference,
        "ratio": reference / mine,
        "gflop": 2 * ROWS * (ROWS + TEST_ROWS) * FEATURES / 1e9,
        "largest_difference": float(np.abs(results[0] - results[-1]).max()),
        **_search("brute_force", brute_force, mine),
        **_search("faiss", _faiss(x, test), mine),
    }


def _search(name: str, search: Callable[[], None] | None, mine: float) -> dict[str, float]:
    """Seconds of a search alone, and how many of them our whole ML-KNN takes."""
    if search is None:
        return {}
    taken = seconds(search, times=3)
    return {f"{name}_seconds": taken, f"ratio_to_{name}": taken / mine}


def _faiss(x: np.ndarray, test: np.ndarray) -> Callable[[], None] | None:
    """None without faiss (pip install faiss-cpu)."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(2)

    def search() -> None:
        index = faiss.IndexFlatL2(FEATURES)
        index.add(x[:ROWS])
        index.search(x[:ROWS], 11)
        index.search(test, 10)

    return search
