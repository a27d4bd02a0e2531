"""What parent and fork-server say to each other: one JSON object a packet, with descriptors beside it.

A packet socket keeps messages whole, so the fork-server and a program that it has just locked in may both
speak on it. Programs lose it before any of their code runs.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_PACKET_BYTES = 8 << 10
_MOST_DESCRIPTORS = 16
_DESCRIPTORS_BYTES = socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS)
_CUT = int(socket.MSG_TRUNC) | int(socket.MSG_CTRUNC)
_RIGHTS = (int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS))


class Control:
    """One end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """OSError when the other end has gone."""
        content = json.dumps(message).encode()
        if descriptors:
            socket.send_fds(self._connection, [content], descriptors)
        else:
            self._connection.send(content)  # a system call that a program, just locked in, may still make

    def receive(self) -> tuple[Message, list[int]] | None:
        """The next message; None when the other end has gone. The descriptors are the caller's to close."""
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
            raise OSError("a message was cut")
        message: Message = json.loads(content)
        return message, descriptors

    def send_plain(self, content: str) -> None:
        """The same message as `send` would, written by hand: the fork-server is spared the encoder."""
        self._connection.send(content.encode())

    def fileno(self) -> int:
        return self._connection.fileno()

    def settimeout(self, limit_s: float | None) -> None:
        self._connection.settimeout(limit_s)

    def close(self) -> None:
        self._connection.close()


def pair() -> tuple[Control, socket.socket]:
    """Our end, and the other's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Control(ours), theirs
