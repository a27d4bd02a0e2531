"""What a person sees: console, TensorBoard, Weights & Biases."""

from __future__ import annotations

import importlib.util
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from or1.config import StageConfig
from or1.errors import ConfigError, install_command
from or1.storage.jsonl import read_rows
from or1.tracking.console import PlainConsole, example_lines
from or1.tracking.eta import progress, seconds_left, sparkline
from or1.tracking.live_page import LiveConsole, console_sink
from or1.tracking.sinks import ExampleRollout, StepEvent
from or1.tracking.tensorboard import TensorBoard, scalars
from or1.tracking.views import open_views
from or1.tracking.weights_and_biases import page_id
from or1.types import Outcome
from tests.runs import play, run_config

STAGES = [
    StageConfig(max_response_tokens=8, num_steps=10, num_problems=4, group_size=2),
    StageConfig(max_response_tokens=16, num_steps=20, num_problems=8, group_size=4),
]
EXAMPLE = ExampleRollout(
    problem_id="p",
    index=3,
    question="What is 3 + 4?",
    prompt="<|user|>What is 3 + 4?",
    response="<think>3 + 4</think> [bold]\x1b[2J \\boxed{7}",
    gold='"7"',
    outcome=Outcome.RIGHT,
    reason="exact",
    detail="7",
    reward=1.0,
    advantage=0.5,
    num_tokens=12,
)
EVENT = StepEvent(
    step=12,
    metrics={
        "step": 12,
        "rollout/reward_mean": 0.4321,
        "rollout/truncated_fraction": 0.125,
        "rollout/response_tokens_mean": 96.4,
        "rollout/entropy_nats": 0.2512,
        "rollout/num_groups": 32,
        "entropy/target": 0.2,
        "entropy/alpha": 0.005,
        "train/clip_fraction": 0.0123,
        "train/loss": 0.0414,
        "train/grad_norm": 0.3141,
        "train/learning_rate": 1e-6,
        "filter/kept_groups": 21,
        "stage/index": 1,
        "stage/step": 2,
    },
    timings={
        "step": 12,
        "time/step_s": 3.0,
        "time/rollout_s": 1.25,
        "time/update_s": 1.5,
        "time/between_s": 1.0,
        "throughput/response_tokens_per_s": 3456.7,
        "memory/peak_bytes": 5 * 2**29,
    },
    stage=STAGES[1],
    examples=(EXAMPLE,),
)
SHOWN = [
    *("0.432", "12.5 %", "96 tokens", "0.251 nats (target 0.200)", "0.0050", "1.2 %", "21/32 groups"),
    *("loss 0.041", "gradient norm 0.3141", "learning rate 1.00e-06", "3,457 tokens/s", "memory 2.50 GiB"),
    "about 1:12 left",
]


def terminal(width: int = 120, *, is_terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=is_terminal, color_system=None), out


def test_a_plain_line_says_everything() -> None:
    console, out = terminal()
    view = PlainConsole("tiny", STAGES, console)
    view.on_step_begin(12, 1, STAGES[1])
    view.on_step_end(EVENT)
    line, *sample = out.getvalue().splitlines()
    for shown in SHOWN:
        assert shown in line
    assert "step 12/30 stage 2/2 (16 tokens)" in line  # stage 1 took 10: 2 + 18 more of the second
    assert "update 1.50 s, rollout 1.25 s" in line
    # "about 1:12 left" is 18 steps of 3 s and 1 s between
    assert "GPU" not in line
    assert [s.strip()[:9] for s in sample] == ["problem: ", "response:", "verdict: "]


def test_plain_lines_are_one_a_step_with_a_rollout_after_each_evaluation(tmp_path: Path) -> None:
    console, out = terminal()
    run = run_config()
    play(tmp_path, run, sinks=[PlainConsole("fake", run.stages, console)])
    lines = out.getvalue().splitlines()
    assert sum(line.startswith("step") and "reward" in line for line in lines) == 10
    assert sum("held-out avg@2" in line for line in lines) == 6
    assert sum("verdict:" in line for line in lines) == 5


def test_a_step_without_an_update_is_shown() -> None:
    console, out = terminal()
    metrics = {
        k: v for k, v in EVENT.metrics.items() if k not in ("train/clip_fraction", "rollout/entropy_nats")
    }
    PlainConsole("tiny", STAGES, console).on_step_end(replace(EVENT, metrics=metrics, examples=()))
    assert "clipped -" in out.getvalue()
    assert "nan" not in out.getvalue()


def test_a_model_cannot_write_terminal_commands_or_markup() -> None:
    console, out = terminal()
    view = PlainConsole("tiny", STAGES, console)
    view.on_step_end(EVENT)
    assert "\x1b" not in out.getvalue()
    assert "[bold]" in out.getvalue()
    assert all("\x1b" not in line for line in example_lines(replace(EXAMPLE, detail="\x1b[31m")))


def test_the_end_of_a_long_response_is_shown() -> None:
    _, response, _ = example_lines(replace(EXAMPLE, response="x" * 5000 + r" so \boxed{7}"))
    assert response.endswith(r"so \boxed{7}")
    assert len(response) < 500


def test_the_view_follows_the_terminal() -> None:
    assert isinstance(console_sink("tiny", STAGES, terminal()[0]), PlainConsole)
    assert isinstance(console_sink("tiny", STAGES, terminal(is_terminal=True)[0]), LiveConsole)


def test_a_stage_that_ended_early_counts_as_done() -> None:
    at = progress(STAGES, 1, 5)
    assert at.num_steps_left == 15
    assert at.fraction == 0.5


def test_later_stages_cost_by_their_rollouts() -> None:
    at = progress(STAGES, 0, 4)
    # 6 steps of 8 rollouts and 20 of 32: 6 + 80 steps' worth of 2 s; counting steps alone would say 52 s
    assert seconds_left(STAGES, at, [1.0, 3.0]) == 172.0
    assert seconds_left(STAGES, at, []) is None


def test_sparkline_is_flat_for_a_flat_series_and_skips_nan() -> None:
    assert sparkline([2.0, float("nan"), 2.0]) == "▁▁"
    assert sparkline([0.0] * 30 + [1.0], 3) == "▁▁█"
    assert sparkline([]) == ""


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar as TensorBoard itself reads it, purges included."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(e.step, round(e.value, 6)) for e in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def test_tensorboard_shows_the_rows_of_a_run_that_was_killed(tmp_path: Path) -> None:
    run, board = tmp_path / "run", tmp_path / "tensorboard"
    play(run, dies_after=5, sinks=[TensorBoard(board, {})])
    play(run, sinks=[TensorBoard(board, {})])
    rows = [dict(scalars(row)) | {"step": row["step"]} for row in read_rows(run / "metrics.jsonl")]
    found = curves(board)
    for tag in ("rollout/reward_mean", "train/loss", "eval/avg_at_k"):
        assert found[tag] == [(r["step"], round(r[tag], 6)) for r in rows if tag in r], tag
    assert "time/rollout_s" in found


def test_tensorboard_takes_numbers_only() -> None:
    row = {"step": 3, "a": 1, "b": 0.5, "eval/data_hash": "x", "rollout/pass_rate_histogram": [1, 2]}
    assert dict(scalars(row)) == {"a": 1.0, "b": 0.5}


def test_tensorboard_is_on_disk_after_every_step(tmp_path: Path) -> None:
    view = TensorBoard(tmp_path, {})
    view.on_step_end(EVENT)
    (file,) = tmp_path.iterdir()
    steps = [event.step for event in EventFileLoader(str(file)).Load()]
    assert steps[-1] == 12
    view.close()


def test_a_repeated_command_goes_on_with_the_same_page(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert page_id(tmp_path) == page_id(tmp_path) != page_id(tmp_path / "other")


def test_views_are_those_asked_for(tmp_path: Path) -> None:
    for wanted, names in (({}, []), ({"console": True, "tensorboard": True}, ["console", "TensorBoard"])):
        views = open_views(run_config(**({"tracking": wanted} if wanted else {})), tmp_path)
        assert [v.name for v in views] == ["status file", *names]
        for view in views:
            view.close()


def test_a_project_without_the_package_is_one_line(tmp_path: Path) -> None:
    if importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed here")
    run = run_config(tracking={"console": False, "tensorboard": False, "wandb_project": "or1"})
    with pytest.raises(ConfigError, match=re.escape(install_command("wandb"))):
        open_views(run, tmp_path)
