"""No regular expression takes exponential time on a repeated piece: it ends in the time of a test."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import or1_verify

_MODULES = ("answer", "file", "latex.", "math.", "code.blocks", "code.encoding")
_PIECES = (
    " ", "a ", "k ", "k, ", "1", "1,", "1 ", "1.", "-", "+", "x", "x,", "(", ")", "()", "{", "}", "{}",
    r"\,", r"\!", r",\!", r"\text{a}", r"\text{", r"\ ", "^", "_", "_1", "k_1 ", "and ", "or ", ", and ",
    "for ", "for k ", "is ", "not ", "all ", "A and ", "I ", "=", "x=", "x=1,", "<", r"\le ", r"\in ",
    r"\pm ", r"\pm 1,", r"\cup ", r"\dots ", "...", "|", r"\{", r"\}", "[1,2]", "(1,2),", "\n", "\\\\",
    "&", "$", "$$", "**", r"\quad ", "meters ", "m/s ", "1st ", "per ", "square ", "'", "a'", "9:00 ",
    "a.m. ", r"\frac12", r"\sqrt", "%", r"^\circ ", "1'000", "000", r"\mod ", "mod 3 ", r"\boxed{",
    r"\boxed{1},", "```\n", "~~~\n", "    x\n", "<think>", r"\begin{", "real ", "positive ",
    "integer k ", "where k ", r"\mathbb{Z}", "root ", "non-", "million ", "twenty ", "half ",
)  # fmt: skip
_AROUND = (("", "!"), ("1", "!"), ("x", "!x"), ("k=1", "x"))
_REPEATS = 45


def patterns() -> Iterator[re.Pattern[str]]:
    for module in pkgutil.walk_packages(or1_verify.__path__, "or1_verify."):
        if module.name.removeprefix("or1_verify.").startswith(_MODULES):
            found = vars(importlib.import_module(module.name)).values()
            yield from (
                each for each in found if isinstance(each, re.Pattern) and isinstance(each.pattern, str)
            )


@pytest.mark.parametrize("piece", _PIECES)
def test_a_repeated_piece_is_matched_in_time(piece: str) -> None:
    for pattern in patterns():
        for before, after in _AROUND:
            text = before + piece * _REPEATS + after
            pattern.fullmatch(text)
            pattern.search(text)
