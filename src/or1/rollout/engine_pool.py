"""Rollout engines in processes of their own, behind one `RolloutEngine`.

Requests wait in one queue and go to the engines as they have room. Every wait has a limit and names the
engine that it waits for. An engine that ends or disagrees with the published weights stops the run: its
requests are not repeated elsewhere.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from or1.errors import DataError, EngineError
from or1.processes.launch import Launch, LocalProcess
from or1.rollout.canary import Canary
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
from or1.rollout.engine_process import EngineProcess
from or1.rollout.generate import never_interrupt
from or1.rollout.request_queue import RequestQueue, longest_first
from or1.rollout.requests import EndingTokenizer, finish_of, prompt_of
from or1.rollout.sampling import rollout_key
from or1.rollout.transfer import WeightTransfer
from or1.types import Finish, Int32, Problem, Rollout, Sampling, WeightHandle

_POLL_S = 0.2
"""Longest time between two calls of the check for a stop signal [s]."""
_SEED_MASK = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Sizes of a pool, and the longest silences of an engine."""

    max_running: int
    """Requests that one engine has at once."""
    max_prompt_tokens: int
    max_model_tokens: int
    """Longest prompt and response together [tokens]."""
    vocab_size: int
    """Token ids are below it."""
    start_s: float
    """Until an engine is built [s]."""
    load_s: float
    """Until an engine has loaded weights, or read the canary [s]."""
    step_s: float
    """Between two signs of life while an engine samples [s]."""


@dataclass(frozen=True, slots=True)
class _Pending:
    problem_id: str
    index: int
    prompt_tokens: Int32


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
        self._tokenizer, self._limits = tokenizer, limits
        self._transfer, self._canary, self._scratch = transfer, canary, scratch
        self._check: Callable[[], None] = never_interrupt
        self._call = 0
        self._is_started = False
        self._mean_tokens: dict[str, float] = {}
        """Problem id -> mean length of its last responses."""
        self.processes: list[EngineProcess] = []
        launches = launches or [LocalProcess] * len(starts)
        try:
            for n, each in enumerate(zip(starts, environments, launches, strict=True), start=1):
                start, environment, launch = each
                log = scratch / f"engine-{n}.log"
                self.processes.append(EngineProcess(f"rollout engine {n}", start, environment, log, launch))
        except BaseException:
            self.close()
            raise

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
        update = self._transfer.update(weights)
        for process in self.processes:
            process.send(Load(weights.version, update))
        self._beside(self._transfer.send, self._limits.load_s, "the transfer of weights")
        self._results(self._limits.load_s, "a load of weights")
        self._transfer.loaded()
        self.compare_with(weights)
        self.policy_version = weights.version

    def start(self) -> None:
        """Wait until all engines are built; EngineError if one is not."""
        if not self._is_started:
            self._beside(self._transfer.connect, self._limits.start_s, "the meeting for weights")
            self._results(self._limits.start_s, "its start")
            self._is_started = True

    def compare_with(self, weights: WeightHandle) -> None:
        """Let all engines read the canary; EngineError if one does not sample from these weights."""
        if self._canary is None:
            return
        for process in self.processes:
            process.send(ReadCanary(self._canary.tokens, self._canary.num_sampled))
        results: list[CanaryReading] = self._results(self._limits.load_s, "a canary")
        names = [process.name for process in self.processes]
        self.largest_gap = self._canary.check(weights, dict(zip(names, results, strict=True)))

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
        pending: dict[int, _Pending] = {}
        groups: list[list[int]] = []
        for position in longest_first([problem.id for problem in problems], self._mean_tokens):
            tickets = range(len(pending), len(pending) + sampling.group_size)
            groups.append(list(tickets))
            for index, ticket in enumerate(tickets):
                pending[ticket] = _Pending(problems[position].id, index, prompts[position])
        queue = RequestQueue(groups, len(self.processes))
        self._end_call()
        call = self._call
        for process in self.processes:
            process.send(Begin(self._call, sampling))
        lengths: dict[str, list[int]] = {problem.id: [] for problem in problems}
        try:
            while pending:
                self._dispatch(queue, pending, sampling.seed)
                for request, response in self._responses(pending):
                    if not response.aborted:
                        lengths[request.problem_id].append(len(response.tokens))
                    yield self._rollout(request, response)
                    if call != self._call:  # the messages of this one are gone
                        raise EngineError("a call of rollouts was resumed after it had been ended by another")
        finally:
            self._mean_tokens |= {each: fmean(some) for each, some in lengths.items() if some}
            if pending and call == self._call:
                self._end_call()

    @property
    def is_closed(self) -> bool:
        return all(process.is_closed for process in self.processes)

    def close(self) -> None:
        """End all processes; may be called again."""
        for process in self.processes:
            process.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _dispatch(self, queue: RequestQueue, pending: Mapping[int, _Pending], seed: int) -> None:
        """Give waiting requests to the engines, one group at a time to the one with the most room."""
        while True:
            engine = min(range(len(self.processes)), key=lambda n: self.processes[n].num_running)
            process = self.processes[engine]
            room = self._limits.max_running - process.num_running
            tickets = queue.take(engine, room) if room > 0 else []
            if not tickets:
                return
            process.send(Add([_token_request(ticket, pending[ticket], seed) for ticket in tickets]))
            process.num_running += len(tickets)

    def _responses(self, pending: dict[int, _Pending]) -> Iterator[tuple[_Pending, TokenResponse]]:
        """Wait for messages once; the responses among them, each with its request, which leaves `pending`."""
        busy = [process for process in self.processes if process.num_running]
        if not busy:
            raise EngineError(f"the rollout engines returned no response to {len(pending)} requests")
        for process in self._with_messages(busy, self._limits.step_s, "sampling"):
            message = process.receive()
            if not isinstance(message, Completed) or message.call != self._call:
                continue
            process.num_running -= len(message.responses)
            for response in message.responses:
                if response.ticket not in pending:
                    raise EngineError(f"{process.name} returned request {response.ticket} twice")
                yield pending.pop(response.ticket), response

    def _with_messages(
        self, processes: Sequence[EngineProcess], limit_s: float, during: str
    ) -> list[EngineProcess]:
        """Wait a short time; the processes that a message has come from."""
        began = time.monotonic()
        ready = wait([process.channel for process in processes], _POLL_S)
        waited_s = time.monotonic() - began
        self._check()
        for process in processes:
            if process.channel not in ready:
                process.silent_for(waited_s, limit_s, during)
        return [process for process in processes if process.channel in ready]

    def _results(self, limit_s: float, during: str) -> list[Any]:
        """The answer of every engine to the last message that has one."""
        results: dict[str, Any] = {}
        for process in self.processes:
            process.silent_s = 0.0
        while missing := [process for process in self.processes if process.name not in results]:
            for process in self._with_messages(missing, limit_s, during):
                message = process.receive()
                if isinstance(message, Done):  # else of a call that was abandoned
                    results[process.name] = message.result
        return [results[process.name] for process in self.processes]

    def _beside(self, work: Callable[[], None], limit_s: float, during: str) -> None:
        """Do the trainer's part of a step that waits for the engines, within a limit.

        On a thread of its own: an engine that ends in the middle leaves it waiting.
        """
        failures: list[Exception] = []

        def run() -> None:
            try:
                work()
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        ends = time.monotonic() + limit_s
        while thread.is_alive():
            thread.join(_POLL_S)
            self._check()
            for process in self.processes:
                if process.has_ended:
                    raise process.ended()
            if thread.is_alive() and time.monotonic() > ends:
                raise EngineError(f"the rollout engines did not join {during} in {limit_s:g} s")
        if failures:
            raise EngineError(f"{during} failed: {failures[0]}") from failures[0]

    def _end_call(self) -> None:
        """End the present call, if it has requests: their responses may still come and are ignored."""
        self._call += 1
        for process in self.processes:
            if process.num_running:
                with contextlib.suppress(EngineError):  # the next message reports it
                    process.send(Abort())
            process.num_running, process.silent_s = 0, 0.0

    def _prompt(self, problem: Problem, sampling: Sampling) -> Int32:
        limits = self._limits
        tokens = prompt_of(problem, self._tokenizer, limits.max_prompt_tokens)
        if len(tokens) + sampling.max_response_tokens > limits.max_model_tokens:
            raise DataError(
                f"problem {problem.id} needs {len(tokens)} + {sampling.max_response_tokens} tokens, and the "
                f"engines hold {limits.max_model_tokens}: raise rollout.max_response_tokens"
            )
        if not 0 <= int(tokens.min()) <= int(tokens.max()) < limits.vocab_size:
            raise DataError(f"problem {problem.id} has a token that is not below {limits.vocab_size}")
        return tokens

    def _rollout(self, request: _Pending, response: TokenResponse) -> Rollout:
        assert self.policy_version is not None
        finish = finish_of(response.tokens, response.logprobs, self._tokenizer.eos_ids)
        return Rollout(
            problem_id=request.problem_id,
            index=request.index,
            prompt_tokens=request.prompt_tokens,
            response_tokens=response.tokens,
            behavior_logprobs=response.logprobs,
            behavior_entropy=None,
            finish=Finish.ABORTED if response.aborted else finish,
            policy_version=self.policy_version,
        )


def _token_request(ticket: int, pending: _Pending, seed: int) -> TokenRequest:
    key = rollout_key(seed, pending.problem_id, pending.index)
    return TokenRequest(ticket, np.asarray(pending.prompt_tokens), key & _SEED_MASK)
