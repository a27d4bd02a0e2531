"""TensorBoard event files of a run, written by the tensorboard package without torch and TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from or1.metric import Row
from or1.tracking.sinks import Sink, StepEvent


def scalars(row: Row) -> Iterator[tuple[str, float]]:
    """The numbers of a row; texts and lists are left out."""
    for key, value in row.items():
        if key != "step" and isinstance(value, int | float):
            yield key, float(value)


class TensorBoard(Sink):
    """Every number of metrics and timings as a scalar under its key.

    Event files cannot be shortened. After a cut, a START event makes TensorBoard drop the later steps.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self._writer = EventFileWriter(str(folder))

    def _add(self, step: int, row: Row) -> None:
        values = [Summary.Value(tag=key, simple_value=value) for key, value in scalars(row)]
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def on_step_end(self, event: StepEvent) -> None:
        self._add(event.step, event.metrics | event.timings)
        self._writer.flush()

    def on_score(self, metrics: Row, timings: Row) -> None:
        step = metrics["step"]
        assert isinstance(step, int)
        self._add(step, metrics | timings)
        self._writer.flush()

    def on_cut(self, step: int) -> None:
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(wall_time=time.time(), step=step + 1, session_log=start))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
