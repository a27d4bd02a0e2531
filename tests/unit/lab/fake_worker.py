"""A worker of the lab that writes the files of a run without training.

The process of a run with seed 13 ends the first time, with seed 17 each time. A run with seed 14 fails. One
with seed 15 never ends the first time; the file pid names its process. One with seed 16 cannot continue after
two steps.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from or1.lab.worker import REQUESTS, RunEnded, TrainRun
from or1.processes.worker import Channel
from or1.storage.provenance import describe


def main(descriptor: int) -> None:
    channel = Channel(descriptor, REQUESTS)
    channel.read()
    while True:
        task: TrainRun = channel.inbox.get()
        config = json.loads(task.config)
        error = train(config, Path(task.folder))
        channel.send(RunEnded(error, is_result=config["seed"] != 14))


def train(config: dict[str, object], folder: Path) -> str:
    if config["seed"] == 14:
        return "OutOfMemoryError: none is left"
    begun = folder.is_dir()
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(describe(config, "data")))
    if config["seed"] == 17 or (config["seed"] == 13 and not begun):
        os._exit(9)
    if config["seed"] == 15 and not begun:
        (folder.parent.parent / "pid").write_text(str(os.getpid()))
        time.sleep(3600)
    rows = [{"step": n, "stage/index": 0, "rollout/entropy_nats": 1 / n} for n in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (folder / "trained.txt").open("a") as file:
        file.write("once\n")
    return "NonFiniteError: at step 2" if config["seed"] == 16 else ""
