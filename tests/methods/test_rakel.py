"""RAKEL: what its scores are made of, and that the global random state is left alone."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from bench import methods
from bench.methods import rakel
from bench.methods.api import Method
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
    partition = [labels for labels, _ in method.models]
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


def test_disjoint_sets_equal_scikit_multilearn() -> None:
    from skmultilearn.ensemble import RakelD

    train, test = random_split(80, 5, 7, seed=0), random_split(20, 5, 7, seed=1)
    _, scores = fitted()
    random.seed(3)
    reference = RakelD(GaussianNB(), base_classifier_require_dense=[True, True], labelset_size=3)
    reference.fit(train.x.numpy(), train.y.numpy())
    expected = np.asarray(reference.predict_proba(test.x.numpy()).todense())
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("base", [GaussianNB(), LogisticRegression()])
def test_a_powerset_equals_scikit_multilearn(base: ClassifierMixin, monkeypatch: pytest.MonkeyPatch) -> None:
    from skmultilearn.problem_transform import LabelPowerset

    monkeypatch.setattr(rakel, "ROWS_AT_ONCE", 7)
    train, test = random_split(80, 5, 4, seed=0), random_split(20, 5, 4, seed=1)
    x, y, rows = train.x.numpy(), train.y.numpy(), test.x.numpy()
    ours, theirs = rakel.LabelPowerset(clone(base), x, y), LabelPowerset(clone(base), require_dense=[True, True])
    theirs.fit(x, y)
    np.testing.assert_allclose(ours.probabilities(rows), theirs.predict_proba(rows).toarray(), atol=1e-12)
    assert np.array_equal(ours.predicted(rows), theirs.predict(rows).toarray())


@pytest.mark.parametrize("base", ["gaussian_nb", "logistic"])
def test_overlapping_sets_are_distinct_and_scores_are_vote_shares(base: str) -> None:
    method, scores = fitted(variant="overlapping", base=base)
    subsets = [tuple(labels) for labels, _ in method.models]
    assert len(subsets) == len(set(subsets)) == 14
    sets_with_label = np.bincount([label for labels in subsets for label in labels], minlength=7)
    share = scores.numpy() * np.maximum(sets_with_label, 1)
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
        "import torch\n"
        "from bench import methods\n"
        "from tests.conftest import problem_of, random_split\n"
        "split = random_split(60, 5, 9, seed=0)\n"
        "for _ in range(2):\n"
        "    model = methods.create('RAKEL', problem_of(split))\n"
        "    model.fit(split, 7)\n"
        "    print([sorted(map(int, labels)) for labels, _ in model.models])\n"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == second
