"""Damaged inputs of every format that is read, the same ones every time; ``make fuzz`` goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.fuzz import Format, fault, formats

INPUTS = 60


@pytest.fixture(scope="module")
def every_format(tmp_path_factory: pytest.TempPathFactory) -> list[Format]:
    return formats(tmp_path_factory.mktemp("whole"))


def test_whole_files_are_read(every_format: list[Format], tmp_path: Path) -> None:
    for number, form in enumerate(every_format):
        path = tmp_path / str(number) / form.name
        path.parent.mkdir(parents=True)
        path.write_bytes(form.whole)
        form.read(path)


@pytest.mark.parametrize("seed", range(INPUTS))
def test_damaged_files_give_one_sentence_or_are_read(seed: int, every_format: list[Format], tmp_path: Path) -> None:
    for number, form in enumerate(every_format):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not fault(form, seed, folder), f"{form.name}, seed {seed}"
