"""The statement of a problem: its text without instructions, examples and code, and a key of what it asks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from or1.curate.normal_form import tokens_of

_QUESTIONS = ("question_content", "query", "problem", "question", "content", "prompt", "text")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INSTRUCTIONS = re.compile(
    r"(?:\s*(?:(?:please|let'?s)\s+(?:reason|think|solve)[^.\n]{0,80}step by step[^.\n]{0,100}?"
    r"(?:\\boxed\s*\{\s*\}[^.\n]{0,20})?[.!]?"
    r"|(?:please\s+)?(?:put|enclose|output|give|present|return)\s+(?:your|the)\s+(?:final\s+)?answer[^.\n]{0,40}"
    r"\\boxed\s*\{\s*\}[^.\n]{0,20}[.!]?"
    r"|please complete the following python code precisely:))+\s*$",
    re.IGNORECASE,
)
_DOCSTRING = re.compile(
    r'''\A(?=.*^def \w).*?^\s+(?:"""(.+?)"""|\'{3}(.+?)\'{3})''', re.DOTALL | re.MULTILINE
)
_EXAMPLES = re.compile(
    r"^\s*(?:Examples?(?: \d+)?:|Sample (?:Input|Output)|Constraints:|Examples?\s*$|>>> )", re.MULTILINE
)
_FEW_WORDS = 5
"""Where less is left, nothing was cut off but the problem itself [words]."""
_PREFIX = re.compile(r"^\s*(?:(?:problem|question)\s*(?:\d+\s*)?[:.]\s+|q:\s+)", re.IGNORECASE)


def statement(content: Mapping[str, Any]) -> str:
    """The statement of a row alone: no instructions, examples or code; empty if there is none."""
    for key in _QUESTIONS:
        value = content.get(key)
        if isinstance(value, list) and value and isinstance(value[-1], Mapping):
            value = value[-1].get("content")
        if isinstance(value, str) and value.strip():
            return normalise(_without_code(value))
    return ""


def _without_code(text: str) -> str:
    """Without fenced code and the examples that follow; of a function to be completed its docstring."""
    if documented := _DOCSTRING.search(text):
        text = documented[1] or documented[2]
    statement_text = _EXAMPLES.split(_FENCE.sub(" ", text), maxsplit=1)[0]
    return statement_text if len(statement_text.split()) >= _FEW_WORDS else text


def normalise(text: str) -> str:
    """Text without invisible characters, foreign line ends, or an instruction about how to answer."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u00a0", " ")
    return _INSTRUCTIONS.sub("", _PREFIX.sub("", text)).strip()


def question_key(text: str, instructions: Iterable[str] = ()) -> tuple[str, ...]:
    """The tokens of a question without instructions and notation: equal for texts that differ in these alone.

    Args:
        text: the user's turn.
        instructions: texts that were appended to questions, to be left out.

    >>> question_key("Find $x+1$. Let us think.", ["Let us think."]) == question_key("find x + 1")
    True
    """
    for instruction in sorted(filter(None, instructions), key=len, reverse=True):
        text = text.removesuffix(instruction).rstrip()
    return tokens_of(normalise(text)).words
