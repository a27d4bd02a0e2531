"""Functions by their pieces: compared between and at the ends of their intervals."""

# ruff: noqa: E501 - functions in one line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right

HAT = r"f(x)=\begin{cases}x-2,&x\ge2\\2-x,&x<2\end{cases}"
CDF = r"F(x)=\begin{cases}0,&x<0\\ \frac{x}{4},&0\le x\le4\\1,&x>4\end{cases}"
PULSE = r"\begin{cases} 1 & 0<x<1 \\ 0 & \text{otherwise}\end{cases}"
PARITY = r"\begin{cases} \frac{n}{2} & n \text{ even} \\ \frac{n+1}{2} & n \text{ odd}\end{cases}"
SINC = r"\begin{cases} \frac{\sin x}{x} & x\ne 0 \\ 1 & x=0\end{cases}"


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        (HAT, r"f(x)=\begin{cases}-x+2&\text{if }x<2\\x-2&\text{if }x\geq2\end{cases}", True),
        (HAT, r"\begin{cases}-x+2&\text{for }x\le 2\\x-2&\text{for }x>2\end{cases}", True),  # both are 0 at 2
        (HAT, "f(x)=|x-2|", True),
        (HAT, "f(x)=|x+2|", False),
        (HAT, "x-2", False),
        (HAT, r"f(x)=\begin{cases}2-x&\text{if }x<1\\x-2&\text{if }x\geq1\end{cases}", False),
        (HAT, r"f(x)=\begin{cases}2-x&\text{if }x<2\\x-2&\text{if }x>2\end{cases}", False),  # nothing at 2
        (CDF, r"\begin{cases}0 & x<0,\\ 0.25x & 0\le x<4,\\ 1 & x\ge 4.\end{cases}", True),
        (CDF, r"\begin{cases}0 & x<0,\\ 0.25x & 0\le x<4,\\ 0 & x\ge 4.\end{cases}", False),
        (PULSE, r"\left\{\begin{array}{ll} 0, & x\le 0\text{ or }x\ge 1 \\ 1, & 0<x<1 \end{array}\right.", True),
        (PULSE, r"\begin{cases} 0, & x<0\text{ or }x>1 \\ 1, & 0\le x\le 1 \end{cases}", False),  # at the ends
        (PULSE, r"\begin{cases} 1, & 0<t<1 \\ 0, & \text{else}\end{cases}", True),
        (PULSE, "1", False),
        (SINC, r"\begin{cases} 1, & x=0 \\ \frac{\sin x}{x}, & x\neq 0\end{cases}", True),
        (SINC, r"\begin{cases} 0, & x=0 \\ \frac{\sin x}{x}, & x\neq 0\end{cases}", False),
        (PARITY, r"\begin{cases} \frac{n+1}{2} & \text{if } n \text{ is odd} \\ n/2 & n\text{ is even}\end{cases}", True),
        (PARITY, r"\begin{cases} \frac{n+1}{2} & \text{if } n \text{ is even} \\ n/2 & n\text{ is odd}\end{cases}", False),
        (r"S_n=\frac n2 if n is even, -\frac{n+1}{2} if n is odd", r"S_n=\frac{(-1)^n(2n+1)-1}{4}", True),
        (r"S_n=\frac n2 if n is even, -\frac{n+1}{2} if n is odd", r"S_n=\frac{(-1)^n(2n+1)+1}{4}", False),
        (PARITY, r"\left\lceil\frac n2\right\rceil", True),
        (PARITY, r"\left\lfloor\frac n2\right\rfloor", False),
        (r"2 if n is even and 1 if n is odd", r"\begin{cases}1,& n\equiv 1\pmod 2\\2,& n\equiv 0\pmod 2\end{cases}", True),
        (r"2 if n is even and 1 if n is odd", r"\begin{cases}2,& n\equiv 1\pmod 2\\1,& n\equiv 0\pmod 2\end{cases}", False),
        (r"f(y)=\frac{1}{2\sqrt y} for 0<y<1, and 0 otherwise", r"f(y)=\begin{cases}\frac12 y^{-1/2}, & 0<y<1\\ 0, & \text{elsewhere}\end{cases}", True),
        (r"0 if a<0 or a>1; 1 if a=1; 2 if 0\le a<1", r"\begin{cases}2 & 0\le a<1\\ 1 & a=1\\ 0 & \text{otherwise}\end{cases}", True),
        (r"0 if a<0 or a>1; 1 if a=1; 2 if 0\le a<1", r"\begin{cases}2 & 0\le a\le1\\ 0 & \text{otherwise}\end{cases}", False),
        ("2|x|", r"f'(x)=\begin{cases}2x,&x\ge0\\-2x,&x<0\end{cases}", True),
        ("2|x|", r"f'(x)=\begin{cases}2x,&x>0\\-2x,&x<0\end{cases}", False),
        (r"\begin{cases} e^x & x\ge \pi \\ 0 & x<\pi\end{cases}", r"\begin{cases} e^x & x>\pi \\ 0 & x\le\pi\end{cases}", False),
        (HAT, r"\max(x-2, 2-x)", True),
        (HAT, r"\max(x-2, 3-x)", False),
        (r"\begin{cases}0 & |x|<1\\ 2 & |x|\ge1\end{cases}", r"\begin{cases}2 & x\le-1\text{ or }x\ge1\\ 0 & -1<x<1\end{cases}", True),
        (r"\begin{cases} x & x>1000 \\ 0 & x\le1000\end{cases}", r"\begin{cases} x & x>1001 \\ 0 & x\le1001\end{cases}", False),
        (r"\begin{cases} x & x>0 \\ 0 & x\le0\end{cases}", r"\frac{x+|x|}{2}", True),
        (r"\begin{cases} x & x>0 \\ 0 & x\le0\end{cases}", r"\frac{x+|x-\frac{1}{1000}|}{2}", False),
        ("x=1, y=2", r"\begin{cases}x=1\\y=2\end{cases}", True),
        ("(1,2)", r"\begin{cases}y=2\\x=1\end{cases}", True),
        ("(1,2)", r"\begin{cases}x=2\\y=1\end{cases}", False),
    ],
)  # fmt: skip
def test_functions_by_pieces(gold: str, answer: str, right: bool) -> None:
    assert is_right(gold, answer) is right


@given(
    st.integers(-5, 5),
    st.integers(1, 6),
    st.lists(st.integers(-4, 4), min_size=3, max_size=3, unique=True),
    st.permutations(range(3)),
    st.booleans(),
)
def test_the_order_and_the_wording_of_pieces_do_not_count(
    low: int, width: int, values: list[int], order: list[int], has_low: bool
) -> None:
    high = low + width
    first, last = ("<", r"\le") if has_low else (r"\le", "<")
    conditions = (f"x {first} {low}", f"{low} {last} x < {high}", f"x \\ge {high}")
    rows = [f"{value} & {where}" for value, where in zip(values, conditions, strict=True)]
    mixed = [rows[place].replace("&", r", & \text{if }") for place in order]
    swapped = [f"{value} & {where}" for value, where in zip(values[::-1], conditions, strict=True)]
    gold, answer, wrong = (_cases(each) for each in (rows, mixed, swapped))
    assert is_right(gold, answer)
    assert not is_right(gold, wrong)


def _cases(rows: list[str]) -> str:
    return "\\begin{cases}" + r" \\ ".join(rows) + "\\end{cases}"


@pytest.mark.parametrize(
    "text",
    [
        r"\begin{cases} 1 & x < a \\ 0 & x \ge a\end{cases}",  # ends that are no numbers
        r"\begin{cases} 1 & x < 2 \\ 0 & y \ge 2\end{cases}",
        r"\begin{cases} 1 \\ 0 & x \ge 2\end{cases}",
    ],
)
def test_pieces_that_cannot_be_read_are_right_as_the_same_text_alone(text: str) -> None:
    assert is_right(text, text)
    assert not is_right(text, text.replace("1", "3"))
