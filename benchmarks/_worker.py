"""Each side of a benchmark is a process of its own: it reads one line, works, and writes one line.

Own processes, because peers need other environments, because peak memory is measured per process, and because
the threads, caches and allocator state of one side must not influence the other. All workers of a comparison
are started at the beginning and only one works at a time, so the sides alternate within one run.

    parent -> worker   {"case": "skewed", "logprobs": false}     one line of JSON
    worker -> parent   {"seconds": 1.5, ...}                      one line of JSON

The first line of a worker describes it (versions, dtype, threads). Standard library only: it runs in every
peer's environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TextIO

from benchmarks._workload import Case

ROOT = Path(__file__).resolve().parents[1]
Facts = Mapping[str, Any]
Clock = Literal["wall", "cpu"]
"""cpu: time on a processor, which other programs disturb less than wall time; fair with one thread only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One unit of work for a worker."""

    case: Case
    logprobs: bool = False
    """Return the log-probability of each sampled token too, where that is an option of the side."""


Work = Callable[[Order], Facts]


class WorkerError(RuntimeError):
    """A worker ended or its reply is not valid; the message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Arguments of a worker."""

    workload: str
    """Path of the workload file."""
    dtype: str
    """float32 or bfloat16."""
    threads: int
    clock: Clock = "wall"
    options: dict[str, Any]
    """Settings of one kind of worker."""

    @property
    def now(self) -> Callable[[], float]:
        """The clock to time with [s]."""
        return time.perf_counter if self.clock == "wall" else time.process_time

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Spec:
        return Spec(**json.loads(text))


class Worker:
    """The parent's end."""

    def __init__(self, name: str, python: Path, module: str, spec: Spec, log_path: Path) -> None:
        self.name = name
        self._log_path = log_path
        self._log = log_path.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(python), "-m", module, spec.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env=worker_environment(spec.threads),
        )
        try:
            self.facts: Facts = self._read()
        except WorkerError:
            self.close()
            raise

    def go(self, order: Order) -> Facts:
        """Do the work once and wait for its figures."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asdict(order)) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(self._end_of_log()) from error
        return self._read()

    def close(self) -> None:
        """End the worker by closing its input; kill it if it does not end."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Facts:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except json.JSONDecodeError as error:
            raise WorkerError(self._end_of_log()) from error
        if not isinstance(answer, dict):
            raise WorkerError(f"{self.name} answered {line!r}")
        return answer

    def _end_of_log(self) -> str:
        self._log.flush()
        log = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{self.name} gave no answer; the end of {self._log_path}:\n" + "\n".join(log[-15:])


class Channel:
    """The worker's end. Everything else the process prints goes to its log."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._answers: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def send(self, facts: Facts) -> None:
        self._answers.write(json.dumps(dict(facts)) + "\n")
        self._answers.flush()

    def next_order(self) -> Order | None:
        """Wait for the next order; None when the parent has no more."""
        line = sys.stdin.readline()
        return Order(**json.loads(line)) if line else None

    def orders(self) -> Iterator[Order]:
        while (order := self.next_order()) is not None:
            yield order


def serve(prepare: Callable[[Spec], tuple[Facts, Work]]) -> None:
    """Run a worker: prepare once, then work for each order. The spec is the only command-line argument."""
    channel = Channel()
    facts, work = prepare(Spec.from_json(sys.argv[1]))
    channel.send(facts)
    for order in channel.orders():
        channel.send(work(order))


def worker_environment(threads: int) -> dict[str, str]:
    """The parent's environment with the same number of threads for every side, and nothing fetched."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def peak_memory_bytes() -> int:
    """Largest resident set of this process so far [bytes]."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise WorkerError("/proc/self/status names no VmHWM: peak memory needs Linux")
