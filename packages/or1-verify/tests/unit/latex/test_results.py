"""An answer with the value of the gold lacks a step that the question names."""

from __future__ import annotations

import pytest

from builders import is_right


@pytest.mark.parametrize(
    ("question", "gold", "right", "wrong"),
    [
        ("Factor $x^2-5x+6$.", "(x-2)(x-3)", "(3-x)(2-x)", "(x^2-5x+6)x^0"),
        ("Factor $x^2-5x+6$.", "(x-2)(x-3)", "(x-3)(x-2)", r"x(x-5+\frac{6}{x})"),
        ("Expand $(x+1)^3$.", "x^3+3x^2+3x+1", "1+3x+3x^2+x^3", "(x+1)^3+0"),
        (
            "Rationalize the denominator: $\\frac{1}{\\sqrt2}$.",
            r"\frac{\sqrt2}{2}",
            r"\frac12\sqrt2",
            "2^{-1/2}",
        ),
        ("Simplify $\\sqrt{50}$ and explain.", r"5\sqrt2", r"\sqrt2\cdot 5", r"\sqrt{50}"),
        ("Simplify $\\sqrt{50}$.", r"5\sqrt2", r"\sqrt2\cdot 5", r"\sqrt{50}+0"),
        (
            "What is the exact value of the sine of 15 degrees?",
            r"\frac{\sqrt6-\sqrt2}{4}",
            r"\frac{\sqrt2(\sqrt3-1)}{4}",
            r"\sin 15^\circ",
        ),
        ("Find the angle.", r"\arctan 2", r"\tan^{-1} 2", r"\arctan 3"),
        ("How long?", "1.386", r"\ln 4 \approx 1.386", r"\ln 3 \approx 1.099"),
        (
            "Find the sum of the first $n$ squares.",
            r"\frac{n(n+1)(2n+1)}{6}",
            r"\frac{2n^3+3n^2+n}{6}",
            r"\sum_{k=1}^{n} k^2",
        ),
        ("Write as a single logarithm.", r"\ln\frac{x^2}{y}", r"\ln(x^2y^{-1})", r"2\ln x-\ln y"),
        ("Expand the logarithm.", r"2\ln x-\ln y", r"-\ln y+2\ln x", r"\ln\frac{x^2}{y}"),
        (
            "Find the prime factorization of $504$.",
            r"2^3\cdot3^2\cdot7",
            r"7\cdot 2^3\cdot 3^2",
            r"8\cdot9\cdot7",
        ),
        (
            "Write $\\frac{1}{1-i}$ in the form $a+bi$.",
            r"\frac12+\frac12 i",
            r"\frac{1+i}{2}",
            r"\frac{2}{2-2i}",
        ),
        ("Solve $2x+3y=6$ for $y$.", r"y=2-\frac{2x}{3}", r"y=\frac{6-2x}{3}", "2x+3y=6"),
        ("Solve $A=\\frac12 bh$ for $h$.", r"h=\frac{2A}{b}", r"\frac{2A}{b}=h", r"A=\frac12bh"),
        ("Write the line $2x+3y=6$ in slope-intercept form.", r"y=-\frac23x+2", r"y=2-\frac23x", "4x+6y=12"),
        ("Find $x+y$.", "5", "x+y=5", "x-y=5"),
        ("Find $\\sin x$.", r"\frac12", r"\sin x=\frac12", r"\cos x=\frac12"),
        ("Find the variance.", "8", r"\sigma^2=8", r"\sigma=8^2"),
        ("Find the standard deviation.", "8", r"\sigma=8", r"\sigma^2=8"),
        ("Convert 5 meters to centimeters.", r"500\text{ cm}", "500", r"5\text{ m}"),
        ("Convert 60 degrees to radians.", r"\frac{\pi}{3}", r"\pi/3", r"60^\circ"),
        ("Write 25% as a fraction in lowest terms.", r"\frac14", "1/4", r"25\%"),
        ("How many minutes is 1.5 hours?", "90", r"90\text{ minutes}", r"90\text{ hours}"),
        ("Find the angle in degrees.", "60", r"60^\circ", r"60\text{ radians}"),
        ("What is the remainder when $x$ is divided by $7$?", "3", r"x\equiv 3\pmod 7", r"3\pmod{10}"),
        (
            "Write $\\frac12, \\frac34, \\frac13$ in increasing order.",
            r"\frac13,\frac12,\frac34",
            r"\frac13<\frac12<\frac34",
            r"\frac12,\frac34,\frac13",
        ),
        ("Simplify $\\frac{12}{16}$.", r"\frac34", "0.75", r"\frac68"),
        ("Give the fraction in lowest terms.", r"-\frac34", r"\frac{-3}{4}", r"-\frac68"),
        ("Factor $x^2-5x+6$.", "(x-2)(x-3)", "(x-3)(x-2)", r"\frac{x}{x}(x^2-5x+6)"),
        ("Factor $x^2-5x+6$.", "(x-2)(x-3)", "(x-3)(x-2)", "x(x-5+6x^{-1})"),
        (
            "Rationalize $\\frac{1}{\\sqrt2}$.",
            r"\frac{\sqrt2}{2}",
            r"\frac12\sqrt2",
            r"\frac{2}{2\cdot 2^{0.5}}",
        ),
        ("Write it in the form $a+bi$.", "-4-4i", "-4i-4", "(2i)^2(1+i)"),
        ("Find $f(3)$.", "12", "f(3)=12", "f(2)=12"),
        ("Find $x_2$.", "12", "x_2=12", "x_1=12"),
        ("Find the minimum of $f$.", "12", r"\text{minimum: }12", r"\text{maximum: }12"),
        ("What is $P(2)+P(-2)$?", "14k", "P(2)+P(-2)=8k+6k=14k", "P(2)+P(-2)=13k=14k"),
        ("Find the area in square centimeters.", "25", r"25\text{ cm}^2", r"25\text{ cm}"),
        ("What percent is it?", "25", r"25\%", r"2500\%"),
        ("How many boys are there?", "12", r"12\text{ boys}", r"12\text{ girls}"),
        ("Solve the heat equation.", r"\sin(\pi x)e^{-t}", r"e^{-t}\sin\pi x", r"0\binom{x}{1}"),
        (
            "What are the last three digits of $2^{100}$?",
            "376",
            "376",
            r"\frac{1000}{2\pi i}\ln e^{\frac{2\pi i 376}{1000}}",
        ),
        (
            "Find the power series.",
            r"\sum_{n=0}^\infty x^n",
            r"\sum_{k=0}^\infty x^k",
            r"\sum_{n=0}^\infty (x^n+\binom{n}{20})",
        ),
        ("Find $f(x)$.", "|x|", r"\sqrt{x^2}", r"x\frac{x+|x|}{x+|x|}"),
    ],
)
def test_the_step_is_done(question: str, gold: str, right: str, wrong: str) -> None:
    assert is_right(gold, right, question)
    assert not is_right(gold, wrong, question)
