r"""Residue classes of one whole number: `x \equiv 3 \pmod 7`, `x = 7k + 3`, `7 \mid x - 3`, joined by words.

A comma joins classes of one modulus to a union, and of several moduli to a system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from math import lcm

from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.reader import is_congruence

_MOD = re.compile(r"\(?\s*\\?(?:p|b)?mod(?![a-z])(?:ulo)?\s*\{?\s*(\d+)\s*\}?\s*\)?")
_SHORT = re.compile(r"(\\equiv\s*\{?\s*[-+\\pm\d, ]+?)\s*\(\s*(\d+)\s*\)")
_DOMAIN = re.compile(
    r",?\s*\(?\s*(?:(?:for|where|with)\s+)?(?:(?:some|any|all|every|an)\s+)?"
    r"(?:integers?\s+[a-z]|[a-z]\s*\\in\s*(?:\\mathbb)?\s*\{?\s*Z\s*\}?|[a-z] is an integer)\s*\)?\s*\.?\s*$"
)
_JOINT = re.compile(r"(?<![A-Za-z])(?:and|or)(?![A-Za-z])|\\(?:lor|land|vee|wedge)(?![A-Za-z])|[,;]")
_CLASS = re.compile(r"(?:([A-Za-z])\s*(?:\\n?equiv|=)\s*)?((?:\\pm|-|\+)?\s*\d+)\s*(?:mod (\d+))?")
_MULTIPLE = re.compile(r"(\d+)\s*\\n?mid\s*([A-Za-z]?)(?:\s*([-+])\s*(\d+))?")
_DIVISIBLE = re.compile(
    r"(?:\ball\s+)?(?:([a-z])\s+)?(?:(?:is|are)\s+)?(not\s+)?"
    r"(?:divisible by|(?:an? |all )?multiples? of)\s*(\d+)"
)
_WORDED = re.compile("odd|even|divisible|multiple")
_PARITY = re.compile(
    r"(?:all )?(?:([a-z]) (?:is )?)?(?:an )?(odd|even)(?: (?:integers?|numbers?))?(?: ([a-z]))?"
    r"(?: multiples? of (\d+))?\.?"
)
_DIVIDES = re.compile(r"\W*\d+\s*\\n?mid\s*[A-Za-z](?![A-Za-z])")
_IS_NOT = re.compile(r"\\not\s*\\(?=equiv|mid)|≢")
_FORMULA = re.compile(
    r"(?:([A-Za-z])\s*=\s*)?(?:(?P<a>\d+)\s*[kmnjtq]\s*(?:(?P<b>(?:[-+]|\\pm)\s*\d+))?|(?P<d>-?\d+)\s*\+\s*(?P<c>\d+)\s*[kmnjtq])"
)
_ANY = frozenset({"or", "\\lor", "\\vee"})
_POSITIVE = re.compile(r"\\(?:equiv|mid)(?![A-Za-z])|=")
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}")
_NOT_WORDS = frozenset({
    "and", "or", "mod", "modulo", "pmod", "bmod", "equiv", "mid", "in", "for", "some",
    "all", "any", "every", "where", "with", "integer", "number", "value", "is", "are", "the",
    "an", "that", "such", "of", "satisfying", "to",
})  # fmt: skip
_LARGEST = 10_000
"""Largest common modulus [dimensionless]."""


@dataclass(frozen=True, slots=True)
class Residues:
    """A union of residue classes."""

    name: str
    """The variable; empty if not written."""
    modulus: int
    values: frozenset[int]
    has_modulus: bool
    """Written with a modulus, not as a formula such as `7k + 3`."""


def has_modulus(text: str) -> bool:
    r"""Whether a text is a congruence with its modulus: `x \equiv 3 \pmod 7`, `x \equiv 3 (7)`.

    >>> has_modulus(r"n \equiv 1 (4)"), has_modulus(r"f(x) \equiv 0")
    (True, False)
    """
    is_stated = ("mod" in text or _SHORT.search(text) is not None) and is_congruence(text)
    return is_stated or _DIVIDES.match(text) is not None or _in_signs(text) != text


def words_beside(text: str) -> frozenset[str]:
    """The words of a congruence that say something about its variable, in the singular."""
    plain = re.sub(r"\\[A-Za-z]+", " ", _plain(text))
    words = (word.lower().removesuffix("s") for word in _WORD.findall(plain))
    return frozenset(word for word in words if word not in _NOT_WORDS and f"{word}s" not in _NOT_WORDS)


def same_residues(gold: Residues, answer: Residues) -> bool:
    """Whether both are the same set of whole numbers, of one variable."""
    if gold.name and answer.name and gold.name.lower() != answer.name.lower():
        return False
    modulus = lcm(gold.modulus, answer.modulus)
    if modulus > _LARGEST and gold.modulus != answer.modulus:
        return False
    return _lifted(gold, modulus) == _lifted(answer, modulus)


def read_residues(text: str) -> Residues | None:
    r"""The residue classes that a text states; None if it states anything else.

    >>> sorted(read_residues(r"x \equiv \pm 2 \pmod 5").values), read_residues("x = 7k + 3").modulus
    ([2, 3], 7)
    >>> sorted(read_residues(r"n \not\equiv 0, 1 \pmod 4").values)
    [2, 3]
    """
    plain = " ".join(_plain(text).split()).strip(" .")
    if words_beside(text):
        plain = re.sub(r"(?<![A-Za-z\\])(?:all|the|[A-Za-z]{4,})(?![A-Za-z])", " ", plain).strip()
    plain = _DOMAIN.sub("", plain).strip(" .")
    pieces, joints = [piece.strip() for piece in _JOINT.split(plain)], _JOINT.findall(plain)
    while "" in pieces[:-1]:  # `, or`
        place = pieces.index("")
        del pieces[place], joints[max(place - 1, 0)]
    modulus, name, classes = 0, "", list[Residues]()
    for piece in reversed(pieces):
        found = _read_one(piece, modulus)
        if found is None or (found.name and name and found.name != name):
            return None
        modulus, name = found.modulus, name or found.name
        classes.append(found)
    if is_negated(plain):
        return _outside(name, classes, joints) if _POSITIVE.search(plain) is None else None
    return _joined(name, classes[::-1], joints)


def is_negated(text: str) -> bool:
    r"""Whether a text states a negated congruence or division.

    >>> is_negated(r"n \not\equiv 1 \pmod 4"), is_negated(r"4 \nmid n"), is_negated(r"4 \mid n")
    (True, True, False)
    """
    return any(sign in text for sign in ("\\nequiv", "\\nmid")) or _IS_NOT.search(text) is not None


def _outside(name: str, classes: list[Residues], joints: list[str]) -> Residues | None:
    """The numbers in none of the classes, or not in all of them where "or" joins two statements."""
    modulus = lcm(*(each.modulus for each in classes))
    if modulus > _LARGEST:
        return None
    is_any = any(joint in _ANY for joint in joints) and sum(bool(each.name) for each in classes) > 1
    join = frozenset[int].intersection if is_any else frozenset[int].union
    inside = join(*(_lifted(each, modulus) for each in classes))
    return Residues(name, modulus, frozenset(range(modulus)) - inside, True)


def _parity(words: str) -> str | None:
    """`n is odd` and `odd multiples of 3` as the division of a difference; None for other texts.

    >>> _parity("n is odd"), _parity("even multiples of 3"), _parity("odd")
    ('2 \\\\mid n - 1', '6 \\\\mid  - 0', None)
    """
    found = _PARITY.fullmatch(words)
    if found is None or not (found[1] or found[3] or found[4] or words.endswith("s")):
        return None
    factor = int(found[4] or 1)
    return rf"{2 * factor} \mid {found[1] or found[3] or ''} - {factor * (found[2] == 'odd')}"


def _in_signs(text: str) -> str:
    """The text with divisibility and parity in signs; as it is where it has none in words.

    >>> _in_signs("n is not divisible by 3"), _in_signs(r"n \\text{ odd}"), _in_signs(r"n \\, = 3k")
    ('3 \\\\nmid n', '2 \\\\mid n - 1', 'n \\\\, = 3k')
    """
    if _WORDED.search(text) is None:
        return text
    words = " ".join(in_plain_words(text).split())
    divides = r"\3 \\nmid \1", r"\3 \\mid \1"
    signs = _parity(words) or _DIVISIBLE.sub(lambda found: found.expand(divides[not found[2]]), words)
    return text if signs == words else signs


def _plain(text: str) -> str:
    text = in_plain_words(_in_signs(text))
    text = _IS_NOT.sub(r"\\n", text.replace("≡", "\\equiv ").replace("≢", "\\not\\equiv "))
    text = _SHORT.sub(r"\1 mod \2", text)
    return re.sub(r"(?<=\d)\s*\|\s*(?=[A-Za-z])", r"\\mid ", _MOD.sub(r" mod \1 ", text))


def _read_one(piece: str, modulus: int) -> Residues | None:
    if found := _FORMULA.fullmatch(piece):
        period = int(found["a"] or found["c"])
        shifts = _signed((found["b"] or found["d"] or "0").replace(" ", ""))
        values = frozenset(shift % period for shift in shifts) if period else frozenset[int]()
        return Residues(found[1] or "", period, values, False) if period else None
    if (found := _MULTIPLE.fullmatch(piece)) and int(found[1]):
        period, sign = int(found[1]), -1 if found[3] == "+" else 1
        return Residues(found[2], period, frozenset({sign * int(found[4] or "0") % period}), True)
    found = _CLASS.fullmatch(piece)
    period = int(found[3] or modulus) if found else 0
    if found is None or not period:
        return None
    numbers = _signed(found[2].replace(" ", ""))
    return Residues(found[1] or "", period, frozenset(number % period for number in numbers), True)


def _signed(value: str) -> list[int]:
    return [int(value[3:]), -int(value[3:])] if value.startswith("\\pm") else [int(value)]


def _joined(name: str, classes: list[Residues], joints: list[str]) -> Residues | None:
    moduli = {each.modulus for each in classes}
    modulus = reduce(lcm, moduli)
    if len(moduli) > 1 and modulus > _LARGEST:
        return None
    is_any = any(joint in _ANY for joint in joints)
    is_all = any(joint in {"and", "\\land", "\\wedge"} for joint in joints)
    if is_any and is_all:
        return None
    sets = [_lifted(each, modulus) for each in classes]
    is_system = not is_any and (is_all or len(moduli) > 1) and all(each.name for each in classes)
    values = frozenset.intersection(*sets) if is_system else frozenset.union(*sets)
    return Residues(name, modulus, values, any(each.has_modulus for each in classes))


def _lifted(found: Residues, modulus: int) -> frozenset[int]:
    steps = range(0, modulus, found.modulus)
    return frozenset(value + step for value in found.values for step in steps)
