"""Main function of an engine process: take messages, step the engine while it has requests, report."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import queue
import signal
import sys
import traceback

from or1.processes.heartbeat import Pulse
from or1.processes.worker import Channel
from or1.rollout.engine_messages import (
    REQUESTS,
    Abort,
    Add,
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


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the pool closes it."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    channel = Channel(descriptor, REQUESTS)
    start: Start = channel.first()
    channel.read(start.scratch)
    pulse = Pulse(channel.beat)
    try:
        engine: RequestEngine = importlib.import_module(start.module).make_engine(start.settings)
        channel.send(Done(None))
        EngineServer(channel, engine, pulse).serve()
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
        pulse: gets each piece of work.
    """

    def __init__(self, channel: Channel, engine: RequestEngine, pulse: Pulse) -> None:
        self._channel = channel
        self._engine = engine
        self._pulse = pulse
        self._call = 0
        self._num_steps = 0

    def serve(self) -> None:
        while True:
            self._take()
            self._num_steps += 1
            self._pulse.at("sampling", f"token {self._num_steps} of {self._engine.num_running} requests")
            responses = self._engine.step()
            if responses:
                self._channel.send(Completed(self._call, responses))

    def _take(self) -> None:
        """Obey the messages that have come; wait for one while there is nothing to sample."""
        while True:
            try:
                message = self._channel.inbox.get_nowait()
            except queue.Empty:
                if self._engine.num_running:
                    return
                self._pulse.at("idle")
                message = self._channel.inbox.get()
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
                self._pulse.at("load", f"weights of version {version}")
                self._engine.load(version, update)
                self._channel.send(Done(None))
            case ReadCanary(tokens, num_sampled):
                self._pulse.at("canary")
                self._channel.send(Done(self._engine.read_canary(tokens, num_sampled)))
