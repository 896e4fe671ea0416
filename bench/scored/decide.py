"""Decision rules on kept scores: fitted on validation data, measured on test data."""

from __future__ import annotations

from math import isclose
from pathlib import Path

import numpy as np
import torch
from msgspec import UNSET, UnsetType, structs

from bench.decisions.candidates import forget_cuts
from bench.decisions.rule import FIXED, RULES, TARGETS, Fit, Target, in_short, rule_named
from bench.errors import UsageError
from bench.metrics import measuring
from bench.metrics.evaluation import Evaluation
from bench.records.artifacts import SCORES, KeptScores, Scored, kept_file, read_scores
from bench.records.locks import claimed
from bench.records.record import Decided, Decisions, JobName, Metrics, Record, Result, as_json
from bench.records.store import Store
from bench.scored.rules import rule_codes
from bench.system.reading import in_short as error_in_short


def decisions_of(kept: KeptScores) -> Decisions | UnsetType:
    """Every rule for every target; nothing without validation scores.

    A rule that fails, or whose decisions are no [N, c] bool, has a fault and stops nothing else.
    """
    if kept.val is None:
        return UNSET
    val = Scored(_read_only(kept.val.scores), _read_only(kept.val.y))
    rules: dict[str, dict[str, Decided]] = {}
    faults: dict[str, str] = {}
    for name, component in RULES.components().items():
        try:
            rules[name] = _of_rule(rule_named(name), component.settings.get("BY_TARGET", True), kept, val)
        except (Exception, SystemExit) as error:  # a rule of one's own may fail in any way
            rules[name] = {}
            reason = error_in_short(error) if isinstance(error, Exception) else str(error)
            faults[name] = f"{type(error).__name__}: {reason}"
    forget_cuts()
    return Decisions(rule_codes(), rules, faults)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _of_rule(fit: Fit, by_target: bool, kept: KeptScores, val: Scored) -> dict[str, Decided]:
    if not by_target:
        return dict.fromkeys(TARGETS, _for_target(fit, "hamming", kept, val))
    return {target: _for_target(fit, target, kept, val) for target in TARGETS}


def _for_target(fit: Fit, target: Target, kept: KeptScores, val: Scored) -> Decided:
    decide = fit(val.y, val.scores, target, kept.threshold)
    predicted = decide(kept.scores)
    if predicted.shape != kept.y.shape or predicted.dtype != bool:
        raise ValueError(
            f"it decides {predicted.dtype} {list(predicted.shape)} of scores {list(kept.y.shape)}, not bool of them"
        )
    return Decided(decision_metrics(kept, predicted), in_short(decide))


def decision_metrics(kept: KeptScores, predicted: np.ndarray) -> Metrics:
    """The metrics that depend on decisions, of labels predicted for the test instances, [N, c] bool."""
    y, scores, decisions = (torch.from_numpy(array) for array in (kept.y, kept.scores, predicted))
    return measuring.decision_metrics(Evaluation(y, scores, kept.threshold, decisions=decisions))


def decide_again(store: Store) -> tuple[list[JobName], dict[JobName, str]]:
    """Compute the decisions of every record that is done from its kept scores, and write them into it.

    Returns
    -------
    The jobs whose records were written, and why those of others were not.
    """
    written: list[JobName] = []
    reasons: dict[JobName, str] = {}
    for path, record in store.records():
        if not isinstance(record, Record) or record.result is None:
            continue
        file = kept_file(record, path, SCORES)
        if file is None:
            reasons[record.job] = "its scores were not kept"
            continue
        try:
            kept = read_scores(file)
            _check_rows(kept, record.result, file.path)
        except UsageError as error:
            reasons[record.job] = str(error)
            continue
        if kept.val is None:
            reasons[record.job] = "its kept scores are of the test split alone"
            continue
        with claimed(store, record.job) as claim:
            if claim is None:
                reasons[record.job] = "a run is at it"
                continue
            store.write(structs.replace(record, decisions_json=as_json(decisions_of(kept))))
        written.append(record.job)
    return written, reasons


def _check_rows(kept: KeptScores, result: Result, path: Path) -> None:
    """Refuse scores that are not those of the result: of other rows, or with other labels."""
    rows = {"test": kept, "val": kept.val}
    for split, part in rows.items():
        expected = [result.n_samples.get(split), result.n_labels]
        if part is not None and list(part.y.shape) != expected:
            raise UsageError(f"{path} is of {list(part.y.shape)} {split} labels, its record of {expected}")
    found = decision_metrics(kept, rule_named(FIXED)(kept.y, kept.scores, "hamming", kept.threshold)(kept.scores))
    for metric, value in found.items():
        known = result.test.get(metric)
        if value is not None and known is not None and not isclose(value, known, abs_tol=1e-9):
            raise UsageError(
                f"{path} gives the {metric} {value:.6f}, its record says {known:.6f}: other scores or labels"
            )
