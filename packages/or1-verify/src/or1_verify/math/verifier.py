"""Verifier of mathematical answers: exact comparison first, numbers only where it does not decide."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from or1_verify.answer import AnswerReason, FinalAnswer, read_answer
from or1_verify.base import Verifier
from or1_verify.latex.normal import is_same_text
from or1_verify.latex.rules import Rules
from or1_verify.math.compare import compare, compare_exactly
from or1_verify.math.comparison import Comparison
from or1_verify.math.gold import (
    AcceptedGold,
    BadGoldError,
    accepted_golds,
    fits_its_type,
    golds_of,
    why_unreadable,
)
from or1_verify.math.limits import is_too_large
from or1_verify.math.plain_number import plain_number, unit_sign
from or1_verify.math.unboxed import announced_after_box, read_unboxed
from or1_verify.types import Gold, Message, Problem, Verdict

_BLANKS = re.compile(r"\s{2,}")
_SHOWN = 120
"""Longest answer in a verdict's detail [characters]."""


@dataclass(frozen=True, slots=True)
class MathVerifier(Verifier):
    r"""Judges the final boxed answer against the gold, or against each of several accepted golds
    (`or1_verify.math.gold`).

    Reasons: NO_ANSWER `no_box`, `empty_box`, `unterminated_box`, `unfinished_thinking`; WRONG `wrong_value`,
    `parse_error`, `too_large`; NOT_JUDGED `bad_gold` (no gold can be read).

    Exact comparison takes about a millisecond. The rest is bounded only by the size of the answer: use a
    `ProcessVerifierPool` for text from a model.
    """

    gold_is_answer: ClassVar[bool] = True
    uses_prompt: ClassVar[bool] = True
    unboxed: bool = False
    """Without a box, read the answer from the end of the text. Off for rewards: it rewards lucky guesses."""
    inequality_for_membership: bool = False
    r"""Accept an inequality for a gold that is a set (`x \in [0, 1]`)."""
    min_gold_digits: int = 5
    """Fewest significant digits of a decimal gold that is taken as a rounded value [digits]: a value that
    rounds to it is correct. 2 to 4 accept `1/3` for the gold `0.33`; 5 is the policy for golds as precise as
    answers have to be."""
    min_answer_digits: int = 7
    r"""Fewest significant digits of a decimal that is accepted for an exact irrational gold [digits]: 5
    accepts `1.4142` for `\sqrt2`."""
    ratio_as_fraction: bool = False
    """Accept the fraction `5/8` for the ratio `5:8`, and the ratio for the fraction."""
    time_limit_s: float = 0.5
    """Processor time for one answer in a pool [s]: a hundred times the time of a hard one."""

    def read(self, text: str) -> str | Verdict:
        """The content of the final box, with single blanks: a run of them may cost time with its cube."""
        found = self._answer(text).or_verdict()
        return found if isinstance(found, Verdict) else _BLANKS.sub(" ", found)

    def decide(self, problem: Problem, answer: str) -> Verdict | None:
        """The verdict if exact arithmetic finds it, the gold cannot be read, or the answer is too large."""
        try:
            golds = golds_of(problem)
        except BadGoldError as error:
            return _bad_gold(str(error))
        decided = _unparsed(golds, answer)
        if isinstance(decided, Verdict):
            return decided
        decided = decided or compare_exactly(golds, answer, self._rules(problem))
        return None if decided is Comparison.OPEN else verdict_on(decided, problem.gold, answer)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Compare by numbers."""
        compared = compare(golds_of(problem), answer, self._rules(problem))
        return verdict_on(compared, problem.gold, answer)

    def ideal_answer(self, problem: Problem) -> str | None:
        """The first accepted gold as `read` returns it from a box; None when it cannot be boxed."""
        try:
            answer = self.read(f"\\boxed{{{accepted_golds(problem.gold)[0].text}}}")
        except BadGoldError:
            return None
        return None if isinstance(answer, Verdict) else answer

    def prepare(self) -> None:
        """Load mpmath and fill the tables of its functions, in the worker only."""
        compare(accepted_golds(r"\sin 1"), r"\cos 1 \sqrt{e} \pi", Rules())

    def _answer(self, text: str) -> FinalAnswer:
        answer = read_answer(text)
        if not self.unboxed or answer.reason not in {AnswerReason.NO_BOX, AnswerReason.BOXED}:
            return answer
        if answer.reason is AnswerReason.NO_BOX:
            return read_unboxed(text)
        return replace(answer, value=announced_after_box(text) or answer.value)

    def _rules(self, problem: Problem) -> Rules:
        digits = self.min_gold_digits, self.min_answer_digits
        question = problem.prompt[-1].content if problem.prompt else ""
        return Rules(self.inequality_for_membership, *digits, self.ratio_as_fraction, question)


def verify(gold: Gold, response: str, *, unboxed: bool = False) -> Verdict:
    r"""Verdict on one response, in this process and without a time limit: for trusted text, not for the
    responses of a model in training.

    >>> verify(r"\frac{1}{2}", r"So it is $\boxed{0.5}$.").outcome.value
    'right'
    """
    problem = Problem.make("math", (Message("user", ""),), gold)
    return MathVerifier(unboxed=unboxed).verify(problem, response)


def refusal(problem: Problem, answer: str) -> Verdict | None:
    """The verdict without any comparison: no gold can be read, or the answer is too large to compare."""
    try:
        decided = _unparsed(golds_of(problem), answer)
    except BadGoldError as error:
        return _bad_gold(str(error))
    return decided if isinstance(decided, Verdict) else None


def _unparsed(golds: tuple[AcceptedGold, ...], answer: str) -> Verdict | Comparison | None:
    """Decide without parsing: a refusal, or the comparison of equal texts or plain numbers."""
    decided = _by_text(golds, answer)
    return _wrong("too_large", answer) if decided is None and is_too_large(answer) else decided


def _by_text(golds: tuple[AcceptedGold, ...], answer: str) -> Comparison | None:
    """Comparison without parsing: the same number, or the text of a gold, whether or not it can be read."""
    decided = _by_number(golds, answer)
    if decided is None and any(is_same_text(gold.text, answer) and fits_its_type(gold) for gold in golds):
        return Comparison.EQUAL
    return decided


def _by_number(golds: tuple[AcceptedGold, ...], answer: str) -> Comparison | None:
    """Comparison of plain numbers, without parsing: most answers are plain numbers."""
    number = plain_number(answer)
    if number is None:
        return None
    values = [None if gold.type or gold.tolerance else plain_number(gold.text) for gold in golds]
    if number in values:
        is_alike = unit_sign(answer) in {"", unit_sign(golds[values.index(number)].text)}
        return Comparison.EQUAL if is_alike else None  # the question may ask for another unit
    if any(value is None or value.denominator != 1 for value in values):
        return None
    return Comparison.DIFFERENT


def verdict_on(comparison: Comparison, gold: Gold, answer: str) -> Verdict:
    """The verdict for the result of a comparison with the gold."""
    match comparison:
        case Comparison.EQUAL:
            return Verdict.right(answer[:_SHOWN])
        case Comparison.BAD_GOLD:
            return _bad_gold(why_unreadable(gold))
        case Comparison.BAD_ANSWER:
            return _wrong("parse_error", answer)
        case Comparison.TOO_LARGE:
            return _wrong("too_large", answer)
    return _wrong("wrong_value", answer)


def _wrong(reason: str, answer: str) -> Verdict:
    return Verdict.wrong(reason, answer[:_SHOWN])


def _bad_gold(why: str) -> Verdict:
    return Verdict.not_judged("bad_gold", why[:_SHOWN])
