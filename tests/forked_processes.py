"""Worker processes that are forked from one with torch and or1 imported: each import takes seconds.

Tests that start many use the fixture `forked_workers`; shared ranks are `ForkedHere`. Everything but the
start is that of `LocalProcess`, which other tests use. The fork server runs nothing but imports, so that no
thread, lock or random state is copied.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import pytest

from or1.processes.launch import Launch, Process, limit_waits, search_path
from or1.trainer.rank_processes import ThisMachine

IMPORTED = (
    *("or1.trainer.rank_worker", "or1.rollout.engine_worker", "or1.rollout.local_worker"),
    "or1.assemble",
)
USERS = (
    *("or1.processes.child", "or1.trainer.rank_processes"),
    *("or1.rollout.engine_places", "or1.rollout.engine_pool"),
)
"""Modules that start processes."""
ROOT = Path(__file__).parents[1]
_LOCK = threading.Lock()
_MAX_REQUEST = 1 << 17


class ForkedProcess(Process):
    """`Running` as a child of the fork server."""

    def __init__(self, worker: str, environment: Mapping[str, str], log: Path) -> None:
        near_end, far_end = socket.socketpair()
        ended, tells_end = os.pipe()
        request = {
            "worker": worker,
            "environment": {**os.environ, **environment},
            "log": str(log),
            "folder": str(Path.cwd()),
            "search_path": search_path(),
        }
        with far_end:
            pid = _ask(request, far_end.fileno(), tells_end)
            os.close(tells_end)
        self._log = log
        self._process: Any = _Forked(pid, ended)
        limit_waits(near_end)
        self.channel = Connection(near_end.detach())

    def kill(self) -> None:
        if self._process.returncode is None:
            os.kill(self.pid, signal.SIGKILL)  # it may not lead a process group yet
        super().kill()


class _Forked:
    """The part of `subprocess.Popen` that `Process` uses."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, limit_s: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._ended], [], [], limit_s)[0]:
                raise subprocess.TimeoutExpired(["forked"], limit_s or 0.0)
            self.returncode = int(os.read(self._ended, _MAX_REQUEST))
            os.close(self._ended)
            _ask({"reap": self.pid})
        return self.returncode


@functools.cache
def _server() -> socket.socket:
    """The connection to the fork server of this process."""
    near_end, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far_end:
        command = [sys.executable, "-m", "tests.forked_processes", str(far_end.fileno())]
        process = subprocess.Popen(command, pass_fds=(far_end.fileno(),), cwd=ROOT)
    atexit.register(process.wait)
    atexit.register(near_end.close)  # before the wait
    return near_end


class ForkedHere(ThisMachine):
    """Ranks on this machine whose processes are forked."""

    def launch(self, rank: int) -> Launch:
        return ForkedProcess


def _ask(request: dict[str, Any], *descriptors: int) -> int:
    """The answer of the fork server; from any thread."""
    with _LOCK:
        server = _server()
        socket.send_fds(server, [json.dumps(request).encode()], descriptors)
        return int(server.recv(_MAX_REQUEST))


def fork_workers(patch: pytest.MonkeyPatch) -> None:
    """Let or1 fork its workers until the patch is undone."""
    for user in USERS:
        patch.setattr(f"{user}.LocalProcess", ForkedProcess)


class ForkServer:
    """Forks workers, tells when they have ended, and reaps them when asked.

    It ends with the other end of its connection.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._tell: dict[int, int] = {}
        """Pipes by the process whose end they tell."""
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)

    def serve(self) -> None:
        while True:
            ready = select.select([self._connection.fileno(), self._wakeup[0]], [], [])[0]
            if self._wakeup[0] in ready:
                os.read(self._wakeup[0], _MAX_REQUEST)
                self._tell_ends()
            if self._connection.fileno() in ready:
                content, descriptors, _, _ = socket.recv_fds(self._connection, _MAX_REQUEST, 2)
                if not content:
                    return
                self._answer(json.loads(content), descriptors)

    def _answer(self, request: dict[str, Any], descriptors: list[int]) -> None:
        if "reap" in request:
            pid, _ = os.waitpid(request["reap"], 0)
        elif not (pid := os.fork()):
            self._become(request, *descriptors)
        else:
            channel, self._tell[pid] = descriptors
            os.close(channel)
        self._connection.send(str(pid).encode())

    def _tell_ends(self) -> None:
        for pid in list(self._tell):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
                tells_end = self._tell.pop(pid)
                with contextlib.suppress(BrokenPipeError):  # its starter no longer waits
                    os.write(tells_end, str(status).encode())
                os.close(tells_end)

    def _become(self, request: dict[str, Any], channel: int, tells_end: int) -> NoReturn:
        """Be the worker of a request."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for standard, each in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
                os.dup2(each, standard)
            for each in (log, self._connection.fileno(), *self._wakeup, tells_end, *self._tell.values()):
                os.close(each)
            os.chdir(request["folder"])
            os.environ.clear()
            os.environ.update(request["environment"])
            sys.path[:] = request["search_path"]
            importlib.import_module(request["worker"]).main(channel)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy every page
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve()
