"""The peers' sides, run by the interpreter of their environment; each as its documentation shows it, on one thread.

Settings are the package's own but for those that make it the same algorithm as ours: neighbours, label sets, trees.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from perf.peers.handover import Arrays, Curve, Predict, Side, fit_seconds, main
from perf.peers.meka import meka

ITERATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Of logistic regression's curve, each fitted from the start."""
TOLERANCES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Of LIBLINEAR's curve, the same."""
Fit = Callable[[], Predict]


def refitted(fits: list[Fit]) -> Callable[[], Curve]:
    """A curve of fits that each begin anew: seconds of each by itself."""

    def curve() -> Curve:
        for fit in fits:
            seconds, predict = fit_seconds(fit)
            yield seconds, predict()

    return curve


def pytorch(data: Arrays) -> Side:
    """Our model from the same weights on the same batches, without validation: a module, a DataLoader, torch's AdamW
    with AMSGrad, gradients clipped by a queue of norms."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    x, y = torch.from_numpy(data["train_x"]), torch.from_numpy(data["train_y"]).float()
    test = torch.from_numpy(data["test_x"])

    def trained() -> Any:
        model = nn.Linear(x.shape[1], y.shape[1])
        model.load_state_dict({name: torch.from_numpy(data[name]) for name in ("weight", "bias")})
        groups = [{"params": [model.weight], "weight_decay": 1e-4}, {"params": [model.bias], "weight_decay": 1e-2}]
        optimiser = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
        queue = deque([float("inf")], maxlen=5)
        for order in data["orders"].tolist():
            for rows, labels in DataLoader(TensorDataset(x, y), batch_size=64, sampler=order):
                optimiser.zero_grad()
                nn.functional.binary_cross_entropy_with_logits(model(rows), labels).backward()
                norm = float(nn.utils.clip_grad_norm_(model.parameters(), 5 * max(queue)))
                queue.append(min(norm, 2 * max(queue), 1.0))
                optimiser.step()
            yield model

    def scores(model: Any) -> np.ndarray:
        with torch.no_grad():
            return model(test).numpy().copy()

    def fit() -> Predict:
        *_, model = trained()
        return lambda: scores(model)

    def curve() -> Curve:
        spent, start = 0.0, time.process_time()
        for model in trained():
            spent += time.process_time() - start
            yield spent, scores(model)
            start = time.process_time()

    return Side(fit, curve)


def logistic(data: Arrays) -> Side:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    def fit(iterations: int = ITERATIONS[-1]) -> Predict:
        model = OneVsRestClassifier(LogisticRegression(max_iter=iterations)).fit(data["train_x"], data["train_y"])
        return lambda: model.decision_function(data["test_x"])

    return Side(fit, refitted([lambda n=n: fit(n) for n in ITERATIONS]))


def chain(data: Arrays) -> Side:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import ClassifierChain
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit() -> Predict:
        model = make_pipeline(StandardScaler(), ClassifierChain(LogisticRegression(max_iter=1000)))
        model.fit(data["train_x"], data["train_y"])
        return lambda: model.predict_proba(data["test_x"])

    return Side(fit)


def forest(data: Arrays) -> Side:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.multioutput import MultiOutputClassifier

    def fit() -> Predict:
        model = MultiOutputClassifier(RandomForestClassifier(100, min_samples_leaf=2, random_state=0))
        model.fit(data["train_x"], data["train_y"])
        return lambda: np.stack([shares[:, -1] for shares in model.predict_proba(data["test_x"])], axis=1)

    return Side(fit)


def mlknn(data: Arrays) -> Side:
    from skmultilearn.adapt import MLkNN

    x, test = data["train_x"].astype(float), data["test_x"].astype(float)

    def fit() -> Predict:
        model = MLkNN(k=10, s=1.0, ignore_first_neighbours=1).fit(x, data["train_y"])

        def predict() -> np.ndarray:
            model.ignore_first_neighbours = 0  # a test row's nearest neighbour is not itself
            return np.asarray(model.predict_proba(test).todense())

        return predict

    return Side(fit)


def brknn(data: Arrays) -> Side:
    from skmultilearn.adapt import BRkNNaClassifier

    x, test = data["train_x"].astype(float), data["test_x"].astype(float)

    def fit() -> Predict:
        model = BRkNNaClassifier(k=10).fit(x, data["train_y"])

        def predict() -> np.ndarray:
            model.predict(test)
            return np.asarray(model.confidences_)

        return predict

    return Side(fit)


def rakel(data: Arrays, overlapping: bool) -> Side:
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from skmultilearn.ensemble import RakelD, RakelO

    labels = data["train_y"].shape[1]

    def fit() -> Predict:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the package draws from it
        made: Any
        if overlapping:
            made = RakelO(LogisticRegression(max_iter=1000), labelset_size=3, model_count=2 * labels)
            # As the package's vote counts: the share of the label's sets that predict it.
            return _fitted(made, data, lambda model: model.predict(data["test_x"]))
        made = RakelD(GaussianNB(), base_classifier_require_dense=[True, True], labelset_size=3)
        return _fitted(made, data, lambda model: model.predict_proba(data["test_x"]))

    return Side(fit)


def _fitted(model: Any, data: Arrays, scores: Callable[[Any], Any]) -> Predict:
    model.fit(data["train_x"], data["train_y"])
    return lambda: np.asarray(scores(model).todense(), dtype=float)


def liblinear(data: Arrays, solver: int) -> Side:
    """LibMultiLabel's one-vs-rest with a bias, which takes a thread for each physical core that psutil counts."""
    import psutil
    from libmultilabel import linear
    from scipy import sparse

    psutil.cpu_count = lambda logical=True: 1
    x, y, test = (sparse.csr_matrix(data[name], dtype=float) for name in ("train_x", "train_y", "test_x"))

    def fit(tolerance: float | None = None) -> Predict:
        options = f"-s {solver} -B 1" + ("" if tolerance is None else f" -e {tolerance}")
        model = linear.train_1vsrest(y, x, options=options, verbose=False)
        return lambda: linear.predict_values(model, test)

    return Side(fit, refitted([lambda e=e: fit(e) for e in TOLERANCES]))


def pyldl(data: Arrays, name: str) -> Side:
    """Label enhancement: the degrees of the training rows. GLLE needs Keras' backend, which the environment sets."""
    from pyldl import algorithms

    made = getattr(algorithms, name)  # imports it

    def fit() -> Predict:
        np.random.seed(0)  # noqa: NPY002 - the package draws from it
        y = data["train_y"].astype(np.float64)
        model = made().fit(data["train_x"].astype(np.float64), y)
        return lambda: np.asarray(model.transform())

    return Side(fit)


SIDES: dict[str, Callable[[Arrays], Side]] = {
    "pytorch": pytorch,
    "sklearn-logistic": logistic,
    "sklearn-br": logistic,
    "sklearn-chain": chain,
    "sklearn-forest": forest,
    "libmultilabel-logistic": lambda data: liblinear(data, 0),
    "libmultilabel-svm": lambda data: liblinear(data, 1),
    "skmultilearn-mlknn": mlknn,
    "skmultilearn-brknn": brknn,
    "skmultilearn-rakeld": lambda data: rakel(data, overlapping=False),
    "skmultilearn-rakelo": lambda data: rakel(data, overlapping=True),
    "pyldl-glle": lambda data: pyldl(data, "GLLE"),
    "pyldl-lp": lambda data: pyldl(data, "LP"),
    "meka-br": lambda data: meka(data, "meka.classifiers.multilabel.BR"),
    "meka-rakel": lambda data: meka(
        data, "meka.classifiers.multilabel.RAkEL", "-M", str(2 * data["train_y"].shape[1]), "-k", "3"
    ),
}

if __name__ == "__main__":
    main(SIDES)
