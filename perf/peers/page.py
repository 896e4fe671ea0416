"""The part of docs/performance.md about packages that a user would run instead, from perf/peers-*.json: no number is
typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from perf.peers.comparison import EQUAL, QUALITY, both
from perf.peers.table import PACKAGES, PEERS
from perf.stored import read

FOLDER = Path(__file__).parents[1]
NOISE = 1.1
"""Ratios between 1 and this, either way, are called equal."""
CONVEX = ("sklearn-logistic", "libmultilabel-logistic")
HEAD = "## Beside packages that a user would run instead"


def section() -> list[str]:
    """Lines of Markdown; of each processor that was measured on."""
    return [line for path in sorted(FOLDER.glob("peers-*.json")) for line in of_processor(read(path))]


def of_processor(results: Mapping[str, Any]) -> list[str]:
    machine = results["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    lines = {(name, dataset): line for name, of in results["lines"].items() for dataset, line in of.items()}
    done = {key: line for key, line in lines.items() if "error" not in line and "ours_quality" in line}
    text = [
        f"{HEAD}: {machine['processor']}",
        "",
        f"`python -m perf.peers`, Python {machine['python']}, {libraries}. Both sides train on the same arrays, in turns, one thread each;",
        "processor seconds of fit and of prediction, without imports, the median where there are several rounds. Ours chooses its epoch on validation rows, which the peers",
        "do not see; quality is of the test rows by our metrics, ours first. The peers' own settings but for what makes it the same algorithm",
        f"(neighbours, label sets, trees). {_beside(done, machine['cores'])}",
        "",
        *_table(done),
        *_recovery(done),
        *_equal_quality(done),
        *_faster(done),
        *_absent(results, lines),
    ]
    return text


def _beside(lines: Mapping[Any, dict[str, Any]], cores: int) -> str:
    """A sentence where other work was on the machine: more was waiting for it than one measurement."""
    loads = [line["load_before"] for line in lines.values()]
    if not loads or max(loads) <= 1.5:
        return "Nothing else ran on the machine."
    return (
        f"Measured beside other work (a load of {min(loads):.0f} to {max(loads):.0f} on {cores} cores): seconds are of a "
        "disturbed machine, ratios hold better."
    )


def _seconds(line: dict[str, Any], side: str) -> str:
    if f"{side}_not_done_in" in line:
        return f"over {line[f'{side}_not_done_in']:.0f}"
    return f"{median(both(one[side]) for one in line['rounds'] if side in one):.3g}"


def _ratio(line: dict[str, Any]) -> str:
    if "ratio" in line:
        return f"{line['ratio']:.2g}" if line["ratio"] < 10 else f"{line['ratio']:.0f}"
    if "theirs_not_done_in" in line:
        ours = median(both(one["ours"]) for one in line["rounds"] if "ours" in one)
        return f"over {line['theirs_not_done_in'] / ours:.0f}"
    return ""


def _qualities(line: dict[str, Any], name: str) -> str:
    values = [line.get(f"{side}_quality", {}).get(name) for side in ("ours", "theirs")]
    return " / ".join("" if value is None else f"{value:.4f}" for value in values)


def _set(dataset: str, line: dict[str, Any]) -> str:
    return f"{dataset}'s size, SIMULATED" if line["simulated"] else dataset


def _table(lines: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    rows = [
        f"| {PEERS[name].what} | {PEERS[name].threads} | {_set(dataset, line)} | {line['ours']} | {_seconds(line, 'ours')} | "
        f"{_seconds(line, 'theirs')} | {_ratio(line)} | " + " | ".join(_qualities(line, one) for one in QUALITY) + " |"
        for (name, dataset), line in lines.items()
        if QUALITY[0] in line["ours_quality"]
    ]
    head = "| peer | its threads by default | set | ours is | ours, s | theirs, s | ratio | macro AP | Hamming loss | ranking loss |"
    return [head, "|---|---|---|---|---:|---:|---:|---|---|---|", *rows, ""] if rows else []


def _recovery(lines: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    rows = [
        f"| {PEERS[name].what} | {_set(dataset, line)} | {_seconds(line, 'ours')} | {_seconds(line, 'theirs')} | {_ratio(line)} | "
        f"{_qualities(line, 'kullback_leibler')} | {_qualities(line, 'chebyshev')} |"
        for (name, dataset), line in lines.items()
        if QUALITY[0] not in line["ours_quality"]
    ]
    head = (
        "| label enhancement | set | ours, s | theirs, s | ratio | Kullback-Leibler to the true degrees | Chebyshev |"
    )
    return [head, "|---|---|---:|---:|---:|---|---|", *rows, ""] if rows else []


def _equal_quality(lines: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    """Of the iterative ones."""

    def shown(seconds: float | None) -> str:
        return "never" if seconds is None else f"{seconds:.3g}"

    rows = []
    for (name, dataset), line in lines.items():
        if found := line.get("to_equal_quality"):
            ratio = f"{found['ratio']:.2g}" if "ratio" in found else ""
            keys = ("ours_to_least", "theirs_to_least", "ours_to_theirs", "theirs_to_ours")
            first, second, third, fourth = (shown(found[key]) for key in keys)
            rows.append(
                f"| {PEERS[name].what} | {_set(dataset, line)} | {_qualities(line, QUALITY[0])} | {first} | {second} | {ratio} | "
                f"{third} | {fourth} |"
            )
    if not rows:
        return []
    return [
        f"Seconds of training to equal quality, within {EQUAL:.1%} of a macro AP on test rows: to the lower of both ends, and of either side to the",
        "other's end, from the curves of their epochs or iterations (logistic regression's and LIBLINEAR's points are each fitted from the start).",
        "",
        "| peer | set | macro AP at the end | ours to the lower, s | theirs to the lower, s | ratio | ours to theirs | theirs to ours |",
        "|---|---|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
    ]


def faster(lines: Mapping[tuple[str, str], dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The lines in which a peer is faster than ours at an equal or better quality, beyond noise."""
    for key, line in lines.items():
        equal = line.get("to_equal_quality", {})
        ratio = equal.get("ratio", line.get("ratio"))
        first, better = ("kullback_leibler", -1) if "kullback_leibler" in line["ours_quality"] else (QUALITY[0], 1)
        values = [line.get(f"{side}_quality", {}).get(first) for side in ("ours", "theirs")]
        if ratio is None or None in values or ratio * NOISE >= 1:
            continue
        if equal or better * values[1] >= better * values[0] - EQUAL * abs(values[0]):
            yield key


def _faster(lines: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    found = list(faster(lines))
    if not found:
        return ["No peer is faster than ours at an equal or better quality.", ""]
    named: dict[str, list[str]] = {}
    for name, dataset in found:
        named.setdefault(f"{PEERS[name].what}, than {PEERS[name].ours}", []).append(dataset)
    each = "; ".join(f"{what} ({', '.join(datasets)})" for what, datasets in named.items())
    text = [f"**Faster than ours at an equal or better quality:** {each}."]
    if any(name in CONVEX for name, _ in found):
        text += [
            "The loss of a linear model under BCE is convex, and L-BFGS and Newton's method come to its end in few passes over the rows. Ours takes the",
            "epochs of batches that the protocol gives to every gradient-trained method, so that they can be compared; BR is logistic regression here.",
        ]
    return [*text, ""]


def _absent(results: Mapping[str, Any], lines: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    text = []
    if missing := results.get("missing"):
        text += [f"{name} could not be installed: {why}." for name, why in missing.items()]
    text += [
        f"{PEERS[name].what} failed on {dataset} ({line['error']})."
        for (name, dataset), line in lines.items()
        if "error" in line
    ]
    there = [package for name, package in PACKAGES.items() if name not in results.get("missing", {})]
    text.append("Peers: " + ", ".join(f"{one.pin} ({one.licence})" for one in there) + ".")
    return [*text, ""]
