r"""Read functions by pieces: `\begin{cases} x, & x \ge 0 \\ -x, & x < 0 \end{cases}`, and systems."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from or1_verify.latex.domains import RELATION
from or1_verify.latex.forms import Cases, Form, Named, Region, Value
from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.regions import as_region, point
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    Node,
    variables,
)

_CASES = re.compile(
    r"(?P<head>[^&]*?)(?:\\left\s*)?(?:\\\{)?\s*\\begin\s*\{(?P<kind>[dr]?cases|array|aligned|matrix)\}(?:\s*\{[clr|\s]*\})?"
    r"(?P<rows>.*)\\end\s*\{(?P=kind)\}\s*(?:\\right\s*\.?)?",
    re.DOTALL,
)
_SIGN = rf"=|{RELATION.pattern}"
_CONDITION = re.compile(
    r",?\s*\b(?:if|for|when|where|with)\b|,(?=[^,]*(?:" + _SIGN + r"|\b(?:even|odd|otherwise|else)\b))"
)
_WORDS = re.compile(r"^[\s,]*(?:(?:if|for|when|where|with|on|all)\b)?[\s,]*|[\s,;.]+$")
_REST = re.compile(r"otherwise|else(?:where)?|(?:in )?(?:all )?other(?:wise)?(?: cases| values)?")
_IF = re.compile(r"(?<![A-Za-z\\])(?:if|when|for|otherwise|elsewhere)(?![A-Za-z])")
_JOINT = re.compile(r"[,;]\s*(?:and\s+)?|\s+and\s+")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_LONG_WORD = re.compile(r"[A-Za-z]{3,}")
_FEWEST = 2
"""Fewest pieces of a sentence."""
_SIZE = re.compile(r"^(?:\\lvert|\|)\s*([a-z])\s*(?:\\rvert|\|)\s*=\s*(.+)$")
_EQUATIONS = re.compile(r"[^=]*=[^=]*")


def read_cases(text: str, read: Callable[[str], Form]) -> Form | None:
    r"""A function by its pieces, or a system of equations as a list; None for another text.

    Raises:
        UnreadableError: rows that are neither.
    """
    found = _CASES.fullmatch(text.strip().rstrip(".,;"))
    if found is None or ("\\{" not in text and "cases" not in found["kind"]):
        return None
    rows = [row for row in found["rows"].split(r"\\") if row.strip(" ,;&")]
    head = found["head"].strip().removesuffix("=").strip()
    if not head and all(_EQUATIONS.fullmatch(row) and not _condition_in(row)[1] for row in rows):
        return read(", ".join(row.replace("&", "").strip(" ,;.") for row in rows))
    return _under(head, _cases(rows, read), read)


def read_worded_cases(text: str, read: Callable[[str], Form]) -> Form | None:
    """A function by its pieces in words: `n/2 if n is even, (n+1)/2 if n is odd`; None for another text."""
    if not any(word in text for word in ("if", "when", "for", "wise")) or len(_IF.findall(text)) < _FEWEST:
        return None
    plain = " ".join(in_plain_words(text).split()).rstrip(". ")
    marks = list(_IF.finditer(plain))
    if len(marks) < _FEWEST:
        return None
    values, conditions = [plain[: marks[0].start()]], list[str]()
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(plain)
        between = plain[mark.end() : end]
        if _REST.fullmatch(mark.group()):
            between = f"otherwise {between}"
        condition, value = (between, "") if number + 1 == len(marks) else _parted(between)
        conditions.append(condition)
        values += [value] if value else []
    if len(values) != len(conditions):
        return None
    heads = {each.rpartition("=")[0].strip() for each in values if "=" in each}
    rows = [f"{value.rpartition('=')[2]} & {where}" for value, where in zip(values, conditions, strict=True)]
    plain_values = (_COMMAND.sub(" ", value.rpartition("=")[2]) for value in values)
    if len(heads) > 1 or any(map(_LONG_WORD.search, plain_values)):
        return None
    return _under(heads.pop() if heads else "", _cases(rows, read), read)


def _parted(between: str) -> tuple[str, str]:
    """A condition and the value of the next piece, after the last comma or "and" outside brackets."""
    for found in reversed(list(_JOINT.finditer(between))):
        value = between[found.end() :]
        is_whole = all(value.count(left) == value.count(right) for left, right in ("()", "[]", "{}"))
        if is_whole and value.strip():
            return between[: found.start()], value
    return between, ""


def _under(head: str, cases: Cases, read: Callable[[str], Form]) -> Form:
    if not head:
        return cases
    named = read(f"{head} = 1")
    if not isinstance(named, Named):
        raise UnreadableError("a name of a function that is none")
    return replace(named, form=cases)


def _condition_in(row: str) -> tuple[str, str]:
    """The value of a row, and its condition."""
    value, mark, condition = row.partition("&")
    if not mark:
        plain = in_plain_words(row)
        start = _CONDITION.search(plain)
        value, condition = (plain[: start.start()], plain[start.start() :]) if start else (plain, "")
    return value.strip(" ,;"), _WORDS.sub("", _WORDS.sub("", in_plain_words(condition.replace("&", " "))))


def _cases(rows: list[str], read: Callable[[str], Form]) -> Cases:
    pieces: list[tuple[Node, Region | str]] = []
    name = ""
    for row in rows:
        text, condition = _condition_in(row)
        value = read(text)
        if not isinstance(value, Value) or value.unit or value.is_percent or not condition:
            raise UnreadableError("a row of cases without a value and a condition")
        where = "" if _REST.fullmatch(condition) else _where(condition, read)
        if isinstance(where, Named):
            if name not in {"", where.name}:
                raise UnreadableError("cases of several variables")
            name, region = where.name, _region(where.form)
            pieces.append((value.node, region))
        else:
            pieces.append((value.node, where))
    return Cases(name, tuple(pieces))


def _where(condition: str, read: Callable[[str], Form]) -> Named | str:
    is_congruence = "mod" in condition
    condition = _SIZE.sub(r"\1 = \\pm \2", condition)
    try:
        form = None if is_congruence else read(condition)
    except UnreadableError:
        form = None
    if isinstance(form, Named) and (isinstance(form.form, Value) or as_region(form.form) is not None):
        return form
    if re.search(_SIGN, condition) and not is_congruence:
        raise UnreadableError("a condition of cases")
    return " ".join(re.sub(r"\b(?:is|an?)\b|[{}$]", " ", condition.lower()).split())


def _region(form: Form) -> Region:
    region = point(form.node) if isinstance(form, Value) else as_region(form)
    if (
        region is None
        or len(region.conditions) > 1
        or any(variables(end) for span in region.spans for end in (span.low, span.high))
    ):
        raise UnreadableError("a condition of cases")
    return region
