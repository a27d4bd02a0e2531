"""Verdicts on mathematical answers, with the wrong verdict that a known mistake would give."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.base import Verifier
from or1_verify.math import MathVerifier
from or1_verify.messages import decode, encode
from or1_verify.types import Gold, Message, Outcome, Problem, Verdict

VERIFIER = MathVerifier()


def problem(gold: Gold) -> Problem:
    return Problem.make("math", (Message("user", "?"),), gold)


def judge(gold: Gold, answer: str) -> Verdict:
    return VERIFIER.verify(problem(gold), f"<think>hm</think> So \\boxed{{{answer}}}.")


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        # AIME golds with leading zeros, a degree sign: comparing strings or int() loses or crashes on these
        ("025", "25"),
        ("25", "025"),
        (r"336^\circ", "336"),
        ("336", r"336^\circ"),
        ("1234", "1,234"),
        ("18", r"\$18.00"),
        (72, "72"),
        (0.5, ".5"),
        (r"\frac{1}{2}", "0.5"),
        (r"\frac12", r"\tfrac{1}{2}"),
        (r"\frac{3}{2}", r"\frac{\frac62}{2}"),
        (r"\sqrt{2}", r"\sqrt2"),
        ("18", r"18\text{ dollars}"),
        ("18", "x = 18"),
        ("x+1", "1+x"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        (r"\text{Evelyn}", "Evelyn"),
        (["1", r"\frac12"], "0.5"),
        ([r"\frac{}{3b}", "7"], "7"),
        ("3 < x < 5", "(3, 5)"),
        (r"n \bmod 2", "n-2\\lfloor n/2\\rfloor"),
        ("3", r"3 \bmod 7"),
        (r"\int_0^1 x^2\,dx", r"\int_0^1 t^2\,dt"),
        (r"\sum_{j=2}^{\infty}\frac{z^{j}}{j^2+1}", r"\sum_{m=2}^{\infty}\frac{z^{m}}{1+m^2}"),
    ],
)
def test_right(gold: Gold, answer: str) -> None:
    verdict = judge(gold, answer)
    assert (verdict.outcome, verdict.reward) == (Outcome.RIGHT, 1.0)


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("72", "73", "wrong_value"),
        ("3", "-3", "wrong_value"),
        ("1234", "1,23", "wrong_value"),
        ("0.0000001", "0.0000002", "wrong_value"),
        ("p - q", "q - p", "wrong_value"),
        ("(2,3)", "(3,2)", "wrong_value"),
        ("5", "5,5", "wrong_value"),
        (r"3 \bmod 7", r"3 \bmod 8", "wrong_value"),
        (r"n \bmod 2", "n", "wrong_value"),
        (r"\sum_{j=2}^{\infty}\frac{z^{j}}{j^2+1}", r"\sum_{j=1}^{\infty}\frac{z^{j}}{j^2+1}", "wrong_value"),
        ("x+1", "x+2", "wrong_value"),
        (["1", "2"], "3", "wrong_value"),
        ("5", "???", "parse_error"),
        ("4", r"4\sqrt(2)", "wrong_value"),
        ("5", "9^{9^{9^9}}", "too_large"),
        ("5", "1+" * 300, "too_large"),
    ],
)
def test_wrong(gold: Gold, answer: str, reason: str) -> None:
    verdict = judge(gold, answer)
    assert (verdict.outcome, verdict.reward, verdict.reason) == (Outcome.WRONG, 0.0, reason)


@pytest.mark.parametrize("gold", [r"\frac{}{3b}", "", "  ", "???", [], [""]])
@pytest.mark.parametrize("answer", ["x", "7"])
def test_a_gold_that_is_no_answer_is_our_failure(gold: Gold, answer: str) -> None:
    verdict = judge(gold, answer)
    assert (verdict.outcome, verdict.reward, verdict.reason) == (Outcome.NOT_JUDGED, None, "bad_gold")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("72", "no_box"),
        (r"\boxed{}", "empty_box"),
        (r"\boxed{72} or \boxed{", "unterminated_box"),
        (r"<think>\boxed{72}", "unfinished_thinking"),
        # a right answer in the thinking alone is not paid
        (r"<think>\boxed{72}</think> done", "no_box"),
    ],
)
def test_no_answer(text: str, reason: str) -> None:
    verdict = VERIFIER.verify(problem("72"), text)
    assert (verdict.outcome, verdict.reward, verdict.reason) == (Outcome.NO_ANSWER, 0.0, reason)


TEXTS = st.one_of(
    st.text(r"\boxed{}012,.x^!<>/think ", max_size=60),
    st.tuples(
        st.text("ab ", max_size=9), st.sampled_from(["72", "x+1", "9^{9^{9^9}}", "", "{", "5 or 6"])
    ).map(lambda parts: f"{parts[0]}\\boxed{{{parts[1]}}}"),
)


@given(text=TEXTS, gold=st.sampled_from(["72", "x+1", "", "?"]))
def test_an_answer_keeps_its_verdict_in_a_box_of_its_own(text: str, gold: str) -> None:
    answer = VERIFIER.read(text)
    if isinstance(answer, Verdict):
        assert answer.outcome is Outcome.NO_ANSWER
        return
    assert VERIFIER.read(f"\\boxed{{{answer}}}") == answer
    assert VERIFIER.judge(problem(gold), answer) == VERIFIER.verify(problem(gold), text)


def test_plain_numbers_need_no_algebra() -> None:
    assert VERIFIER.decide(problem("72"), "72") is not None
    assert VERIFIER.decide(problem("72"), "73") is not None
    assert VERIFIER.decide(problem(r"\sqrt{2}"), "73") is None


def test_the_ideal_answer_is_correct() -> None:
    for gold in ("72", r"\frac{1}{2}", ["x+1", "y"], r"336^\circ", r"\text{Evelyn}"):
        ideal = VERIFIER.ideal_answer(problem(gold))
        assert ideal is not None
        assert VERIFIER.judge(problem(gold), ideal).outcome is Outcome.RIGHT


@pytest.mark.parametrize("gold", ["", "{", r"\boxed{"])
def test_a_gold_that_no_box_can_hold_has_no_ideal_answer(gold: str) -> None:
    assert VERIFIER.ideal_answer(problem(gold)) is None


def test_it_travels_to_a_worker() -> None:
    assert decode(encode(VERIFIER), (Verifier,)) == VERIFIER


def test_the_parent_loads_neither_sympy_nor_torch_for_plain_numbers() -> None:
    script = (
        "import sys, or1_verify.pool; from or1_verify import math\n"
        "assert math.verify('72', chr(92) + 'boxed{72}').reward == 1.0\n"
        "print(sorted({'sympy', 'torch', 'transformers', 'math_verify', 'mpmath'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
