"""The reward of the step benchmark: the arithmetic verifier's work, and a signal in every group.

Both sides verify every response with the same code. What they then train on is a fixed pattern, right and
wrong in turn: forced lengths cut answers off, and a group in which all rewards agree is work that one
side may leave out. With the pattern every response of the batch is trained on by both.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._workload import Workload, WorkProblem
from or1.types import Message, Problem
from or1_verify.arithmetic import ArithmeticVerifier


def problem_of(entry: WorkProblem) -> Problem:
    """The problem behind one entry of a workload."""
    prompt = tuple(Message(turn["role"], turn["content"]) for turn in entry.messages)
    problem = Problem.make(entry.task, prompt, entry.gold)
    if problem.id != entry.id:
        raise ValueError(f"problem {entry.id} of the workload has the content of {problem.id}")
    return problem


def pattern_reward(index: int) -> float:
    """1 for the rollouts of even index, 0 for the odd ones."""
    return float(index % 2 == 0)


class RewardFunction:
    """Texts of whole groups, in the order of the workload -> rewards."""

    def __init__(self, workload: Workload) -> None:
        self._problems = {each.id: problem_of(each) for each in workload.problems}
        self._group_size = len(workload.capped_NM[0])
        self._verifier = ArithmeticVerifier()

    def __call__(self, texts: Sequence[str], problem_ids: Sequence[str]) -> list[float]:
        for text, problem_id in zip(texts, problem_ids, strict=True):
            self._verifier.verify(self._problems[problem_id], text)
        return [pattern_reward(i % self._group_size) for i in range(len(texts))]
