"""Console view of a run in a terminal: a page that is redrawn, never higher than the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from rich.cells import chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from or1.config import StageConfig
from or1.metric import Row
from or1.tracking.console import (
    SHOWN,
    ConsoleView,
    PlainConsole,
    example_lines,
    number,
    shown_numbers,
    shown_score,
    shown_seconds,
)
from or1.tracking.eta import RunProgress, format_seconds, sparkline
from or1.tracking.sinks import ExampleRollout, Sink, StepEvent
from or1.types import Outcome

HISTORY_STEPS = 200
"""Last steps that the sparklines show [steps]."""
CURVES = ("reward", "truncated", "entropy")
"""Numbers with a sparkline."""
LAST_SCORES = 2
"""Scores that are displayed beside the first."""
_BORDER = 2
"""Lines, and with a blank columns, that a frame takes at both sides together."""

_COLORS = {
    Outcome.RIGHT: "green",
    Outcome.WRONG: "red",
    Outcome.NO_ANSWER: "yellow",
    Outcome.TRUNCATED: "yellow",
    Outcome.NOT_JUDGED: "magenta",
}


def console_sink(name: str, stages: Sequence[StageConfig], console: Console | None = None) -> Sink:
    """The live view in a terminal, else the plain one."""
    console = console or Console()
    return LiveConsole(name, stages, console) if console.is_terminal else PlainConsole(name, stages, console)


class LiveConsole(ConsoleView):
    """A page that is redrawn four times a second, from the first call that samples."""

    def __init__(
        self,
        run_name: str,
        stages: Sequence[StageConfig],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(run_name, stages, console, clock)
        self._history: dict[str, deque[float]] = {}
        self._scores: list[str] = []
        self._event: StepEvent | None = None
        self._at: RunProgress | None = None
        self._is_over = False
        self._live = Live(self, console=console, refresh_per_second=4, transient=False)
        self._started = False

    def _show(self) -> None:
        if not self._started:
            self._live.start()
            self._started = True

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        super().on_step_begin(step, stage_index, stage)
        self._show()

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        super().on_progress_start(name, num_samples)
        self._show()

    def on_step_end(self, event: StepEvent) -> None:
        super().on_step_end(event)
        self._at = self.add_step(event)
        for name in CURVES:
            values = self._history.setdefault(name, deque(maxlen=HISTORY_STEPS))
            values.append(number(event.metrics, SHOWN[name]))
        self._event = event  # last: the thread that draws the page reads all of this where there is an event
        self._show()

    def on_score(self, metrics: Row, timings: Row) -> None:
        super().on_score(metrics, timings)
        self._scores.append(shown_score(metrics))

    def on_cut(self, step: int) -> None:
        super().on_cut(step)
        self._history.clear()

    def close(self) -> None:
        if self._started:
            self._is_over = True
            self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The page; its last line stays free, for the cursor."""
        width = max(1, options.max_width - 2 * _BORDER)
        parts = self._one_line_each(width)
        example = self._event.example if self._event is not None else None
        num_free = console.height - 1 - _BORDER - len(parts)
        if example is not None and num_free >= _BORDER + 3:
            parts.append(_example_panel(example, width - 2 * _BORDER, num_free - _BORDER))
        yield Panel(Group(*parts), title=f"or1 · {self.run_name}", title_align="left", border_style="blue")

    def _one_line_each(self, width: int) -> list[RenderableType]:
        """Everything but the example; each part is one line high."""
        lines = [self._bar(), self._doing(), self._time()]
        if self._event is not None:
            lines += self._numbers(self._event, width)
            lines.append(_line(shown_seconds(self._event.timings), "dim"))
        shown = [*self._scores[:1], *self._scores[1:][-LAST_SCORES:]]
        return [*lines, *(_line(score, "cyan") for score in shown)]

    def _bar(self) -> RenderableType:
        grid = _grid(2)
        if self._at is None or self._event is None:
            grid.add_row(
                Text(f"at most {sum(s.num_steps for s in self.stages)} steps"),
                ProgressBar(total=1.0, completed=0.0),
            )
        else:
            where = self.where(self._event.step, self._at, self._event.stage)
            grid.add_row(Text(where), ProgressBar(total=1.0, completed=self._at.fraction))
        return grid

    def _doing(self) -> RenderableType:
        if self._is_over:
            return Text("over")
        grid = _grid(2)
        grid.add_row(Spinner("dots"), _line(self.doing()))
        return grid

    def _time(self) -> RenderableType:
        left = "" if self._at is None else f", {self.left(self._at)}"
        return _line(f"elapsed {format_seconds(self.clock() - self.opened_s)}{left}")

    def _numbers(self, event: StepEvent, width: int) -> list[RenderableType]:
        """The numbers with a curve, a line each; the others side by side."""
        numbers = shown_numbers(event.metrics, event.timings)
        lines: list[RenderableType] = []
        for name, value in numbers:
            if name in CURVES:
                grid = Table.grid(padding=(0, 2))
                grid.add_column(no_wrap=True, width=max(map(len, CURVES)))
                grid.add_column(no_wrap=True, width=26)
                grid.add_column(no_wrap=True)
                curve = Text(sparkline(list(self._history[name])), style="blue")
                grid.add_row(Text(name, style="dim"), Text(value, style="bold"), curve)
                lines.append(grid)
        return lines + side_by_side([item for item in numbers if item[0] not in CURVES], width)


def side_by_side(numbers: Sequence[tuple[str, str]], width: int) -> list[RenderableType]:
    """(name, value) pairs in as few lines as they fit into."""
    lines = [_line("")]
    for name, value in numbers:
        item = Text.assemble((name, "dim"), " ", (value, "bold"))
        if lines[-1].plain and len(lines[-1]) + 3 + len(item) > width:
            lines.append(_line(""))
        lines[-1].append_text(Text("   ") + item if lines[-1].plain else item)
    return list(lines)


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _grid(num_columns: int) -> Table:
    """A row whose last column takes the rest of the line."""
    grid = Table.grid(padding=(0, 1), expand=True)
    for _ in range(num_columns - 1):
        grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, ratio=1)
    return grid


def _example_panel(example: ExampleRollout, width: int, height: int) -> RenderableType:
    """Question, response and verdict in at most `height` lines without the frame."""
    problem, response, verdict = example_lines(example)
    above = _start_of(problem, width, max(1, height // 3))
    below = _start_of(verdict, width, max(1, height // 4))
    between = _end_of(response, width, height - len(above) - len(below))
    lines = [
        *map(_line, above),
        *(_line(line, "dim") for line in between),
        *(_line(line, _COLORS[example.outcome]) for line in below),
    ]
    return Panel(Group(*lines), title="a rollout", title_align="left", border_style="dim")


def _start_of(text: str, width: int, num_lines: int) -> list[str]:
    return chop_cells(text, max(2, width))[:num_lines]


def _end_of(text: str, width: int, num_lines: int) -> list[str]:
    """The label of a line and the end of its text, where the answer of a response is."""
    lines = chop_cells(text, max(2, width))
    if len(lines) <= num_lines:
        return lines
    label = text.partition(":")[0] + ": ..."
    last = lines[-num_lines:]
    return [label + set_cell_size(last[0][::-1], max(0, width - len(label)))[::-1].lstrip(), *last[1:]]
