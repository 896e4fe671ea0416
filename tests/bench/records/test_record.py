"""results/README.md tells the schema as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from bench.records import record

README = (Path(__file__).resolve().parents[3] / "results/README.md").read_text(encoding="utf-8")
SHAPES = (
    "Record", "Result", "Further", "RecoveryResult", "GridPoint", "Selected", "AlsoSelected", "Curves", "Failure",
    "Cost", "Decided", "Decisions", "Provenance",
)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_names_every_field(shape: str) -> None:
    named = set(re.findall(r"`([\w.]+)`", README)) | {"result_sha256"}
    for field in msgspec.structs.fields(getattr(record, shape)):
        assert field.encode_name in named, f"results/README.md does not name {shape}.{field.encode_name}"


def test_the_page_tells_the_schemas_number() -> None:
    assert f"| `schema` | {record.SCHEMA} |" in README


@pytest.mark.parametrize("track", ["result", "recovered"])
def test_what_is_written_is_read_again(track: str, tmp_path: Path) -> None:
    done = record.Record(
        job=record.JobName("set", "npz", "FL", 0),
        base="FL",
        protocol="small",
        key={"seed": 0},
        status="done",
        cost=record.Cost(seconds=1.5, stacks_that_did_not_fit=[8]),
        environment={},
        **{track: RESULTS[track]},  # type: ignore[arg-type]
        probe_json=record.as_json({"test hamming": 0.1, "epoch": None}),
    )
    path = record.record_path(tmp_path, done.job)
    path.parent.mkdir(parents=True)
    path.write_bytes(record.encode(done))
    assert record.read_record(path) == done
    assert record.read_record(path).metrics == {"hamming": 0.25, "average_precision": None}


def test_a_field_of_an_earlier_version_is_passed_over(tmp_path: Path) -> None:
    cost = record.Cost(seconds=1.5)
    done = record.Record(record.JobName("set", "npz", "FL", 0), "FL", "small", {"seed": 0}, "done", cost, {})
    done = msgspec.structs.replace(done, result=RESULTS["result"])
    body = msgspec.json.decode(record.encode(done))
    del body["checksum"]
    body["cost"]["together"] = 2
    path = record.record_path(tmp_path, done.job)
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode({**body, "checksum": record._checksum(body)}))
    assert record.read_record(path) == done


METRICS: record.Metrics = {"hamming": 0.25, "average_precision": None}
RESULTS = {
    "result": record.Result(
        selected=record.Selected(0, 2, {"alpha": 0.1}),
        val=METRICS,
        test=METRICS,
        grid=[
            record.GridPoint(
                {"alpha": 0.1},
                2,
                3,
                METRICS,
                None,
                record.as_json(record.Curves([0.5, None], [0.3, 0.25])),
                4,
                3,
                {"ranking": 1},
            )
        ],
        epochs=3,
        stacks=[1],
        n_samples={"train": 3, "val": 1, "test": 1},
        n_features=2,
        n_labels=4,
        also_selected={"micro-f1": record.AlsoSelected(0, 1, {"alpha": 0.1}, METRICS, METRICS)},
    ),
    "recovered": record.RecoveryResult(
        measures=METRICS, epochs=None, n_samples=5, n_features=2, n_labels=4, logical_labels="the authors'"
    ),
}


def test_bytes_in_another_order_are_read_and_an_edited_byte_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = record.Cost(seconds=1.5)
    done = record.Record(record.JobName("set", "npz", "FL", 0), "FL", "small", {"seed": 0}, "done", cost, {"é": '"x"'})
    done = msgspec.structs.replace(done, result=RESULTS["result"])
    body = msgspec.json.decode(record.encode(done))
    path = record.record_path(tmp_path, done.job)
    path.parent.mkdir(parents=True)
    path.write_bytes(json.dumps(dict(reversed(body.items())), indent=4).encode())
    assert record.read_record(path) == done
    path.write_bytes(record.encode(done).replace(b"1.5", b"1.6"))
    with pytest.raises(record.CorruptRecordError, match="does not match its checksum"):
        record.read_record(path)
    del body["checksum"], body["schema"]
    path.write_bytes(msgspec.json.encode({**body, "checksum": record._checksum(body)}, order="sorted"))
    with pytest.raises(record.CorruptRecordError, match="not a record of this harness"):
        record.read_record(path)
    monkeypatch.setattr(record, "_record_of", None)  # as written: the bytes alone
    for raw in (record.encode(done), record.encode_line(done)):
        path.write_bytes(raw)
        assert record.read_record(path) == done
