"""The structure of MATLAB files: what SciPy writes passes, and what would crash its reader does not reach it."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from bench.errors import UsageError
from bench.system import reading
from bench.system.matlab_format import checked_variables

VARIABLES = {
    "double": np.arange(12.0).reshape(4, 3),
    "small": np.eye(4, 3, dtype=np.int8),
    "truth": np.array([[True, False]]),
    "complex": np.ones((2, 2)) + 1j,
    "sparse": scipy.sparse.csc_matrix(np.eye(3)),
    "text": "h\xe9llo",
    "empty": np.zeros((0, 3)),
    "cell": np.array([["a", np.ones(2)]], dtype=object),
    "struct": {"field": np.ones((2, 2)), "inner": {"x": 1}},
}


def written(compressed: bool = False, **variables: object) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables or VARIABLES, do_compression=compressed)
    return stream.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_every_class_of_variable_is_read(tmp_path: Path, compressed: bool) -> None:
    raw = written(compressed)
    assert checked_variables(raw, 2**20) == list(VARIABLES)
    (tmp_path / "a.mat").write_bytes(raw)
    found = reading.matlab(tmp_path / "a.mat")
    assert found.keys() == VARIABLES.keys()
    np.testing.assert_array_equal(found["double"], VARIABLES["double"])
    np.testing.assert_array_equal(found["complex"], VARIABLES["complex"])


DAMAGES = {
    "complex without an imaginary part": (145, 0x08, "do not fit its class"),
    "name of an unknown type": (168, 99, "lacks its flags, dimensions or name"),
    "numbers of the type of a matrix": (184, 14, "do not fit its class"),
    "numbers of no type": (184, 0, "do not fit its class"),
    "numbers of a type beyond the table": (184, 100, "do not fit its class"),
    "more numbers than there are": (189, 9, "longer than what it is in"),
    "another order of bytes": (127, 0, "order of bytes|Unknown mat file type"),
}
"""(place, byte, sentence); most of them end the process in SciPy's reader."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_elements_that_do_not_fit_are_refused(tmp_path: Path, damage: str) -> None:
    place, byte, sentence = DAMAGES[damage]
    raw = bytearray(written(features=np.arange(12.0).reshape(4, 3)))
    raw[place] = byte
    (tmp_path / "a.mat").write_bytes(raw)
    with pytest.raises(UsageError, match=sentence):
        reading.matlab(tmp_path / "a.mat")


def test_what_is_too_large_or_torn_is_refused() -> None:
    raw = written(True, x=np.zeros(10000))
    with pytest.raises(ValueError, match="too large or torn"):
        checked_variables(raw, 1000)
    for end in range(130, len(raw) - 1, 7):
        with pytest.raises(ValueError, match=r"torn|longer than|within"):
            checked_variables(raw[:end], 2**20)


def test_cells_in_cells_have_an_end() -> None:
    cell: object = np.ones(1)
    for _ in range(30):
        box = np.empty((1, 1), dtype=object)
        box[0, 0] = cell
        cell = box
    with pytest.raises(ValueError, match="nested too deeply"):
        checked_variables(written(cell=cell), 2**20)


def test_random_damage_is_one_sentence_or_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    whole = written()
    for _ in range(300):
        raw = bytearray(whole)
        for place in random.integers(124, len(raw), random.integers(1, 4)):
            raw[place] = random.integers(256)
        (tmp_path / "a.mat").write_bytes(raw)
        with suppress(UsageError):
            reading.matlab(tmp_path / "a.mat")
