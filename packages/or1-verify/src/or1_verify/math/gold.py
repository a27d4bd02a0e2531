"""Golds: the formats of the correct answer of a problem, and the meaning of its type.

A gold is a text or number whose type shows in its form, a list of accepted golds, or `{"type": ..., "value":
...}` with an optional `"tolerance"` (largest difference of two equal numbers [unit of the answer]).

| type | effect |
| --- | --- |
| integer, rational | exact: no rounded decimal is accepted |
| decimal | within the tolerance, if one is given |
| expression, matrix | none beyond the form |
| interval | `(1, 2)` is an interval, not a pair |
| set, list, tuple | whether order and repetition matter, for any brackets of the answer |
| equation | the answer has to be an equation or inequality |
| choice | one letter, in any markup |
| text | compared as words |
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from or1_verify.answer import final_answer
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Many, Named, Order, Region, Relation, Scoped, Value, Words
from or1_verify.latex.identity import ExactIdentity, NeedsNumbersError
from or1_verify.latex.labels import labelled_values
from or1_verify.latex.matrices import grid_of
from or1_verify.latex.normal import is_same_text
from or1_verify.latex.notations import gold_as_list, in_plain_words
from or1_verify.latex.reader import read
from or1_verify.latex.regions import as_region
from or1_verify.latex.signs import with_free_signs
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.units import with_letters
from or1_verify.math.choice import LETTER_BEFORE_VALUE, choice_letter, choices_of
from or1_verify.math.unboxed import read_unboxed
from or1_verify.types import Gold, Problem


class GoldType(StrEnum):
    INTEGER = "integer"
    RATIONAL = "rational"
    DECIMAL = "decimal"
    EXPRESSION = "expression"
    INTERVAL = "interval"
    SET = "set"
    LIST = "list"
    TUPLE = "tuple"
    MATRIX = "matrix"
    EQUATION = "equation"
    CHOICE = "choice"
    TEXT = "text"


class BadGoldError(Exception):
    """The gold cannot be used. The response is not judged."""


@dataclass(frozen=True, slots=True)
class AcceptedGold:
    """One of the golds that a problem accepts."""

    text: str
    type: GoldType | None = None
    """None: as its form shows."""
    tolerance: Fraction | None = None
    letter: str = ""
    """The letter of the choice of which it is the text."""


_ORDERS = {GoldType.SET: Order.SET, GoldType.LIST: Order.LIST, GoldType.TUPLE: Order.TUPLE}
_BRACKETS = {GoldType.SET: r"\{%s\}", GoldType.LIST: "%s", GoldType.TUPLE: "(%s)"}
_LONGEST = 300
"""Longest gold that is read as an answer; a longer one is read as a solution text [characters]."""
_SHORT_BOX = re.compile(r"\\boxed\{([^{}]*)\}")
_JOINED_BOXES = re.compile(r"(?:\\boxed\{[^{}]*\}(?:[^.{}]{0,20}(?:\band\b|,)\W*|\s*)){2}")
_ALL_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_LETTER_ALONE = re.compile(r"[(\[]([A-Z])[)\]]|([A-Z])[.:)]")
_DECISION = re.compile(r"\s*(?:do not |fail to )?(?:reject|accept)\b", re.IGNORECASE)
"""The decision of a test of a hypothesis."""
_NUMBER_AND_SIGN = re.compile(r"\s*\$?\s*(-?[\d.,]*\d)\s*(?:\\[,;: ]|~)?\s*\$?\s*([JNWVAKC])\s*\$?\s*")
"""A number and the sign of a unit, which may be a letter."""
_ROUNDED = re.compile(
    r".*\\approx(?![A-Za-z])([^A-Za-z]*\d[^A-Za-z]*(?:\\(?:text|mathrm)\s*\{[^{}]*\}|[a-z]+)?[\s$]*)$",
    re.DOTALL,
)
_LONGEST_SENTENCE = 5
"""Most words of a gold that is compared as words; a longer one has other wordings too [words]."""
_SENTENCE = re.compile(r"[A-Za-z][a-z'-]*(?:,?\s+[A-Za-z][a-z'-]*)*\.?")
_BOX_OPEN = re.compile(r"\\+boxed\{")


def accepted_golds(gold: Gold) -> tuple[AcceptedGold, ...]:
    """The golds that a problem accepts: one, or each of a list.

    Raises:
        BadGoldError: there is no usable gold.
    """
    if isinstance(gold, list):
        found = tuple(each for one in gold for each in accepted_golds(one))
    elif isinstance(gold, dict):
        found = (_typed(gold),)
    else:
        found = (AcceptedGold(_text(gold)),)
    found = tuple(reading for each in found if each.text.strip() for reading in _readings(each))
    if not found:
        raise BadGoldError("the gold is empty")
    return found


def _readings(gold: AcceptedGold) -> tuple[AcceptedGold, ...]:
    r"""`412,538,907` is a number, and a list too; `(B) 12` is its letter alone too, and its text alone; the
    letters of `2\pi hr` may be a unit or factors; `\frac23 \approx 0.67` accepts the rounded number."""
    spaced = with_letters(gold.text, _ALL_LETTERS) if gold.type is None and "\\pi" in gold.text else gold.text
    others = (
        None if gold.type else gold_as_list(gold.text),
        None if gold.type else _with_unit(gold.text),
        with_free_signs(gold.text),
        None if spaced == gold.text else spaced,
    )
    found = (gold, *(replace(gold, text=other) for other in others if other is not None))
    if gold.type is None and "approx" in gold.text and (rounded := _ROUNDED.match(gold.text)):
        found = (*found, replace(gold, text=rounded[1]))
    lettered = None if gold.type else LETTER_BEFORE_VALUE.match(gold.text)
    letter = choice_letter(gold.text) if lettered else None
    if lettered is None or letter is None:
        return found
    alone = replace(gold, text=gold.text[lettered.end() :], letter=letter)
    return (*found, alone, replace(gold, text=letter, type=GoldType.TEXT))


def _with_unit(text: str) -> str | None:
    """A number and the sign of a unit alone: `6 J` is 6 joules, or six times J."""
    found = _NUMBER_AND_SIGN.fullmatch(text)
    return None if found is None else rf"{found[1]}\text{{ {found[2]}}}"


def golds_of(problem: Problem) -> tuple[AcceptedGold, ...]:
    """The accepted golds of a problem. Where its question lists choices, a letter and the text of its choice
    stand for each other.

    Raises:
        BadGoldError: there is no usable gold.
    """
    golds = accepted_golds(problem.gold)
    choices = choices_of(problem.prompt[-1].content) if problem.prompt else {}
    if not choices:
        return golds
    return tuple(dict.fromkeys(each for gold in golds for each in _with_choice(gold, choices)))


def _with_choice(gold: AcceptedGold, choices: Mapping[str, str]) -> tuple[AcceptedGold, ...]:
    kind = gold.type
    letter = choice_letter(gold.text) if kind in {None, GoldType.CHOICE} else None
    if letter is not None and letter in choices:
        return gold, AcceptedGold(choices[letter], letter=letter), AcceptedGold(letter, GoldType.CHOICE)
    for label, text in choices.items():
        if not gold.letter and kind is not GoldType.CHOICE and is_same_text(text, gold.text):
            return replace(gold, letter=label), AcceptedGold(label, GoldType.CHOICE)
    return (gold,)


def _typed(gold: dict[str, object]) -> AcceptedGold:
    unknown = gold.keys() - {"type", "value", "tolerance"}
    if unknown or not {"type", "value"} <= gold.keys():
        raise BadGoldError(
            f"a typed gold has the keys type, value and optionally tolerance, not {sorted(gold)}"
        )
    if gold["type"] not in list(GoldType):
        raise BadGoldError(f"unknown gold type {gold['type']!r}: use one of {', '.join(GoldType)}")
    kind = GoldType(str(gold["type"]))
    value, tolerance = gold["value"], gold.get("tolerance")
    if isinstance(value, list):
        if kind not in _BRACKETS:
            raise BadGoldError(f"a gold of type {kind} has one value, not a list")
        value = _BRACKETS[kind] % ", ".join(_text(each) for each in value)
    if tolerance is not None and (not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf):
        raise BadGoldError(f"tolerance {tolerance!r} is not a number >= 0")
    return AcceptedGold(_text(value), kind, None if tolerance is None else Fraction(str(tolerance)))


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadGoldError(f"gold {value!r} is neither a text nor a number")
    return str(value)


@lru_cache(maxsize=8192)
def form_of(gold: AcceptedGold) -> Form:
    """The form of a gold, by its type and text.

    Raises:
        UnreadableError: the text has no form that this package can read.
        BadGoldError: the form does not fit the type.
    """
    if gold.type in {GoldType.TEXT, GoldType.CHOICE}:
        return Words(_only_letter(gold.text) if gold.type is GoldType.CHOICE else gold.text)
    if gold.type is None and _DECISION.match(in_plain_words(gold.text)):
        return Words(gold.text)
    try:
        form = as_typed(read(_final(gold.text)), gold.type)
    except UnreadableError:
        if gold.type is None and _is_sentence(gold.text):
            return Words(gold.text)
        raise
    if not _fits(form, gold.type):
        raise BadGoldError(f"gold {gold.text!r} is not of type {gold.type}")
    if isinstance(form, Words) and (letter := _LETTER_ALONE.fullmatch(form.text)):
        return Words(letter[1] or letter[2])
    if isinstance(form, Words) and not any(character.isalnum() for character in form.text):
        raise BadGoldError(f"gold {gold.text!r} has no letter or digit")
    return form


def _is_sentence(text: str) -> bool:
    """Whether a gold is a few words alone: `Not a subspace`."""
    words = " ".join(in_plain_words(text).split())
    return _SENTENCE.fullmatch(words) is not None and 1 < len(words.split()) <= _LONGEST_SENTENCE


def fits_its_type(gold: AcceptedGold) -> bool:
    """Whether the text of a gold is of its type; true for a text that cannot be read."""
    try:
        form_of(gold)
    except UnreadableError:
        return True
    except BadGoldError:
        return False
    return True


def why_unreadable(gold: Gold) -> str:
    """Why the first accepted gold that cannot be read cannot; empty if all can.

    Raises:
        BadGoldError: there is no usable gold.
    """
    for accepted in accepted_golds(gold):
        try:
            form_of(accepted)
        except UnreadableError as error:
            if accepted.type is None and labelled_values(accepted.text):
                continue
            return f"it cannot be read: {error}"
        except BadGoldError as error:
            return str(error)
    return ""


def as_typed(form: Form, kind: GoldType | None) -> Form:
    """A form converted to a type: of a typed gold, or of an answer to one."""
    if isinstance(form, Scoped):
        return replace(form, form=as_typed(form.form, kind))
    if isinstance(form, Named) and form.name.startswith("("):
        return replace(form, form=as_typed(form.form, kind))
    if kind in {GoldType.INTEGER, GoldType.RATIONAL} and isinstance(form, Value):
        return replace(form, literal=None)
    if kind is GoldType.INTERVAL and isinstance(form, Many):
        region = as_region(form)
        return form if region is None or form.order is not Order.TUPLE else region
    if kind not in _ORDERS:
        return form
    inner = form.form if isinstance(form, Named) else form
    match inner:
        case Many(order, items):
            keeps = order is Order.SET and kind is GoldType.TUPLE
            return form if keeps else Many(_ORDERS[kind], items)
        case Region((span,)) if (span.has_low, span.has_high) == (True, True):
            return Many(_ORDERS[kind], (Value(span.low), Value(span.high)))
        case Value() | Words():
            return Many(_ORDERS[kind], (inner,))
    return form


def _fits(form: Form, kind: GoldType | None) -> bool:
    form = form.form if isinstance(form, Scoped) else form
    inner = form.form if isinstance(form, Named) else form
    match kind:
        case GoldType.INTEGER | GoldType.RATIONAL | GoldType.DECIMAL:
            return isinstance(inner, Value) and _is_number(inner, whole=kind is GoldType.INTEGER)
        case GoldType.INTERVAL:
            return isinstance(inner, Region)
        case GoldType.SET | GoldType.LIST | GoldType.TUPLE:
            return isinstance(inner, Many)
        case GoldType.MATRIX:
            return isinstance(inner, Value) and grid_of(inner.node) is not None
        case GoldType.EQUATION:
            return is_equation(form)
    return True


def is_equation(form: Form) -> bool:
    return isinstance(form.form if isinstance(form, Scoped) else form, Relation | Named)


def is_letter(form: Form) -> bool:
    """Whether a form is one capital letter, the label of a choice."""
    return isinstance(form, Words) and len(form.text) == 1 and form.text.isupper() and form.text.isascii()


def _is_number(value: Value, whole: bool) -> bool:
    try:
        number = ExactIdentity().value(value.node)
    except (NeedsNumbersError, NotExactError, UndefinedError, TooLargeError):
        return False
    return not whole or number.denominator == 1


def _only_letter(text: str) -> str:
    letter = choice_letter(text)
    if letter is None:
        raise BadGoldError(f"gold {text!r} is not a choice letter")
    return letter


def _final(text: str) -> str:
    r"""A gold may be the end of a solution text: `\boxed{1} and \boxed{2}` is `1, 2`."""
    if "boxed" not in text:
        return read_unboxed(text).value or text if len(text) > _LONGEST else text
    boxes = _SHORT_BOX.findall(text)
    if len(boxes) > 1 and _JOINED_BOXES.search(text):
        return ", ".join(boxes)
    return final_answer(text) or _BOX_OPEN.sub("", text)
