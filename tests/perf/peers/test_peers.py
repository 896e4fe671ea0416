"""Peers, by stand-ins: both sides' processes, equal quality, what cannot be installed, and the page's sentences."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import config as configuration
from bench.metrics.classification import evaluate
from perf.peers import __main__ as program
from perf.peers import comparison, environment, handover, meka, ours, page, theirs
from perf.peers.comparison import Limits, measured, reached, to_equal_quality
from perf.peers.data import SIZES, Given, beginning, given, simulated
from perf.peers.environment import Environment
from perf.peers.table import PACKAGES, PEERS, Package, Peer

STAND_IN = Peer(
    "a stand-in", (), "BRkNN", ("yeast",), threshold=0.0, iterative=True, module="tests.perf.peers.stand_ins"
)
QUICK = Limits(process=30, line=0)


class Here(Environment):
    """The tests' own interpreter as the peers' environment."""

    python = Path(sys.executable)


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    made = simulated(60, 20, 40, 5, 4) | {"name": np.array("made"), "protocol": np.array("paper")}
    return made | beginning(made, configuration.load().protocols["paper"])


@pytest.fixture(scope="module")
def data(arrays: dict[str, np.ndarray]) -> Given:
    return Given("made", arrays, simulated=True)


def test_both_sides_are_run_and_judged_by_our_metrics(data: Given, tmp_path: Path) -> None:
    line = measured("centroid", STAND_IN, data, Here(tmp_path), QUICK)
    train, test = (data.arrays[f"{part}_x"] for part in ("train", "test"))
    y = data.arrays["train_y"]
    expected = evaluate(
        torch.from_numpy(data.arrays["test_y"]), torch.from_numpy(test @ (train.T @ (y - y.mean(0)))), 0.0
    )
    for name, value in line["theirs_quality"].items():
        assert value == pytest.approx(expected[name])
    assert line["ours_quality"].keys() == line["theirs_quality"].keys()
    (seconds,) = line["rounds"]
    assert line["ratio"] == comparison.both(seconds["theirs"]) / comparison.both(seconds["ours"])
    assert line["simulated"]


@pytest.mark.parametrize(("name", "key", "words"), [
    ("broken", "error", "theirs: ValueError: this package wants other labels"),
    ("endless", "theirs_not_done_in", 1),
])  # fmt: skip
def test_a_peer_that_fails_or_does_not_end_is_named(
    name: str, key: str, words: object, data: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = comparison._run

    def theirs_alone(command: list[str], *rest: Any) -> dict[str, np.ndarray]:
        if "perf.peers.ours" in command:
            return {"seconds": np.ones(2), "wall": np.array(2.0), "scores": np.zeros((40, 4))}
        return run(command, *rest)

    monkeypatch.setattr(comparison, "_run", theirs_alone)
    line = measured(name, STAND_IN, data, Here(tmp_path), Limits(process=1, line=0))
    assert line[key] == words
    assert "ratio" not in line


def test_short_runs_are_warmed_up_and_timed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs(*seconds: float) -> tuple[int, float]:
        clock = [0.0]
        left = list(seconds)

        def fit() -> handover.Predict:
            clock[0] += left.pop(0)
            return lambda: np.zeros((1, 2))

        monkeypatch.setattr(handover.time, "process_time", lambda: clock[0])
        taken = handover.timed(handover.Side(fit))["seconds"]
        return len(left), taken[0]

    assert runs(1.0, 0.25, 9.0) == (1, 0.25)
    assert runs(1.0, 0.125, 0.0625, 0.03125, 9.0) == (1, (0.125 + 0.0625 + 0.03125) / 3)
    assert runs(handover.SHORT, 9.0) == (1, handover.SHORT)


def test_equal_quality_is_the_first_checkpoint_within_a_thousandth() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        curves = {
            side: {"seconds": np.cumsum(random.random(6)).tolist(), "average_precision": random.random(6).tolist()}
            for side in ("ours", "theirs")
        }
        ends = {side: curve["average_precision"][-1] for side, curve in curves.items()}
        line = {f"{side}_quality": {"average_precision": end} for side, end in ends.items()}
        found = to_equal_quality(curves, line)
        for side, other, key in (("ours", "theirs", "ours_to_theirs"), ("theirs", "ours", "theirs_to_ours")):
            there = None
            for seconds, value in zip(*curves[side].values(), strict=True):
                if there is None and (value > ends[other] or abs(value - ends[other]) <= ends[other] / 1000):
                    there = seconds
            assert found[key] == there
        lower, higher = sorted(("ours", "theirs"), key=ends.__getitem__)
        assert found[f"{lower}_to_least"] == reached(curves[lower], ends[lower])
        assert found[f"{higher}_to_least"] == found[f"{higher}_to_{lower}"]


def test_the_table_is_whole() -> None:
    for name, peer in PEERS.items():
        assert name in theirs.SIDES
        assert peer.ours in ours.SIDES
        assert set(peer.datasets) <= set(SIZES)
        assert set(peer.packages) <= set(PACKAGES)
    assert all(package.pin.count("==") == 1 or package.maven for package in PACKAGES.values())


def test_plain_pytorch_trains_the_same_model_and_curves_are_of_what_is_timed(arrays: dict[str, np.ndarray]) -> None:
    own, plain = ours.gradient("BCE", arrays), theirs.pytorch(arrays)
    (seconds, mine), (_, same) = (zip(*side.curve(), strict=True) for side in (own, plain))  # type: ignore[misc]
    assert len(mine) == len(arrays["orders"]) == ours.protocol(arrays).epochs
    assert list(seconds) == sorted(seconds)
    np.testing.assert_allclose(mine, same, atol=1e-5)
    assert np.array_equal(same[-1], plain.fit()())
    chosen = own.fit()()
    assert min(float(np.abs(one - chosen).max()) for one in mine) < 1e-6


@pytest.mark.parametrize(("peer", "own"), [("skmultilearn-mlknn", "ML-KNN"), ("skmultilearn-brknn", "BRkNN")])
def test_the_same_algorithm_gives_the_same_scores(peer: str, own: str, arrays: dict[str, np.ndarray]) -> None:
    random = np.random.default_rng(0)  # no two rows are equally far from a third
    far = arrays | {f"{part}_x": random.random(arrays[f"{part}_x"].shape) for part in ("train", "test")}
    both = [sides[name](far).fit()() for sides, name in ((theirs.SIDES, peer), (ours.SIDES, own))]
    np.testing.assert_allclose(*both, atol=1e-9)


@pytest.mark.parametrize("name", ["sklearn-logistic", "sklearn-chain", "sklearn-forest", "skmultilearn-rakeld"])
def test_a_peers_scores_have_a_column_for_each_label(name: str, arrays: dict[str, np.ndarray]) -> None:
    assert theirs.SIDES[name](arrays).fit()().shape == arrays["test_y"].shape


def test_a_set_that_is_not_there_is_simulated_in_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.delenv("BENCH_SHARED_DATA", raising=False)
    for name in ("scene", "SJAFFE"):
        made = given(name)
        assert made.simulated
        assert made.arrays["train_x"].shape == (SIZES[name][0], SIZES[name][3])
        assert made.arrays["train_y"].any(0).all()
    assert made.arrays["degrees"].sum(1) == pytest.approx(1)
    assert not given("yeast").simulated  # it comes with a package


JAVA = """#!{python}
import sys
arguments = sys.argv[1:]
test = open(arguments[arguments.index("-T") + 1]).read()
labels = int(test.splitlines()[0].split("-C ")[1].strip("'"))
rows = [line.split(",") for line in test.split("@data")[1].split()]
print("== Individual Errors\\n\\n|==== PREDICTIONS (N=%.1f) =====>" % len(rows))
for number, row in enumerate(rows, 1):
    scores = " ".join("%.6f" % abs(float(value)) for value in row[labels : 2 * labels])
    print("|%5d [ %s ] [ %s ]" % (number, " ".join(row[:labels]), scores))
print("|==============================<\\n\\n== Additional Measurements\\n\\nBuild Time   1.5\\nTest Time   0.25")
"""


def test_meka_is_given_files_and_its_printed_scores_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray]
) -> None:
    java = tmp_path / "java"
    java.write_text(JAVA.format(python=sys.executable))
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(meka.JARS, str(tmp_path))
    found = handover.timed(theirs.SIDES["meka-br"](arrays))
    assert found["scores"] == pytest.approx(np.abs(arrays["test_x"][:, :4]), abs=1e-6)
    assert found["seconds"].tolist() == [1.5, 0.25]
    java.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('Error: no such class')\n")
    with pytest.raises(RuntimeError, match="no such class"):
        theirs.SIDES["meka-br"](arrays).fit()


def test_a_package_that_cannot_be_installed_is_named_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def failure(command: list[str]) -> str:
        commands.append(command)
        return "no such version" if "absent==1" in command else ""

    monkeypatch.setattr(environment, "_failure", failure)
    place = Here(tmp_path)
    there = Package(f"numpy=={np.__version__}", "BSD", "")
    place.install({"a": Package("absent==1", "MIT", ""), "numpy": there, "b": Package("present==1", "MIT", "")})
    assert place.missing == {"a": "no such version"}
    assert [command[-1] for command in commands] == ["absent==1", "present==1"]  # NumPy is there already
    assert place.reason(["numpy", "a"]) == "a: no such version"
    assert not place.reason(["numpy", "b"])


def test_what_is_installed_by_maven_needs_its_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = Here(tmp_path)
    place.install({"MEKA": PACKAGES["MEKA"]})
    assert place.missing == {"MEKA": "there is no java on the path"}


@pytest.mark.parametrize(("printed", "words"), [
    ("ERROR: No matching version (from versions: none)\nERROR: more", "No matching version (from versions: none)"),
    ("\x1b[1m[ERROR]\x1b[m Failed: Could not find b: Not at https://example.org/x", "Failed: Could not find b"),
    ("", "no reason"),
])  # fmt: skip
def test_the_reason_is_the_first_error_in_short(printed: str, words: str) -> None:
    assert environment.reason(printed) == words


def test_lines_are_kept_and_failed_ones_measured_again_until_the_minutes_are_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, str]] = []

    def line(name: str, peer: Peer, data: Given, *_: Any) -> dict[str, Any]:
        asked.append((name, data.name))
        return {"rounds": []}

    monkeypatch.setattr(program, "measured", line)
    monkeypatch.setattr(program, "given", lambda name: Given(name, {}, True))
    place = Here(tmp_path)
    place.missing = {"PyLDL": "no"}
    pins = [PACKAGES["scikit-multilearn-ng"].pin]
    lines: dict[str, Any] = {
        "skmultilearn-mlknn": {
            "yeast": {"pins": pins},
            "VOC07tv": {"pins": pins, "error": "x"},
            "Reuters": {"pins": ["old"]},
        }
    }
    saved: list[int] = []
    visit = partial(program.visit, ["pyldl-lp", "skmultilearn-mlknn", "sklearn-chain"], ["yeast", "VOC07tv", "Reuters"])
    visit(lines, place, QUICK, False, lambda: len(saved) >= 2, lambda: saved.append(1))
    assert asked == [("skmultilearn-mlknn", "VOC07tv"), ("skmultilearn-mlknn", "Reuters")]
    assert "pyldl-lp" not in lines
    visit(lines, place, QUICK, True, lambda: False, lambda: saved.append(1))
    assert ("skmultilearn-mlknn", "yeast") in asked


def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        program.main(["weka"])
    assert stopped.value.code == 2
    assert "there is no peer 'weka'" in capsys.readouterr().err


def results() -> dict[str, Any]:
    """Of one peer of each kind; ours is four times as fast, at equal quality."""
    quality = {"average_precision": 0.5, "hamming": 0.1, "ranking": 0.2}
    fast, slow = ({"fit": seconds, "predict": 0.0, "wall": 9.0} for seconds in (1.0, 4.0))
    line = {
        "ours": "ML-KNN", "simulated": False, "load_before": 0.5, "rounds": [{"ours": fast, "theirs": slow}],
        "ratio": 4.0, "ours_quality": {**quality}, "theirs_quality": {**quality},
    }  # fmt: skip
    equal = {
        "ours_to_least": 1.0, "theirs_to_least": 4.0, "ours_to_theirs": None, "theirs_to_ours": 4.0, "ratio": 4.0,
    }  # fmt: skip
    recovered = dict.fromkeys(("kullback_leibler", "chebyshev", "cosine"), 0.25)
    lines = {
        "skmultilearn-mlknn": {"yeast": line, "Reuters": line | {"simulated": True}},
        "sklearn-logistic": {"yeast": line | {"ours": "BCE", "to_equal_quality": equal}},
        "pyldl-lp": {"SJAFFE": line | {"ours": "LP", "ours_quality": {**recovered}, "theirs_quality": {**recovered}}},
    }
    machine = {"processor": "A processor", "cores": 2, "python": "3", "libraries": {"numpy": "2"}}
    return {"machine": machine, "missing": {"MEKA": "nobody has it"}, "lines": copy.deepcopy(lines)}


def test_the_page_says_what_was_measured_and_what_is_not_there() -> None:
    text = "\n".join(page.of_processor(results()))
    assert "MEKA could not be installed: nobody has it." in text
    assert "Reuters's size, SIMULATED" in text
    assert "No peer is faster" in text
    assert "Nothing else ran on the machine." in text
    assert "| 1 | 4 | 4 |" in text
    assert "never" in text
    assert "GPL-3.0" not in text  # of what was not installed
    busy = results()
    busy["lines"]["pyldl-lp"]["SJAFFE"]["load_before"] = 7.0
    assert "a load of 0 to 7 on 2 cores" in "\n".join(page.of_processor(busy))


def faster_lines(results: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return page.faster({(name, one): line for name, of in results["lines"].items() for one, line in of.items()})


def test_a_peer_that_is_faster_is_said_to_be_where_its_quality_is_no_worse() -> None:
    made = results()
    assert not list(faster_lines(made))
    mlknn, recovery = made["lines"]["skmultilearn-mlknn"]["yeast"], made["lines"]["pyldl-lp"]["SJAFFE"]
    mlknn["ratio"] = recovery["ratio"] = 0.5
    made["lines"]["sklearn-logistic"]["yeast"]["to_equal_quality"]["ratio"] = 0.5
    assert set(faster_lines(made)) == {
        ("skmultilearn-mlknn", "yeast"), ("pyldl-lp", "SJAFFE"), ("sklearn-logistic", "yeast"),
    }  # fmt: skip
    text = "\n".join(page.of_processor(made))
    assert "scikit-multilearn-ng, MLkNN (yeast)" in text
    assert "convex" in text
    mlknn["theirs_quality"]["average_precision"] -= 0.01
    recovery["theirs_quality"]["kullback_leibler"] += 0.01  # a larger distance is worse
    assert set(faster_lines(made)) == {("sklearn-logistic", "yeast")}


def test_a_peer_that_was_not_done_is_shown_by_its_limit() -> None:
    made = results()
    line = made["lines"]["skmultilearn-mlknn"]["yeast"]
    line["rounds"], line["theirs_not_done_in"] = [{"ours": line["rounds"][0]["ours"]}], 30.0
    del line["ratio"], line["theirs_quality"]
    assert "| 1 | over 30 | over 30 | 0.5000 /" in "\n".join(page.of_processor(made))


def test_an_iterative_peer_has_the_curves_of_both_sides(
    data: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], folder: Path, curve: bool, *_: Any) -> dict[str, np.ndarray]:
        scores = np.asarray(data.arrays["test_y"], dtype=float)
        found = {"seconds": np.ones(2), "wall": np.array(2.0), "scores": scores}
        return found | (
            {"curve_seconds": np.arange(1.0, 3), "curve_scores": np.stack([0 * scores, scores])} if curve else {}
        )

    monkeypatch.setattr(comparison, "_run", run)
    line = measured("centroid", STAND_IN, data, Here(tmp_path), Limits(30, 30))
    assert len(line["rounds"]) == comparison.ROUNDS
    assert line["to_equal_quality"]["ours_to_theirs"] == 2.0
    assert line["curves"]["theirs"]["average_precision"][-1] == 1.0
    assert "curves" not in measured(
        "centroid", replace(STAND_IN, iterative=False), data, Here(tmp_path), Limits(30, 30)
    )
