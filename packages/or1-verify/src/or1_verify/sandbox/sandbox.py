"""The parent side: one fork-server, the slots its programs run in, and what becomes of both."""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import or1_verify
from or1_verify.sandbox import cgroups
from or1_verify.sandbox.control import Control, Message, pair
from or1_verify.sandbox.scratch import folder_of, overfull
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
MOST_PROGRAMS = 16
"""Programs of one sandbox at a time."""
_START_LIMIT_S = 60.0
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Sets of strings are walked in hash order: fixed, a program takes the same path every time.
    "PYTHONHASHSEED": "0",
}
_BOOT = """
import sys, types
root = sys.argv[1]
for name in ("or1_verify", "or1_verify.sandbox"):
    # Packages that load nothing by themselves: what the fork-server holds costs every fork of it.
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [f"{root}/{name.replace('.', '/')}"]
from or1_verify.sandbox.fork_server import main
main()
"""
_PASSED_ON = ("LD_LIBRARY_PATH",)


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
        if not sys.platform.startswith("linux"):
            raise SandboxError("the code sandbox needs Linux: run it in a container")
        self.level = _best_level() if level is None else level
        self._large = tuple(name for name in warm_imports if name in _LARGE)
        self._small = tuple(name for name in warm_imports if name not in _LARGE)
        self._numbers = itertools.count()
        self._servers: dict[bool, _Server] | None = {False: _Server(self.level, self._small)}
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serving(self, *, large: bool) -> _Server:
        """A fork-server that lives."""
        if self._servers is None:
            raise SandboxError("the sandbox is closed")
        server = self._servers.get(large)
        if server is None or server.lost:
            if server is not None:
                server.close()
            server = _Server(self.level, self._small + self._large if large else self._small)
            self._servers[large] = server
        return server


class _Server:
    """One running fork-server, seen from its parent."""

    def __init__(self, level: Level, warm_imports: tuple[str, ...]) -> None:
        self.level = level
        self.lost = False
        self.control: Control
        self._reports: dict[int, list[Message]] = {}
        self._free_slots = list(range(MOST_PROGRAMS))
        self._home = tempfile.mkdtemp(prefix="or1-sandbox-")
        os.chmod(self._home, 0o711)  # noqa: PTH101
        self.control, theirs = pair()
        self._cgroups: cgroups.Cgroups | None = None
        environment = _ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        package = str(Path(or1_verify.__file__).parents[1])
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, package, self._home, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        try:
            if level >= Level.CGROUP:
                self._cgroups = _cgroups(level)
            self._wait_until_serving(warm_imports)
            if level >= Level.NAMESPACES:
                os.rmdir(self._home)  # noqa: PTH106  (a place to mount on, elsewhere)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def acquire_slot(self, memory_bytes: int) -> tuple[int, cgroups.Slot | None]:
        """A place for one program; SandboxError when all are taken."""
        if not self._free_slots:
            raise SandboxError(f"{MOST_PROGRAMS} programs run in this sandbox already")
        number = heapq.heappop(self._free_slots)
        if self._cgroups is None:
            return number, None
        try:
            return number, self._cgroups.prepare(number, memory_bytes)
        except OSError as error:
            heapq.heappush(self._free_slots, number)
            raise SandboxError(f"memory group: {error}") from error

    def release_slot(self, slot: int) -> None:
        heapq.heappush(self._free_slots, slot)

    def overfull(self, slot: int, file_bytes: int) -> bool:
        """Whether a program has written more than it may, where nothing but looking tells."""
        if self.level >= Level.NAMESPACES:
            return False  # its file system has a size
        return overfull(folder_of(self._home, slot), file_bytes)

    def expect(self, number: int) -> None:
        self._reports[number] = []

    def forget(self, number: int) -> None:
        self._reports.pop(number, None)

    def reports(self, number: int) -> list[Message]:
        """What was reported of one program since the last call."""
        found = self._reports[number]
        self._reports[number] = []
        return found

    def send(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        """SandboxError when the fork-server has gone."""
        try:
            self.control.send(message, descriptors)
        except OSError as error:
            raise self.failure(str(error)) from error

    def read_reports(self) -> None:
        """Take one packet off the socket, which must be readable, and file it under its program."""
        try:
            received = self.control.receive()
        except (OSError, json.JSONDecodeError) as error:
            raise self.failure(str(error)) from error
        if received is None:
            raise self.failure("it has gone")
        message, descriptors = received
        for descriptor in descriptors:
            message["started"] = _pid_of(descriptor)
            os.close(descriptor)
        waiting = self._reports.get(message["number"])
        if waiting is not None:
            waiting.append(message)

    def failure(self, why: str) -> SandboxError:
        """Give this fork-server up."""
        self.lost = True
        self._kill()
        return SandboxError(f"the sandbox's fork-server failed: {why}")

    def close(self) -> None:
        """Let it end its programs and clear up, or do both for it."""
        self.lost = True
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        self._kill()
        if self._cgroups is not None:
            self._cgroups.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _kill(self) -> None:
        """Its programs die with it: the kernel sends each a SIGKILL when its parent ends."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_until_serving(self, warm_imports: tuple[str, ...]) -> None:
        try:
            self.control.settimeout(_START_LIMIT_S)
            self.control.send({"level": int(self.level), "warm_imports": warm_imports, "home": self._home})
            received = self.control.receive()
            self.control.settimeout(None)
        except OSError as error:
            raise SandboxError(f"the sandbox's fork-server did not start: {error}") from error
        if received is None:
            raise SandboxError("the sandbox's fork-server ended while it started")
        if "failed" in received[0]:
            raise SandboxError(f"sandbox level {int(self.level)}: {received[0]['failed']}")


def _cgroups(level: Level) -> cgroups.Cgroups:
    try:
        return cgroups.Cgroups()
    except OSError as error:
        raise SandboxError(f"sandbox level {int(level)}: {error}") from error


def _pid_of(process: int) -> int | None:
    """The id, as we see it, of the process behind a descriptor; None when it has ended."""
    for line in Path(f"/proc/self/fdinfo/{process}").read_text().splitlines():
        if line.startswith("Pid:"):
            pid = int(line.split()[1])
            return pid if pid > 0 else None
    return None


@functools.cache
def _best_level() -> Level:
    from or1_verify.sandbox.detection import detect

    best = detect().level
    if best is None:
        raise SandboxError("this machine allows no sandbox at all: `or1 doctor` says why")
    return best
