"""The possible readings of an answer, given the form of the gold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from or1_verify.latex.alignment import with_asked_formula
from or1_verify.latex.bases import counted
from or1_verify.latex.chains import without_rounding
from or1_verify.latex.enumerated import written_out
from or1_verify.latex.forms import Based, Form, Many, Named, Region, Value
from or1_verify.latex.notations import as_list, without_name
from or1_verify.latex.reader import read
from or1_verify.latex.signs import with_free_signs
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import variables
from or1_verify.latex.undone import after_asked
from or1_verify.latex.units import with_letters
from or1_verify.math.choice import LETTER_BEFORE_VALUE
from or1_verify.math.gold import AcceptedGold, form_of, is_letter

_DECIMAL_COMMA = re.compile(r"\s*(?:\$\s*)?([-+]?)(?:(?<=[-+])\s*)?(\d+),(\d+)\s*(?:\$\s*)?")
_POINT = re.compile(r"(?<![A-Za-z\\])[A-Z]'?(?:_\{?\d\}?)?\s*(?=(?:\\left\s*)?\([^()]*,)")
"""The name of a point before its coordinates: `P(1, 2)`."""
_DETERMINANT = re.compile(r"\s*\\begin\{vmatrix\}[^=]*\\end\{vmatrix\}\s*=(?!.*\\begin)", re.DOTALL)
_FOR_ALL = re.compile(
    r"\\text\s*\{\s*,?\s*for (?:all|every|any)(?: real)?(?: numbers?)?\s*\}\s*[a-z]"
    r"(?=\s*(?:,|;|\\text\s*\{\s*(?:,\s*)?(?:and|or)\b))"
)
"""A domain before other values, for the last of which it is said again."""
_GROUPED = re.compile(r"[1-9]\d{0,2},\d{3}")
_ENDS = re.compile(r"\s*(-?[\d.]+)\s*\\pm\s*([\d.]+)\s*")
_JOINTS = re.compile(r"(?<![A-Za-z\\])(and|or)(?![A-Za-z])")
_LIST_ASKED = "separated by comma"


def gold_form(gold: AcceptedGold, question: str) -> Form:
    """The form of a gold: `70,110` is two numbers where the question asks for a list with commas.

    Raises:
        UnreadableError: the text has no form that this package can read.
        BadGoldError: the form does not fit the type.
    """
    form = form_of(gold)
    if _LIST_ASKED in question and _GROUPED.fullmatch(gold.text.strip()):
        return read(gold.text.replace(",", ", "))
    return form


def readings_of(gold: AcceptedGold, form: Form, answer: str, question: str) -> list[Form]:
    """The forms that an answer may have, without those that cannot be read."""
    is_decimal = _is_decimal_comma(gold) and _LIST_ASKED not in question
    found = _read_each(gold, form, _texts(gold, form, answer, question), is_decimal)
    others = [
        with_asked_formula(answer, question) if isinstance(form, Region) else None,
        after_asked(question, answer),
    ]
    for other in others:
        if other is not None:
            found += _read_each(gold, form, _texts(gold, form, other), is_decimal=False)
    if "and" in answer and set(_JOINTS.findall(answer)) == {"and"} != set(_JOINTS.findall(gold.text)):
        return [_joined(each) for each in found]
    return found


def _texts(gold: AcceptedGold, form: Form, answer: str, question: str = "") -> Iterator[str]:
    """An answer as it stands, and as the form of the gold suggests to write it."""
    yield answer
    if (unrounded := without_rounding(answer)) is not None:
        yield unrounded
    if "interval" in question and (ends := _ENDS.fullmatch(answer)) is not None:
        yield f"({ends[1]}-{ends[2]},{ends[1]}+{ends[2]})"
    if " by " in gold.text and "\\times" in answer:
        yield answer.replace("\\times", " by ")
    if (short := _FOR_ALL.sub("", answer)) != answer:
        yield short
    if (after := _DETERMINANT.match(answer)) is not None:
        yield answer[after.end() :]
    comma = _DECIMAL_COMMA.fullmatch(answer)
    if comma and _is_number(form) and not _GROUPED.fullmatch(answer.strip()):
        yield f"{comma[1]}{comma[2]}.{comma[3]}"
    if isinstance(form.form if isinstance(form, Named) else form, Many):
        yield from filter(None, (as_list(answer), written_out(answer), _POINT.sub("", answer)))
    if isinstance(form, Based):
        yield without_name(answer) if "_" in answer else f"{answer}_{{{form.base}}}"
    yield with_letters(answer, _letters_of(form))
    if isinstance(form, Value) and (spelled := counted(answer)) is not None:
        yield spelled
    if (free := with_free_signs(answer)) is not None:
        yield free
    lettered = LETTER_BEFORE_VALUE.match(answer)
    if lettered and not is_letter(form) and gold.letter in {"", lettered[1]}:
        yield answer[lettered.end() :]


def _read_each(gold: AcceptedGold, form: Form, texts: Iterator[str], is_decimal: bool) -> list[Form]:
    """The forms of texts; `is_decimal`: the comma of the gold may be a decimal one."""
    found = []
    for text in dict.fromkeys(texts):
        try:
            found.append(read(text))
        except (UnreadableError, RecursionError):
            continue
    if is_decimal and any(map(_is_number, found)):
        decimal = read(gold.text.strip().strip("$").replace(",", "."))
        found = [each if each != decimal else form for each in found]
    return found


def _is_number(form: Form) -> bool:
    return isinstance(form, Value) and form.literal is not None


def _joined(form: Form) -> Form:
    """The answer `x < 2 and x > 5` is no number; in a gold it may stand for both intervals."""
    if isinstance(form, Named) and isinstance(form.form, Region):
        return replace(form, form=replace(form.form, must_hold=True))
    return form


def _is_decimal_comma(gold: AcceptedGold) -> bool:
    """`1,22` and `0,111` may be decimals; `1,2` is a list first, `1,222` a thousand."""
    comma = None if gold.type else _DECIMAL_COMMA.fullmatch(gold.text)
    return comma is not None and len(comma[3]) > 1 and not _GROUPED.fullmatch(gold.text.strip())


def _letters_of(form: Form) -> frozenset[str]:
    match form:
        case Value(node) | Named(_, Value(node)):
            return variables(node)
    return frozenset()
