"""The pool over processes with an engine without a model: order, faults and limits."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from or1.errors import DataError, EngineError, Interrupted
from or1.rollout.engine_pool import EnginePool
from or1.rollout.engine_process import EngineProcess
from or1.rollout.requests import finish_of
from or1.rollout.sampling import rollout_key
from or1.testing import make_problem
from or1.types import Finish, Message, Problem, Rollout, Sampling, WeightHandle
from tests.fake_engine import response
from tests.fake_pool import ShiftTransfer, fake_pool

PROBLEMS = [make_problem(n) for n in range(5)]
SAMPLING = Sampling(group_size=3, max_response_tokens=24, seed=11)
WEIGHTS = WeightHandle(version=6, ref=0.25)


@pytest.fixture(scope="module")
def pair() -> Iterator[EnginePool]:
    with contextlib.closing(fake_pool({}, {})) as pool:
        pool.load(WEIGHTS)
        yield pool


def _by_key(rollouts: list[Rollout]) -> dict[tuple[str, int], Rollout]:
    return {(r.problem_id, r.index): r for r in rollouts}


def test_a_rollout_is_what_its_hashed_seed_gives_on_any_number_of_engines(pair: EnginePool) -> None:
    found = _by_key(list(pair.rollouts(PROBLEMS, SAMPLING)))
    assert len(found) == 15
    for (problem_id, index), rollout in found.items():
        seed = rollout_key(11, problem_id, index) & (2**63 - 1)
        tokens, logprobs = response(seed, 24)
        assert rollout.response_tokens.tolist() == tokens.tolist()
        assert rollout.behavior_logprobs.tolist() == logprobs.tolist()
        assert rollout.finish is (Finish.STOP if tokens[-1] == 0 else Finish.LENGTH)
    assert len({tuple(r.response_tokens.tolist()) for r in found.values()}) > 10, "no twins"
    with contextlib.closing(fake_pool({})) as alone:
        alone.load(WEIGHTS)
        for key, rollout in _by_key(list(alone.rollouts(PROBLEMS, SAMPLING))).items():
            assert rollout.response_tokens.tolist() == found[key].response_tokens.tolist()


def test_messages_of_a_call_that_was_abandoned_do_not_reach_the_next(pair: EnginePool) -> None:
    for num_taken in (1, 4):
        started = pair.rollouts(PROBLEMS, SAMPLING)
        for _ in range(num_taken):
            next(started)
        started.close()
        other = replace(SAMPLING, seed=12)
        for (problem_id, index), rollout in _by_key(list(pair.rollouts(PROBLEMS, other))).items():
            tokens, _ = response(rollout_key(12, problem_id, index) & (2**63 - 1), 24)
            assert rollout.response_tokens.tolist() == tokens.tolist()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("other", ["a call", "a load"])
def test_a_call_that_another_one_ended_does_not_wait_for_its_messages(
    pair: EnginePool, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_for_both(channels: list[Connection], timeout: float) -> list[object]:
        ready = wait(channels, timeout)
        while 0 < len(ready) < len(channels):
            ready = wait(channels, timeout)
        return ready

    monkeypatch.setattr("or1.rollout.engine_pool.wait", wait_for_both)
    first = pair.rollouts(PROBLEMS, replace(SAMPLING, max_response_tokens=1))
    next(first)  # from one engine; the other has answered too
    if other == "a load":
        pair.load(WEIGHTS)
    else:
        assert len(list(pair.rollouts(PROBLEMS, SAMPLING))) == 15
    with pytest.raises(EngineError, match="ended by another"):
        list(first)
    assert len(list(pair.rollouts(PROBLEMS, SAMPLING))) == 15


def test_a_stop_signal_ends_a_call_and_the_pool_can_be_used_again(pair: EnginePool) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Interrupted("stopped")

    pair.check_with(check)
    with pytest.raises(Interrupted):
        list(pair.rollouts(PROBLEMS * 1, replace(SAMPLING, group_size=40)))
    pair.check_with(lambda: None)
    assert len(list(pair.rollouts(PROBLEMS, SAMPLING))) == 15


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("dies", r"rollout engine 2 \(process \d+\) ended with exit status -9"),
        (
            "raises",
            r"rollout engine 2 failed: MemoryError: the device is full, at work on: \w+.*; its output ends: "
            ".*MemoryError",
        ),
        (
            "hangs",
            r"rollout engine 2 \(process \d+\) gave no progress for 0.5 s during sampling, at work on: "
            r"\w+.*, in engine_worker.py line \d+",
        ),
    ],
)
def test_an_engine_with_a_fault_is_named(fault: str, message: str) -> None:
    settings = [{"step_s": 0.01}, {"fault": fault}]
    with contextlib.closing(fake_pool(*settings, step_s=0.5)) as pool:
        pool.load(WEIGHTS)
        with pytest.raises(EngineError, match=message) as caught:
            list(pool.rollouts(PROBLEMS, replace(SAMPLING, group_size=8)))
        assert "\n" not in str(caught.value)
    for process in pool.engine_processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_start_and_a_load_have_limits() -> None:
    late = pytest.raises(EngineError, match=r"rollout engine 1 .* no progress for 0.3 s during its start")
    with contextlib.closing(fake_pool({"slow_start_s": 600.0}, start_s=0.3)) as pool, late:
        pool.load(WEIGHTS)
    with contextlib.closing(fake_pool({}, {"slow_load_s": 600.0}, load_s=0.3)) as pool:
        with pytest.raises(
            EngineError, match=r"rollout engine 2 .* no progress for 0.3 s during a load of weights"
        ):
            pool.load(WEIGHTS)
        with pytest.raises(EngineError, match="no weights are loaded"):
            list(pool.rollouts(PROBLEMS, SAMPLING))


def test_an_engine_that_cannot_start_gives_its_reason() -> None:
    reason = pytest.raises(
        EngineError, match="rollout engine 2 failed: OSError: no such device, at work on: start; its output"
    )
    with contextlib.closing(fake_pool({}, {"no_start": "no such device"})) as pool, reason:
        pool.load(WEIGHTS)


def test_a_pool_that_cannot_be_built_leaves_no_process_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[EngineProcess] = []
    logs: list[Path] = []

    class Second(EngineProcess):
        def __init__(self, *arguments: Any) -> None:
            if built:
                raise OSError("no more processes")
            super().__init__(*arguments)
            built.append(self)
            logs.append(arguments[3])

    monkeypatch.setattr("or1.rollout.engine_pool.EngineProcess", Second)
    with pytest.raises(OSError, match="no more processes"):
        fake_pool({}, {})
    assert built[0].has_ended
    assert not logs[0].parent.exists()


def test_an_engine_that_keeps_old_weights_stops_the_run_with_both_numbers() -> None:
    with contextlib.closing(fake_pool({}, {"keeps_old_weights": True})) as pool:
        pool.load(WeightHandle(version=1, ref=0.0))
        assert pool.largest_gap == 0.0
        with pytest.raises(EngineError) as caught:
            pool.load(WeightHandle(version=2, ref=0.5))
        message = str(caught.value)
        assert "rollout engine 2 does not sample from the published weights (version 2)" in message
        # token 2 of the canary is 81 of 128: -0.632812 under the old weights, half a nat less under the new
        assert "has log-probability -0.632812 there and -1.132812 under the trainer's weights" in message
        with pytest.raises(EngineError, match="no weights are loaded"):
            list(pool.rollouts(PROBLEMS, SAMPLING))


def test_an_engine_that_has_loaded_nothing_does_not_pass_the_canary() -> None:
    with contextlib.closing(fake_pool({})) as pool:
        pool.start()
        with pytest.raises(EngineError, match="does not sample from the published weights"):
            pool.compare_with(WeightHandle(version=1, ref=0.5))


def test_what_does_not_fit_is_refused_before_anything_is_sampled(pair: EnginePool) -> None:
    with pytest.raises(DataError, match=r"and the engines hold 512: raise rollout.max_response_tokens"):
        list(pair.rollouts(PROBLEMS, replace(SAMPLING, max_response_tokens=510)))
    long = Problem.make("none", (Message("user", "x" * 300),), 1)
    with pytest.raises(DataError, match="a prompt of 300 tokens; 1 to 256 are allowed"):
        list(pair.rollouts([long], SAMPLING))
    foreign = Problem.make("none", (Message("user", "\u00e9"),), 1)  # code point 233
    with pytest.raises(DataError, match="has a token that is not below 128"):
        list(pair.rollouts([foreign], SAMPLING))


def test_longer_problems_start_first_the_next_time() -> None:
    with contextlib.closing(fake_pool({}, max_running=1)) as pool:
        pool.load(WEIGHTS)
        sampling = replace(SAMPLING, group_size=1, max_response_tokens=40)
        first = list(pool.rollouts(PROBLEMS, sampling))
        assert [r.problem_id for r in first] == [p.id for p in PROBLEMS]
        lengths = {r.problem_id: len(r.response_tokens) for r in first}
        second = [r.problem_id for r in pool.rollouts(PROBLEMS, replace(sampling, seed=5))]
        assert [lengths[each] for each in second] == sorted(lengths.values(), reverse=True)
        assert second != [p.id for p in PROBLEMS]


class Broadcast(ShiftTransfer):
    """Sends while the engines load, as a collective does: each side waits for the other."""

    def __init__(self, arrived: Path, fault: str | None = None) -> None:
        super().__init__()
        self._arrived, self._fault = arrived, fault
        self.has_sent = False
        self.is_over = threading.Event()
        """Ends the thread that waits for ever."""

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        return {**super().update(weights), "arrived": str(self._arrived)}

    def send(self) -> None:
        if self._fault == "raises":
            raise ConnectionError("no peer")
        while not self._arrived.exists() or self._fault == "waits for ever":
            if self.is_over.wait(0.01):
                return
        self.has_sent = True


def test_tensors_are_sent_while_the_engines_load(tmp_path: Path) -> None:
    with contextlib.closing(fake_pool({}, load_s=5.0)) as pool:
        pool._transfer = transfer = Broadcast(tmp_path / "arrived")
        pool.load(WEIGHTS)
        assert transfer.has_sent
        assert transfer.num_loaded == 1
        pool._transfer = Broadcast(tmp_path / "again", "raises")
        with pytest.raises(EngineError, match="the transfer of weights failed: no peer"):
            pool.load(WEIGHTS)
    with contextlib.closing(fake_pool({}, load_s=0.3)) as pool:
        pool._transfer = stuck = Broadcast(tmp_path / "once more", "waits for ever")
        with pytest.raises(EngineError, match=r"did not join the transfer of weights in 0\.3 s"):
            pool.load(WEIGHTS)
        stuck.is_over.set()
        with pytest.raises(EngineError, match="no weights are loaded"):
            list(pool.rollouts(PROBLEMS, SAMPLING))


def test_an_engine_that_ends_in_a_collective_is_named_before_the_limit(tmp_path: Path) -> None:
    with contextlib.closing(fake_pool({}, {}, load_s=600.0)) as pool:
        pool.start()
        pool._transfer = stuck = Broadcast(tmp_path / "arrived", "waits for ever")
        pool.check_with(lambda: os.kill(pool.engine_processes[1].pid, signal.SIGKILL))
        try:
            with pytest.raises(
                EngineError, match=r"rollout engine 2 \(process \d+\) ended with exit status -9"
            ):
                pool.load(WEIGHTS)
        finally:
            stuck.is_over.set()


def test_the_processes_of_an_engine_end_with_the_driver(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with contextlib.closing(fake_pool({"child_pid": str(file)})) as pool:
        while not file.exists() or not file.read_text(encoding="utf-8"):
            assert not pool.engine_processes[0].has_ended
            time.sleep(0.02)
        pid = int(file.read_text(encoding="utf-8"))
        with socket.fromfd(
            pool.engine_processes[0].channel.fileno(), socket.AF_UNIX, socket.SOCK_STREAM
        ) as end:
            end.shutdown(socket.SHUT_RDWR)  # as if the driver had ended
        while _runs(pid):
            time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_engines_and_their_folder_end_with_the_process_of_the_pool() -> None:
    code = (
        "import os, time; from tests.fake_pool import fake_pool; from or1.types import WeightHandle\n"
        "pool = fake_pool({'step_s': 600.0})\n"
        "pool.load(WeightHandle(version=1, ref=0.0))\n"
        "print(pool.engine_processes[0].pid, pool._scratch, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    pid, folder = done.stdout.split()
    while _runs(int(pid)):
        time.sleep(0.05)
    assert not Path(folder).exists()


def test_numbers_that_are_not_finite_are_aborted() -> None:
    tokens, logprobs = response(1, 24)
    logprobs = np.where(np.arange(len(tokens)) == 0, np.nan, logprobs).astype(np.float32)
    assert finish_of(tokens, logprobs, (0,)) is Finish.ABORTED
    assert finish_of(tokens[:0], logprobs[:0], (0,)) is Finish.ABORTED
