"""Private file system, network and process tree for programs.

The fork server enters the first two once; each program gets a process tree of its own, in which it is alone.
The file system starts empty: libraries are mounted read-only at their own paths, with a few devices and no
`/proc`.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from or1_verify.sandbox import syscalls
from or1_verify.sandbox.libraries import DEVICES

SCRATCH_ROOT = "/scratch"
"""Path of the scratch directories in the file system of the programs."""
_AT_FDCWD, _AT_RECURSIVE, _ONLY_THIS = -100, 0x8000, 0
_ATTRIBUTES_READ_ONLY_NO_SETUID = 3
_ROOT_SIZE = "size=1m,nr_inodes=4096,mode=0755"
_SCRATCH_SIZE = "size=64k,nr_inodes=256,mode=0711"


class ProcessTrees:
    """Puts the next forked process into a process tree of its own."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fresh(self) -> None:
        """The next child is the first process of a new tree; all processes that it starts end with it."""
        syscalls.setns(self._own, syscalls.CLONE_NEWPID)
        syscalls.unshare(syscalls.CLONE_NEWPID)


def enter(mountpoint: str, readable: list[str]) -> ProcessTrees:
    """Leave the machine's file system and network permanently; OSError if that is not allowed."""
    flags = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
    if os.geteuid() == 0:
        syscalls.unshare(flags)
    else:
        _become_own_user_namespace(flags)
    trees = ProcessTrees()
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", mountpoint, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, _ROOT_SIZE)
    for path in readable:
        _show(path, mountpoint)
    for path in DEVICES:
        _bind(path, mountpoint)
    os.mkdir(mountpoint + SCRATCH_ROOT)  # noqa: PTH102
    syscalls.mount("tmpfs", mountpoint + SCRATCH_ROOT, "tmpfs", syscalls.DATA_ONLY, _SCRATCH_SIZE)
    os.mkdir(mountpoint + "/old")  # noqa: PTH102
    os.chdir(mountpoint)
    syscalls.call("pivot_root", ctypes.c_char_p(b"."), ctypes.c_char_p(b"old"))
    os.chdir("/")
    syscalls.umount("/old")
    os.rmdir("/old")  # noqa: PTH106
    _make_read_only("/", _ONLY_THIS)
    return trees


def _become_own_user_namespace(flags: int) -> None:
    """Enter a user namespace as the same user, with all rights inside it and none outside.

    Only the owner of a process tree can create trees below it, so the fork server continues as the first
    process of a new tree; the original process waits for it and ends with it.
    """
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWPID | flags)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os._exit(0)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)


def _show(path: str, mountpoint: str) -> None:
    """Make a path visible under the new root; for a link, its target too."""
    real = os.path.realpath(path)
    _bind(real, mountpoint)
    if real != path:
        shown = Path(mountpoint + path)
        shown.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(shown):
            shown.symlink_to(real)


def _bind(path: str, mountpoint: str) -> None:
    """Mount `path` read-only at the same path under the new root."""
    target = Path(mountpoint + path)
    if os.path.lexists(target):
        return
    if os.path.isdir(path):  # noqa: PTH112
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    syscalls.mount(path, str(target), None, syscalls.MS_BIND | syscalls.MS_REC)
    _make_read_only(str(target))


def _make_read_only(target: str, depth: int = _AT_RECURSIVE) -> None:
    """Make a mount read-only, by default with all mounts below it. Flags that are set stay set."""
    attributes = (ctypes.c_uint64 * 4)(_ATTRIBUTES_READ_ONLY_NO_SETUID, 0, 0, 0)
    syscalls.call(
        "mount_setattr",
        _AT_FDCWD,
        ctypes.c_char_p(os.fsencode(target)),
        depth,
        ctypes.byref(attributes),
        ctypes.sizeof(attributes),
    )
