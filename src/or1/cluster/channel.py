"""The channel between the driver and a process on another machine: a TCP connection.

Both ends prove at the start that they know a key, since the process does the work that the driver sends. The
later bytes are neither encrypted nor signed: the network has to be private. A peer that the network cuts off
ends the channel within seconds, on both ends: its messages cannot arrive later.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

from or1.errors import ClusterError
from or1.processes.launch import limit_waits

KEY_BYTES = 32
HANDSHAKE_S = 30
"""Longest wait for a message of the handshake [s]."""
IDLE_S, PROBE_S, NUM_PROBES = 5, 2, 3
"""A peer that answers no probe is cut off: after IDLE_S + PROBE_S * NUM_PROBES [s]."""
UNSENT_S = 30
"""Longest time that sent bytes wait for the peer [s]."""
_POLL_S = 0.5


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


@contextlib.contextmanager
def connected_to(host: str, port: int, key: bytes) -> Iterator[socket.socket]:
    """The process's end of a channel to the driver, closed here afterwards.

    Raises:
        OSError: the driver cannot be reached, or does not know the key.
    """
    with socket.create_connection((host, port), timeout=HANDSHAKE_S) as end:
        end.settimeout(None)
        _watch(end)
        with _limited(end) as channel:
            answer_challenge(channel, key)
            deliver_challenge(channel, key)
        yield end


def accept(server: socket.socket, key: bytes, limit_s: float, check: Callable[[], None]) -> socket.socket:
    """The driver's end: the next connection that knows the key.

    Args:
        server: listens.
        key: of this process alone.
        limit_s: longest wait [s].
        check: called often; raises when the process cannot come.

    Raises:
        ClusterError: none came in time.
    """
    server.settimeout(_POLL_S)
    for _ in range(max(1, int(limit_s / _POLL_S))):
        try:
            end, _ = server.accept()
        except TimeoutError:
            check()
            continue
        end.settimeout(None)
        _watch(end)
        try:
            with _limited(end) as channel:
                deliver_challenge(channel, key)
                answer_challenge(channel, key)
        except (AuthenticationError, EOFError, OSError):
            end.close()  # another program
            continue
        return end
    host, port = server.getsockname()[:2]
    raise ClusterError(
        f"a process of the cluster did not connect to {host}:{port} in {limit_s:g} s: let its machines reach "
        "this one"
    )


@contextlib.contextmanager
def _limited(end: socket.socket) -> Iterator[Connection]:
    """A connection over a copy of the descriptor, each wait of which has a limit."""
    limit_waits(end, HANDSHAKE_S)
    try:
        with Connection(os.dup(end.fileno())) as channel:
            yield channel
    finally:
        limit_waits(end, 0)


def _watch(end: socket.socket) -> None:
    """Let the system end the connection when the peer is cut off."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, NUM_PROBES)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_S * 1000)
