"""RAKEL: what its scores are made of, and that the global random state is left alone."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB

import methods
from methods.api import Method
from tests.conftest import problem_of, random_split


def fitted(**options: object) -> tuple[Method, torch.Tensor]:
    train = random_split(80, 5, 7, seed=0)
    method = methods.create("RAKEL", problem_of(train), **options)
    assert isinstance(method, Method)
    method.fit(train, seed=3)
    return method, method.scores(random_split(20, 5, 7, seed=1).x)


def test_disjoint_scores_are_summed_class_probabilities() -> None:
    """Re-derived: naive Bayes over each set's label combinations, probabilities summed over a label's classes."""
    method, scores = fitted()
    train, test = random_split(80, 5, 7, seed=0), random_split(20, 5, 7, seed=1)
    y = train.y.numpy()
    expected = np.zeros((20, 7))
    partition = method.model.classifier_.partition_
    assert sorted(label for labels in partition for label in labels) == list(range(7))
    assert max(len(labels) for labels in partition) == 3
    for labels in partition:
        combinations = ["".join(map(str, row)) for row in y[:, labels]]
        model = GaussianNB().fit(train.x.numpy(), combinations)
        probability = model.predict_proba(test.x.numpy())
        for position, label in enumerate(labels):
            containing = [i for i, name in enumerate(model.classes_) if name[position] == "1"]
            expected[:, label] = probability[:, containing].sum(1)
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("base", ["gaussian_nb", "logistic"])
def test_overlapping_sets_are_distinct_and_scores_are_vote_shares(base: str) -> None:
    method, scores = fitted(variant="overlapping", base=base)
    subsets = [tuple(labels) for labels, _ in method.models]
    assert len(subsets) == len(set(subsets)) == 14
    share = scores.numpy() * np.maximum(method.models_with_label, 1)
    np.testing.assert_allclose(share, share.round(), atol=1e-9)


def test_seed_decides_and_the_global_state_is_restored() -> None:
    random.seed(5)
    before = random.getstate()
    _, first = fitted()
    assert random.getstate() == before
    _, second = fitted()
    assert torch.equal(first, second)


def test_unknown_options_are_one_sentence() -> None:
    for options in ({"variant": "other"}, {"base": "tree"}, {"k": 0}):
        with pytest.raises(ValueError, match="RAKEL's"):
            fitted(**options)


def test_the_first_fit_of_a_process_is_as_every_other() -> None:
    """The first import of scikit-multilearn draws from the random module, which the sets of labels are drawn from."""
    program = (
        "import methods, torch\n"
        "from tests.conftest import problem_of, random_split\n"
        "split = random_split(60, 5, 9, seed=0)\n"
        "for _ in range(2):\n"
        "    model = methods.create('RAKEL', problem_of(split))\n"
        "    model.fit(split, 7)\n"
        "    print([sorted(map(int, labels)) for labels in model.model.classifier_.partition_])\n"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == second
