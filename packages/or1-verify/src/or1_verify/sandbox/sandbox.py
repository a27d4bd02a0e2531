"""`Sandbox`: runs programs in fork servers, and restarts a fork server that is lost."""

from __future__ import annotations

import itertools
from typing import Self

from or1_verify.sandbox.detection import best_level
from or1_verify.sandbox.server_process import ForkServerProcess, require_linux
from or1_verify.sandbox.session import Session
from or1_verify.sandbox.types import Execution, Level, Limits, SandboxError

WARM_IMPORTS = (
    "array", "bisect", "builtins", "cmath", "collections", "collections.abc", "copy", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math",
    "numbers", "numpy", "operator", "queue", "random", "re", "sortedcontainers", "statistics", "string",
    "struct", "sys", "threading", "time", "traceback", "typing",
)  # fmt: skip
"""Imported before any program runs: the modules of LiveCodeBench's preamble and of contest programs."""
_LARGE = ("numpy", "sortedcontainers")
"""Loaded only for programs that name one of them: each fork copies the page tables of its fork server."""


class Sandbox:
    """Runs untrusted programs, each in its own process. Used by one thread at a time.

    When a fork server is lost while programs run, the calls that wait for it raise SandboxError; the next
    call starts another one. The first program that names a large library starts a second fork server.
    """

    def __init__(self, level: Level | None = None, *, warm_imports: tuple[str, ...] = WARM_IMPORTS) -> None:
        """Start the fork server at `level`; None = the best level that this machine allows.

        Raises:
            SandboxError: the machine does not allow the level; the message has the reason.
        """
        require_linux()
        self.level = best_level() if level is None else level
        self._large = tuple(name for name in warm_imports if name in _LARGE)
        self._small = tuple(name for name in warm_imports if name not in _LARGE)
        self._numbers = itertools.count()
        self._servers: dict[bool, ForkServerProcess] | None = {
            False: ForkServerProcess(self.level, self._small)
        }
        """Key: whether the large libraries are loaded."""

    def run(self, main: str, *, stdin: bytes = b"", limits: Limits = Limits()) -> Execution:  # noqa: B008
        """Run `main` as a program to its end; SandboxError only if the sandbox itself fails."""
        return self.start(main, stdin=stdin, limits=limits).wait()

    def start(
        self,
        main: str,
        *,
        stdin: bytes | Session = b"",
        limits: Limits = Limits(),  # noqa: B008
        sent_later: str = "",
    ) -> Session:
        """Start `main` as a program that exchanges messages; call `wait` or `close` on its session.

        `sent_later` is code that `main` will receive: it is searched for names of large libraries too. With a
        program as `stdin`, `main` talks to it: descriptor 0 is the other end of that program's channel.
        """
        large = any(name in main or name in sent_later for name in self._large)
        server = self._serving(large=large)
        return Session(server, next(self._numbers), main.encode("utf-8", "surrogatepass"), stdin, limits)

    @property
    def pids(self) -> list[int]:
        """Process ids of the fork servers."""
        return [server.pid for server in (self._servers or {}).values()]

    def close(self) -> None:
        """Stop all programs and fork servers; may be called twice. Open sessions fail afterwards."""
        for server in (self._servers or {}).values():
            server.close()
        self._servers = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serving(self, *, large: bool) -> ForkServerProcess:
        """A running fork server; started if there is none."""
        if self._servers is None:
            raise SandboxError("the sandbox is closed")
        server = self._servers.get(large)
        if server is None or server.lost:
            if server is not None:
                server.close()
            server = ForkServerProcess(self.level, self._small + self._large if large else self._small)
            self._servers[large] = server
        return server
