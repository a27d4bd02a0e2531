"""Extraction of the program from a response, and LiveCodeBench's preamble."""

from __future__ import annotations

from typing import Literal

from or1_verify.answer import after_thinking
from or1_verify.code.blocks import last_program

Extraction = Literal["markdown", "livecodebench"]
"""Rule for the program in a response: `blocks.last_program`, or `fenced_program` as in LiveCodeBench."""
_FENCE = "```"

# The order matters: a later star import replaces names of an earlier one. `pow` is first math's, then
# operator's, finally the builtin.
STAR_IMPORTS = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics",
    "itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
PLAIN_IMPORTS = STAR_IMPORTS[:-2]
PREAMBLE = (
    "".join(f"from {name} import *\n" for name in STAR_IMPORTS)
    + "".join(f"import {name}\n" for name in PLAIN_IMPORTS)
    + "sys.setrecursionlimit(50000)\n"
)
"""Comes before programs of the modes stdin and function. Source: LiveCodeBench, lcb_runner @28fef95."""


def fenced_program(text: str) -> str:
    r"""Text between the last two lines that contain three backticks; empty if there are not two such lines.

    >>> fenced_program("First:\n```\nx = 1\n```\nbetter:\n```python\nx = 2\n```\n")
    'x = 2'

    Source: LiveCodeBench, lcb_runner @28fef95, extract_code.
    """
    lines = text.split("\n")
    fences = [number for number, line in enumerate(lines) if _FENCE in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""


def program_of(response: str, extraction: Extraction = "markdown") -> str | None:
    """The program of a response, after its last `</think>`; None if the thinking is not finished.

    Empty if there is no program.
    """
    rest = after_thinking(response)
    if rest is None:
        return None
    program = last_program(rest) if extraction == "markdown" else fenced_program(rest)
    return program if program.strip() else ""


def as_response(program: str) -> str:
    """A response with this program only, in a fence that is longer than any in the program."""
    fence = _FENCE
    while fence in program:
        fence += "`"
    return f"{fence}python\n{program}\n{fence}\n"
