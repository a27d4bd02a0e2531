"""Rollout engines in processes of their own, behind one `RolloutEngine`.

Requests wait in one queue and go to the engines as they have room. Every wait has a limit and names the
engine that it waits for. The requests of an engine that ends or hangs go to the others, and another process
replaces it once it has loaded the weights and passed the canary. An engine that disagrees with the published
weights stops the run.
"""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from statistics import fmean

import numpy as np

from or1.errors import DataError, EngineError
from or1.processes.heartbeat import HEARTBEAT_LIMIT_S, RestartBudget
from or1.processes.launch import Launch, LocalProcess
from or1.rollout.canary import Canary
from or1.rollout.engine_messages import (
    Abort,
    Add,
    Begin,
    Completed,
    FromEngine,
    Start,
    TokenRequest,
    TokenResponse,
)
from or1.rollout.engine_process import EngineProcess
from or1.rollout.engine_slot import NOTHING_PUBLISHED, START, EngineSlot, PublishedUpdate
from or1.rollout.generate import never_interrupt
from or1.rollout.ledger import Ledger, Pending
from or1.rollout.request_queue import longest_first
from or1.rollout.requests import EndingTokenizer, finish_of, prompt_of
from or1.rollout.sampling import rollout_key
from or1.rollout.transfer import WeightTransfer, beside
from or1.types import Finish, Int32, Problem, ProcessStatus, Rollout, Sampling, WeightHandle

logger = logging.getLogger(__name__)

_POLL_S = 0.2
"""Longest time between two calls of the check for a stop signal [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Sizes of a pool, longest waits for an engine, and the budget of restarts."""

    max_running: int
    """Requests that one engine has at once."""
    max_prompt_tokens: int
    max_model_tokens: int
    """Longest prompt and response together [tokens]."""
    num_ids: int
    """Token ids are below it."""
    start_s: float
    """Until an engine is built [s]."""
    load_s: float
    """Until an engine has loaded weights, or read the canary [s]."""
    step_s: float
    """For one token of all running requests of an engine [s]."""
    heartbeat_s: float = HEARTBEAT_LIMIT_S
    """Between two heartbeats of an engine that has started [s]."""
    max_restarts: int = 0
    """Engines that are replaced within an hour; one more ends the run."""


class EnginePool:
    """`RolloutEngine` over engines that each run in a process of their own.

    Args:
        starts: one engine each; the processes start at once and are awaited at the first load.
        tokenizer: of the model.
        limits: sizes and longest waits.
        transfer: brings published weights to the engines.
        canary: checks every load; None = no check.
        scratch: folder for the logs of the engines; deleted by `close`.
        environments: variables of each process.
        launches: start each process; None = on this machine.
    """

    def __init__(
        self,
        starts: Sequence[Start],
        tokenizer: EndingTokenizer,
        limits: PoolLimits,
        transfer: WeightTransfer,
        *,
        canary: Canary | None,
        scratch: Path,
        environments: Sequence[Mapping[str, str]],
        launches: Sequence[Launch] | None = None,
    ) -> None:
        self.policy_version: int | None = None
        self.largest_gap = 0.0
        """Largest difference in the canary of the last load [nats]."""
        self.num_duplicates = 0
        """Responses that were dropped, since their requests had been answered or given to another engine."""
        self._tokenizer, self._limits = tokenizer, limits
        self._transfer, self._canary, self._scratch = transfer, canary, scratch
        self._budget = RestartBudget(limits.max_restarts)
        self._check: Callable[[], None] = never_interrupt
        self._call = 0
        self._ledger = Ledger([], len(starts))
        self._weights: WeightHandle | None = None
        self._published = NOTHING_PUBLISHED
        self._is_started = False
        self._mean_tokens: dict[str, float] = {}
        """Problem id -> mean length of its last responses."""
        self._slots: list[EngineSlot] = []
        launches = launches or [LocalProcess] * len(starts)
        try:
            for n, each in enumerate(zip(starts, environments, launches, strict=True), start=1):
                make = partial(_engine_process, f"rollout engine {n}", *each, scratch / f"engine-{n}")
                self._slots.append(EngineSlot(make, limits.heartbeat_s))
        except BaseException:
            self.close()
            raise

    @property
    def engine_processes(self) -> list[EngineProcess]:
        """The present process of each engine."""
        return [slot.process for slot in self._slots]

    def processes(self) -> list[ProcessStatus]:
        """See `ReportsProcesses`."""
        ledger = self._ledger
        return [slot.status(ledger.num_at(engine)) for engine, slot in enumerate(self._slots)]

    @property
    def num_restarts(self) -> int:
        """Engines that were replaced so far."""
        return sum(slot.num_restarts for slot in self._slots)

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def load(self, weights: WeightHandle) -> None:
        """Bring published weights to all engines, and compare what they compute with them.

        Raises:
            EngineError: an engine ended, is silent, or disagrees with the published weights.
            ModelError: the weights do not fit the model.
        """
        self.policy_version = None  # after a failure nothing is sampled
        self.start()
        self._end_call()
        self._weights = weights
        update = self._transfer.update(weights)
        self._published = published = PublishedUpdate(self._published.number + 1, weights.version, update)
        for slot in self._members():
            self._or_lose(slot, partial(slot.load, published))
        self._beside(self._transfer.send, self._limits.load_s, "the transfer of weights")
        self._wait_until(lambda slot: slot.has_loaded(published))
        self._transfer.loaded()
        self.compare_with(weights)
        self.policy_version = weights.version

    def start(self) -> None:
        """Wait until all engines are built; EngineError if one is not."""
        if not self._is_started:
            self._beside(self._transfer.connect, self._limits.start_s, "the meeting for weights")
            self._wait_until(lambda slot: slot.has_started)
            self._is_started = True

    def compare_with(self, weights: WeightHandle) -> None:
        """Let all engines read the canary; EngineError if one does not sample from these weights."""
        published, canary = self._published, self._canary
        if canary is not None:
            for slot in self._members():
                self._or_lose(slot, partial(slot.read_canary, published, canary.tokens, canary.num_sampled))
            self._wait_until(lambda slot: slot.reading is not None or slot.is_ready(published))
        self._approve([slot for slot in self._members() if not slot.is_ready(published)], weights)

    def _members(self) -> list[EngineSlot]:
        """The engines that take part: all but those that replace a lost one and are not ready."""
        return [slot for slot in self._slots if not slot.is_joining]

    def _approve(self, slots: Sequence[EngineSlot], weights: WeightHandle) -> None:
        """Compare their readings of the canary with the weights; EngineError if one differs."""
        readings = {slot.process.name: slot.reading for slot in slots if slot.reading is not None}
        if self._canary is not None and readings:
            self.largest_gap = self._canary.check(weights, readings)
        for slot in slots:
            slot.approve(self._published)

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        """Yield `group_size` rollouts of each problem, each as it finishes.

        A rollout depends on the weights and on (seed, problem id, index); its seed is a hash of them.

        Raises:
            DataError: a prompt is too long or has an unknown token, or the response budget does not fit.
            EngineError: an engine ended or is silent, or returned a response twice.
        """
        if not problems:
            return
        if self.policy_version is None:
            raise EngineError("no weights are loaded: call load before rollouts")
        prompts = [self._prompt(problem, sampling) for problem in problems]
        groups = [
            [Pending(problems[place].id, index, prompts[place]) for index in range(sampling.group_size)]
            for place in longest_first([problem.id for problem in problems], self._mean_tokens)
        ]
        self._end_call()
        call = self._call
        self._ledger = ledger = Ledger(groups, len(self._slots))
        lengths: dict[str, list[int]] = {problem.id: [] for problem in problems}
        try:
            while ledger.num_open:
                self._dispatch(ledger, sampling)
                for request, response in self._responses(ledger):
                    if not response.aborted:
                        lengths[request.problem_id].append(len(response.tokens))
                    yield self._rollout(request, response)
                    if call != self._call:  # the messages of this one are gone
                        raise EngineError("a call of rollouts was resumed after it had been ended by another")
        finally:
            self.num_duplicates += ledger.num_duplicates
            self._mean_tokens |= {each: fmean(some) for each, some in lengths.items() if some}
            if call == self._call:
                self._end_call()

    @property
    def is_closed(self) -> bool:
        return all(process.is_closed for process in self.engine_processes)

    def close(self) -> None:
        """End all processes; may be called again."""
        self.policy_version = None
        for slot in self._slots:
            slot.process.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _dispatch(self, ledger: Ledger, sampling: Sampling) -> None:
        """Give waiting requests to the engines, one group at a time to the one with the most room."""
        while ready := [n for n, slot in enumerate(self._slots) if slot.is_ready(self._published)]:
            engine = min(ready, key=ledger.num_at)
            room = self._limits.max_running - ledger.num_at(engine)
            requests = ledger.take(engine, room) if room > 0 else {}
            if not requests:
                return
            slot = self._slots[engine]
            add = Add([_token_request(ticket, each, sampling.seed) for ticket, each in requests.items()])
            self._or_lose(slot, partial(slot.add, Begin(self._call, sampling), add))

    def _responses(self, ledger: Ledger) -> Iterator[tuple[Pending, TokenResponse]]:
        """Wait for messages once; the responses among them, each with its request."""
        if not any(slot.is_joining or ledger.num_at(n) for n, slot in enumerate(self._slots)):
            raise EngineError(f"the rollout engines returned no response to {ledger.num_open} requests")
        for engine, message in self._messages():
            if not isinstance(message, Completed) or message.call != self._call:
                continue
            for response in message.responses:
                request = ledger.answer(engine, response.ticket)
                if request is not None:
                    yield request, response

    def _messages(self) -> list[tuple[int, FromEngine]]:
        """Wait a short time; the messages that have come, at most one of each engine, by its position."""
        began = time.monotonic()
        ready = wait([slot.process.channel for slot in self._slots], _POLL_S)
        waited_s = time.monotonic() - began
        self._check()
        messages: list[tuple[int, FromEngine]] = []
        for engine, slot in enumerate(self._slots):
            slot.process.waited(waited_s)
            try:
                if slot.process.channel in ready:
                    messages.append((engine, slot.receive()))
                slot.process.expect_message(*self._expected(engine, slot))
                if slot.is_joining:
                    self._bring_up(slot)
            except EngineError as error:
                self._lose(slot, error)
        return messages

    def _expected(self, engine: int, slot: EngineSlot) -> tuple[float, str, str]:
        """The longest time for the work of an engine [s], the name of the work, and the setting."""
        limits = self._limits
        if slot.work == START:
            return limits.start_s, START, "rollout.vllm.start_limit_s"
        if slot.work is not None:
            return limits.load_s, slot.work, "rollout.vllm.load_limit_s"
        limit_s = limits.step_s if self._ledger.num_at(engine) else math.inf
        return limit_s, "sampling", "rollout.vllm.step_limit_s"

    def _bring_up(self, slot: EngineSlot) -> None:
        """The next step of an engine that replaces a lost one; EngineError if it fails."""
        published, canary = self._published, self._canary
        if slot.work is not None or self._weights is None:
            return
        if not slot.has_loaded(published):
            slot.load(published)
        elif canary is not None and slot.reading is None:
            slot.read_canary(published, canary.tokens, canary.num_sampled)
        else:
            self._approve([slot], self._weights)

    def _wait_until(self, is_done: Callable[[EngineSlot], bool]) -> None:
        """Wait for all engines that take part, and at least one."""
        while missing := [slot for slot in self._slots if not is_done(slot)]:
            if len(missing) < len(self._slots) and all(slot.is_joining for slot in missing):
                return
            self._messages()

    def _or_lose(self, slot: EngineSlot, send: Callable[[], None]) -> None:
        try:
            send()
        except EngineError as error:
            self._lose(slot, error)

    def _lose(self, slot: EngineSlot, error: EngineError) -> None:
        """Start another process in place of an engine that failed; its requests wait for any engine.

        Raises:
            EngineError: it failed in the first start, or cannot be replaced, or the budget is spent.
        """
        if not self._is_started or not self._transfer.lasts or self._budget.max_restarts == 0:
            raise error
        if not self._budget.spend():
            raise EngineError(
                f"{error}. The budget is spent: rollout.max_engine_restarts = {self._budget.max_restarts} "
                "within an hour. Find the cause, then repeat the command: it resumes from the last checkpoint"
            ) from error
        num_lost = self._ledger.lose(self._slots.index(slot))
        logger.warning("%s; another process replaces it, and its %d requests wait again", error, num_lost)
        slot.replace_process()

    def _beside(self, work: Callable[[], None], limit_s: float, during: str) -> None:
        """Do the trainer's part of a step that waits for the engines; EngineError if they do not join."""

        def check() -> None:
            self._check()
            for process in self.engine_processes:
                if process.has_ended:
                    raise process.ended()

        beside(work, during, check, limit_s)

    def _end_call(self) -> None:
        """End the present call, if it has requests: their responses may still come and are ignored."""
        self._call += 1
        for engine, slot in enumerate(self._slots):
            if self._ledger.num_at(engine):
                with contextlib.suppress(EngineError):  # the next message reports it
                    slot.process.send(Abort())
        self._ledger = Ledger([], len(self._slots))

    def _prompt(self, problem: Problem, sampling: Sampling) -> Int32:
        limits = self._limits
        tokens = prompt_of(problem, self._tokenizer, limits.max_prompt_tokens)
        if len(tokens) + sampling.max_response_tokens > limits.max_model_tokens:
            raise DataError(
                f"problem {problem.id} needs {len(tokens)} + {sampling.max_response_tokens} tokens, and the "
                f"engines hold {limits.max_model_tokens}: raise rollout.max_response_tokens"
            )
        if not 0 <= int(tokens.min()) <= int(tokens.max()) < limits.num_ids:
            raise DataError(f"problem {problem.id} has a token that is not below {limits.num_ids}")
        return tokens

    def _rollout(self, request: Pending, response: TokenResponse) -> Rollout:
        assert self.policy_version is not None
        finish = finish_of(response.tokens, response.logprobs, self._tokenizer.eos_ids)
        is_known = bool((response.tokens < self._limits.num_ids).all())  # others have no log-probability
        return Rollout(
            problem_id=request.problem_id,
            index=request.index,
            prompt_tokens=request.prompt_tokens,
            response_tokens=response.tokens,
            behavior_logprobs=response.logprobs,
            behavior_entropy=None,
            finish=Finish.ABORTED if response.aborted or not is_known else finish,
            policy_version=self.policy_version,
        )


def _token_request(ticket: int, pending: Pending, seed: int) -> TokenRequest:
    key = rollout_key(seed, pending.problem_id, pending.index)
    return TokenRequest(ticket, np.asarray(pending.prompt_tokens), key)


def _engine_process(
    name: str, start: Start, environment: Mapping[str, str], launch: Launch, log: Path, number: int
) -> EngineProcess:
    """The process of this number, from 0, that holds the place of an engine."""
    return EngineProcess(name, start, environment, log.with_name(f"{log.name}-{number}.log"), launch)
