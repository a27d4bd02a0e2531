"""The part of or1 on a machine of the cluster: an actor that starts processes and handles their files.

It knows no Ray: `or1.cluster.hosts` makes actors of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import signal
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from or1.cluster.channel import connected_to
from or1.errors import ClusterError
from or1.processes.launch import Process, search_path
from or1.storage.atomic import replacing
from or1.storage.provenance import package_versions

_SIOCGIFADDR = 0x8915
_PACKAGES = ("torch", "transformers", "safetensors", "numpy")


def versions() -> dict[str, str]:
    """Versions that have to agree on all machines; builds for CPU and CUDA count as the same."""
    found = {name: version.partition("+")[0] for name, version in package_versions(_PACKAGES).items()}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **found}


def require_same_versions(machine: str, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Refuse a machine with other versions than the driver's.

    Raises:
        ClusterError: with both.
    """
    if there != here:
        shown = [" ".join(f"{n} {v}" for n, v in sorted(each.items())) for each in (there, here)]
        raise ClusterError(f"{machine} has {shown[0]}, this machine {shown[1]}: install the same versions")


class HostActor:
    """One process of or1 on its machine, or, without one, the files of that machine."""

    def __init__(self) -> None:
        self._process: Process | None = None

    def versions(self) -> dict[str, str]:
        return versions()

    def sees(self, path: str) -> bool:
        """Whether a folder is there."""
        return Path(path).is_dir()

    def gpus(self) -> str:
        """The GPUs that Ray gave to this actor."""
        return os.environ.get("CUDA_VISIBLE_DEVICES", "")

    def interface(self, address: str) -> str:
        """Name of the network interface with this address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            for _, name in socket.if_nameindex():
                try:
                    reply = fcntl.ioctl(asked, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                except OSError:  # without an address
                    continue
                if socket.inet_ntoa(reply[20:24]) == address:
                    return name
        return "lo"

    def make_folder(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def remove_folders(self, paths: Sequence[str]) -> None:
        for path in paths:
            shutil.rmtree(path, ignore_errors=True)

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def text(self, path: str) -> str | None:
        """The content of a file; None if there is none."""
        file = Path(path)
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def size(self, path: str) -> int:
        return Path(path).stat().st_size

    def read(self, path: str, offset: int, size: int) -> bytes:
        with Path(path).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, path: str, offset: int, content: bytes) -> None:
        """Write a part of a file, which `finish` gives its name."""
        part = self._part(path)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(content)

    def finish(self, path: str, previous: str | None) -> None:
        """The file is whole: give it its name, and delete the one that it takes the place of."""
        with replacing(Path(path), durable=False) as whole:
            whole.hardlink_to(self._part(path))
        self._part(path).unlink()
        if previous is not None:
            Path(previous).unlink(missing_ok=True)

    def _part(self, path: str) -> Path:
        return Path(f"{path}.part")

    def start(
        self, worker: str, environment: Mapping[str, str], log: str, host: str, port: int, key: bytes
    ) -> int:
        """Start a process whose channel leads to the driver; its process id.

        Args:
            worker: see `Launch`.
            environment: see `Launch`.
            log: path on this machine.
            host: of the driver.
            port: of the driver.
            key: both ends show that they know it.
        """
        with connected_to(host, port, key) as end:
            self._process = Process(worker, environment, Path(log), end.fileno(), search_path())
        return self._process.pid

    def wait(self, limit_s: float) -> int | None:
        return None if self._process is None else self._process.wait(limit_s)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def kill_group(self, pid: int) -> None:
        """End a process that an actor on this machine has started and cannot end any more."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def last(self) -> None:
        """Never returns: the call ends with the actor."""
        threading.Event().wait()

    def stack(self, limit_s: float) -> str:
        return "" if self._process is None else self._process.stack(limit_s)

    def last_lines(self) -> str:
        return "" if self._process is None else self._process.last_lines()
