"""Main function of an engine process: take messages, step the engine while it has requests, report."""

from __future__ import annotations

import contextlib
import importlib
import queue
import sys
import time
import traceback
from typing import Any

from or1.processes.worker import Channel
from or1.rollout.engine_messages import (
    Abort,
    Add,
    Alive,
    Begin,
    Completed,
    Done,
    Failed,
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
    channel = Channel(descriptor)
    start: Start = channel.first()
    channel.read(start.scratch)
    try:
        module, _, name = start.factory.partition(":")
        engine: RequestEngine = getattr(importlib.import_module(module), name)(start.settings)
        channel.send(Done(None))
        EngineServer(channel, engine).serve()
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            channel.send(Failed(f"{type(error).__name__}: {error}"))
        sys.exit(1)


class EngineServer:
    """The loop of an engine process.

    Args:
        channel: to the pool.
        engine: the engine of this process.
    """

    def __init__(self, channel: Channel, engine: RequestEngine) -> None:
        self._channel = channel
        self._engine = engine
        self._call = 0
        self._last_sent = time.monotonic()

    def serve(self) -> None:
        while True:
            self._take()
            responses = self._engine.step()
            if responses:
                self._report(Completed(self._call, responses))
            elif time.monotonic() - self._last_sent > ALIVE_EVERY_S:
                self._report(Alive())

    def _take(self) -> None:
        """Obey the messages that have come; wait for one while there is nothing to sample."""
        while True:
            try:
                message = self._channel.inbox.get(block=self._engine.num_running == 0)
            except queue.Empty:
                return
            self._obey(message)

    def _obey(self, message: ToEngine) -> None:
        match message:
            case Add(requests):
                for request in requests:
                    self._engine.add(request)
            case Begin(call, sampling):
                self._engine.abort()  # an earlier call may have been left without an end
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
        self._channel.send(message)
        self._last_sent = time.monotonic()
