"""A method that ends its process costs its own probe and no other."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bench.plan import probes


class Ends(probes._Work):
    """Computes nothing, and ends its process at one of the requests."""

    def __call__(self, number: int) -> Any:
        if "ends" in self.parts[number]:
            os._exit(0)
        return {key: ({"x": 1.0}, False) for key in self.parts[number]}


def test_a_method_that_ends_its_process_has_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_Work", Ends)
    asked: Any = {"first": None, "ends": None, "last": None}
    assert probes._computed(asked) == {"first": ({"x": 1.0}, False), "last": ({"x": 1.0}, False)}
