"""Landlock: restricts which files a program may open; also TCP, signals and abstract sockets if supported.

The numbers are the kernel's (`linux/landlock.h`). Rights that an older kernel does not know are left out;
seccomp refuses the important ones among them (`truncate` by path, sockets, signals).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass

from or1_verify.sandbox import syscalls

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG = 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_FIRST_ABI_RIGHTS = (1 << 13) - 1
_TCP_BIND_CONNECT = 3
_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL = 3
_RULE_PATH_BENEATH = 1
_GET_VERSION = 1


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


@dataclass(frozen=True, slots=True)
class Opened:
    """A path that programs may use, kept open for a Landlock rule."""

    descriptor: int
    rights: int


def abi() -> int:
    """Landlock version of this kernel; OSError if there is none."""
    none = ctypes.c_void_p(None)
    return syscalls.call("landlock_create_ruleset", none, 0, _GET_VERSION)


def opened(path: str, rights: int) -> Opened | None:
    """Open a path for a rule; None if it does not exist or is not accessible."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return None
    if not os.path.isdir(path):  # noqa: PTH112
        rights &= _OF_FILES
    return Opened(descriptor, rights)


def handled_rights(version: int) -> int:
    """File rights that this version can restrict.

    >>> handled_rights(1) & TRUNCATE, bool(handled_rights(3) & TRUNCATE)
    (0, True)
    """
    rights = _FIRST_ABI_RIGHTS
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def ruleset(version: int, allowed: Sequence[Opened]) -> int:
    """A descriptor with which a process can restrict itself permanently to the allowed paths."""
    rights = handled_rights(version)
    handled = _Ruleset(
        fs=rights,
        net=_TCP_BIND_CONNECT if version >= 4 else 0,
        scoped=_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    descriptor = syscalls.call("landlock_create_ruleset", ctypes.byref(handled), size, 0)
    for one in allowed:
        rule = _PathBeneath(allowed=one.rights & rights, parent=one.descriptor)
        syscalls.call("landlock_add_rule", descriptor, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    return descriptor
