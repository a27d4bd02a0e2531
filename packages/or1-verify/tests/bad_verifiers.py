"""Verifiers that break in every way a worker can break; a module of their own, for workers to import."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from or1_verify.base import Verifier
from or1_verify.types import Outcome, Problem, Verdict

HANGS = "an answer to this hangs"
"""The question of problems whose answers get a short limit, so that tests of hangs are quick."""
HANG_LIMIT_S = 1.0


def right(detail: str = "") -> Verdict:
    return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right", detail=detail)


def wrong(detail: str = "") -> Verdict:
    return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="wrong_value", detail=detail)


def misbehave(how: str) -> None:
    if how == "spin":
        while True:
            pass
    if how == "c_loop":
        # One call into C that neither returns nor looks at signals or the interpreter lock.
        pow(7, 10**9, 10**1_000_000 + 1)
    if how == "sleep":
        time.sleep(3600)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(0)
    if how == "sys_exit":
        sys.exit(3)
    if how == "memory":
        ballast = [bytes(1 << 26) for _ in range(1 << 10)]
        raise AssertionError(f"the limit let {len(ballast)} blocks through")
    if how == "raise":
        raise RuntimeError("a bug of the verifier")
    if how == "print":
        for _ in range(1 << 12):
            sys.stdout.write("x" * (1 << 14))
            sys.stderr.write("y" * (1 << 14))


def wait_for_file(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


@dataclass(frozen=True)
class BadVerifier(Verifier):
    """Does what the answer says; then the answer is correct if it contains the gold."""

    def limit_s(self, problem: Problem) -> float | None:
        return HANG_LIMIT_S if problem.prompt[0].content == HANGS else None

    def compute(self, problem: Problem, answer: str) -> Verdict:
        how, _, rest = answer.partition(":")
        if how == "wait":
            wait_for_file(rest.split()[0])
        misbehave(how)
        return right(answer) if str(problem.gold) in answer else wrong(answer)


@dataclass(frozen=True)
class Impatient(BadVerifier):
    """Known to take no longer than this."""

    LIMIT_S: ClassVar[float] = 0.3

    def limit_s(self, problem: Problem) -> float | None:
        return self.LIMIT_S


@dataclass(frozen=True)
class Contrary(Verifier):
    """Finds everything wrong."""

    def compute(self, problem: Problem, answer: str) -> Verdict:
        return wrong(answer)


@dataclass(frozen=True)
class FailsOnce(Verifier):
    """Breaks on its first call with a text and is well on the second, as under a neighbour's load."""

    folder: str

    def limit_s(self, problem: Problem) -> float | None:
        """Short for the first call only: the second one must succeed however loaded the machine is."""
        return None if any(Path(self.folder).iterdir()) else 5.0

    def compute(self, problem: Problem, answer: str) -> Verdict:
        mark = Path(self.folder) / answer.replace(":", "_")
        if not mark.exists():
            mark.touch()
            misbehave(answer.split(":")[0])
        return right(answer)


@dataclass(frozen=True)
class TellsItsGold(BadVerifier):
    """A gold of `spin` cannot be verified even against itself."""

    def ideal_answer(self, problem: Problem) -> str | None:
        return str(problem.gold)


@dataclass(frozen=True)
class Decides(BadVerifier):
    """Judges numbers in the parent process; everything else is for a worker."""

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        return wrong("decided") if answer.isdigit() else None


@dataclass(frozen=True)
class CannotRead(BadVerifier):
    """Breaks in the parent process."""

    def read(self, text: str) -> str | Verdict:
        misbehave(text)
        return text


@dataclass(frozen=True)
class CannotPrepare(BadVerifier):
    def prepare(self) -> None:
        raise ImportError("no module named algebra")


@dataclass(frozen=True)
class Reports(Verifier):
    """Reports the state of the worker it runs in as the detail."""

    def compute(self, problem: Problem, answer: str) -> Verdict:
        if answer == "modules":
            return right(" ".join(sorted({name.split(".")[0] for name in sys.modules})))
        if answer == "environment":
            return right(" ".join(sorted(os.environ)))
        if answer.startswith("sockets"):
            listed = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, close_fds=False)
            own = [path for path in Path("/proc/self/fd").iterdir() if path.is_socket()]
            return right(f"{len(own)} {listed.stdout.count(b'socket:')}")
        return right(str(os.getpid()))
