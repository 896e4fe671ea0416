"""One's own records among committed ones: which counts, and the notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.board.among_reference import among, cells
from bench.plan.states import JobState
from bench.records.record import JobName
from tests import records


def state(
    variant: str, seed: int = 0, data: str = "d", processor: str = "P", dataset: str = "s", **more: Any
) -> JobState:
    record = records.record(
        JobName(dataset, "npz", variant, seed), records.result({"hamming": 0.2}), key={"data": data}
    )
    record = replace(record, environment={"processor": processor})
    return JobState(record.job, more.pop("state", "done"), record=record, **more)


def test_rows_of_ones_own_stand_beside_the_committed_ones() -> None:
    reference = [state("BCE"), state("FL")]
    found = among([state("Hinge")], reference)
    assert found.states == [state("Hinge"), *reference]
    assert found.own_rows == ["Hinge"]
    assert found.notes(found.states, "mine") == ["Rows of your own (mine): Hinge; the others are the reference's."]


def test_of_the_same_cell_ones_own_counts_and_is_named() -> None:
    mine = state("BCE", processor="Q")
    found = among([mine], [state("BCE"), state("BCE", 1), state("FL"), state("FL", 1)])
    assert [one for one in found.states if one.job.variant == "BCE"] == [mine]  # no mean over both
    assert found.own_rows == []
    notes = found.notes(found.states, "mine")
    assert notes[0] == "Your own in place of the reference's: BCE on s (seed 0)."
    assert notes[1] == "Not over the same seeds: yours 0, the reference's 0, 1 (s)."
    assert notes[2].startswith("Yours were computed on Q, the reference's on P: ")


def test_of_a_stale_one_the_committed_is_shown_and_said() -> None:
    stale = state("BCE", state="stale", note="method changed since")
    found = among([stale, state("Hinge")], [state("BCE")])
    assert [one.state for one in found.states] == ["done", "done"]
    assert found.notes(found.states, "mine")[1] == (
        "The reference's in place of your own, which are not current (method changed since): BCE on s (seed 0)."
    )


def test_a_stale_one_that_nothing_stands_in_for_is_shown_as_stale() -> None:
    stale = state("Hinge", state="stale", note="its variant changed since")
    assert among([stale], [state("BCE")]).states[0] == stale


def test_committed_records_of_other_arrays_of_the_same_name_are_stale() -> None:
    found = among([state("Hinge", data="mine")], [state("BCE"), state("BCE", dataset="t")])
    by_set = {one.job.dataset: one for one in found.states if one.job.variant == "BCE"}
    assert (by_set["s"].state, by_set["s"].note) == ("stale", "its data are not those of your own records")
    assert by_set["t"].state == "done"


def test_notes_are_of_what_is_shown() -> None:
    found = among([state("Hinge"), state("Hinge", dataset="t")], [state("BCE")])
    assert found.notes([state("BCE")], "mine") == ["None of these records is of mine."]


def test_many_cells_are_counted() -> None:
    jobs = [JobName("s", "npz", f"M{number}", seed) for number in range(10) for seed in (1, 0)]
    assert cells(jobs).startswith("M0 on s (seeds 0, 1), ")
    assert cells(jobs).endswith(" and 2 more")


def test_a_row_that_the_reference_has_on_other_sets_is_no_row_of_ones_own() -> None:
    found = among([state("BCE", dataset="t")], [state("BCE")])
    assert found.own_rows == []
    assert (
        found.notes(found.states, str(Path("mine")))[0] == "Your own, which the reference has not: BCE on t (seed 0)."
    )
