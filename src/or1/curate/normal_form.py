r"""The normal form of a problem's text: tokens without spacing, case, punctuation and LaTeX style.

Numbers, operators and names of functions are kept as they are, since two problems that differ in one of
them are different problems. Single letters that stand for something (`x`, the points of `triangle ABC`) are
tokens of their own kind, so that a renaming can be seen as one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

from or1.curate.notation import (
    FUNCTIONS,
    GREEK,
    NAMED_SIGNS,
    NUMBER_WORDS,
    SAME_COMMAND,
    SIGNS,
    STYLE,
    TEXT_COMMANDS,
)


class TokenKind(IntEnum):
    WORD = 0
    NUMBER = 1
    """Written in digits."""
    LETTER = 2
    """A variable, point or other single-letter name."""
    OPERATOR = 3
    """`+`, `\\sin`, `<`: what is done with numbers and letters."""
    BRACKET = 4
    """Grouping, which notation often leaves open."""
    NUMBER_WORD = 5
    """`three`: the token is the same as that of `3`."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens [T]."""

    words: tuple[str, ...]
    """Each token as written in the normal form."""
    kinds: bytes
    """The kind of each."""

    def __len__(self) -> int:
        return len(self.words)

    @property
    def general(self) -> tuple[str, ...]:
        """The tokens with one sign for every letter: what a renaming leaves alone."""
        return tuple(
            "\N{MIDDLE DOT}" if kind == TokenKind.LETTER else word
            for word, kind in zip(self.words, self.kinds, strict=True)
        )

    def of_kind(self, kind: TokenKind) -> list[str]:
        return [word for word, each in zip(self.words, self.kinds, strict=True) if each == kind]


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ⁺⁻", "0123456789n+-")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₙ₊₋", "0123456789n+-")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ⁺⁻]+")
_LOWERED = re.compile(r"[₀₁₂₃₄₅₆₇₈₉ₙ₊₋]+")
_ONE_DIGIT = re.compile(r"(\\(?:[dtc]?frac|[dt]?binom)\s*)(\d)\s*(?=[\d{])(?:(\d)(?!\d)|)")
_MARKDOWN = re.compile(r"[\^_]\s*\{\s*\}|\*\*|__+|~~|`+|\\\\|\\newline|&(?:nbsp;)?|<br ?/?>")
_DRAWING = re.compile(
    r"\[asy\].*?(?:\[/asy\]|\Z)"
    r"|\\begin\{(asy|tikzpicture|figure|picture)\}.*?(?:\\end\{\1\}|\Z)"
    r"|\\includegraphics(?:\[[^\]]*\])?\{[^{}]*\}"
    r"|!\[[^\]]*\]\([^()]*\)|<img\b[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_FEW_WORDS = 3
_TWICE_ESCAPED = re.compile(
    r"\\\\(?=(?:d?frac|sqrt|text|mathrm|left|right|cdot|times|pi|theta|alpha|angle)\b)"
)
"""A command behind two backslashes: text that was escaped twice."""
_TAG = re.compile(
    r"</?(?:p|br|hr|b|i|u|em|strong|span|div|ul|ol|li|h[1-6]|pre|code|tt|center|font|table|tbody|tr|td|th)"
    r"(?:\s+[\w-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|\w+))*\s*/?>",
    re.IGNORECASE,
)
_RAISED_TAG = re.compile(r"<(su[pb])>([^<>]*)</\1>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[A-Za-z]{2,8});")
_QUOTED = re.compile(r"(?:[^\n]*:[ \t]*\n)?(?:[ \t]*>[^\n]*(?:\n|\Z))+")
"""A paragraph whose lines begin with the mark of a quotation, but for one that announces it."""
_QUOTE_MARK = re.compile(r"^[ \t]*>[> \t]*", re.MULTILINE)
_PARAGRAPHS = re.compile(r"(\n[ \t]*(?:\n[ \t]*)+)")
_GROUP = r"((?:[^{}]|\{[^{}]*\})*)"
_INFIX = re.compile(r"\{" + _GROUP + r"\\(over|choose)(?![A-Za-z])" + _GROUP + r"\}")
_TEXT_IN_MATH = re.compile(r"\\(?:text\w*|mbox|hbox|mathrm|operatorname)\s*\{[^{}]*\}")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]?[a-z]{2,}(?![A-Za-z}])")
_SUM_AFTER = re.compile(r"\d[^$]*\s(?:\$|\\\))\d")
"""The text after the first dollar of `$5 and $10`."""
_CLOSING = {"$": "$", r"\(": r"\)"}
_MOST_PROSE = 2
"""A formula holds no more words outside of `\\text`: the dollar before more of them is one of money."""
_CAPITAL_WORD = re.compile(r"(?<![\\A-Za-z])(?:([A-Z]{3,})|[A-Za-z]{3,})(?![A-Za-z])")
_BEGINNING = 400
"""Enough of a text to see how it is written [characters]."""
_TOKEN = re.compile(
    r"(?P<math>\$\$?|\\[()\[\]](?!\s*\d+(?:pt|ex|em)))"
    r"|\\(?P<command>[A-Za-z]+)\*?"
    r"|\\(?P<escaped>\D)"
    r"|(?P<number>\d{1,3}(?:(?:,|\{,\}|\\,|\\!,\\!|,\\!)\d{3})+(?!\d)|\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<word>[\u3040-\u9fff]|(?:(?![\u3040-\u9fff])[^\W\d_])+(?:'(?:(?![\u3040-\u9fff])[^\W\d_])+)*)"
    r"|(?P<dash>-)"
    r"|(?P<operator>[+*/=<>^_|%!])"
    r"|(?P<bracket>[(){}\[\]])",
    re.DOTALL,
)
_FIRST_SYLLABLE, _LAST_SYLLABLE = "\u3040", "\u9fff"
"""Kana and Chinese characters, each a word of its own."""
_BESIDE_BEFORE = frozenset("+*/=<>^_|{(0123456789")
_BESIDE_AFTER = frozenset("+*/=<>^_|}")
_GROUPING = re.compile(r"[^\d.]")
_ARGUMENT = re.compile(r"\\(?:begin|end|label|tag|hspace|vspace)\*?\{([^{}]*)\}(?:\{[lcr|\s]*\}|\[[^\]]*\])?")
_LETTERS = str.maketrans({"ϵ": "ε", "φ": "ϕ"})


def tokens_of(text: str) -> Tokens:
    """The normal form of a text. Linear in its length."""
    return _TokenReader(_cleaned(text)).read()


def _unquoted(paragraph: str) -> str:
    return _QUOTE_MARK.sub(" ", paragraph) if _QUOTED.fullmatch(paragraph.strip()) else paragraph


def _is_in_capitals(text: str) -> bool:
    """Written in capitals throughout: then these say nothing of names."""
    words = _CAPITAL_WORD.findall(text, 0, _BEGINNING)
    capitals = [word for word in words if word]
    return len(capitals) >= 2 and len(capitals) >= 0.8 * len(words) and max(map(len, capitals)) >= 4


def without_drawings(text: str) -> str:
    """A text without figures and links to them; a text that is nothing else stays as it is."""
    bare = _DRAWING.sub(" ", text)
    return bare if len(bare.split()) >= _FEW_WORDS else text


def drawings_of(text: str) -> str:
    """The drawings of a text as one text without blanks; empty without any."""
    return "".join("".join(found.group().split()) for found in _DRAWING.finditer(text))


def _cleaned(text: str) -> str:
    text = without_drawings(_TWICE_ESCAPED.sub(r"\\", text))
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "<" in text or ">" in text:
        text = _RAISED_TAG.sub(
            lambda found: f"{'^' if found[1].lower() == 'sup' else '_'}{{{found[2]}}}", text
        )
        text = "".join(map(_unquoted, _PARAGRAPHS.split(_TAG.sub(" ", text))))
    if "\\over" in text or "\\choose" in text:
        text = _INFIX.sub(
            lambda found: rf"\{'frac' if found[2] == 'over' else 'binom'}{{{found[1]}}}{{{found[3]}}}", text
        )
    text = _RAISED.sub(lambda found: f"^{{{found.group().translate(_SUPERSCRIPTS)}}}", text)
    text = _LOWERED.sub(lambda found: f"_{{{found.group().translate(_SUBSCRIPTS)}}}", text)
    text = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS).translate(_LETTERS)
    text = _ARGUMENT.sub(lambda found: f" {found[1]} " if "matrix" in found[1] else " ", text)
    text = _MARKDOWN.sub(" ", text)
    return _ONE_DIGIT.sub(
        lambda found: f"{found[1]}{{{found[2]}}}" + (f"{{{found[3]}}}" if found[3] else ""), text
    )


class _TokenReader:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words: list[str] = []
        self._kinds = bytearray()
        self._in_math = False
        self._words_depth: int | None = None
        self._depth = 0
        self._open: list[int] = []
        self._in_capitals = _is_in_capitals(text)

    def read(self) -> Tokens:
        for found in _TOKEN.finditer(self._text):
            match found.lastgroup:
                case "math":
                    self._mark(found.group(), found.end())
                case "command":
                    self._command(found["command"])
                case "escaped":
                    self._escaped(found["escaped"])
                case "number":
                    self._add(_plain_number(found["number"]), TokenKind.NUMBER)
                case "word":
                    self._word(found["word"], found.start(), found.end())
                case "dash":
                    self._dash(found.start())
                case "operator":
                    self._operator(found["operator"])
                case "bracket":
                    self._bracket(found["bracket"])
        return Tokens(tuple(self._words), bytes(self._kinds))

    def _add(self, word: str, kind: TokenKind) -> None:
        self._words.append(word)
        self._kinds.append(kind)

    def _mark(self, mark: str, end: int) -> None:
        if not self._in_math and mark in _CLOSING and self._is_money(end, _CLOSING[mark]):
            return
        self._in_math = not self._in_math if "$" in mark else mark in (r"\(", r"\[")

    def _is_money(self, start: int, closing: str) -> bool:
        r"""A dollar that none closes, or one before a number and then more words than a formula has.

        Also `\(5 and \)10`, which is what becomes of two prices when every pair of dollars is rewritten.
        """
        close = self._text.find(closing, start)
        if close < 0 or not self._text[start].isdigit():
            return close < 0
        if _SUM_AFTER.fullmatch(self._text, start, close + len(closing) + 1):
            return True
        return len(_PROSE.findall(_TEXT_IN_MATH.sub(" ", self._text[start:close]))) > _MOST_PROSE

    def _command(self, name: str) -> None:
        name = name.lower() if name.isupper() and len(name) > 1 else name
        name = SAME_COMMAND.get(name, name)
        if name in STYLE or not name:
            self._words_depth = self._depth if name in TEXT_COMMANDS else self._words_depth
            return
        if name == "circ" and self._words and self._words[-1] in {"^", "{"}:
            self._drop_open_power()
            self._add("degree", TokenKind.WORD)
            return
        if name.lower() in GREEK:
            self._add(name, TokenKind.LETTER)
            return
        self._add(name, TokenKind.WORD if name in NAMED_SIGNS else TokenKind.OPERATOR)

    def _drop_open_power(self) -> None:
        while self._words and self._words[-1] in {"^", "{"}:
            if self._words.pop() == "{" and self._open:
                self._open[-1] = len(self._words)
            self._kinds.pop()

    def _escaped(self, sign: str) -> None:
        if sign == "%":
            self._add("percent", TokenKind.WORD)
        elif sign == "|":
            self._add("|", TokenKind.BRACKET)
        elif sign in "{}":
            self._add({"{": "(", "}": ")"}[sign], TokenKind.BRACKET)

    def _word(self, word: str, start: int, end: int) -> None:
        is_word = not self._in_math or self._words_depth is not None
        lower = word.replace("'", "").lower()
        if lower in FUNCTIONS:
            self._add(lower, TokenKind.OPERATOR)
        elif lower in GREEK:
            self._add(word, TokenKind.LETTER)
        elif lower in NUMBER_WORDS and len(word) > 2:
            self._add(NUMBER_WORDS[lower], TokenKind.NUMBER_WORD)
        elif len(word) == 1 and not _FIRST_SYLLABLE <= word <= _LAST_SYLLABLE:
            is_word = is_word and word in "aAI" and not self._is_beside_mathematics(start, end)
            self._add(*((lower, TokenKind.WORD) if is_word else (word, TokenKind.LETTER)))
        elif len(word) <= 4 and not (is_word and (self._in_capitals or not word.isupper())):
            for letter in word:
                self._add(letter, TokenKind.LETTER)
        else:
            self._add(lower, TokenKind.WORD)

    def _is_beside_mathematics(self, start: int, end: int) -> bool:
        """`a^b`, `2a` and `a = 1` hold no article, also where nothing marks them as mathematics."""
        before, after = self._text[max(0, start - 2) : start].rstrip(), self._text[end : end + 2].lstrip()
        return before[-1:] in _BESIDE_BEFORE or after[:1] in _BESIDE_AFTER

    def _dash(self, at: int) -> None:
        before, after = self._text[at - 1 : at], self._text[at + 1 : at + 2]
        if not (before.isalpha() and after.isalpha()) or self._in_math:
            self._add("-", TokenKind.OPERATOR)

    def _operator(self, sign: str) -> None:
        if sign == "%":
            self._add("percent", TokenKind.WORD)
        elif sign == "!" and not (
            self._words and self._kinds[-1] in (TokenKind.NUMBER, TokenKind.LETTER, TokenKind.BRACKET)
        ):
            return
        else:
            self._add(sign, TokenKind.BRACKET if sign == "|" else TokenKind.OPERATOR)

    def _bracket(self, sign: str) -> None:
        if sign == "{":
            self._depth += 1
            self._open.append(len(self._words))
            self._add("{", TokenKind.BRACKET)
        elif sign == "}":
            self._close()
        else:
            self._add({"[": "(", "]": ")"}.get(sign, sign), TokenKind.BRACKET)

    def _close(self) -> None:
        """A group of one token needs no braces: `x^{2}` is `x^2`."""
        if not self._open:
            return
        self._depth -= 1
        is_text = self._words_depth is not None and self._depth <= self._words_depth
        self._words_depth = None if is_text else self._words_depth
        start = self._open.pop()
        if start >= len(self._words) or self._words[start] != "{":
            return
        if is_text or len(self._words) - start <= 2:
            del self._words[start]
            del self._kinds[start]
        else:
            self._add("}", TokenKind.BRACKET)


def _plain_number(text: str) -> str:
    whole = _GROUPING.sub("", text)
    whole, _, decimals = whole.partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
