"""One child process, seen from its parent: start it, exchange messages, name its failure."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from or1.errors import RunStopped
from or1.processes.heartbeat import Heartbeat
from or1.processes.launch import Launch, LocalProcess
from or1.processes.messages import decode, encode, receive, send
from or1.types import ProcessStatus
from or1_verify.messages import MessageError

_CLOSE_LIMIT_S = 5.0
"""Longest wait for a process to end after its channel was closed [s]; then it is killed."""
_LINE_OF_OR1 = re.compile(r'File "(\S+/(?:src|(?:site|dist)-packages)/or1/\S+)", line (\d+)')
"""Not of another file below a folder named or1."""
STACK_LIMIT_S = 2.0
"""Longest wait for the stacks of a process [s]."""


class ChildProcess:
    """A running child process.

    Args:
        name: in errors.
        worker: module whose `main(descriptor)` serves the channel.
        environment: variables of the process, beside those of this one.
        log: file for all that the process prints.
        error: type of the errors of this process.
        replies: types of which its replies are made, see `or1.processes.messages.decode`.
        launch: starts it; None = on this machine.
    """

    def __init__(
        self,
        name: str,
        worker: str,
        environment: Mapping[str, str],
        log: Path,
        *,
        error: type[RunStopped],
        replies: Sequence[type],
        launch: Launch | None = None,
    ) -> None:
        self.name = name
        self._replies = (*replies, Heartbeat)
        self.silent_s = 0.0
        """Time that the parent has waited since its last message or heartbeat [s]."""
        self.stuck_s = 0.0
        """Time that the parent has waited since its last message, or since it reported new work [s]."""
        self.last_beat = Heartbeat("start", "", 0.0)
        self.last_message_at = time.monotonic()
        self.bytes_sent = 0
        self.bytes_received = 0
        self.silence_limit_s = math.inf
        """Longest time without a heartbeat [s]; none while it starts: an import may stop all threads."""
        self.error = error
        self._fault = ""
        """Of a message that could not be read."""
        self._running = (launch or LocalProcess)(worker, environment, log)

    @property
    def channel(self) -> Connection:
        return self._running.channel

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def place(self) -> str:
        """The process, and its machine where that is another."""
        return self._running.place

    @property
    def has_ended(self) -> bool:
        return self._running.wait(0.0) is not None

    @property
    def is_closed(self) -> bool:
        return self.channel.closed

    def send(self, message: object) -> None:
        """Send a message; an error of the type `error` if the process has ended."""
        content = encode(message)
        try:
            send(self.channel, content)
        except BlockingIOError as error:
            raise self._stopped() from error
        except OSError as error:
            raise self.ended() from error
        self.bytes_sent += len(content)

    def receive(self) -> Any:
        """The next message, which must have come; an error of the type `error` if the process has ended, or
        has sent what is none of its replies."""
        try:
            content = receive(self.channel)
            message = decode(content, self._replies)
        except MessageError as error:
            self._fault = str(error)
            raise self.ended() from error
        except BlockingIOError as error:
            raise self._stopped() from error
        except (EOFError, OSError) as error:
            raise self.ended() from error
        self.bytes_received += len(content)
        self.silent_s, self.last_message_at = 0.0, time.monotonic()
        if isinstance(message, Heartbeat):
            self.last_beat = message
            self.stuck_s = min(self.stuck_s, message.since_s)
        else:
            self.stuck_s = 0.0
        return message

    def failed(self, reason: str) -> RunStopped:
        """The error that the process reported, with the end of its output."""
        return self.error(f"{self.name} failed: {reason}{self.last_work()}{self.last_lines()}")

    def waited(self, seconds: float) -> None:
        """Note that the parent has waited for it."""
        self.silent_s += seconds
        self.stuck_s += seconds

    def expect_message(self, limit_s: float, during: str, setting: str) -> None:
        """An error of the type `error`, with the line of code where the process is, if it is late.

        Args:
            limit_s: longest time at one piece of work [s].
            during: the work.
            setting: of this limit, for the error.
        """
        silent = self.silent_s > self.silence_limit_s
        if not silent and self.stuck_s <= limit_s:
            return
        limit_s = self.silence_limit_s if silent else limit_s
        sign = "sign of life" if silent else "progress"
        remedy = "" if silent else f"; if it is only slow, raise {setting}"
        lines = self.last_lines()  # before the stacks
        raise self.error(
            f"{self.name} ({self.place}) gave no {sign} for {limit_s:g} s during {during}"
            f"{self.last_work()}{self.where()}{remedy}{lines}"
        )

    def _stopped(self) -> RunStopped:
        """The error of a process that stopped in the middle of a message."""
        return self.error(
            f"{self.name} ({self.place}) gave no sign of life in the middle of a message{self.last_work()}"
            f"{self.last_lines()}"
        )

    def status(self, *, is_idle: bool) -> ProcessStatus:
        """Its work by its last heartbeat; from any thread.

        Args:
            is_idle: the parent has given it no work.
        """
        if is_idle:
            return ProcessStatus(name=self.name, phase="idle")
        beat, age_s = self.last_beat, time.monotonic() - self.last_message_at
        return ProcessStatus(name=self.name, phase=beat.phase, work=beat.work, since_s=beat.since_s + age_s)

    def last_work(self) -> str:
        """Its last heartbeat, for an error of one line."""
        beat = self.last_beat
        return f", at work on: {', '.join(filter(None, (beat.phase, beat.work)))}"

    def where(self) -> str:
        """The innermost line of or1 in its stacks, which it writes into its log; empty without them."""
        return innermost(self.stack(STACK_LIMIT_S))

    def kill(self) -> None:
        """End the process at once, before it can react to the end of its channel; may be called again."""
        self._running.kill()
        self.channel.close()

    def close(self, limit_s: float = _CLOSE_LIMIT_S) -> None:
        """End the process; may be called again.

        Args:
            limit_s: longest wait for it to end by itself, after its channel was closed [s].
        """
        if self.is_closed:
            return
        self.channel.close()
        if limit_s:
            self._running.wait(limit_s)
        self._running.kill()

    def stack(self, limit_s: float) -> str:
        """The stacks of all its threads; empty when it does not react within this time [s]."""
        return self._running.stack(limit_s)

    def ended(self) -> RunStopped:
        """The error of a process whose channel has ended, with its exit status and the end of its output; or
        which has sent what could not be read."""
        if self._fault:
            return self.error(f"{self.name} ({self.place}): {self._fault}{self.last_lines()}")
        status = self._running.wait(_CLOSE_LIMIT_S)
        shown = "unknown" if status is None else status
        return self.error(
            f"{self.name} ({self.place}) ended with exit status {shown}{self.last_work()}{self.last_lines()}"
        )

    def last_lines(self) -> str:
        """The end of its output, for an error of one line."""
        lines = self._running.last_lines()
        return f"; its output ends: {lines}" if lines else ""


def innermost(stacks: str) -> str:
    """The innermost line of or1 in the stack of the main thread, for an error; empty without one."""
    main = stacks[max(stacks.rfind("Current thread"), 0) :]
    found = _LINE_OF_OR1.search(main)
    return f", in {Path(found[1]).name} line {found[2]}" if found else ""
