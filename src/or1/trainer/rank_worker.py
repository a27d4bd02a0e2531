"""Main function of a rank process: join the group, then run the methods that the driver calls."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch._C._distributed_c10d import FileStore, Store, TCPStore

from or1.processes.heartbeat import Pulse
from or1.processes.worker import Channel
from or1.storage.atomic import replacing
from or1.trainer.fsdp_rank import FsdpRank
from or1.trainer.rank_messages import (
    REQUESTS,
    START_LIMIT_S,
    RankCall,
    RankFailed,
    RankReturned,
    StartRank,
    saved_marker,
    saved_text,
)


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the driver closes it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the driver decides; its end closes the channel
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    channel = Channel(descriptor, REQUESTS)
    start: StartRank = channel.first()
    channel.read(start.scratch if start.rank == 0 else None)
    try:
        _serve(channel, start, Pulse(channel.beat))
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            channel.send(RankFailed.of(error))
        sys.stdout.flush()
        os._exit(1)  # without waiting for the other ranks of the group


def _serve(channel: Channel, start: StartRank, pulse: Pulse) -> None:
    settings = start.settings
    torch.set_num_threads(settings.num_threads)
    distributed.init_process_group(
        "gloo" if settings.device == "cpu" else "cpu:gloo,cuda:nccl",
        store=_store(start),
        rank=start.rank,
        world_size=start.num_ranks,
        timeout=timedelta(seconds=group_limit_s(settings.limit_s)),
    )
    marker = saved_marker(Path(start.scratch), start.rank)
    rank = FsdpRank(
        settings,
        on_progress=pulse.doing,
        should_stop=lambda: not channel.inbox.empty(),
        on_saved=lambda error: _write_whole(marker, saved_text(error)),
    )
    channel.send(RankReturned(None))
    while True:
        pulse.at("idle")
        message = channel.inbox.get()
        if isinstance(message, RankCall):
            pulse.at(message.method)
            channel.send(RankReturned(getattr(rank, message.method)(message.argument)))


def group_limit_s(limit_s: float) -> float:
    """Longest wait inside a collective operation [s]: the driver finds a hanging rank first, also at the
    start.

    >>> group_limit_s(60.0), group_limit_s(3600.0)
    (1800.0, 7200.0)
    """
    return 2 * max(limit_s, START_LIMIT_S)


def _store(start: StartRank) -> Store:
    if not start.store.startswith("tcp://"):
        return FileStore(start.store, start.num_ranks)
    host, _, port = start.store.removeprefix("tcp://").rpartition(":")
    return TCPStore(host, int(port), is_master=False, timeout=timedelta(seconds=start.settings.limit_s))


def _write_whole(path: Path, text: str) -> None:
    with replacing(path, durable=False) as part:
        part.write_text(text, encoding="utf-8")
