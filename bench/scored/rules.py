"""Decisions of records: whose code computed them, and tables' values by them. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from msgspec import UNSET, UnsetType, structs

from bench.decisions.rule import FIXED, RULES, TARGETS, Target
from bench.plan.digests import code_digest
from bench.plan.states import JobState
from bench.records.record import Decided, Decisions


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
    return by_decisions(states, held_decisions(states), rule, target)


def held_decisions(states: Sequence[JobState]) -> list[Decisions | UnsetType]:
    """The decisions in each state's record; UNSET where there are none."""
    return [UNSET if state.record is None else state.record.decisions for state in states]


def by_decisions(
    states: Sequence[JobState], held: Sequence[Decisions | UnsetType], rule: str, target: Target | None = None
) -> list[JobState]:
    """:func:`by_rule` from decisions that are decoded already, for several rules in turn."""
    code = rule_codes()[rule]
    return [_by_rule(*one, rule, code, target) for one in zip(states, held, strict=True)]


@cache
def own_target(metric: str) -> Target:
    """The target that a metric is, by its key; Hamming loss where it is none."""
    return next((target for target in TARGETS if target.replace("-", "_") == metric), "hamming")


def _by_rule(
    state: JobState, decisions: Decisions | UnsetType, rule: str, code: str, target: Target | None
) -> JobState:
    record = state.record
    if state.state != "done" or record is None or record.result is None:
        return state
    if rule == FIXED and decisions is UNSET:
        return state
    found = _current(decisions, rule, code)
    if isinstance(found, str):
        return replace(state, state="stale", note=found, parts=("decisions",))
    decided = {metric: found[target or own_target(metric)].test[metric] for metric in found["hamming"].test}
    result = structs.replace(record.result, test={**record.result.test, **decided})
    return replace(state, record=structs.replace(record, result=result))


def _current(decisions: Decisions | UnsetType, rule: str, code: str) -> dict[str, Decided] | str:
    """Decisions by a rule; a sentence where there are none, or of other code."""
    again = "`python -m bench decide` computes them from kept scores"
    if decisions is UNSET or rule not in decisions.code:
        return f"no decisions by {rule}; {again}"
    if decisions.code[rule] != code:
        return f"the rule {rule} has changed since; {again}"
    if rule in decisions.faults:
        return f"the rule {rule} failed: {decisions.faults[rule]}"
    return decisions.rules[rule]
