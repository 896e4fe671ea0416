"""Peers that come with the tests: what a package would do, in no time."""

from __future__ import annotations

import numpy as np

from perf.peers.handover import Arrays, Curve, Predict, Side, main


def centroid(data: Arrays) -> Side:
    """Scores of half the rows' mean feature, then of all, as a curve."""

    def fit() -> Predict:
        return lambda: data["test_x"] @ (data["train_x"].T @ (data["train_y"] - data["train_y"].mean(0)))

    def curve() -> Curve:
        yield 0.25, np.zeros(data["test_y"].shape)
        yield 0.5, fit()()

    return Side(fit, curve)


def broken(data: Arrays) -> Side:
    raise ValueError("this package wants other labels")


def endless(data: Arrays) -> Side:
    def fit() -> Predict:
        while True:
            pass

    return Side(fit)


if __name__ == "__main__":
    main({"centroid": centroid, "broken": broken, "endless": endless})
