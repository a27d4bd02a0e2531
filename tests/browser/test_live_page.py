"""The live page in a browser: new steps, a resume that cuts the run back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from or1.board.live import LiveRuns, LiveServer
from tests.histories import first_steps, real, write_folder

STEPS = ".tile:has-text('steps') .value"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(first_steps(real(0), 30), tmp_path / "run")


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Any]:
    """The page of a server; it fails its test by an error, a console message or a request elsewhere."""
    context, faults = browser.new_context(), []
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    with LiveServer([folder], 0) as server:
        allowed = (server.url, "data:")
        page.on("request", lambda r: None if r.url.startswith(allowed) else faults.append(r.url))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        page.goto(server.url)
        yield page
        context.close()
        server.shutdown()
        thread.join()
    assert faults == []


def test_new_steps_appear_and_a_cut_resets_the_page(opened: Any, folder: Path) -> None:
    for num_steps in (30, 31, 97, 20):
        write_folder(first_steps(real(0), num_steps), folder)
        opened.wait_for_selector(f"{STEPS}:text-is('{num_steps}')", timeout=20_000)
    assert opened.inner_text("header .state") == "live"


def test_rollouts_that_were_asked_for_before_new_steps_are_shown(
    opened: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New steps empty the page's store of rollouts while a reply is on its way."""
    reply, may_answer = LiveRuns.rollouts, threading.Event()

    def late(runs: LiveRuns, number: str) -> dict[str, Any] | None:
        may_answer.wait(20)
        return reply(runs, number)

    monkeypatch.setattr(LiveRuns, "rollouts", late)
    with opened.expect_request("**/rollouts?*"):
        opened.click("role=tab[name=Rollouts]")
    with opened.expect_response(lambda r: "/data?" in r.url and r.status == 200):
        write_folder(first_steps(real(0), 31), folder)
    with opened.expect_response(lambda r: "/data?" in r.url and r.status == 204):
        pass  # the page asks again only after it has used a reply
    may_answer.set()
    opened.wait_for_selector("text=This run has no rollout files", timeout=20_000)
