"""The list of seeded changes applies to the code as it is; whether tests notice them, ``make mutants`` says."""

from __future__ import annotations

import pytest

from tests.mutation.run import ROOT, Mutant, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=str)
def test_it_changes_one_place(mutant: Mutant) -> None:
    assert mutant.times == 1, "its text stands there another number of times; edit tests/mutation/mutants.toml"
    assert mutant.old != mutant.new
    assert all((ROOT / name.partition("::")[0]).is_file() for name in mutant.tests)


def test_no_change_is_there_twice() -> None:
    assert len({(one.file, one.old, one.new) for one in mutants()}) == len(mutants()) > 65
