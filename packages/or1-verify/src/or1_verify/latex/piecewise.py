r"""Functions by pieces: `\begin{cases} x, & x \ge 0 \\ -x, & x < 0 \end{cases}`; systems of equations."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Cases, Form, Named, Region, Scoped, Span, Value
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError, is_infinite
from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.regions import as_region, point
from or1_verify.latex.switches import between_turns, turning_places
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import (
    ONE,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    negated,
    replaced,
    variables,
)

_CASES = re.compile(
    r"(?P<head>[^&]*?)(?:\\left\s*)?(?:\\\{)?\s*\\begin\s*\{(?P<kind>[dr]?cases|array|aligned|matrix)\}(?:\s*\{[clr|\s]*\})?"
    r"(?P<rows>.*)\\end\s*\{(?P=kind)\}\s*(?:\\right\s*\.?)?",
    re.DOTALL,
)
_ROW_END = re.compile(r"\\\\(?:\s*\[[^\]]*\])?")
_SIGN = r"[<>=≤≥≠∈]|\\(?:[lg]eq?(?:slant)?|[lg]t|neq?|in)(?![A-Za-z])"
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
_PARITY = re.compile(
    r"(?P<name>[a-z]) ?(?P<parity>even|odd)|(?P<other>[a-z]) ?\\?equiv ?(?P<rest>[01]) ?\(?\\?p?mod ?2\)?"
)
_WHOLE = (*range(1, 41), 112, 113, 2_000, 2_001)
"""Whole numbers at which functions of parity are compared, which may be rounded."""
_SIZE = re.compile(r"^(?:\\lvert|\|)\s*([a-z])\s*(?:\\rvert|\|)\s*=\s*(.+)$")
_EQUATIONS = re.compile(r"[^=]*=[^=]*")
_NEAR = Fraction(1, 10**40)
"""Two ends of intervals that are no farther apart are one: values have sixty digits."""


def read_cases(text: str, read: Callable[[str], Form]) -> Form | None:
    r"""A function by its pieces, or a system of equations as a list; None for another text.

    Raises:
        UnreadableError: rows that are neither.
    """
    found = _CASES.fullmatch(text.strip().rstrip(".,;"))
    if found is None or ("\\{" not in text and "cases" not in found["kind"]):
        return None
    rows = [row for row in _ROW_END.split(found["rows"]) if row.strip(" ,;&")]
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


def same_cases(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Whether two functions have the same values on the same domain.

    Between the ends of all intervals one piece of each holds, and these are compared there: where an end or
    two bound the place, by an expression that takes no other values than those between them.
    """
    names = {text for _, text in (*gold.pieces, *answer.pieces) if isinstance(text, str) and text}
    if names:
        return _same_by_parity(gold, answer, identity) or _same_by_words(gold, answer, identity)
    if isinstance(identity, ExactIdentity):
        raise NeedsNumbersError  # it may take long, and the process that decides exactly has no limit
    x = Symbol(gold.name or answer.name)
    if answer.name and answer.name != x.name:
        answer = Cases(
            x.name, tuple((replaced(node, Symbol(answer.name), x), at) for node, at in answer.pieces)
        )
    ends = _ends(gold, answer, x.name, identity)
    places = [(end, end) for end in ends] + list(pairwise([None, *ends, None]))
    for low, high in places:
        pair = [_piece_at(cases, low, high, identity) for cases in (gold, answer)]
        if pair[0] is None or pair[1] is None:
            if pair[0] is not pair[1]:
                return False
            continue
        left, right = (_between(node, x, low, high) for node in pair if node is not None)
        if not identity.equal(left, right):
            return False
    return True


def _between(node: Node, x: Symbol, low: End | None, high: End | None) -> Node:
    """A value between two ends, or at one; as a function of `u` that takes the values between them."""
    inside = _inside(low, high)
    if low is not high and turning_places(node, x.name):
        first = low[1] if low is not None else (high[1] - 2 if high is not None else Fraction(0))
        last = high[1] if high is not None else first + 2
        with contextlib.suppress(NotExactError, UndefinedError, TooLargeError):
            node = between_turns(node, {x.name: (first + last) / 2})
    return node if inside is None else replaced(node, x, inside)


def as_cases(form: Form) -> Cases | None:
    """A function by its pieces; one expression of one variable is one piece."""
    match form:
        case Cases():
            return form
        case Value(node, unit="") if len(variables(node)) < 2:
            return Cases(next(iter(variables(node)), ""), ((node, ""),))
        case Named(_, inner) | Scoped(inner):
            return as_cases(inner)
    return None


End = tuple[Node, Fraction]


def _ends(gold: Cases, answer: Cases, name: str, identity: Identity) -> list[End]:
    """The ends of all intervals, and the places where absolute values, maxima and minima turn."""
    pieces = (*gold.pieces, *answer.pieces)
    spans = [span for _, where in pieces if isinstance(where, Region) for span in where.spans]
    nodes: list[Node] = [end for span in spans for end in (span.low, span.high)]
    nodes += [Number(place) for node, _ in pieces for place in turning_places(node, name) or ()]
    found = sorted(
        ((node, identity.value(node)) for node in nodes if not is_infinite(node)), key=lambda end: end[1]
    )
    return [end for number, end in enumerate(found) if not number or end[1] - found[number - 1][1] > _NEAR]


def _piece_at(cases: Cases, low: End | None, high: End | None, identity: Identity) -> Node | None:
    """The first piece that holds between two ends, or at one; the piece without a condition else."""
    for node, where in cases.pieces:
        if isinstance(where, Region) and any(_covers(span, low, high, identity) for span in where.spans):
            return node
    return next((node for node, where in cases.pieces if where == ""), None)


def _covers(span: Span, low: End | None, high: End | None, identity: Identity) -> bool:
    is_point = low is not None and low is high
    for bound, has_bound, end, sign in (
        (span.low, span.has_low, low, 1),
        (span.high, span.has_high, high, -1),
    ):
        if is_infinite(bound):
            continue
        if end is None:
            return False
        beyond = sign * (end[1] - identity.value(bound))
        if beyond < -_NEAR or (is_point and not has_bound and beyond <= _NEAR):
            return False
    return True


def _inside(low: End | None, high: End | None) -> Node | None:
    """An expression of `u` whose values are those between two ends; None for all numbers."""
    if low is not None and low is high:
        return low[0]
    square = Power(Symbol("u"), Number(Fraction(2)))
    if low is not None and high is not None:
        width = Sum((high[0], negated(low[0])))
        return Sum((low[0], Quotient(Product((width, square)), Sum((ONE, square)))))
    if low is not None:
        return Sum((low[0], square))
    return None if high is None else Sum((high[0], negated(square)))


def _same_by_words(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Pieces by conditions in words (`n even`): the same conditions, and their values."""
    wanted, found = (
        {_key(where, cases.name): node for node, where in cases.pieces} for cases in (gold, answer)
    )
    if wanted.keys() != found.keys() or len(wanted) < len(gold.pieces):
        return False
    return all(identity.equal(node, found[where]) for where, node in wanted.items())


def _same_by_parity(gold: Cases, answer: Cases, identity: Identity) -> bool:
    """Functions of whole numbers with a piece for even and one for odd ones, or one formula for both."""
    wanted, found = _by_parity(gold), _by_parity(answer)
    names = {each[0] for each in (wanted, found) if each and each[0]}
    if wanted is None or found is None or len(names) != 1:
        return False
    (name,) = names
    for number in _WHOLE:
        at = Number(Fraction(number))
        left, right = (replaced(each[1][number % 2], Symbol(name), at) for each in (wanted, found))
        if not identity.equal(left, right):
            return False
    return True


def _by_parity(cases: Cases) -> tuple[str, tuple[Node, Node]] | None:
    """The letter, and the values for even and odd ones."""
    if len(cases.pieces) == 1 and cases.pieces[0][1] == "":
        node = cases.pieces[0][0]
        names = sorted(variables(node))
        return ("".join(names), (node, node)) if len(names) < 2 else None
    found: dict[int, Node] = {}
    letters = set()
    for node, where in cases.pieces:
        match = _PARITY.fullmatch(where) if isinstance(where, str) else None
        if match is None:
            return None
        found[int(match["rest"]) if match["rest"] else int(match["parity"] == "odd")] = node
        letters.add(match["name"] or match["other"])
    is_whole = len(letters) == 1 and found.keys() == {0, 1}
    return (letters.pop(), (found[0], found[1])) if is_whole else None


def _key(where: Region | str, name: str) -> object:
    return (name, where) if isinstance(where, Region) else where
