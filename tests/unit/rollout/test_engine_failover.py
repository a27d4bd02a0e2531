"""Engines that are lost in the middle of a call: every rollout once, and another process in their place."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.errors import EngineError
from or1.rollout.engine_messages import (
    Abort,
    Add,
    Begin,
    CanaryReading,
    Completed,
    Done,
    Load,
    ReadCanary,
    Start,
    TokenRequest,
    TokenResponse,
)
from or1.rollout.ledger import Ledger, Pending
from or1.rollout.sampling import rollout_key
from or1.testing import make_problem
from or1.types import Rollout, Sampling, WeightHandle
from tests.fake_engine import canary_logprobs, response
from tests.fake_pool import fake_pool

PROBLEMS = [make_problem(n) for n in range(5)]
SAMPLING = Sampling(group_size=8, max_response_tokens=24, seed=11)
WEIGHTS = WeightHandle(version=6, ref=0.25)


def require_each_once(rollouts: Sequence[Rollout], sampling: Sampling = SAMPLING) -> None:
    keys = sorted((r.problem_id, r.index) for r in rollouts)
    assert keys == sorted((p.id, index) for p in PROBLEMS for index in range(sampling.group_size))
    for rollout in rollouts:
        seed = rollout_key(sampling.seed, rollout.problem_id, rollout.index) & (2**63 - 1)
        tokens, _ = response(seed, sampling.max_response_tokens)
        assert rollout.response_tokens.tolist() == tokens.tolist()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("dies", "ended with exit status -9"),
        ("raises", "failed: MemoryError: the device is full"),
        (
            "stops",
            r"gave no sign of life for 3 s during sampling, at work on: \w+",
        ),
        (
            "hangs",
            r"gave no progress for 2 s during sampling, .*in engine_worker.py line \d+"
            r"; if it is only slow, raise rollout\.vllm\.step_limit_s",
        ),
    ],
)
def test_the_requests_of_a_lost_engine_go_to_the_other(
    fault: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"fault": fault, "once": str(tmp_path / "had the fault"), "step_s": 0.01}
    with contextlib.closing(
        fake_pool(
            {"step_s": 0.01},
            broken,
            step_s=2.0 if fault == "hangs" else 60.0,
            heartbeat_s=3.0,
            max_restarts=1,
        )
    ) as pool:
        pool.load(WEIGHTS)
        require_each_once(list(pool.rollouts(PROBLEMS, SAMPLING)))
        assert pool.num_restarts == 1
        warning = caplog.records[0].getMessage()
        assert re.match(r"rollout engine 2 ", warning)
        assert re.search(reason, warning)
        assert re.search(r"; another process replaces it, and its [1-4] requests wait again$", warning)
        assert "\n" not in warning
        pool.load(WeightHandle(version=7, ref=0.5))
        require_each_once(list(pool.rollouts(PROBLEMS, replace(SAMPLING, seed=3))), replace(SAMPLING, seed=3))


def test_the_requests_of_the_only_engine_wait_for_its_successor(tmp_path: Path) -> None:
    broken = {"fault": "dies", "once": str(tmp_path / "had the fault")}
    with contextlib.closing(fake_pool(broken, max_restarts=1)) as pool:
        pool.load(WEIGHTS)
        assert [(each.name, each.phase, each.num_running) for each in pool.processes()] == [
            ("rollout engine 1", "idle", 0)
        ]
        require_each_once(list(pool.rollouts(PROBLEMS, SAMPLING)))
        assert pool.largest_gap == 0.0
        assert pool.processes()[0].num_restarts == 1


def test_the_work_of_an_engine_is_that_of_its_last_heartbeat() -> None:
    with contextlib.closing(fake_pool({"step_s": 0.2})) as pool:
        pool.load(WEIGHTS)
        started = pool.rollouts(PROBLEMS, replace(SAMPLING, max_response_tokens=40))
        next(started)
        while pool.processes()[0].phase != "sampling":
            next(started)
        status = pool.processes()[0]
        assert re.fullmatch(r"token \d+ of \d+ requests", status.work)
        assert status.num_running is not None
        assert 1 <= status.num_running <= 4
        started.close()
        assert pool.processes()[0].phase == "idle"


def test_a_spent_budget_ends_the_run_with_the_engine_and_the_setting() -> None:
    message = (
        r"^rollout engine 1 \(process \d+\) ended with exit status -9, at work on: .*\. The budget is spent: "
        r"rollout.max_engine_restarts = 2 within an hour"
    )
    with contextlib.closing(fake_pool({"fault": "dies"}, max_restarts=2)) as pool:
        pool.load(WEIGHTS)
        with pytest.raises(EngineError, match=message) as caught:
            list(pool.rollouts(PROBLEMS, SAMPLING))
        assert "\n" not in str(caught.value)
        assert pool.num_restarts == 2


def test_a_successor_with_other_weights_does_not_take_part(tmp_path: Path) -> None:
    """It keeps the weights of its start, 0, while 0.25 is published."""
    broken = {"fault": "dies", "once": str(tmp_path / "had the fault"), "successor_keeps_old_weights": True}
    with contextlib.closing(fake_pool(broken, max_restarts=1)) as pool:
        pool.load(WEIGHTS)
        with pytest.raises(EngineError, match=r"rollout engine 1 does not sample from the published weights"):
            list(pool.rollouts(PROBLEMS, SAMPLING))


def test_a_response_that_comes_twice_is_dropped_and_counted() -> None:
    with contextlib.closing(fake_pool({"fault": "twice"})) as pool:
        pool.load(WEIGHTS)
        require_each_once(list(pool.rollouts(PROBLEMS, SAMPLING)))
        assert pool.num_duplicates > 30  # of 40; those of the last message may not be read


def test_a_ledger_takes_the_response_of_the_engine_that_has_the_request() -> None:
    prompt = np.zeros(1, dtype=np.int32)
    ledger = Ledger([[Pending("a", 0, prompt), Pending("a", 1, prompt)], [Pending("b", 0, prompt)]], 2)
    assert list(ledger.take(0, 5)) == [0, 1]
    first = ledger.answer(0, 0)
    assert first is not None
    assert (first.problem_id, first.index) == ("a", 0)
    assert ledger.lose(0) == 1
    assert ledger.answer(0, 1) is None, "it came after the engine was given up"
    assert list(ledger.take(1, 5)) == [1], "before the problem that nothing has begun"
    assert ledger.answer(1, 0) is None, "answered before"
    assert (ledger.num_open, ledger.num_at(1), ledger.num_duplicates) == (2, 1, 2)


class _World:
    """Engines in this process that answer late, twice, or never, as a random generator says."""

    def __init__(self, rng: random.Random, death: float, twice: float) -> None:
        self.rng, self.death, self.twice = rng, death, twice
        self.deaths = 0

    def wait(self, channels: Sequence[_Process], _: float) -> list[_Process]:
        for process in channels:
            process.live()
        return [each for each in channels if each.has_news and self.rng.random() < 0.7]


class _Process:
    """The face of an `EngineProcess`. Its responses are one token: the shift of its weights."""

    world: _World

    def __init__(self, name: str, start: Start, *_: Any) -> None:
        self.name, self.channel = name, self
        self.silence_limit_s = self.stuck_s = 0.0
        self._running: dict[int, TokenRequest] = {}
        self._replies: list[Any] = [Done(None)]
        self._shift, self._call, self._is_dead = 0.0, 0, False

    @property
    def has_news(self) -> bool:
        return bool(self._replies) or self._is_dead

    @property
    def has_ended(self) -> bool:
        return False

    def live(self) -> None:
        rng = self.world.rng
        done = [self._running.pop(t) for t in list(self._running) if rng.random() < 0.3]
        tokens = np.array([round(self._shift * 4)], dtype=np.int32)
        responses = [
            TokenResponse(request.ticket, tokens, np.zeros(1, dtype=np.float32), aborted=False)
            for request in done
            for _ in range(1 + (rng.random() < self.world.twice))
        ]
        if responses:
            self._replies.append(Completed(self._call, responses))
        if rng.random() < self.world.death:
            self._is_dead = True
            self.world.deaths += 1
            del self._replies[rng.randint(0, len(self._replies)) :]  # the rest never left the process

    def send(self, message: object) -> None:
        if self._is_dead and self.world.rng.random() < 0.5:
            raise EngineError(f"{self.name} ended")
        match message:
            case Load(_, update):
                self._shift = update["shift"]
                self._replies.append(Done(None))
            case ReadCanary(tokens, num_sampled):
                sampled = np.ones(num_sampled, dtype=np.int32)
                both = canary_logprobs(np.concatenate([tokens, sampled]), self._shift)
                self._replies.append(
                    Done(CanaryReading(both[: len(tokens) - 1], sampled, both[len(tokens) - 1 :]))
                )
            case Begin(call, _):
                self._running.clear()
                self._call = call
            case Add(requests):
                self._running |= {each.ticket: each for each in requests}
            case Abort():
                self._running.clear()

    def receive(self) -> object:
        if self._replies:
            return self._replies.pop(0)
        raise EngineError(f"{self.name} ended")

    def waited(self, seconds: float) -> None:
        pass

    def expect_message(self, limit_s: float, during: str, setting: str) -> None:
        pass

    def kill(self) -> None:
        self._is_dead = True

    def close(self) -> None:
        pass


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    num_engines=st.integers(1, 4),
    death=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    twice=st.sampled_from([0.0, 0.3]),
    num_taken=st.none() | st.integers(0, 10),
)
def test_every_rollout_of_every_step_once_under_random_deaths_and_delays(
    seed: int, num_engines: int, death: float, twice: float, num_taken: int | None
) -> None:
    """Steps with their own weights, and a call that is given up in the middle."""
    world = _World(random.Random(seed), 0.0, twice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("or1.rollout.engine_pool.wait", world.wait)
        patch.setattr("or1.rollout.engine_pool.EngineProcess", type("_Here", (_Process,), {"world": world}))
        pool = fake_pool(*[{}] * num_engines, max_restarts=10_000)
        pool.start()
        world.death = death
        for step in range(1, 4):
            pool.load(WeightHandle(version=step, ref=step / 4))
            if num_taken is not None:
                started = pool.rollouts(PROBLEMS, SAMPLING)
                for _ in range(num_taken):
                    next(started)
                started.close()
            found = list(pool.rollouts(PROBLEMS, SAMPLING))
            keys = sorted((r.problem_id, r.index) for r in found)
            assert keys == sorted((p.id, index) for p in PROBLEMS for index in range(SAMPLING.group_size))
            assert {r.response_tokens.tolist()[0] for r in found} == {step}, "of other weights"
            assert {r.policy_version for r in found} == {step}
        assert pool.num_restarts <= world.deaths
        pool.close()
