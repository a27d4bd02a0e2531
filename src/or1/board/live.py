"""The report of runs that are still training, as a page on this machine that follows their files.

The server answers three requests: `/` is the page, `/data?since=TOKEN` the rows after those that the page
has, `/rollouts?run=0` the rollouts of a run. No path of a request is ever a path of a file, nothing is
written, and it listens on the loopback address alone. A request must name that address as its host: a site
that makes its own name point to 127.0.0.1 (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from or1.board.page import page
from or1.board.report_data import report_data
from or1.board.report_rollouts import run_rollouts
from or1.errors import ConfigError, Or1Error
from or1.storage.jsonl import rows_of
from or1.storage.provenance import hash_json
from or1.storage.run_folder import METRICS, TIMINGS, RunFolder
from or1.tracking.metrics import STAGE_INDEX
from or1.tracking.run_data import RunData, run_data

ADDRESS, PORT = "127.0.0.1", 8640
RESENT_STEPS = 2
"""Last known steps that are sent again: the seconds of a step are written after its metrics [steps]."""
REQUEST_LIMIT_S = 10
"""Longest wait for the bytes of a request [s]."""

_TOKEN = re.compile(r"(\d{1,15})-(\d{1,15})-([0-9a-f]{32})")
_STEP_ROW = f'"{STAGE_INDEX}": '.encode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A state of the files of a run: their lengths up to the last whole row, and a hash of these bytes."""

    metrics_bytes: int
    timings_bytes: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = _TOKEN.fullmatch(text)
        return cls(int(found[1]), int(found[2]), found[3]) if found else None

    def __str__(self) -> str:
        return f"{self.metrics_bytes}-{self.timings_bytes}-{self.digest}"


@dataclass(frozen=True, slots=True)
class _Files:
    """The description and the bytes of a run that its curves are made from, read once."""

    folder: Path
    description: dict[str, Any]
    metrics: bytes
    timings: bytes

    @classmethod
    def read(cls, folder: Path) -> Self:
        """
        Raises:
            RunFolderError: it is not a run folder.
        """
        metrics, timings = (_whole_rows(folder / name) for name in (METRICS, TIMINGS))
        return cls(folder, RunFolder.read(folder), metrics, timings)

    def run(self) -> RunData:
        """The rows in these bytes."""
        metrics = rows_of(self.metrics, self.folder / METRICS)
        return run_data(self.description, metrics, rows_of(self.timings, self.folder / TIMINGS))

    def mark(self, metrics_bytes: int | None = None, timings_bytes: int | None = None) -> Mark:
        """The mark of these files, or of their first bytes."""
        metrics, timings = self.metrics[:metrics_bytes], self.timings[:timings_bytes]
        digest = hashlib.blake2b(digest_size=16)
        for part in (hash_json(self.description).encode(), metrics, timings):
            digest.update(hashlib.blake2b(part).digest())
        return Mark(len(metrics), len(timings), digest.hexdigest())

    def continues(self, mark: Mark) -> bool:
        """Do the files begin with those of the mark? Not after a resume that wrote other rows."""
        return self.mark(mark.metrics_bytes, mark.timings_bytes) == mark


def _whole_rows(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


class LiveRuns:
    """The data of the page as of this moment, whole or from the steps on that a page lacks."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def page(self) -> str:
        """
        Raises:
            RunFolderError: a folder is not a run folder.
        """
        files = self._files()
        # the page reads the rollouts when their tab is opened
        later: list[dict[str, Any]] = [{}] * len(files)
        return page(self._data(files) | {"token": _token(files)}, later, is_live=True)

    def _files(self) -> list[_Files]:
        return [_Files.read(folder) for folder in self._folders]

    def _data(self, files: Sequence[_Files]) -> dict[str, Any]:
        return report_data(self._folders, [each.run() for each in files])

    def rollouts(self, number: str) -> dict[str, Any] | None:
        """The rollouts of a run as of now, as `run_rollouts`; None if no run has this number, from 0."""
        numbers = [str(n) for n in range(len(self._folders))]
        return run_rollouts(self._folders[numbers.index(number)]) if number in numbers else None

    def token(self) -> str:
        """The state of the files."""
        return _token(self._files())

    def since(self, token: str) -> dict[str, Any] | None:
        """The reply to a page that has the state `token`; None if nothing has changed.

        `token`: the new state. `first`: for each run the number of steps of the page that stay valid; null
        replaces the whole page. `data`: as `report_data`, with steps and series from `first` on.
        """
        files = self._files()
        new_token = _token(files)
        if token == new_token:
            return None
        data = self._data(files)
        first = _first(files, token)
        if first is not None:
            data["runs"] = [_from(run, n) for run, n in zip(data["runs"], first, strict=True)]
        return {"token": new_token, "first": first, "data": data}


def _token(files: Sequence[_Files]) -> str:
    return ".".join(str(each.mark()) for each in files)


def _first(files: Sequence[_Files], token: str) -> list[int] | None:
    """For each run the number of steps that stay valid in a page of this state; None: not all continue."""
    marks = [Mark.parse(text) for text in token.split(".")]
    if len(marks) != len(files):
        return None
    first = []
    for each, mark in zip(files, marks, strict=True):
        if mark is None or not each.continues(mark):
            return None
        num_known = each.metrics[: mark.metrics_bytes].count(_STEP_ROW)
        first.append(max(0, num_known - RESENT_STEPS))
    return first


def _from(run: Mapping[str, Any], first: int) -> dict[str, Any]:
    series = {key: values[first:] for key, values in run["series"].items()}
    return {**run, "steps": run["steps"][first:], "series": series}


class LiveServer(ThreadingHTTPServer):
    """Serves the page of runs on the loopback address until it is shut down."""

    daemon_threads = True

    def __init__(self, folders: Sequence[Path], port: int = PORT) -> None:
        """
        Args:
            folders: run folders, finished or not.
            port: 0 = any free one.

        Raises:
            ConfigError: the port is in use or not allowed.
        """
        self.runs = LiveRuns(folders)
        try:
            super().__init__((ADDRESS, port), _LiveHandler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise ConfigError(f"--port {port}: {error.strerror}: choose another port") from None

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> set[str]:
        """Values of the header Host that a request may have."""
        return {f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"}


class _LiveHandler(BaseHTTPRequestHandler):
    server: LiveServer
    timeout = REQUEST_LIMIT_S
    server_version, sys_version = "or1", ""

    def do_GET(self) -> None:
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            self._reply(HTTPStatus.FORBIDDEN, "text/plain", f"open {self.server.url} itself")
            return
        try:
            self._answer()
        except (Or1Error, OSError) as error:
            # a resume is cutting or replacing the files: the page repeats its request
            self._reply(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", str(error))

    def _answer(self) -> None:
        parts, runs = urlsplit(self.path), self.server.runs
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = "" if parts.scheme or parts.netloc else parts.path
        if self.path == "/":
            self._reply(HTTPStatus.OK, "text/html", runs.page())
        elif path == "/data":
            self._reply_json(runs.since(query.get("since", "")), HTTPStatus.NO_CONTENT)
        elif path == "/rollouts":
            self._reply_json(runs.rollouts(query.get("run", "")), HTTPStatus.NOT_FOUND)
        else:
            self._reply(HTTPStatus.NOT_FOUND, "text/plain", "only /, /data and /rollouts")

    def _reply_json(self, content: Mapping[str, Any] | None, status_of_none: HTTPStatus) -> None:
        if content is None:
            self._reply(status_of_none, "text/plain", "")
        else:
            self._reply(HTTPStatus.OK, "application/json", json.dumps(content))

    def _reply(self, status: HTTPStatus, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if content:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing: the console belongs to the user."""
