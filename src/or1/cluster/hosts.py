"""The machines of a run and its processes on them: Ray places and watches, or1 talks to them.

An actor starts each process and answers for it while it hangs. Messages go over a connection of the process's
own (`or1.cluster.channel`). When Ray has lost a machine, the connections to it end here: messages that its
processes still send are not read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from or1.cluster.channel import accept, new_key
from or1.cluster.connect import nodes
from or1.cluster.host_actor import HostActor, require_same_versions, versions
from or1.cluster.nodes import Node
from or1.errors import ClusterError, first_line
from or1.processes.launch import Launch, limit_waits
from or1.processes.shared_memory import shared_folder
from or1.storage.atomic import replacing

WATCH_S = 1.0
"""Time between two looks at the machines of the cluster [s]."""
ANSWER_S = 10.0
"""Longest wait for an answer of an actor, beside the time that it may need [s]."""
CHUNK_BYTES = 64 << 20
"""Size of the parts of a file [bytes]."""
CHUNKS_UNDER_WAY = 8
"""Parts that are read, sent and written at the same time [parts]."""
LOST_STATUS = -9
"""Exit status of a process on a machine that was lost."""
T = TypeVar("T")


class Host:
    """A machine, seen through an actor on it.

    Args:
        node: the machine.
        num_gpus: that the actor takes.
    """

    def __init__(self, node: Node, num_gpus: int = 0) -> None:
        self.node, self.num_gpus = node, num_gpus
        self.is_lost = False
        self.gpus = ""
        """Those that Ray gave to the actor, as CUDA_VISIBLE_DEVICES has them; known when it has started."""
        strategy = NodeAffinitySchedulingStrategy(node.id, soft=False)
        options = {"num_cpus": 0, "num_gpus": num_gpus, "max_restarts": 0, "scheduling_strategy": strategy}
        # one thread stays in `last`
        self._actor: Any = ray.remote(HostActor).options(**options, max_concurrency=2).remote()
        self._end = self.begin("last")

    @property
    def has_ended(self) -> bool:
        """Whether the actor has ended, such as by a signal."""
        return bool(ray.wait([self._end], timeout=0)[0])

    def begin(self, method: str, *arguments: object) -> Any:
        """Call a method of `HostActor`; the reference of its result."""
        return getattr(self._actor, method).remote(*arguments)

    def ask(self, method: str, *arguments: object, limit_s: float = ANSWER_S) -> Any:
        """Call a method of `HostActor` and wait.

        Raises:
            ClusterError: the machine is lost, does not answer, or the method failed.
        """
        return self.result(self.begin(method, *arguments), limit_s)

    def result(self, reference: Any, limit_s: float = ANSWER_S) -> Any:
        """The result of a call. Raises: as `ask`."""
        if self.is_lost:
            raise ClusterError(f"the machine {self.node} is lost")
        try:
            return ray.get(reference, timeout=limit_s)
        except ray.exceptions.GetTimeoutError as error:
            raise ClusterError(f"the machine {self.node} gave no answer in {limit_s:g} s") from error
        except ray.exceptions.RayTaskError as error:
            raise ClusterError(f"the machine {self.node} failed: {first_line(error.cause)}") from error
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the machine {self.node} is lost ({type(error).__name__})") from error

    def close(self) -> None:
        """End the actor."""
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(self._actor)


class RemoteProcess:
    """`Running` on a machine of the cluster.

    Args:
        host: of this process alone.
        beside: another actor on the machine, which ends the process when `host` cannot.
        pid: its process id there.
        channel: the driver's end.
    """

    def __init__(self, host: Host, beside: Host, pid: int, channel: socket.socket) -> None:
        self.host, self._beside = host, beside
        self.pid = pid
        self._wire = channel
        self.channel = Connection(os.dup(channel.fileno()))

    @property
    def place(self) -> str:
        where = f"process {self.pid} on {self.host.node}"
        return f"{where}, a machine that is lost" if self.host.is_lost else where

    def lose(self) -> None:
        """The machine is lost: end the channel, so that no wait for it continues."""
        self.host.is_lost = True
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)

    def wait(self, limit_s: float) -> int | None:
        return self._ask("wait", limit_s, if_lost=LOST_STATUS)

    def kill(self) -> None:
        self.kill_group()
        self._wire.close()

    def kill_group(self) -> None:
        """End the process and those that it started; its channel ends with it."""
        with contextlib.suppress(ClusterError):
            if not self.host.has_ended:
                self.host.ask("kill")
                return
        with contextlib.suppress(ClusterError):
            self._beside.ask("kill_group", self.pid)

    def stack(self, limit_s: float) -> str:
        return self._ask("stack", limit_s, if_lost="")

    def last_lines(self) -> str:
        return self._ask("last_lines", if_lost="")

    def _ask(self, method: str, *limits_s: float, if_lost: T) -> T:
        try:
            result: T = self.host.ask(method, *limits_s, limit_s=sum(limits_s) + ANSWER_S)
        except ClusterError:
            return if_lost
        return result


class Hosts:
    """The machines of a run.

    Args:
        machines: all that it uses.
        address: of this machine, as they reach it.
        start_limit_s: longest wait for an actor or a process to start [s].

    Raises:
        ClusterError: a machine does not answer, or has other versions.
    """

    def __init__(self, machines: Sequence[Node], address: str, start_limit_s: float) -> None:
        self.address = address
        self._start_limit_s = start_limit_s
        self._processes: list[RemoteProcess] = []
        self._actors: list[Host] = []
        self._folders: list[Path] = []
        self._ended = threading.Event()
        self._files = {node: self._new(node, 0) for node in machines}
        try:
            self._require_same_versions()
        except BaseException:
            self.close()
            raise
        self._watcher = threading.Thread(target=self._watch, name="or1-cluster", daemon=True)
        self._watcher.start()

    def actors(self, places: Sequence[Node], num_gpus: int) -> list[Host]:
        """An actor for each of these places, all started together.

        Raises:
            ClusterError: Ray does not start one, such as when other jobs have the GPUs.
        """
        started = [self._new(node, num_gpus) for node in places]
        for host, reference in zip(started, [host.begin("gpus") for host in started], strict=True):
            try:
                host.gpus = host.result(reference, self._start_limit_s)
            except ClusterError as error:
                wanted = f" with {num_gpus} GPU" if num_gpus else ""
                raise ClusterError(f"no process{wanted} on {host.node}: {error}") from error
        return started

    def renewed(self, host: Host) -> Host:
        """Another actor in place of one; with the first its process ends.

        Raises:
            ClusterError: the machine is lost, or Ray does not start one.
        """
        self.release(host)
        if host.is_lost:
            raise ClusterError(f"the machine {host.node} is lost")
        return self.actors([host.node], host.num_gpus)[0]

    def release(self, host: Host) -> None:
        """End an actor that `actors` started, and with it its process."""
        self._processes = [process for process in self._processes if process.host is not host]
        self._actors.remove(host)
        host.close()

    def is_lost(self, node: Node) -> bool:
        """Whether Ray has lost the machine."""
        return self._files[node].is_lost

    def launch(self, host: Host) -> Launch:
        """Starts one process in this actor; see `Launch`.

        Raises:
            ClusterError: it does not start.
        """

        def start(worker: str, environment: Mapping[str, str], log: Path) -> RemoteProcess:
            key = new_key()
            with socket.create_server((self.address, 0)) as server:
                there = server.getsockname()[:2]
                pid = host.begin("start", worker, dict(environment), str(log), *there, key)

                def check() -> None:
                    if ray.wait([pid], timeout=0)[0]:
                        host.result(pid)

                end = accept(server, key, self._start_limit_s, check)
            limit_waits(end)
            pid_there = host.result(pid, self._start_limit_s)
            process = RemoteProcess(host, self._files[host.node], pid_there, end)
            self._processes.append(process)
            return process

        return start

    def new_folder(self, prefix: str) -> Path:
        """A new folder in memory, under the same path here and on all machines; `close` deletes it."""
        folder = shared_folder(prefix)
        self._folders.append(folder)
        self.each(self._files, "make_folder", str(folder))
        return folder

    def require(self, path: Path, machines: Iterable[Node], use: str) -> None:
        """Refuse machines that do not see a folder.

        Raises:
            ClusterError: one that does not.
        """
        machines = list(dict.fromkeys(machines))
        for node, sees in zip(machines, self.each(machines, "sees", str(path)), strict=True):
            if not sees:
                raise ClusterError(
                    f"{node} does not see {path} ({use}): put it on a file system that all machines share "
                    "under the same path"
                )

    def remove(self, *folders: Path) -> None:
        """Delete these of the folders that `new_folder` made, on every machine that answers."""
        paths = [str(folder) for folder in folders if folder in self._folders]
        self._folders = [folder for folder in self._folders if folder not in folders]
        removed = [(host, host.begin("remove_folders", paths)) for host in self._files.values() if paths]
        for host, reference in removed:
            with contextlib.suppress(ClusterError):
                host.result(reference)
        for path in paths:
            shutil.rmtree(path, ignore_errors=True)

    def each(self, machines: Iterable[Node], method: str, *arguments: object) -> list[Any]:
        """Call a method on machines; the results in their order."""
        hosts = [self._files[node] for node in machines]
        references = [host.begin(method, *arguments) for host in hosts]
        return [host.result(each) for host, each in zip(hosts, references, strict=True)]

    def fetch(self, node: Node, path: Path, limit_s: float) -> None:
        """Copy a file of a machine to the same path here.

        Raises:
            ClusterError: it does not arrive.
        """
        if node.address == self.address:
            return
        host = self._files[node]
        size = host.ask("size", str(path))
        with replacing(path, durable=False) as part, part.open("wb") as file:
            for offset in range(0, size, CHUNK_BYTES):
                file.write(host.ask("read", str(path), offset, CHUNK_BYTES, limit_s=limit_s))

    def spread(
        self, path: Path, machines: Sequence[Node], limit_s: float, previous: Path | None = None
    ) -> None:
        """Copy a file of this machine to the same path on others.

        Args:
            path: the file.
            machines: this one is left out.
            limit_s: longest wait for a part of it [s].
            previous: file that it takes the place of: deleted there.

        Raises:
            ClusterError: a machine did not take it.
        """
        hosts = [self._files[node] for node in machines if node.address != self.address]
        if not hosts:
            return
        under_way: deque[list[Any]] = deque()

        def wait_for_first() -> None:
            for host, reference in zip(hosts, under_way.popleft(), strict=True):
                host.result(reference, limit_s)

        with path.open("rb") as file:
            offset = 0
            while content := file.read(CHUNK_BYTES):
                stored = ray.put(content)  # Ray passes it from machine to machine
                under_way.append([host.begin("write", str(path), offset, stored) for host in hosts])
                offset += len(content)
                if len(under_way) == CHUNKS_UNDER_WAY:
                    wait_for_first()
        while under_way:
            wait_for_first()
        for host in hosts:
            host.ask("finish", str(path), None if previous is None else str(previous))

    def close(self) -> None:
        """End all actors and their processes, and delete the folders; may be called again."""
        self._ended.set()
        self.remove(*self._folders)
        for host in self._actors:
            host.close()
        self._actors.clear()

    def _new(self, node: Node, num_gpus: int) -> Host:
        host = Host(node, num_gpus)
        self._actors.append(host)
        return host

    def _require_same_versions(self) -> None:
        here = versions()
        references = {node: host.begin("versions") for node, host in self._files.items()}
        for node, reference in references.items():
            there = self._files[node].result(reference, self._start_limit_s)
            require_same_versions(str(node), there, here)

    def _watch(self) -> None:
        """End the channels to machines that Ray has lost, and processes whose actors have ended."""
        while not self._ended.wait(WATCH_S):
            try:
                alive = {node.id for node in nodes()}
            except (ray.exceptions.RayError, OSError, RuntimeError):
                continue  # no answer from the head: the channels have limits of their own
            for host in list(self._actors):
                host.is_lost = host.is_lost or host.node.id not in alive
            for process in list(self._processes):
                if process.host.is_lost:
                    process.lose()
                elif process.host.has_ended:
                    process.kill_group()
