"""Where the program is in a response."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.code.program import PREAMBLE, as_response, fenced_program, program_of

RESPONSES: list[tuple[str, str | None, str]] = [
    ("```python\nx = 1\n```", "x = 1", "one block"),
    ("```\nx = 1\n```", "x = 1", "without a language"),
    ("```python\na\n```\nbut\n```python\nb\n```\nDone.", "b", "the last of two blocks"),
    ("```python\na\n```\n```", "", "the last pair of fences, though it is empty"),
    ("x = 1", "", "no fence is no program"),
    ("```python\nx = 1", "", "an open block is no program"),
    ("``` one line ```", "", "both fences on one line are one line"),
    ("text ```python\nx = 1\n  ``` text", "x = 1", "any line with three backticks is a fence"),
    ("````\nx\n````", "x", "four backticks hold three"),
    ("```python\n\n```", "", "an empty block is no program"),
    ("<think>```python\na\n```</think>```python\nb\n```", "b", "after the thinking"),
    ("<think>```python\na\n```</think>So: a", "", "never inside the thinking"),
    ("<think>```python\na\n```", None, "not while it thinks"),
    ("</think></think>```\nb\n```", "b", "after the last mark"),
    ("```python\r\nx = 1\r\n```", "x = 1\r", "line ends stay"),
]


@pytest.mark.parametrize(("response", "program", "rule"), RESPONSES, ids=[rule for *_, rule in RESPONSES])
def test_program_of(response: str, program: str | None, rule: str) -> None:
    assert program_of(response) == program


@given(st.text().filter(lambda text: "```" not in text and "think>" not in text and text.strip()))
def test_a_program_survives_being_put_into_a_response(program: str) -> None:
    assert fenced_program(as_response(program)) == program


def test_the_preamble_is_what_programs_were_written_for() -> None:
    """Star imports in an order that matters: in another, `pow` would refuse a modulus and `open` be io's."""
    check = (
        "assert pow(2, 3, 5) == 3 and heappush and Counter and gcd and List and deque and accumulate\n"
        "assert sys.getrecursionlimit() == 50000 and datetime.datetime and math.pi"
    )
    subprocess.run([sys.executable, "-c", PREAMBLE + check], check=True)
