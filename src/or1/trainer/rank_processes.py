"""The ranks of the trainer as processes, and the waits for them.

Every wait has a limit. A rank that ends, fails or hangs ends the group with one line that names it.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence, Set
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from or1.errors import Or1Error, RankError
from or1.processes.child import STACK_LIMIT_S, ChildProcess, innermost
from or1.processes.heartbeat import HEARTBEAT_LIMIT_S, Heartbeat
from or1.processes.launch import Launch, LocalProcess
from or1.processes.shared_memory import shared_folder
from or1.trainer.fsdp_rank import RankSettings
from or1.trainer.rank_messages import (
    REPLIES,
    START_LIMIT_S,
    RankCall,
    RankFailed,
    RankReturned,
    StartRank,
    StopUpdate,
    saved_error,
    saved_marker,
)
from or1.types import ProcessStatus

POLL_S = 0.2
"""Longest time between two calls of the check for a stop signal [s]."""
GRACE_S = 3.0
"""After a rank reported a failure: time to find another one that has ended, and is the cause [s]."""
SAVE_LIMIT_S = 3600.0
"""Longest time for the files of a checkpoint [s]."""
SAVED_POLL_S = 0.05


class RankPlaces(Protocol):
    """The machines of the ranks: this one, or those of a cluster."""

    @property
    def scratch(self) -> Path:
        """A folder in memory, on each of the machines."""
        ...

    @property
    def store(self) -> str:
        """By it the ranks find each other: the path of a file, or `tcp://HOST:PORT`."""
        ...

    def launch(self, rank: int) -> Launch:
        """Starts processes on the machine of a rank."""
        ...

    def environment(self, rank: int) -> Mapping[str, str]:
        """Variables of the process of a rank."""
        ...

    def saved(self, rank: int) -> str | None:
        """The content of the `saved_marker` of a rank; None if there is none, RankError if it is lost."""
        ...

    def forget_saved(self) -> None:
        """Delete the markers of all ranks."""
        ...

    def fetch(self, path: Path) -> None:
        """Bring a file of the scratch folder of rank 0 into that of this machine.

        Raises:
            RankError: it did not arrive.
        """
        ...

    def close(self) -> None:
        """Delete the scratch folders; may be called again."""
        ...


class ThisMachine:
    """`RankPlaces` of ranks beside the driver: gloo and NCCL connect over the loopback interface.

    Args:
        num_ranks: W.
    """

    def __init__(self, num_ranks: int) -> None:
        self._num_ranks = num_ranks
        self.scratch = shared_folder("or1-ranks-")
        self.store = str(self.scratch / "store")

    def launch(self, rank: int) -> Launch:
        return LocalProcess

    def environment(self, rank: int) -> Mapping[str, str]:
        return {"GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo"}

    def saved(self, rank: int) -> str | None:
        try:
            return saved_marker(self.scratch, rank).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def forget_saved(self) -> None:
        for rank in range(self._num_ranks):
            saved_marker(self.scratch, rank).unlink(missing_ok=True)

    def fetch(self, path: Path) -> None:
        """It is here."""

    def close(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)


class Ranks(Protocol):
    """The ranks, wherever they run."""

    @property
    def num_ranks(self) -> int: ...

    @property
    def scratch(self) -> Path:
        """A folder in memory that rank 0 and the driver share."""
        ...

    def call(
        self, method: str, arguments: Sequence[Any], check: Callable[[], None] | None = None
    ) -> list[Any]:
        """Run a method of `FsdpRank` on all ranks and wait for all.

        Args:
            method: its name.
            arguments: of each rank.
            check: called often while it waits. When it raises, the ranks leave their update if they can, and
                it raises the error if they did.

        Returns:
            The value of each rank.

        Raises:
            RankError: a rank ended, failed or hangs; the group has ended.
            Or1Error: an error for the user that a rank reported, such as a full disk; the group has ended.
        """
        ...

    def processes(self) -> list[ProcessStatus]:
        """The present work of each rank; from any thread."""
        ...

    def fetch(self, path: Path) -> None:
        """See `RankPlaces.fetch`."""
        ...

    def begin_save(self, folder: Path) -> None:
        """Let all ranks begin to write their files; the previous save has ended.

        Raises:
            RankError, Or1Error: see `call`.
        """
        ...

    def wait_saved(self) -> None:
        """Wait until all ranks have written their files after a call of `begin_save`; from any thread.

        Raises:
            OSError: a rank could not write.
            RankError: a rank ended meanwhile.
        """
        ...

    def close(self) -> None:
        """End all ranks; may be called again."""
        ...


class RankProcesses:
    """`Ranks` as processes, connected by gloo on CPUs and NCCL on GPUs.

    Args:
        settings: equal on all ranks.
        num_ranks: W.
        places: their machines, closed with them; None = this one.
        silence_limit_s: longest time without a heartbeat of a rank that has started [s].
    """

    def __init__(
        self,
        settings: RankSettings,
        num_ranks: int,
        places: RankPlaces | None = None,
        *,
        silence_limit_s: float = HEARTBEAT_LIMIT_S,
    ) -> None:
        self._limit_s = max(START_LIMIT_S, settings.limit_s)
        self._silence_limit_s = math.inf
        """None in the start: an import may stop all threads of a process."""
        self._is_called, self._called_at = True, time.monotonic()
        self._failure: Or1Error | None = None
        """The error that ended the group."""
        self._places = places or ThisMachine(num_ranks)
        self.scratch = self._places.scratch
        threads = {"OMP_NUM_THREADS": str(settings.num_threads)}
        self._last_progress = [time.monotonic()] * num_ranks
        """When each rank began the work at hand [s]."""
        self._processes: list[ChildProcess] = []
        try:
            for rank in range(num_ranks):
                log = self.scratch / f"rank-{rank}.log"
                name = f"training rank {rank}"
                process = ChildProcess(
                    name,
                    "or1.trainer.rank_worker",
                    {**self._places.environment(rank), **threads},
                    log,
                    error=RankError,
                    replies=REPLIES,
                    launch=self._places.launch(rank),
                )
                self._processes.append(process)
                store = self._places.store
                process.send(StartRank(settings, rank, num_ranks, str(self.scratch), store))
            self._collect(None)
            self._limit_s, self._silence_limit_s = settings.limit_s, silence_limit_s
            self._is_called = False
        except BaseException:
            self.close()
            raise

    @property
    def num_ranks(self) -> int:
        return len(self._processes)

    @property
    def pids(self) -> list[int]:
        """Process id of each rank."""
        return [process.pid for process in self._processes]

    def call(
        self, method: str, arguments: Sequence[Any], check: Callable[[], None] | None = None
    ) -> list[Any]:
        """See `Ranks.call`."""
        if any(process.is_closed for process in self._processes):
            raise RankError("the training ranks have ended: the same command resumes the run")
        self._called_at = time.monotonic()
        self._last_progress = [self._called_at] * self.num_ranks
        self._is_called = True
        try:
            for rank, argument in enumerate(arguments):
                self._send(rank, RankCall(method, argument))
            values, stop = self._collect(check)
        except Or1Error as error:
            self._failure = error
            self.close()
            raise
        finally:
            self._is_called = False
        if stop is not None and all(value is None for value in values):
            raise stop
        return values

    def processes(self) -> list[ProcessStatus]:
        """See `Ranks.processes`."""
        return [process.status(is_idle=not self._is_called) for process in self._processes]

    def fetch(self, path: Path) -> None:
        """See `Ranks.fetch`."""
        self._places.fetch(path)

    def begin_save(self, folder: Path) -> None:
        """See `Ranks.begin_save`."""
        self._places.forget_saved()
        self.call("begin_save", [folder] * self.num_ranks)

    def wait_saved(self) -> None:
        """See `Ranks.wait_saved`."""
        missing = set(range(self.num_ranks))
        deadline = time.monotonic() + SAVE_LIMIT_S
        while missing:
            texts = {rank: self._places.saved(rank) for rank in sorted(missing)}
            missing -= {rank for rank, text in texts.items() if text == ""}
            # the others cannot save without a rank that has ended: it is the cause
            for rank, text in texts.items():
                if text is None and (self._failure is not None or self._processes[rank].has_ended):
                    raise self._lost(rank)
            for rank, text in texts.items():
                if text:
                    raise saved_error(rank, text)
            if missing and time.monotonic() > deadline:
                raise RankError(f"training rank {min(missing)} did not finish its part of a checkpoint")
            time.sleep(SAVED_POLL_S)

    def _lost(self, rank: int) -> Or1Error:
        """The error of a save that a rank has not finished: that of the call at hand, which finds the cause,
        or that the rank has ended."""
        deadline = time.monotonic() + 2 * GRACE_S
        while self._failure is None and time.monotonic() < deadline:
            time.sleep(SAVED_POLL_S)
        if self._failure is not None:
            return self._failure
        return RankError(f"{self._processes[rank].ended()}; its part of a checkpoint is not finished")

    def close(self) -> None:
        """End all ranks; may be called again."""
        for process in self._processes:
            process.close(0.0)
        self._places.close()

    def _send(self, rank: int, message: object) -> None:
        try:
            self._processes[rank].send(message)
        except RankError:
            raise self._cause(rank, None) from None

    def _collect(self, check: Callable[[], None] | None) -> tuple[list[Any], Or1Error | None]:
        """The value of each rank, and the error that `check` raised meanwhile."""
        values: dict[int, Any] = {}
        stop: Or1Error | None = None
        while len(values) < self.num_ranks:
            for rank in self._ready(POLL_S, set(values)):
                message = self._receive(rank)
                if isinstance(message, RankReturned):
                    values[rank] = message.value
                elif isinstance(message, Heartbeat):
                    began = time.monotonic() - message.since_s
                    self._last_progress[rank] = max(self._last_progress[rank], began)
                else:
                    raise self._cause(rank, message)
            self._require_signs_of_life(set(values))
            if check is not None and stop is None:
                try:
                    check()
                except Or1Error as error:
                    stop = error
                    for rank in range(self.num_ranks):
                        self._send(rank, StopUpdate())
        return [values[rank] for rank in range(self.num_ranks)], stop

    def _ready(self, seconds: float, without: Set[int]) -> list[int]:
        """Ranks that have sent something, or have ended."""
        channels = {p.channel: rank for rank, p in enumerate(self._processes) if rank not in without}
        return [channels[channel] for channel in wait(list(channels), seconds)]  # type: ignore[index]

    def _receive(self, rank: int) -> Any:
        """The next message of a rank; None when it has ended."""
        try:
            return self._processes[rank].receive()
        except RankError:
            return None

    def _cause(self, rank: int, failure: RankFailed | None) -> Or1Error:
        """The error to raise when a rank has failed, or has ended without a report.

        The others fail because of it, and may report first: a rank that ended without a report is the cause.
        """
        reported = {rank: failure}
        deadline = time.monotonic() + GRACE_S
        while all(reported.values()) and len(reported) < self.num_ranks and time.monotonic() < deadline:
            for other in self._ready(POLL_S, set(reported)):
                message = self._receive(other)
                if message is None or isinstance(message, RankFailed):
                    reported[other] = message
        for other, message in reported.items():
            if message is None:
                return self._processes[other].ended()
        assert failure is not None
        if failure.error is not None:
            return failure.error
        return self._processes[rank].failed(failure.reason)

    def _require_signs_of_life(self, done: Set[int]) -> None:
        """RankError if a rank sends no heartbeats, or if no rank makes progress."""
        clock = time.monotonic()
        late = [rank for rank in range(self.num_ranks) if rank not in done]
        since = {rank: max(self._called_at, self._processes[rank].last_message_at) for rank in late}
        silent = [rank for rank in late if clock - since[rank] > self._silence_limit_s]
        if silent:
            raise self._no_sign_of_life(silent, self._silence_limit_s)
        if late and clock - max(self._last_progress[rank] for rank in late) > self._limit_s:
            remedy = f"; if it is only slow, raise system.rank_limit_s above {self._limit_s:g}"
            raise self._no_sign_of_life(late, self._limit_s, remedy)

    def _no_sign_of_life(self, late: Sequence[int], limit_s: float, remedy: str = "") -> RankError:
        """The error that names the ranks that the others wait for, and the line of code of the first.

        Every rank gets a signal to write its stack. One that does not is stopped; one whose stack shows no
        collective operation is busy or hangs in its own work.
        """
        stacks = {rank: self._processes[rank].stack(STACK_LIMIT_S) for rank in late}
        hanging = [rank for rank in late if not stacks[rank]]
        hanging = hanging or [rank for rank in late if "torch/distributed" not in stacks[rank]] or list(late)
        names = ", ".join(f"{self._processes[r].name} ({self._processes[r].place})" for r in hanging)
        work, line = self._processes[hanging[0]].last_work(), innermost(stacks[hanging[0]])
        return RankError(f"{names} gave no sign of life for {limit_s:g} s{work}{line}{remedy}")
