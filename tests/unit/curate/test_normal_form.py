"""The normal form: what is only style goes, what makes another problem stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.curate.normal_form import TokenKind, tokens_of
from or1.curate.text_index import exact_key

SAME = [
    (r"Compute $\dfrac12 + x^{2}$ for $x=1{,}000$.", r"compute \(\frac{1}{2}+x^2\) for $x = 1000$"),
    (r"Is $a \leq b$?", r"Is $a\le b$ ?"),
    (r"$\left( 3, \frac{\pi}{2} \right)$", r"$(3,\frac\pi2)$"),
    ("An angle of 30°", r"An angle of $30^{\circ}$"),
    ("x² + 1", "x^2 + 1"),
    (r"$30\%$ of $\text{them}$", "30% of them"),
    (r"Let $P^{}_{}$ be", "Let $P$ be"),
    ("two-digit", "two digit"),
    ("don’t", "don't"),
    ("1,234 apples", "1234 apples"),
    ("2.50", "2.5"),
    (r"$x \cdot y$", r"$x\times y$"),
    ("nai\u0308ve", "na\u00efve"),
    (r"${n \choose k} = {x^{2} \over 3}$", r"$\binom{n}{k} = \frac{x^2}{3}$"),
    ("<p>Is x<sup>2</sup> &lt; <b>big</b>?</p>", "Is $x^2 < $ big?"),
    ("WRITE $2$ AS A DECIMAL", "Write $2$ as a decimal"),
    ("$x\n> 5$ or\nwhat", "$x > 5$ or what"),
    ("So it was:\n> How many\n> are there?", "So it was: How many are there?"),
    ("> How many are there\n> in all of $a > b$?", "How many are there in all of $a > b$?"),
    ("IN HOW MANY WAYS CAN THE WORD $ABC$ END?", "In how many ways can the word $ABC$ end?"),
]
DIFFERENT = [
    ("x²", "x2"),
    (r"$2^{2x}$", r"$2^2x$"),
    (r"$x^{12}$", r"$x^1 2$"),
    (r"$\sin 60^\circ$", r"$\cos 60^\circ$"),
    (r"$a+b$", r"$a-b$"),
    (r"$x < 3$", r"$x \le 3$"),
    (r"$\frac{a+b}{c}$", r"$a+\frac{b}{c}$"),
    (r"$88 \div 4 \div 2$", r"$88 \div (4 \div 2)$"),
    ("1,234", "1,23,4"),
    ("5!", "5"),
    ("$ab$", "$ba$"),
    ("$a<b$ and $c>d$", "$a$ and $c>d$"),
    ("0.5", "5"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_style_is_gone(first: str, second: str) -> None:
    assert tokens_of(first).words == tokens_of(second).words
    assert exact_key(tokens_of(first), "math") == exact_key(tokens_of(second), "math")


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_what_makes_another_problem_stays(first: str, second: str) -> None:
    assert exact_key(tokens_of(first), "math") != exact_key(tokens_of(second), "math")


def tokens_as_words(text: str) -> list[str]:
    return text.split(" ")


def test_a_text_token_by_token() -> None:
    tokens = tokens_of(r"Find three $x$ with $\frac{x}{10} < a$, for a triangle $ABC$.")
    words = tokens_as_words("find 3 x with frac x 10 < a for a triangle A B C")
    kinds = "WNLWOLDOLWWOLLL"
    names = {
        "W": TokenKind.WORD,
        "N": TokenKind.NUMBER_WORD,
        "D": TokenKind.NUMBER,
        "L": TokenKind.LETTER,
        "O": TokenKind.OPERATOR,
    }
    assert list(tokens.words) == words
    expected = [names[letter] for letter in kinds]
    expected[11] = TokenKind.WORD  # a triangle outside mathematics is a word
    assert [TokenKind(kind) for kind in tokens.kinds] == expected
    assert tokens.general[2] == tokens.general[5] != "x"


def test_chinese_has_a_word_for_each_character() -> None:
    tokens = tokens_of("\u6c42 $x$ \u7684\u6700\u5c0f\u503c")
    assert len(tokens) == 6
    assert [TokenKind(kind) for kind in tokens.kinds] == [
        TokenKind.WORD,
        TokenKind.LETTER,
        *[TokenKind.WORD] * 4,
    ]


def test_a_letter_beside_mathematics_is_no_article() -> None:
    kinds = [TokenKind(kind) for kind in tokens_of("Given 2^a = 32 find a number").kinds]
    assert kinds.count(TokenKind.LETTER) == 1
    assert tokens_of("a number").kinds[0] == TokenKind.WORD


def test_a_price_opens_no_mathematics() -> None:
    asked = "Find the area of a square with side $x = 2y$ and $y = 3$."
    for paid in ("A pen costs $5. ", "She pays $5 per hour for two days. ", "He has $5 and $10. "):
        both = tokens_of(paid + asked)
        assert both.words[-len(tokens_of(asked)) :] == tokens_of(asked).words
        assert both.kinds.count(TokenKind.LETTER) == tokens_of(asked).kinds.count(TokenKind.LETTER) == 3
    said = tokens_of(r"$n = 2 \text{ if the side is even, else }3$ and $y$ is so")
    assert said.kinds.count(TokenKind.LETTER) == 2, "words in a formula are no prose around a price"
    marked = [tokens_of(text) for text in ("$x is one of them and y$ too", r"\(x is one of them and y\) too")]
    assert marked[0] == marked[1], "words after a letter are no price"


def test_two_prices_rewritten_as_a_formula_are_two_prices() -> None:
    """A rewriting of every pair of dollars takes `$5 and she has $` for mathematics."""
    prices = "A pen costs $5 and she has $10 for x pens of $y$ each."
    rewritten = prices.replace("$5", r"\(5").replace("$10", r"\)10")
    assert tokens_of(rewritten) == tokens_of(prices)
    formula = tokens_of(r"Let \(5 x\) be a number.")
    assert formula == tokens_of("Let $5 x$ be a number.")
    assert formula.kinds.count(TokenKind.LETTER) == 1


@given(st.text(alphabet="ab 12+-$\\{}()^_.,xyz\n", max_size=60))
def test_any_text_has_a_normal_form_and_blanks_do_not_matter(text: str) -> None:
    tokens = tokens_of(text)
    assert len(tokens.words) == len(tokens.kinds) == len(tokens.general)
    if "\\" not in text:
        assert tokens_of(f"  {text}\n").words == tokens.words


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_other_numbers_are_another_text(first: int, second: int) -> None:
    texts = [
        tokens_of(f"What is the remainder of {number} after division by 7?") for number in (first, second)
    ]
    assert (exact_key(texts[0], "math") == exact_key(texts[1], "math")) == (first == second)
