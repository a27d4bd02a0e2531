r"""Whether two LaTeX texts are the same text, apart from notation that has no meaning.

Ignored: spaces that TeX ignores, sizes of brackets, braces around one symbol, `\dfrac` for `\frac`, `\text`
around words, the order of an index and a power, the letter of a bound variable. Everything else counts, in
its order: a space between words or digits, a sign, a prime, the case of a letter, a comma that groups digits.
"""

from __future__ import annotations

import re
from functools import lru_cache

from or1_verify.latex.bound import with_standard_names
from or1_verify.latex.reader import bare
from or1_verify.latex.tokens import LAYOUT, UNICODE
from or1_verify.latex.words import FUNCTIONS

_LONGEST = 4_000
"""Longest text that is compared after normalisation [characters]."""
_MOST_TIMES, _MOST_MORE = 4, 200
"""An answer longer than this multiple of the gold plus this number of characters is another text."""
_DEEPEST = 100
"""Deepest nesting of braces [levels]."""
_WORD_LENGTH = 3
"""Fewest letters of a word: a space beside it counts, one between single letters does not [letters]."""
_PROSE = re.compile(
    rf"(?<![\\A-Za-z])(?:[A-Za-z]{{{_WORD_LENGTH},}}\s+[A-Za-z]|[A-Za-z]+\s+[A-Za-z]{{{_WORD_LENGTH}}})"
)
"""Two words side by side, one of them no product of variables: each space between words counts."""
_LEX = re.compile(
    r"(?P<wrap>\\(?:text(?:bf|it|rm|normal|sf|tt)?|[mh]box|mathrm|operatorname\*?|emph)\s*\{)"
    r"|(?P<environment>\\(?:begin|end)\s*\{[A-Za-z*]+\}(?:\s*\{[clr|\s]*\})?)"
    r"|(?P<symbol>\\[A-Za-z]+|\\.)|(?P<space>\s+)|(?P<run>[A-Za-z]+)"
    r"|(?P<number>[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?|\.\d+)|(?P<other>.)",
    re.DOTALL | re.ASCII,
)
_SAME = {
    **dict.fromkeys((r"\dfrac", r"\tfrac", r"\cfrac"), r"\frac"),
    **dict.fromkeys((r"\dbinom", r"\tbinom"), r"\binom"),
    **dict.fromkeys((r"\leq", r"\leqslant"), r"\le"),
    **dict.fromkeys((r"\geq", r"\geqslant"), r"\ge"),
    **dict.fromkeys((r"\lvert", r"\rvert", r"\vert", r"\mid"), "|"),
    **dict.fromkeys((r"\dots", r"\cdots", r"\dotsc", r"\dotsb", r"\dotsm"), r"\ldots"),
    r"\neq": r"\ne", r"\lt": "<", r"\gt": ">", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[",
    r"\rbrack": "]", r"\colon": ":", r"\degree": r"\circ", r"\%": "%", r"\rightarrow": r"\to",
    r"\varnothing": r"\emptyset", r"\bar": r"\overline", r"\lnot": r"\neg",
    r"\wedge": r"\land", r"\vee": r"\lor",
}  # fmt: skip
_NUM_ARGUMENTS = {
    r"\frac": 2, r"\binom": 2, r"\sqrt": 1,
    **dict.fromkeys((r"\overline", r"\underline", r"\overrightarrow", r"\bar", r"\hat", r"\widehat"), 1),
    **dict.fromkeys((r"\tilde", r"\vec", r"\dot", r"\ddot", r"\mathbf", r"\mathbb", r"\mathcal"), 1),
    r"\boldsymbol": 1,
}  # fmt: skip
_SPACE = " "
_SUCH_THAT = re.compile(
    r"(?:,\s*)?(?:\\text\s*\{\s*(?:such that|so that|s\.t\.)\s*\}|\bsuch that\b"
    r"|\\(?:colon|mid)(?![A-Za-z])|:)"
)
"""Between a quantified letter and the statement about it, where a comma may stand too."""


def is_same_text(gold: str, answer: str) -> bool:
    r"""Whether the two texts are one text, apart from notation without meaning; false for texts without a
    letter or digit.

    >>> is_same_text(r"\dfrac{1}{2}\int_0^1 f(x)\,dx.", r"\frac12 \int_{0}^{1} f(t) d t")
    True
    >>> is_same_text(r"\text{no where}", r"\text{now here}") or is_same_text("f'", "f")
    False
    """
    if "\\exists" in gold:
        gold, answer = _SUCH_THAT.sub(",", gold), _SUCH_THAT.sub(",", answer)
    if len(answer) > _MOST_TIMES * len(gold) + _MOST_MORE or not any(map(str.isalnum, gold)):
        return False
    if gold.strip() == answer.strip():
        return True
    if _digits(gold) != _digits(answer):
        return False
    wanted, found = _normal_gold(gold), _normal(answer)
    # a standard name is one symbol, as the name that it replaces
    return (
        wanted is not None
        and found is not None
        and len(wanted) == len(found)
        and wanted == with_standard_names(found)
    )


def _digits(text: str) -> list[str]:
    return sorted(filter(str.isdecimal, text))


@lru_cache(maxsize=8192)
def _normal_gold(text: str) -> tuple[str, ...] | None:
    found = _normal(text)
    return None if found is None else with_standard_names(found)


def _normal(text: str) -> list[str] | None:
    """The symbols of a text in normal form; None for a text that is too long or nests too deep."""
    if len(text) > _LONGEST:
        return None
    reader = _NormalReader(symbols_of(text))
    try:
        return reader.all()
    except RecursionError:
        return None


def symbols_of(text: str) -> list[str]:
    r"""The symbols of an answer, one for each notation of the same symbol, with its braces.

    >>> symbols_of(r"\left(\dfrac12\right).")
    ['(', '\\frac', '12', ')']
    """
    return _symbols(LAYOUT.sub(" ", bare(text).translate(UNICODE)).replace(r"\!", ""))


def _symbols(text: str) -> list[str]:
    """Letters, numbers, commands and marks, with a space where it counts."""
    found: list[str] = []
    last_run = 0  # letters of the run that ends the list
    gap = 0  # 1 after a space that TeX shows in text alone, 2 after one that it always shows
    is_prose = _PROSE.search(text) is not None
    wraps: list[int] = []  # depths of braces at which a text group ends
    depth = 0
    for match in _LEX.finditer(text):
        kind, symbol = match.lastgroup, match.group()
        if kind in {"wrap", "space"}:
            gap = max(gap, 2 if kind == "space" and wraps else 1)
            wraps += [depth] if kind == "wrap" else []
            depth += kind == "wrap"
            continue
        depth += (symbol == "{") - (symbol == "}")
        if symbol == "}" and wraps and depth == wraps[-1]:
            wraps.pop()
            gap = max(gap, 1)
            continue
        is_differential = found[-1:] == ["d"] and last_run == len(symbol) == 1
        is_beside_word = (is_prose and not is_differential) or max(last_run, len(symbol)) >= _WORD_LENGTH
        if kind == "run" and last_run and (gap == 2 or (gap and is_beside_word)):
            found.append(_SPACE)
        gap, last_run = 0, len(symbol) if kind == "run" else 0
        if kind == "run" and symbol not in FUNCTIONS:
            found += symbol
        else:
            name = f"\\{symbol}" if kind == "run" else re.sub(r"\s", "", symbol)
            found.append(_SAME.get(name, name))
    return found[:-1] if found[-1:] == ["."] and found[-2:-1] != ["."] else found


class _NormalReader:
    """Reads symbols; braces stay around several symbols alone, and around every argument, index and power."""

    def __init__(self, symbols: list[str]) -> None:
        self._symbols = symbols
        self._at = 0
        self._depth = 0

    def all(self) -> list[str]:
        atoms: list[list[str]] = []
        while self._at < len(self._symbols):
            atoms.append(self._atom())
        whole = atoms[0] if len(atoms) == 1 else []
        if whole[:1] == ["{"] and _end_of_group(whole) == len(whole) - 1:
            return whole[1:-1]
        return [symbol for atom in atoms for symbol in atom]

    def _sees(self, symbol: str) -> bool:
        return self._symbols[self._at : self._at + 1] == [symbol]

    def _take(self) -> str:
        self._at += 1
        return self._symbols[self._at - 1]

    def _atom(self) -> list[str]:
        """A symbol with its arguments, indices and powers; a power before its index comes after it."""
        base = self._base(whole_number=True)
        scripts: dict[str, list[str]] = {}
        while self._at < len(self._symbols) and self._symbols[self._at] in {"^", "_", "'"}:
            mark = self._take()
            inner = ["'"] if mark == "'" else self._argument(whole_number=True)
            if mark == "^" and set(inner[1:-1]) == {"\\prime"}:
                mark, inner = "'", ["'"] * (len(inner) - 2)
            scripts[mark] = [*scripts.get(mark, []), *inner]
        marks = (mark for mark in ("_", "'", "^") if mark in scripts)
        return base + [symbol for mark in marks for symbol in (mark, *scripts[mark])]

    def _base(self, whole_number: bool) -> list[str]:
        symbol = self._take()
        if symbol == "{":
            return self._group()
        if not whole_number and symbol.isdecimal() and len(symbol) > 1:
            self._at -= 1
            self._symbols[self._at : self._at + 1] = [symbol[0], symbol[1:]]
            return [self._take()]
        found = [symbol]
        if symbol == "\\sqrt" and self._sees("["):
            end = self._symbols.index("]", self._at) if "]" in self._symbols[self._at :] else self._at
            found += self._symbols[self._at : end + 1]
            self._at = end + 1
        for _ in range(_NUM_ARGUMENTS.get(symbol, 0)):
            found += self._argument(whole_number=False)
        return found

    def _argument(self, whole_number: bool) -> list[str]:
        """A group or one symbol, in braces; TeX takes one digit of a number, people mean all of a power's."""
        if self._at >= len(self._symbols):
            return ["{", "}"]
        inner = self._base(whole_number)
        is_group = inner[:1] == ["{"] and _end_of_group(inner) == len(inner) - 1
        return inner if is_group else ["{", *inner, "}"]

    def _group(self) -> list[str]:
        if self._depth == _DEEPEST:
            raise RecursionError
        self._depth += 1
        atoms: list[list[str]] = []
        while self._at < len(self._symbols) and not self._sees("}"):
            atoms.append(self._atom())
        self._at += self._sees("}")
        self._depth -= 1
        return atoms[0] if len(atoms) == 1 else ["{", *(symbol for atom in atoms for symbol in atom), "}"]


def _end_of_group(symbols: list[str]) -> int:
    """The place of the brace that ends the group at the start."""
    depth = 0
    for place, symbol in enumerate(symbols):
        depth += (symbol == "{") - (symbol == "}")
        if not depth:
            return place
    return -1
