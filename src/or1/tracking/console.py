"""Console view of a run: a live page in a terminal, one line per step elsewhere."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from or1.config import StageConfig
from or1.metric import Row
from or1.tracking import metrics as keys
from or1.tracking.eta import RunProgress, format_seconds, progress, seconds_left, sparkline
from or1.tracking.metrics_table import metric_named
from or1.tracking.sinks import ExampleRollout, Sink, StepEvent
from or1.tracking.timings import BETWEEN_S, STEP_S, phases_of
from or1.types import Outcome

RECENT_STEPS = 10
"""Last steps whose mean time gives the remaining time [steps]."""
HISTORY_STEPS = 200
"""Last steps that the sparklines show [steps]."""
EXAMPLE_CHARACTERS = 420
"""Displayed length of the end of a response, where the answer is [characters]."""

SHOWN = {
    "reward": keys.REWARD_MEAN,
    "truncated": keys.TRUNCATED_FRACTION,
    "length": keys.RESPONSE_TOKENS_MEAN,
    "entropy": keys.ENTROPY,
    "alpha": keys.ALPHA,
    "clipped": keys.CLIP_FRACTION,
}
"""Name -> key of the metrics of a step that are displayed, in this order."""
CURVES = ("reward", "truncated", "entropy")
"""Those with a sparkline."""

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


def number(row: Row, key: str) -> float:
    """A number of a row; nan if the row does not have it."""
    value = row[key] if key in row else math.nan  # noqa: SIM401
    return float(value) if isinstance(value, int | float) else math.nan


def with_unit(value: float, unit: str) -> str:
    """A number in the format of its unit; `-` for nan.

    >>> with_unit(0.125, "fraction"), with_unit(96.4, "tokens"), with_unit(0.2512, "nats/token")
    ('12.5 %', '96 tokens', '0.251 nats')
    """
    if math.isnan(value):
        return "-"
    match unit:
        case "fraction":
            return f"{100 * value:.1f} %"
        case "tokens" | "groups":
            return f"{value:.0f} {unit}"
        case "nats/token":
            return f"{value:.3f} nats"
        case "1":
            return f"{value:.4f}"
        case _:
            return f"{value:.3f}"


def shown_numbers(metrics: Row) -> list[tuple[str, str]]:
    """(name, value with unit) of the main metrics of a step."""

    def shown(key: str) -> str:
        return with_unit(number(metrics, key), metric_named(key).unit)

    texts = {name: shown(key) for name, key in SHOWN.items()}
    if keys.ENTROPY_TARGET in metrics:
        texts["entropy"] += f" (target {number(metrics, keys.ENTROPY_TARGET):.3f})"
    kept = f"{number(metrics, keys.KEPT_GROUPS):.0f}/{shown(keys.NUM_GROUPS)}"
    return [*texts.items(), ("kept", kept)]


def shown_seconds(timings: Row) -> str:
    """Phases of a step with their seconds, longest first; verify is worker time that overlaps."""
    phases = [(name, number(timings, key)) for name, key in phases_of(timings).items()]
    ordered = sorted(phases, key=lambda phase: -phase[1])
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in ordered if seconds >= 0.005)


def shown_score(metrics: Row) -> str:
    area, step = keys.area_of(metrics), number(metrics, "step")
    k, mean, low, high = (
        number(metrics, keys.key_in(area, key))
        for key in (keys.SAMPLES_PER_PROBLEM, keys.AVG_AT_K, keys.AVG_AT_K_LOW, keys.AVG_AT_K_HIGH)
    )
    at = area.removeprefix(keys.EVAL).replace("_t", " at temperature ")
    return f"step {step:.0f}: held-out avg@{k:.0f}{at} {mean:.3f} [{low:.3f}, {high:.3f}]"


class _ConsoleView(Sink):
    """State and texts that both consoles share."""

    name = "console"

    def __init__(self, run_name: str, stages: Sequence[StageConfig], console: Console) -> None:
        self.run_name = run_name
        self.stages = stages
        self.console = console
        self.recent_s: deque[float] = deque(maxlen=RECENT_STEPS)
        self.stage_index = 0

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        if stage_index != self.stage_index:
            self.stage_index = stage_index
            self.recent_s.clear()

    def add_step(self, event: StepEvent) -> RunProgress:
        between = number(event.timings, BETWEEN_S)
        self.recent_s.append(number(event.timings, STEP_S) + (0.0 if math.isnan(between) else between))
        return progress(self.stages, self.stage_index, int(number(event.metrics, keys.STAGE_STEP)))

    def eta(self, at: RunProgress) -> str:
        seconds = seconds_left(self.stages, at, self.recent_s)
        return "-" if seconds is None else format_seconds(seconds)

    def where(self, step: int, at: RunProgress, stage: StageConfig) -> str:
        return (
            f"step {step}/{step + at.num_steps_left} stage {at.stage_index + 1}/{len(self.stages)} "
            f"({stage.max_response_tokens} tokens)"
        )


class PlainConsole(_ConsoleView):
    """One line per step and per evaluation; a rollout after the first step and after each evaluation."""

    def __init__(self, run_name: str, stages: Sequence[StageConfig], console: Console) -> None:
        super().__init__(run_name, stages, console)
        self._wants_example = True

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def on_step_end(self, event: StepEvent) -> None:
        at = self.add_step(event)
        numbers = "  ".join(f"{name} {value}" for name, value in shown_numbers(event.metrics))
        where = self.where(event.step, at, event.stage)
        self._line(f"{where}  {numbers}  | {shown_seconds(event.timings)} | {self.eta(at)} left at most")
        if self._wants_example and event.example is not None:
            self._wants_example = False
            for line in example_lines(event.example):
                self._line(f"    {line}")

    def on_score(self, metrics: Row, timings: Row) -> None:
        self._line(shown_score(metrics))
        self._wants_example = True

    def on_cut(self, step: int) -> None:
        if step:
            self._line(f"resuming from the checkpoint of step {step}")


def _tail(text: str, length: int) -> str:
    """The end of a text on one line, without the unprintable characters of terminal commands."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= length else "... " + flat[-length:]


def example_lines(example: ExampleRollout) -> list[str]:
    """Question, end of the response, and verdict of a rollout."""
    verdict = example.outcome.value + "".join(f" ({t})" for t in (example.reason, example.detail) if t)
    gold = _tail(str(example.gold), EXAMPLE_CHARACTERS)  # the tests of a program can be long
    return [
        f"problem:  {_tail(example.question, EXAMPLE_CHARACTERS)}",
        f"response: {_tail(example.response, EXAMPLE_CHARACTERS)}",
        f"verdict:  {_tail(verdict, EXAMPLE_CHARACTERS)}, gold {gold}, {example.num_tokens} tokens",
    ]


class LiveConsole(_ConsoleView):
    """A page that is redrawn after every event."""

    def __init__(self, run_name: str, stages: Sequence[StageConfig], console: Console) -> None:
        super().__init__(run_name, stages, console)
        self._history: dict[str, deque[float]] = {}
        self._scores: list[str] = []
        self._event: StepEvent | None = None
        self._at: RunProgress | None = None
        self._phase = "starting"
        self._live = Live(self, console=console, refresh_per_second=4, transient=False)
        self._started = False

    def _show(self) -> None:
        if not self._started:
            self._live.start()
            self._started = True

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        super().on_step_begin(step, stage_index, stage)
        self._phase = f"step {step}"
        self._show()

    def on_phase(self, phase: str) -> None:
        self._phase = phase

    def on_step_end(self, event: StepEvent) -> None:
        self._at = self.add_step(event)
        self._event = event
        self._phase = "between steps"
        for name in CURVES:
            values = self._history.setdefault(name, deque(maxlen=HISTORY_STEPS))
            values.append(number(event.metrics, SHOWN[name]))
        self._show()

    def on_score(self, metrics: Row, timings: Row) -> None:
        self._scores.append(shown_score(metrics))

    def on_cut(self, step: int) -> None:
        self._history.clear()

    def close(self) -> None:
        if self._started:
            self._phase = "over"
            self._live.stop()

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._bar()]
        if self._event is not None:
            parts.append(self._table(self._event))
            parts.append(Text(shown_seconds(self._event.timings), style="dim"))
        if self._scores:
            first_and_last = [*self._scores[:1], *self._scores[1:][-3:]]
            parts.append(Text("\n".join(first_and_last), style="cyan"))
        if self._event is not None and self._event.example is not None:
            parts.append(_example_panel(self._event.example))
        return Panel(Group(*parts), title=f"or1 · {self.run_name}", title_align="left", border_style="blue")

    def _bar(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, min_width=14)
        if self._at is None or self._event is None:
            grid.add_row(
                Text("before the first step"), ProgressBar(total=1.0, completed=0.0), "", self._spin()
            )
            return grid
        where = self.where(self._event.step, self._at, self._event.stage)
        bar = ProgressBar(total=1.0, completed=self._at.fraction)
        grid.add_row(Text(where), bar, Text(f"{self.eta(self._at)} left at most"), self._spin())
        return grid

    def _spin(self) -> RenderableType:
        return Text(self._phase) if self._phase == "over" else Spinner("dots", text=Text(self._phase))

    def _table(self, event: StepEvent) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, value in shown_numbers(event.metrics):
            curve = sparkline(list(self._history[name])) if name in CURVES else ""
            table.add_row(Text(name, style="dim"), Text(value, style="bold"), Text(curve, style="blue"))
        return table


def _example_panel(example: ExampleRollout) -> RenderableType:
    problem, response, verdict = example_lines(example)
    body = Group(Text(problem), Text(response, style="dim"), Text(verdict, style=_COLORS[example.outcome]))
    return Panel(body, title="a rollout", title_align="left", border_style="dim")
