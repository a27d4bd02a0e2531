"""The channel to another machine: only who knows the key gets through, and its end is seen on both sides."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection

import pytest

from or1.cluster.channel import accept, connected_to, new_key
from or1.errors import ClusterError, RankError


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def nothing() -> None:
    """No process fails."""


def test_messages_pass_both_ways_after_the_handshake(server: socket.socket) -> None:
    key = new_key()

    def far() -> None:
        with connected_to(*server.getsockname()[:2], key) as end:
            channel = Connection(end.detach())
        channel.send_bytes(channel.recv_bytes() * 2)
        channel.close()

    thread = threading.Thread(target=far)
    thread.start()
    near = Connection(accept(server, key, 30.0, nothing).detach())
    near.send_bytes(b"x" * 1_000_000)
    assert near.recv_bytes() == b"x" * 2_000_000
    with pytest.raises(EOFError):
        near.recv_bytes()
    thread.join()


def test_another_key_is_refused_and_the_right_one_still_gets_in(server: socket.socket) -> None:
    key = new_key()
    refused: list[Exception] = []

    def intruder() -> None:
        try:
            with connected_to(*server.getsockname()[:2], new_key()):
                pass
        except (AuthenticationError, OSError, EOFError) as error:
            refused.append(error)
        with connected_to(*server.getsockname()[:2], key) as end:
            end.sendall(b"\x00\x00\x00\x02ok")

    thread = threading.Thread(target=intruder)
    thread.start()
    near = Connection(accept(server, key, 30.0, nothing).detach())
    assert near.recv_bytes() == b"ok"
    thread.join()
    assert len(refused) == 1


def test_a_process_that_fails_ends_the_wait(server: socket.socket) -> None:
    def failed() -> None:
        raise RankError("it failed")

    with pytest.raises(RankError, match="it failed"):
        accept(server, new_key(), 30.0, failed)


def test_no_process_is_an_error_with_the_address(server: socket.socket) -> None:
    port = server.getsockname()[1]
    with pytest.raises(ClusterError, match=rf"did not connect to 127.0.0.1:{port} in 0.1 s"):
        accept(server, new_key(), 0.1, nothing)
