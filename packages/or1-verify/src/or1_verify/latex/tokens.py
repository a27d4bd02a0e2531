r"""Tokenizer for LaTeX and plain mathematical text; commands that only change the layout are dropped."""

from __future__ import annotations

import re
from typing import NamedTuple

from or1_verify.latex.words import FILLERS, FUNCTIONS, GREEK, SHORT_WORDS, SMALL_GREEK


class UnreadableError(Exception):
    """The text is not a mathematical answer that this package can read."""


class Token(NamedTuple):
    kind: str
    r"""`number`, `letter`, `command` (`\pi`, `\frac`), `mark` (`+`, `(`, `,`, `<=`) or `text`."""
    text: str


OR = Token("command", ",")
"""A comma written as "or": any one of the conditions may hold."""
UNICODE = str.maketrans(
    {
        "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-", "×": r"\times ",
        "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "√": r"\sqrt ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "°": r"^\circ ", "²": "^2 ", "³": "^3 ", "½": r"\frac{1}{2}",
        "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
        "\N{FRACTION SLASH}": "/", "…": r"\ldots ", "ℝ": r"\mathbb{R}", "∅": r"\emptyset ",
        "\N{NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ", "“": " ", "”": " ", "¢": " cent ",
        "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∑": r"\sum ", "∏": r"\prod ",
        "∫": r"\int ", "→": r"\to ", "\N{PRIME}": "'", "\N{DOUBLE PRIME}": "''", "ς": r"\sigma ",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'", "€": r"\euro ", "£": r"\pounds ", "‰": " permille ",
        **{chr(ord("\N{FULLWIDTH DIGIT ZERO}") + digit): str(digit) for digit in range(10)},
        **dict(zip("αβγδεζηθκλμνξρστφχψω", (rf"\{name} " for name in SMALL_GREEK.split()), strict=True)),
    }
)  # fmt: skip
_SIZES = "left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits|large|Large|LARGE|huge|small|tiny"
_STYLES = r"thinspace|enspace|mathstrut|bf|rm|it|boxed|fbox|underline|boldsymbol|bm|pmb|ensuremath"
_SPACING = r"\\q?quad|\\[,;: >]|\\\s)|~"
LAYOUT = re.compile(
    rf"(?<!\\)(?:\\(?:{_SIZES}|middle|(?:thin|en)space|mathstrut)(?![A-Za-z])(?:(?<=left|ight)\s*\.)?|{_SPACING}"
)
"""Sizes and spaces, which change no symbol."""
_LOOKS = re.compile(
    r"(?<!\\)(?:\\(?:(?:text)?color|[hv]space\*?|[hv]?phantom)\s*\{[^{}]*\}"
    r"|\\[hv]?phantom\s*(?:\\[A-Za-z]+|[^\s{])"
    rf"|\\(?:{_SIZES}|{_STYLES})(?![A-Za-z])\.?|{_SPACING}"
)
_JOINED_DIGITS = re.compile(r"(?<=\d)(?:\s?\{\s*,\s*\}|,\\!\s*|\\,\s*|\\ )(?=\d{3}(?!\d))")
_DECIMAL_IN_BRACES = re.compile(r"(?<=\d)\{(?:\.|,(?!\}\d{3}(?!\d)))\}(?=\d)")
_ROOT_SIGN = re.compile(r"√\s*(\d+(?:\.\d+)?)")
_NEGATED = re.compile(r"\\not\s*(?:(\\in(?![A-Za-z])|∈)|=)")
_STRAY_BACKSLASH = re.compile(r"(?<!\\)\\(?=\d)")
GLUED_AND = re.compile(r"(?<=[\d)}])\s*(?:or|and)(?=[A-Z(\\\d])")
_WRAPPER = re.compile(
    r"\\(text|textbf|textit|textrm|textnormal|textsf|texttt|mathtt|mbox|hbox|mathrm|mathbf|mathit|mathsf|operatorname\*?|emph|bold)"
    r"\s*\{"
)
_SAME_COMMAND = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "sfrac": "frac", "nicefrac": "frac",
    "dbinom": "binom", "tbinom": "binom", "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge",
    "lt": "<", "gt": ">", "neq": "ne", "ast": "*", "times": "*", "cdot": "*",
    "cdotp": "*", "div": "/", "slash": "/", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]",
    "vert": "|", "lvert": "|", "rvert": "|", "colon": ":", "dots": "ldots", "cdots": "ldots",
    "dotsc": "ldots", "dotsb": "ldots", "dotsm": "ldots", "varnothing": "emptyset", "degree": "circ",
    "bigcup": "cup", "bigcap": "cap", "backslash": "setminus", "land": ",", "wedge": ",", "varphi": "phi",
    "varepsilon": "epsilon", "vartheta": "theta", "simeq": "approx", "thickapprox": "approx", "mod": "bmod",
    "lnot": "neg", "bar": "overline", "widehat": "hat", "overrightarrow": "vec", "measuredangle": "angle",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<grouped>(?<!\d,)[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![\d,]\d|\d))|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,4}(?![\w.]))?",
    re.ASCII,
)
_MARK = re.compile(r"\.{3}|\*\*|<=|>=|!=|=<|=>|==|\+-|\+/-|[-+*/^_=<>!|,;:.'%&(){}\[\]$?@#\"`]")
_LETTERS = re.compile(r"[A-Z](?:\s*(?:,|and|, and|or)\s*[A-Z])+")
_WORD = re.compile(r"[A-Za-z]+", re.ASCII)
_INFINITY = re.compile(r"(?:positive |plus |(negative |minus ))?infinity")
_COMMAND = re.compile(r"\\([A-Za-z]+|.|$)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\s*\{([a-zA-Z*]+)\}(?:\s*\{[clr|\s]*\})?")
_FIGURES = frozenset({"\\angle", "\\triangle", "\\overline", "\\vec"})
_BEFORE_A_FACTOR = frozenset({"+", "-", "*", "/", ")", "]", "}", "!", "\\pi"})
_SAME_MARK = {
    "**": "^", "=<": "<=", "=>": ">=", "==": "=", "\\le": "<=", "\\ge": ">=", "\\ne": "!=", "+-":
    "\\pm", "+/-": "\\pm", "...": "\\ldots",
}  # fmt: skip
_ROUNDINGS = {"round": "\\round", "nint": "\\nint", "frac": "\\fractionalpart", "mod": "\\bmod"}
_PLAIN_COMMANDS = {
    "pi": "\\pi", "infinity": "\\infty", "inf": "\\infty", "oo": "\\infty", "sqrt": "\\sqrt", "cup":
    "\\cup", "union": "\\cup", "percent": "%", "percentage": "%", "frac": "\\frac", "and":
    ",", "or": ",", "in": "\\in", "infty": "\\infty", "theta": "\\theta",
    "mod": "\\bmod",
}  # fmt: skip


def tokenize(text: str) -> list[Token]:
    r"""Split a text into tokens.

    Raises:
        UnreadableError: an unknown character, or a brace that is never closed.

    >>> [token.text for token in tokenize(r"\dfrac{1}{2} x \le 1,234 \text{ cm}")]
    ['\\frac', '{', '1', '}', '{', '2', '}', 'x', '<=', '1234', 'cm']
    """
    text = _ROOT_SIGN.sub(r"\\sqrt{\1}", text)  # not TeX, which would take one digit
    text = _DECIMAL_IN_BRACES.sub(".", text.translate(UNICODE))
    text = _JOINED_DIGITS.sub("", text).replace("\\!", "")
    text = _NEGATED.sub(lambda found: "\\notin " if found[1] else "\\ne ", text)
    text = GLUED_AND.sub(" , ", _STRAY_BACKSLASH.sub("", text))
    return _Tokenizer(_LOOKS.sub(" ", text)).run()


def _symbol(text: str) -> Token | None:
    """The letter that upright text is or names; not K, M and B, which may be scales."""
    if len(text) == 1 and text.isalpha() and text.isascii() and text not in "KMB":
        return Token("letter", text)
    return Token("command", f"\\{text}") if text in GREEK or text == "pi" else None


class _Tokenizer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        while self._at < len(self._text):
            if self._text[self._at].isspace():
                self._at += 1
            else:
                self._step()
        return self._tokens

    def _step(self) -> None:
        wrapper = _WRAPPER.match(self._text, self._at)
        if wrapper:
            self._wrapped(wrapper)
        elif self._text[self._at] == "\\":
            self._command()
        elif number := _NUMBER.match(self._text, self._at):
            self._number(number)
        elif word := _WORD.match(self._text, self._at):
            self._at = word.end()
            self._word(word.group())
        elif mark := _MARK.match(self._text, self._at):
            self._at = mark.end()
            self._mark(mark.group())
        else:
            raise UnreadableError(f"character {self._text[self._at]!r}")

    def _add(self, kind: str, text: str) -> None:
        self._tokens.append(Token(kind, text))

    def _mark(self, mark: str) -> None:
        if mark == "!=" and self._text[self._at - 3 : self._at - 2].isdigit():  # `5!=120`, and not `x != 5`
            self._add("mark", "!")
            mark = "="
        mark = _SAME_MARK.get(mark, mark)
        self._depth += (mark in "([{") - (mark in ")]}")
        if mark.startswith("\\"):
            self._add("command", mark)
        elif mark not in {"$", '"', "`"}:
            self._add("mark", mark)
        elif (
            mark == "$" and self._at < len(self._text) and self._text[self._at].isdigit() and not self._tokens
        ):
            self._add("text", "$")

    def _number(self, found: re.Match[str]) -> None:
        text = found.group()
        if found["grouped"] and self._depth:  # inside brackets a comma separates
            text = text.partition(",")[0]
        self._at += len(text)
        self._add("number", text.replace(",", ""))

    def _command(self) -> None:
        found = _COMMAND.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        name = _SAME_COMMAND.get(found[1], found[1])
        if name in {"{", "}"} or name == "|":
            self._depth += (name == "{") - (name == "}")
            self._add("mark", {"{": "\\{", "}": "\\}", "|": "|"}[name])
        elif name in {"$", "euro", "pounds"}:
            self._add("text", name)
        elif len(name) == 1 and not name.isalpha():
            self._add("mark", _SAME_MARK.get(name, name)) if name != "\\" else self._add("mark", "\\\\")
        elif f"\\{name}" in _SAME_MARK:
            self._add("mark", _SAME_MARK[f"\\{name}"])
        elif name in {"e", "i"}:
            self._add("letter", name)
        elif name in {"lor", "vee"}:
            self._tokens.append(OR)
        elif name == "begin" or name == "end":
            self._environment(name)
        else:
            self._add("command", f"\\{name}")

    def _environment(self, name: str) -> None:
        found = _ENVIRONMENT.match(self._text, self._at)
        if found is None:
            raise UnreadableError(f"\\{name} without a name")
        self._at = found.end()
        self._depth += 1 if name == "begin" else -1
        self._add("command", f"\\{name}{{{found[1]}}}")

    def _wrapped(self, found: re.Match[str]) -> None:
        start = found.end()
        depth, end = 1, start
        while depth and end < len(self._text):
            depth += (self._text[end] == "{") - (self._text[end] == "}")
            end += 1
        if depth:
            raise UnreadableError("a brace is never closed")
        self._at = end
        content = self._text[start : end - 1].strip(" \t\n~.")
        upright = found[1].startswith(("math", "operatorname"))
        if joint := re.fullmatch(r"[,;]?\s*(and|or|,|;)\s*,?", content.lower()):
            self._tokens.append(OR if joint[1] == "or" else Token("mark", ","))
        elif content.lower() == "to":
            self._add("mark", ":")
        elif not content:
            return
        elif infinity := _INFINITY.fullmatch(content.lower()):
            if infinity[1]:
                self._add("mark", "-")
            self._add("command", "\\infty")
        elif (
            _LETTERS.fullmatch(content)
            or content[0].isdigit()
            or content[0] in "-+\\$("
            or (len(content) == 1 and upright)
        ):
            inner = _Tokenizer(content)
            inner._depth = self._depth
            self._tokens += inner.run()
        elif self._follows_value() and (symbol := _symbol(content)) is not None:
            self._tokens.append(symbol)
        elif content in _ROUNDINGS and (upright or content == "mod"):
            self._add("command", _ROUNDINGS[content])
        elif (upright and content.lower() in FUNCTIONS) or content == "cis":
            self._add("command", f"\\{content.lower()}")
        elif upright and content.isalpha() and content.isupper() and len(content) < 4:
            self._tokens += [Token("letter", letter) for letter in content]
        else:
            self._add("text", content)

    def _word(self, word: str) -> None:
        lower = word.lower()
        follows_words = bool(self._tokens) and self._tokens[-1].kind == "text"
        if word.isupper() and self._follows_figure():
            self._tokens += [Token("letter", letter) for letter in word]
        elif lower in _PLAIN_COMMANDS and not (len(word) == 2 and word == "In"):
            plain = _PLAIN_COMMANDS[lower]
            if lower == "or":
                self._tokens.append(OR)
                return
            self._add("command" if plain.startswith("\\") else "mark", plain)
        elif lower in FUNCTIONS:
            self._add("command", f"\\{lower}")
        elif len(word) == 1:
            self._add("letter", word)
        elif len(word) > 3 or (lower in SHORT_WORDS and word != "NO") or (lower in FILLERS and follows_words):
            self._add("text", word)
        else:
            self._split(word)

    def _follows_figure(self) -> bool:
        """Whether the names of points follow: `AND` in `\\triangle AND` is no word."""
        marks = [token.text for token in self._tokens[-2:]]
        return bool(marks) and (marks[-1] in _FIGURES or (marks[-1] == "{" and marks[0] in _FIGURES))

    def _follows_value(self) -> bool:
        r"""Whether a letter is a factor or term here: `2 + 3\text{i}`, and not the choice `\text{A}`."""
        if not self._tokens or self._tokens[-1].kind == "text":
            return False
        return self._tokens[-1].kind in {"number", "letter"} or self._tokens[-1].text in _BEFORE_A_FACTOR

    def _split(self, word: str) -> None:
        for name in ("sin", "cos", "tan", "ln", "pi"):
            if word.startswith(name):
                self._add("command", f"\\{name}")
                word = word.removeprefix(name)
        self._tokens += [Token("letter", letter) for letter in word]
