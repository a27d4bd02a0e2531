r"""Residue classes of one whole number: `x \equiv 3 \pmod 7`, `x = 7k + 3`, `7 \mid x - 3`, joined by words.

A comma joins classes of one modulus to a union, and of several moduli to a system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from math import lcm

from or1_verify.latex.reader import is_congruence

_WRAPPER = re.compile(r"\\(?:text\w*|mathrm|mbox|operatorname)\s*\{([^{}]*)\}")
_LAYOUT = re.compile(r"\\(?:left|right|quad|qquad)(?![A-Za-z])|\\[,;:! ]|[$~]")
_MOD = re.compile(r"\(?\s*\\?(?:p|b)?mod(?![a-z])(?:ulo)?\s*\{?\s*(\d+)\s*\}?\s*\)?")
_SHORT = re.compile(r"(\\equiv\s*\{?\s*[-+\\pm\d, ]+?)\s*\(\s*(\d+)\s*\)")
_DOMAIN = re.compile(
    r",?\s*\(?\s*(?:(?:for|where|with)\s+)?(?:(?:some|any|all|every|an)\s+)?"
    r"(?:integers?\s+[a-z]|[a-z]\s*\\in\s*(?:\\mathbb)?\s*\{?\s*Z\s*\}?|[a-z] is an integer)\s*\)?\s*\.?\s*$"
)
_JOINT = re.compile(r"(?<![A-Za-z])(?:and|or)(?![A-Za-z])|\\(?:lor|land|vee|wedge)(?![A-Za-z])|[,;]")
_CLASS = re.compile(r"(?:([A-Za-z])\s*(?:\\equiv|=)\s*)?((?:\\pm|-|\+)?\s*\d+)\s*(?:mod (\d+))?")
_MULTIPLE = re.compile(r"(?:(\d+)\s*\\mid\s*([A-Za-z])|([A-Za-z])\s*\\equiv)(?:\s*([-+])\s*(\d+))?")
_FORMULA = re.compile(
    r"([A-Za-z])\s*=\s*(?:(?P<a>\d+)\s*[kmnjtq]\s*(?:(?P<b>(?:[-+]|\\pm)\s*\d+))?|(?P<d>-?\d+)\s*\+\s*(?P<c>\d+)\s*[kmnjtq])"
)
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
    return ("mod" in text or _SHORT.search(text) is not None) and is_congruence(text)


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
    return _joined(name, classes[::-1], joints)


def _plain(text: str) -> str:
    text = _LAYOUT.sub(" ", _WRAPPER.sub(r" \1 ", text))
    text = text.replace("≡", "\\equiv ").replace("≢", "\\not\\equiv ")
    text = _SHORT.sub(r"\1 mod \2", text)
    return re.sub(r"(?<=\d)\s*\|\s*(?=[A-Za-z])", r"\\mid ", _MOD.sub(r" mod \1 ", text))


def _read_one(piece: str, modulus: int) -> Residues | None:
    if found := _FORMULA.fullmatch(piece):
        period = int(found["a"] or found["c"])
        shifts = _signed((found["b"] or found["d"] or "0").replace(" ", ""))
        return Residues(found[1], period, frozenset(s % period for s in shifts), False) if period else None
    if (found := _MULTIPLE.fullmatch(piece)) and found[1] and int(found[1]):
        period, sign = int(found[1]), -1 if found[4] == "+" else 1
        return Residues(found[2], period, frozenset({sign * int(found[5] or "0") % period}), True)
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
    is_any = any(joint in {"or", "\\lor", "\\vee"} for joint in joints)
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
