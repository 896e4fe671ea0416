"""Each kind of record that cannot be trusted is refused in a sentence of its own, by a merge and by a check alike."""

from __future__ import annotations

import hashlib
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from bench import config as configuration
from bench.board.merge import merged, write_folder, write_packed
from bench.board.submission import verdicts
from bench.records.record import Failure, Record, RecoveryResult, Result, as_json, encode_line, readable
from bench.records.store import Store

RUNS = Path("results/runs")
FOLDER = RUNS / "yeast@mulan"
BCE, FL = FOLDER / "BCE/seed-0.json", FOLDER / "FL/seed-1.json"


def record_at(path: Path) -> Record:
    found = readable(path)
    assert isinstance(found, Record)
    return found


def result_of(record: Record) -> Result:
    assert record.result is not None
    return record.result


def rewritten(path: Path = BCE, **fields: Any) -> None:
    """Give a record other fields, and a checksum that fits."""
    Store(RUNS).write(replace(record_at(path), **fields))


def with_key(path: Path = BCE, **parts: Any) -> None:
    rewritten(path, key={**record_at(path).key, **parts})


def torn() -> None:
    BCE.write_bytes(BCE.read_bytes()[:-500])


def edited_in_an_editor() -> None:
    text = BCE.read_text()
    value = repr(result_of(record_at(BCE)).test["hamming"])
    assert value in text
    BCE.write_text(text.replace(value, "0.1"))


def of_another_schema() -> None:
    BCE.write_text(BCE.read_text().replace('"schema": 2', '"schema": 3'))


def of_something_else() -> None:
    BCE.write_text('{"accuracy": 0.99}')


def copied_as_another_seed() -> None:
    shutil.copy(BCE, BCE.with_name("seed-7.json"))


def without_a_result() -> None:
    rewritten(result=None)


def failed_with_a_result() -> None:
    rewritten(status="failed", failure=Failure("ValueError", "no"))


def of_another_seeds_key() -> None:
    with_key(seed=5)


def of_another_methods_key() -> None:
    with_key(hyperparameters={**record_at(BCE).key["hyperparameters"], "method": "FL"})


def beyond_bounds() -> None:
    result = result_of(record_at(BCE))
    rewritten(result=replace(result, test={**result.test, "micro_f1": 1.5}))


def better_than_its_grid_point() -> None:
    result = result_of(record_at(BCE))
    rewritten(result=replace(result, test={**result.test, "hamming": 0.1}))


def with_a_grid_point_that_is_not_the_best() -> None:
    result = result_of(record_at(BCE))
    (point,) = result.grid
    better = replace(point, val={**(point.val or {}), "hamming": 0.0})
    rewritten(result=replace(result, grid=[point, better]))


def of_the_other_track() -> None:
    result = result_of(record_at(BCE))
    found = RecoveryResult({"cosine": 0.5}, None, 10, result.n_features, result.n_labels, "none")
    rewritten(track="recovery", result=None, recovered=found)


def of_code_that_computed_other_numbers() -> None:
    record = record_at(BCE)
    assert record.probe
    name = next(name for name, value in record.probe.items() if value)
    rewritten(key={**record.key, "method": "0" * 16}, probe_json=as_json({**record.probe, name: 0.123}))


def of_other_code_without_a_probe() -> None:
    rewritten(key={**record_at(BCE).key, "loop": "0" * 16}, probe_json=UNSET)


def of_another_version_of_the_results() -> None:
    with_key(versions={"loop": 1, "method": 2})


def of_an_unknown_method() -> None:
    record = record_at(BCE)
    job = replace(record.job, variant="Nobody")
    key = {**record.key, "hyperparameters": {**record.key["hyperparameters"], "method": "Nobody"}}
    Store(RUNS).write(replace(record, job=job, base="Nobody", key=key, artifacts={}))


def of_an_unknown_variant() -> None:
    record = record_at(BCE)
    Store(RUNS).write(replace(record, job=replace(record.job, variant="BCE of mine"), artifacts={}))


def of_other_data() -> None:
    with_key(data="0" * 16)


def of_another_protocol() -> None:
    with_key(protocol={**record_at(BCE).key["protocol"], "epochs": 7})


def of_other_options() -> None:
    with_key(hyperparameters={**record_at(BCE).key["hyperparameters"], "options": {"gamma": 3.0}})


def with_other_scores() -> None:
    shutil.copy(FL.with_name("seed-1.scores.npz"), BCE.with_name("seed-0.scores.npz"))


def with_decisions_of_another_type() -> None:
    rewritten(decisions_json=as_json({"code": {}, "rules": {"fixed": []}}))


def with_curves_of_another_type() -> None:
    (point,) = result_of(record_at(BCE)).grid
    rewritten(result=replace(result_of(record_at(BCE)), grid=[replace(point, curves_json=as_json([0.5]))]))


def under_a_name_outside_the_folder() -> None:
    rewritten(key={**record_at(BCE).key, "method": "../../../evil"})


KINDS: dict[Callable[[], None], str] = {
    torn: "cannot be read as JSON",
    edited_in_an_editor: "does not match its checksum; it was edited or damaged",
    of_another_schema: "has schema 3; this version reads schema 2",
    of_something_else: "is not a record of this harness",
    copied_as_another_seed: "is that of yeast@mulan BCE seed 0, which its name is not; remove it",
    without_a_result: "is done, but has 0 results",
    failed_with_a_result: "is that of a failure, but has a result",
    of_another_seeds_key: "has the key of seed 5; it was made by other software, or edited",
    of_another_methods_key: "is of the method BCE, but has the key of FL",
    beyond_bounds: "has micro_f1 1.5 on test data, which is from 0 to 1",
    better_than_its_grid_point: "has another hamming on test data than the grid point that it chose",
    with_a_grid_point_that_is_not_the_best: "chose a grid point that is not the best by Hamming loss on validation",
    of_the_other_track: "there is no variant 'BCE' by a protocol 'small' here",
    of_code_that_computed_other_numbers: "its code (method) is not that of this version, and computes other numbers",
    of_other_code_without_a_probe: "its code (loop) is not that of this version, and it has no probe to compare",
    of_another_version_of_the_results: "made by version 1 of the loop, 2 of the method of the results",
    of_an_unknown_method: "its method 'Nobody' is not here; --methods-dir names the folder of its file",
    of_an_unknown_variant: "there is no variant 'BCE of mine' by a protocol 'small' here",
    of_other_data: "its data (digest 0000000000000000) are not the yeast@mulan that is here (digest ",
    of_another_protocol: "its protocol 'small' has epochs 7 (here 2)",
    of_other_options: "its hyperparameters are not those of BCE here",
    with_other_scores: "its seed-0.scores.npz is not the file that its job wrote (another SHA-256)",
    with_decisions_of_another_type: "it is incomplete: Expected `object`, got `array` - at `$.rules[...]`; it was made",
    with_curves_of_another_type: "it is incomplete: Expected `object`, got `array`; it was made by other software",
    under_a_name_outside_the_folder: "names '../../../evil', which can be no file's",
}
WHOLE = 6
"""Records of the run."""
BESIDE = (copied_as_another_seed, of_an_unknown_method, of_an_unknown_variant)
"""Kinds that are further records, beside whole ones."""


@pytest.mark.parametrize("spoil", KINDS, ids=lambda kind: kind.__name__)
def test_one_bad_record_is_refused_and_the_others_are_merged(work: Path, spoil: Callable[[], None]) -> None:
    spoil()
    found = merged([RUNS], Path("all"), configuration.load(), [])
    (sentence,) = found.refused
    assert KINDS[spoil] in sentence
    assert sentence.startswith("results/runs: ")
    assert sentence.endswith(".")
    write_folder(found, Path("all"))
    written = dict(Store(Path("all")).records())
    assert len(written) == WHOLE - (spoil not in BESIDE)
    assert all(isinstance(record, Record) for record in written.values())
    said = [one for one in verdicts([RUNS], None, Path("nothing")) if not one.accepted]
    assert [one.text for one in said] == [sentence.removeprefix("results/runs: ")]


def test_there_is_a_table_of_twelve_kinds_and_each_has_its_sentence() -> None:
    assert len(set(KINDS.values())) == len(KINDS) >= 12


def test_a_packed_file_is_checked_line_by_line(work: Path) -> None:
    file = Path("mine.jsonl.xz")
    write_packed(merged([RUNS], file, configuration.load(), []), file)
    lines = lzma.decompress(file.read_bytes()).splitlines()
    first = lines[0].replace(b'"status":"done"', b'"status":"failed"')
    assert first != lines[0]
    again = replace(record_at(FL), cost=replace(record_at(FL).cost, seconds=99.0))
    file.write_bytes(lzma.compress(b"\n".join([first, b"{", *lines[1:], encode_line(again)])))
    said = [one.text for one in verdicts([file], None, Path("nothing")) if not one.accepted]
    assert len(said) == 3
    assert said[0].startswith("mine.jsonl.xz, line 1 does not match its checksum")
    assert said[1].startswith("mine.jsonl.xz, line 2")
    assert said[2].startswith(f"mine.jsonl.xz, line {len(lines) + 2} is a second record of {again.job}")


def test_a_damaged_packed_file_is_refused_and_its_neighbours_merged(work: Path) -> None:
    file = Path("mine.jsonl.xz")
    file.write_bytes(b"nothing")
    found = merged([file, RUNS], Path("all"), configuration.load(), [])
    assert len(found.taken) == WHOLE
    (said,) = found.refused
    assert said.startswith("mine.jsonl.xz: mine.jsonl.xz cannot be read as a .xz file")


def test_scores_that_give_other_metrics_are_found_out_whatever_the_digests(work: Path) -> None:
    with_other_scores()
    content = BCE.with_name("seed-0.scores.npz").read_bytes()
    rewritten(artifact_sha256={"scores.npz": hashlib.sha256(content).hexdigest()})
    (said,) = [one.text for one in verdicts([RUNS], None, Path("nothing")) if not one.accepted]
    assert said.startswith("yeast@mulan BCE seed 0: its kept scores give the ")


def test_a_failure_is_no_submission(work: Path) -> None:
    rewritten(status="failed", result=None, failure=Failure("ValueError", "no memory"))
    (said,) = [one.text for one in verdicts([RUNS], None, Path("nothing")) if not one.accepted]
    assert said == "yeast@mulan BCE seed 0: it is of a job that failed (no memory); a submission is of results."
