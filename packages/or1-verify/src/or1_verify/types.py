"""The data types of verification. All are frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Gold = str | int | float | list[Any] | dict[str, Any]
"""A correct answer, or tests, as JSON. Only the verifier of the task interprets it."""
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
"""Marks around the reasoning in a response. The answer is read from the text after it."""


class Finish(StrEnum):
    """Why a response ended."""

    STOP = "stop"
    """The model produced an end token."""
    LENGTH = "length"
    """The response budget was exhausted: truncated."""
    ABORTED = "aborted"
    """The engine lost it; it is not judged."""


class Outcome(StrEnum):
    """Result of a verification. Only NOT_JUDGED has no reward."""

    RIGHT = "right"
    WRONG = "wrong"
    """Incorrect: a wrong value, or a limit on time, memory or size that the response exceeded."""
    NO_ANSWER = "no_answer"
    """The response is complete but contains no answer."""
    TRUNCATED = "truncated"
    """Ended by the response budget; its text is not read."""
    NOT_JUDGED = "not_judged"
    """A failure of the verifier, the sandbox or the engine: the rollout is left out of its group."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A question with its gold. Create it with `Problem.make`, which derives the id."""

    id: str
    """First 16 hex digits of sha256 over (task, prompt, gold): the same problem has the same id
    everywhere."""
    task: str
    """Name of the task whose verifier judges it: arithmetic, math, code."""
    prompt: tuple[Message, ...]
    gold: Gold
    source: str = ""
    """Name of the data source, for metrics by source."""
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
    """Distinguishes the answers to one problem; chosen by the caller (sample number, row number)."""
    text: str
    """The whole response."""
    finish: Finish = Finish.STOP
    """Only the text of a response with STOP is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Result of judging one response."""

    outcome: Outcome
    reward: float | None
    """In [0, 1]; None only for NOT_JUDGED."""
    reason: str = ""
    """A short name, for counting: `wrong_value`, `time_limit`, `worker_lost`."""
    detail: str = ""
    """Text for a reader: the answer, or an error message."""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.reward is None) != (self.outcome is Outcome.NOT_JUDGED):
            raise ValueError(f"reward {self.reward} does not go with outcome {self.outcome}")

    @staticmethod
    def right(detail: str = "") -> Verdict:
        """A correct answer."""
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right", detail=detail)

    @staticmethod
    def wrong(reason: str, detail: str = "", reward: float = 0.0) -> Verdict:
        """An incorrect answer, or one that exceeded a limit."""
        return Verdict(outcome=Outcome.WRONG, reward=reward, reason=reason, detail=detail)

    @staticmethod
    def no_answer(reason: str) -> Verdict:
        """A response without an answer."""
        return Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason=reason)

    @staticmethod
    def not_judged(reason: str, detail: str = "") -> Verdict:
        """A failure that the response did not cause."""
        return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason=reason, detail=detail)
