r"""Recursive-descent parser from tokens to one expression; implicit operations become explicit.

Juxtaposition multiplies; a whole number before a fraction of whole numbers, both without brackets, is a mixed
number; `\sin 3x` takes all factors up to the next function, sum or fraction bar; `\sqrt 2 x` takes one token.
"""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.angles import arc, is_arc
from or1_verify.latex.decimals import BARS, DecimalCursor
from or1_verify.latex.derived import (
    composition,
    fractional_part,
    is_proper,
    is_whole,
    nearest,
    remainder,
    times,
)
from or1_verify.latex.matrices import marked_symbol
from or1_verify.latex.objects import MARKED, NAMED_BY_POINTS, NO_FACTORS, named_object
from or1_verify.latex.tokens import Token, UnreadableError
from or1_verify.latex.tree import (
    CONSTANTS,
    DEGREE,
    ENDLESS,
    IMAGINARY,
    INFINITY,
    PI,
    Call,
    E,
    Matrix,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Series,
    Sum,
    Symbol,
    negated,
    variables,
    walk,
)
from or1_verify.latex.words import FUNCTIONS, GREEK, INVERSES

_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil"}
_NO_VALUE = frozenset({
    "int", "iint", "oint", "lim", "limsup", "liminf", "frac", "sqrt", "text", "choose", "over",
    "to", "rightarrow", "Rightarrow", "implies", "iff", "forall", "exists", "cup", "cap",
    "setminus", "in", "notin", "subset", "subseteq", "mid", "partial", "nabla", "ldots", "infty",
    "begin", "end", "hline", "underline",
})  # fmt: skip
_UNKNOWN_FUNCTIONS = frozenset({"f", "g"})
_ROUNDINGS = {"round": nearest, "nint": nearest, "fractionalpart": fractional_part}
_SAME_FUNCTION = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log"}
_SEPARATORS = frozenset({"+", "-"})
_OF_ORDER = r"(?: \^ (?:\d|\{ \d \}))?"
_DERIVATIVE = re.compile(rf"\{{ (d|\\partial){_OF_ORDER} \\?[A-Za-z]+ \}} \{{ \1 \\?[A-Za-z]+{_OF_ORDER} \}}")
"""The arguments of the fraction, with blanks between tokens."""
_NO_FACTOR = ("\\pm", "\\mp", "\\end", "\\rfloor", "\\rceil")


def parse(tokens: list[Token]) -> Node:
    """Parse all tokens as one expression.

    Raises:
        UnreadableError: they do not form one.
    """
    parser = _Parser(tokens)
    node = parser.group()
    if parser.next is not None:
        raise UnreadableError(f"{parser.next.text!r} after the expression")
    return node


class _Parser(DecimalCursor):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._bars = 0
        self._indices = frozenset[str]()

    def group(self) -> Node:
        r"""A sum, or two with TeX's `\over` between them."""
        node = self.sum()
        if self._skip("\\choose"):
            return Call("binomial", (node, self.sum()))
        return Quotient(node, self.sum()) if self._skip("\\over") else node

    def sum(self) -> Node:
        terms = [self._signed(self._take().text)] if self._sees(*_SEPARATORS) else [self._product()]
        while self._sees(*_SEPARATORS):
            terms.append(self._signed(self._take().text))
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def _signed(self, sign: str) -> Node:
        term = self._signed(self._take().text) if self._sees(*_SEPARATORS) else self._product()
        return negated(term) if sign == "-" else term

    def _product(self) -> Node:
        result = self._factor()
        while True:
            if self._skip("/"):
                result = Quotient(result, self._operand())
            elif self._skip("*"):
                result = times(result, self._operand())
            elif self._skip("\\bmod"):
                result = remainder(result, self._operand())
            elif self._skip("\\circ"):
                result = composition(result, self._operand())
            elif self._starts_factor():
                result = self._juxtaposed(result)
            else:
                return result

    def _operand(self) -> Node:
        """A factor after an explicit operator; it may have its own sign."""
        if self._sees("-", "+"):
            return negated(self._operand()) if self._take().text == "-" else self._operand()
        return self._factor()

    def _starts_factor(self) -> bool:
        token = self.next
        if token is None or token.kind == "text":
            return False
        if token.kind in {"number", "letter"} or self._sees("(", "[", "{"):
            return True
        if self._sees("|"):
            return self._bars == 0
        return token.kind == "command" and not (token.text.startswith(_NO_FACTOR) or token.text in NO_FACTORS)

    def _juxtaposed(self, before: Node) -> Node:
        """`2x` and `2(1/3)` are products, `2\\frac{1}{3}` and `2 1/3` mixed numbers; `2 3` is neither."""
        has_brackets = self._sees("(", "[") or self._tokens[self._at - 1].text in {")", "]"}
        is_digit = self.next is not None and self.next.kind == "number" and not has_brackets
        factor = self._factor()
        if is_digit and self._sees("/") and is_whole(before) and is_whole(factor):
            self._take()
            factor = Quotient(factor, self._factor())
            if not is_proper(factor):
                raise UnreadableError("two numbers side by side")
            return Sum((before, factor))
        if is_digit and isinstance(before, Number):
            raise UnreadableError("two numbers side by side")
        if is_arc(factor):
            return Sum((before, factor))
        if has_brackets:
            return times(before, factor)
        if is_whole(before) and is_proper(factor):
            return Sum((before, factor))
        match factor:
            case Product((proper, degree)) if degree == DEGREE and is_whole(before) and is_proper(proper):
                return Product((Sum((before, proper)), DEGREE))
        return times(before, factor)

    def _factor(self) -> Node:
        node = self._base()
        while self._sees("^", "!", "%", "'") or (isinstance(node, Number) and self._sees("\\circ")):
            mark = self._take().text
            if mark == "'":
                if not isinstance(node, Number):
                    raise UnreadableError("a derivative")
                return arc(node, self._skip("'"))
            if mark == "!":
                node = Call("factorial2" if self._skip("!") else "factorial", (node,))
            elif mark == "%":
                node = Quotient(node, Number(Fraction(100)))
            elif mark == "\\circ" or self._skips_degree():
                node = Product((node, DEGREE))
            else:
                node = self._raised(node)
        return node

    def _raised(self, base: Node) -> Node:
        """A power; its index may follow it: `x^2_1` is `x_1^2`."""
        exponent = self._exponent()
        if isinstance(base, Symbol) and base.name not in CONSTANTS and "_" not in base.name:
            base = self._symbol(base.name)
        return Power(base, exponent)

    def _exponent(self) -> Node:
        if self._sees("-", "+"):
            return negated(self._exponent()) if self._take().text == "-" else self._exponent()
        node = self._base()
        if self._skip("^"):
            return Power(node, self._exponent())
        return Call("factorial", (node,)) if self._skip("!") else node

    def _base(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return self._number(token.text)
        if token.kind == "letter":
            return self._letter(token.text)
        if token.text in {"(", "[", "{"}:
            node = self.group()
            self._expect(_CLOSING[token.text])
            return node
        if token.text == "|":
            self._bars += 1
            node = self.sum()
            self._bars -= 1
            self._expect("|")
            return Call("abs", (node,))
        if token.text == "\\{":
            node = self.sum()
            self._expect("\\}")
            if not variables(node):  # `\\{0\\}` is a set
                raise UnreadableError("a set inside an expression")
            return fractional_part(node)
        if token.text == "." and self._sees(*BARS):
            return self._number("0.")
        if token.kind == "command":
            return self._command(token.text[1:])
        raise UnreadableError(f"{token.text!r} where a value should be")

    def _letter(self, letter: str) -> Node:
        if letter in {"e", "i"}:
            return E if letter == "e" else IMAGINARY
        if letter in {"C", "P"} and self._sees_two_numbers(or_letters=letter == "C"):
            above, below = self._arguments()
            ways = Call("binomial", (above, below))
            return ways if letter == "C" else Product((ways, Call("factorial", (below,))))
        if letter in _UNKNOWN_FUNCTIONS and self._sees("("):
            return Call(letter, self._arguments())
        return self._symbol(letter)

    def _symbol(self, name: str) -> Node:
        """A variable with its subscript; a subscript with an index makes it a term of a sequence."""
        if not self._skip("_"):
            return Symbol(name)
        tokens = self._group_tokens()
        if not self._indices & {token.text for token in tokens}:
            return Symbol(f"{name}_{''.join(token.text for token in tokens)}")
        is_list = all(token.kind in {"letter", "number"} for token in tokens)
        return Call(f"{name}_", tuple(parse([token]) for token in tokens) if is_list else (parse(tokens),))

    def _arguments(self) -> tuple[Node, ...]:
        has_braces = self._skip("\\{")  # `\max\{a, b\}`
        if not has_braces:
            self._expect("(")
        found = [self.sum()]
        while self._skip(","):
            found.append(self.sum())
        self._expect("\\}" if has_braces else ")")
        return tuple(found)

    def _command(self, name: str) -> Node:
        if name == "frac":
            return self._derivative() or Quotient(self._argument(), self._argument())
        if name == "sqrt":
            return self._root()
        if name == "binom":
            return Call("binomial", (self._argument(), self._argument()))
        if name in FUNCTIONS:
            return self._function(name)
        if name in {"pi", "infty"}:
            return PI if name == "pi" else INFINITY
        if name == "Gamma" and self._sees("("):
            return Call("gamma", self._arguments())
        if name in GREEK:
            return self._symbol(name)
        if name in {"lfloor", "lceil"}:
            node = self.sum()
            if name == "lfloor" and self._skip("\\rceil"):
                return nearest(node)
            self._expect(_CLOSING[f"\\{name}"])
            return Call(name[1:], (node,))
        if name in _ROUNDINGS:
            return _ROUNDINGS[name](self._function_argument())
        if name in {"sum", "prod"}:
            return self._series(name)
        if name.startswith("begin{"):
            return self._matrix(name[6:-1])
        if name in NAMED_BY_POINTS and self._sees_capital():
            return named_object(name, self._points())
        if name in MARKED:
            return marked_symbol(name, "".join(token.text for token in self._group_tokens()))
        if name.isalpha() and name not in _NO_VALUE:
            return Symbol(name)  # an unknown macro is a variable
        raise UnreadableError(f"\\{name}")

    def _derivative(self) -> Node | None:
        r"""`\frac{dy}{dx}`: a symbol of its own, and no quotient of products."""
        found = _DERIVATIVE.match(" ".join(token.text for token in self._tokens[self._at : self._at + 14]))
        if found is None:
            return None
        self._at += found.group().count(" ") + 1
        return Symbol(found.group().replace(" ", "").replace("\\partial", "d"))

    def _argument(self) -> Node:
        r"""A braced group, or one token: the 1 of `\frac12`, one digit of a longer number."""
        token = self.next
        if token is not None and token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self._tokens[self._at : self._at + 1] = [
                Token("number", token.text[0]),
                Token("number", token.text[1:]),
            ]
        return self._base()

    def _root(self) -> Node:
        index: Node = Number(Fraction(2))
        if self._skip("["):
            index = self.sum()
            self._expect("]")
        return Call("root", (self._base() if self._sees("(") else self._argument(), index))

    def _function(self, name: str) -> Node:
        name = _SAME_FUNCTION.get(name, name)
        base: Node | None = None
        power: Node | None = None
        while self._sees("_", "^"):
            if self._take().text == "_":
                base = self._base()
            elif self._skips_degree():
                raise UnreadableError("a degree without an angle")
            else:
                power = self._exponent()
        if power == Number(Fraction(-1)) and name in INVERSES:
            name, power = INVERSES[name], None
        node = self._applied(name, base)
        return node if power is None else Power(node, power)

    def _applied(self, name: str, base: Node | None) -> Node:
        if name in {"max", "min", "gcd", "lcm"}:
            return Call(name, self._arguments())
        argument = self._function_argument()
        if name == "cis":
            return Sum((Call("cos", (argument,)), Product((IMAGINARY, Call("sin", (argument,))))))
        if name != "log":
            return Call(name, (argument,))
        return Call("log", (argument,) if base is None else (argument, base))

    def _function_argument(self) -> Node:
        if self._sees("(", "{", "[", "|"):
            return self._factor() if not self._sees("(") else self._base_with_factorial()
        result = self._factor()
        while self._starts_factor() and not self._sees("(", "[") and not self._sees_function():
            result = self._juxtaposed(result)
        if self._sees("/") and isinstance(result, Number | Symbol | Product) and not self._sees_function(1):
            self._take()  # but `\ln 3/\ln 2` is a ratio of two functions
            result = Quotient(result, self._factor())
        return result

    def _base_with_factorial(self) -> Node:
        node = self._base()
        return Call("factorial", (node,)) if self._skip("!") else node

    def _sees_function(self, ahead: int = 0) -> bool:
        found = self._tokens[self._at + ahead : self._at + ahead + 1]
        return bool(found) and found[0].kind == "command" and found[0].text[1:] in FUNCTIONS

    def _series(self, kind: str) -> Node:
        lower: list[Token] = []
        last: Node | None = None
        while self._sees("_", "^"):
            if self._take().text == "_":
                lower = self._group_tokens()
            else:
                last = self._argument()
        if len(lower) < 3 or lower[0].kind != "letter" or lower[1].text != "=" or last is None:
            raise UnreadableError("a series without index and bounds")
        first = parse(lower[2:])
        if INFINITY in walk(first):
            raise UnreadableError("a series without a first term")
        outer, self._indices = self._indices, self._indices | {lower[0].text}
        body = self._product()
        self._indices = outer
        return Series(kind, lower[0].text, first, ENDLESS if last == INFINITY else last, body)

    def _matrix(self, name: str) -> Node:
        if name not in {"pmatrix", "bmatrix", "matrix", "array", "Bmatrix", "smallmatrix"}:
            raise UnreadableError(f"environment {name}")
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while not self._skip(f"\\end{{{name}}}"):
            row.append(self.sum())
            if self._skip("&"):
                continue
            rows.append(tuple(row))
            row = []
            if not self._skip("\\\\") and not self._sees(f"\\end{{{name}}}"):
                raise UnreadableError("a matrix that does not end")
        if not rows or len({len(each) for each in rows}) != 1:
            raise UnreadableError("a matrix with rows of several lengths")
        return Matrix(tuple(rows))
