"""A chat-completions server in a thread, which answers and fails by a script."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SERVED_MODEL = "scripted"
"""Name of the model that the server has."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request as it came."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """Names in lower case."""
    num_before: int
    """How often this very body has come before."""

    @property
    def question(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """The response of the server; by default a completion."""

    text: str | None = ""
    reasoning: str | None = None
    reasoning_field: str = "reasoning"
    finish_reason: str | None = "stop"
    num_tokens: int | None = None
    """None = one a character."""
    status: int = 200
    """Any other than 200 sends `text` as an error's message."""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Sent instead of all that."""
    drop: bool = False
    """The connection is lost in the middle of the body."""
    hold: threading.Event | None = None
    """Nothing is sent before this is set, or the server dies."""

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.text, "code": self.status}}).encode()
        message = {"role": "assistant", "content": self.text}
        if self.reasoning is not None:
            message[self.reasoning_field] = self.reasoning
        said = len(self.text or "") + len(self.reasoning or "")
        num_tokens = said if self.num_tokens is None else self.num_tokens
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return json.dumps({"choices": [choice], "usage": {"completion_tokens": num_tokens}}).encode()


ChatScript = Callable[[ChatRequest], ChatReply]


class ChatServer:
    """The server; a context manager. It listens when it has been made.

    Args:
        script: what to answer; called from many threads.
        key: what every request must carry; None = nothing.
    """

    def __init__(self, script: ChatScript, *, key: str | None = None) -> None:
        self._script = script
        self._key = key
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._num_open = 0
        self._connections: set[socket.socket] = set()
        self.requests: list[ChatRequest] = []
        self.most_at_once = 0
        """Largest number of requests that were under way together."""
        self.left = threading.Semaphore(0)
        """Released once for each held request whose sender left."""
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def is_down(self) -> bool:
        return self._server is None

    def start(self) -> None:
        """Listen, after a `kill` on the same port as before."""
        owner = self

        class Handler(_Handler):
            chat = owner

        server = _Server(("127.0.0.1", self._port), Handler)
        self._port = server.server_address[1]
        self._server = server
        self._stopped = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def kill(self) -> None:
        """Stop listening and drop every connection, as a killed process does."""
        if self._server is None:
            return
        self._stopped.set()
        server, self._server = self._server, None
        server.shutdown()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()  # waits for the handlers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def answer(self, body: bytes, headers: Mapping[str, str], connection: socket.socket) -> ChatReply:
        """The reply of the script to a request.

        Raises:
            ConnectionError: the sender left, or the server was killed, while the answer was held.
        """
        content = json.loads(body)
        with self._lock:
            request = ChatRequest(content, headers, self._seen[body.decode()])
            self._seen[body.decode()] += 1
            self.requests.append(request)
            self._num_open += 1
            self.most_at_once = max(self.most_at_once, self._num_open)
        try:
            if not self._knows(headers):
                return ChatReply(status=401, text=f"no such key: {headers.get('authorization')}")
            if content["model"] != SERVED_MODEL:
                return ChatReply(status=404, text=f"The model `{content['model']}` does not exist.")
            reply = self._script(request)
            if reply.hold is not None:
                self._wait(reply.hold, connection)
            return reply
        finally:
            with self._lock:
                self._num_open -= 1

    def _knows(self, headers: Mapping[str, str]) -> bool:
        return self._key is None or headers.get("authorization") == f"Bearer {self._key}"

    def _wait(self, event: threading.Event, connection: socket.socket) -> None:
        while not event.wait(0.01) and not self._stopped.is_set():
            with contextlib.suppress(BlockingIOError):
                if not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    self.left.release()
                    raise ConnectionError("the sender has left")
        if not event.is_set():
            raise ConnectionError("the server was killed")


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that has left is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two of them wait for each other
    chat: ChatServer

    def setup(self) -> None:
        super().setup()
        with self.chat._lock:
            self.chat._connections.add(self.connection)

    def finish(self) -> None:
        with self.chat._lock:
            self.chat._connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self.chat._knows(headers):
            self._send(ChatReply(status=401, text="no such key"))
        elif self.path == "/v1/models":
            self._send(ChatReply(raw=json.dumps({"data": [{"id": SERVED_MODEL}]}).encode()))
        else:
            self._send(ChatReply(status=404, text="Not Found"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path != "/v1/chat/completions":
            self._send(ChatReply(status=404, text="Not Found"))
            return
        try:
            self._send(self.chat.answer(body, headers, self.connection))
        except OSError:
            self.close_connection = True

    def _send(self, reply: ChatReply) -> None:
        content = reply.content()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.drop:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
