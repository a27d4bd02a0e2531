"""The fork server: an interpreter with libraries loaded, which forks one process for each program.

It holds no data that a program could misuse: no expected outputs, no environment, no descriptors but its
socket. Source and input of a program are descriptors that the fork server itself never reads.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from or1_verify.sandbox import landlock, libraries, namespaces, program, seccomp, syscalls, users
from or1_verify.sandbox.confine import STACK_BYTES, Confinement, Surroundings, SyscallPlan, carry_out, planned
from or1_verify.sandbox.control import Control, Message
from or1_verify.sandbox.scratch import DiskScratch, ScratchDirs, TmpfsScratch
from or1_verify.sandbox.types import Level

_THREAD_STACK_BYTES = 8 << 20
"""As Linux gives them [bytes]: below level 5 the stacks of all threads count as memory of the program."""
_WAIT_STATUS_UNKNOWN = 1
_MAX_PLANS = 64
_FIRST_CGROUP = 5
"""Index in the descriptors of a request: source, stdin, stdout, stderr, channel, then memory groups."""
_ORPHAN_ROUNDS, _ORPHAN_PAUSE_S = 1000, 0.001
_OWN_CHILDREN = Path("/proc/thread-self/children")


@dataclass(frozen=True, slots=True)
class Child:
    """A running or ended program whose exit status has not been read."""

    number: int
    pid: int
    slot: int
    process: int
    """Process descriptor; readable when the program has ended."""


def main() -> None:
    """Serve until the parent ends. The last argument is the descriptor of the control socket."""
    _raise_stack_limit()
    control = Control(socket.socket(fileno=_moved_up(int(sys.argv[-1]))))
    received = control.receive()
    if received is None:
        return
    try:
        server = ForkServer(control, received[0])
    except (OSError, ValueError) as error:
        control.send({"failed": str(error)})
        return
    control.send({"serving": os.getpid()})
    server.serve()


def _moved_up(descriptor: int) -> int:
    """Move the socket above the numbers of a program's own descriptors, and occupy those numbers."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, program.CHANNEL + 1)
    os.close(descriptor)
    while (null := os.open(os.devnull, os.O_RDWR)) <= program.CHANNEL:
        pass
    os.close(null)
    return moved


def _raise_stack_limit() -> None:
    """Restart with a larger stack limit: the main thread keeps the limit of the interpreter's start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft == wanted:
        return
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


class ForkServer:
    """State of the fork server."""

    def __init__(self, control: Control, setup: Message) -> None:
        """Load the libraries, then enter a private file system if the level has one."""
        self._control = control
        level = Level(setup["level"])
        self._children: dict[int, Child] = {}
        """By process descriptor."""
        self._poll = select.poll()
        alive_read, alive_write = os.pipe()
        sys.path[:] = libraries.own_folders()
        for name in setup["warm_imports"]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        threading.stack_size(_THREAD_STACK_BYTES)
        readable = libraries.readable_paths()
        self._users = users.Users()
        if level < Level.SECCOMP:
            syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
        self._trees: namespaces.ProcessTrees | None = None
        self._scratch: ScratchDirs = DiskScratch(setup["home"])
        closed: list[str] = []
        self._base_bytes = _address_bytes()
        _prefer_for_oom_kill()
        if level >= Level.NAMESPACES:
            self._trees = namespaces.enter(setup["home"], readable)
            self._scratch = TmpfsScratch()
        elif self._users.are_others:
            closed = libraries.make_reachable(libraries.own_folders())
        program.open_streams()
        rules = [landlock.opened(path, landlock.READ) for path in (*readable, *closed)]
        rules += [landlock.opened(path, landlock.READ | landlock.WRITE_FILE) for path in libraries.DEVICES]
        self._readable = [rule for rule in rules if rule is not None]
        self._landlock_abi = landlock.abi() if level >= Level.LANDLOCK else None
        self._rulesets: dict[int, int] = {}
        self._plans: dict[tuple[float, ...], SyscallPlan] = {}
        self._around = Surroundings(
            control=control.fileno(),
            alive_read=alive_read,
            alive_write=alive_write,
            seccomp=seccomp.Filter() if level >= Level.SECCOMP else None,
        )
        gc.collect()
        gc.disable()
        gc.freeze()

    def serve(self) -> None:
        """Handle requests until the parent ends; then kill all programs and clean up."""
        self._poll.register(self._control.fileno(), select.POLLIN)
        with contextlib.suppress(ConnectionError):  # the parent has ended while we sent a report
            while self._take_turn():
                pass
        for child in self._children.values():
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            self._scratch.clear(child.slot)
        self._scratch.remove()

    def _take_turn(self) -> bool:
        """Wait for events and handle them; False when the parent has ended."""
        for descriptor, _ in self._poll.poll():
            if descriptor in self._children:
                self._poll.unregister(descriptor)
                self._reap(self._children.pop(descriptor))
                continue
            received = self._control.receive()
            if received is None:
                return False
            child = self._handle(*received)
            if child is not None:
                self._poll.register(child.process, select.POLLIN)
        return True

    def _handle(self, message: Message, descriptors: list[int]) -> Child | None:
        """Handle a kill or start request; the program that was started."""
        if "kill" in message:
            for child in self._children.values():
                if child.number == message["kill"]:
                    os.kill(child.pid, signal.SIGKILL)
            return None
        try:
            child = self._start(dict(message), descriptors)
        except OSError as error:
            self._control.send({"failed": str(error), "number": message["start"]})
            return None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._children[child.process] = child
        # The first process of a process tree has another id in the parent's tree.
        if os.getpid() == 1:
            self._control.send({"started": child.pid, "number": child.number}, (child.process,))
        else:
            self._control.send_plain(f'{{"started": {child.pid}, "number": {child.number}}}')
        return child

    def _start(self, message: Message, descriptors: list[int]) -> Child:
        """Allocates little: after each fork, each page that is written to is copied."""
        number, slot = message.pop("start"), message["slot"]
        scratch_dir = self._scratch.prepare(slot, self._users.unused(slot), message["file_bytes"])
        try:
            pid = self._forked(number, message, descriptors, scratch_dir)
        except OSError:
            self._scratch.clear(slot)
            raise
        return Child(number, pid, slot, os.pidfd_open(pid))

    def _forked(self, number: int, message: Message, descriptors: list[int], scratch_dir: str) -> int:
        """Process id of the program; does not return in the process of the program."""
        key = (*message.values(), *descriptors)
        if key not in self._plans:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[key] = planned(self._confinement(message, descriptors, scratch_dir), self._around)
        plan = self._plans[key]
        plan.aim(number)
        if self._trees is not None:
            self._trees.fresh()
        pid = syscalls.fork()
        if pid == 0:
            self._become_program(number, plan, descriptors[0])
        return pid

    def _confinement(self, message: Message, descriptors: list[int], scratch_dir: str) -> Confinement:
        uid = self._users.unused(message["slot"])
        cgroups = tuple(descriptors[_FIRST_CGROUP:])
        return Confinement(
            uid=uid,
            counts_own_processes=uid is not None or self._trees is not None,
            scratch_dir=scratch_dir,
            ruleset=self._ruleset(message["slot"]),
            kernel_cpu_s=message["kernel_cpu_s"],
            address_bytes=self._base_bytes + message["memory_bytes"] * (2 if cgroups else 1),
            file_bytes=message["file_bytes"],
            num_open_files=message["num_open_files"],
            standard=tuple(descriptors[1:_FIRST_CGROUP]),
            cgroups=cgroups,
        )

    def _become_program(self, number: int, plan: SyscallPlan, source: int) -> NoReturn:
        """Runs in the child. In no case may this process return to the loop of the fork server."""
        status = _WAIT_STATUS_UNKNOWN
        try:
            try:
                content = _content(source)
                carry_out(plan, self._around)
            except BaseException as error:
                self._control.send({"failed": f"{type(error).__name__}: {error}", "number": number})
                raise
            program.run(content)
        finally:
            os._exit(status)

    def _ruleset(self, slot: int) -> int | None:
        """The Landlock ruleset of the programs of a slot; made at its first use."""
        if self._landlock_abi is None:
            return None
        if slot not in self._rulesets:
            own = landlock.opened(self._scratch.anchor(slot), landlock.WRITE)
            if own is None:
                raise OSError("the scratch directory cannot be opened")
            self._rulesets[slot] = landlock.ruleset(self._landlock_abi, [*self._readable, own])
            os.close(own.descriptor)
        return self._rulesets[slot]

    def _reap(self, child: Child) -> None:
        os.close(child.process)
        _, status, usage = os.wait4(child.pid, 0)
        if self._around.seccomp is None:
            self._end_orphans()
        self._scratch.clear(child.slot)
        self._control.send_plain(
            f'{{"ended": {status}, "number": {child.number}, "user_s": {usage.ru_utime:.6f}, '
            f'"system_s": {usage.ru_stime:.6f}, "peak_memory_bytes": {usage.ru_maxrss * 1024}}}'
        )

    def _end_orphans(self) -> None:
        """Kill the orphans of an ended program, which we inherit as subreaper (levels without seccomp)."""
        programs = {child.pid for child in self._children.values()}
        for _ in range(_ORPHAN_ROUNDS):
            orphans = {int(pid) for pid in _OWN_CHILDREN.read_text().split()} - programs
            if not orphans:
                return
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            time.sleep(_ORPHAN_PAUSE_S)


def _content(descriptor: int) -> bytes:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    content = b""
    while len(content) < size:
        content += os.pread(descriptor, size - len(content), len(content))
    return content


def _address_bytes() -> int:
    """Address space in use [bytes]."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _prefer_for_oom_kill() -> None:
    """When the machine runs out of memory, the kernel shall kill programs before their parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
