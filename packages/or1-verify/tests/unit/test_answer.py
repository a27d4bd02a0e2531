"""What counts as the final answer: every way in which a response has been paid, or lost its pay, wrongly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.answer import AnswerReason, after_thinking, final_answer, read_answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"So \boxed{72}.", "72"),
        (r"\boxed{ 72 }", "72"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed {5}", "5"),
        (r"\fbox{9}", "9"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a \} b}", r"a \} b"),
        # a doubled backslash ends a line, the brace after it closes the box
        ("\\boxed{a \\\\} b}", "a \\\\"),
        # escaped once too often, as models do inside JSON
        ("\\\\boxed{5}", "5"),
        ("x \\\\\\boxed{5}", "5"),
        # the last box counts, not the first
        (r"\boxed{1} no, \boxed{2}", "2"),
        # a mention without braces is no box
        (r"I use \boxed for it: \boxed{3}, as \boxed asks", "3"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{ \boxed{ \fbox{7} } }", "7"),
        # a box around more than a box stays whole
        (r"\boxed{x=\boxed{7}+1}", r"x=\boxed{7}+1"),
        (r"\boxed{\boxed{1}\boxed{2}}", r"\boxed{1}\boxed{2}"),
        # an earlier box left open does not swallow the last one
        (r"\boxed{\frac{1}{2} hm, \boxed{3}", "3"),
        # joined, a library once read this as 204205
        (r"<think>maybe \boxed{204}</think> It is \boxed{205}", "205"),
        (r"<think>a</think> \boxed{1} <think>b</think> \boxed{2}", "2"),
        (r"no marks at all, \boxed{4}", "4"),
        # the template had opened the thinking
        (r"hm \boxed{1} </think> \boxed{2}", "2"),
    ],
)
def test_the_answer_is_the_last_box_after_the_thinking(text: str, value: str) -> None:
    assert final_answer(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The answer is 5.", AnswerReason.NO_BOX),
        ("", AnswerReason.NO_BOX),
        (r"\boxedness{5}", AnswerReason.NO_BOX),
        # thinking is not read, even when it holds the only box
        (r"<think>\boxed{5}</think> Five.", AnswerReason.NO_BOX),
        (r"<think>\boxed{5}", AnswerReason.UNFINISHED_THINKING),
        (r"<think>a</think> \boxed{5} <think> wait", AnswerReason.UNFINISHED_THINKING),
        # the last box does not fall back to an earlier one
        (r"\boxed{5} and \boxed{", AnswerReason.UNTERMINATED_BOX),
        (r"\boxed{5} and \boxed{\frac{1}{2}", AnswerReason.UNTERMINATED_BOX),
        (r"\boxed{5} and \boxed", AnswerReason.UNTERMINATED_BOX),
        (r"\boxed{5\}", AnswerReason.UNTERMINATED_BOX),
        (r"\boxed{5} and \boxed{}", AnswerReason.EMPTY_BOX),
        (r"\boxed{5} and \boxed{ \boxed{ } }", AnswerReason.EMPTY_BOX),
    ],
)
def test_no_answer_has_its_reason(text: str, reason: AnswerReason) -> None:
    answer = read_answer(text)
    assert (answer.value, answer.reason) == (None, reason)


def test_hedging_shows_in_the_number_of_boxes() -> None:
    assert read_answer(r"\boxed{1} or \boxed{2} or \boxed{3}").num_boxes == 3
    assert read_answer(r"\boxed{1} and \boxed{x=\boxed{7}+1}").num_boxes == 2
    assert read_answer(r"<think>\boxed{1}</think>\boxed{2}").num_boxes == 1


def test_after_thinking_is_all_text_without_marks() -> None:
    assert after_thinking("plain") == "plain"
    assert after_thinking("<think>a</think>b") == "b"
    assert after_thinking("<think>a") is None


BALANCED = st.recursive(
    st.text("abc1+ ", max_size=4),
    lambda inner: st.tuples(inner, inner).map(lambda pair: f"{pair[0]}{{{pair[1]}}}"),
    max_leaves=5,
)


@given(
    before=st.text(r"a{}\boxed ", max_size=30),
    inside=BALANCED.filter(str.strip),
    after=st.text("a. \n", max_size=5),
)
def test_a_last_whole_box_is_found_after_any_rubbish(before: str, inside: str, after: str) -> None:
    # a lone backslash at the end of the rubbish would escape the box's own
    text = f"{before.rstrip(chr(92))} \\boxed{{{inside}}}{after}"
    assert final_answer(text) == inside.strip()


@given(st.text(r"{}\boxedf<>/think ", max_size=200))
def test_any_text_is_read(text: str) -> None:
    answer = read_answer(text)
    assert (answer.value is None) == (answer.reason is not AnswerReason.BOXED)
    assert answer.value is None or answer.value in text


@pytest.mark.parametrize("part", [r"\boxed{", r"\boxed{ ", "{", "\\", r"\boxed", "<think>"])
def test_reading_stays_linear(part: str) -> None:
    """Thousands of open boxes: work that grows with the square would reach the time limit of the test."""
    num = 150_000
    read_answer(part * num)
    read_answer(part * num + "}" * num)
    read_answer(part * num + " }" * num)
