"""The door out: whole or not at all, never through a planted link, never in place of what is no file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from bench.system import writing
from bench.system.writing import WriteError, check_writable, replacing, write


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write(path, b"first")
    with pytest.raises(ZeroDivisionError), replacing(path) as stream:
        stream.write(bytes([1 // 0]))
    assert path.read_bytes() == b"first"
    write(path, b"second")
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]
    assert path.read_bytes() == b"second"


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_planted_link_of_the_temporary_name_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda count: "known")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    writing._temporary(tmp_path / "file").symlink_to(victim)
    with pytest.raises(WriteError, match="File exists"):
        write(tmp_path / "file", b"x")
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("call", [lambda path: write(path, b"x"), check_writable])
def test_what_cannot_be_written_is_said_in_a_sentence(call: object, tmp_path: Path) -> None:
    assert callable(call)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")
    wrong = {
        tmp_path: "not a file",
        tmp_path / "pipe": "not a file",
        Path("/dev/full"): "not a file",
        tmp_path / "file" / "below": "Not a directory",
        Path("/proc/nothing/x"): "cannot be written",
        tmp_path / ("o" * 300): "at most 255 bytes",
        Path(""): "unset",
        tmp_path / "a\0b": "null",
    }
    for path, said in wrong.items():
        with pytest.raises(WriteError, match=said) as caught:
            call(path)
        assert "\n" not in str(caught.value)
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".tmp")]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write(path, b"before")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(WriteError, match="file cannot be written: No space left on device"):
        write(path, b"after")
    assert path.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("é" * 127), b"x")
    assert len(list(tmp_path.iterdir())) == 1
