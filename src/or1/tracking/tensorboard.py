"""TensorBoard event files of a run, written by the tensorboard package without torch and TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from or1.metric import Row
from or1.storage.settings import flatten
from or1.tracking.samples import COLUMNS, NUM_EXAMPLES, TAG, sample_rows
from or1.tracking.sinks import Sink, StepEvent


def scalars(row: Row) -> Iterator[tuple[str, float]]:
    """The numbers of a row; texts and lists are left out."""
    for key, value in row.items():
        if key != "step" and isinstance(value, int | float):
            yield key, float(value)


def hparams(settings: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """Settings by dotted key, with the types that the hparams page takes.

    >>> hparams({"seed": 1, "stages": [{"switch": None}], "console": True})
    {'seed': 1, 'stages.0.switch': 'None', 'console': True}
    """
    flat = flatten(settings)
    return {k: v if isinstance(v, str | int | float) else str(v) for k, v in flat.items()}


def text_table(tag: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Summary:
    """A table of texts for the text page; its first row has the names of the columns."""
    cells = [*columns, *(_code(cell) for row in rows for cell in row)]
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in (len(rows) + 1, len(columns))])
    tensor = TensorProto(
        dtype="DT_STRING", tensor_shape=shape, string_val=[cell.encode("utf-8", "replace") for cell in cells]
    )
    metadata = create_summary_metadata(display_name=tag, description="")
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def _code(cell: object) -> str:
    """The text page reads Markdown: an indented block shows a text as it is."""
    text = "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    return "\n".join(f"    {line}" for line in text.splitlines())


class TensorBoard(Sink):
    """Every number of metrics and timings as a scalar under its key, samples as text, settings as hparams.

    Event files cannot be shortened. After a cut, a START event makes TensorBoard drop the later steps.
    """

    name = "TensorBoard"
    num_examples = NUM_EXAMPLES

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """
        Args:
            folder: of the event files.
            settings: of the run, JSON.
        """
        self._writer = EventFileWriter(str(folder))
        self._add(0, hparams_pb(hparams(settings)))
        self._writer.flush()

    def _add(self, step: int, summary: Summary) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _add_row(self, step: int, row: Row) -> None:
        values = [Summary.Value(tag=key, simple_value=value) for key, value in scalars(row)]
        self._add(step, Summary(value=values))

    def on_step_end(self, event: StepEvent) -> None:
        self._add_row(event.step, event.metrics | event.timings)
        if event.examples:
            self._add(event.step, text_table(TAG, COLUMNS, sample_rows(event.step, event.examples)))
        self._writer.flush()

    def on_score(self, metrics: Row, timings: Row) -> None:
        step = metrics["step"]
        assert isinstance(step, int)
        self._add_row(step, metrics | timings)
        self._writer.flush()

    def on_cut(self, step: int) -> None:
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(wall_time=time.time(), step=step + 1, session_log=start))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
