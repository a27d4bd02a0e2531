"""The report in a headless chromium: first paint, frames per second of a long list, size of the file.

    python -m benchmarks.report_page [RUN]                  or: make test-report

RUN is a run folder; without one, a made run of 1,000 steps with 100 rollouts each of about 1,000 characters.
The list of rollouts scrolls by eight rows a frame. Two kinds of figures: frames per second as counted, which
depend on the load of the machine; and processor time for each frame, which hardly does. The browser gives
that of the page's main thread by the thread's own clock: scripts, styles and layout, and all of its work.
The kernel gives that of the page's process with its drawing threads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from or1.cli.report import report
from or1.recipes.load import load
from or1.storage.jsonl import JsonLines
from or1.tracking.rollouts import RolloutFiles
from or1_verify.process_clock import cpu_total_s

NUM_SCROLLS = 3
"""Repeated measurements of the frames."""
NUM_STEPS, NUM_GROUPS, GROUP_SIZE, NUM_CHARACTERS = 1_000, 10, 10, 1_000
SCROLL = """
() => new Promise((done) => {
  const list = document.querySelector(".list"), start = performance.now();
  let frames = 0;
  const frame = () => {
    frames += 1;
    list.scrollTop += 400;
    if (performance.now() - start < 5000) requestAnimationFrame(frame);
    else done([frames, (performance.now() - start) / 1000]);
  };
  requestAnimationFrame(frame);
})
"""


def made_run(folder: Path) -> Path:
    """A run of `NUM_STEPS` steps: random words, verdicts and rewards."""
    sets = ["name=made", f"stages=[{{max_response_tokens = 4096, num_steps = {NUM_STEPS}}}]"]
    config = load("tiny", sets).model_dump(mode="json")
    provenance = {"or1_version": "0", "commit": "none", "config_hash": "none", "data_hash": "none"}
    (folder / "rollouts").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": config, "provenance": provenance}))
    chance = random.Random(0)
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(2_000)
    ]
    files = RolloutFiles(folder / "rollouts", every=1, keep=None)
    log = JsonLines(folder / "metrics.jsonl")
    for step in range(1, NUM_STEPS + 1):
        rows = [_row(chance, words, step, number) for number in range(NUM_GROUPS * GROUP_SIZE)]
        files.write(step, pa.Table.from_pylist(rows))
        reward = sum(row["reward"] for row in rows) / len(rows)
        log.append(
            {"step": step, "stage/index": 0, "rollout/reward_mean": reward, "train/policy_version": step}
            | {"rollout/num_response_tokens": 25_000, "rollout/entropy_nats": chance.random()}
        )
    log.close()
    return folder


def _row(chance: random.Random, words: list[str], step: int, number: int) -> dict[str, Any]:
    problem = f"problem-{(step * NUM_GROUPS + number // GROUP_SIZE) % 700}"
    is_right = chance.random() < step / NUM_STEPS
    text = " ".join(chance.choices(words, k=NUM_CHARACTERS // 6))
    outcome = "right" if is_right else "wrong"
    return {
        **{"step": step, "problem_id": problem, "source": "made", "index": number % GROUP_SIZE},
        **{"question": f"Question of {problem}", "prompt": f"<user>Question of {problem}", "gold": '"7"'},
        **{"response": text, "outcome": outcome, "reward": float(is_right), "advantage": chance.random()},
        **{"reason": outcome, "detail": "7", "finish": "stop", "policy_version": step},
        "response_tokens": list(range(chance.randint(100, 400))),
    }


def processor_s(profile: str) -> float:
    """Processor time of the processes that draw pages in the browser with this profile [s]."""
    total_s = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended
            command = (folder / "cmdline").read_bytes()
            if b"--type=renderer" in command and profile.encode() in command:
                total_s += cpu_total_s(int(folder.name))
    return total_s


def thread_s(session: Any) -> dict[str, float]:
    """Processor time of the page's main thread so far, by kind of work [s]."""
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return {name: found[f"{name}Duration"] for name in ("Script", "RecalcStyle", "Layout", "Task")}


def measure(path: Path) -> None:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="or1-page-") as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=["--no-sandbox"], viewport={"width": 1440, "height": 900}
        )
        page = context.pages[0]
        page.goto(path.as_uri())
        page.wait_for_selector(".panel canvas")
        paints = page.evaluate("performance.getEntriesByType('paint').map((p) => [p.name, p.startTime])")
        print(", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in paints))
        start = time.perf_counter()
        page.goto(f"{path.as_uri()}#rollouts")
        page.wait_for_selector(".row")
        waited = time.perf_counter() - start
        print(f"rollouts in the list after {waited:.2f} s: {page.inner_text('[role=status]')}")
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for _ in range(NUM_SCROLLS):
            scroll(page, session, profile)
        context.close()


def scroll(page: Any, session: Any, profile: str) -> None:
    """Scroll for some seconds and print frames per second and processor time of a frame."""
    page.evaluate("document.querySelector('.list').scrollTop = 0")
    before, thread_before = processor_s(profile), thread_s(session)
    frames, seconds = page.evaluate(SCROLL)
    process_ms = 1000 * (processor_s(profile) - before) / frames
    thread_ms = {k: 1000 * (v - thread_before[k]) / frames for k, v in thread_s(session).items()}
    parts = thread_ms["Script"] + thread_ms["RecalcStyle"] + thread_ms["Layout"]
    print(
        f"{frames / seconds:.0f} frames/s at load {os.getloadavg()[0]:.1f}; processor time of a frame: "
        f"{parts:.2f} ms of scripts, styles and layout, {thread_ms['Task']:.1f} ms of the main thread, "
        f"{process_ms:.1f} ms of the process"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="?", type=Path)
    chosen = parser.parse_args().run
    with tempfile.TemporaryDirectory() as place:
        run = chosen or made_run(Path(place) / "run")
        path = Path(place) / "report.html"
        report([run], path)
        print(f"{path.stat().st_size / 1e6:.2f} MB")
        measure(path)


if __name__ == "__main__":
    main()
