"""The system calls that confine a program, in their order."""

from __future__ import annotations

import ctypes
import resource
import struct
from dataclasses import replace

import pytest

from or1_verify.sandbox import syscalls
from or1_verify.sandbox.confine import Confinement, Surroundings, SyscallPlan, planned
from or1_verify.sandbox.seccomp import Filter

CONFINEMENT = Confinement(
    uid=30_000,
    counts_own_processes=True,
    scratch_dir="/scratch/0/in",
    ruleset=9,
    kernel_cpu_s=21,
    address_bytes=1 << 30,
    file_bytes=1 << 20,
    num_open_files=64,
    standard=(20, 21, 22, 23),
    cgroups=(30, 31),
)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings(control=10, alive_read=11, alive_write=12, seccomp=Filter())


def names(plan: SyscallPlan) -> list[str]:
    by_number = {numbers[syscalls.column()]: name for name, numbers in syscalls._NUMBERS.items()}
    return [by_number[call[0]] for call in plan.calls]


def test_privileged_calls_come_before_the_change_of_user_and_seccomp_last(around: Surroundings) -> None:
    order = names(planned(CONFINEMENT, around))
    steps = [
        "write",
        "dup3",
        "setgroups",
        "setresgid",
        "setresuid",
        "capset",
        "landlock_restrict_self",
        "seccomp",
    ]
    assert [order.index(step) for step in steps] == sorted(order.index(step) for step in steps)
    assert order[-1] == "seccomp"
    assert order.index("prctl") < order.index("landlock_restrict_self"), "no_new_privs is set before"


def test_standard_streams_and_channel_become_0_to_3(around: Surroundings) -> None:
    dup3 = syscalls.listed("dup3")[0]
    plan = planned(CONFINEMENT, around)
    assert [call[1:3] for call in plan.calls if call[0] == dup3] == [(20, 0), (21, 1), (22, 2), (23, 3)]


def test_a_level_without_user_or_ruleset_leaves_these_calls_out(around: Surroundings) -> None:
    plain = replace(CONFINEMENT, uid=None, ruleset=None, cgroups=())
    order = names(planned(plain, replace(around, seccomp=None)))
    assert not {"setresuid", "landlock_restrict_self", "seccomp", "write"} & set(order)
    assert "capset" in order, "capabilities are dropped at every level"


def test_the_kernels_time_limit_warns_before_it_kills(around: Surroundings) -> None:
    prlimit = syscalls.listed("prlimit64")[0]
    plan = planned(CONFINEMENT, around)
    limits = {call[2]: call[3] for call in plan.calls if call[0] == prlimit}
    soft, hard = struct.unpack("QQ", ctypes.string_at(limits[resource.RLIMIT_CPU], 16))
    assert (soft, hard) == (21, 26)
