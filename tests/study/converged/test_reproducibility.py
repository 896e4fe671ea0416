"""docs/reproducibility.md is what the committed records say, and its numbers are those of the records."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Cost, Failure, GridPoint, JobName, Record, Selected
from bench.records.store import Store
from bench.system import reading
from study.converged import reproducibility
from study.converged.parts import FOLDER, PARTS, SUBSET, Part
from study.runs import readable
from tests import records

GRID: list[dict[str, Any]] = [
    {"learning_rate": rate, "weight_decay": decay} for rate in (1e-3, 1e-2) for decay in (0.1, 1.0)
]


def record(dataset: str, variant: str = "BCE", seed: int = 0, seconds: float = 60.0, chosen: int = 3) -> Record:
    """A job of four grid points; the chosen one kept its 40th of 40 epochs where it is the last."""
    name, _, extractor = dataset.partition("@")
    points = [GridPoint(values, 40 if values is GRID[3] else 20, None, None, None) for values in GRID]
    selected = Selected(chosen, points[chosen].epoch, GRID[chosen])
    result = records.result({"hamming": 0.2}, grid=points, selected=selected, epochs=40)
    made = records.record(JobName(name, extractor or "npz", variant, seed), result, cost=Cost(seconds=seconds))
    environment = {"processor": "P", "cores": 2, "device": "cpu (waiting)", "system": "S", "python": "3", "commit": "c"}
    return replace(made, environment=environment)


def failed(dataset: str, message: str) -> Record:
    made = record(dataset, "HGB", seconds=30.0)
    return replace(made, status="failed", result=None, failure=Failure("ValueError", f"{message}\nand more"))


def test_the_page_is_the_committed_one() -> None:
    written = reproducibility.PAGE.read_text(encoding="utf-8")
    expected = reproducibility.page(readable(Store(FOLDER)), reproducibility.beside())
    assert written == expected, "run python -m study.converged.reproducibility"


def test_a_job_counts_in_the_first_part_that_has_it() -> None:
    parts = [
        Part("first", ["a[fold=1/5]", "b@words"], range(1), ["BCE"]),
        Part("second", ["b@words", "b@words[noise=10%]", "a[fold=1/5]"], range(2), ["BCE", "HGB"]),
        Part("never", ["c"], range(1), ["BCE"]),
    ]
    made = [
        record("a[fold=1of5]", seconds=100.0),
        record("b@words", seconds=10.0),
        record("b@sentences", seconds=5.0),
        record("b[noise=10%]@words", seed=1, seconds=3.0),
        replace(failed("a[fold=1of5]", "no rows"), cost=Cost(seconds=2.0)),
    ]
    found = reproducibility.costs(parts, made)
    assert [(one.name, one.jobs, one.done, one.failed, one.seconds) for one in found] == [
        ("first", 2, 2, 0, 110.0),
        ("second", 3 * 2 * 2 - 2, 1, 1, 5.0),
        ("never", 1, 0, 0, 0.0),
        ("in no part", 1, 1, 0, 5.0),
    ]
    table = reproducibility.parts_table(found)
    hours = f"{sum(one.cost.seconds for one in made) / 3600:.2f}"
    assert [cell.strip() for cell in table.splitlines()[-3].split("|")[1:-1]] == ["all", "14", "4", "1", hours]
    assert table.endswith("\nNot run, with their jobs: never (1).\n")


def test_budgets_are_what_jobs_tried() -> None:
    one, two, three = record("a", seconds=10.0), record("a", seed=1, seconds=30.0), record("a", "LR")
    assert three.result is not None
    alone = replace(three, result=replace(three.result, grid=three.result.grid[:1], selected=Selected(0, 20, GRID[0])))
    first, second = reproducibility.budgets([two, one, alone, failed("a", "no rows")])
    assert (first.variant, first.points, first.jobs, first.seconds) == ("BCE", [4], 2, 20.0)
    assert first.searched == {"learning_rate": [1e-3, 1e-2], "weight_decay": [0.1, 1.0]}
    assert (second.variant, second.points) == ("LR", [1])
    assert reproducibility.choices([one, two, alone]) == {  # LR has nothing to choose from
        "learning_rate": Counter({1e-3: 0, 1e-2: 2}),
        "weight_decay": Counter({0.1: 0, 1.0: 2}),
    }
    assert "| 0.001 in 0, 0.01 in 2 |" in reproducibility.chosen_table(reproducibility.choices([one, two]))


def test_sets_are_told_with_their_folds_and_regimes() -> None:
    made = [record("a[fold=1of5]"), record("a[fold=2of5]", "LR"), record("b@words", seed=2), record("b@words")]
    folded, whole = reproducibility.used(made)
    assert (folded.name, folded.forms, folded.variants, folded.seeds) == ("a@npz", ["[fold=1of5]", "[fold=2of5]"], 2, 1)
    assert (whole.name, whole.forms, whole.variants, whole.seeds) == ("b@words", [""], 1, 2)
    assert folded.n_samples == records.SAMPLES


def test_the_whole_page_has_the_sums_of_its_records() -> None:
    made = [record("a", seconds=3600.0), record("a", "LR", seconds=5400.0, chosen=0), failed("a", "no rows")]
    page = reproducibility.page(made, {"adamw": made[:1]})
    hours = sum(one.cost.seconds for one in made) / 3600
    assert f"3 jobs (1 failed), each of a data set, a method and a seed; {2 * len(GRID)} models fitted" in page
    assert f"{hours:.1f} hours of computing" in page
    assert "The epoch that validation Hamming loss keeps is among the last 5 % in 1 of 2 jobs (50.0%)." in page
    assert "\n- HGB on a@npz: no rows.\n" in page
    assert "Beside these: 1 job in `results/study/adamw` (1.0 hours)." in page
    assert "P, 2 cores, cpu, S" in page
    # Of the jobs of the subset, none of which is these, and of those on a GPU.
    assert page.count(reproducibility.NONE_YET.strip()) == 2


def test_jobs_on_a_gpu_are_compared_with_the_same_jobs_alone() -> None:
    metrics = {metric.key: 0.2 for metric in PAPER_METRICS}
    here = [replace(record("a", variant), result=records.result(metrics)) for variant in ("BCE", "FLEM-D")]
    other = records.result({**metrics, "average_precision": 0.2001})
    on_card = {"device": "cuda: a card"}
    there = [
        replace(one, result=result, environment=on_card)
        for one, result in zip([*here, record("b")], [here[0].result, other, other], strict=True)
    ]
    said = reproducibility.again(here, there)
    assert said.startswith("2 jobs on 1 set, on cuda: a card, ")
    assert "1 have the same results byte for byte, 1 in the four printed digits of all metrics, all of BCE" in said
    assert [line.split("|")[1].strip() for line in said.splitlines() if "|" in line][2:] == ["BCE", "FLEM-D"]


def test_the_subset_has_its_own_jobs_alone() -> None:
    part = SUBSET[-1]
    name = f"{dataset_name(part.datasets[0])}@npz"
    made = [record(name, part.methods[0], seconds=90.0), record("other", seconds=1000.0)]
    planned = {(dataset, method) for part in SUBSET for dataset in part.datasets for method in part.methods}
    assert reproducibility.subset(made) == (
        f"Of the {len(planned)} jobs that it compares, 1 are among the records, for which they took 2 min of computing."
    )


def test_without_records_no_number_is_told() -> None:
    page = reproducibility.page([], {})
    computed = re.findall(r"(?<!\{)\{\w+\}", reproducibility.TEMPLATE.read_text(encoding="utf-8"))
    assert (
        page.count(reproducibility.NONE_YET.strip()) == len(computed) - 2
    )  # where the data come from is told, other folders are none
    assert "No job of the committed records failed" not in page


def test_every_set_of_the_study_has_a_source() -> None:
    told = reading.toml(Path(reproducibility.SOURCES))
    names = {reproducibility.base_of(spec) for part in PARTS for spec in part.datasets}
    assert names <= set(told)
    table = reproducibility.sources_table()
    assert all(f"| {name} " in table for name in names)
    assert {entry["files"] for entry in told.values()} == set(reproducibility.FILES)


@pytest.mark.parametrize("spec", ["Reuters@minilm-l6-v2[observed=1]", "Reuters[observed=1]@minilm-l6-v2", "Reuters"])
def test_names_of_one_set_are_one(spec: str) -> None:
    assert reproducibility.base_of(spec) == "Reuters"
