"""The parent's side of a fork server: starts the process, assigns slots to programs, distributes reports."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import or1_verify
from or1_verify.sandbox import cgroups
from or1_verify.sandbox.control import Control, Message, pair
from or1_verify.sandbox.scratch import folder_of, overfull
from or1_verify.sandbox.types import Level, SandboxError

MAX_PROGRAMS = 16
"""Programs that run in one sandbox at a time."""
_START_LIMIT_S = 60.0
_ENVIRONMENT = {
    # One heap for all threads: below level 5 each further heap would take 64 MiB of the address space.
    "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
    # The order of sets of strings depends on the hash seed: fixed, so that programs are repeatable.
    "PYTHONHASHSEED": "0",
}  # fmt: skip
_BOOT = """
import sys, types
root = sys.argv[1]
for name in ("or1_verify", "or1_verify.sandbox"):
    # Empty packages instead of the real ones: all that the fork server loads makes each fork slower.
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [f"{root}/{name.replace('.', '/')}"]
from or1_verify.sandbox.fork_server import main
main()
"""
_PASSED_ON = ("LD_LIBRARY_PATH",)


def require_linux() -> None:
    """SandboxError on any other system."""
    if not sys.platform.startswith("linux"):
        raise SandboxError("the code sandbox needs Linux: run it in a container")


class ForkServerProcess:
    """A running fork server process, from the side of its parent."""

    def __init__(self, level: Level, warm_imports: tuple[str, ...]) -> None:
        self.level = level
        self._is_lost = False
        self.control: Control
        self._reports: dict[int, list[Message]] = {}
        self._free_slots = list(range(MAX_PROGRAMS))
        self._home = tempfile.mkdtemp(prefix="or1-sandbox-")
        os.chmod(self._home, 0o711)  # noqa: PTH101
        self.control, far_end = pair()
        self._cgroups: cgroups.Cgroups | None = None
        environment = _ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        package = str(Path(or1_verify.__file__).parents[1])
        with far_end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, package, self._home, str(far_end.fileno())],
                pass_fds=(far_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        try:
            if level >= Level.CGROUP:
                self._cgroups = _cgroups_for(level)
            self._wait_until_serving(warm_imports)
            if level >= Level.NAMESPACES:
                os.rmdir(self._home)  # noqa: PTH106  (it served as a mount point in another namespace)
        except BaseException:
            self.close()
            raise

    @property
    def lost(self) -> bool:
        """Whether it has failed or ended: another one must take its place."""
        return self._is_lost or self._process.poll() is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    def acquire_slot(self, memory_bytes: int) -> tuple[int, cgroups.CgroupSlot | None]:
        """A slot for one program, and its memory group at level 5; SandboxError if all slots are in use."""
        if not self._free_slots:
            raise SandboxError(
                f"{MAX_PROGRAMS} programs run in this sandbox already: wait for one or use another sandbox"
            )
        number = heapq.heappop(self._free_slots)
        if self._cgroups is None:
            return number, None
        try:
            return number, self._cgroups.prepare(number, memory_bytes)
        except FileNotFoundError as error:
            raise self.failure(f"its memory groups were removed ({error})") from error
        except OSError as error:
            heapq.heappush(self._free_slots, number)
            raise SandboxError(f"memory group: {error}") from error

    def release_slot(self, slot: int) -> None:
        heapq.heappush(self._free_slots, slot)

    def overfull(self, slot: int, file_bytes: int) -> bool:
        """Whether a program has written more than its limit; measured only below level 4."""
        if self.level >= Level.NAMESPACES:
            return False  # the size of its file system is fixed
        return overfull(folder_of(self._home, slot), file_bytes)

    def expect(self, number: int) -> None:
        self._reports[number] = []

    def forget(self, number: int) -> None:
        self._reports.pop(number, None)

    def has_reports(self, number: int) -> bool:
        return bool(self._reports.get(number))

    def reports(self, number: int) -> list[Message]:
        """The reports about one program since the last call."""
        found = self._reports[number]
        self._reports[number] = []
        return found

    def send(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        """Send a request; SandboxError if the fork server has ended."""
        try:
            self.control.send(message, descriptors)
        except OSError as error:
            raise self.failure(str(error)) from error

    def read_reports(self) -> None:
        """Read one packet from the socket, which must be readable, and store it under its program."""
        try:
            received = self.control.receive()
        except (OSError, json.JSONDecodeError) as error:
            raise self.failure(str(error)) from error
        if received is None:
            raise self.failure("it has ended")
        message, descriptors = received
        with contextlib.ExitStack() as received_here:
            for descriptor in descriptors:
                received_here.callback(os.close, descriptor)
            try:
                for descriptor in descriptors:
                    message["started"] = _pid_of(descriptor)
            except OSError as error:
                raise self.failure(f"no descriptor to read its report with: {error}") from error
        waiting = self._reports.get(message["number"])
        if waiting is not None:
            waiting.append(message)

    def failure(self, why: str) -> SandboxError:
        """Mark this fork server as lost and kill it; the error to raise."""
        self._is_lost = True
        self._kill()
        return SandboxError(f"the sandbox's fork server failed: {why}")

    def close(self) -> None:
        """Let it stop its programs and clean up; kill it after five seconds."""
        self._is_lost = True
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        self._kill()
        if self._cgroups is not None:
            self._cgroups.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _kill(self) -> None:
        """Kill the fork server. The kernel then kills its programs (PR_SET_PDEATHSIG)."""
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
            raise SandboxError(f"the sandbox's fork server did not start: {error}") from error
        if received is None:
            raise SandboxError("the sandbox's fork server ended while it started")
        if "failed" in received[0]:
            raise SandboxError(f"sandbox level {int(self.level)}: {received[0]['failed']}")


def _cgroups_for(level: Level) -> cgroups.Cgroups:
    try:
        return cgroups.Cgroups()
    except OSError as error:
        raise SandboxError(f"sandbox level {int(level)}: {error}") from error


def _pid_of(process: int) -> int | None:
    """The id in our process tree of the process behind a descriptor; None if it has ended."""
    for line in Path(f"/proc/self/fdinfo/{process}").read_text().splitlines():
        if line.startswith("Pid:"):
            pid = int(line.split()[1])
            return pid if pid > 0 else None
    return None
