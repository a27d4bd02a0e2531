"""Wordings and notations of one answer, each beside a close one that is incorrect."""

import pytest

from or1_verify import math

_ROWS = [
    (r"n\text{ even}", r"n\text{ is even}", r"n\text{ is odd}"),
    (r"n\text{ even}", r"\text{even }n", r"\text{odd }n"),
    (r"\text{fifth}", "5", r"\text{sixth}"),
    (r"\text{Alice and Bob}", r"\text{Bob and Alice}", r"\text{Alice or Bob}"),
    (r"\text{north-east}", r"\text{northeast}", r"\text{northwest}"),
    (r"\text{all odd integers}", r"\text{odd integers}", r"\text{all even integers}"),
    (r"p\land q", r"p\wedge q", r"p\vee q"),
    (r"C_1e^{2x}+C_2e^{-x}", "C_2e^{2x}+C_1e^{-x}", "C_1e^{2x}+C_2e^{x}"),
    (r"a_n=2^n, n\ge 1", "a_n=2^n", "a_n=2^n, n<0"),
    (r"\text{maximum at }x=2", "x=2", r"\text{minimum at }x=2"),
    (r"\text{maximum at }x=2", r"\text{max at }x=2", r"\text{min at }x=2"),
    (r"\text{minimum value at }x=2", r"\text{occurs at }x=2", r"\text{greatest value at }x=2"),
    (r"12\text{ boys}", "12", r"12\text{ girls}"),
    (r"12\text{ red marbles}", r"12\text{ marbles}", r"12\text{ coins}"),
    (r"\ln x", r"\frac12\ln(x^2)+0\cdot\ln x", r"\ln|x|"),
    (r"\ln(x-3)", r"\ln(-3+x)", r"\ln|x-3|"),
    (r"x\ln x-x", r"x(\ln x-1)", r"x\ln|x|-x"),
    (r"\ln(\cos x)", r"-\ln(\sec x)", r"\ln|\cos x|"),
    (r"\ln(x^2)", r"2\ln|x|", r"3\ln|x|"),
    (r"\ln x+C", r"\ln|x|+C", r"\ln|x|"),
    (r"\ln|x|+C", r"C+\ln|x|", r"\ln x+C"),
    (r"x>3\text{ or }x<-3", r"x<-3, x>3", r"x>3\text{ and }x<-3"),
    (r"\sqrt2", r"\sqrt2\approx1.41", r"\sqrt3\approx1.41"),
    ("5", r"x\approx5", r"5\approx\text{many}"),
    (r"\frac{x}{y}=0", r"0=\frac{x}{y}", "x=0"),
    (r"\frac{a}{b}=\frac34", r"\frac{a}{b}=0.75", r"\frac{b}{a}=\frac34"),
    (r"\vec u\times\vec v", r"-\vec v\times\vec u", r"\vec v\times\vec u"),
    ("E=mc^2", r"m=\frac{E}{c^2}", r"m=\frac{E}{c}"),
    (r"A=\frac12bh", r"h=\frac{2A}{b}", r"h=\frac{A}{2b}"),
    ("PV=nRT", r"T=\frac{PV}{nR}", r"P=\frac{nRV}{T}"),
    ("PV=nRT", "VP=nRT", "P=nRT"),
    ("AB=2x", "BA=2x", "AC=2x"),
    ("AB=2x", "2x=AB", "2x=AC"),
    ("AB=2x", "d=2x", "CD=2x"),
    ("AB=2x", r"\text{length}=2x", "AK=2x"),
    ("AB=2x", "AB=x+x", "CA=2x"),
    ("AC=2x", "CA=2x", "2x=AK"),
    ("BC=2a", "2a", "BA=2a"),
    (r"AB=x\sqrt2", r"|AB|=x\sqrt2", r"|AB|=x\sqrt3"),
    (r"AB=x\sqrt2", r"\overline{AB}=x\sqrt2", r"A=x\sqrt2"),
    (r"AB=\frac{CD}{EF}", r"\frac{CD}{EF}", r"AE=\frac{CD}{BF}"),
    (r"MN=\frac{a+b}{2}", r"x=\frac{a+b}{2}", r"M=\frac{a+b}{2}"),
    (r"MN=\frac{a+b}{2}", r"|MN|=\frac{a+b}{2}", r"|MP|=\frac{a-b}{2}"),
    (r"-40^\circ C", r"-40^{\circ}\mathrm C", r"-40^\circ\mathrm F"),
    (r"20\text{ N}\cdot\text{m}", r"20\text{ Nm}", r"20\text{ N/m}"),
    (r"y=A\cos 2x+B\sin 2x", r"y=c_1\sin 2x+c_2\cos 2x", r"y=c_1\sin 2x+c_2\cos x"),
    (r"C_1e^{2x}+C_2e^{-x}", r"\alpha e^{2x}+\beta e^{-x}", r"\alpha e^{2x}+\alpha e^{-x}"),
    (r"\ln|x|+\frac1x+C", r"\frac1x+\ln|x|+C'", r"\frac2x+\ln|x|+C'"),
    (r"\text{January 3rd}", r"\text{January 3}", r"\text{January 4th}"),
    (r"\Gamma(n+1)", r"n\Gamma(n)", r"(n+1)\Gamma(n)"),
    (
        r"\frac{\Gamma(p)\Gamma(q)}{\Gamma(p+q)}",
        r"\frac{\Gamma(q)\Gamma(p)}{\Gamma(q+p)}",
        r"\frac{\Gamma(q)\Gamma(p)}{\Gamma(q-p)}",
    ),
    ("D", r"\text{(D) A and B}", r"\text{(A) D and B}"),
    ("C", r"\text{(C) A=B}", r"\text{(C) A is correct}"),
    ("B", r"\text{B: Tuesday}", r"\text{C: Tuesday}"),
    ("3", r"\text{3rd}", r"2\text{3rd}"),
]


@pytest.mark.parametrize(("gold", "correct", "incorrect"), _ROWS)
def test_correct_wordings_count_and_close_ones_do_not(gold: str, correct: str, incorrect: str) -> None:
    found = [math.verify(gold, rf"\boxed{{{answer}}}").reward for answer in (gold, correct, incorrect)]
    assert found == [1, 1, 0]
