"""The nouns of verification: frozen, plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Gold = str | int | float | list[Any] | dict[str, Any]
"""A checkable answer as JSON: opaque to everything but its verifier."""
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
"""Around the reasoning in a response; the answer is read from what follows it."""


class Finish(StrEnum):
    """Why a response ended."""

    STOP = "stop"
    """The model ended it."""
    LENGTH = "length"
    """It ran into the response budget: truncated."""
    ABORTED = "aborted"
    """The engine lost it; nothing may be concluded from it."""


class Outcome(StrEnum):
    """What a verifier found. Only NOT_JUDGED carries no reward."""

    RIGHT = "right"
    WRONG = "wrong"
    """Wrong, by whatever the response caused: value, time, memory, size."""
    NO_ANSWER = "no_answer"
    """The response ended by itself but holds no answer."""
    TRUNCATED = "truncated"
    """Cut off by the response budget; its text was not read."""
    NOT_JUDGED = "not_judged"
    """Our own failure: the rollout leaves its group and counts for nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One question with its checkable answer. Make it with `Problem.make`, which derives the id."""

    id: str
    """First 16 hex digits of sha256 over (task, prompt, gold): the same problem has the same id
    everywhere."""
    task: str
    """Name of the task whose verifier judges it: arithmetic, math, code."""
    prompt: tuple[Message, ...]
    gold: Gold
    source: str = ""
    """Where it comes from, for metrics split by source."""
    difficulty: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """model name -> (correct, sampled) from an earlier measurement."""

    @staticmethod
    def make(
        task: str,
        prompt: tuple[Message, ...],
        gold: Gold,
        source: str = "",
        difficulty: Mapping[str, tuple[int, int]] | None = None,
    ) -> Problem:
        """Build a problem and derive its id from its content."""
        turns = [[m.role, m.content] for m in prompt]
        content = json.dumps([task, turns, gold], sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        return Problem(
            id=digest, task=task, prompt=prompt, gold=gold, source=source, difficulty=difficulty or {}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response to a problem, for a pool to judge."""

    problem: Problem
    index: int
    """Tells the answers of a problem apart; the caller's: a sample, a row."""
    text: str
    """The whole response."""
    finish: Finish = Finish.STOP
    """A verifier reads the text only of a response that the model ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier returns."""

    outcome: Outcome
    reward: float | None
    """In [0, 1]; None if and only if not judged."""
    reason: str = ""
    """Short and countable: `wrong_value`, `time_limit`, `worker_lost`."""
    detail: str = ""
    """For a person: the extracted answer, the error text."""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.reward is None) != (self.outcome is Outcome.NOT_JUDGED):
            raise ValueError(f"reward {self.reward} does not go with outcome {self.outcome}")
