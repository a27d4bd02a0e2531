"""Progress inside a step or an evaluation, on one line: samples, problems, tokens/s, time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.text import Text

from or1.tracking.eta import format_seconds

LINE_EVERY_S = 30.0
"""Time between two lines where there is no terminal [s]."""


class Meter:
    """Counts of one call that takes a while.

    Args:
        name: noun of its samples, such as `rollouts`.
        num_samples: problem -> samples to come.
        started_s: time of the clock at its start [s].
    """

    def __init__(self, name: str, num_samples: Mapping[str, int], started_s: float) -> None:
        self.name = name
        self._left = dict(num_samples)
        self._total = sum(self._left.values())
        self._num_done = 0
        self._num_tokens = 0
        self._num_decoded = 0
        self._num_problems_done = sum(count == 0 for count in self._left.values())
        self._started_s = started_s

    def advance(self, problem: str, num_tokens: int) -> None:
        """Count one sample of a problem and its response tokens."""
        self._num_done += 1
        self._num_tokens += num_tokens
        self._left[problem] -= 1
        self._num_problems_done += self._left[problem] == 0

    def decoded(self, num_tokens: int) -> None:
        """Count tokens of samples that may not have finished."""
        self._num_decoded += num_tokens

    def text(self, now_s: float) -> str:
        """
        >>> meter = Meter("rollouts", {"a": 2, "b": 2}, started_s=0.0)
        >>> for problem in "aba":
        ...     meter.advance(problem, num_tokens=500)
        >>> meter.text(now_s=30.0)
        'rollouts 3 of 4, problems 1 of 2, 50 tokens/s, about 10 s left'
        """
        parts = [
            f"{self.name} {self._num_done:,} of {self._total:,}",
            f"problems {self._num_problems_done:,} of {len(self._left):,}",
        ]
        elapsed_s = now_s - self._started_s
        num_tokens = max(self._num_tokens, self._num_decoded)  # an engine may not count those in progress
        if num_tokens and elapsed_s > 0:
            parts.append(f"{num_tokens / elapsed_s:,.0f} tokens/s")
        if self._num_done == self._total:
            parts.append(f"took {format_seconds(elapsed_s)}")
        elif self._num_done and elapsed_s > 0:
            left_s = elapsed_s / self._num_done * (self._total - self._num_done)
            parts.append(f"about {format_seconds(left_s)} left")
        return ", ".join(parts)


class RareLines:
    """Prints how far the work is once no line was printed for `LINE_EVERY_S`; the first at once.

    A thread looks at the clock, for the work itself may be one call that takes minutes.

    Args:
        text: the line at this time; None = there is nothing to say.
        print_line: prints it.
        clock: seconds.
        look_every_s: time between two looks of the thread at the clock [s].
    """

    def __init__(
        self,
        text: Callable[[], str | None],
        print_line: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        look_every_s: float = 1.0,
    ) -> None:
        self._text = text
        self._print_line = print_line
        self._clock = clock
        self._look_every_s = look_every_s
        self._last_s: float | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def line_printed(self) -> None:
        """Another line is printed: the next one is due `LINE_EVERY_S` later. Call it before the line."""
        with self._lock:
            self._last_s = self._clock()

    def print_if_due(self) -> None:
        with self._lock:
            now_s = self._clock()
            if self._last_s is not None and now_s - self._last_s < LINE_EVERY_S:
                return
            text = self._text()
            if text is None:
                return
            self._last_s = now_s
        self._print_line(text)

    def open(self) -> None:
        """Start the thread; further calls do nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="or1-progress", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        while not self._closed.wait(self._look_every_s):
            try:
                self.print_if_due()
            except (OSError, ValueError):
                return  # the stream is closed or its reader is gone

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()


class ProgressDisplay:
    """The protocol `Progress`: one live line in a terminal, else a line every `LINE_EVERY_S`.

    Use it in a `with`. The last line of each call stays.

    Args:
        console: where it is shown.
        first: text in the terminal before the first call starts; elsewhere a refusal stays one line.
        clock: seconds.
    """

    def __init__(self, console: Console, first: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._first = first
        self._clock = clock
        self._meter: Meter | None = None
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)
        self._lines = RareLines(self._text, self._print, clock)

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        self._finish()
        self._first = ""
        self._meter = Meter(name, num_samples, self._clock())
        if not self._console.is_terminal:
            self._lines.print_if_due()

    def advance(self, problem: str, num_tokens: int) -> None:
        if self._meter is not None:
            self._meter.advance(problem, num_tokens)

    def decoded(self, num_tokens: int) -> None:
        if self._meter is not None:
            self._meter.decoded(num_tokens)

    def _finish(self) -> None:
        meter, self._meter = self._meter, None
        if meter is not None:
            self._lines.line_printed()
            self._print(meter.text(self._clock()))

    def _text(self) -> str | None:
        meter = self._meter
        return None if meter is None else meter.text(self._clock())

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def __rich__(self) -> Text:
        return Text(self._text() or self._first, no_wrap=True, overflow="ellipsis")

    def __enter__(self) -> ProgressDisplay:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._lines.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._lines.close()
