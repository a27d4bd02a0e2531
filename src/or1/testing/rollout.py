"""Fakes of sampling: a tokenizer, an engine and a collector with prepared responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from or1.config import StageConfig
from or1.testing.builders import InjectedFaultError
from or1.types import (
    Finish,
    Group,
    Int32,
    Message,
    Problem,
    Rollout,
    RunState,
    SamplerState,
    Sampling,
    Text,
    WeightHandle,
)

END_TOKEN = 0
"""The end token of `CharTokenizer`."""


class CharTokenizer:
    """One token per character. A prompt is the concatenation of its messages."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        return _code_points("".join(m.content for m in messages))

    def decode(self, tokens: Int32) -> str:
        return "".join(chr(t) for t in tokens if t != END_TOKEN)

    def decode_prompt(self, prompt_tokens: Int32) -> str:
        return "".join(chr(t) for t in prompt_tokens)

    def response_prefix(self, prompt_tokens: Int32) -> str:
        return self._prefix


def _code_points(text: str) -> Int32:
    return np.asarray([ord(c) for c in text], dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Scripted:
    """One prepared response; truncated at the response budget."""

    text: str
    logprob: float = -0.5
    entropy: float | None = 0.5
    aborted: bool = False
    """The engine returns it as aborted."""
    lost: bool = False
    """The engine never returns it."""


Script = Callable[[Problem, int], Scripted]
"""(problem, index) -> response."""


def by_problem(responses: Mapping[str, Sequence[str | Scripted]]) -> Script:
    """A script from problem id -> responses by index; repeated from the first if there are too few."""

    def script(problem: Problem, index: int) -> Scripted:
        lines = responses[problem.id]
        line = lines[index % len(lines)]
        return Scripted(line) if isinstance(line, str) else line

    return script


class ScriptedEngine:
    """RolloutEngine and Generator with the responses of a script.

    Args:
        script: the response of each rollout.
        order: the order in which the rollouts of one call finish; by default the order drawn.
        dies_after: number of rollouts of one call after which it raises; None = never.
    """

    def __init__(
        self,
        script: Script,
        *,
        order: Callable[[list[Rollout]], Iterable[Rollout]] = iter,
        dies_after: int | None = None,
    ) -> None:
        self._script = script
        self._order = order
        self._dies_after = dies_after
        self._tokenizer = CharTokenizer()
        self.version: int | None = None
        self.calls: list[tuple[tuple[str, ...], Sampling]] = []
        """Problem ids and sampling of each call."""
        self.closed = False

    def load(self, weights: WeightHandle) -> None:
        self.version = weights.version

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        self.calls.append((tuple(p.id for p in problems), sampling))
        wanted = [(p, i, self._script(p, i)) for p in problems for i in range(sampling.group_size)]
        finished = self._order([self._say(p, i, s, sampling) for p, i, s in wanted if not s.lost])
        for number, rollout in enumerate(finished):
            if number == self._dies_after:
                raise InjectedFaultError(f"the engine died after {number} rollouts")
            yield rollout

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for rollout in self.rollouts(problems, sampling):
            yield Text(
                problem_id=rollout.problem_id,
                index=rollout.index,
                text=self._tokenizer.decode(rollout.response_tokens),
                finish=rollout.finish,
                num_tokens=len(rollout.response_tokens),
            )

    def _say(self, problem: Problem, index: int, scripted: Scripted, sampling: Sampling) -> Rollout:
        if self.version is None:
            raise RuntimeError("load weights before asking for rollouts")
        tokens = np.append(_code_points(scripted.text), np.int32(END_TOKEN))
        finish = Finish.STOP
        if len(tokens) > sampling.max_response_tokens:
            tokens, finish = tokens[: sampling.max_response_tokens], Finish.LENGTH
        if scripted.aborted:
            finish = Finish.ABORTED
        entropy = scripted.entropy
        return Rollout(
            problem_id=problem.id,
            index=index,
            prompt_tokens=self._tokenizer.encode_prompt(problem.prompt),
            response_tokens=tokens,
            behavior_logprobs=np.full(len(tokens), scripted.logprob, dtype=np.float32),
            behavior_entropy=None if entropy is None else np.full(len(tokens), entropy, dtype=np.float32),
            finish=finish,
            policy_version=self.version,
        )

    def close(self) -> None:
        self.closed = True


class ListCollector:
    """Collector with prepared groups, by step of the run, so that a resumed run gets the same."""

    def __init__(self, steps: Sequence[Sequence[Group]]) -> None:
        self._steps = steps
        self.versions: list[int] = []
        """Version of each load."""

    def load(self, weights: WeightHandle) -> None:
        self.versions.append(weights.version)

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        groups = list(self._steps[state.step])
        sampler = SamplerState(epoch=state.sampler.epoch, position=state.sampler.position + len(groups))
        return groups, replace(state, sampler=sampler)
