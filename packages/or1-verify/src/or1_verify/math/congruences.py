r"""Golds and answers with a modulus: residue classes, and numbers that stand for them."""

from __future__ import annotations

import re

from or1_verify.latex.normal import is_same_text
from or1_verify.latex.parameters import formulas_of
from or1_verify.latex.residues import has_modulus, is_negated, read_residues, same_residues, words_beside
from or1_verify.math.comparison import Comparison
from or1_verify.math.plain_number import plain_number

_MODULUS = re.compile(r"mod\}?\s*\{?\s*(\d+)")
_BEFORE_MODULUS = re.compile(r"\s*\$?\s*(-?\d+)\s*\(?\s*(?:\\[bp]?mod|\\text\s*\{\s*\(?\s*mod|mod)")
_STATED = re.compile(r"(?<!\\not)(?<!\\not )\\equiv")
_DIVIDED_BY = re.compile(r"(?:divided by|modulo|mod)\W*(\d+)")
_REMAINDER = re.compile(
    r"(?P<left>[^=]+?)\\equiv\s*(?P<rest>\d+)\s*(?:\(\s*|\\)?(?:\\?[bp]?mod|\\text\s*\{\s*\(?mod)\s*\}?\s*\{?"
    r"(?P<modulus>\d+)[\s})]*"
)


def computed(gold: str, answer: str) -> str:
    r"""The result of an answer that computes a remainder, if the gold has none: 4 of `17 \bmod 13 = 4`."""
    result = answer.rpartition("=")[2]
    has_result = has_modulus(answer) and not has_modulus(result) and not has_modulus(gold)
    return result if has_result else answer


def by_residues(gold: str, answer: str, question: str) -> Comparison | None:
    """The result for congruences; None if no modulus belongs to a whole text, or only one can be read."""
    gold_is, answer_is = has_modulus(gold), has_modulus(answer)
    if "\\begin" in gold + answer or (not gold_is and not answer_is):
        return None
    asked = _DIVIDED_BY.findall(question) if answer_is and not gold_is else []
    if asked and not {*asked} & {*_MODULUS.findall(answer)}:
        return Comparison.DIFFERENT
    if words_beside(gold) != words_beside(answer):
        return Comparison.DIFFERENT if "equiv" in gold + answer else None
    classes = read_residues(gold), read_residues(answer)
    if classes[0] is not None and classes[1] is not None:
        return Comparison.EQUAL if same_residues(classes[0], classes[1]) else Comparison.DIFFERENT
    if is_negated(gold) != is_negated(answer):
        return Comparison.DIFFERENT
    number = plain_number(answer) if gold_is else plain_number(gold)
    known = classes[0] if gold_is else classes[1]
    written = None if gold_is or "=" in answer else _BEFORE_MODULUS.match(answer)
    if written and number is not None and int(written[1]) != number:  # `17 mod 13` is to be computed
        return Comparison.DIFFERENT
    if known is not None and number is not None:  # the least residue stands for its class
        is_least = known.values == {number}
        is_open = gold_is and "equiv" in gold and not is_least
        return None if is_open else Comparison.EQUAL if is_least else Comparison.DIFFERENT
    if answer_is and not gold_is:  # `N mod 5` is not `N`
        if number is not None and _is_remainder_of(question, answer, int(number)):
            return Comparison.EQUAL
        is_stated = number is not None and _STATED.search(answer)  # `7^{2019} \equiv 3 \pmod{10}` for 3
        return None if is_stated else Comparison.DIFFERENT
    if known is not None and gold_is and "equiv" in gold and "=" in answer:  # one number of the class
        return Comparison.DIFFERENT
    has_congruence = answer_is or "equiv" in answer
    is_other = has_congruence and {*_MODULUS.findall(gold)} != {*_MODULUS.findall(answer)}
    return Comparison.DIFFERENT if is_other else None


def _is_remainder_of(question: str, answer: str, number: int) -> bool:
    r"""Whether an answer is `n^2 + n \equiv 5 \pmod 7`, and the question asks for this remainder."""
    stated = _REMAINDER.fullmatch(answer) if "remainder" in question else None
    if stated is None or int(stated["rest"]) != number or number >= int(stated["modulus"]):
        return False
    return any(is_same_text(formula, stated["left"]) for formula in formulas_of(question))
