"""Answers that only the question explains: its formulas, its remainders, the order that it asks for."""

# ruff: noqa: E501 - answers in one line

from __future__ import annotations

import pytest

from or1_verify import Message, Problem
from or1_verify.math import MathVerifier

ORDER = r"Order $0.6,\ \frac58,\ \frac23$ from least to greatest."
VALUES = r"Let $x$ be real. Find all possible values of $x+\frac1x$ for $x\ne0$."
REMAINDER = "An integer $n$ leaves remainder 3 when divided by 7. What remainder does $n^2+n$ leave?"
DOMAIN = "Find the domain."
POISSON = "Find the probability. Round to four decimal places."
RISING = "Arrange $a,b,c$ from smallest to largest."
AMC = r"How many divisors? $\text{(A) } 8 \quad \text{(B) } 9 \quad \text{(C) } 10 \quad \text{(D) } 12 \quad \text{(E) } 16$"
SUM = r"For a positive integer $n$, find a closed form for $\sum_{k=1}^n k(k+1)$."


@pytest.mark.parametrize(
    ("question", "gold", "answer", "right"),
    [
        (ORDER, r"0.6,\frac58,\frac23", r"\frac35,\ 0.625,\ \frac23", True),
        (ORDER, r"0.6,\frac58,\frac23", r"\frac23,\ \frac58,\ 0.6", False),
        ("Find all roots.", "1,2,3", "3,2,1", True),
        ("Find all roots. List them from smallest to largest.", "1,2,3", "3,2,1", True),
        (VALUES, r"(-\infty,-2]\cup[2,\infty)", r"x+\frac{1}{x}\le-2\text{ or }x+\frac{1}{x}\ge2", True),
        (VALUES, r"(-\infty,-2]\cup[2,\infty)", r"x+\frac{1}{x}<-2\text{ or }x+\frac{1}{x}>2", False),
        (VALUES, r"(-\infty,-2]\cup[2,\infty)", r"x-\frac{1}{x}\le-2\text{ or }x-\frac{1}{x}\ge2", False),
        (REMAINDER, "5", r"n^2+n\equiv5\pmod{7}", True),
        (REMAINDER, "5", r"n^2+n\equiv12\pmod{7}", False),
        (REMAINDER, "5", r"n^2\equiv5\pmod{7}", False),
        (REMAINDER, "5", r"n^2+n\equiv5\pmod{4}", False),
        (POISSON, "0.8647", r"1-e^{-2}\approx0.8647", True),
        (POISSON, "0.8647", r"1-e^{-2}\approx0.86", False),
        (POISSON, "0.8647", r"1-e^{-2.1}\approx0.8647", False),
        (SUM, r"\frac{n(n+1)(n+2)}{3}", r"2\binom{n+2}{3}", True),
        (SUM, r"\frac{n(n+1)(n+2)}{3}", r"2\binom{n+1}{3}", False),
        (SUM, r"\frac{n(n+1)(n+2)}{3}", r"\sum_{k=1}^n (k^2+k)", False),
        (DOMAIN, r"all real numbers except $x=\pm 3$", r"(-\infty,-3)\cup(-3,3)\cup(3,\infty)", True),
        (DOMAIN, r"all real numbers except $x=\pm 3$", r"(-\infty,-3)\cup(3,\infty)", False),
        (DOMAIN, r"all real numbers except $-3$ and $3$", r"\mathbb{R}\setminus\{3,-3\}", True),
        (ORDER, r"0.6,\frac58,\frac23", r"0.6<\frac58<\frac23", True),
        (ORDER, r"0.6<\frac58<\frac23", r"0.6, \frac58, \frac23", True),
        (ORDER, r"0.6<\frac58<\frac23", r"\frac58, 0.6, \frac23", False),
        (RISING, r"a,b,c", "a>b>c", False),
        (RISING, r"a,b,c", "a<b<c", True),
        ("Let $f(x)=2x+1$. (a) Find $f(1)$. (b) Find $f(2)$.", "3, 5", r"\text{(a) }3,\ \text{(b) }5", True),
        ("Let $f(x)=2x+1$. (a) Find $f(1)$. (b) Find $f(2)$.", "3, 5", r"\text{(a) }5,\ \text{(b) }3", False),
        ("Find the remainder when $3^{100}$ is divided by $7$.", "4", r"3^{100}\equiv4\pmod 7", True),
        ("Find the remainder when $3^{100}$ is divided by $7$.", "4", r"3^{100}\equiv4\pmod 5", False),
        ("It is  A. $(-2,2)$  B. $[-2,2]$  C. $(2,3)$", "A", r"\text{A. }[-2,2]", False),
        ("It is  A. $(-2,2)$  B. $[-2,2]$  C. $(2,3)$", "A", r"\text{A. }(-2,2)", True),
        ("I. odd. II. even. (A) I only (B) II only (C) I and II only", "C", r"\text{(C) I and II only}", True),
        ("I. odd. II. even. (A) I only (B) II only (C) I and II only", "C", r"\text{(C) II only}", False),
        (AMC, "12", r"\text{(D) }16", False),
        (AMC, "12", r"\text{(D) }12", True),
        (AMC, "(D)", r"\text{(D) }16", False),
        ("Which? A) $n^2$  B) $n+2$  C) $n^2+1$", "C", "n^2+1", True),
        ("Which? A) $n^2$  B) $n+2$  C) $n^2+1$", "C", "n^2", False),
        ("The vertex is: (a) $(2,3)$; (b) $(-2,3)$; (c) $(2,-3)$.", "(a)", "(2,3)", True),
        ("Which are sides?\nA: 4, 5, 6\nB: 5, 12, 13\nC: 6, 8, 11", "B", "5, 12, 13", True),
        ("Find c.", r"\sqrt{34}\approx5.83", r"\sqrt{34}\approx 5.38", False),
        ("Find c.", r"\sqrt{34}\approx5.83", r"\sqrt{34}\approx 5.8", True),
        (DOMAIN, r"[4,\infty)", r"\text{all real numbers } x \text{ such that } x\ge 4", True),
        ("Decide.", "Do not reject $H_0$", r"\text{Fail to reject the null hypothesis}", True),
        ("Decide.", "Do not reject $H_0$", r"\text{Reject the null hypothesis}", False),
        ("Decide.", "Reject $H_0$", r"\text{fail to reject } H_0", False),
        ("Which?", "injective but not surjective", r"\text{one-to-one, but not onto}", True),
        ("Which?", "injective but not surjective", r"\text{onto, but not one-to-one}", False),
        ("Are they?", "linearly dependent", r"\text{not linearly independent}", True),
        ("How often?", "sometimes", r"\text{sometimes rational}", True),
        ("How often?", "sometimes", r"\text{always rational}", False),
        ("Find the 95% confidence interval.", "(48.04,51.96)", r"50\pm1.96", True),
        ("Find the 95% confidence interval.", "(48.04,51.96)", r"50\pm1.95", False),
        ("Is it?", "converges conditionally", r"\text{conditionally convergent}", True),
        ("Is it?", "converges conditionally", r"\text{absolutely convergent}", False),
        ("Are they?", "linearly dependent", r"\text{dependent}", True),
        ("Are they?", "linearly dependent", r"\text{independent}", False),
        ("Who wins?", "Bob", r"\text{Bob wins}", True),
        ("Who wins?", "Bob", r"\text{Alice wins}", False),
        ("Who wins?", "Bob", r"\text{Bob loses}", False),
        ("Negate.", r"\exists x\in\mathbb{R},\ x^2\le0", r"\exists\,x\in\mathbb{R}\text{ such that }x^2\leq 0", True),
        ("Negate.", r"\exists x\in\mathbb{R},\ x^2\le0", r"\exists\,x\in\mathbb{R}\text{ such that }x^2\geq 0", False),
        ("Find P.", r"P(x)=0, P(x)=x^n \text{ for } n\ge0", r"P(x)\equiv0\text{ or }P(x)=x^n\text{ with }n\in\mathbb{Z}_{\ge0}", True),
    ],
)  # fmt: skip
def test_answers_beside_their_questions(question: str, gold: str, answer: str, right: bool) -> None:
    problem = Problem.make("math", (Message("user", question),), gold)
    assert (MathVerifier().verify(problem, rf"So $\boxed{{{answer}}}$.").reward == 1.0) is right
