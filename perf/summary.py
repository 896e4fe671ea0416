"""The table at the top of docs/performance.md: a user's questions, each answered with its floor and its peer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.protocol import Protocol
from bench.text import duration
from perf.gpu.page import floor_us, total_seconds

Results = Mapping[str, Any]
STEPS_AN_EPOCH = 40
"""Of VOC07's 2501 rows in batches of 64."""


@dataclass(frozen=True)
class Answer:
    """Seconds, the floor that the machine's rates permit, and how many times as long the peer takes in the same run."""

    seconds: float
    floor: float | None = None
    peer: float | None = None
    spread: Sequence[float] = ()
    """The peer's ratio in its lowest and highest round."""

    def __str__(self) -> str:
        text = in_words(self.seconds)
        if self.floor:
            text += f", {rounded(self.seconds / self.floor)} floors"
        if self.peer:
            text += f", peer {rounded(self.peer)}x"
        if self.spread:
            text += f" ({rounded(self.spread[0])} to {rounded(self.spread[1])})"
        return text


@dataclass(frozen=True)
class Question:
    what: str
    floor: str
    peer: str
    case: str
    answer: Callable[[Results, Results], Answer | None]
    """Of the case and of the machine's rates, on a CPU; None where the case has not measured it."""
    on_gpu: Callable[[Results], Answer | None] = lambda card: None


def table(everywhere: Sequence[Results], cards: Mapping[str, Results]) -> list[str]:
    """Lines of Markdown; a column a processor, the newest measurement's date in its head."""
    newest = [max(dates(results), default="") for results in everywhere]
    heads = [f"{short_name(results)}, {date}" for results, date in zip(everywhere, newest, strict=True)]
    heads += [", ".join(filter(None, (card, found["software"].get("date")))) for card, found in cards.items()]
    lines = [
        "| how long does ... take | floor | peer | " + " | ".join(heads) + " |",
        "|---|---|---|" + "---|" * len(heads),
    ]
    for one in QUESTIONS:
        cells = [cell(one, results, date) for results, date in zip(everywhere, newest, strict=True)]
        cells += [str(one.on_gpu(found) or "") for found in cards.values()]
        if any(cells):
            lines.append(f"| {one.what} | {one.floor} | {one.peer} | " + " | ".join(cells) + " |")
    return lines


def cell(question: Question, results: Results, newest: str) -> str:
    """The answer, and its date where it is not the column's."""
    case = results.get(question.case, {})
    answer = question.answer(case, results["machine"]) if case else None
    if answer is None:
        return ""
    date = measured_on(case)
    return str(answer) + (f" ({date})" if date and date != newest else "")


def dates(results: Results) -> list[str]:
    return [date for case in results.values() if isinstance(case, dict) and (date := measured_on(case))]


def measured_on(case: Results) -> str:
    return str(case.get("measured", {}).get("date", ""))


def short_name(results: Results) -> str:
    """The processor's name without marks and clock rate."""
    name = re.sub(r"\((R|TM)\)|\bProcessor\b|@.*", " ", str(results["machine"]["processor"]))
    return " ".join(name.split())


def in_words(seconds: float) -> str:
    if seconds >= 100:
        return duration(seconds)
    return f"{rounded(seconds)} s" if seconds >= 0.1 else f"{rounded(seconds * 1e3)} ms"


def rounded(value: float) -> str:
    """Two digits at least, and no decimals from ten on."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _startup(name: str) -> Callable[[Results, Results], Answer]:
    return lambda case, machine: Answer(case[f"{name}_seconds"], case["interpreter_seconds"])


def _step(name: str) -> Callable[[Results, Results], Answer | None]:
    def answer(case: Results, machine: Results) -> Answer | None:
        if "floor_ms" not in case:
            return None
        peer, spread = case["ratio_to_plain"][name], case["spread"][f"ratio_to_plain {name}"]
        return Answer(case["milliseconds"][name] / 1e3, case["floor_ms"][name] / 1e3, peer, spread)

    return answer


def _grid(case: Results, machine: Results) -> Answer:
    rounds = [one["ratio"] for one in case["rounds"]["with"]]
    floor = case["steps"] * (case["floor_of_products_ms"] + case["floor_of_bytes_ms"]) / 1e3
    seconds = median(one["stacked"] for one in case["rounds"]["with"])
    return Answer(seconds, floor, case["ratio_with_validation"], (min(rounds), max(rounds)))


def _released(case: Results, machine: Results) -> Answer | None:
    one = case.get("cores_1")
    return Answer(one["seconds_of_the_grid"], None, one["ratio_of_the_grid_alone"]) if one else None


def _mlknn(case: Results, machine: Results) -> Answer:
    floor = case["gflop"] / machine["matrix_product_gflops"] if "gflop" in case else None
    return Answer(case["seconds"], floor, case["ratio"], case.get("spread", {}).get("ratio", ()))


def _metrics(case: Results, machine: Results) -> Answer:
    return Answer(case["seconds"], case.get("sorting_seconds"), case["ratio"], case.get("spread", {}).get("ratio", ()))


def _first_step(case: Results, machine: Results) -> Answer:
    spread = case.get("spread", {}).get("ratio_to_plain", ())
    return Answer(
        case["seconds_to_first_step_again"], case.get("import_torch_seconds"), case.get("ratio_to_plain"), spread
    )


def _records(name: str) -> Callable[[Results, Results], Answer | None]:
    """Seconds of the processor."""

    def answer(case: Results, machine: Results) -> Answer | None:
        seconds = case.get("processor_s", {}).get(name)
        return Answer(seconds, seconds / case["to_floor"][name]) if seconds else None

    return answer


def _card_step(line: str, method: str) -> Callable[[Results], Answer | None]:
    def answer(card: Results) -> Answer | None:
        step, job = card.get("step", {}), card.get("tables", {}).get(f"{method}, VOC07", {})
        if line not in step or "rates" not in step:
            return None
        peer = job["plain_seconds"] / job["seconds"] if "plain_seconds" in job else None
        return Answer(step[line]["captured_us"] / 1e6, floor_us(step[line], step["rates"]) / 1e6, peer)

    return answer


def _card_grid(card: Results) -> Answer | None:
    job, step = card.get("tables", {}).get("FLEM-D, VOC07", {}), card.get("step", {})
    if "plain_seconds" not in job or "FLEM-D x 16, VOC07" not in step:
        return None
    floor = floor_us(step["FLEM-D x 16, VOC07"], step["rates"]) * STEPS_AN_EPOCH * Protocol().epochs / 1e6
    return Answer(job["seconds"] + job["evaluation_seconds"], floor, job["plain_seconds"] / job["seconds"])


def _card_job(name: str) -> Callable[[Results], Answer | None]:
    def answer(card: Results) -> Answer | None:
        job = card.get("tables", {}).get(name, {})
        return Answer(job["seconds"] + job["evaluation_seconds"]) if "seconds" in job else None

    return answer


def _card_tables(card: Results) -> Answer | None:
    tables = card.get("tables", {})
    both = [line for line in tables.values() if "plain_seconds" in line]
    peer = sum(line["plain_seconds"] for line in both) / sum(line["seconds"] for line in both) if both else None
    return Answer(total_seconds(tables), None, peer) if tables else None


INTERPRETER = "a bare interpreter"
READING = "reading the files' bytes"
PRODUCTS = "products and bytes"
QUESTIONS = (
    Question("`--help`", INTERPRETER, "", "startup", _startup("help")),
    Question("the paper's four tables, printed", INTERPRETER, "", "startup", _startup("table_of_the_paper")),
    Question(
        "a step of BCE, VOC07's size, one thread", PRODUCTS, "plain PyTorch", "steps", _step("BCE"),
        _card_step("BCE x 1, VOC07", "BCE"),
    ),
    Question("a step of eight FLEM-D, one thread", PRODUCTS, "eight in plain PyTorch", "steps", _step("FLEM-D x 8")),
    Question(
        "FLEM-D's grid of 16, VOC07's size, 30 epochs", PRODUCTS, "16 in plain PyTorch", "grid", _grid, _card_grid
    ),
    Question("its grid beside the released program, one core", "", "FLEM's program, 16 runs", "released", _released),
    Question(
        "ML-KNN, Reuters' size", "its distances", "scikit-multilearn-ng", "mlknn", _mlknn, _card_job("ML-KNN, Reuters")
    ),
    Question("the ranked metrics of 60260 x 81 scores", "sorting them", "scikit-learn", "ranking_metrics", _metrics),
    Question(
        "the first step on NUS-WIDE's size, again", "importing torch", "plain PyTorch, files in memory", "large_data",
        _first_step,
    ),
    Question("`status` of 5000 records", READING, "", "runner", _records("status")),
    Question("`table` of 5000 records", READING, "", "runner", _records("table")),
    Question("`report` of 5000 records", READING, "", "runner", _records("report")),
    Question("`report` of twelve sets", READING, "", "runner", _records("report_of_12_sets")),
    Question(
        "Tables 2 to 5 at the paper's sizes, a seed ([on CPUs](scaling.md#a-full-run-of-the-paper))", "",
        "plain PyTorch, BCE and FLEM-D", "none", lambda case, machine: None, _card_tables,
    ),
)  # fmt: skip
