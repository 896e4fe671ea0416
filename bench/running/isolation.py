"""Isolation of jobs: methods that do not come with the harness have a process of their own. Imports no torch."""

from __future__ import annotations

from bench import methods
from bench.backbones import BACKBONES
from bench.plan.jobs import Job

SHIPPED = {
    "assume_negative", "asymmetric", "asymmetric_polynomial", "balanced_softmax", "bce", "binary_relevance", "brknn",
    "class_balanced", "classifier_chains", "conle", "distribution_balanced", "entropy_maximisation",
    "expected_positives", "flem", "focal", "fuzzy_clustering", "glle", "gradient_boosting", "hill",
    "kernel_membership", "label_propagation", "label_smoothing", "large_loss", "leic", "levi", "lible", "linear_svm",
    "manifold_learning", "masked_bce", "mlknn", "prototypes", "rakel", "random_forest", "rebalanced_focal", "role",
    "smile", "splc", "two_way", "valen",
}  # fmt: skip
"""Files of ``methods/`` that come with the harness; others have a process of their own."""


def is_shipped(base: str) -> bool:
    """True of a method that comes with the harness, or a trivial baseline."""
    info = methods.infos().get(base)
    return info is None or (info.origin == "built-in" and info.file is not None and info.file.stem in SHIPPED)


def own_process(job: Job) -> bool:
    """True of a job whose process is not to run others: foreign code may leave global settings changed, or end it."""
    return not (is_shipped(job.base) and BACKBONES.component(job.backbone.name).built_in)
