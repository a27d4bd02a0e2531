"""Commands with `--cluster` as a user starts them, and their processes."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

NEEDS_RAY = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: make test-cluster"
)
ON_TWO_HOSTS = [
    NEEDS_RAY,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
    ),
]
SMALL = (
    "stages=[{max_response_tokens=40,num_steps=NUM_STEPS,num_problems=4,group_size=8}]",
    "evaluation.num_problems=4",
    "evaluation.samples_per_problem=1",
    "evaluation.every=50",
    "checkpoint.every=1",
    "loss.reject_zero_advantage=false",
    "model.dtype=float32",
    "tracking.tensorboard=false",
    "verify.num_workers=1",
    "system.threads=1",
)
_MARK = "OR1_TEST_RUN"


class Command:
    """A command of or1 in a process of its own.

    Args:
        log: file of its output.
        words: of the command line.
        before: words before the command, such as `ip netns exec NAME`.
        environment: further variables.
    """

    def __init__(
        self,
        log: Path,
        words: Sequence[str],
        *,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self._log = log
        here = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        here |= environment or {}
        here |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), _MARK: self.mark}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "or1", *words],
                env=here,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def workers(self, module: str) -> list[int]:
        """Process ids of the workers with this main module, on all machines."""
        return [
            pid
            for pid in [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
            if is_worker(pid, module)
            and f"{_MARK}={self.mark}".encode() in _read(pid, "environ").split(b"\0")
        ]

    def wait_until(self, is_true: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Wait for something of the run; fails when the process ends before, or the time is over."""
        assert wait_until(is_true, lambda: self.has_ended, limit_s), self.output

    def finish(self, limit_s: float = 500.0) -> None:
        """Wait for a good end."""
        self.process.wait(limit_s)
        assert self.process.returncode == 0, self.output


class TrainingRun(Command):
    """A run of a small model.

    Args:
        out: run folder; output of the process is beside it.
        words: of the command line, after the settings that make it small.
        num_steps: of the run.
        before: see `Command`.
        environment: see `Command`.
    """

    def __init__(
        self,
        out: Path,
        words: Sequence[str],
        *,
        num_steps: int = 2,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.out = out
        sets = [word for each in SMALL for word in ("--set", each.replace("NUM_STEPS", str(num_steps)))]
        command = ["train", "tiny", *sets, "--out", str(out), *words]
        super().__init__(out.with_suffix(".log"), command, before=before, environment=environment)

    def rows(self) -> list[dict[str, Any]]:
        """Metrics of the steps."""
        return self.rows_of("metrics.jsonl", "rollout/reward_mean")

    def rows_of(self, name: str, key: str) -> list[dict[str, Any]]:
        """Rows of a file of the run folder that have a key; a row that is not complete is left out."""
        file = self.out / name
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        rows = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
        return [row for row in rows if key in row]


def is_worker(pid: int, module: str) -> bool:
    """Whether a process has this main module."""
    return module.encode() in _read(pid, "cmdline").split(b"\0")


def wait_until(is_true: Callable[[], bool], is_over: Callable[[], bool], limit_s: float) -> bool:
    """Wait for something; False when the wait is over before, or the time."""
    deadline = time.monotonic() + limit_s
    while not is_true():
        if is_over() or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
