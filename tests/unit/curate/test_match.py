"""When two problems are the same: worked numbers, and pairs on both sides of each rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from or1.curate.config import MOST_CHANGED, MatchingConfig
from or1.curate.match import Match, Side, compare, find_part, is_within, likeness, says_the_same
from or1.curate.normal_form import tokens_of
from or1.curate.notation import OPPOSITES

ALLOWED = MatchingConfig(per_word=0.35, per_symbol=0.1)


def side(text: str) -> Side:
    return Side.of(tokens_of(text))


def verdict(first: str, second: str) -> Match:
    return compare(side(first), side(second), ALLOWED)[0]


def test_an_alignment_counted_by_hand() -> None:
    found = likeness(
        side("The baker sold 12 loaves and the baker kept 3 loaves in his old shop."),
        side("The miller sold 12 loaves, and a miller kept 3 loaves in his very shop today."),
    )
    # baker -> miller counts once (token by token it would be 2), the -> a is a filler, old -> very, and today
    assert (found.content_changes, found.filler_changes) == (3, 1)
    assert found.changes == 3.5
    assert (found.num_words, found.num_symbols) == (14, 2)
    assert not found.numbers_differ


def test_the_allowance_is_a_share_of_words_and_symbols() -> None:
    found = likeness(side("copper lantern orange window 1 2"), side("copper lantern orange garden 1 2"))
    assert found.changes == 1
    assert is_within(found, MatchingConfig(per_word=0.25, per_symbol=0.0))
    assert not is_within(found, MatchingConfig(per_word=0.24, per_symbol=0.0)), (
        "1 of 4 words is more than 24 %"
    )
    assert is_within(found, MatchingConfig(per_word=0.2, per_symbol=0.1)), (
        "0.2 x 4 words + 0.1 x 2 numbers = 1"
    )


def test_the_largest_threshold_still_has_an_effect_and_a_larger_one_is_refused() -> None:
    words = [f"word{chr(97 + n)}" for n in range(20)]
    nine, ten = (["other" + w for w in words[:n]] + words[n:] for n in (9, 10))
    largest = MatchingConfig(per_word=MOST_CHANGED, per_symbol=0.0)
    assert compare(side(" ".join(words)), side(" ".join(nine)), largest)[0] is Match.SAME
    assert compare(side(" ".join(words)), side(" ".join(ten)), largest) == (Match.DIFFERENT, None)
    for share in ("per_word", "per_symbol"):
        with pytest.raises(ValidationError, match=r"less than or equal to 0\.45"):
            MatchingConfig.model_validate({"per_word": 0.1, "per_symbol": 0.1, share: 0.46})


SAME = [
    (r"Find $x^2 + y^2$ if $x - y = 4$ and $xy = 7$.", r"Find $a^2+b^2$ if $a-b=4$ and $ab=7$."),
    ("How many positive divisors does the number 24 have?", "How many positive divisors does $24$ have?"),
    (
        "There are three red boxes and 5 blue boxes. Count them.",
        "There are 3 red boxes and 5 blue boxes. Count them.",
    ),
    (
        "A tall sailor buys 12 ropes and sells 5 of them at the harbour. How many ropes remain?",
        "A short sailor buys 12 ropes and sells 5 of them near the harbour. How many ropes remain there?",
    ),
]
OTHERS = [
    (
        "A sailor buys 12 ropes and sells 5 of them.",
        "A sailor buys 12 ropes and sells 6 of them.",
        Match.RENUMBERED,
    ),
    ("How many of the three boxes are red?", "How many of the four boxes are red?", Match.RENUMBERED),
    (r"Compute $\sin 225^\circ$.", r"Compute $\cos 225^\circ$.", Match.DIFFERENT),
    (r"Compute $\cos 150^\circ$.", r"Compute $\cos (-150^\circ)$.", Match.DIFFERENT),
    (r"Find the units digit of $18^6$.", r"Find the units digit of the sum.", Match.DIFFERENT),
    (
        "What is the largest of the 12 ropes that the sailor cuts into 5 parts of one length?",
        "What is the smallest of the 12 ropes that the sailor cuts into 5 parts of one length?",
        Match.DIFFERENT,
    ),
    (
        "How many of the 12 ropes of the sailor are long and were sold on the first Monday?",
        "How many of the 12 ropes of the sailor are not long and were sold on the first Monday?",
        Match.DIFFERENT,
    ),
    ("A sailor buys 12 ropes and 5 nets.", "Two trains leave 12 towns at 5 in the morning.", Match.DIFFERENT),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_problem(first: str, second: str) -> None:
    assert verdict(first, second) is Match.SAME
    assert verdict(second, first) is Match.SAME


@pytest.mark.parametrize(("first", "second", "expected"), OTHERS)
def test_another_problem(first: str, second: str, expected: Match) -> None:
    assert verdict(first, second) is expected
    assert verdict(second, first) is expected


def test_sides_of_an_opposite_are_told_apart_and_synonyms_are_not() -> None:
    text = "Of all the 12 ropes that the sailor owns, take the {} one and say how long it is."
    words = ("largest", "greatest", "smallest", "tarred")
    verdicts = {(a, b): verdict(text.format(a), text.format(b)) for a in words for b in words}
    apart = {pair for pair, found in verdicts.items() if found is not Match.SAME}
    assert apart == {
        (a, b)
        for a in words
        for b in words
        if (a == "smallest") != (b == "smallest") and "tarred" not in (a, b)
    }
    sides = [word for line in OPPOSITES for word in line.replace("|", " ").split()]
    assert len(sides) == len(set(sides)), "a word is on one side of one entry"


def test_letters_may_be_renamed_but_not_mixed_up() -> None:
    first = side("If $x + 2y = 5$ and $x - y = 1$, find $x$.")
    assert likeness(first, side("If $p + 2q = 5$ and $p - q = 1$, find $p$.")).not_renamed == 0
    assert likeness(first, side("If $p + 2q = 5$ and $p - q = 1$, find $q$.")).not_renamed == 1
    assert not says_the_same(likeness(first, side("If $p + 2q = 5$ and $p - q = 1$, find $q$.")))


def test_fillers_alone_say_the_same() -> None:
    assert says_the_same(likeness(side("Compute the value of $2+2$."), side("What is $2+2$?")))
    assert not says_the_same(likeness(side("The least of 3 and 4."), side("The greatest of 3 and 4.")))


def test_a_problem_inside_a_longer_text() -> None:
    problem = side("A sailor buys 12 ropes and sells 5 of them. How many ropes remain?")
    text = "Here is a question for the class, think about it for a while before any answer. {} Explain."
    inside = side(text.format("A sailor buys 12 ropes and sells 5 of them. How many ropes remain?"))
    other = side(text.format("A sailor buys 12 ropes and sells 7 of them. How many ropes remain?"))
    found = find_part(problem, inside, ALLOWED)
    assert found is not None
    assert found.changes == 0
    assert find_part(problem, other, ALLOWED) is None
    short = side("Return length of given string")
    assert (
        find_part(short, side("Given a string of length n and a number, return the length of each"), ALLOWED)
        is None
    )
    assert find_part(short, side(f"{'Now ' * 9} return length of given string"), ALLOWED) is not None


TOKENS = ("apple", "rope", "brick", "lamp", "stone", "river", "cloud", "3", "7", "12", "x", "y")
WORDS = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=12)


@given(WORDS, WORDS)
def test_likeness_has_no_first_and_second(first: list[str], second: list[str]) -> None:
    a, b = side(" ".join(first)), side(" ".join(second))
    one, other = compare(a, b, ALLOWED)[0], compare(b, a, ALLOWED)[0]
    if Match.RENUMBERED in (one, other) or Match.SAME not in (one, other):
        assert (one is Match.SAME) == (other is Match.SAME)


@given(WORDS)
def test_a_text_is_itself(words: list[str]) -> None:
    a = side(" ".join(words))
    assert likeness(a, a).changes == 0
    assert compare(a, a, ALLOWED)[0] is Match.SAME
