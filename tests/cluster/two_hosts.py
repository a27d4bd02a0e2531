"""Two machines of a cluster as network namespaces of this one, joined by a virtual cable."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from or1.cluster.health import HEALTH
from tests.cluster.clusters import is_worker, wait_until

PORT = 6390
OWN_MEMORY = ("sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh")
"""Words before a command that has a shared memory of its own."""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class TwoHosts:
    """A Ray cluster of two machines with two processors each; the first has the head, and the second a shared
    memory of its own.

    Args:
        folder: for Ray's files; a short path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [f"or1-{uuid.uuid4().hex[:6]}-{n}" for n in (1, 2)]
        self.addresses = ["10.77.0.1", "10.77.0.2"]
        token = folder.with_suffix(".token")
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        """Variables of all that join."""
        self._rays: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"{self.addresses[0]}:{PORT}"

    def inside(self, host: int) -> list[str]:
        """Words before a command that runs on a machine."""
        return ["ip", "netns", "exec", self.names[host]]

    def start(self) -> None:
        for name in self.names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        cable = "link add cable type veth peer name cable netns"
        _ip("-n", self.names[0], *cable.split(), self.names[1])
        for name, address in zip(self.names, self.addresses, strict=True):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
        # a head finds its own address by its route outwards
        _ip("-n", self.names[0], "route", "add", "default", "via", self.addresses[1])
        _ip("-n", self.names[1], "route", "add", "default", "via", self.addresses[0])
        self._ray(0, "--head", f"--port={PORT}", f"--temp-dir={self.folder}", "--include-dashboard=false")
        self._wait_for_head()
        self._ray(1, f"--address={self.address}")

    def _wait_for_head(self, limit_s: float = 300.0) -> None:
        def has_started() -> bool:
            return "Ray runtime started" in self._log(0).read_text(errors="replace")

        is_there = wait_until(has_started, lambda: self._rays[0].poll() is not None, limit_s)
        assert is_there, self._log(0).read_text(errors="replace")

    def _log(self, host: int) -> Path:
        return self.folder.parent / f"{self.folder.name}-{host}.log"

    def folders_of_second(self) -> list[str]:
        """Folders of or1 in the shared memory of the second machine."""
        memory = Path(f"/proc/{self._pids(1)[0]}/root/dev/shm")
        return sorted(folder.name for folder in memory.glob("or1-*"))

    def weights_of_second(self) -> list[str]:
        """Files with weights for engines in the shared memory of the second machine."""
        memory = Path(f"/proc/{self._pids(1)[0]}/root/dev/shm")
        return sorted(file.name for file in memory.glob("or1-engines-*/*.safetensors"))

    def workers(self, host: int, module: str) -> list[int]:
        """Process ids of the workers with this main module on a machine."""
        return [pid for pid in self._pids(host) if is_worker(pid, module)]

    def cut(self) -> None:
        """Pull the cable."""
        _ip("-n", self.names[0], "link", "set", "cable", "down")

    def restore(self, host: int) -> None:
        """Plug the cable in, and start a machine again after a fault."""
        self._end(host)
        _ip("-n", self.names[0], "link", "set", "cable", "up")
        _ip("-n", self.names[0], "route", "replace", "default", "via", self.addresses[1])
        self._ray(host, f"--address={self.address}")

    def stop(self, host: int) -> None:
        """Stop every process of a machine, as when it hangs."""
        for pid in self._pids(host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def close(self) -> None:
        for host in (0, 1):
            self._end(host)
        for ray in self._rays:
            ray.wait(60)
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, host: int) -> None:
        for pid in self._pids(host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pids(self, host: int) -> list[int]:
        listed = subprocess.run(
            ["ip", "netns", "pids", self.names[host]], check=False, capture_output=True, text=True
        )
        return [int(word) for word in listed.stdout.split()]

    def _ray(self, host: int, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        environment |= self.environment
        environment |= {f"RAY_{name}": str(value) for name, value in HEALTH.items()}
        ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        ray = [*OWN_MEMORY, *ray] if host == 1 else ray
        sizes = ["--num-cpus=2", "--object-store-memory=200000000"]
        with self._log(host).open("wb") as log:
            self._rays.append(
                subprocess.Popen(
                    [*self.inside(host), *ray, *sizes, f"--node-ip-address={self.addresses[host]}", *words],
                    env=environment | {"RAY_USAGE_STATS_ENABLED": "0"},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )


@contextlib.contextmanager
def two_hosts(folder: Path) -> Iterator[TwoHosts]:
    """The cluster, as long as the context lasts."""
    hosts = TwoHosts(folder)
    try:
        hosts.start()
        yield hosts
    finally:
        hosts.close()
