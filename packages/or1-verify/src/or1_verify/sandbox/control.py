"""Messages between parent and fork server: one JSON object per packet, with descriptors attached.

A packet socket keeps messages whole, so the fork server and a process that it has just confined can both send
on it. The process closes the socket before any code of the program runs.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_PACKET_BYTES = 8 << 10
_MAX_DESCRIPTORS = 16
_DESCRIPTORS_BYTES = socket.CMSG_SPACE(4 * _MAX_DESCRIPTORS)
_CUT = int(socket.MSG_TRUNC) | int(socket.MSG_CTRUNC)
_RIGHTS = (int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS))


class Control:
    """One end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; OSError if the other end is closed."""
        content = json.dumps(message).encode()
        if descriptors:
            socket.send_fds(self._connection, [content], descriptors)
        else:
            self._connection.send(content)  # a system call that a confined process may still make

    def receive(self) -> tuple[Message, list[int]] | None:
        """The next message; None if the other end is closed. The caller closes the descriptors."""
        content, beside, flags, _ = self._connection.recvmsg(_PACKET_BYTES, _DESCRIPTORS_BYTES)
        if not content:
            return None
        descriptors: list[int] = []
        for level, kind, words in beside:
            if (level, kind) == _RIGHTS:
                descriptors += memoryview(words[: len(words) - len(words) % 4]).cast("i")
        if flags & _CUT:
            for descriptor in descriptors:
                os.close(descriptor)
            raise OSError("a message was truncated")
        message: Message = json.loads(content)
        return message, descriptors

    def send_plain(self, content: str) -> None:
        """Send JSON text; saves the fork server the encoder."""
        self._connection.send(content.encode())

    def fileno(self) -> int:
        return self._connection.fileno()

    def settimeout(self, limit_s: float | None) -> None:
        self._connection.settimeout(limit_s)

    def close(self) -> None:
        self._connection.close()


def pair() -> tuple[Control, socket.socket]:
    """Both ends of a new socket: one as `Control`, one to pass to the fork server."""
    near_end, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Control(near_end), far_end
