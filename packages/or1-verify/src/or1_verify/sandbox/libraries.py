"""The files that a program may read: libraries of the interpreter and the system, and time zones."""

from __future__ import annotations

import os
import site
import stat
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

SYSTEM = (
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/localtime",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
FIRST_FOLDER_DESCRIPTOR = 900
"""First of the descriptors that give access to library folders which an unused user cannot reach by path."""
MAX_FOLDER_DESCRIPTORS = 64


def own_folders() -> list[str]:
    """Folders of the standard library and of installed packages, in the order of `sys.path`.

    Folders of editable installs are left out: they hold a project, not a library.
    """
    homes = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    homes |= set(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        homes.add(site.getusersitepackages())
    roots = [Path(home) for home in homes]
    return [
        entry
        for entry in sys.path
        if entry and any(Path(entry).is_relative_to(root) for root in roots) and Path(entry).exists()
    ]


def readable_paths() -> list[str]:
    """All paths that programs may read, without those inside another one."""
    paths = [path for path in (*SYSTEM, *own_folders()) if os.path.lexists(path)]
    return [path for path in dict.fromkeys(paths) if not any(_inside(path, other) for other in paths)]


def _inside(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other)


def make_reachable(folders: list[str]) -> list[str]:
    """Make libraries importable for a user who cannot reach them by path (in a private home folder).

    Each such folder is kept open, and `sys.path` and the paths of loaded packages go through
    `/proc/self/fd`; the permissions of the folder and of its contents still apply.

    Returns:
        the folders that are not reachable by path.
    """
    closed = [folder for folder in folders if not _open_to_all(folder)]
    links = {}
    for number, folder in enumerate(closed[:MAX_FOLDER_DESCRIPTORS], FIRST_FOLDER_DESCRIPTOR):
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.dup2(descriptor, number, inheritable=False)
        os.close(descriptor)
        links[folder] = f"/proc/self/fd/{number}"
    sys.path[:] = [_through(links, entry) for entry in sys.path]
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and "__path__" in vars(module):
            module.__path__ = [_through(links, entry) for entry in module.__path__]
    sys.path_importer_cache.clear()
    return closed


def _through(links: dict[str, str], entry: str) -> str:
    for folder in sorted(links, key=len, reverse=True):
        if entry == folder or entry.startswith(folder + "/"):
            return links[folder] + entry[len(folder) :]
    return entry


def _open_to_all(folder: str) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in _steps(Path(folder)))


def _steps(path: Path) -> Iterator[Path]:
    """The folder and all its parents, with links resolved."""
    real = path.resolve()
    yield real
    yield from real.parents
