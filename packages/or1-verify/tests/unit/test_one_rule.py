"""Boxes are read by one rule: two verifiers of integers give one verdict, its reason included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import make_problem
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.math import MathVerifier
from or1_verify.types import Outcome

Summary = tuple[Outcome, float | None, str]
RIGHT = (Outcome.RIGHT, 1.0, "right")
WRONG_VALUE = (Outcome.WRONG, 0.0, "wrong_value")


def summary(verifier: Verifier, gold: int, text: str) -> Summary:
    verdict = verifier.verify(make_problem(gold), text)
    return verdict.outcome, verdict.reward, verdict.reason


@pytest.mark.parametrize("verifier", [ArithmeticVerifier(), MathVerifier()], ids=["arithmetic", "math"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{7}", RIGHT),
        (r"\boxed {7}", RIGHT),
        (r"\fbox{7}", RIGHT),
        (r"\boxed{$7$}", RIGHT),
        (r"\boxed{\boxed{7}}", RIGHT),
        (r"\boxed{7}, \boxed{7}", RIGHT),
        (r"\boxed{7}, \boxed{$07$}", RIGHT),
        (r"\boxed{6}, then after a long correction \boxed{7}", RIGHT),
        # two boxes that are joined are one answer: a guess beside the answer is not paid
        (r"\boxed{6}, \boxed{7}", WRONG_VALUE),
        (r"\boxed{7} or \boxed{6}", WRONG_VALUE),
        (r"\boxed{}", (Outcome.NO_ANSWER, 0.0, "empty_box")),
        (r"\boxed{7} \boxed{", (Outcome.NO_ANSWER, 0.0, "unterminated_box")),
        (r"7", (Outcome.NO_ANSWER, 0.0, "no_box")),
        (r"<think>\boxed{7}", (Outcome.NO_ANSWER, 0.0, "unfinished_thinking")),
    ],
)
def test_a_box_has_one_verdict(verifier: Verifier, text: str, expected: Summary) -> None:
    assert summary(verifier, 7, text) == expected


SMALL = st.integers(-12, 12)
WRITTEN = st.builds(
    lambda value, zeros, plus, blank, dollars: (
        f"{dollars}{blank}{'-' if value < 0 else plus}{'0' * zeros}{abs(value)}{blank}{dollars}"
    ),
    SMALL,
    st.integers(0, 2),
    st.sampled_from(["", "+"]),
    st.sampled_from(["", " ", "\n"]),
    st.sampled_from(["", "$"]),
)
BOX = st.builds(
    lambda command, blank, inside: f"\\{command}{blank}{{{inside}}}",
    st.sampled_from(["boxed", "fbox"]),
    st.sampled_from(["", " "]),
    st.one_of(WRITTEN, st.just(""), WRITTEN.map(lambda inside: f"\\boxed{{{inside}}}")),
)
PIECE = st.one_of(
    BOX, st.sampled_from([", ", " and ", " or ", " so ", "<think>", "</think>", "$", r"\boxed{"])
)


@given(gold=SMALL, pieces=st.lists(PIECE, max_size=6))
def test_both_verifiers_agree_on_plain_integers(gold: int, pieces: list[str]) -> None:
    text = "".join(pieces)
    assert summary(ArithmeticVerifier(), gold, text) == summary(MathVerifier(), gold, text)
