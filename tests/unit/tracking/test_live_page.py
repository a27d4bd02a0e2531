"""The page in a terminal: everything that is shown, and its size."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from or1.metric import Row
from or1.tracking import live_page
from or1.tracking.live_page import LiveConsole
from tests.runs import play, run_config
from tests.unit.tracking.test_views import EVENT, EXAMPLE, SHOWN, STAGES, terminal


def test_the_live_page_says_everything() -> None:
    console, out = terminal()
    view = LiveConsole("tiny", STAGES, console)
    view.on_step_begin(12, 1, STAGES[1])
    view.on_step_end(EVENT)
    view.on_score({"step": 10, "eval/avg_at_k": 0.5, "eval/avg_at_k_low": 0.4, "eval/avg_at_k_high": 0.6,
                "eval/samples_per_problem": 4}, {})  # fmt: skip
    view.close()
    out.truncate(0)
    console.print(view)
    page = out.getvalue()
    for shown in [
        *SHOWN,
        "step 12/30",
        "stage 2/2",
        "held-out avg@4 0.500 [0.400, 0.600]",
        "tiny",
    ]:
        assert shown in page
    assert "What is 3 + 4?" in page
    assert "right, 12 tokens (exact) (7)" in page


@pytest.mark.parametrize("width", [20, 60, 200])
def test_the_live_page_fits_any_width_before_and_after_the_first_step(width: int) -> None:
    console, out = terminal(width)
    view = LiveConsole("tiny", STAGES, console)
    pages = []
    for event in (None, EVENT):
        if event is not None:
            view.on_step_end(event)
            view.close()
        out.seek(0)
        out.truncate()
        console.print(view)
        pages.append(out.getvalue())
    assert all(len(line) <= width for page in pages for line in page.splitlines())
    assert len(pages[1].splitlines()) > len(pages[0].splitlines())


def test_the_page_can_be_drawn_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread draws it four times a second, whatever is being recorded."""
    console, out = terminal()
    view = LiveConsole("tiny", STAGES, console)
    record = live_page.number

    def drawn_before(row: Row, key: str) -> float:
        console.print(view)
        return record(row, key)

    monkeypatch.setattr(live_page, "number", drawn_before)
    view.on_step_end(EVENT)
    view.close()
    assert out.getvalue().count("or1 · tiny") >= len(live_page.CURVES)


def test_a_live_run_ends_with_a_usable_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, out = terminal(is_terminal=True)
    run = run_config()
    play(tmp_path, run, sinks=[LiveConsole("fake", run.stages, console)])
    assert "step 10/10" in out.getvalue()
    assert out.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is shown again


LONG = "a_very_long_name_of_a_problem_from_a_source_" * 20
WIDE = "\u9898\u76ee" * 300  # two columns each


@pytest.mark.parametrize("text", [LONG, WIDE, "x y " * 400], ids=["long", "wide", "words"])
@pytest.mark.parametrize("height", [24, 30])
def test_the_page_fits_the_terminal(text: str, height: int) -> None:
    """With everything at once: many scores, a round in progress, an example of long texts."""
    out = io.StringIO()
    console = Console(file=out, width=80, height=height, color_system=None)
    view = LiveConsole(text, STAGES, console, lambda: 5.0)
    example = replace(
        EXAMPLE, question=text, response=text + r" so \boxed{7}", gold=text, reason=text, detail=text
    )
    metrics = EVENT.metrics | {"memory/peak_device_bytes": 7 * 2**30}
    view.on_step_end(replace(EVENT, metrics=metrics, timings=EVENT.timings | {f"time/{LONG}_s": 1.0},
                             examples=(example,)))  # fmt: skip
    for step in range(0, 100, 10):
        view.on_score({"step": step, f"eval_t{LONG}/avg_at_k": 0.5}, {})
    view.on_step_begin(13, 1, STAGES[1])
    view.on_progress_start(text, {LONG: 2, WIDE: 3})
    view.on_progress(LONG, 5)
    out.seek(0)
    out.truncate()
    console.print(view)
    lines = out.getvalue().splitlines()
    assert len(lines) <= height - 1
    view.close()
    assert max(map(cell_len, lines)) <= 80
    page = "\n".join(lines)
    assert "a rollout" in page, "there is room for the example"
    for shown in (
        "response: ",
        "verdict:  right",
        "GPU memory 7.00 GiB",
        "elapsed 0 s",
        "gradient norm 0.3141",
        "step 0:",
    ):
        assert shown in page
    assert r"\boxed{7}" in "".join(line.strip("│ ") for line in lines), "the end of the response"


def test_the_page_shows_the_work_at_hand() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, height=24, color_system=None)
    view = LiveConsole("tiny", STAGES, console)
    view.on_step_begin(1, 0, STAGES[0])
    view.on_progress_start("rollouts", {"a": 600, "b": 424})
    view.on_progress("a", 5)
    console.print(view)
    assert "step 1: rollouts 1 of 1,024, problems 0 of 2" in out.getvalue()
    view.close()
