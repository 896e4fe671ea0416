"""Downloading what a source offers: progress, resume, checksums. Nothing that exists is touched by a bad download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.datasets.parsers import File
from bench.errors import UsageError
from bench.system.reading import sha256

BLOCK = 1 << 16
"""Bytes that a connection which breaks loses at most."""
SECONDS_WITHOUT_DATA = 60.0

Report = Callable[[int, int | None], None]
"""(bytes there, bytes in all or None)."""


def fetch(file: File, folder: Path, report: Report | None = None, timeout: float = SECONDS_WITHOUT_DATA) -> Path:
    """Download a file into ``folder`` unless it is there with the right checksum, and return its path.

    A connection that breaks leaves ``<name>.part``, from which the next call goes on where the server allows it.
    Where no checksum is known, the first download's is written beside the file and holds from then on.

    Raises
    ------
    UsageError: when the server cannot be reached, stalls, answers with an error or a web page instead of the file, or
        sends something whose checksum is not the expected one; one sentence with what to do.
    """
    import pooch

    folder.mkdir(parents=True, exist_ok=True)
    path, memory = folder / file.name, folder / f"{file.name}.sha256"
    known = file.checksum or (f"sha256:{memory.read_text().split()[0]}" if memory.is_file() else None)
    try:
        pooch.retrieve(
            file.url,
            known_hash=known,
            fname=file.name,
            path=folder,
            downloader=_Resuming(folder / f"{file.name}.part", report, timeout),
        )
    except ValueError as error:  # pooch's word for a checksum that does not agree
        raise UsageError(
            f"{file.url} sent a file whose checksum is not {known}; nothing was installed. The file may have been "
            "replaced by its owner, or the address may be wrong."
        ) from error
    if known is None:
        memory.write_text(f"{sha256(path)}  {file.name}\n", encoding="utf-8")
    return path


class _Resuming:
    """A downloader for pooch that keeps what it has."""

    def __init__(self, partial: Path, report: Report | None, timeout: float) -> None:
        self.partial, self.report, self.timeout = partial, report, timeout

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        import requests

        have = self.partial.stat().st_size if self.partial.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with requests.get(url, stream=True, timeout=self.timeout, headers=headers) as answer:
                if answer.status_code == 416:  # nothing after what is there: it is whole, or another file's
                    self._finish(output_file)
                    return
                if not answer.ok:
                    raise UsageError(f"{url} answered {answer.status_code} {answer.reason}.")
                if "text/html" in answer.headers.get("Content-Type", ""):
                    raise UsageError(
                        f"{url} answered with a web page instead of the file; its owner may ask for a login or a form. "
                        "Download it with a browser and give it by --raw."
                    )
                resumed = have if answer.status_code == 206 else 0
                length = answer.headers.get("Content-Length")
                whole = resumed + int(length) if length else None
                received = resumed
                with self.partial.open("ab" if resumed else "wb") as stream:
                    for block in answer.iter_content(BLOCK):
                        stream.write(block)
                        received += len(block)
                        if self.report:
                            self.report(received, whole)
                if whole is not None and received < whole:
                    raise requests.ConnectionError("the connection broke")
        except requests.RequestException as error:
            kept = self.partial.stat().st_size if self.partial.is_file() else 0
            reason = "sent nothing for a while" if isinstance(error, requests.Timeout) else "broke off or was not there"
            raise UsageError(
                f"the connection to {url} {reason}; {kept} bytes are kept, and the same command goes on from there."
            ) from error
        self._finish(output_file)

    def _finish(self, output_file: Any) -> None:
        if _looks_like_html(self.partial):
            self.partial.unlink()
            raise UsageError(
                "the server sent a web page instead of the file; its owner may ask for a login or a form. "
                "Download it with a browser and give it by --raw."
            )
        self.partial.replace(output_file)


def _looks_like_html(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(256).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))
