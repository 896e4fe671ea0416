"""The part of docs/performance.md about GPUs, from perf/gpu.json: no number is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.protocol import Protocol
from perf.stored import read

RESULTS = Path(__file__).parent.parent / "gpu.json"
ROUNDING = 1e-6
"""Relative difference in float64 up to which CPU and GPU are said to agree."""


def section() -> list[str]:
    """Lines of Markdown; of each card that was measured."""
    cards = read(RESULTS)
    return [line for card, found in cards.items() for line in _card(card, found)] or ["No GPU has been measured."]


def total_seconds(lines: dict[str, Any]) -> float:
    """Of all jobs that were timed, one after another."""
    return sum(line["seconds"] + line["evaluation_seconds"] for line in lines.values() if "seconds" in line)


def floor_us(line: dict[str, Any], rates: dict[str, float]) -> float:
    """Microseconds of a step at the measured rates: its bytes or its products, whichever takes longer."""
    return max(line["bytes"] / rates["copy_gb_per_s"] / 1e3, line["flop"] / rates["product_tflops_float32"] / 1e6)


def _card(card: str, found: dict[str, Any]) -> list[str]:
    software = found["software"]
    return [
        f"## On a GPU: {card}",
        "",
        f"`python -m perf.gpu`, torch {software['torch']}, CUDA {software['cuda']}; features and labels are simulated.",
        "",
        *_right(found.get("right", {})),
        *_step(found.get("step", {})),
        *_tables(found.get("tables", {})),
        *_neighbours(found.get("neighbours", {})),
        *_program(found.get("program", {})),
    ]


def _right(lines: dict[str, Any]) -> list[str]:
    trainings = {name: line for name, line in lines.items() if "twice_equal" in line}
    if not trainings:
        return []
    same = [name for name, line in trainings.items() if line["captured_equals_launched"] and line["twice_equal"]]
    compared = {name: line["cpu_to_gpu"] for name, line in trainings.items() if "cpu_to_gpu" in line}
    near = [name for name, value in compared.items() if value <= ROUNDING]
    largest = max(compared[name] for name in near)
    others = ", ".join(f"{name} {value:.2g}" for name, value in compared.items() if name not in near)
    noisy = ", ".join(name for name, line in trainings.items() if line["draws_noise"])
    otherwise = "; ".join(dict.fromkeys(name.partition(" (")[2].rstrip(")") for name in trainings if " (" in name))
    memory, diverging = lines.get("out of memory", {}), lines.get("diverging model", {})
    return [
        f"**Right.** Of {len(trainings)} trainings in float64 on a small problem, of every gradient method and of some otherwise",
        f"({otherwise}), {len(same)} give the same bytes captured as CUDA graphs and launched step by step, and",
        f"twice. CPU and GPU agree to {largest:.1g} (relative, parameters and losses) for {len(near)} of {len(compared)}"
        + (f"; {others}, whose solver magnifies rounding." if others else "."),
        f"{noisy} draw noise on the device, which a CPU cannot repeat. A model that diverges does so in the same epoch: "
        f"{'yes' if diverging.get('equal') else 'no'}.",
        f"A stack of {memory.get('stacks_that_did_not_fit')} that did not fit into memory was trained as {memory.get('stacks')}.",
        "",
    ]


def _step(lines: dict[str, Any]) -> list[str]:
    if "rates" not in lines:
        return []
    rates = lines["rates"]
    text = [
        "Microseconds a step: captured as a graph, launched as a recording, with vmap and autograd. The floor is the larger of",
        f"bytes over {rates['copy_gb_per_s']:.0f} GB/s and products over {rates['product_tflops_float32']:.0f} TFLOP/s (float32), both",
        "measured in the same process; busy is the time in which kernels run.",
        "",
        "| stack, shape | captured | host | launched | vmap | kernels | busy | floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, line in lines.items():
        if "captured_us" not in line:
            continue
        numbers = [line[key] for key in ("captured_us", "captured_host_us", "launched_us", "unrecorded_us")]
        numbers += [line.get("kernels", 0), line.get("busy_us", 0), floor_us(line, rates)]
        text.append(f"| {name} | " + " | ".join(f"{number:.0f}" for number in numbers) + " |")
    return [*text, ""]


def _tables(lines: dict[str, Any]) -> list[str]:
    done = {tuple(name.split(", ")): line for name, line in lines.items() if "seconds" in line}
    if not done:
        return []
    methods = list(dict.fromkeys(method for method, _ in done))
    sets = list(dict.fromkeys(name for _, name in done))
    whole = total_seconds(lines)
    text = [
        f"Seconds of a job at the paper's sizes, its whole grid and {Protocol().epochs} epochs, scaled from "
        f"{next(line['epochs_measured'] for line in done.values() if 'epochs_measured' in line)} epochs of each training",
        f"(recovery networks by their own epochs). Tables 2 to 5 with one seed: {whole / 60:.0f} minutes for {len(done)} jobs, "
        "RAKEL not among them. In brackets: times faster than plain PyTorch",
        "on the same device, a module and torch's AdamW, one model after another, without validation.",
        "",
        "| method | " + " | ".join(sets) + " |",
        "|---|" + "---:|" * len(sets),
    ]
    for method in methods:
        cells = []
        for name in sets:
            line = done.get((method, name))
            cell = "" if line is None else f"{line['seconds'] + line['evaluation_seconds']:.1f}"
            if line and "plain_seconds" in line:
                cell += f" ({line['plain_seconds'] / line['seconds']:.0f}x)"
            cells.append(cell)
        text.append(f"| {method} | " + " | ".join(cells) + " |")
    return [*text, ""]


def _neighbours(lines: dict[str, Any]) -> list[str]:
    return [
        f"Neighbours of all rows, {name.partition(',')[0]}: {line['whole_float64_seconds']:.1f} s in float64; a float32 search "
        f"with float64 for near ties is {line['ratio']:.1f} times as fast and finds the same for {line['same_rows']:.2%} of the rows.\n"
        for name, line in lines.items()
        if "ratio" in line
    ]


def _program(lines: dict[str, Any]) -> list[str]:
    text = []
    for name, line in lines.items():
        devices = [key.removesuffix("_seconds") for key in line if key.endswith("_seconds") and key != "line_seconds"]
        text += [
            f"`bench run --datasets {name}` on either device of that machine, seconds of each job and test metrics:",
            "",
            "| method | device | seconds | Hamming loss | ranking loss | coverage | average precision |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        for method, found in line["methods"].items():
            for device in devices:
                if device in found:
                    values = [found[device][key] for key in ("hamming", "ranking", "coverage", "average_precision")]
                    numbers = " | ".join(f"{value:.4f}" for value in values)
                    text.append(f"| {method} | {device} | {found[device]['seconds']:.1f} | {numbers} |")
        text.append("")
    return text
