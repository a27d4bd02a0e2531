"""The child's end of the channel to its parent, which on a cluster is the driver on another machine.

A thread reads the channel, so that the parent never waits for a step when it sends, and so that the process
ends with its parent even in the middle of a step.
"""

from __future__ import annotations

import os
import queue
import select
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from or1.processes.heartbeat import Heartbeat
from or1.processes.messages import decode, encode, receive, send
from or1_verify.messages import MessageError


class Channel:
    """Messages from the parent and replies to it: data, see `or1.processes.messages`.

    The parent's end is not inheritable: no program that the parent starts has it, neither another worker nor
    a sandbox.

    - On one machine the channel is a socket pair without a name, to which no other process can connect.
    - On a cluster it is a TCP connection whose two ends proved at its start that they know a key
      (`or1.cluster.channel`). Its later bytes are neither encrypted nor signed: who can inject bytes into the
      connection can read and change the work of this process. The network between the machines has to be
      private.

    Args:
        descriptor: of the socket, an argument of `main`.
        requests: types of which the messages of the parent are made.
    """

    def __init__(self, descriptor: int, requests: Sequence[type]) -> None:
        self._channel = Connection(descriptor)
        self._requests = requests
        self._lock = threading.Lock()
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def first(self) -> Any:
        """The first message; before `read`. MessageError if it cannot be read."""
        return decode(receive(self._channel), self._requests)

    def read(self, scratch: str | None = None) -> None:
        """From here on put messages into `inbox`, in a thread; at the end of the channel, or after a message
        that cannot be read, end the process and those that it started, whatever it is doing.

        Args:
            scratch: a folder to delete then.
        """
        threading.Thread(target=self._read, args=(scratch,), daemon=True).start()

    def _read(self, scratch: str | None) -> None:
        try:
            while True:
                self.inbox.put(self.first())
        except MessageError as error:
            sys.stderr.write(f"or1: {error}\n")
            sys.stderr.flush()
        except (EOFError, OSError):
            pass
        finally:
            _end(scratch)

    def send(self, reply: object) -> None:
        """Send a reply to the parent; from any thread."""
        content = encode(reply)
        with self._lock:
            send(self._channel, content)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Send a heartbeat, unless earlier messages fill the channel: the parent is busy then, and takes no
        part in the work of this process. From any thread."""
        if select.select([], [self._channel], [], 0.0)[1]:
            self.send(heartbeat)


def _end(scratch: str | None) -> None:
    """End this process and those that it started."""
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
