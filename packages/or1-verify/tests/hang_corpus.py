"""Answers that have hung mathematical verifiers, and random ones that nobody has thought of."""

from __future__ import annotations

import random

PATHOLOGICAL = (
    "9^{9^{9^9}}", "10^{10^{10}}", "(10^7)!", "((9!)!)!", r"\sum_{n=1}^{1000000000} n", "(x+1)^{100000}",
    r"\binom{100000000}{50000000}", "(" * 200 + "1" + ")" * 200, r"\sum_{k=1}^{9999} k^{9999}",
    r"\sum_{k=1}^{1999}\frac{1}{k}", r"\prod_{k=1}^{1999} k^{30}", r"\sum_{k=1}^{1999}\sin(k^{9999})",
    r"\sum_{i=1}^{1999}\sum_{j=1}^{1999} ij", r"\sin(10^{9999})", r"\sin(10^{2900})+\cos(10^{2900})",
    "e^{e^{e^{10}}}", "((((2^{99})^{99})^{99})^{99})^{99}", r"\sqrt{2}^{\sqrt{2}^{\sqrt{2}^{99}}}",
    "4999!+" * 60 + "1", "2^{9999}+" * 60 + "1", r"\frac{3^{9999}}{7^{9999}}+" * 25 + "1",
    r"\log_{2}(" * 29 + "2" + ")" * 29, r"\sqrt{" * 29 + "2" + "}" * 29, r"\tan " * 120 + "1",
    "x^{9999}+" * 50 + "y", "(x+y+z)^{9999}", r"\lfloor 2^{9999}\sqrt{2}\rfloor", "7" * 500,
    "0." + "3" * 490, "-" * 400 + "1", "|" * 100, "1/" * 200 + "1", "1," * 200 + "2", r"\pm " * 100 + "1",
    "(1,2)," * 80 + "(3,4)", r"\{" * 30 + r"\}" * 30, "2^{x^{y^{z}}}", r"\sin(x)^{9999}", "e^{9999x}",
    r"\cosh(99999)", "0^{-1}", r"\frac{0}{0}", r"\int_0^{10^9} e^{x^2} dx", r"\lim_{x\to\infty} x^x",
    r"\infty^{\infty}-\infty", "{}" * 100, "^" * 50, "\\" * 200, "k for " * 80 + "k=1,x", "and " * 100,
    "1" + r",\!" * 160 + "x=5", "5+0" + "((" * 14 + "y^6" + ")^6)^6" * 14, "5" + " " * 480 + "x", "or " * 20,
)  # fmt: skip
GOLDS = (
    "5", r"\frac{1}{2}", "x^2+1", "(1,2)", "[0,1)", r"\sqrt{2}", "x>2", "1,2,3",
    r"\begin{pmatrix}1\\2\end{pmatrix}", "y=2x+1", r"\text{Evelyn}", "C", r"\sin x+e",
)  # fmt: skip
_PIECES = (
    r"\frac", r"\sqrt", "{", "}", "(", ")", "[", "]", "^", "_", "+", "-", r"\cdot ", "/", "!", "1", "2",
    "7", "99", "10000", "0", "x", "y", "n", "e", "i", r"\pi ", r"\sum", r"\int", r"\prod", r"\lim",
    r"\binom", r"\left(", r"\right)", r"\sin ", r"\log_", r"\ln ", r"\infty ", ",", ";", "=", "<", r"\le ",
    r"\in ", r"\cup ", r"\pm ", "|", r"\{", r"\}", r"\text{cm}", r"\begin{pmatrix}", r"\end{pmatrix}", "&",
    r"\\", r"\%", "$", r"\ldots ", r"\overline{3}", ".", "9^", r"\to ", "f(", r"\tan ", "^{", "^{9", "k=1",
    " ", "{2}", "{x}{3}", "_{k=1}^{99}",
)  # fmt: skip


def random_answer(seed: int) -> str:
    """Up to sixty pieces of LaTeX in any order, its braces then closed so that a box can hold it."""
    generator = random.Random(seed)
    text = "".join(generator.choice(_PIECES) for _ in range(generator.randint(1, 60)))
    kept, depth = [], 0
    for place, character in enumerate(text):
        escaped = place > 0 and text[place - 1] == "\\"
        change = 0 if escaped else (character == "{") - (character == "}")
        if depth + change >= 0:
            kept.append(character)
            depth += change
    return "".join(kept) + "}" * depth
