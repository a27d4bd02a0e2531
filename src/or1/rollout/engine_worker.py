"""Main function of an engine process: take messages, step the engine while it has requests, report.

A thread reads the channel, so that the pool never waits for a step when it sends, and so that the process
ends with the pool's even in the middle of a step.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import shutil
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from or1.rollout.engine_messages import (
    Abort,
    Add,
    Alive,
    Begin,
    Completed,
    Done,
    Failed,
    FromEngine,
    Load,
    ReadCanary,
    RequestEngine,
    Start,
    ToEngine,
)

ALIVE_EVERY_S = 1.0
"""Longest silence of an engine that steps [s]."""


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the pool closes it."""
    channel = Connection(descriptor)
    start: Start = pickle.loads(channel.recv_bytes())
    inbox: queue.SimpleQueue[ToEngine] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(channel, inbox, start.scratch), daemon=True).start()
    try:
        module, _, name = start.factory.partition(":")
        engine: RequestEngine = getattr(importlib.import_module(module), name)(start.settings)
        _send(channel, Done(None))
        EngineServer(channel, engine).serve(inbox)
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            _send(channel, Failed(f"{type(error).__name__}: {error}"))
        sys.exit(1)


def _read(channel: Connection, inbox: queue.SimpleQueue[ToEngine], scratch: str | None) -> None:
    """Fill the inbox; at the end of the channel end the process, whatever the engine is doing."""
    try:
        while True:
            inbox.put(pickle.loads(channel.recv_bytes()))
    except (EOFError, OSError):
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)


def _send(channel: Connection, message: FromEngine) -> None:
    channel.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


class EngineServer:
    """The loop of an engine process.

    Args:
        channel: to the pool.
        engine: the engine of this process.
    """

    def __init__(self, channel: Connection, engine: RequestEngine) -> None:
        self._channel = channel
        self._engine = engine
        self._call = 0
        self._last_sent = time.monotonic()

    def serve(self, inbox: queue.SimpleQueue[ToEngine]) -> None:
        while True:
            self._take(inbox)
            responses = self._engine.step()
            if responses:
                self._report(Completed(self._call, responses))
            elif time.monotonic() - self._last_sent > ALIVE_EVERY_S:
                self._report(Alive())

    def _take(self, inbox: queue.SimpleQueue[ToEngine]) -> None:
        """Obey the messages that have come; wait for one while there is nothing to sample."""
        while True:
            try:
                message = inbox.get(block=self._engine.num_running == 0)
            except queue.Empty:
                return
            self._obey(message)

    def _obey(self, message: ToEngine) -> None:
        match message:
            case Add(requests):
                for request in requests:
                    self._engine.add(request)
            case Begin(call, sampling):
                self._call = call
                self._engine.begin(sampling)
            case Abort():
                self._engine.abort()
            case Load(version, update):
                self._engine.load(version, update)
                self._report(Done(None))
            case ReadCanary(tokens, num_sampled):
                self._report(Done(self._engine.read_canary(tokens, num_sampled)))

    def _report(self, message: Any) -> None:
        _send(self._channel, message)
        self._last_sent = time.monotonic()
