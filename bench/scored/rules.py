"""Decisions of records: whose code computed them, and tables' values by them. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import UNSET, structs

from bench.decisions.rule import FIXED, RULES, TARGETS, Target
from bench.plan.digests import code_digest
from bench.plan.states import JobState
from bench.records.record import Decided, Record


def rule_codes() -> dict[str, str]:
    """{rule: digest of its code, imports included}."""
    return {
        name: code_digest(component.module, None if component.built_in else component.path)
        for name, component in RULES.components().items()
    }


def by_rule(states: Sequence[JobState], rule: str, target: Target | None = None) -> list[JobState]:
    """The states as if the records' test metrics were of the decisions by a rule.

    One whose record holds none, or those of other code of the rule, is stale and says what to do.

    Parameters
    ----------
    target: what the rule maximises; None: each metric for itself, those that are no target for Hamming loss.

    Raises
    ------
    UsageError: for an unknown rule.
    """
    RULES.component(rule)
    code = rule_codes()[rule]
    return [_by_rule(state, rule, code, target) for state in states]


def own_target(metric: str) -> Target:
    """The target that a metric is, by its key; Hamming loss where it is none."""
    return next((target for target in TARGETS if target.replace("-", "_") == metric), "hamming")


def _by_rule(state: JobState, rule: str, code: str, target: Target | None) -> JobState:
    record = state.record
    if state.state != "done" or record is None or record.result is None:
        return state
    if rule == FIXED and record.decisions is UNSET:
        return state
    found = _current(record, rule, code)
    if isinstance(found, str):
        return replace(state, state="stale", note=found, parts=("decisions",))
    decided = {metric: found[target or own_target(metric)].test[metric] for metric in found["hamming"].test}
    result = structs.replace(record.result, test={**record.result.test, **decided})
    return replace(state, record=structs.replace(record, result=result))


def _current(record: Record, rule: str, code: str) -> dict[str, Decided] | str:
    """A record's decisions by a rule; a sentence where there are none, or of other code."""
    again = "`python -m bench decide` computes them from kept scores"
    if record.decisions is UNSET or rule not in record.decisions.code:
        return f"no decisions by {rule}; {again}"
    if record.decisions.code[rule] != code:
        return f"the rule {rule} has changed since; {again}"
    if rule in record.decisions.faults:
        return f"the rule {rule} failed: {record.decisions.faults[rule]}"
    return record.decisions.rules[rule]
