"""Main function of the verifier workers of a machine: a `WorkerPool` that the driver feeds."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
from concurrent.futures import Future

from or1.cluster.verify_messages import REQUESTS, Judge, Judged, StartVerifiers
from or1.processes.heartbeat import Pulse
from or1.processes.worker import Channel
from or1_verify.pool.workers import WorkerPool
from or1_verify.types import Verdict


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the driver closes it."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    channel = Channel(descriptor, REQUESTS)
    start: StartVerifiers = channel.first()
    channel.read(start.scratch)
    pulse = Pulse(channel.beat)
    workers = WorkerPool(start.setup, start.num_workers)
    pulse.at("judging")
    while True:
        message: Judge = channel.inbox.get()
        ticket = message.ticket

        def send(done: Future[Verdict], ticket: int = ticket) -> None:
            with contextlib.suppress(OSError):  # the driver has gone
                channel.send(Judged(ticket, done.result(), workers.events()))

        workers.submit(message.problem, message.answer).add_done_callback(send)
