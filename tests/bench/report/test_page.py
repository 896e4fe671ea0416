"""The page: what it says first, that it fits its screen, and that a reader finds every number and where it is from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from bench import config
from bench.analysis.paper_comparison import comparison_frame
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.states import JobState
from bench.protocol import Protocol
from bench.records.record import Curves, GridPoint, JobName, Manifest, Record, Selected
from bench.report.figures import Material
from bench.report.page import page
from bench.report.page.details import details
from bench.report.page.tables import RankedBy, shown_tables
from bench.tables.comparison import comparison
from bench.tables.table import Style
from tests import records

CONFIG = config.load()
METHODS, SETS, SEEDS = 40, 40, 3
LARGEST = 2 * 2**20
"""Bytes of a page."""
SCREENS = [(390, 844), (768, 1024), (1280, 800), (1920, 1080)]
SCHEMES = ("light", "dark")


def record_of(job: JobName, quality: float, draw: np.random.Generator, epochs: int = 30) -> Record:
    """A record whose metrics lie about ``quality``, with curves."""
    losses = (quality + draw.random(epochs) * 0.1 + np.linspace(0.2, 0, epochs)).tolist()
    test: Any = {metric.key: float(quality + draw.normal() * 0.002) for metric in PAPER_METRICS}
    point = GridPoint({}, epochs, None, test, test, Curves(losses, losses))
    result = records.result(test, grid=[point], selected=Selected(0, epochs, {}), epochs=epochs)
    key = {"data": f"data of {job.full_dataset}", "method": f"code of {job.variant}", "seed": job.seed}
    return records.record(job, result, base="BCE", key=key, cost=records.A_SECOND)


def states_of(methods: list[str], sets: list[str], seeds: int) -> list[JobState]:
    draw = np.random.default_rng(0)
    jobs = [JobName(name, "npz", method, seed) for name in sets for method in methods for seed in range(seeds)]
    qualities = {method: 0.2 + 0.005 * place for place, method in enumerate(methods)}
    return [
        JobState(job, "done", record=record_of(job, qualities[job.variant], draw), path=path_of(job)) for job in jobs
    ]


def path_of(job: JobName) -> Path:
    return Path("results/runs") / job.full_dataset / job.variant / f"seed-{job.seed}.json"


def material_of(states: list[JobState], methods: list[str]) -> Material:
    sets = list(dict.fromkeys(state.job.full_dataset for state in states))
    manifest = Manifest(datasets=sets, variants=methods, seeds=sorted({state.job.seed for state in states}))
    tables = [
        comparison(states, metric, CONFIG, manifest, methods, Style(rank_extra=True)) for metric in PAPER_METRICS
    ]
    return Material(states, tables, methods, comparison_frame([], {}), manifest)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty own methods on forty sets, three seeds each."""
    methods = [f"[ours] method {place:02}" for place in range(METHODS)]
    states = states_of(methods, [f"a set of number {place:02}" for place in range(SETS)], SEEDS)
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(material_of(states, methods), CONFIG, "results/runs", methods[0], []))
    return path
