"""A headless browser without a network, and reports of a run on fakes.

Needs Debian's chromium (`apt-get install chromium`) and playwright (`pip install or1[browser]`); the tests
are skipped where either is missing. playwright drives the browser and downloads none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from or1.cli.report import report
from or1.config import StageConfig
from or1.storage.run_folder import RunFolder
from or1.testing import make_group, make_problem, make_report, make_result
from or1.types import Group, RunState
from tests.runs import description, open_tracker, play, run_config

STAGE = StageConfig(max_response_tokens=8, num_steps=4)
HOSTILE = (
    *("<script>window.hacked = 1</script>", "</script><script>window.hacked = 1</script>", "<!--<script>"),
    *(
        "<img src=x onerror='window.hacked = 1'>",
        "<svg onload='window.hacked = 1'>",
        "</pre><h1>not mine</h1>",
    ),
    *("<iframe src='https://example.com'></iframe>", "<a href='javascript:window.hacked = 1'>x</a>"),
    *(
        "javascript:window.hacked = 1",
        "{{7*7}}${7*7}",
        "&lt;b&gt; &#60;b&#62;",
        "]]></style><style>*{display:none}",
    ),
    *(
        "\x00\x01\x1b[2J\x7f",
        "\u202eright to left\u202c \u2066isolated",
        "\u200bzero\ufeffwidth\u2028line\u2029",
    ),
    *(
        "a\u0300\u0301\u0302" * 200,
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U00010348 漢字 العربية",
        '"\\"\\u003c',
    ),
    *("x" * 1_000_000, "\n" * 5_000 + "end"),
)
"""Responses that a page must show as text."""


@dataclass
class Watched:
    """A page, and everything in it that should not happen."""

    page: Any
    faults: list[str] = field(default_factory=list)

    def open(self, path: Path, fragment: str = "") -> Any:
        self.page.goto(f"{path.as_uri()}{fragment}")
        return self.page


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: or1[browser]")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as play_wright:
        opened = play_wright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["wide-light", "phone-dark"])
def watched(browser: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of two sizes; it fails its test by a console message, an error, a dialog or a request."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    found = Watched(context.new_page())
    page, faults = found.page, found.faults
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else faults.append(r.url))
    yield found
    context.close()
    assert faults == []


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole run of ten steps in two stages."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    play(folder)
    report([folder], None)
    return folder / "report.html"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of one step whose rollouts are `HOSTILE`, in its prompt, answer and response."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    run = run_config(name="</title><script>window.hacked = 1</script>")
    with RunFolder.open(folder, description(run)):
        tracker = open_tracker(folder, run)
        with tracker.step(RunState(step=0), STAGE) as log:
            groups = [_hostile_group()]
            log.step(
                make_result(groups, kept=[], advantages=[], report=make_report(), state=RunState(step=1))
            )
        tracker.close()
    report([folder], None)
    return folder / "report.html"


def _hostile_group() -> Group:
    group = make_group([0.0] * len(HOSTILE), problem=make_problem(1, source=HOSTILE[0]))
    return Group(
        problem=group.problem,
        rollouts=tuple(
            replace(
                rollout,
                prompt_tokens=_tokens(HOSTILE[1]),
                response_tokens=_tokens(text),
                behavior_logprobs=np.zeros(len(_tokens(text)), np.float32),
                behavior_entropy=np.ones(len(_tokens(text)), np.float32),
                verdict=rollout.verdict and replace(rollout.verdict, detail=text[:2000]),
            )
            for rollout, text in zip(group.rollouts, HOSTILE, strict=True)
        ),
    )


def _tokens(text: str) -> Any:
    return np.asarray([ord(character) for character in text], dtype=np.int32)
