r"""Read the form of an answer from tokens: lists, intervals, sets, relations, units, words.

Ambiguous texts are read as follows:

- `(1, 2)` is an ordered pair, which an open interval may also match; `[1, 2]` and `[1, 2)` are intervals.
- `1, 2` is a list in any order; `{1, 2}` with LaTeX's invisible braces is one too, `\{1, 2\}` a set.
- `1,234` is one number, `1, 234` two; inside brackets, and beside other numbers as in `27,54,108`, commas
  separate.
- `2\frac{1}{3}` is a mixed number, `2(1/3)` a product; `x = 6/2 = 3` ends in 3 (`chains` compares
  the members), `x = y = 5` is two equalities; text after an approximation sign is ignored.
"""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.angles import in_degrees
from or1_verify.latex.bases import number_of, read_based, without_repetition
from or1_verify.latex.builders import read_builder
from or1_verify.latex.domains import read_scoped
from or1_verify.latex.forms import (
    Dots,
    Form,
    Many,
    Named,
    Order,
    Ratio,
    Region,
    Span,
    TimeOfDay,
    Value,
    Words,
)
from or1_verify.latex.lettered import read_parts
from or1_verify.latex.notations import VERBS, with_plain_numbers, with_plain_shapes
from or1_verify.latex.objects import read_related
from or1_verify.latex.parser import parse
from or1_verify.latex.piecewise import read_cases, read_worded_cases
from or1_verify.latex.regions import as_region, complement, point, union
from or1_verify.latex.relations import read_relation
from or1_verify.latex.signs import with_both_signs, with_repeated_sign
from or1_verify.latex.split import inside_brackets, split, text_of
from or1_verify.latex.tokens import OR, Token, UnreadableError, tokenize
from or1_verify.latex.tree import DEGREE, Node, Number, Power, Product
from or1_verify.latex.units import measure_of, with_named_units
from or1_verify.latex.words import MONEY, changes_value, multiplier, takes_back

_RELATIONS = frozenset({"=", "<", ">", "<=", ">=", "!=", "\\in", "\\approx", "\\equiv", "\\sim"})
_CLOCK = re.compile(r"0?(\d{1,2}:\d\d(?::\d\d)?)([ap]?)(?:m)?", re.IGNORECASE)
_MODULUS = re.compile(r"\(?\s*\\(?:pmod|bmod|mod|operatorname\{mod\})(?![A-Za-z])\s*\{?\s*\d+\s*\}?\s*\)?")
_COMMAND = re.compile(r"\\operatorname\{mod\}|\\[A-Za-z]+|\bmod\b")
_TURNED_INTERVAL = re.compile(r"(?:\\left\s*)?([\[\]])([^\[\]()]+,[^\[\]()]+)(?:\\right\s*)?([\[\]])")
_TURNED_INTERVALS = re.compile(
    rf"(?:[a-z]\s*\\in)?\s*{_TURNED_INTERVAL.pattern}(?:\s*\\cup\s*{_TURNED_INTERVAL.pattern})*\s*"
)
_PRIMED_CONSTANT = re.compile(r"(?<=[-+])\s*C'+\s*$")
_VECTOR = r"\\(?:vec|mathbf|overrightarrow|boldsymbol)\s*\{?\s*([A-Za-z]|(?<=\{)[A-Za-z]{2})\s*\}?"
_VECTOR_PRODUCT = re.compile(rf"{_VECTOR}\s*(?:\\times(?![A-Za-z])|×)\s*{_VECTOR}")
_OPEN, _SHUT = {"[": "[", "]": "("}, {"]": "]", "[": ")"}
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z])")
_ROW_END = re.compile(r"(\\\\)(?:\*|\s*\[\s*-?[\d.]+\s*(?:pt|pc|em|ex|mm|cm|in|mu|sp|bp)\s*\])+")
r"""End of a row with its distance to the next one: `\\[4pt]`."""
_MARKS = re.compile(
    r"(?<!\\)\\[()\[\]]|\$\$|\*\*(?!\s*[\d({A-Za-z])|^\*+|^\s*\\(?:Rightarrow|implies|therefore)(?![A-Za-z])"
    r"|\\(?:checkmark|blacksquare|qed)\s*$"
)
_MATH_MARK = re.compile(r"(?<!\\)\$")
_FILLERS = frozenset({
    "the", "answer", "is", "about", "approximately", "point", "points", "exactly", "value", "of",
    "are", "a", "an", "there", "we", "get", "result", "final", "so", "therefore", "thus", "equals",
    "equal", "interval", "set", "vector", "matrix", "pair", "triple", "roots", "solutions",
    "solution", "approx", "roughly", "all", "year",
})  # fmt: skip
_OF_NUMBERS = frozenset({"\\frac", "\\sqrt", "\\pi"})
_AMOUNT = re.compile(r"\$|^(?:euro|pounds)$")
_VERB = re.compile(rf"(.+?) (?:{VERBS}|is at|is equal to)")
_HALF_LINE = re.compile(r"\\(?:mathbb\{?R\}?|R|Reals)([\^_]\{?(?:[-+]|[<>]=?0)\}?)")
_HALF_LINES = {
    "^+": r"(0,\infty)", "_+": r"(0,\infty)", "_>0": r"(0,\infty)", "_>=0": r"[0,\infty)",
    "^-": r"(-\infty,0)", "_-": r"(-\infty,0)", "_<0": r"(-\infty,0)", "_<=0": r"(-\infty,0]",
}  # fmt: skip
_MINUS_ONE = Number(Fraction(-1))
_LARGEST_POWER = 400
"""Largest power of ten beside a decimal number that may be rounded [dimensionless]."""


def read(text: str) -> Form:
    r"""Read the form of an answer.

    Raises:
        UnreadableError: the text has no form that this package can read.

    >>> read(r"x \in [0, 1)").name, read("1, 2").order.value, read("204_5")
    ('x', 'list', Based(digits='204', base='5'))
    """
    text = bare(text)
    reader = read_cases if "\\begin" in text else read_worded_cases
    if (cases := reader(text, read)) is not None:
        return cases
    return read_parts(text, read) or read_scoped(text, _without_domain) or _without_domain(text)


def _without_domain(text: str) -> Form:
    text = without_repetition(with_plain_numbers(bare(text)))
    if (based := read_based(text)) is not None:
        return based
    if (number := number_of(text)) is not None:
        return Value(Number(Fraction(number)))
    clock = _CLOCK.fullmatch(re.sub(r"\\(?:text|mbox|textrm|mathrm)\s*\{|\\!|\\[,;: ]|[\s.}~{]", "", text))
    if clock:
        return TimeOfDay(clock[1], clock[2].lower())
    tokens = tokenize(written_out(text))
    if not tokens:
        raise UnreadableError("nothing to read")
    return read_tokens(tokens)


def is_congruence(text: str) -> bool:
    r"""Whether a modulus belongs to the whole text (`x \equiv 3 \pmod 7`), not to a term (`n \bmod 2`)."""
    return "pmod" in text or "equiv" in text or not re.search("[A-Za-z]", _COMMAND.sub("", text))


def written_out(text: str) -> str:
    text = with_plain_shapes(text)
    text = with_named_units(_MODULUS.sub(" ", text) if is_congruence(text) else text)
    text = _PRIMED_CONSTANT.sub("C_0", text)
    text = _VECTOR_PRODUCT.sub(_vector_product, text) if "times" in text else text
    if ("[" in text or "]" in text) and _TURNED_INTERVALS.fullmatch(text):
        text = _TURNED_INTERVAL.sub(lambda found: f"{_OPEN[found[1]]}{found[2]}{_SHUT[found[3]]}", text)
    return text


def _vector_product(found: re.Match[str]) -> str:
    """One symbol for both orders of a product of vectors, with the sign of the order."""
    left, right = found[1], found[2]
    sign, first, second = ("", left, right) if left <= right else ("-", right, left)
    return rf"({sign}\vectorproduct{first}x{second})"


def bare(text: str) -> str:
    """Strip blanks, math marks, Markdown stars and a closing period around an answer."""
    if "\\begin" not in text:
        text = _ESCAPED_TWICE.sub(r"\\", text)
    text = _ROW_END.sub(r"\1", text)
    text = _MARKS.sub(" ", text)
    marks = [found.start() for found in _MATH_MARK.finditer(text)]
    if len(marks) % 2 == 0:
        text = _MATH_MARK.sub(" ", text)
    previous = None
    while text != previous:
        previous = text
        text = text.strip().removeprefix("=").rstrip(",;:\\").removeprefix("**").removesuffix("**")
        text = text.removesuffix(".") if not text.endswith("..") else text
    return text


def read_tokens(tokens: list[Token]) -> Form:
    tokens = _unwrapped(tokens)
    groups = split(tokens, {";"})
    if len(groups) > 1 and any(len(split(group, {","})) > 1 for group in groups):
        return Many(Order.LIST, tuple(_as_tuple(read_tokens(group)) for group in groups))
    items = [item for item in split(tokens, {",", ";"}) if item]
    items = [signed for item in items for signed in with_both_signs(item)]
    if len(items) > 1:
        return _listed(items, are_conditions=OR not in tokens)
    return _read_one(items[0] if items else tokens)


def _listed(items: list[list[Token]], are_conditions: bool) -> Form:
    forms = tuple(map(_read_one, with_repeated_sign(items, _RELATIONS)))
    regions = [_solutions(form.form) if isinstance(form, Named) else None for form in forms]
    if not any(isinstance(form, Named) and isinstance(form.form, Region) for form in forms):
        regions = [None]
    names = {form.name for form in forms if isinstance(form, Named)}
    is_tuple = any(name.startswith("(") for name in names)
    if len(names) == 1 and not is_tuple and all(region is not None for region in regions):
        return Named(names.pop(), union([each for each in regions if each is not None], are_conditions))
    return Many(Order.LIST, forms, is_any=not are_conditions)


def _solutions(form: Form) -> Region | None:
    """The set of numbers of a condition: `x = 0` is one point."""
    return point(form.node) if isinstance(form, Value) else as_region(form)


def _as_tuple(form: Form) -> Form:
    return Many(Order.TUPLE, form.items) if isinstance(form, Many) and form.order is Order.LIST else form


def _read_one(tokens: list[Token]) -> Form:
    tokens = _unwrapped(tokens)
    if not tokens:
        raise UnreadableError("an element is missing")
    if [token.text for token in tokens] == ["\\ldots"]:
        return Dots()
    if all(token.kind == "text" for token in tokens):
        words = " ".join(token.text for token in tokens)
        number = number_of(words)
        return Words(words) if number is None else Value(Number(Fraction(number)))
    label, tokens = _without_preface(tokens)
    if label:
        labelled = _read_one(tokens)
        return Named(label, labelled) if isinstance(labelled, Value | Words | Region) else labelled
    if tokens[-1].kind == "letter" and all(token.kind == "text" for token in tokens[:-1]):
        tokens = [tokens[-1], *tokens[:-1]]  # `even n` is `n even`
    is_worded = tokens[0].kind == "text" and tokens[0].text not in MONEY
    if is_worded and all(token.kind in {"text", "number"} for token in tokens):
        return Words(" ".join(token.text for token in tokens))
    if (related := read_related(tokens)) is not None:
        return related
    if any(token.kind in {"mark", "command"} for token in tokens) and len(split(tokens, _RELATIONS)) > 1:
        return read_relation(tokens, _read_one)
    for reader in (_constant, _union, _bracketed, _ratio):
        form = reader(tokens)
        if form is not None:
            return form
    if all(token.kind == "letter" and token.text.isupper() for token in tokens):
        return Words(text_of(tokens))
    return _value(tokens)


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Strip braces around all tokens, and a closing period."""
    while tokens and tokens[-1] == Token("mark", "."):
        tokens = tokens[:-1]
    while len(tokens) > 1 and inside_brackets(tokens, "{") is not None:
        tokens = tokens[1:-1]
    return tokens


def _constant(tokens: list[Token]) -> Form | None:
    text = text_of(tokens)
    if half := _HALF_LINE.fullmatch(text):
        return as_region(_read_one(tokenize(_HALF_LINES[re.sub(r"[{}]", "", half[1])])))
    if text in {"\\mathbb{R}", "\\mathbbR", "\\R", "\\Reals"}:
        return Words("all real numbers")
    if text in {"\\emptyset", "\\{\\}"}:
        return Words("no solution")
    return None


def _union(tokens: list[Token]) -> Form | None:
    outside = split(tokens, {"\\setminus"})
    if len(outside) == 1 and tokens[-1].text == "\\}":
        outside = split(tokens, {"-"})
    if len(outside) == 2 and all(outside):
        whole, excluded = (as_region(_read_one(part)) for part in outside)
        rest = None if excluded is None else complement(excluded)
        return None if whole is None or rest is None else union([whole, rest], are_conditions=True)
    parts = split(tokens, {"\\cup"})
    if len(parts) < 2:
        return None
    regions = [as_region(_read_one(part)) for part in parts]
    if any(region is None for region in regions):
        raise UnreadableError("a union of something else than intervals and sets")
    return union([region for region in regions if region is not None])


def _bracketed(tokens: list[Token]) -> Form | None:
    if (inner := inside_brackets(tokens, "\\{")) is not None:
        return _set(inner)
    if (inner := inside_brackets(tokens, "\\langle")) is not None:
        return Many(Order.TUPLE, tuple(_read_one(item) for item in split(inner, {","})))
    inner = inside_brackets(tokens, "(", "[")
    if inner is None:
        return _scaled(tokens)
    items = split(inner, {","}) if len(split(inner, {","})) > 1 else split(inner, {";"})
    ends = tokens[0].text + tokens[-1].text
    if len(items) == 1:
        return None if ends == "[]" else _chosen(inner)
    if len(items) == 2 and ends != "()":
        low, high = (parse(item) for item in items)
        return as_region(Span(low, high, tokens[0].text == "[", tokens[-1].text == "]"))
    return Many(Order.TUPLE, tuple(_read_one(item) for item in items))


def _scaled(tokens: list[Token]) -> Form | None:
    r"""A number before a vector: `\frac{1}{19}(9, -5, 15)`."""
    start = next((number for number, token in enumerate(tokens) if token.text == "("), 0)
    inner = inside_brackets(tokens[start:], "(")
    is_number = all(each.kind in {"number", "mark"} or each.text in _OF_NUMBERS for each in tokens[:start])
    if not start or inner is None or not is_number:
        return None
    items = split(inner, {","})
    if len(items) < 2 or not all(items):
        return None
    end = start - 1 if tokens[start - 1].text == "*" else start
    factor = parse(tokens[:end])
    return Many(Order.TUPLE, tuple(Value(Product((factor, parse(item)))) for item in items))


def _chosen(inner: list[Token]) -> Form | None:
    """`(C)` and `(\\text{no})`; a bracketed expression is left to the parser."""
    if len(inner) == 1 and inner[0].kind == "letter" and inner[0].text.isupper():
        return Words(inner[0].text)
    return _read_one(inner) if all(token.kind == "text" for token in inner) else None


def _set(inner: list[Token]) -> Form:
    for mark in ("mid", "|", ":"):
        parts = split(inner, {mark, f"\\{mark}"})
        if len(parts) == 2:
            return read_builder(parts[0], parts[1], read_tokens, _without_domain)
    if not inner:
        return Words("no solution")
    listed = read_tokens(inner)
    items = listed.items if isinstance(listed, Many) and listed.order is Order.LIST else (listed,)
    return Many(Order.SET, items)


def _ratio(tokens: list[Token]) -> Form | None:
    parts = split(tokens, {":"})
    if len(parts) < 2:
        return None
    return Ratio(tuple(_value(part) for part in parts))


def _value(tokens: list[Token]) -> Form:
    """An expression with its unit."""
    tokens, factor, unit = _split_unit(tokens)
    is_percent = tokens[-1].text == "%"
    tokens = tokens[:-1] if is_percent else tokens
    if len(tokens) > 2 and tokens[-1].text == "%":
        raise UnreadableError("two percent signs")
    if not tokens:
        raise UnreadableError("a unit without a value")
    node = parse(tokens)
    node = node if factor == 1 else Product((node, Number(factor)))
    degrees = in_degrees(node)
    radians = Product((degrees, DEGREE)) if "degree" in measure_of(unit) else node
    return Value(
        degrees, unit, is_percent, None if degrees == radians else radians, *_literal(tokens, degrees)
    )


def _without_preface(tokens: list[Token]) -> tuple[str, list[Token]]:
    r"""Separate a label before the value (`\text{area: } 5`, `\text{the area is } 5`), and strip words before
    it that mean nothing: `\text{about } 5`, `\text{the point } (1, 2)`.
    """
    start = 0
    while start < len(tokens) - 1 and tokens[start].kind == "text" and not _AMOUNT.search(tokens[start].text):
        start += 1
    text = " ".join(token.text for token in tokens[:start])
    words = re.findall(r"[^\W\d]+", text.lower())
    is_named = tokens[start].kind in {"mark", "command"} and tokens[start].text in _RELATIONS
    if is_named or not words:
        return "", tokens
    if set(words) <= _FILLERS:
        return "", tokens[start:]
    label = " ".join(words)
    if not tokens[start - 1].text.endswith(":"):
        found = _VERB.fullmatch(label)
        label = found[1] if found else ""
    is_label = label and not takes_back(text) and not changes_value(re.sub(r"\b(?:not|no)\b", "", label))
    return (label, tokens[start:]) if is_label else ("", tokens)


def _split_unit(tokens: list[Token]) -> tuple[list[Token], Fraction, str]:
    """The tokens of a value, the factor in the words after it, and the other words."""
    if not tokens:
        raise UnreadableError("a value is missing")
    words: list[str] = []
    if tokens[0].kind == "text" and tokens[0].text in MONEY:
        words, tokens = [tokens[0].text], tokens[1:]
    elif tokens[0].text == "-" and len(tokens) > 1 and tokens[1].text in MONEY:
        words, tokens = ["$"], [tokens[0], *tokens[2:]]
    end = len(tokens)
    while end and tokens[end - 1].kind == "text":
        end -= 1
    words += [token.text for token in tokens[end:]]
    if end == 1 and tokens[0].kind == "letter" and words:
        words[0] = re.sub(r"^(?:is|are)\s+(?:an?\s+)?", "", words[0])
    factor, unit = multiplier(" ".join(words))
    if not end or changes_value(unit):
        raise UnreadableError("a unit without a value, or words that are none")
    return tokens[:end], factor, unit


def _literal(tokens: list[Token], node: Node) -> tuple[Fraction | None, int, int]:
    """Value, significant digits and decimal places of a single decimal number, also times a power of ten."""
    digits = [token.text for token in tokens if token.kind == "number"]
    value: Fraction | None = None
    power, num_numbers = 0, 1
    is_negative = isinstance(node, Product) and len(node.factors) == 2 and node.factors[0] == _MINUS_ONE
    match node.factors[1] if is_negative and isinstance(node, Product) else node:
        case Number(number, True):
            value = number
        case Product((Number(number, True), Power(Number(base), Number(exponent)))) if (
            base == 10 and exponent.denominator == 1 and abs(exponent) <= _LARGEST_POWER
        ):
            power, num_numbers = int(exponent), 3
            value = number * Fraction(10) ** power
    if value is None or len(digits) != num_numbers:
        return None, 0, 0
    mantissa, _, written = digits[0].lower().partition("e")
    num_places = len(mantissa.partition(".")[2]) - int(written or "0") - power
    return -value if is_negative else value, len(mantissa.replace(".", "").lstrip("0")), num_places
