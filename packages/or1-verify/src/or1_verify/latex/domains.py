r"""The domain of the variables, stated after an answer: `x > 0`, `k \in \mathbb{Z}`, `for all t`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from or1_verify.latex.exact import UndefinedError
from or1_verify.latex.forms import Domain, Form, Many, Named, Region, Relation, Scoped, Span, Value
from or1_verify.latex.identity import Identity, is_infinite
from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.regions import REALS, as_region, same_region
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import INFINITY, ONE, PI, ZERO, Node, Number, Symbol, replaced, variables, walk

_LETTER = (
    r"(?:\\(?!in|ne|le|ge|pm|text|math|forall)[a-z]{2,7}(?![a-z])|[A-Za-z](?![A-Za-z]))(?:_\w|_\{\w+\})?"
)
_LETTERS = rf"{_LETTER}(?:\s*(?:,\s*)?{_LETTER})*"
_START = re.compile(
    r"[,;:]|\\q?quad(?![A-Za-z])|\\forall|(?:\\left\s*)?\((?=[^()]*\)$)"
    r"|(?:\\(?:text\w*|mathrm|mbox)\s*\{\s*)?[,(]?\s*(?<![A-Za-z\\])(?:for|where|with|when|whenever|on)\b"
)
"""Places where a statement may begin."""
_QUANTIFIED = re.compile(r"\b(?:all|every|any|each|arbitrary)\b|\\forall")
_FILLERS = re.compile(
    r"(?<![A-Za-z\\])(?:for|where|with|when|whenever|on|all|every|any|each|some|an?(?= +[a-z]{2})|is|are|be"
    r"|being|the|numbers?|values?|of|arbitrary|fixed|belongs? to|denotes?|constants?"
    r"|parameters?|and)(?![A-Za-z])|\\forall"
)
_ANY_KIND = re.compile(r"(?:constants?|parameters?)(?![A-Za-z])")
_SET = (
    r"\\?(?:mathbb|mathbf|Bbb)?\s*\{?\s*([ZNRQCℤℕℝℚℂ])\s*\}?\s*"
    r"(?:[\^_]\s*\{?\s*([+*0-9]|\\ast|(?:\\geq?|≥|>=?)\s*0)?\s*\}?)?"
)
_MEMBERS = re.compile(rf"(?:({_LETTERS})\s*(?:\\in(?![A-Za-z])|∈)|(?=\\))\s*{_SET}")
_KIND = (
    r"((?:(?:positive|negative|non-?\s?negative|non-?\s?zero|real|rational|complex|natural|whole)\s*)*"
    r"(?:integers?|reals?|naturals?|rationals?|positive|natural|whole|real|rational|complex))"
)
_KIND_FIRST = re.compile(rf"{_KIND}\s*({_LETTERS})?")
_KIND_LAST = re.compile(rf"({_LETTERS})\s*{_KIND}")
_ALL_WHOLE = re.compile(
    rf"({_LETTER})\s*=\s*0\s*,\s*\\pm\s*1\s*(?:,\s*\\pm\s*\d\s*)*(?:,\s*\\(?:[lc]?dots)\s*)?"
)
_COUNTED = re.compile(rf"({_LETTER})\s*=\s*([01])\s*,\s*\d\s*(?:,\s*\d\s*)*,\s*\\(?:[lc]?dots)\s*")
_NAMES = {"Z": "integer", "N": "natural", "R": "real", "Q": "rational", "C": "complex",
          "ℤ": "integer", "ℕ": "natural", "ℝ": "real", "ℚ": "rational", "ℂ": "complex"}  # fmt: skip
_POSITIVE = {"integer": "natural", "real": "positive real"}
_MAY_BE_MISSING = frozenset({"any", "integer", "real", "complex"})
_COUNTERS = frozenset("kmn")
RELATION = re.compile(r"[<>≤≥≠]|\\(?:[lg]t|[lgn]eq?|[lg]eqslant)(?![A-Za-z])|!=|\\in(?![A-Za-z])|∈")
_BETWEEN = re.compile(r"[,;](?![^()\[\]]*[)\]])|(?<![A-Za-z])and(?![A-Za-z])")
"""Commas between statements, and not those of an interval."""
_REGIONS = {
    "real": REALS["real numbers"],
    "positive real": REALS["positive real numbers"],
    "natural": Region((Span(ONE, INFINITY, True, False),)),
    "nonnegative integer": Region((Span(ZERO, INFINITY, True, False),)),
}


def read_scoped(text: str, read: Callable[[str], Form]) -> Form | None:
    """An answer followed by the domain of its variables; None if the text does not end in one.

    `read` reads a text without a domain.
    """
    for start in _START.finditer(text):
        head, statement = text[: start.start()], text[start.start() :]
        if head.count("{") != head.count("}") or head.count("(") != head.count(")") or not head.strip():
            continue
        try:
            domains = tuple(domains_of(statement, read))
            form = read(head.rstrip(" ,;")) if domains else None
        except UnreadableError:
            continue
        if form is not None and _describes(form, domains):
            return Scoped(form, domains)
    return None


def domains_of(statement: str, read: Callable[[str], Form]) -> Iterator[Domain]:
    """The domains that a statement names; UnreadableError if it says anything else."""
    plain = in_plain_words(statement).strip(" ,;:.")
    is_quantified = _QUANTIFIED.search(plain) is not None or _ANY_KIND.search(plain) is not None
    if plain.startswith("(") and plain.endswith(")"):
        plain = plain[1:-1]
    plain = _ALL_WHOLE.sub(r"\1 \\in Z ", plain)
    plain = _COUNTED.sub(lambda found: rf"{found[1]} \in N_{found[2]} ", plain)
    pending = ""
    for piece in _BETWEEN.split(plain):
        piece = " ".join(f"{pending} {_FILLERS.sub(' ', piece)}".split())
        pending = ""
        if not piece:
            continue
        if re.fullmatch(_LETTERS, piece) and piece != plain and "," in plain and not is_quantified:
            pending = piece
            continue
        yield from _one(piece, is_quantified, read)
    if pending:
        raise UnreadableError("a letter without a domain")


def _one(piece: str, is_quantified: bool, read: Callable[[str], Form]) -> list[Domain]:
    if found := _MEMBERS.fullmatch(piece):
        names, kind, mark = found[1] or "", _NAMES[found[2]], found[3]
        has_zero = mark and mark[-1] == "0" and mark[0] != ">"
        if has_zero and (kind == "natural" or (mark != "0" and kind in _POSITIVE)):
            kind = "nonnegative real" if kind == "real" else "nonnegative integer"
        elif mark and kind in _POSITIVE:
            kind = _POSITIVE[kind]
    elif found := _KIND_FIRST.fullmatch(piece):
        names, kind = found[2] or "", _kind(found[1])
    elif found := _KIND_LAST.fullmatch(piece):
        names, kind = found[1], _kind(found[2])
    elif is_quantified and re.fullmatch(_LETTERS, piece):
        names, kind = piece, "any"
    elif RELATION.search(piece):
        match read(piece):
            case Named(name, form):
                region = as_region(form)
                if region is not None and any(span.low != span.high for span in region.spans):
                    return [Domain(name.removeprefix("\\"), region)]
        raise UnreadableError("a condition that is no domain")
    else:
        raise UnreadableError("words that are no domain")
    return [Domain(name.removeprefix("\\"), kind) for name in re.findall(_LETTER, names)] or [
        Domain("", kind)
    ]


def _kind(words: str) -> str:
    plain = re.sub(r"non-?\s?negative", "nonnegative", words)
    base = next((kind for kind in ("integer", "natural", "rational", "complex") if kind in plain), "real")
    if "whole" in plain:
        base = "nonnegative integer"
    if "nonnegative" in plain:
        return "nonnegative integer" if base == "integer" else f"nonnegative {base}"
    if "positive" in plain:
        return _POSITIVE.get(base, f"positive {base}")
    return f"negative {base}" if "negative" in plain else base


def _describes(form: Form, domains: tuple[Domain, ...]) -> bool:
    """Whether the domains are of variables of a value or equation; inequalities are conditions instead."""
    names = _names_in(form)
    return names is not None and all(
        domain.name in names or (domain.kind in _MAY_BE_MISSING) for domain in domains
    )


def _names_in(form: Form) -> frozenset[str] | None:
    match form:
        case Value(node):
            return variables(node)
        case Named(name, inner):
            names = _names_in(inner)
            return None if names is None else names | frozenset(re.findall(r"(?<=[(,])\w(?=[),])", name))
        case Relation(("=",), sides):
            return frozenset().union(*map(variables, sides))
        case Many(_, items):
            found = [_names_in(item) for item in items]
            return None if None in found else frozenset().union(*(names for names in found if names))
    return None


def same_domains(gold: Scoped | None, answer: Scoped | None, identity: Identity) -> bool:
    r"""Whether the domain of an answer is the one of the gold.

    All reals or integers may be left out, and a domain outside which the gold is not real. A gold without a
    domain accepts any, except that the counter of a family of angles is an integer.
    """
    gold_domains = {} if gold is None else {domain.name: domain.kind for domain in gold.domains}
    answer_domains = {} if answer is None else {domain.name: domain.kind for domain in answer.domains}
    for name, kind in gold_domains.items():
        other = answer_domains.pop(name, None)
        if other is None and len(answer_domains) == len(gold_domains) == 1:
            other = answer_domains.popitem()[1]  # another letter for the same variable
        if other is not None and not same_kind(kind, other, identity):
            return False
        may_miss = kind in _MAY_BE_MISSING or _is_count(gold, name, kind, identity)
        if other is None and not may_miss and not _is_implied(gold, name, kind, identity):
            return False
    counts = [kind in {"any", "integer"} for name, kind in answer_domains.items() if name in _COUNTERS]
    return all(counts) or answer is None or not _is_family_of_angles(answer.form)


def _is_count(gold: Scoped | None, name: str, kind: str | Region, identity: Identity) -> bool:
    """Whether a domain says only that a counter counts from its start: `a_n = 2^n, n >= 1`."""
    if gold is None or name not in _COUNTERS or _is_family_of_angles(gold.form):
        return False
    starts = ("natural", "nonnegative integer", "positive real")
    return any(same_kind(start, kind, identity) for start in starts)


def _is_implied(gold: Scoped | None, name: str, kind: str | Region, identity: Identity) -> bool:
    r"""Whether the gold has no real value outside its domain: `\sqrt{x - 1}, x \ge 1`."""
    form = gold.form if gold is not None else None
    form = form.form if isinstance(form, Named) else form
    if not isinstance(form, Value) or variables(form.node) != {name} or not isinstance(kind, Region):
        return False
    places = _places_outside(kind, identity)
    values = (replaced(form.node, Symbol(name), Number(place)) for place in places)
    return bool(places) and not any(_is_real(value, identity) for value in values)


def _places_outside(region: Region, identity: Identity) -> list[Fraction]:
    """Numbers outside an interval, near and far, or the one that is excluded; none for other regions."""
    match region.spans:
        case (Span(high=left), Span(low=right)) if left == right:
            return [identity.value(left)]
        case (Span(low, high),):
            steps = (Fraction(1, 7), Fraction(1), Fraction(29))
            ends = [(end, sign) for end, sign in ((low, -1), (high, 1)) if not is_infinite(end)]
            return [identity.value(end) + sign * step for end, sign in ends for step in steps]
    return []


def _is_real(node: Node, identity: Identity) -> bool:
    try:
        identity.value(node)
    except UndefinedError:
        return False
    return True


def same_kind(gold: str | Region, answer: str | Region, identity: Identity) -> bool:
    if "any" in (gold, answer):
        return {gold, answer} <= _MAY_BE_MISSING
    if isinstance(gold, str) and isinstance(answer, str):
        return gold == answer
    regions = [kind if isinstance(kind, Region) else _REGIONS.get(kind) for kind in (gold, answer)]
    return regions[0] is not None and regions[1] is not None and same_region(regions[0], regions[1], identity)


def _is_family_of_angles(form: Form) -> bool:
    match form:
        case Value(node):
            return any(part == PI for part in walk(node))
        case Named(_, inner):
            return _is_family_of_angles(inner)
        case Many(_, items):
            return any(map(_is_family_of_angles, items))
    return False
