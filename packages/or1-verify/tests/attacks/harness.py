"""Run an attack, then check its escapes, its traces, and that the next program runs."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks import denial, escape, forgery
from attacks.attack import Attack
from or1_verify.sandbox import Ending, Level, Limits, Sandbox

ATTACKS: list[Attack] = [*forgery.ATTACKS, *denial.ATTACKS, *escape.ATTACKS]
NUMBERS = {8, 9, 10, 11, 12, 13, 16, *range(19, 54)}
SECRET = ("secret-of-", "another-program")
HONEST = (
    "import os\nassert not os.listdir('.')\nn = int(input())\nprint(n * n)\nopen('own', 'w').write('x')\n"
)
PATIENCE_S = 20.0
PATIENT = Limits(cpu_s=5.0, wall_s=600.0)
SIBLING = "open('answer', 'w').write('42')\nimport os\nos.write(3, b'\\0\\0\\0\\0')\nos.read(3, 1)\n"


@dataclass(frozen=True, slots=True)
class Bait:
    """Targets of the attacks, outside the sandbox."""

    folder: Path
    facts: dict[str, Any]

    def touched(self) -> list[str]:
        """Changes by an attack."""
        found = [str(path) for path in Path("/tmp").glob("or1-attack*")]
        found += [str(path) for path in Path("/dev/shm").glob("or1-attack*")]
        names = sorted(path.name for path in self.folder.iterdir())
        if names != ["readable", "socket", "writable"]:
            found.append(f"the folder holds {names}")
        elif (self.folder / "writable").read_text() != "untouched":
            found.append("the writable file was written")
        return found


@contextlib.contextmanager
def own_traces(*, escapes: bool = False) -> Iterator[None]:
    """Keep attacks that escape apart from those that must leave no trace, in all processes of the tests."""
    with (Path(tempfile.gettempdir()) / f"or1-traces-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if escapes else fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def bait() -> Iterator[Bait]:
    """A readable file, a writable one, and servers of every kind that say hello."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "readable").write_text("".join(SECRET))
        (folder / "writable").write_text("untouched")
        (folder / "readable").chmod(0o666)
        (folder / "writable").chmod(0o666)
        abstract, path = f"or1-{folder.name}", str(folder / "socket")
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            _bound(stack, socket.SOCK_STREAM, path),
            _bound(stack, socket.SOCK_STREAM, f"\0{abstract}"),
        ]
        _bound(stack, socket.SOCK_DGRAM, f"\0{abstract}-datagram")
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        Path(path).chmod(0o777)
        for server in servers[1:]:
            server.listen()
        for server in servers:
            threading.Thread(target=_greet, args=(server,), daemon=True).start()
        facts = {
            "folder": name,
            "readable": str(folder / "readable"),
            "writable": str(folder / "writable"),
            "tcp_port": servers[0].getsockname()[1],
            "udp_port": udp.getsockname()[1],
            "unix_path": path,
            "abstract": abstract,
            "abstract_datagram": f"{abstract}-datagram",
            "secret_in_parts": SECRET,
            "parent": os.getpid(),
        }
        yield Bait(folder, facts)
        for server in servers:
            server.shutdown(socket.SHUT_RDWR)


def _bound(stack: contextlib.ExitStack, kind: int, address: str) -> socket.socket:
    server = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
    server.bind(address)
    return server


def _greet(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.send(b"hello")


class Arena:
    """A sandbox in which attacks run, and its state seen from outside."""

    def __init__(self, sandbox: Sandbox, bait: Bait) -> None:
        self._sandbox = sandbox
        self._bait = bait
        # Both slots are used before the first traces are counted.
        with contextlib.closing(sandbox.start(SIBLING)):
            serve(sandbox, stdin="".join(SECRET))
        self.fork_server = sandbox.pids[0]
        command = Path(f"/proc/{self.fork_server}/cmdline").read_bytes().split(b"\0")
        self.home = Path(next(os.fsdecode(word) for word in command if b"/or1-sandbox-" in word))

    def complaints(self, attack: Attack) -> list[str]:
        """Failures of the sandbox; empty if the attack was contained and left no traces."""
        before, open_before = self._traces(), self._descriptors()
        found = self._attacked(attack)
        if attack.lowest <= self._sandbox.level or attack.number in (24, 26, 27):
            found += [f"left behind: {trace}" for trace in sorted(self._traces() ^ before)]
            found += [f"left behind: {trace}" for trace in sorted(self._leaked_since(open_before))]
        found += self._bait.touched()
        found += serve(self._sandbox)
        return found

    def _attacked(self, attack: Attack) -> list[str]:
        sibling = self._sandbox.start(SIBLING, limits=PATIENT)
        sibling.receive()
        facts = self._bait.facts | {
            "home": str(self.home),
            "other_scratch": f"{self.home}/0" if self._sandbox.level < Level.NAMESPACES else "/scratch/0",
            "fork_server": self.fork_server,
            "sibling": max(self._descendants()),
        }
        done = self._sandbox.run(
            attack.source, stdin=json.dumps(facts).encode() + b"\n", limits=attack.limits
        )
        sibling.send(b"")
        beside = sibling.wait()
        found = []
        if done.ending not in attack.endings:
            found.append(f"ended with {done.ending}, {done.exit_code}, {done.signal}: {done.stderr[-300:]!r}")
        if b"ESCAPED" in done.stdout + done.stderr:
            found.append(f"escaped: {done.stdout[:300]!r}")
        elif attack.output is not None and done.stdout != attack.output:
            found.append(f"printed {done.stdout[-200:]!r} {done.stderr[-200:]!r}")
        if beside.ending is not Ending.EXITED:
            found.append(f"the program beside it ended with {beside.ending}")
        return found

    def _traces(self) -> frozenset[str]:
        """Traces of programs: processes, files, mounts."""
        found = {f"process {pid}" for pid in self._descendants()}
        found |= {f"file {path}" for path in self.home.glob("*/*")}
        mounts = Path(f"/proc/{self.fork_server}/mountinfo").read_text().splitlines()
        found |= {f"mount {line}" for line in mounts if " /scratch/" in line}
        return frozenset(found)

    def _leaked_since(self, before: frozenset[str]) -> frozenset[str]:
        """Descriptors that stay open.

        The bait's threads close their connections a moment later than the attack ends, and other tests'
        garbage is closed at any time: neither is a leak, which stays for ever.
        """
        end = time.monotonic() + PATIENCE_S
        while (new := self._descriptors() - before) and time.monotonic() < end:
            gc.collect()
            time.sleep(0.01)
        return new

    def _descriptors(self) -> frozenset[str]:
        """Open descriptors of this process and of the fork server, by what they point to."""
        found = set()
        for pid in (os.getpid(), self.fork_server):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found.add(f"descriptor {entry.name} of {pid}: {entry.readlink()}")
        return frozenset(found)

    def _descendants(self) -> set[int]:
        """Processes forked from the fork server, also orphans."""
        found = set()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.fsencode(self.home) in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
        return found - {self.fork_server}


def serve(sandbox: Sandbox, stdin: str = "") -> list[str]:
    """An honest program must get its answer, in an empty folder."""
    done = sandbox.run(HONEST, stdin=f"12\n{stdin}".encode(), limits=PATIENT)
    served = (done.ending, done.stdout) == (Ending.EXITED, b"144\n")
    return [] if served else [f"an honest program: {done}"]
