"""Golds that cannot be judged, found before a response is sampled.

A gold can be judged if some answer other than the gold gets a verdict, and the answer that the gold tells is
correct.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from or1_verify.base import Verifier
from or1_verify.types import Answer, Gold, Outcome, Problem, Verdict

_OTHER = "0"
"""An answer to any question: a number, and a program that does nothing."""
_SHOWN = 80
"""Longest gold in a line [characters]."""
Judge = Callable[[Iterable[Answer]], Iterable[tuple[Answer, Verdict]]]
"""The method `judge` of a pool."""


@dataclass(frozen=True, slots=True)
class GoldCheck(Verifier):
    """Judges the gold of a problem; the response is not read.

    Reasons: RIGHT `right`; WRONG `bad_gold`, `bad_tests` (as the verifier says of another answer),
    `no_ideal_answer` (no response can hold the gold), `gold_is_wrong` (it is not correct as its own answer).
    """

    uses_prompt: ClassVar[bool] = True
    verifier: Verifier

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        """The verdict if the verifier decides both answers at once."""
        return self._verdict(
            problem, self.verifier.judge if self.verifier.in_process else self.verifier.decide
        )

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Judge both answers."""
        found = self._verdict(problem, self.verifier.judge)
        assert found is not None, "judge decides"
        return found

    def prepare(self) -> None:
        """As the verifier."""
        self.verifier.prepare()

    def limit_s(self, problem: Problem) -> float | None:
        """That of two answers [s]."""
        limit_s = self.verifier.limit_s(problem)
        return None if limit_s is None else 2 * limit_s

    def _verdict(self, problem: Problem, judge: Callable[[Problem, str], Verdict | None]) -> Verdict | None:
        other = judge(problem, _OTHER)
        if other is None:
            return None
        if other.outcome is Outcome.NOT_JUDGED:
            is_fault_of_gold = other.reason in {"bad_gold", "bad_tests"}
            return Verdict.wrong(other.reason, other.detail) if is_fault_of_gold else other
        ideal = self.verifier.ideal_answer(problem)
        if ideal is None:
            why = "no response can hold it"
            return Verdict.wrong("no_ideal_answer", why) if self.verifier.gold_is_answer else Verdict.right()
        own = judge(problem, ideal)
        if own is None or own.outcome in {Outcome.RIGHT, Outcome.NOT_JUDGED}:
            return own
        why = f"{own.reason}: {own.detail}".removesuffix(": ")
        return Verdict.wrong("gold_is_wrong", f"the answer that it tells is not correct: {why}")


class SelfLimitedGoldCheck(GoldCheck):
    """`GoldCheck` of a verifier that limits itself."""

    __slots__ = ()
    limits_itself: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BadGold:
    """A gold that cannot be judged."""

    place: str
    """File and line, or the id of the problem."""
    gold: Gold
    reason: str
    """Short and countable: see `GoldCheck`; `not_judged` where the check itself failed."""
    detail: str = ""

    def __str__(self) -> str:
        gold = json.dumps(self.gold, ensure_ascii=False)
        gold = gold if len(gold) <= _SHOWN else f"{gold[:_SHOWN]}..."
        return f"{self.place}: gold {gold}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


def with_gold_checks(verifiers: Mapping[str, Verifier]) -> dict[str, Verifier]:
    """The verifiers of a pool, and the checks of their golds."""
    checks = {
        _task_of_check(task): (SelfLimitedGoldCheck if verifier.limits_itself else GoldCheck)(verifier)
        for task, verifier in verifiers.items()
    }
    return {**verifiers, **checks}


def bad_golds(problems: Iterable[tuple[str, Problem]], judge: Judge) -> list[BadGold]:
    """The golds that cannot be judged, in the order of the problems.

    Args:
        problems: each with its place, for messages; of tasks that the pool has verifiers of.
        judge: of a pool with the verifiers of `with_gold_checks`.
    """
    places: dict[int, str] = {}
    found: dict[int, BadGold] = {}

    def answers() -> Iterator[Answer]:
        for number, (place, problem) in enumerate(problems):
            places[number] = place
            yield Answer(problem=replace(problem, task=_task_of_check(problem.task)), index=number, text="")

    for answer, verdict in judge(answers()):
        place = places.pop(answer.index)
        if verdict.outcome is not Outcome.RIGHT:
            reason, detail = verdict.reason, verdict.detail
            if verdict.outcome is Outcome.NOT_JUDGED:
                reason, detail = verdict.outcome.value, f"{reason}: {detail}".removesuffix(": ")
            found[answer.index] = BadGold(place=place, gold=answer.problem.gold, reason=reason, detail=detail)
    return [found[number] for number in sorted(found)]


def summary(bad: Sequence[BadGold], num_golds: int, most: int = 3) -> str:
    """One line: how many golds cannot be judged, and the first of them with their reasons."""
    line = f"{len(bad):,} of {num_golds:,} golds cannot be judged"
    shown = [*map(str, bad[:most]), *([f"and {len(bad) - most:,} more"] if 0 < most < len(bad) else [])]
    return ": ".join([line, *(["; ".join(shown)] if shown else [])])


def _task_of_check(task: str) -> str:
    return f"gold of {task}"
