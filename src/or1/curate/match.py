"""When are two problems the same? An ordered alignment of their tokens decides.

Words may differ a little. Numbers, operators and letters may not, but for a one-to-one renaming of the
letters: two problems that differ in one number are different problems. The thresholds were chosen on one
half of planted and real pairs and judged on the other (`benchmarks/near_matches.py`, docs/data.md).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

from or1.curate.config import MOST_CHANGED, MatchingConfig
from or1.curate.normal_form import TokenKind, Tokens
from or1.curate.notation import FILLERS, NEGATIONS, SIDES

_FREE_OPERATORS = frozenset({"*", "^", "_"})
"""Operators that notation leaves out or puts in."""
SHORT = 24
"""A shorter text may stand in any long one by chance: as a part it has to say the very same [tokens]."""
_LEAST_IN_ORDER = 1 - MOST_CHANGED
"""Texts with a smaller share of their tokens in one order differ without an alignment [dimensionless]."""
_AROUND = 12
"""Tokens before and after a part in which a changed token is looked for [tokens]."""


@dataclass(frozen=True)
class Side:
    """A text prepared for comparison: its tokens without brackets."""

    words: tuple[str, ...]
    general: tuple[str, ...]
    """The words with one sign for every letter."""
    kinds: bytes
    brackets: str
    """All brackets, in order."""
    digits: frozenset[str]
    """Numbers in digits."""
    numbers: frozenset[str]
    """Numbers in digits and words."""

    @staticmethod
    def of(tokens: Tokens) -> Side:
        kept = [
            (w, g, k)
            for w, g, k in zip(tokens.words, tokens.general, tokens.kinds, strict=True)
            if k != TokenKind.BRACKET
        ]
        kinds = bytes(k for _, _, k in kept)
        brackets = "".join(
            w for w, k in zip(tokens.words, tokens.kinds, strict=True) if k == TokenKind.BRACKET
        )
        return Side._make(
            tuple(w for w, _, _ in kept),
            tuple("/" if g == "frac" else g for _, g, _ in kept),
            kinds,
            brackets,
        )

    @staticmethod
    def _make(words: tuple[str, ...], general: tuple[str, ...], kinds: bytes, brackets: str) -> Side:
        digits = frozenset(w for w, k in zip(words, kinds, strict=True) if k == TokenKind.NUMBER)
        named = (w for w, k in zip(words, kinds, strict=True) if k == TokenKind.NUMBER_WORD)
        return Side(words, general, kinds, brackets, digits, digits.union(named))

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def num_words(self) -> int:
        return self.kinds.count(TokenKind.WORD) + self.kinds.count(TokenKind.NUMBER_WORD)

    @property
    def num_symbols(self) -> int:
        return len(self.kinds) - self.num_words

    def part(self, start: int, end: int) -> Side:
        """The tokens from `start` to before `end`."""
        return Side._make(self.words[start:end], self.general[start:end], self.kinds[start:end], "")

    @property
    def num_letters(self) -> int:
        return self.kinds.count(TokenKind.LETTER)

    @cached_property
    def glued(self) -> Side:
        """Each run of letters as one word: `a x` in a formula is `ax` in a text without marks of formulas."""
        words, kinds = [], bytearray()
        last = None
        for word, kind in zip(self.words, self.kinds, strict=True):
            if kind == last == TokenKind.LETTER:
                words[-1] += word.lower()
            else:
                words.append(word.lower() if kind == TokenKind.LETTER else word)
                kinds.append(TokenKind.WORD if kind == TokenKind.LETTER else kind)
            last = kind
        return Side._make(
            tuple(words), tuple("/" if w == "frac" else w for w in words), bytes(kinds), self.brackets
        )

    @property
    def without_numbers(self) -> tuple[str, ...]:
        """The tokens with one sign for every number."""
        return tuple(
            "#" if kind in (TokenKind.NUMBER, TokenKind.NUMBER_WORD) else word
            for word, kind in zip(self.general, self.kinds, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Likeness:
    """Differences of two texts by an alignment of their tokens."""

    content_changes: int
    """Exchanged, inserted or deleted words that say something; an exchange made everywhere counts once."""
    filler_changes: int
    """The same for `FILLERS`."""
    only_first: int
    """Numbers in digits, operators and letters that only the first text has."""
    only_second: int
    numbers_differ: bool
    """Each text has a number, in digits or words, that the other lacks."""
    other_symbols_differ: bool
    """So with operators and letters."""
    opposed: bool
    """A word of one is the opposite of the word in its place, or one says `not` where the other does not."""
    not_renamed: int
    """Letters that no one-to-one renaming carries into each other."""
    moved: int
    """Numbers, operators and letters that both texts have, but at another place."""
    num_words: int
    """Of the longer text."""
    num_symbols: int
    """Of the longer text."""

    @property
    def changes(self) -> float:
        """Size of the changes [words]; a filler is half a word."""
        return self.content_changes + self.filler_changes / 2 + self.one_sided + self.moved + self.not_renamed

    @property
    def one_sided(self) -> int:
        """Numbers, operators and letters that one of the texts has and the other lacks."""
        return self.only_first + self.only_second


class Match(StrEnum):
    SAME = "same"
    RENUMBERED = "renumbered"
    """The same text with other numbers: another problem of the same kind."""
    DIFFERENT = "different"


def is_within(found: Likeness, allowed: MatchingConfig) -> bool:
    """Do two texts differ in no more than `per_word` of the words and `per_symbol` of the symbols?"""
    in_all = allowed.per_word * found.num_words + allowed.per_symbol * found.num_symbols
    return found.changes <= in_all and found.one_sided <= _symbols_allowed(
        allowed, found.num_words, found.num_symbols
    )


def _symbols_allowed(allowed: MatchingConfig, num_words: int, num_symbols: int) -> float:
    """Symbols that one text may have and the other lack: `per_symbol` of the symbols and of a quarter of the
    words, for a changed word may read as a symbol."""
    return allowed.per_symbol * (num_symbols + num_words / 4)


def compare(first: Side, second: Side, allowed: MatchingConfig) -> tuple[Match, Likeness | None]:
    """The verdict on two texts and, where it took an alignment, what that showed.

    Where the texts have different letters, one may have lost the marks of its formulas: words of letters
    decide then.
    """
    match, found = _compare(first, second, allowed)
    if match is Match.DIFFERENT and first.num_letters != second.num_letters:
        match, found = _compare(first.glued, second.glued, allowed)
    return match, found


def _compare(first: Side, second: Side, allowed: MatchingConfig) -> tuple[Match, Likeness | None]:
    if not _may_match(first, second, max(len(first), len(second))):
        return Match.DIFFERENT, None
    apart = max(len(first.digits - second.numbers), len(second.digits - first.numbers))
    most = _symbols_allowed(
        allowed,
        max(first.num_words, second.num_words),
        max(first.num_symbols, second.num_symbols),
    )
    found = likeness(first, second) if apart <= most else None
    if found is None or found.numbers_differ:
        same_text = first.without_numbers == second.without_numbers
        return (Match.RENUMBERED if same_text else Match.DIFFERENT), found
    is_same = not (found.other_symbols_differ or found.opposed) and is_within(found, allowed)
    return (Match.SAME if is_same else Match.DIFFERENT), found


def find_part(first: Side, second: Side, allowed: MatchingConfig) -> Likeness | None:
    """How the first text stands in the second, as a part of it; None if it does not."""
    found = _find_part(first, second, allowed)
    if found is None and first.num_letters and first.num_letters != second.num_letters:
        found = _find_part(first.glued, second.glued, allowed)
    return found


def _find_part(first: Side, second: Side, allowed: MatchingConfig) -> Likeness | None:
    if len(first.digits - second.numbers) > _symbols_allowed(allowed, first.num_words, first.num_symbols):
        return None
    if not _may_match(first, second, len(first)):
        return None
    at = fuzz.partial_ratio_alignment(first.general, second.general)
    assert at is not None, "without a cutoff there is always a best part"
    match, found = _compare(first, second.part(at.dest_start, at.dest_end), allowed)
    if match is not Match.SAME or found is None:
        return None
    if says_the_same(found):
        return found
    if len(first) < SHORT or _differs_at_an_end(first, second, at.dest_start, at.dest_end):
        return None
    return found


def _differs_at_an_end(first: Side, second: Side, start: int, end: int) -> bool:
    """Does the text around the part say another number, or the opposite, in the place of a token at its end?

    The part has the first text's length, so it can leave out a changed token at one end and take a foreign
    one at the other.
    """
    around = second.part(max(0, start - _AROUND), end + _AROUND)
    ops = Levenshtein.opcodes(first.general, around.general)
    begin = ops[0].dest_end if ops[0].tag == "insert" else 0
    stop = ops[-1].dest_start if ops[-1].tag == "insert" else len(around)
    found = likeness(first, around.part(begin, stop))
    return found.numbers_differ or found.opposed


def _may_match(first: Side, second: Side, length: int) -> bool:
    """Quick and generous: do both have more than half of `length` tokens in the same order?"""
    least = math.ceil(length * _LEAST_IN_ORDER)
    return bool(LCSseq.similarity(first.general, second.general, score_cutoff=least) > 0)


def says_the_same(found: Likeness) -> bool:
    """Do two texts differ in nothing but fillers and the names of letters?"""
    return not (
        found.content_changes
        or found.only_first
        or found.only_second
        or found.numbers_differ
        or found.not_renamed
        or found.moved
    )


def likeness(first: Side, second: Side) -> Likeness:
    """Align two texts, letters counting as equal, and say what is left over. Source: Levenshtein's
    distance."""
    letters: Counter[tuple[str, str]] = Counter()
    exchanged: set[tuple[str, str]] = set()
    single: list[str] = []
    left: tuple[Counter[tuple[int, str]], Counter[tuple[int, str]]] = (Counter(), Counter())
    for op in Levenshtein.opcodes(first.general, second.general):
        i, j = range(op.src_start, op.src_end), range(op.dest_start, op.dest_end)
        if op.tag == "equal":
            letters.update(
                (first.words[x], second.words[y])
                for x, y in zip(i, j, strict=True)
                if first.kinds[x] == TokenKind.LETTER
            )
            continue
        removed = [first.words[x] for x in i if first.kinds[x] == TokenKind.WORD]
        added = [second.words[x] for x in j if second.kinds[x] == TokenKind.WORD]
        both = min(len(removed), len(added))
        exchanged.update(zip(removed[:both], added[:both], strict=True))
        single += removed[both:] + added[both:]
        left[0].update((first.kinds[x], first.general[x]) for x in i if _counts(first, x))
        left[1].update((second.kinds[x], second.general[x]) for x in j if _counts(second, x))
    num_fillers = sum(a in FILLERS and b in FILLERS for a, b in exchanged) + sum(w in FILLERS for w in single)
    return _summary(
        first,
        second,
        left,
        _num_not_renamed(letters),
        num_fillers,
        len(exchanged) + len(single) - num_fillers,
        any(_are_opposed(a, b) for a, b in exchanged) or not NEGATIONS.isdisjoint(single),
    )


def _are_opposed(first: str, second: str) -> bool:
    if first not in SIDES or second not in SIDES:
        return False
    (what, side), (other, other_side) = SIDES[first], SIDES[second]
    return what == other and side != other_side


def _counts(side: Side, at: int) -> bool:
    kind = side.kinds[at]
    return kind != TokenKind.WORD and not (kind == TokenKind.OPERATOR and side.general[at] in _FREE_OPERATORS)


def _summary(
    first: Side,
    second: Side,
    left: tuple[Counter[tuple[int, str]], Counter[tuple[int, str]]],
    num_not_renamed: int,
    num_fillers: int,
    num_content: int,
    opposed: bool,
) -> Likeness:
    values = [_by_value(each) for each in left]
    only = values[0] - values[1], values[1] - values[0]
    digits = [
        sum(n for (kind, text), n in left[s].items() if kind == TokenKind.NUMBER and only[s]["#", text])
        for s in (0, 1)
    ]
    numbers = [sum(n for (sort, _), n in each.items() if sort == "#") for each in only]
    others = [each.total() - number for each, number in zip(only, numbers, strict=True)]
    digits = [min(digit, number) for digit, number in zip(digits, numbers, strict=True)]
    return Likeness(
        content_changes=num_content + sum(numbers) - sum(digits),
        filler_changes=num_fillers,
        only_first=digits[0] + others[0],
        only_second=digits[1] + others[1],
        numbers_differ=min(numbers) > 0,
        other_symbols_differ=min(others) > 0,
        opposed=opposed,
        not_renamed=num_not_renamed,
        moved=(values[0] & values[1]).total(),
        num_words=max(first.num_words, second.num_words),
        num_symbols=max(first.num_symbols, second.num_symbols),
    )


def _by_value(left: Counter[tuple[int, str]]) -> Counter[tuple[str, str]]:
    """`3` and `three` are one number."""
    found: Counter[tuple[str, str]] = Counter()
    for (kind, text), number in left.items():
        found["#" if kind in (TokenKind.NUMBER, TokenKind.NUMBER_WORD) else str(kind), text] += number
    return found


def _num_not_renamed(pairs: Counter[tuple[str, str]]) -> int:
    """Letters left over when each is paired with the one that it meets most."""
    firsts: set[str] = set()
    seconds: set[str] = set()
    renamed = 0
    for (first, second), number in sorted(pairs.items(), key=lambda each: (-each[1], each[0])):
        if first not in firsts and second not in seconds:
            firsts.add(first)
            seconds.add(second)
            renamed += number
    return pairs.total() - renamed
