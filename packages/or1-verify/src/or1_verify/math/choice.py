"""Choice letters: the answer to a question with lettered choices, with or without the text of the choice."""

from __future__ import annotations

import re
from functools import lru_cache

from or1_verify.latex.normal import is_same_text

_MARKUP = re.compile(
    r"\\(?:text\w*|math(?:rm|bf|sf|tt|it|bb|normal)|mbox|boldsymbol|bf|rm|left|right)(?![A-Za-z])"
    r"|\\[,;:! ()\[\]]|\\q?quad(?![A-Za-z])|[{}$~]|\*\*"
)
_LETTER = re.compile(
    r"(?:the\s+)?(?:(?:correct|final)\s+)?(?:(?:option|choice|answer)(?:\s+is)?[\s:]+)?"
    r"(?P<open>[(\[]\s*)?(?:(?:option|choice|answer)\s+)?(?P<letter>[A-Za-z])(?P<shut>\s*[)\]])?(?![\w'])"
    r"(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_END = re.compile(r"[\s.,;:)\]]*|\s+is\s+(?:the\s+)?(?:correct|right)(?:\s+(?:answer|choice|option))?[\s.!]*")
_AFTER_BRACKET = re.compile(r"[.:]?\s+(\S.*)|\s*([A-Za-z0-9].*)", re.DOTALL)
_AFTER_LETTER = re.compile(
    r"[.:]\s+(?!(?:\\[A-Za-z]+|[A-Za-z]{1,3}|[A-Za-z]_\w)$)(\S.*)|[.:]([A-Za-z]{2}.*)|\s+-+\s+([A-Za-z]{4}.*)",
    re.DOTALL,
)
"""`R: r` is a ratio; a hyphen comes before words, since `N - 1` is a difference."""
_OPERATOR = re.compile(
    r"[\^_!'/*+=<>&|,;)]|-\s|\\(?:cdot|times|div|pm|mp|leq?|geq?|neq?|in|cup|cap|to)(?![A-Za-z])"
    r"|(?:or|not|nor|and|is\s+(?:not|wrong|incorrect))\b",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?<![A-Za-z\\])(?:A|I)\s+(?!(?:and|or|nor|not|is|are)\b)[a-z]+\b")
_ABOUT_OTHERS = re.compile(
    r"[A-J]\s+and\s+[A-J]|[A-J]\s*[=<>]\s*[A-J]|[A-J]\s+is\s+(?!correct|right|true|wrong|the\b|not\b)[a-z]+"
)
"""Text of a choice about things with letters: `(D) A and B`."""
_ROMAN = re.compile(r"\b(?:II|III|IV|only)\b")
_OTHER = re.compile(r"(?<![A-Za-z\\])[A-J](?![A-Za-z'])")
_OTHER_SMALL = re.compile(r"(?<![A-Za-z\\])(?:[b-j](?![A-Za-z])|a\W*$)")
_PART = re.compile(r"[^\s,;=]+")
_DENIAL = re.compile(
    r"\b(?:incorrect|wrong|false|cannot|can't|not|none of|answer is|or \(?[b-j](?![A-Za-z]))", re.IGNORECASE
)
_SECOND = re.compile(r"(?<![A-Za-z\\])(?:[b-dfghj]|a(?=\s*[,.)]))(?![A-Za-z])")
"""Small letters that may name a choice: `e` and `i` are numbers, `a` is a word."""
_LETTER_AFTER = re.compile(r".*\S\s*\(([A-J])\)\W*", re.DOTALL)
LETTER_BEFORE_VALUE = re.compile(r"\s*(?:\\(?:text|math)\w*\s*\{\s*)?\(([A-J])\)\s*\}?\s*(?=[^\s}])")
r"""The letter of a choice before its text: `\text{(B)} 12`."""
_SMALL = "abcdfghj"
"""Small letters of choices: `e` and `i` are numbers."""
_LABEL = re.compile(
    r"\\(?:text|math)\w*\s*\{\s*[(\[]?([A-Ja-j])(?:[)\]]|[.:](?=\s*\}))\s*[.:]?\s*\}(?:\s*[)\]])?"
    r"|(?<![\w(^_\\])[(\[]([A-Ja-j])[)\]]|(?:^|(?<=\s))([A-J])\)(?=\s)|(?:^|(?<=\n))[ \t]*([A-H])[.:](?=\s)"
    r"|(?<=\s)([A-H])\.(?=\s+[$\\\d(\[-])"
)
_BETWEEN = re.compile(
    r"\\(?:q?quad|hfill|newline|par|item)(?![A-Za-z])|\\hspace\*?\s*\{[^{}]*\}"
    r"|\\\\(?![A-Za-z])|\\[,;:! \]\[()]|[~&]"
)
_LONE = re.compile(r"(?:\\(?:text|math)\w*|\W)*[A-Ja-j]\W*")
_FEWEST = 3
"""Fewest choices of a list: fewer lettered things are parts of a question."""


@lru_cache(maxsize=1024)
def choices_of(question: str) -> dict[str, str]:
    r"""The choices that a question lists: the text of each by its letter.

    None unless the letters are A, B, C, ... once each, no text is a letter, and no two are the same.

    >>> choices_of(r"Which? $\textbf{(A)}\ 2\qquad\textbf{(B)}\ \frac12\qquad\textbf{(C)}\ \pi$ Explain.")
    {'A': '2', 'B': '\\frac12', 'C': '\\pi'}
    """
    labels = list(_LABEL.finditer(question))
    letters = "".join(next(filter(None, label.groups())) for label in labels)
    if len(letters) < _FEWEST or not ("ABCDEFGHIJ".startswith(letters) or "abcdefghij".startswith(letters)):
        return {}
    ends = [label.start() for label in labels[1:]] + [len(question)]
    parts = [question[label.end() : end] for label, end in zip(labels, ends, strict=True)]
    in_formula = question[: labels[-1].end()].count("$") % 2 == 1
    parts[-1] = parts[-1].partition("$")[0] if in_formula else parts[-1].strip().partition("\n")[0]
    texts = [_text_of(part) for part in parts]
    if not all(texts) or len({*texts}) < len(texts) or any(map(_LONE.fullmatch, texts)):
        return {}
    return dict(zip(letters.upper(), texts, strict=True))


def takes_back_choice(answer: str, letter: str, question: str) -> bool:
    """Whether the words after a letter are the text of another choice of the question, name a second choice
    or deny the first."""
    lettered = _LETTER.fullmatch(_plain(answer))
    rest = lettered["rest"].lstrip(" .:)]").rstrip(" .") if lettered else ""
    if not rest:
        return False
    choices = choices_of(question)
    own = _plain(choices.get(letter, ""))
    if is_same_text(own, rest):
        return False
    if any(other != letter and is_same_text(_plain(text), rest) for other, text in choices.items()):
        return True
    if any(found.lower() not in own.lower() for found in _DENIAL.findall(rest)):
        return True
    parts = {*_PART.findall(rest)} - {*_PART.findall(own)}
    if any(other != letter and _plain(text) in parts for other, text in choices.items()):
        return True
    return bool(choices) and bool({*_SECOND.findall(rest)} - {*_SECOND.findall(own)})


def _text_of(part: str) -> str:
    text = _BETWEEN.sub(" ", part)
    if text.count("$") % 2:
        text = text.replace("$", " ")
    return " ".join(text.split()).rstrip(" .;,")


def names_other_choice(text: str, letter: str) -> bool:
    """Whether a text begins or ends with another letter as the label of a choice.

    >>> names_other_choice("A. D", "D"), names_other_choice("D. A", "D"), names_other_choice("A D", "D")
    (True, False, False)
    """
    after = _LETTER_AFTER.fullmatch(_plain(text))
    if after and after[1] != letter:
        return True
    found = _LETTER.fullmatch(_plain(text))
    if found is None or found["letter"] not in {*_SMALL.upper(), "E", "I"} - {letter}:
        return False
    return found["shut"] is not None or found["rest"].startswith((".", ":"))


def choice_letter(text: str) -> str | None:
    r"""The letter of a choice. Text may follow after a delimiter: a bracket, a period, a colon or a dash.

    A letter without a delimiter before more mathematics is a quantity. A second choice letter makes it no
    choice; `A` and `I` are words where a text begins with them.

    >>> choice_letter(r"\textbf{(C) } 12"), choice_letter("d"), choice_letter("B: I only")
    ('C', 'D', 'B')
    >>> [choice_letter(text) for text in ("C or D", "a circle", r"R\sqrt{2}", "N - 1")]
    [None, None, None, None]
    """
    found = _LETTER.fullmatch(_plain(text))
    if found is None or (found["letter"].islower() and found["letter"] not in _SMALL):
        return None
    letter, rest = found["letter"], found["rest"]
    if _END.fullmatch(rest):
        return letter.upper()
    after = (_AFTER_BRACKET if found["shut"] else _AFTER_LETTER).fullmatch(rest)
    words = next((part for part in after.groups() if part), "") if after else ""
    return letter.upper() if words and _is_text(words, letter) else None


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub(" ", text).split()).strip("* .")


def _is_text(words: str, letter: str) -> bool:
    """Whether the words after the delimiter are the text of one choice."""
    if _ABOUT_OTHERS.fullmatch(words):
        return True
    if _OPERATOR.match(words):
        return False
    rest = _ARTICLE.sub(" ", words)
    if _ROMAN.search(rest):
        rest = re.sub(r"\bI\b", " ", rest)
    if _OTHER.search(rest):
        return False
    return letter.isupper() or _OTHER_SMALL.search(rest) is None
