"""Is a mathematical answer right? Exact text work first, algebra only where it must be."""

from __future__ import annotations

from dataclasses import dataclass

from or1.types import Outcome, Problem, Verdict
from or1.verify.answer import Answer, AnswerReason, read_answer
from or1.verify.number import plain_number, same_number
from or1.verify.size import is_too_large

_SHOWN = 120
"""Most characters of an answer that go into a verdict's detail [characters]."""
_ESSENCE_WITHOUT_ANSWER = {
    AnswerReason.NO_BOX: "",
    AnswerReason.EMPTY_BOX: r"\boxed{}",
    AnswerReason.UNTERMINATED_BOX: r"\boxed{",
    AnswerReason.UNFINISHED_THINKING: "<think>",
}


@dataclass(frozen=True, slots=True)
class MathVerifier:
    r"""Judges the final boxed answer against a gold, or against any of a list of accepted golds.

    Reasons: NO_ANSWER `no_box`, `empty_box`, `unterminated_box`, `unfinished_thinking`; WRONG `wrong_value`,
    `parse_error`, `too_large`; NOT_JUDGED `bad_gold` (no gold can be parsed: not the response's failure).

    Plain numbers are compared exactly, without algebra. The algebra has no time limit of its own: run it in a
    `ProcessVerifierPool` wherever the text comes from a model.
    """

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Verdict on the final answer of `text`; the gold is a string, a number, or a list of those."""
        quick = self.quick(problem, text)
        if quick is not None:
            return quick
        answer = read_answer(text).value
        assert answer is not None, "quick decides responses without an answer"
        return _by_algebra(accepted_golds(problem), answer)

    def essence(self, text: str) -> str:
        answer = read_answer(text)
        if answer.value is None:
            return _ESSENCE_WITHOUT_ANSWER[answer.reason]
        return f"\\boxed{{{answer.value}}}"

    def quick(self, problem: Problem, text: str) -> Verdict | None:
        """The verdict where there is no answer, plain numbers decide, or the answer is too large."""
        answer = read_answer(text)
        if answer.value is None:
            return _no_answer(answer)
        golds = accepted_golds(problem)
        if not any(gold.strip() for gold in golds):
            return _bad_gold(golds)
        decided = _by_number(golds, answer.value)
        if decided is not None:
            return decided
        return _wrong("too_large", answer.value) if is_too_large(answer.value) else None

    def ideal_response(self, problem: Problem) -> str:
        return f"\\boxed{{{accepted_golds(problem)[0]}}}"

    def prepare(self) -> None:
        """Load sympy and let its parser build its tables: about a second, in the worker only."""
        from or1.verify.algebra import compare

        compare((r"\frac{1}{2}",), "x")


def accepted_golds(problem: Problem) -> tuple[str, ...]:
    """Golds of a problem as text: one, or each of a list."""
    gold = problem.gold
    return tuple(str(each) for each in gold) if isinstance(gold, list) else (str(gold),)


def _by_number(golds: tuple[str, ...], answer: str) -> Verdict | None:
    number = plain_number(answer)
    if number is None:
        return None
    values = [plain_number(gold) for gold in golds]
    if any(value is not None and same_number(value, number) for value in values):
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right", detail=answer[:_SHOWN])
    return None if None in values else _wrong("wrong_value", answer)


def _by_algebra(golds: tuple[str, ...], answer: str) -> Verdict:
    from or1.verify.algebra import Comparison, compare

    comparison = compare(golds, answer)
    if comparison is Comparison.EQUAL:
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right", detail=answer[:_SHOWN])
    if comparison is Comparison.BAD_GOLD:
        return _bad_gold(golds)
    return _wrong("parse_error" if comparison is Comparison.BAD_ANSWER else "wrong_value", answer)


def _no_answer(answer: Answer) -> Verdict:
    return Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason=answer.reason.value)


def _wrong(reason: str, answer: str) -> Verdict:
    return Verdict(outcome=Outcome.WRONG, reward=0.0, reason=reason, detail=answer[:_SHOWN])


def _bad_gold(golds: tuple[str, ...]) -> Verdict:
    return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="bad_gold", detail=repr(golds)[:_SHOWN])
