"""The expression that the question asks about is no answer, nor is a product that is not factored."""

import random

import pytest

from builders import reward


@pytest.mark.parametrize(
    ("question", "gold", "repeated", "result"),
    [
        (r"Compute $\cos 72^\circ.$", r"\frac{-1+\sqrt5}{4}", r"\cos 72^\circ", r"\frac{\sqrt5-1}{4}"),
        (r"Convert $\sqrt{2} e^{11 \pi i/4}$ to a sum.", "-1+i", r"\sqrt2e^{11\pi i/4}", "i-1"),
        ("Compute $(2^3)(5^5)$ in your head.", "25,\\!000", r"2^3\cdot 5^5", "25000"),
        ("Compute\n\\[\\dbinom{15}{2}.\\]", "105", r"\binom{15}{2}", "105"),
        (r"Simplify \(\sqrt{50}\).", r"5\sqrt2", r"\sqrt{50}", r"\sqrt2\cdot5"),
        (r"Simplify $\frac{6}{8}$.", r"\frac34", r"\frac68", "3/4"),
        (r"What is $0.18\div0.003$?", "60", r"\frac{0.18}{0.003}", "60"),
        (r"Find the fraction that equals $0.\overline{4}$.", r"\frac49", r"0.\overline{4}", "4/9"),
        (r"Expand $(x+2)(x-3)$.", "x^2-x-6", "(x-3)(x+2)", "-6-x+x^2"),
        (r"Find $76-(-4\cdot8-2)+13.$", "123", "76-(-34)+13", "123"),
        (r"Rationalize $\frac{1}{\sqrt{2}}$.", r"\frac{\sqrt2}{2}", r"x=\frac1{\sqrt2}", r"\sqrt2/2"),
        (r"Write the expression $x > 3$ as an interval.", r"(3,\infty)", "x>3", r"x\in(3,\infty)"),
        (r"Compute $\sin\left(\arccos\frac35\right)$.", r"\frac45", r"\sin(\cos^{-1}\frac{3}{5})", "0.8"),
        (r"Simplify $\displaystyle\frac{2-i}{1+2i}$, where $i^2=-1$.", "-i", r"(2-i)\div(1+2i)", "0-i"),
        (r"Evaluate $\log_93$.", r"\frac12", r"\frac{\log 3}{\log 9}", "0.5"),
        (
            r"Compute $\cos 15^\circ$.",
            r"\frac{\sqrt6+\sqrt2}{4}",
            r"\cos(45^\circ-30^\circ)",
            r"\frac{\sqrt2(\sqrt3+1)}{4}",
        ),
        ("Evaluate $2x^2-x$ if $x=4$.", "28", "2(4)^2-4", "2^2\\cdot 7"),
        ("Write 1.25 as a fraction.", r"\frac54", "1.25", "1\\frac14"),
        (
            r"Convert the repeating decimal $0.717171\ldots$ to a fraction.",
            r"\frac{71}{99}",
            r"0.\overline{71}",
            "71/99",
        ),
        ("Compute without a calculator: $9!/7!$", "72", r"\frac{9!}{7!}", "2^3 3^2"),
        ("Expand $(x+4)^2$.", "x^2+8x+16", "(x+4)(x+4)", "16+8x+x^2"),
        (
            r"Rationalize the denominator: $\sqrt{\frac{2}{7}}.$",
            r"\frac{\sqrt{14}}{7}",
            r"\frac{\sqrt2}{\sqrt7}",
            r"\frac17\sqrt{14}",
        ),
        (
            r"Compute $\begin{pmatrix}1&1\\0&1\end{pmatrix}^2$.",
            r"\begin{pmatrix}1&2\\0&1\end{pmatrix}",
            r"\begin{pmatrix}1&1\\0&1\end{pmatrix}\begin{bmatrix}1&1\\0&1\end{bmatrix}",
            r"\begin{bmatrix}1&2\\0&1\end{bmatrix}",
        ),
        (r"Simplify $\sqrt{98}$.", r"7\sqrt2", r"\sqrt{2\cdot7^2}", r"\sqrt2\cdot7"),
        (r"Simplify $\sqrt{\sqrt[3]{\frac{1}{64}}}$.", r"\frac12", r"\left(\frac{1}{64}\right)^{1/6}", "0.5"),
        (r"Write $\frac{7}{20}$ as a decimal.", "0.35", r"\frac{35}{100}", "0.350"),
        (r"Simplify the fraction $\frac{18}{24}$.", r"\frac34", r"\frac{9}{12}", "0.75"),
        ("Simplify the following expression in $x$: $$8x+3-2x-9.$$", "6x-6", "8x-2x+3-9", "6(x-1)"),
        ("Factor $w^4-16$.", "(w-2)(w+2)(w^2+4)", "(w^2-4)(w^2+4)", "(w^2+4)(w+2)(w-2)"),
        (
            "Completely factor: $$x^8-256$$",
            "(x^4+16)(x^2+4)(x+2)(x-2)",
            "x^8-256",
            "(x-2)(x+2)(4+x^2)(16+x^4)",
        ),
        ("Factor $x^3-x^2-5x-3$.", "(x+1)^2(x-3)", "(x-3)(x^2+2x+1)", "(x-3)(x+1)(x+1)"),
    ],
)
def test_the_expression_of_the_question_is_no_answer(
    question: str, gold: str, repeated: str, result: str
) -> None:
    assert reward(question, gold, repeated) == 0
    assert reward(question, gold, result) == 1
    assert reward(question, gold, gold) == 1
    assert reward("Which number is it?", gold, repeated) == 1


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [
        (r"Which is larger, $2^{10}$ or $10^3$?", "1024", "2^{10}"),
        (r"What is larger: $2^{10}$, $10^3$?", "1024", "2^{10}"),
        (r"Let $x=\cos 72^\circ$. How long is the side?", r"\frac{-1+\sqrt5}{4}", r"\cos 72^\circ"),
        ("Factor $x^2+1$ over the reals.", "x^2+1", "1+x^2"),
        ("Compute $(2^3)(5^5)$.", "25000", "(2^3)(5^5)=25000"),
        ("Compute $(2^3)(5^5)$.", "25000", r"2.5\cdot 10^4"),
        ("How many factors has $60$? Factor $60$ first.", "12", "12"),
        ("Find the polynomial with roots 1 and 2.", "(x-1)(x-2)", "x^2-3x+2"),
        (r"Simplify $\frac{\sin 2x}{1+\cos 2x}$.", r"\tan x", r"\frac{\sin x}{\cos x}"),
        ("Compute $1+2+4+8$.", "15", "2^4-1"),
        (r"Simplify $\sqrt{48}$.", r"4\sqrt3", r"\sqrt3\cdot4"),
        ("What is $P(3)+P(-3)$?", "8k", "P(3)+P(-3)=2k+6k=8k"),
        ("Add $12_5+4_5$. Express your answer in base $5$.", "21_5", "12_5+4_5=21_5"),
        ("Find the sum in base 5.", "21_5", "x = 21_5"),
        (r"Factor $x^6-3x^4+3x^2-1$.", "(x-1)^3(x+1)^3", "((x-1)(x+1))^3"),
        ("Find the number of subsets of $\\{1,2,3,4\\}$ that are not empty.", "15", "2^4-1"),
        ("Factor $2x^2-4x-6$.", "2(x+1)(x-3)", "(2x+2)(x-3)"),
        ("Simplify $3(x+2)$.", "3x+6", "6+3x"),
    ],
)
def test_other_expressions_of_a_value_are_answers(question: str, gold: str, answer: str) -> None:
    assert reward(question, gold, answer) == 1


def test_no_order_of_a_sum_that_the_question_asks_for_is_an_answer() -> None:
    rng = random.Random(7)
    for _ in range(60):
        terms = rng.sample(range(2, 999), rng.randint(2, 6))
        question = (
            f"{rng.choice(['Compute', 'What is the value of', 'Find'])} ${' + '.join(map(str, terms))}$."
        )
        rng.shuffle(terms)
        gold = str(sum(terms))
        assert reward(question, gold, "+".join(map(str, terms))) == 0, (question, terms)
        assert reward(question, gold, gold) == 1


def test_a_gold_without_a_unit_has_the_one_of_its_request() -> None:
    question = "Each howl lasts 20 seconds. What is the length of all, in minutes, of the howls?"
    assert reward(question, "2", r"2\text{ minutes}") == 1
    assert reward(question, "2", r"2\text{ seconds}") == 0
    assert reward("Each lasts 2 minutes. How many seconds do they take?", "120", r"120\text{ seconds}") == 1


@pytest.mark.parametrize(
    ("gold", "left", "result"),
    [
        ("6", r"\gcd(12,18)", r"\gcd(12,18)=6"),
        ("36", r"\operatorname{lcm}(12,18)", r"\operatorname{lcm}(12,18)=36"),
        ("7", r"\max\{3,7\}", "7"),
        ("3", r"\lfloor\pi\rfloor", r"\lfloor\pi\rfloor=3"),
        ("1", r"7^{20}-10\lfloor 7^{20}/10\rfloor", "1"),
        ("4", r"17\bmod 13", r"17\bmod 13=4"),
        ("4", r"-9\bmod 13", r"4\bmod 13"),
        ("5050", r"\sum_{k=1}^{100} k", r"\sum_{k=1}^{100} k=5050"),
        (r"\frac{1}{2}", r"|{-\frac{1}{2}}|", "0.5"),
    ],
)
def test_a_number_is_no_function_that_picks_it(gold: str, left: str, result: str) -> None:
    for question in ("", "Which number is it?"):
        assert reward(question, gold, left) == 0
        assert reward(question, gold, result) == 1
    assert reward("", left, left) == 1


def test_an_equation_is_no_solution_and_a_line_is_an_equation() -> None:
    assert reward("Solve $2x+3=7$.", "x=2", "2x+3=7") == 0
    assert reward("Solve $2x+3=7$.", "x=2", "2x=4") == 0
    assert reward("Solve $2x+3=7$.", "x=2", "2=x") == 1
    assert reward("Find the equation of the line.", "x=2", "2x=4") == 1
    assert reward("Find the vertical asymptote.", "x=2", "x-2=0") == 1


def test_steps_and_units_are_those_of_the_gold() -> None:
    """An exponent is no factorization, "units" are of any power, and a sum may stand as a common fraction."""
    assert reward("What is the exponent of $109$ in the prime factorization of $x$?", "55", "t=55") == 1
    assert reward("Find the area in square units.", "24", r"24\text{ units}") == 1
    assert reward("How many of its coefficients are zero?", "341", r"341\text{ units}") == 1
    assert reward(r"Simplify $\frac{1}{330}+\frac{19}{30}$.", r"\frac{7}{11}", r"\frac{42}{66}") == 1
    assert reward(r"Simplify $\frac{15}{6}$.", r"\frac52", r"\frac{30}{12}") == 0
