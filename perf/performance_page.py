"""docs/performance.md from perf/results.json: no number on the page is typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.system import writing
from perf.gpu.page import section as gpu_section
from perf.peers.page import section as peers_section

PAGE = Path(__file__).parent.parent / "docs/performance.md"


def write(results: dict, elsewhere: Sequence[dict]) -> None:
    """Write the page from whatever has been measured, on the page's processor and on others."""
    lines = [
        "<!-- Written by `python -m perf` (perf/performance_page.py) from perf/results*.json. -->",
        "# Performance",
        "",
        "Written by `make bench` from `perf/results*.json`, a file a processor. Ratios are of one run, ours and the other",
        "side by side; seconds of a shared machine vary by half and more between runs. Of the grid, the median of three rounds",
        "(lowest to highest), in which both sides take turns.",
        "",
        *_ratios(results),
        *_grid(results.get("grid")),
        *_steps(results.get("steps")),
        *_methods(results.get("methods")),
        *_memory(results.get("memory")),
        *_nus_memory(results.get("memory")),
        *_large_data(results.get("large_data")),
        *_startup(results.get("startup")),
        *[line for other in elsewhere for line in _elsewhere(other)],
        *gpu_section(),
        *peers_section(),
        "",
    ]
    writing.write(PAGE, "\n".join(lines).encode())


def _ratios(results: dict) -> list[str]:
    machine = results["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, {libraries}.",
        f"Measured with {machine['threads']} threads: {machine['matrix_product_gflops']:.0f} GFLOP/s in a float32 matrix "
        f"product, {machine['copy_gb_per_s']:.1f} GB/s in a copy, {machine['update_gb_per_s']:.1f} GB/s in an update in place (read and written).",
        "",
        "| what | ours | the other | ratio |",
        "|---|---:|---:|---:|",
        *_rows(results),
        "",
    ]


def _elsewhere(results: dict) -> list[str]:
    return [
        f"## On another processor: {results['machine']['processor']}",
        "",
        *_ratios(results),
        *_floors(results.get("grid")),
        *_to_bce(results.get("steps")),
        *_methods(results.get("methods"), "###"),
    ]


def _to_bce(steps: dict | None) -> list[str]:
    if not steps:
        return []
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in steps["to_bce"].items() if name != "BCE")
    return [f"A step of one model, to BCE's ({steps['milliseconds']['BCE']:.2f} ms): {ratios}.", ""]


def _steps(steps: dict | None) -> list[str]:
    if not steps:
        return []
    lines = [
        "## A step of each method",
        "",
        "One model, batch 64, 2501 x 2048 simulated features, 20 labels, one thread; medians of rounds in which all take turns. The bare",
        f"step ({steps['milliseconds']['bare']:.2f} ms) is the logits of a batch, a given gradient carried back to the weights, and the fused AMSGrad-AdamW update.",
        "",
        "| method | ms | to the bare step | to BCE |",
        "|---|---:|---:|---:|",
    ]
    for name, ratio in steps["to_bare"].items():
        lines.append(f"| {name} | {steps['milliseconds'][name]:.2f} | {ratio:.1f} | {steps['to_bce'][name]:.2f} |")
    stacked = ", ".join(
        f"{name} {steps['milliseconds'][f'{name} x 8']:.1f} ms ({ratio:.2f} of FLEM-D)"
        for name, ratio in steps["to_flem_d"].items()
    )
    lines += ["", f"A stack of eight, as FLEM's grid trains: {stacked}.", ""]
    sizes, shares = steps["stack_ms_a_model"], steps["share_of_validation"]
    return [
        *lines,
        "FLEM-D in stacks of other sizes, ms a model and step: "
        + ", ".join(f"{milliseconds:.1f} in a stack of {size}" for size, milliseconds in sizes.items())
        + f". The fastest a model is a stack of {min(sizes, key=sizes.__getitem__)}; a grid of sixteen is two stacks of "
        "eight, so that two cores have one each.",
        "",
        "Validation after an epoch, on as many rows as are trained on, takes "
        + " and ".join(f"{share:.1%} of an epoch of {name}" for name, share in shares.items())
        + " (x 8: a stack of eight). A linear model alone does little more in training than these logits.",
        "",
    ]


def _rows(results: dict) -> list[str]:
    rows = []
    if grid := results.get("grid"):
        timed = grid["plain_models_timed_each_round"]
        for kind, rounds in grid["rounds"].items():
            ratios = sorted(one["ratio"] for one in rounds)
            ours, theirs = (sorted(one[key] for one in rounds) for key in ("stacked", "plain"))
            rows.append(
                f"| FLEM-D's 16-point grid, 2501 x 2048, 20 labels, 30 epochs, {kind} validation, against 16 plain PyTorch "
                f"trainings one after another ({timed} of the 16 timed each round, times {16 / timed:g}) | "
                f"{ours[0]:.0f} to {ours[-1]:.0f} s | {theirs[0]:.0f} to {theirs[-1]:.0f} s | "
                f"{grid[f'ratio_{kind}_validation']:.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}) |"
            )
    if metrics := results.get("ranking_metrics"):
        rows.append(
            "| Ranking loss, coverage and macro AP on 60260 x 81 scores, against scikit-learn | "
            f"{metrics['seconds']:.2f} s | {metrics['scikit_learn_seconds']:.2f} s | {metrics['ratio']:.1f} |"
        )
        if "torchmetrics_seconds" in metrics:
            rows.append(
                f"| The same, against torchmetrics | {metrics['seconds']:.2f} s | {metrics['torchmetrics_seconds']:.2f} s "
                f"| {metrics['ratio_to_torchmetrics']:.1f} |"
            )
    if mlknn := results.get("mlknn"):
        rows.append(
            "| ML-KNN, 5827 x 512, 90 labels, 3019 test rows, against scikit-multilearn-ng | "
            f"{mlknn['seconds']:.2f} s | {mlknn['scikit_multilearn_seconds']:.1f} s | {mlknn['ratio']:.1f} |"
        )
        for key, name in (("brute_force", "scikit-learn's brute force"), ("faiss", "faiss, in float32")):
            if f"{key}_seconds" in mlknn:
                rows.append(
                    f"| The same, against the search for neighbours alone by {name} | {mlknn['seconds']:.2f} s "
                    f"| {mlknn[f'{key}_seconds']:.2f} s | {mlknn[f'ratio_to_{key}']:.2f} |"
                )
    return rows


def _grid(grid: dict | None) -> list[str]:
    if not grid:
        return []
    return [
        "## The grid",
        "",
        f"Both sides train the same models from the same weights on the same batches; the largest difference of a best "
        f"validation Hamming loss was {grid['largest_difference_of_best_validation_hamming']:.1e}. "
        f"The grid trains as stacks of {' and '.join(map(str, grid['stacks']))} models in two processes of one thread each.",
        "",
        *_floors(grid),
        "Of the step of eight models on one thread, about a third is the wide products, a quarter the optimiser and the "
        "gradients' norm, and the rest small products and elementwise work on [8, 64, 128] and [8, 64, 20] values. "
        "Tenfold has not been reached where the plain side has the machine to itself.",
        "",
        "What paid, what did not, and what remains: [perf/NOTES.md](../perf/NOTES.md).",
        "",
    ]


def _floors(grid: dict | None) -> list[str]:
    if not grid:
        return []
    at_floors = grid["steps"] * (grid["floor_of_products_ms"] + grid["floor_of_bytes_ms"]) / 1e3
    plain = median(one["plain"] for one in grid["rounds"]["without"])
    return [
        f"All 16 models' step takes {grid['step_ms']:.1f} ms. Its {grid['step_gflop']:.2f} GFLOP of wide products would take "
        f"{grid['floor_of_products_ms']:.1f} ms at the measured product rate, its {grid['step_gb']:.3f} GB of optimiser "
        f"state, gradients and weights {grid['floor_of_bytes_ms']:.1f} ms at the bandwidth of an update in place: the step "
        f"reaches {grid['share_of_product_rate']:.0%} of the one, {grid['share_of_bandwidth']:.0%} of the other, "
        f"{grid['share_of_both_floors']:.0%} of the two one after the other. A grid at both floors would take {at_floors:.1f} s "
        f"and be {plain / at_floors:.1f} times as fast as the plain side, without validation.",
        "",
    ]


def _methods(found: dict | None, level: str = "##") -> list[str]:
    if not found:
        return []
    words = {"recovery": "recovery of the label distribution", "fit": "fit and scores"}
    rows = [
        f"| {name} | {words[kind]} | {found['grid_points'][name]} | {seconds:.2f} | {found['to_bce'][name]:.1f} |"
        for kind, of in found["seconds"].items()
        for name, seconds in sorted(of.items(), key=lambda one: one[1])
    ]
    return [
        f"{level} Methods that are not a loss",
        "",
        f"Seconds on one thread, simulated data of yeast's shape (1500 training rows, 103 features, 14 labels). A job of BCE under the "
        f"protocol `small` takes {found['bce_seconds']:.2f} s. Label enhancement recovers a distribution first, once a job, and then trains four classifiers "
        "as one stack; the other methods fit every point of their grid and score all rows.",
        "",
        "| method | what | points of its grid | seconds | to a job of BCE |",
        "|---|---|---:|---:|---:|",
        *rows,
        "",
    ]


def _memory(memory: dict | None) -> list[str]:
    if not memory:
        return []
    peaks = ", ".join(f"{method} {peak:.0f} MB" for method, peak in memory["peak_mb"].items())
    constant = max(memory["beyond_one_and_a_half_times_the_files_mb"].values())
    return [
        "## Memory",
        "",
        f"A run on simulated canonical files of {memory['feature_files_mb']:.0f} MB peaks at {peaks} of resident memory, "
        f"mapped files included: 1.5 times the files plus {constant:.0f} MB, most of which is PyTorch itself.",
        "",
    ]


def _nus_memory(found: dict | None) -> list[str]:
    if not found:
        return []
    finished = {
        name: "yes" if done else f"no, stopped after {found['seconds'][name]:.0f} s"
        for name, done in found["finished"].items()
    }
    lines = [
        f"| {name} | {found['own_gib'][name]:.2f} | {found['with_mapped_files_gib'][name]:.2f} | {finished[name]} |"
        for name in found["own_gib"]
    ]
    return [
        "Every method on simulated data of NUS-WIDE's size, 146000 x 2048 and 81 labels, its grid included, for one epoch. The features "
        "(1.7 GB) are mapped files, whose pages the system may drop; a method that was stopped had its blocks and batches "
        "in memory, but may not have come to its last part.",
        "",
        "| method | memory of its own, GiB | with pages of mapped files | one epoch done |",
        "|---|---:|---:|---|",
        *lines,
        "",
    ]


def _large_data(large: dict | None) -> list[str]:
    if not large:
        return []
    lines = [
        "## Large data",
        "",
        f"On simulated canonical files of NUS-WIDE's size (146000 x 2048 for training, {large['feature_files_gb']:.1f} GB in all) the first "
        f"step of BCE begins {large['seconds_to_first_step']:.1f} s after the start, checks and fingerprint of all files included, and "
        f"{large['seconds_to_first_step_again']:.1f} s the next time, when the fingerprint is known. The features are "
        f"{'mapped, not copied' if large['mapped_and_not_copied'] else 'COPIED'}: the process has {large['memory_of_its_own_mb']:.0f} MB of "
        "memory of its own.",
        "",
    ]
    if "photographs" in large:
        lines += [
            f"Preparing {large['photographs']} photographs (VOC2007's number; 48 real ones again and again) through "
            f"EfficientNet-Lite2 peaks at {large['peak_mb_of_all_photographs_at_64_pixels']:.0f} MB at 64 pixels; "
            f"64 of them at 448 pixels at {large['peak_mb_of_64_photographs_at_448_pixels']:.0f} MB.",
            "",
        ]
    return lines


def _startup(startup: dict | None) -> list[str]:
    if not startup:
        return []
    return [
        "## Start-up",
        "",
        f"`--help` answers in {startup['help_seconds']:.2f} s, `list methods` in {startup['list_methods_seconds']:.2f} s, "
        f"`list datasets` in {startup['list_datasets_seconds']:.2f} s, the paper's tables in "
        f"{startup['table_of_the_paper_seconds']:.2f} s (a bare interpreter: {startup['interpreter_seconds']:.2f} s).",
        "",
    ]
