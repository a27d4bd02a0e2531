"""The script of the live page, in node: after each reply it shows the data of a page that is made anew."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from or1.board.live import LiveRuns
from or1.board.page import ASSETS, LIVE
from or1.board.report_data import report_data
from tests.histories import first_steps, real, write_folder

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")

AROUND = """
const {start, replies} = JSON.parse(require("fs").readFileSync(0, "utf8"));
let data = start;
let inflate = null;
const state = {};
const addEventListener = (name, start) => start();
const shown = [], words = {}, asked = [];
const window = {or1: {update(next) { data = next; }}};
const document = {querySelector: (name) => name === "footer" ? {} : {set textContent(text) {
  shown.push({text, data: JSON.parse(JSON.stringify(data))});
}}};
const fetch = async (url) => {
  asked.push(url);
  const reply = replies[asked.length - 1];
  if (reply === "refused") throw new TypeError("Failed to fetch");
  return {status: reply.status, json: async () => reply.body};
};
const setTimeout = (again, ms) => {
  if (asked.length < replies.length) again(); else console.log(JSON.stringify({shown, asked, ms}));
};
"""


def run_script(start: Any, replies: list[Any]) -> dict[str, Any]:
    assert NODE is not None
    script = AROUND + (ASSETS / LIVE).read_text(encoding="utf-8")
    done = subprocess.run(
        [NODE, "-e", script],
        input=json.dumps({"start": start, "replies": replies}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(json.loads(done.stdout))


def test_it_shows_the_files_after_each_reply(tmp_path: Path) -> None:
    run, folder = real(0), tmp_path / "run"
    write_folder(first_steps(run, 5), folder)
    live = LiveRuns([folder])
    start = report_data([folder]) | {"token": live.token()}
    replies, wanted, tokens = [], [], [live.token()]
    for num_steps in (6, 40, 97, 20, 21):  # cut back once
        write_folder(first_steps(run, num_steps), folder)
        body = live.since(tokens[-1])
        assert body is not None
        replies.append({"status": 200, "body": body})
        wanted.append(report_data([folder]))
        tokens.append(body["token"])
    assert [reply["body"]["first"] for reply in replies] == [[3], [4], [38], None, [18]]
    found = run_script(start, replies)
    assert [each["data"] for each in found["shown"]] == wanted
    assert found["asked"] == [f"/data?since={token}" for token in tokens[:-1]]
    assert found["ms"] <= 1000  # a new step is shown within two seconds


def test_it_says_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    folder = write_folder(first_steps(real(0), 5), tmp_path / "run")
    start = report_data([folder]) | {"token": "0"}
    found = run_script(start, [{"status": 204}, {"status": 503}, "refused", {"status": 204}])
    assert [each["text"] for each in found["shown"]] == [
        "live",
        "waiting for the run",
        "not connected: or1 report --live has ended",
        "live",
    ]
    assert all(each["data"] == start for each in found["shown"])
