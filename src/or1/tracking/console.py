"""Console view of a run where there is no terminal: lines. `or1.tracking.live_page` has the page."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from or1.config import StageConfig
from or1.metric import Row
from or1.tracking import metrics as keys
from or1.tracking.entropy_metrics import COLLAPSE_WARNING, STEPS_TO_FLOOR
from or1.tracking.eta import RunProgress, format_seconds, progress, seconds_left
from or1.tracking.metrics_table import metric_named
from or1.tracking.progress import Meter, RareLines
from or1.tracking.sinks import ExampleRollout, Sink, StepEvent
from or1.tracking.timings import (
    BETWEEN_S,
    PEAK_BYTES,
    PEAK_DEVICE_BYTES,
    RESPONSE_TOKENS_PER_S,
    STEP_S,
    phases_of,
)

RECENT_STEPS = 10
"""Last steps whose mean time gives the remaining time [steps]."""
EXAMPLE_CHARACTERS = 420
"""Displayed length of the end of a response, where the answer is [characters]."""

SHOWN = {
    "reward": keys.REWARD_MEAN,
    "truncated": keys.TRUNCATED_FRACTION,
    "length": keys.RESPONSE_TOKENS_MEAN,
    "entropy": keys.ENTROPY,
    "alpha": keys.ALPHA,
    "clipped": keys.CLIP_FRACTION,
    "loss": keys.LOSS,
    "gradient norm": keys.GRAD_NORM,
    "learning rate": keys.LEARNING_RATE,
    "speed": RESPONSE_TOKENS_PER_S,
    "memory": PEAK_BYTES,
    "GPU memory": PEAK_DEVICE_BYTES,
}
"""Name -> key of the metrics and timings of a step that are displayed, in this order."""


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
        case "1/update":
            return f"{value:.2e}"
        case "tokens/s":
            return f"{value:,.0f} tokens/s"
        case "bytes":
            return f"{value / 2**30:.2f} GiB"
        case _:
            return f"{value:.3f}"


def shown_numbers(metrics: Row, timings: Row) -> list[tuple[str, str]]:
    """(name, value with unit) of the main numbers of a step; GPU memory only where there is one."""
    row = metrics | timings

    def shown(key: str) -> str:
        return with_unit(number(row, key), metric_named(key).unit)

    texts = {name: shown(key) for name, key in SHOWN.items() if key in row or key != PEAK_DEVICE_BYTES}
    if keys.ENTROPY_TARGET in row:
        texts["entropy"] += f" (target {number(row, keys.ENTROPY_TARGET):.3f})"
    if number(row, COLLAPSE_WARNING) == 1:
        texts["entropy"] += f" (WARNING: collapse in about {number(row, STEPS_TO_FLOOR):.0f} steps)"
    kept = f"{number(row, keys.KEPT_GROUPS):.0f}/{shown(keys.NUM_GROUPS)}"
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


class ConsoleView(Sink):
    """State and texts that both consoles share."""

    name = "console"

    def __init__(
        self,
        run_name: str,
        stages: Sequence[StageConfig],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run_name = run_name
        self.stages = stages
        self.console = console
        self.clock = clock
        self.recent_s: deque[float] = deque(maxlen=RECENT_STEPS)
        self.stage_index = 0
        self.opened_s = clock()
        self._place = "before the first step"
        self._begin("starting")

    def _begin(self, phase: str) -> None:
        self._phase, self._phase_started_s = phase, self.clock()
        self._rounds: Counter[str] = Counter()
        self._meter: Meter | None = None

    def doing(self) -> str:
        """The phase at this time and how far it is."""
        meter, now_s = self._meter, self.clock()
        if meter is not None:
            return f"{self._place}: {meter.text(now_s)}"
        return f"{self._place}: {self._phase} for {format_seconds(now_s - self._phase_started_s)}"

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        if stage_index != self.stage_index:
            self.stage_index = stage_index
            self.recent_s.clear()
        self._place = f"step {step}"
        self._begin("starting")

    def on_phase(self, phase: str) -> None:
        self._begin(phase)

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        self._rounds[name] += 1
        noun = name if self._rounds[name] == 1 else f"{name}, round {self._rounds[name]},"
        self._meter = Meter(noun, num_samples, self.clock())

    def on_progress(self, problem: str, num_tokens: int) -> None:
        if self._meter is not None:
            self._meter.advance(problem, num_tokens)

    def on_tokens(self, num_tokens: int) -> None:
        if self._meter is not None:
            self._meter.decoded(num_tokens)

    def on_step_end(self, event: StepEvent) -> None:
        self._place = f"after step {event.step}"
        self._begin("checkpoint")

    def on_score(self, metrics: Row, timings: Row) -> None:
        self._begin("checkpoint")

    def on_cut(self, step: int) -> None:
        if step:
            self._place = f"after step {step}"

    def add_step(self, event: StepEvent) -> RunProgress:
        between = number(event.timings, BETWEEN_S)
        self.recent_s.append(number(event.timings, STEP_S) + (0.0 if math.isnan(between) else between))
        return progress(self.stages, self.stage_index, int(number(event.metrics, keys.STAGE_STEP)))

    def left(self, at: RunProgress) -> str:
        """Time to the end of the run; an upper bound where a stage may end before its last step."""
        if not at.num_steps_left:
            return "no steps left"
        seconds = seconds_left(self.stages, at, self.recent_s)
        if seconds is None:
            return "time left not known"
        may_end_early = any(stage.switch is not None for stage in self.stages[at.stage_index :])
        return f"{'at most ' if may_end_early else ''}about {format_seconds(seconds)} left"

    def where(self, step: int, at: RunProgress, stage: StageConfig) -> str:
        return (
            f"step {step}/{step + at.num_steps_left} stage {at.stage_index + 1}/{len(self.stages)} "
            f"({stage.max_response_tokens} tokens)"
        )


class PlainConsole(ConsoleView):
    """One line per step and per evaluation, and one every 30 s inside them; a rollout after the first step
    and after each evaluation."""

    def __init__(
        self,
        run_name: str,
        stages: Sequence[StageConfig],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(run_name, stages, console, clock)
        self._wants_example = True
        self.inside = RareLines(self.doing, self._print, clock)

    def _print(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _line(self, text: str) -> None:
        self.inside.line_printed()
        self._print(text)

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        super().on_progress_start(name, num_samples)
        self.inside.open()
        self.inside.print_if_due()

    def on_step_end(self, event: StepEvent) -> None:
        super().on_step_end(event)
        at = self.add_step(event)
        numbers = "  ".join(f"{name} {value}" for name, value in shown_numbers(event.metrics, event.timings))
        where = self.where(event.step, at, event.stage)
        times = f"elapsed {format_seconds(self.clock() - self.opened_s)}, {self.left(at)}"
        self._line(f"{where}  {numbers}  | {shown_seconds(event.timings)} | {times}")
        if self._wants_example and event.example is not None:
            self._wants_example = False
            for line in example_lines(event.example):
                self._line(f"    {line}")

    def on_score(self, metrics: Row, timings: Row) -> None:
        super().on_score(metrics, timings)
        self._line(shown_score(metrics))
        self._wants_example = True

    def on_cut(self, step: int) -> None:
        super().on_cut(step)
        if step:
            self._line(f"resuming from the checkpoint of step {step}")

    def close(self) -> None:
        self.inside.close()


def _tail(text: str, length: int) -> str:
    """The end of a text on one line, without the unprintable characters of terminal commands."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= length else "... " + flat[-length:]


def example_lines(example: ExampleRollout) -> list[str]:
    """Question, end of the response, and verdict of a rollout."""
    # the outcome stands first: a detail, such as the output of a program, can be long
    why = "".join(f" ({_tail(t, EXAMPLE_CHARACTERS)})" for t in (example.reason, example.detail) if t)
    is_partial = example.reward is not None and 0 < example.reward < 1
    outcome = f"partial (reward {example.reward:g})" if is_partial else example.outcome.value
    gold = _tail(str(example.gold), EXAMPLE_CHARACTERS)  # the tests of a program can be long
    return [
        f"problem:  {_tail(example.question, EXAMPLE_CHARACTERS)}",
        f"response: {_tail(example.response, EXAMPLE_CHARACTERS)}",
        f"verdict:  {outcome}, {example.num_tokens} tokens{why}, gold {gold}",
    ]
