"""docs/performance.md from perf/results*.json, a file a processor, and perf/gpu.json: no number on the page is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.system import writing
from perf import summary
from perf.gpu.page import RESULTS as GPU_RESULTS
from perf.gpu.page import section as gpu_section
from perf.peers.page import section as peers_section
from perf.stored import read
from perf.summary import measured_on, short_name

PAGE = Path(__file__).parent.parent / "docs/performance.md"
Results = Mapping[str, Any]


def write(everywhere: Sequence[Results]) -> None:
    """Write the page from whatever has been measured, on each processor."""
    writing.write(PAGE, ("\n".join(page([results for results in everywhere if results])) + "\n").encode())


def page(everywhere: Sequence[Results]) -> list[str]:
    cards = read(GPU_RESULTS)
    return [
        "<!-- Written by `python -m perf --page` (perf/performance_page.py) from perf/*.json. -->",
        "# Performance",
        "",
        *summary.table(everywhere, cards),
        "",
        "In each cell: seconds; how many times the floor they are, which is the least that the machine's rates, measured beside it, permit; how many",
        "times as long the peer takes, which is what a user would run instead, side by side in one run (in its lowest and highest round). A date says",
        "that a figure is older than its column. Seconds of a shared machine vary by half and more between runs, ratios less. Data are simulated, of the",
        "sizes named. `make perf-check` measures the quick ones again and names what moved; `python -m perf --help` says which command measures what.",
        "How seconds grow with rows, features, labels, grid points, seeds and records: [scaling.md](scaling.md#growth). What paid, what did not, and what",
        "remains: [perf/NOTES.md](../perf/NOTES.md).",
        "",
        *_machines(everywhere),
        *_others(everywhere),
        *_grid(everywhere),
        *_released(everywhere),
        *_steps(everywhere),
        *_methods(everywhere),
        *_memory(everywhere),
        *_large_data(everywhere),
        *_startup(everywhere),
        *gpu_section(),
        *peers_section(),
    ]


def _with(everywhere: Sequence[Results], case: str) -> Iterator[tuple[str, Results]]:
    """(processor, the case's values) where it has been measured."""
    for results in everywhere:
        if case in results:
            yield short_name(results), results[case]


def _when(processor: str, case: Results) -> str:
    return ", ".join(filter(None, (processor, measured_on(case))))


def _machines(everywhere: Sequence[Results]) -> list[str]:
    lines = ["## Machines", ""]
    for results in everywhere:
        machine = results["machine"]
        libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
        lines.append(
            f"- {machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, {libraries}. With "
            f"{machine['threads']} threads {machine['matrix_product_gflops']:.0f} GFLOP/s in a float32 matrix product, "
            f"{machine['copy_gb_per_s']:.1f} GB/s in a copy, {machine['update_gb_per_s']:.1f} GB/s in an update in place "
            f"(read and written); measured {measured_on(machine) or 'at a date not kept'}."
        )
    return [*lines, ""]


OTHERS = (
    ("the ranked metrics, against torchmetrics", "ranking_metrics", "torchmetrics", "ratio_to_torchmetrics"),
    ("ML-KNN, against the search alone of scikit-learn's brute force", "mlknn", "brute_force", "ratio_to_brute_force"),
    ("ML-KNN, against the search alone of faiss, in float32", "mlknn", "faiss", "ratio_to_faiss"),
)


def _others(everywhere: Sequence[Results]) -> list[str]:
    """Peers beside the table's."""
    rows = []
    for what, case, key, ratio in OTHERS:
        for processor, found in _with(everywhere, case):
            if ratio in found:
                rows.append(
                    f"| {what} | {_when(processor, found)} | {found['seconds']:.2f} s | {found[f'{key}_seconds']:.2f} s | "
                    f"{found[ratio]:.2f}{_spread(found, ratio)} |"
                )
    head = ["## Further peers", "", "| what | on | ours | the other | ratio |", "|---|---|---:|---:|---:|"]
    return [*head, *rows, ""] if rows else []


def _spread(case: Results, ratio: str) -> str:
    low, high = case.get("spread", {}).get(ratio, (None, None))
    return "" if low is None else f" ({low:.2f} to {high:.2f})"


def _grid(everywhere: Sequence[Results]) -> list[str]:
    lines = [
        "## The grid",
        "",
        "FLEM-D's 16 points, 2501 x 2048, 20 labels, 30 epochs, against 16 plain PyTorch trainings one after another. Both sides train the same models",
        "from the same weights on the same batches, in turns in three rounds (lowest to highest). The floor is the wide products at the measured product",
        "rate and, after them, the bytes of optimiser state, gradients and weights at the bandwidth of an update in place, in milliseconds of all models'",
        "step. A few of the 16 plain trainings are timed each round, and scaled.",
        "",
        "| on | validation | ours | plain PyTorch | ratio | step | products | bytes | of both floors | largest difference of a Hamming loss |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for processor, grid in _with(everywhere, "grid"):
        for kind, rounds in grid["rounds"].items():
            ours, theirs, ratios = (sorted(one[key] for one in rounds) for key in ("stacked", "plain", "ratio"))
            floors = ["", "", "", ""]
            if kind == "without":
                floors = [f"{grid[key]:.1f}" for key in ("step_ms", "floor_of_products_ms", "floor_of_bytes_ms")]
                floors.append(f"{grid['share_of_both_floors']:.0%}")
            difference = grid["largest_difference_of_best_validation_hamming"]
            cells = [
                f"{ours[0]:.0f} to {ours[-1]:.0f} s",
                f"{theirs[0]:.0f} to {theirs[-1]:.0f} s",
                f"{median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})",
                *floors,
                f"{difference:.1e}" if kind == "with" else "",
            ]
            lines.append(f"| {_when(processor, grid)} | {kind} | " + " | ".join(cells) + " |")
    return [*lines, "", *_kinds(everywhere)]


def _kinds(everywhere: Sequence[Results]) -> list[str]:
    """Milliseconds by kind of operation: the part of a step that the floors do not account for."""
    found = [
        (_when(processor, grid), grid["milliseconds_by_kind"])
        for processor, grid in _with(everywhere, "grid")
        if "milliseconds_by_kind" in grid
    ]
    if not found:
        return []
    names = list(dict.fromkeys(name for _, kinds in found for name in kinds))
    return [
        "Milliseconds of a step of eight models, one thread, by the kind of operation:",
        "",
        "| kind | " + " | ".join(when for when, _ in found) + " |",
        "|---|" + "---:|" * len(found),
        *(f"| {name} | " + " | ".join(f"{kinds.get(name, 0):.2f}" for _, kinds in found) + " |" for name in names),
        "",
    ]


def _released(everywhere: Sequence[Results]) -> list[str]:
    """FLEM's released program, of whole processes."""
    rows = []
    for processor, found in _with(everywhere, "released"):
        for key, one in found.items():
            if key.startswith("cores_"):
                side = one.get("ratio_of_the_grid_side_by_side")
                rows.append(
                    f"| {_when(processor, found)}: {found['other']}, {found['dataset']} | {key.removeprefix('cores_')} | "
                    f"{one['other_seconds_alone']:.1f} s | {one['seconds_of_the_configuration']:.1f} s | {one['ratio_of_the_configuration']:.1f} | "
                    f"{one['seconds_of_the_grid']:.1f} s | {one['ratio_of_the_grid_alone']:.1f} | {f'{side:.1f}' if side else ''} |"
                )
    head = [
        "## FLEM's released program",
        "",
        "Whole processes, in turns (`python -m perf.released`): the released program runs one configuration, so that its sixteen are sixteen times one,",
        "one after another or as many at once as there are cores.",
        "",
        "| on, the other | cores | a configuration, theirs | ours | ratio | the grid of 16, ours | ratio, one after another | at once |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return [*head, *rows, ""] if rows else []


def _steps(everywhere: Sequence[Results]) -> list[str]:
    found = dict(_with(everywhere, "steps"))
    if not found:
        return []
    columns = ("ms", "to the bare step", "to BCE")
    heads = [f"{_when(processor, steps)}: {column}" for processor, steps in found.items() for column in columns]
    lines = [
        "## A step of each method",
        "",
        "One model, batch 64, 2501 x 2048 simulated features, 20 labels, one thread; medians of rounds in which all take turns. The bare step is the",
        "logits of a batch, a given gradient carried back to the weights, and the fused AMSGrad-AdamW update.",
        "",
        f"| method | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    names = list(dict.fromkeys(name for steps in found.values() for name in ("bare", *steps["to_bare"])))
    for name in names:
        cells = []
        for steps in found.values():
            ratios = [steps["to_bare"].get(name), steps["to_bce"].get(name)]
            milliseconds = steps["milliseconds"].get(name)
            cells += [f"{value:.2f}" if value is not None else "" for value in (milliseconds, *ratios)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for processor, steps in found.items():
        stacked = ", ".join(
            f"{name} {steps['milliseconds'][f'{name} x 8']:.1f} ms" for name in ("FLEM-S", "FLEM-T", "FLEM-D")
        )
        sizes = ", ".join(f"{value:.1f} in one of {size}" for size, value in steps["stack_ms_a_model"].items())
        validation = " and ".join(f"{share:.1%} of {name}'s" for name, share in steps["share_of_validation"].items())
        lines += [
            "",
            f"{processor}: a stack of eight, as FLEM's grid trains: {stacked}. FLEM-D in stacks, ms a model and step: {sizes}. Validation on as many rows "
            f"as are trained on is {validation} epoch (x 8: a stack of eight).",
        ]
    for processor, selection in _with(everywhere, "selection"):
        lines += [
            "",
            f"{_when(processor, selection)}: an epoch of FLEM-D's stack of eight that is validated by three further metrics takes "
            f"{selection['to_an_epoch']:.2f} times one by Hamming loss alone ({selection['hamming_epoch_ms']:.0f} ms).",
        ]
    return [*lines, ""]


def _methods(everywhere: Sequence[Results]) -> list[str]:
    lines = []
    words = {"recovery": "recovery of the label distribution", "fit": "fit and scores"}
    for processor, found in _with(everywhere, "methods"):
        rows = [
            f"| {name} | {words[kind]} | {found['grid_points'][name]} | {seconds:.2f} | {found['to_bce'][name]:.1f} |"
            for kind, of in found["seconds"].items()
            for name, seconds in sorted(of.items(), key=lambda one: one[1])
        ]
        lines += [
            f"{_when(processor, found)}; a job of BCE under the protocol `small` takes {found['bce_seconds']:.2f} s.",
            "",
            "| method | what | points of its grid | seconds | to a job of BCE |",
            "|---|---|---:|---:|---:|",
            *rows,
            "",
        ]
    head = [
        "## Methods that are not a loss",
        "",
        "Seconds on one thread, simulated data of yeast's shape (1500 training rows, 103 features, 14 labels). Label enhancement recovers a distribution",
        "first, once a job, and then trains four classifiers as one stack; the other methods fit every point of their grid and score all rows.",
        "",
    ]
    return [*head, *lines] if lines else []


def _memory(everywhere: Sequence[Results]) -> list[str]:
    lines = []
    for processor, memory in _with(everywhere, "memory"):
        peaks = ", ".join(f"{method} {peak:.0f} MB" for method, peak in memory["peak_mb"].items())
        constant = max(memory["beyond_one_and_a_half_times_the_files_mb"].values())
        finished = {
            name: "yes" if done else f"no, stopped after {memory['seconds'][name]:.0f} s"
            for name, done in memory["finished"].items()
        }
        lines += [
            f"{_when(processor, memory)}. A run on simulated canonical files of {memory['feature_files_mb']:.0f} MB peaks at {peaks} of resident memory, "
            f"mapped files included: 1.5 times the files plus {constant:.0f} MB, most of which is PyTorch itself.",
            "",
            "On simulated data of NUS-WIDE's size, 146000 x 2048 and 81 labels, the grid included, for one epoch. The features (1.7 GB) are mapped files,",
            "whose pages the system may drop; a method that was stopped had its blocks and batches in memory, but may not have come to its last part.",
            "",
            "| method | memory of its own, GiB | with pages of mapped files | one epoch done |",
            "|---|---:|---:|---|",
            *(
                f"| {name} | {own:.2f} | {memory['with_mapped_files_gib'][name]:.2f} | {finished[name]} |"
                for name, own in memory["own_gib"].items()
            ),
            "",
        ]
    return ["## Memory", "", *lines] if lines else []


def _large_data(everywhere: Sequence[Results]) -> list[str]:
    lines = []
    for processor, large in _with(everywhere, "large_data"):
        plain = (
            f", plain PyTorch with the files in memory {large['plain_seconds']:.1f} s"
            if "plain_seconds" in large
            else ""
        )
        lines.append(
            f"{_when(processor, large)}. On simulated canonical files of NUS-WIDE's size (146000 x 2048 for training, {large['feature_files_gb']:.1f} GB in "
            f"all) the first step of BCE begins {large['seconds_to_first_step']:.1f} s after the start, checks and fingerprint of all files included, "
            f"and {large['seconds_to_first_step_again']:.1f} s the next time, when the fingerprint is known{plain}. The features are "
            f"{'mapped, not copied' if large['mapped_and_not_copied'] else 'COPIED'}: the process has {large['memory_of_its_own_mb']:.0f} MB of "
            "memory of its own."
        )
        if "photographs" in large:
            lines.append(
                f"Preparing {large['photographs']} photographs (VOC2007's number; 48 real ones again and again) through EfficientNet-Lite2 peaks at "
                f"{large['peak_mb_of_all_photographs_at_64_pixels']:.0f} MB at 64 pixels; 64 of them at 448 pixels at "
                f"{large['peak_mb_of_64_photographs_at_448_pixels']:.0f} MB."
            )
        lines.append("")
    return ["## Large data", "", *lines] if lines else []


def _startup(everywhere: Sequence[Results]) -> list[str]:
    lines = [
        f"- {_when(processor, startup)}: `--help` answers in {startup['help_seconds']:.2f} s, `list methods` in {startup['list_methods_seconds']:.2f} s, "
        f"`list datasets` in {startup['list_datasets_seconds']:.2f} s, the paper's tables in {startup['table_of_the_paper_seconds']:.2f} s (a bare "
        f"interpreter: {startup['interpreter_seconds']:.2f} s)."
        for processor, startup in _with(everywhere, "startup")
    ]
    return ["## Start-up", "", "Seconds of the processor.", "", *lines, ""] if lines else []
