"""Compare one answer with the accepted golds: exactly if that decides, else by numbers.

`compare_exactly` takes at most a millisecond and loads no library; `compare` decides the rest, in a worker.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum

from or1_verify.latex.alignment import (
    as_ordered_list,
    asked_order,
    in_asked_order,
    with_asked_formula,
    with_asked_names,
)
from or1_verify.latex.amounts import read_amount
from or1_verify.latex.asked_units import with_asked_unit
from or1_verify.latex.bases import counted
from or1_verify.latex.chains import chains_hold, without_rounding
from or1_verify.latex.enumerated import written_out
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Based, Form, Many, Named, Region, Value, Words
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError, NumericIdentity
from or1_verify.latex.labels import labelled_values, values_for
from or1_verify.latex.normal import is_same_text
from or1_verify.latex.notations import as_list, without_name
from or1_verify.latex.parameters import formulas_of, with_gold_letters
from or1_verify.latex.progressions import same_with_parameter
from or1_verify.latex.reader import read
from or1_verify.latex.residues import has_modulus, is_negated, read_residues, same_residues, words_beside
from or1_verify.latex.same import Comparer, Rules
from or1_verify.latex.signs import with_free_signs
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import variables
from or1_verify.latex.undone import after_asked, is_undone, repeats
from or1_verify.latex.units import with_letters
from or1_verify.latex.words import same_words
from or1_verify.math.approximations import (
    before_rounded,
    has_approximation,
    is_approximated_by_words,
    is_near_its_decimal,
)
from or1_verify.math.choice import LETTER_BEFORE_VALUE, choice_letter, names_other_choice, names_other_text
from or1_verify.math.gold import AcceptedGold, BadGoldError, GoldType, as_typed, form_of, is_equation
from or1_verify.math.plain_number import plain_number

_DECIMAL_COMMA = re.compile(r"\s*(?:\$\s*)?([-+]?)(?:(?<=[-+])\s*)?(\d+),(\d+)\s*(?:\$\s*)?")
_POINT = re.compile(r"(?<![A-Za-z\\])[A-Z]'?(?:_\{?\d\}?)?\s*(?=(?:\\left\s*)?\([^()]*,)")
"""The name of a point before its coordinates: `P(1, 2)`."""
_GROUPED = re.compile(r"[1-9]\d{0,2},\d{3}")
_MODULUS = re.compile(r"mod\}?\s*\{?\s*(\d+)")
_BEFORE_MODULUS = re.compile(r"\s*\$?\s*(-?\d+)\s*\(?\s*(?:\\[bp]?mod|\\text\s*\{\s*\(?\s*mod|mod)")
_STATED = re.compile(r"(?<!\\not)(?<!\\not )\\equiv")
_JOINTS = re.compile(r"(?<![A-Za-z\\])(and|or)(?![A-Za-z])")
_DIVIDED_BY = re.compile(r"(?:divided by|modulo|mod)\W*(\d+)")
_ENDS = re.compile(r"\s*(-?[\d.]+)\s*\\pm\s*([\d.]+)\s*")
_REMAINDER = re.compile(
    r"(?P<left>[^=]+?)\\equiv\s*(?P<rest>\d+)\s*(?:\(\s*|\\)?(?:\\?[bp]?mod|\\text\s*\{\s*\(?mod)\s*\}?\s*\{?"
    r"(?P<modulus>\d+)[\s})]*"
)
_NAME = re.compile(r"\s*(?:[A-Z][a-z]{2,}|[A-Za-z]{2,}(?: [a-z]{2,})+)\s*")
"""A name or phrase without a command for text, which may be read as a product."""


class Comparison(StrEnum):
    """From the best of several readings of an answer to the worst."""

    EQUAL = "equal"
    OPEN = "open"
    """Not decided without numbers."""
    DIFFERENT = "different"
    TOO_LARGE = "too_large"
    """A value is over the limits of `latex.exact`."""
    BAD_ANSWER = "bad_answer"
    """The answer could not be read."""
    BAD_GOLD = "bad_gold"
    """No gold could be read."""


_UNLIKE = (Comparison.BAD_ANSWER, Comparison.TOO_LARGE, Comparison.OPEN, Comparison.DIFFERENT)
"""From a part that may yet be equal to one that makes the whole answer different."""


def compare_exactly(golds: tuple[AcceptedGold, ...], answer: str, rules: Rules) -> Comparison:
    """The result if exact arithmetic and text decide it, else OPEN."""
    found = [_compare_one(gold, answer, ExactIdentity(), rules) for gold in golds]
    if Comparison.EQUAL in found:
        return Comparison.EQUAL
    return Comparison.DIFFERENT if set(found) == {Comparison.DIFFERENT} else Comparison.OPEN


def compare(golds: tuple[AcceptedGold, ...], answer: str, rules: Rules) -> Comparison:
    """The result for an answer; a gold that cannot be read is skipped if another can."""
    found = [_compare_one(gold, answer, NumericIdentity(), rules) for gold in golds]
    return min(found, key=list(Comparison).index, default=Comparison.BAD_GOLD)


def _compare_one(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison:
    if asked_order(rules.question):
        gold = replace(gold, text=as_ordered_list(gold.text, rules.question))
        answer = as_ordered_list(answer, rules.question)
    result = answer.rpartition("=")[2]
    if has_modulus(answer) and not has_modulus(result) and not has_modulus(gold.text):
        answer = result  # `17 \bmod 13 = 4`
    amount = read_amount(gold.text) if gold.type is None else None
    other = read_amount(answer) if amount else None
    if amount and other and max(amount[2], other[2]) > 1:
        return Comparison.EQUAL if amount[:2] == other[:2] else Comparison.DIFFERENT
    try:
        form = form_of(gold)
    except (BadGoldError, UnreadableError):
        if amount and amount[2] > 1:
            return Comparison.DIFFERENT
        if gold.type is None and gold.text[:1].isalpha() and same_words(gold.text, answer):
            return Comparison.EQUAL
        decided = _by_residues(gold.text, answer, rules.question) if gold.type is None else None
        return decided or _by_labels(gold, answer, identity, rules) or Comparison.BAD_GOLD
    asks_for_list = "separated by comma" in rules.question
    if asks_for_list and _GROUPED.fullmatch(gold.text.strip()):
        form = read(gold.text.replace(",", ", "))  # `70,110` are two numbers
    if isinstance(form, Words) and _is_letter(form) and names_other_choice(answer, form.text):
        return Comparison.DIFFERENT
    is_choice = gold.type is GoldType.CHOICE or (gold.type is None and _is_letter(form))
    if is_choice and isinstance(form, Words) and choice_letter(answer) == form.text:
        is_other = names_other_text(answer, form.text, rules.question)
        return Comparison.DIFFERENT if is_other else Comparison.EQUAL
    is_text = gold.type is GoldType.TEXT or (isinstance(form, Words) and not _is_letter(form))
    is_text |= gold.type is None and _NAME.fullmatch(gold.text) is not None
    if is_text and gold.type is not GoldType.CHOICE and same_words(gold.text, answer):
        return Comparison.EQUAL
    if gold.type in {GoldType.CHOICE, GoldType.TEXT}:
        return Comparison.DIFFERENT
    if gold.type in {None, GoldType.EQUATION}:
        decided = _by_residues(gold.text, answer, rules.question)
        if decided is not None:
            return decided
    is_decimal = _is_decimal_comma(gold) and not asks_for_list
    readings = _readings(gold, form, answer, is_decimal, rules.question)
    if isinstance(form, Region) and (named := with_asked_formula(answer, rules.question)) is not None:
        readings += _readings(gold, form, named, may_be_decimal=False)
    if (rest := after_asked(rules.question, answer)) is not None:
        readings += _readings(gold, form, rest, may_be_decimal=False)
    if not readings:
        return Comparison.DIFFERENT if isinstance(form, Words) else Comparison.BAD_ANSWER
    if "and" in answer and set(_JOINTS.findall(answer)) == {"and"} != set(_JOINTS.findall(gold.text)):
        readings = [_joined(reading) for reading in readings]
    comparer = Comparer(identity, gold.tolerance, rules)
    found = [_compare_forms(comparer, form, reading, gold.type) for reading in readings]
    best = min(found, key=list(Comparison).index)
    if best is not Comparison.EQUAL and (exact := before_rounded(gold, form, answer)) is not None:
        rounding = Comparer(identity, gold.tolerance, replace(rules, min_gold_digits=2, question=""))
        best = _compare_forms(rounding, form, exact, gold.type)
    if labelled_values(gold.text) and (best is not Comparison.EQUAL or labelled_values(answer)):
        best = _by_labels(gold, answer, identity, rules) or best
    if best is Comparison.EQUAL and repeats(rules.question, gold.text, answer):
        return Comparison.DIFFERENT
    return _as_chained(gold.text, answer, identity) if best is Comparison.EQUAL else best


def _as_chained(gold: str, answer: str, identity: Identity) -> Comparison:
    """The result for an answer that ends in the value of the gold: equal if its steps hold, and the decimal
    after it where the gold has one too."""
    try:
        holds = chains_hold(answer, identity) and not is_approximated_by_words(answer)
        if holds and has_approximation(gold):
            holds = is_near_its_decimal(answer, identity)
    except NeedsNumbersError:
        return Comparison.OPEN
    return Comparison.EQUAL if holds else Comparison.DIFFERENT


def _by_labels(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison | None:
    """The result for a gold of several values with labels; None for another gold."""
    wanted = labelled_values(gold.text) if gold.type is None else None
    if wanted is None:
        return None
    found = values_for(wanted, answer)
    if found is None:
        return Comparison.DIFFERENT
    results = [_compare_one(AcceptedGold(wanted[label]), found[label], identity, rules) for label in wanted]
    if Comparison.BAD_GOLD in results:
        return None
    return max(results, key=[Comparison.EQUAL, *_UNLIKE].index)


def _by_residues(gold: str, answer: str, question: str) -> Comparison | None:
    """The result for congruences; None if no modulus belongs to a whole text, or only one can be read."""
    gold_is, answer_is = has_modulus(gold), has_modulus(answer)
    if "\\begin" in gold + answer or (not gold_is and not answer_is):
        return None
    asked = _DIVIDED_BY.findall(question) if "equiv" in answer and not gold_is else []
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


def _joined(form: Form) -> Form:
    """The answer `x < 2 and x > 5` is no number; in a gold it may stand for both intervals."""
    if isinstance(form, Named) and isinstance(form.form, Region):
        return replace(form, form=replace(form.form, must_hold=True))
    return form


def _compare_forms(comparer: Comparer, gold: Form, answer: Form, kind: GoldType | None) -> Comparison:
    question = comparer.rules.question
    if kind is GoldType.EQUATION and not is_equation(answer):
        return Comparison.DIFFERENT
    if not comparer.rules.inequality_for_membership and _is_evasive(gold, answer):
        return Comparison.DIFFERENT
    answer = as_typed(answer, kind)
    if kind is GoldType.TUPLE and isinstance(answer, Named) and isinstance(answer.form, Region):
        return Comparison.DIFFERENT
    gold = with_asked_unit(gold, answer, question)
    gold = with_asked_names(gold, answer, question)
    gold, answer = in_asked_order(gold, answer, question)
    try:
        alike = with_gold_letters(gold, answer, question)
        is_same = comparer.same(gold, answer) or any(comparer.same(gold, each) for each in alike)
        is_same = is_same or same_with_parameter(gold, answer, question)
        is_done = is_same and not is_undone(question, gold, answer, comparer.same)
        return Comparison.EQUAL if is_done else Comparison.DIFFERENT
    except NeedsNumbersError:
        return Comparison.OPEN
    except (TooLargeError, RecursionError):
        return Comparison.TOO_LARGE
    except UndefinedError:
        return Comparison.DIFFERENT
    except NotExactError:
        return Comparison.BAD_ANSWER


def _is_evasive(gold: Form, answer: Form) -> bool:
    """Whether the gold is a set (`x \\in ...`) and the answer an inequality."""
    match gold, answer:
        case Named(form=Region(), is_membership=True), Named(form=Region(), is_membership=False):
            return True
    return False


def _readings(
    gold: AcceptedGold, form: Form, answer: str, may_be_decimal: bool, question: str = ""
) -> list[Form]:
    """The possible readings of an answer, given the form of the gold, whose comma may be a decimal one."""
    texts = [answer]
    if (unrounded := without_rounding(answer)) is not None:
        texts.append(unrounded)
    if "interval" in question and (ends := _ENDS.fullmatch(answer)) is not None:
        texts.append(f"({ends[1]}-{ends[2]},{ends[1]}+{ends[2]})")
    comma = _DECIMAL_COMMA.fullmatch(answer)
    is_number = isinstance(form, Value) and form.literal is not None
    if comma and is_number and not _GROUPED.fullmatch(answer.strip()):
        texts.append(f"{comma[1]}{comma[2]}.{comma[3]}")
    if isinstance(form.form if isinstance(form, Named) else form, Many):
        texts += [each for each in (as_list(answer), written_out(answer), _POINT.sub("", answer)) if each]
    if isinstance(form, Based):
        texts.append(without_name(answer) if "_" in answer else f"{answer}_{{{form.base}}}")
    spaced = with_letters(answer, _letters_of(form))
    if spaced != answer:
        texts.append(spaced)
    if isinstance(form, Value) and (spelled := counted(answer)) is not None:
        texts.append(spelled)
    free = with_free_signs(answer)
    if free is not None:
        texts.append(free)
    lettered = LETTER_BEFORE_VALUE.match(answer)
    if lettered and not _is_letter(form) and gold.letter in {"", lettered[1]}:
        texts.append(answer[lettered.end() :])
    found = []
    for text in dict.fromkeys(texts):
        try:
            found.append(read(text))
        except (UnreadableError, RecursionError):
            continue
    if may_be_decimal and any(isinstance(each, Value) and each.literal is not None for each in found):
        decimal = read(gold.text.strip().strip("$").replace(",", "."))
        found = [each if each != decimal else form for each in found]
    return found


def _is_decimal_comma(gold: AcceptedGold) -> bool:
    """`1,22` and `0,111` may be decimals; `1,2` is a list first, `1,222` a thousand."""
    comma = None if gold.type else _DECIMAL_COMMA.fullmatch(gold.text)
    return comma is not None and len(comma[3]) > 1 and not _GROUPED.fullmatch(gold.text.strip())


def _letters_of(form: Form) -> frozenset[str]:
    match form:
        case Value(node) | Named(_, Value(node)):
            return variables(node)
    return frozenset()


def _is_letter(form: Form) -> bool:
    return isinstance(form, Words) and len(form.text) == 1 and form.text.isupper() and form.text.isascii()
