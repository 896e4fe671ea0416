"""docs/scaling.md from perf/results*.json, the committed records and the cost model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from bench import config as configuration
from bench.config import effective_protocol
from bench.datasets.catalog import Source
from bench.datasets.shape import Shape
from bench.job.recipe import recipe
from bench.plan.costs import TYPICAL, CostModel, recorded_shape, time_on
from bench.plan.jobs import Job
from bench.plan.variants import chosen_variants
from bench.records.record import JobName
from bench.system import reading, writing
from bench.tables.paper import dataset_facts
from bench.text import duration
from perf import growth_page
from perf.cost_model import checked, computed, sample
from perf.gpu.page import RESULTS as GPU_RESULTS
from perf.gpu.page import total_seconds
from perf.stored import read
from perf.summary import measured_on, short_name

PAGE = Path(__file__).parent.parent / "docs/scaling.md"
PAPER_SETS = ("AAPD", "Reuters", "VOC07", "VOC12", "COCO14", "COCO17", "CUB", "NUS")
MACHINES = (
    ("a laptop, 2 cores", 2),
    ("a machine of 16 cores", 16),
    ("a cluster of 10 nodes of 16 cores", 160),
)
SEEDS = 5


def write(everywhere: Sequence[Mapping[str, Any]]) -> None:
    """Write the page from what each processor has measured, the committed records and the cost model."""
    lines = [
        "<!-- Written by `python -m perf --page` (perf/scaling_page.py). -->",
        "# Scaling",
        "",
        "How seconds grow, what a job costs, what a full run of the paper needs, and how a run is spread over processes and machines. Written",
        "from what `python -m perf.growth` and `python -m perf runner` measured, the committed records, and the cost model that",
        "`bench run --dry-run`, the order of jobs and `bench doctor` use.",
        "",
        *growth_page.section(everywhere),
        *_model(),
        *_paper(),
        *_runner(everywhere),
        TEXT,
    ]
    writing.write(PAGE, "\n".join(lines).encode())


def _model() -> list[str]:
    known = sample()
    processors = sorted({record.environment["processor"] for record in known})
    typical = reading.json(TYPICAL)
    terms = list(dict.fromkeys(term for values in typical.values() for term in values))
    lines = [
        "## The cost model",
        "",
        "A job's seconds are a sum of non-negative terms (`bench/plan/costs.py`): optimiser steps (in thousands; a stack of grid",
        "points steps together), weights of all points times steps or, without training, times rows (in 1e9), and pairs of",
        f"training rows with all rows (in 1e8). Coefficients come from {len(known)} committed records",
        f"({', '.join(processors)}), by non-negative least squares on relative errors (`python -m perf.cost_model`):",
        "",
        f"| method | {' | '.join(terms)} |",
        f"|---|{'---:|' * len(terms)}",
    ]
    for method, values in typical.items():
        lines.append(f"| {method} | {' | '.join(f'{values[term]:g}' if term in values else '' for term in terms)} |")
    lines += [
        "",
        "Records of the results folder then correct it: by what the same row took on the same set, else by what the method",
        "took compared with the model, else by what all records did. Seeds are jobs of their own: twice the seeds take twice",
        "the time. Peak memory is a sum of a process with torch, three copies of the data, fifty of a stack's weights and,",
        "for GLLE and LP, three of all pairs of training rows.",
        "",
        "Forecast over measured, for the committed classification records of both kinds of processor; coefficients are fitted",
        "without the record's data set:",
        "",
        "| forecast | records | median | 10 % to 90 % | within a factor of 2 | rank correlation |",
        "|---|---:|---:|---:|---:|---:|",
        *(_errors(what, np.array(pairs)) for what, pairs in checked().items()),
        "",
    ]
    return lines


def _errors(what: str, pairs: np.ndarray) -> str:
    ratios = pairs[:, 0] / pairs[:, 1]
    low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
    within = np.mean((ratios >= 0.5) & (ratios <= 2))
    ranks = spearmanr(pairs).statistic
    return f"| {what} | {len(ratios)} | {middle:.2f} | {low:.2f} to {high:.2f} | {within:.0%} | {ranks:.2f} |"


def _paper() -> list[str]:
    settings = configuration.load()
    model = CostModel([], gpu=False)
    rows = chosen_variants(settings, None)
    shapes = {name: _printed_shape(name) for name in PAPER_SETS}
    fitted_rows = max(recorded_shape(computed(record)).train for record in sample())
    beyond = max(shape.train for shape in shapes.values()) / fitted_rows
    lines = [
        "## A full run of the paper",
        "",
        f"Tables 2 to 5 with the {len(rows)} rows that run by default, one seed, by the model (nothing of it was run: the",
        "eight data sets in the paper's features are not here). Hours of one core, and the largest jobs. Table 1 has up to",
        f"{beyond:.0f} times the rows that the model was fitted to.",
        "",
        "| data set | all methods | longest job | | largest memory |",
        "|---|---:|---:|---|---:|",
    ]
    every: list[float] = []
    for name, shape in shapes.items():
        found = {}
        for row in rows:
            made = recipe(row)
            protocol = effective_protocol(settings.protocols["paper"], row)
            job = Job(
                name=JobName(name, "x", row.name, 0), base=row.base, protocol=protocol,
                points=tuple(made.points), grid_names=(), gradient=made.info.gradient,
                source=Source(name, "x", "paper", (), ""), key={},
            )  # fmt: skip
            found[row.name] = model.forecast(job, shape)
        longest = max(found, key=lambda row: found[row].seconds)
        largest = max(forecast.memory_bytes for forecast in found.values())
        total = sum(forecast.seconds for forecast in found.values())
        lines.append(
            f"| {name} | {duration(total)} | {duration(found[longest].seconds)} | {longest} | {largest / 2**30:.1f} GiB |"
        )
        every += [forecast.seconds for forecast in found.values()]
    lines += [
        "",
        "With longest jobs first and one thread a job:",
        "",
        f"| on | one seed | {SEEDS} seeds |",
        "|---|---:|---:|",
    ]
    for machine, cores in MACHINES:
        spans = [time_on(cores, sorted(every * seeds, reverse=True)) for seeds in (1, SEEDS)]
        lines.append(f"| {machine} | {duration(spans[0])} | {duration(spans[1])} |")
    return [
        *lines,
        "",
        *_on_gpus(),
        "Several GPUs: not measured. Jobs are spread over all of them, one a device, more where measured peaks allow; records made on",
        "a GPU then correct the forecasts of that folder.",
        "",
    ]


def _on_gpus() -> list[str]:
    cards = read(GPU_RESULTS)
    return [
        f"One {card}: {duration(total_seconds(found['tables']))} a seed without RAKEL, scaled from two epochs "
        "([performance.md](performance.md))."
        for card, found in cards.items()
    ]


def _printed_shape(name: str) -> Shape:
    facts = {key: int(value) for key, value in dataset_facts(name).items() if value.isdigit()}
    return Shape(facts["N_train"], facts["N_val"] + facts["N_test"], facts["D_features"], facts["L_labels"])


def _runner(everywhere: Sequence[Mapping[str, Any]]) -> list[str]:
    found = {short_name(results): results["runner"] for results in everywhere if "runner" in results}
    if not found:
        return []
    lines = [
        "## The runner itself",
        "",
        "| what | " + " | ".join(f"{processor}, {measured_on(runner)}" for processor, runner in found.items()) + " |",
        "|---|" + "---:|" * len(found),
    ]
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "a job that does nothing (claim, load yeast, evaluate, write), one process": lambda one: (
            f"{one['empty_job_ms']['1']:.0f} ms"
        ),
        "the same, each of two processes": lambda one: f"{one['empty_job_ms']['2']:.0f} ms",
        "plan and read 5000 records (`run --dry-run`, start of Python included)": lambda one: (
            f"{one['plan_and_read_s']:.1f} s"
        ),
        "`bench status` of them": lambda one: f"{one['status_s']:.1f} s",
        "`bench table` of them": lambda one: f"{one['table_s']:.1f} s",
        "`bench report` of them": lambda one: f"{one['report_s']:.1f} s",
        "12 similar jobs, two processes against one, in turns": lambda one: (
            "{median:.2f}x ({lowest:.2f} to {highest:.2f})".format(**one["two_processes_against_one"])
        ),
    }
    lines += [f"| {what} | " + " | ".join(map(shown, found.values())) + " |" for what, shown in rows.items()]
    return [*lines, ""]


TEXT = """## Spreading a run

- **One machine.** `--jobs auto` takes as many processes as the cores hold (one thread a job, for torch, BLAS and OpenMP
  alike) or, with GPUs, one a device and more where the peaks that records measured allow it. Features in the canonical
  layout are memory-mapped: processes share them. The longest jobs start first.
- **Dask, Ray.** `bench run --backend dask --address tcp://scheduler:8786` or `--backend ray --address host:6379` hand
  jobs to a cluster that is there already (extras `dask` and `ray`). Every worker must see the same results folder, the
  same data under the same paths, and the same code; this is checked at the start. Workers write their records
  themselves. Locks are `flock`: on a network file system it must be one that supports them across hosts (NFS 4 does).
- **Anything else.** `--shard 3/8` runs the third of eight equal parts, for a Slurm array
  (`--shard ${SLURM_ARRAY_TASK_ID}/8`) or machines that share nothing; `bench merge` joins their folders.

## What a kill costs

Records are written to a temporary file, flushed and renamed, with a checksum inside. A killed worker costs its own job,
which runs again alone, once. Trainings keep a checkpoint every `run.checkpoint_seconds` (60) and go on from it to the
same bytes, as do jobs that `--timeout` stopped, with `--retry failed`; none is written that is larger than
`run.checkpoint_gib` (2) or half of the free disk, and a warning says so. `make chaos` disturbs fifty runs and compares:
kills in five phases, data replaced, methods edited, a time-out at the commit, two starts at once, full disks.

## What breaks first

By the exponents above:

- **100 times the labels** (COCO14's 80 become 8000). Weights of a stack of 8 points at 2048 features: 0.5 GiB a copy, and
  the optimiser, the snapshot and the gradient make six of them. Lower `stack` in the protocol first; the harness halves
  it by itself when memory runs out. FLEM's layers of c x c weights cost 0.25 GiB a point and copy.
- **100 times the rows** (NUS's 146000 become 14.6 million). Features at 2048: 111 GiB. They are memory-mapped, so a run
  goes on at the disk's speed, but ML-KNN is out of reach (10000 times the time), as are GLLE, KM, LP and ML; GLLE and LP
  hold all pairs of rows and say so before they start.
- **100 times the features** adds weights like labels do, and no squares.
- **5000 jobs** plan in seconds; the store is one file a job, and 100000 of them want a file system that lists well.
"""
