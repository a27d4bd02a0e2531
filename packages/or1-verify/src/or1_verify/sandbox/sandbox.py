"""The parent side: one fork-server, the slots its programs run in, and what becomes of both."""

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
"""Loaded before any program: what LiveCodeBench's preamble and contest programs import."""
_LARGE = ("numpy", "sortedcontainers")
"""Loaded only where a program names one of them: every fork pays for what its fork-server holds."""


class Sandbox:
    """Runs programs that nobody trusts, each in its own process. Belongs to one thread at a time.

    A lost fork-server costs the calls that waited for it, as SandboxError; the next call starts another. So
    does the first program that names a large library.
    """

    def __init__(self, level: Level | None = None, *, warm_imports: tuple[str, ...] = WARM_IMPORTS) -> None:
        """Start the fork-server at `level`, or at the best level that this machine allows.

        Raises:
            SandboxError: the machine does not allow the level; the text says why.
        """
        require_linux()
        self.level = best_level() if level is None else level
        self._large = tuple(name for name in warm_imports if name in _LARGE)
        self._small = tuple(name for name in warm_imports if name not in _LARGE)
        self._numbers = itertools.count()
        self._servers: dict[bool, ForkServerProcess] | None = {
            False: ForkServerProcess(self.level, self._small)
        }
        """By whether the large libraries are loaded, too."""

    def run(self, main: str, *, stdin: bytes = b"", limits: Limits = Limits()) -> Execution:  # noqa: B008
        """Run `main` as a program to its end; SandboxError when the sandbox failed, never for the program."""
        return self.start(main, stdin=stdin, limits=limits).wait()

    def start(
        self,
        main: str,
        *,
        stdin: bytes = b"",
        limits: Limits = Limits(),  # noqa: B008
        sent_later: str = "",
    ) -> Session:
        """Start `main` as a program to talk to; its session must be waited for or closed.

        What `main` will be sent and run says by `sent_later` which libraries it names.
        """
        large = any(name in main or name in sent_later for name in self._large)
        server = self._serving(large=large)
        return Session(server, next(self._numbers), main.encode("utf-8", "surrogatepass"), stdin, limits)

    @property
    def pids(self) -> list[int]:
        """Process ids of the fork-servers."""
        return [server.pid for server in (self._servers or {}).values()]

    def close(self) -> None:
        """End every program and the fork-servers; safe to repeat. Sessions still open fail from then on."""
        for server in (self._servers or {}).values():
            server.close()
        self._servers = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serving(self, *, large: bool) -> ForkServerProcess:
        """A fork-server that lives."""
        if self._servers is None:
            raise SandboxError("the sandbox is closed")
        server = self._servers.get(large)
        if server is None or server.lost:
            if server is not None:
                server.close()
            server = ForkServerProcess(self.level, self._small + self._large if large else self._small)
            self._servers[large] = server
        return server
