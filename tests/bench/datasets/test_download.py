"""Downloads against a local server that behaves as servers do, and archives that mean harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.datasets import download
from bench.datasets.download import fetch
from bench.datasets.parsers import File
from bench.errors import UsageError
from bench.system import archive

CONTENT = bytes(range(256)) * 4096
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(BaseHTTPRequestHandler):
    """Servers of several kinds, by the path: /drops sends half of what is asked for, the first time."""

    dropped: bool = False
    ranges: list[str | None]

    def do_GET(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # a download that is refused is not read to its end
            self._answer()

    def _answer(self) -> None:
        kind = self.path.rsplit("/", 1)[-1].removesuffix(".tar")
        wanted = self.headers.get("Range")
        type(self).ranges.append(wanted)
        if kind == "missing":
            self.send_error(404)
            return
        if kind == "login":
            self._send(b"<html>log in</html>", "text/html; charset=utf-8")
        elif kind == "disguised":
            self._send(b"\n<!DOCTYPE html><html>log in</html>", "application/octet-stream")
        elif kind == "empty":
            self._send(b"", "application/x-tar")
        elif kind == "redirected":
            self.send_response(302)
            self.end_headers()
            self.wfile.write(CONTENT)
        elif kind in ("unsized", "packed", "torn"):
            body = gzip.compress(CONTENT)
            self.send_response(200)
            if kind != "unsized":
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write({"unsized": CONTENT, "packed": body, "torn": body[:200] + bytes(200) + body[400:]}[kind])
        elif wanted and kind == "beyond":
            self.send_error(416)
        elif wanted and kind in ("elsewhere", "silent"):
            self.send_response(206)
            self.send_header("Content-Length", str(len(CONTENT)))
            if kind == "elsewhere":
                self.send_header("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.end_headers()
            self.wfile.write(CONTENT)
        elif kind == "wrong":
            self._send(b"another file", "application/x-tar")
        elif kind == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
            self.wfile.flush()
            time.sleep(3)
        elif kind == "drops" and not type(self).dropped:
            type(self).dropped = True
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif wanted and kind != "unranged":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.end_headers()
            self.wfile.write(CONTENT[start:])
        else:
            self._send(CONTENT, "application/x-tar")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.dropped, Server.ranges = False, []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def file(server: str, kind: str, checksum: str | None = DIGEST) -> File:
    return File(f"{server}/{kind}.tar", checksum, "a test's")


def test_a_whole_file_arrives_with_progress_and_is_not_fetched_twice(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(file(server, "whole"), tmp_path, lambda there, whole: seen.append((there, whole)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(file(server, "whole"), tmp_path) == path
    assert len(Server.ranges) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["whole.tar"]


def test_a_broken_connection_is_resumed_where_it_broke(server: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{len(CONTENT) // 2} bytes are kept, and the same command goes on"):
        fetch(file(server, "drops"), tmp_path)
    assert not (tmp_path / "drops.tar").exists()
    assert fetch(file(server, "drops"), tmp_path).read_bytes() == CONTENT
    assert Server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["drops.tar"]


@pytest.mark.parametrize("kind", ["unranged", "beyond", "elsewhere", "silent"])
@pytest.mark.parametrize("checksum", [DIGEST, None])
def test_a_server_that_cannot_resume_sends_the_whole_again(
    server: str, tmp_path: Path, kind: str, checksum: str | None
) -> None:
    """One that answers with all, that there is nothing there, with another place, or does not say with which."""
    (tmp_path / f"{kind}.tar.part").write_bytes(CONTENT[:100])
    assert fetch(file(server, kind, checksum), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("there", [bytes(100), CONTENT + b"more", CONTENT])
def test_what_is_kept_of_another_file_is_never_joined_to_this_one(server: str, tmp_path: Path, there: bytes) -> None:
    for checksum in (DIGEST, None):
        (tmp_path / "ranged.tar.part").write_bytes(there)
        assert fetch(file(server, "ranged", checksum), tmp_path).read_bytes() == CONTENT
        (tmp_path / "ranged.tar").unlink()


def test_without_a_checksum_nothing_is_resumed(server: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="broke off or was not there; try again"):
        fetch(file(server, "drops", None), tmp_path)
    assert fetch(file(server, "drops", None), tmp_path).read_bytes() == CONTENT
    assert Server.ranges == [None, None]


@pytest.mark.parametrize(
    ("kind", "checksum", "message"),
    [
        ("empty", DIGEST, "sent an empty file"),
        ("empty", None, "sent an empty file"),
        ("redirected", None, "answered 302"),
        ("unsized", None, "does not say how long the file is, and no checksum is known"),
        ("packed", None, "does not say how long the file is, and no checksum is known"),
        ("torn", DIGEST, "broke off or was not there"),
        ("whole", "crc32:abcd", "the checksum 'crc32:abcd' of .* is none"),
    ],
)
def test_what_may_not_be_the_file_is_refused(
    server: str, tmp_path: Path, kind: str, checksum: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fetch(file(server, kind, checksum), tmp_path)
    assert not (tmp_path / f"{kind}.tar").exists()


def test_with_a_checksum_the_size_need_not_be_known(server: str, tmp_path: Path) -> None:
    for kind in ("unsized", "packed"):
        assert fetch(file(server, kind), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["whole", "unsized"])
def test_a_download_has_a_bound(server: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST", len(CONTENT) // 2)
    with pytest.raises(UsageError, match="is refused: it would be"):
        fetch(file(server, kind), tmp_path)
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= len(CONTENT) // 2


def test_no_planted_link_is_followed_and_no_folder_replaced(server: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "whole.tar.part").symlink_to("mine")
    with pytest.raises(UsageError, match=r"whole\.tar\.part cannot be written"):
        fetch(file(server, "whole"), tmp_path)
    assert (tmp_path / "mine").read_bytes() == b"mine"
    (tmp_path / "unranged.tar").mkdir()
    with pytest.raises(UsageError, match=r"unranged\.tar is a folder"):
        fetch(file(server, "unranged"), tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0123\n"])
def test_a_recorded_checksum_that_is_none_is_named(server: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "whole.tar.sha256").write_bytes(content)
    with pytest.raises(UsageError, match=r"whole\.tar\.sha256"):
        fetch(file(server, "whole", None), tmp_path)


@pytest.mark.parametrize("url", ["http://[::1/x.tar", "http://127.0.0.1:99999/x.tar", "file:///etc/passwd", "nonsense"])
def test_addresses_that_are_none_are_one_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as error:
        fetch(File(url, DIGEST, ""), tmp_path)
    assert url in str(error.value)


def test_a_wrong_file_is_refused_and_touches_nothing(server: str, tmp_path: Path) -> None:
    (tmp_path / "other.tar").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"whose checksum is not sha256:.*; nothing was installed"):
        fetch(file(server, "wrong"), tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["other.tar"]


def test_a_bad_download_leaves_the_file_that_is_there(server: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.tar").write_bytes(b"an older version")
    with pytest.raises(UsageError, match="nothing was installed"):
        fetch(file(server, "wrong"), tmp_path)
    assert (tmp_path / "wrong.tar").read_bytes() == b"an older version"


@pytest.mark.parametrize("kind", ["login", "disguised"])
@pytest.mark.parametrize("checksum", [DIGEST, None])
def test_a_login_page_is_refused(server: str, tmp_path: Path, kind: str, checksum: str | None) -> None:
    with pytest.raises(UsageError, match="web page instead of the file; its owner may ask for a login or a form"):
        fetch(file(server, kind, checksum), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_stalled_server_is_given_up_and_its_bytes_are_kept(server: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bytes are kept, and the same command goes on from there"):
        fetch(file(server, "slow"), tmp_path, timeout=0.3)
    assert not (tmp_path / "slow.tar").exists()


def test_errors_of_the_server_and_no_server_at_all(server: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="answered 404 Not Found"):
        fetch(file(server, "missing"), tmp_path)
    with pytest.raises(UsageError, match="broke off or was not there; 0 bytes are kept"):
        fetch(File("http://127.0.0.1:9/whole.tar", DIGEST, ""), tmp_path)


def test_an_unknown_checksum_is_recorded_and_holds_from_then_on(server: str, tmp_path: Path) -> None:
    path = fetch(file(server, "whole", None), tmp_path)
    assert (tmp_path / "whole.tar.sha256").read_text().split()[0] == DIGEST.removeprefix("sha256:")
    path.write_bytes(b"changed by someone")
    assert fetch(file(server, "whole", None), tmp_path).read_bytes() == CONTENT  # fetched again, and it agrees
    (tmp_path / "wrong.tar.sha256").write_text(DIGEST.removeprefix("sha256:"))
    with pytest.raises(UsageError, match="nothing was installed"):
        fetch(file(server, "wrong", None), tmp_path)


# --- archives -------------------------------------------------------------------------------------------------------


def tar(path: Path, members: list[tarfile.TarInfo], content: bytes = b"x") -> Path:
    with tarfile.open(path, "w") as target:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            target.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return path


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


@pytest.mark.parametrize(
    "members",
    [
        [tarfile.TarInfo("../outside.txt")],
        [tarfile.TarInfo("a/../../outside.txt")],
        [link("away", "/etc"), tarfile.TarInfo("away/outside.txt")],
        [link("up", "../.."), tarfile.TarInfo("up/outside.txt")],
    ],
)
def test_tar_members_cannot_leave_their_folder(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    source = tar(tmp_path / "bad.tar", members)
    with pytest.raises(UsageError, match=r"bad\.tar is refused"):
        archive.unpack(source, tmp_path / "in/folder")
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a\\..\\..\\outside.txt", "C:/outside.txt"])
def test_zip_members_cannot_leave_their_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as target:
        target.writestr(zipfile.ZipInfo(name), "x")
    with pytest.raises(UsageError, match="would be written outside the folder"):
        archive.unpack(tmp_path / "bad.zip", tmp_path / "in/folder")
    assert not list(tmp_path.rglob("outside.txt"))


def test_good_archives_unpack_and_damaged_ones_say_so(tmp_path: Path) -> None:
    archive.unpack(tar(tmp_path / "good.tar", [tarfile.TarInfo("a/b.txt")]), tmp_path / "good")
    assert (tmp_path / "good/a/b.txt").read_bytes() == b"x"
    (tmp_path / "torn.tar").write_bytes((tmp_path / "good.tar").read_bytes()[:600])
    (tmp_path / "none.zip").write_bytes(b"PK no zip")
    for name in ("torn.tar", "none.zip"):
        with pytest.raises(UsageError, match=r"cannot be unpacked|cannot be read"):
            archive.unpack(tmp_path / name, tmp_path / "out")


def test_sizes_beyond_reason_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tar(tmp_path / "big.tar", [tarfile.TarInfo("a.txt")], b"x" * 5000)
    monkeypatch.setattr(archive, "LARGEST_WHOLE", 4000)
    with pytest.raises(UsageError, match="is refused: unpacked it would be"):
        archive.unpack(source, tmp_path / "out")
    monkeypatch.setattr(archive, "LARGEST_MEMBER", 4000)
    with pytest.raises(UsageError, match=r"is refused: a\.txt would be"):
        list(archive.members(source, lambda name: True))
