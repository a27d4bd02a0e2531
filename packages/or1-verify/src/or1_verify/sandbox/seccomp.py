"""Seccomp: a filter in the kernel that refuses system calls of a program.

The table lists refused calls, because the calls that Python and numpy need differ between C libraries. Calls
newer than the table are refused as not implemented, so that a new kernel adds no access. The instructions are
classic BPF over `struct seccomp_data` (`linux/seccomp.h`, `linux/bpf_common.h`).
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterator

from or1_verify.sandbox import syscalls

Numbers = dict[str, tuple[int | None, int | None]]
"""Name -> number on x86-64 and on aarch64; None where there is no such call."""

REFUSED: Numbers = {
    # processes
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # the machine
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161),
    "setdomainname": (171, 162), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "create_module": (174, None), "query_module": (178, None), "get_kernel_syms": (177, None),
    "nfsservctl": (180, 42), "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None),
    "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "lookup_dcookie": (212, 18),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "personality": (135, 92), "_sysctl": (156, None),
    "sync": (162, 81), "syncfs": (306, 267),
    # wide kernel interfaces
    "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (206, 0),
    "io_submit": (209, 2), "seccomp": (317, 277),
    # access to files by handle, and file events
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    # memory and messages outside the limits, or that outlive the program
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192), "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
    # sockets
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "recvmsg": (47, 212), "recvmmsg": (299, 243),
    # not covered by Landlock: owner, mode, times and attributes of files, truncation by path
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "truncate": (76, 45),
}  # fmt: skip
CHECKED: Numbers = {
    "clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131),
    "prctl": (157, 167), "ioctl": (16, 29), "fcntl": (72, 25), "prlimit64": (302, 261),
    "socketpair": (53, 199), "sendto": (44, 206),
}  # fmt: skip
_LAST_KNOWN = 450
"""Higher numbers are calls newer than Linux 5.17."""
_AUDIT_ARCH = (0xC000_003E, 0xC000_00B7)

_CLONE_THREAD = 0x0001_0000
_CLONE_NAMESPACES = 0x7E02_0000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_PRCTL_ALLOWED = (15, 16, 0x5356_4D41)
"""PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (glibc names its arenas)."""
_IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS (`isatty`), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_FCNTL_REFUSED = (8, 10, 15, 1024, 1026)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX (signals to a process of choice), F_SETLEASE, F_NOTIFY."""

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 6
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_SET_MODE_FILTER, _SPEC_ALLOW = 1, 4
_GROUP = 16
_PLACEHOLDER_PID = 0xA5C3_96E1
"""Larger than every process id, and not part of any instruction."""

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _give(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)


def _refuse(number: int = errno.EPERM) -> Instruction:
    return _give(_ERRNO | number)


def _load_argument(index: int, *, high: bool = False) -> Instruction:
    """Arguments are 64 bits wide, lower half first on both processors."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index + 4 * high)


def _only(argument: int, allowed: tuple[int, ...], otherwise: int = errno.EPERM) -> list[Instruction]:
    """Allow the call when the lower half of an argument is one of these."""
    jumps: list[Instruction] = [
        (_JUMP_EQUAL, len(allowed) - place, 0, value) for place, value in enumerate(allowed)
    ]
    return [_load_argument(argument), *jumps, _refuse(otherwise), _give(_ALLOW)]


def _never(argument: int, refused: tuple[int, ...]) -> list[Instruction]:
    jumps: list[Instruction] = [
        (_JUMP_EQUAL, len(refused) - place, 0, value) for place, value in enumerate(refused)
    ]
    return [_load_argument(argument), *jumps, _give(_ALLOW), _refuse()]


def _rules(own_pid: int) -> dict[str, list[Instruction]]:
    """Rules for the calls that are decided by their arguments."""
    return {
        # Threads only. clone3 has its flags in memory; libc uses clone if clone3 is not implemented.
        "clone": [
            _load_argument(0),
            (_JUMP_SET, 0, 2, _CLONE_THREAD),
            (_JUMP_SET, 1, 0, _CLONE_NAMESPACES),
            _give(_ALLOW),
            _refuse(),
        ],
        "clone3": [_refuse(errno.ENOSYS)],
        "kill": _only(0, (own_pid,)),
        "tgkill": _only(0, (own_pid,)),
        "prctl": _only(0, _PRCTL_ALLOWED),
        "ioctl": _only(1, _IOCTL_ALLOWED, errno.ENOTTY),
        "fcntl": _never(1, _FCNTL_REFUSED),
        "prlimit64": _only(0, (0,)),
        # asyncio needs a socket pair; a datagram socket could send to any address.
        "socketpair": [
            _load_argument(0),
            (_JUMP_EQUAL, 0, 4, _AF_UNIX),
            _load_argument(1),
            (_AND, 0, 0, _SOCK_TYPE_MASK),
            (_JUMP_EQUAL, 0, 1, _SOCK_STREAM),
            _give(_ALLOW),
            _refuse(),
        ],
        "sendto": [
            _load_argument(4),
            (_JUMP_EQUAL, 0, 3, 0),
            _load_argument(4, high=True),
            (_JUMP_EQUAL, 0, 1, 0),
            _give(_ALLOW),
            _refuse(),
        ],
    }


def _groups(numbers: list[int]) -> Iterator[Instruction]:
    """Refuse these numbers; in groups, because the kernel runs the filter for every possible call."""
    numbers = sorted(numbers)
    for start in range(0, len(numbers), _GROUP):
        group = numbers[start : start + _GROUP]
        yield (_JUMP_GREATER, len(group) + 2, 0, group[-1])
        for place, number in enumerate(group):
            yield (_JUMP_EQUAL, len(group) - place, 0, number)
        yield _give(_ALLOW)
        yield _refuse()


def instructions(own_pid: int, column: int) -> Iterator[Instruction]:
    """The filter for a process with this id in its own process tree; `column` selects the processor."""
    yield (_LOAD, 0, 0, _ARCH_AT)
    yield (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[column])
    yield _give(_KILL_PROCESS)
    yield (_LOAD, 0, 0, _NUMBER_AT)
    yield (_JUMP_GREATER, 0, 1, _LAST_KNOWN)
    yield _refuse(errno.ENOSYS)
    for name, rule in _rules(own_pid).items():
        number = CHECKED[name][column]
        if number is not None:
            yield (_JUMP_EQUAL, 0, len(rule), number)
            yield from rule
    known = [numbers[column] for numbers in REFUSED.values()]
    yield from _groups([number for number in known if number is not None])
    yield _give(_ALLOW)


class Filter:
    """Built once by the fork server; the process of each program installs it.

    SPEC_ALLOW, because before Linux 5.16 a filter slows down each indirect branch of the program otherwise.
    """

    def __init__(self) -> None:
        code = b"".join(
            struct.pack("HBBI", *one) for one in instructions(_PLACEHOLDER_PID, syscalls.column())
        )
        placeholder = struct.pack("I", _PLACEHOLDER_PID)
        self._places = [place for place in range(4, len(code), 8) if code[place : place + 4] == placeholder]
        self._code = ctypes.create_string_buffer(code, len(code))
        self._program = _Program(len(code) // 8, ctypes.addressof(self._code))

    def aim(self, own_pid: int) -> None:
        """Allow the process with this id to send signals to itself."""
        for place in self._places:
            struct.pack_into("I", self._code, place, own_pid)

    def installation(self) -> syscalls.Call:
        """Confines this thread and all threads that it starts; no_new_privs must be set before."""
        address = ctypes.addressof(self._program)
        return syscalls.listed("seccomp", _SET_MODE_FILTER, _SPEC_ALLOW, address)
