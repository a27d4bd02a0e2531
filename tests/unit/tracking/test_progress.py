"""Progress inside a step and an evaluation: counts, rounds, lines in a log file, one live line."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from or1.config import LossConfig, StageConfig
from or1.evals import judge_samples
from or1.rollout.collect import OversampleCollector, RefillCollector
from or1.testing import (
    ExactVerifier,
    InlineVerifierPool,
    Scripted,
    ScriptedEngine,
    by_problem,
    make_problem,
)
from or1.tracking.console import PlainConsole
from or1.tracking.live_page import LiveConsole
from or1.tracking.progress import Meter, ProgressDisplay, RareLines
from or1.types import RunState, Sampling, WeightHandle
from tests.runs import open_tracker, run_config
from tests.small import engine_decoder, make_engine
from tests.unit.rollout.test_collect import RIGHT_WRONG, STAGE, make_collector
from tests.unit.tracking.test_views import EVENT

STAGES = [
    StageConfig(max_response_tokens=8, num_steps=10, num_problems=4, group_size=2),
    StageConfig(max_response_tokens=16, num_steps=20, num_problems=4, group_size=2),
]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Recorded:
    """The protocol `Progress` that keeps its calls."""

    def __init__(self) -> None:
        self.started: list[tuple[str, dict[str, int]]] = []
        self.advanced: list[tuple[str, int]] = []
        self.num_decoded = 0

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        self.started.append((name, dict(num_samples)))

    def advance(self, problem: str, num_tokens: int) -> None:
        self.advanced.append((problem, num_tokens))

    def decoded(self, num_tokens: int) -> None:
        self.num_decoded += num_tokens


def plain(clock: Clock) -> tuple[PlainConsole, io.StringIO]:
    out = io.StringIO()
    return PlainConsole("tiny", STAGES, Console(file=out, width=500), clock), out


def test_samples_problems_speed_and_time_left() -> None:
    meter = Meter("rollouts", {f"p{n}": 16 for n in range(64)}, started_s=10.0)
    for number in range(312):
        meter.advance(f"p{number % 39}", num_tokens=100)  # 8 each of 39 problems: none is whole
    assert meter.text(40.0).startswith("rollouts 312 of 1,024, problems 0 of 64, 1,040 tokens/s, about 1:08")


def test_a_problem_whose_samples_are_all_there_is_done_at_the_start() -> None:
    meter = Meter("aime24 samples", {"a": 0, "b": 1}, started_s=0.0)
    assert meter.text(5.0) == "aime24 samples 0 of 1, problems 1 of 2"
    meter.advance("b", 0)
    assert meter.text(5.0) == "aime24 samples 1 of 1, problems 2 of 2, took 5 s"


def test_each_rollout_of_a_step_is_counted_with_its_tokens() -> None:
    seen = Recorded()
    make_collector(ScriptedEngine(RIGHT_WRONG), progress=seen).collect(RunState(), STAGE)
    ((name, samples),) = seen.started
    assert (name, list(samples.values())) == ("rollouts", [2, 2, 2])
    assert len(seen.advanced) == 6
    assert sum(tokens for _, tokens in seen.advanced) == 12  # a digit and the end token each


def test_the_total_is_that_of_the_round_not_of_the_stage() -> None:
    loss, problems = LossConfig(), [make_problem(n) for n in range(4)]
    seen = Recorded()
    lines = by_problem({p.id: ["1", "1"] if n == 0 else ["1", "2"] for n, p in enumerate(problems)})
    inner = make_collector(ScriptedEngine(lines), problems=problems, progress=seen)
    RefillCollector(inner, max_refills=3, loss=loss, num_available=4).collect(RunState(), STAGE)
    assert [len(samples) for _, samples in seen.started] == [3, 1]  # the first has no signal: one more

    seen = Recorded()
    inner = make_collector(ScriptedEngine(lines), problems=problems, progress=seen)
    OversampleCollector(inner, factor=1.3, loss=loss).collect(RunState(), STAGE)
    assert [len(samples) for _, samples in seen.started] == [4]


def test_tokens_count_before_the_first_rollout_has_finished() -> None:
    meter = Meter("rollouts", {"a": 2}, started_s=0.0)
    for _ in range(10):
        meter.decoded(2)
    assert meter.text(5.0) == "rollouts 0 of 2, problems 0 of 1, 4 tokens/s"
    meter.advance("a", 10)  # these ten are among the twenty
    assert meter.text(5.0) == "rollouts 1 of 2, problems 0 of 1, 4 tokens/s, about 5 s left"


def test_the_own_engine_counts_every_token_once() -> None:
    seen, engine = Recorded(), make_engine(max_running=3)
    engine.load(WeightHandle(version=0, ref=dict(engine_decoder().named_parameters())))
    engine.count_with(seen.decoded)
    sampling = Sampling(group_size=4, max_response_tokens=12)
    rollouts = list(engine.rollouts([make_problem(0), make_problem(1)], sampling))
    assert seen.num_decoded == sum(len(rollout.response_tokens) for rollout in rollouts) > 8


@pytest.mark.parametrize(("block", "missing"), [(1, []), (4, [2]), (99, [6])])
def test_verdicts_that_are_missing_after_the_last_rollout_are_counted(block: int, missing: list[int]) -> None:
    seen = Recorded()
    make_collector(ScriptedEngine(RIGHT_WRONG), progress=seen, block=block).collect(RunState(), STAGE)
    tails = [sum(samples.values()) for name, samples in seen.started if name == "verdicts"]
    assert tails == missing
    assert len(seen.advanced) == 6 + sum(tails)
    assert all(tokens == 0 for _, tokens in seen.advanced[6:])


def test_an_evaluation_is_counted_too() -> None:
    seen, problems = Recorded(), [make_problem(0), make_problem(1)]
    engine = ScriptedEngine(by_problem({problems[0].id: ["1"], problems[1].id: [Scripted("1", lost=True)]}))
    engine.load(WeightHandle(version=0, ref=None))
    pool = InlineVerifierPool({"exact": ExactVerifier()})
    judge_samples(engine, pool, problems, Sampling(group_size=3, max_response_tokens=8), seen)
    assert seen.started == [("held-out samples", {problems[0].id: 3, problems[1].id: 3})]
    assert seen.advanced == [(problems[0].id, 2)] * 3


def test_a_log_file_has_the_first_line_at_once_and_then_one_every_30_s() -> None:
    clock = Clock()
    view, out = plain(clock)
    view.on_step_begin(1, 0, STAGES[0])
    view.on_phase("rollout")
    view.on_progress_start("rollouts", {"a": 2, "b": 2})
    assert out.getvalue() == "step 1: rollouts 0 of 4, problems 0 of 2\n"
    for seconds in range(1, 31):
        clock.now_s = 100.0 + seconds
        if seconds == 10:
            view.on_progress("a", 600)
        view.inside.print_if_due()
    assert out.getvalue().splitlines()[1:] == [
        "step 1: rollouts 1 of 4, problems 0 of 2, 20 tokens/s, about 1:30 left"
    ]
    view.on_phase("update")
    clock.now_s += 45
    view.inside.print_if_due()
    assert out.getvalue().splitlines()[2:] == ["step 1: update for 45 s"]
    view.close()


def test_short_steps_have_no_line_between_their_own() -> None:
    clock = Clock()
    view, out = plain(clock)
    for step in range(1, 13):
        view.on_step_begin(step, 0, STAGES[0])
        view.on_progress_start("rollouts", {"a": 1})
        clock.now_s += 4  # 48 s together, never 30 without a line
        view.on_step_end(replace(EVENT, step=step, examples=()))
    lines = out.getvalue().splitlines()
    assert [line for line in lines if "rollouts" in line] == ["step 1: rollouts 0 of 1, problems 0 of 1"]
    assert len(lines) == 13
    view.close()


def test_a_second_round_of_a_step_is_named() -> None:
    view, _ = plain(Clock())
    view.on_step_begin(4, 0, STAGES[0])
    view.on_progress_start("rollouts", {"a": 2})
    view.on_progress_start("rollouts", {"b": 2})
    assert view.doing() == "step 4: rollouts, round 2, 0 of 2, problems 0 of 1"
    view.on_step_begin(5, 0, STAGES[0])
    view.on_progress_start("rollouts", {"a": 2})
    assert view.doing() == "step 5: rollouts 0 of 2, problems 0 of 1"
    view.close()


def test_a_resumed_run_is_not_before_its_first_step() -> None:
    view, out = plain(Clock())
    view.on_cut(20)
    view.on_progress_start("held-out samples", {"a": 2})
    assert view.doing() == "after step 20: held-out samples 0 of 2, problems 0 of 1"
    assert out.getvalue() == "resuming from the checkpoint of step 20\n", "the next line is due in 30 s"
    view.close()


def test_a_thread_prints_while_the_work_is_one_long_call() -> None:
    """The work here waits for the line: without a thread it would wait for ever."""
    printed = threading.Event()
    lines = RareLines(lambda: "update for 45 s", lambda text: printed.set(), look_every_s=0.0)
    lines.open()
    try:
        assert printed.wait(60)
    finally:
        lines.close()


def test_of_two_threads_that_look_at_once_one_prints() -> None:
    """The second looks while the first has its text and has not printed it yet."""
    printed: list[str] = []
    others: list[threading.Thread] = []

    def text() -> str:
        if not others:
            others.append(threading.Thread(target=lines.print_if_due))
            others[0].start()
            others[0].join(0.3)  # it ends in this time only where it does not wait for the first
        return "update for 45 s"

    lines = RareLines(text, printed.append, Clock())
    lines.print_if_due()
    others[0].join()
    assert printed == ["update for 45 s"]


def test_no_line_comes_between_a_line_and_its_note() -> None:
    """Another thread may look at the clock while a line of its own is printed."""
    clock = Clock()
    view, _ = plain(clock)
    view.on_progress_start("rollouts", {"a": 2})

    class Log(io.StringIO):
        def write(self, text: str) -> int:
            count = super().write(text)
            view.inside.print_if_due()
            return count

    view.console.file = log = Log()
    clock.now_s += 45
    view.on_score({"step": 20, "eval/avg_at_k": 0.5}, {})
    view.close()
    assert [line.partition(":")[0] for line in log.getvalue().splitlines()] == ["step 20"]


def test_the_views_of_a_run_get_the_progress_of_its_tracker(tmp_path: Path) -> None:
    view, out = plain(Clock())
    tracker = open_tracker(tmp_path, run_config(), sinks=[view])
    tracker.progress.start("held-out samples", {"a": 2})
    tracker.progress.advance("a", 5)
    assert view.doing() == "before the first step: held-out samples 1 of 2, problems 0 of 1"
    assert "held-out samples 0 of 2" in out.getvalue()
    tracker.close()


def test_the_live_page_starts_with_the_first_samples_not_with_the_first_step() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    view = LiveConsole("tiny", STAGES, console, Clock())
    view.on_progress_start("held-out samples", {"a": 2})
    view.close()
    assert "at most 30 steps" in out.getvalue()


def test_an_evaluation_without_a_terminal_is_shown_in_lines() -> None:
    clock, out = Clock(), io.StringIO()
    with ProgressDisplay(Console(file=out, width=200), "loading the model", clock) as display:
        assert out.getvalue() == ""
        display.start("aime24 samples", {"a": 1, "b": 1})
        display.advance("a", 300)
        clock.now_s += 30
        display.advance("b", 300)
        display.start("aime24 verdicts", {"a": 1, "b": 1})
    assert out.getvalue().splitlines() == [
        "aime24 samples 0 of 2, problems 0 of 2",
        "aime24 samples 2 of 2, problems 2 of 2, 20 tokens/s, took 30 s",
        "aime24 verdicts 0 of 2, problems 0 of 2",
    ]


def test_an_evaluation_in_a_terminal_is_one_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    console = Console(file=out, width=40, height=24, force_terminal=True, color_system=None)
    with ProgressDisplay(console, "loading the model", Clock()) as display:
        display.start("a benchmark with a long name samples", {"a": 1, "b": 1})
        display.advance("a", 300)
        measured = Console(file=io.StringIO(), width=40)
        assert len(measured.render_lines(display.__rich__())) == 1
    assert "\x1b[?25h" in out.getvalue()  # the cursor is shown again
