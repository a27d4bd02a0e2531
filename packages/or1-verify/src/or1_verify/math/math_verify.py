"""Comparison by the library Math-Verify, for second opinions.

Importing this module loads sympy (about a second): import it where the comparison runs, in a worker. Nothing
here bounds time or memory; the pool does. The library accepts quantities that differ by less than its
rounding (six decimals) as equal, so it never decides a reward.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

from or1_verify.math.comparison import Comparison

# The library warns once per process that its timeouts are disabled, which is intended.
logging.getLogger("math_verify").setLevel(logging.ERROR)

# Strict normalisation, as the library advises for rewards: nothing malformed is repaired by guessing.
_EXTRACTION = (
    LatexExtractionConfig(
        try_extract_without_anchor=False,
        boxed_match_priority=0,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=True, malformed_operators=False, nits=False, boxed="last", equations=False
        ),
    ),
)
_FRACTION = re.compile(r"\\[dtc]?frac(?![A-Za-z])\s*(\{[^{}\\]*\}|\d|(?<=\s)[a-zA-Z])\s*(\{|\d|[a-zA-Z])")
_ROOT = re.compile(r"\\sqrt\s*(\d|(?<=\s)[a-zA-Z])")


def compare(golds: tuple[str, ...], answer: str) -> Comparison:
    """Compare an answer with the accepted golds; one match is enough.

    The order matters: a gold may be an inequality and the answer its interval, not the reverse.
    """
    parsed_golds = [parsed for parsed in map(_parse_gold, golds) if parsed]
    if not parsed_golds:
        return Comparison.BAD_GOLD
    if any(tidy(gold) == tidy(answer) for gold in golds if _parse_gold(gold)):
        return Comparison.EQUAL
    parsed_answer = _parse(answer)
    if not parsed_answer:
        return Comparison.BAD_ANSWER
    equal = any(verify(list(gold), parsed_answer, timeout_seconds=None) for gold in parsed_golds)
    return Comparison.EQUAL if equal else Comparison.DIFFERENT


def tidy(text: str) -> str:
    r"""Add the braces that LaTeX allows to omit: `\frac12` is `\frac{1}{2}`, `\sqrt2` is `\sqrt{2}`.

    >>> tidy(r" \tfrac12 + \sqrt 2. ")
    '\\frac{1}{2} + \\sqrt{2}'
    """
    text = text.strip().removesuffix(".").strip("* ")
    text = _FRACTION.sub(_write_out_fraction, text)
    return _ROOT.sub(r"\\sqrt{\1}", text)


def _write_out_fraction(found: re.Match[str]) -> str:
    above, below = found[1], found[2]
    above = above if above.startswith("{") else f"{{{above}}}"
    return f"\\frac{above}" + (below if below == "{" else f"{{{below}}}")


@lru_cache(maxsize=4096)
def _parse_gold(gold: str) -> tuple[Any, ...]:
    return tuple(_parse(gold))


def _parse(text: str) -> list[Any]:
    """Expressions read from a text, with the string itself last; empty if it is not an expression."""
    parsed = parse(f"\\boxed{{{tidy(text)}}}", _EXTRACTION, parsing_timeout=None)
    return parsed if any(not isinstance(item, str) for item in parsed) else []
