"""Main function of the verifier workers of a machine: a `WorkerPool` that the driver feeds."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future

from or1.cluster.verify_messages import Judge, Judged, StartVerifiers, VerifiersAlive
from or1.processes.worker import Channel
from or1_verify.pool.workers import WorkerPool
from or1_verify.types import Verdict

ALIVE_EVERY_S = 1.0
"""Time between two signs of life [s]."""


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the driver closes it."""
    channel = Channel(descriptor)
    start: StartVerifiers = channel.first()
    channel.read()
    threading.Thread(target=_report_life, args=(channel,), daemon=True).start()
    workers = WorkerPool(start.setup, start.num_workers)
    while True:
        message: Judge = channel.inbox.get()
        ticket = message.ticket

        def send(done: Future[Verdict], ticket: int = ticket) -> None:
            with contextlib.suppress(OSError):  # the driver has gone
                channel.send(Judged.of(ticket, done.result(), workers.events()))

        workers.submit(message.problem, message.answer).add_done_callback(send)


def _report_life(channel: Channel) -> None:
    with contextlib.suppress(OSError):
        while True:
            channel.send(VerifiersAlive())
            time.sleep(ALIVE_EVERY_S)
