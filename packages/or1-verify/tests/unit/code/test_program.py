"""Where the program is in a response."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import assume, given
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
def test_livecodebench_rule(response: str, program: str | None, rule: str) -> None:
    assert program_of(response, "livecodebench") == program


A, B = "a = input()\nprint(a)", "b = input()\nif b:\n    print(b)"
FENCED = "def f():\n    '''\n    ```\n    x\n    ```\n    '''"


def block(text: str, tag: str = "python", fence: str = "```", indent: str = "") -> str:
    return "\n".join(f"{indent}{line}" for line in (fence + tag, *text.split("\n"), fence))


MARKDOWN: list[tuple[str, str | None, str]] = [
    (block(A), A, "one block"),
    (block(A, ""), A, "without a tag"),
    (f"{block(A)}\nbetter:\n{block(B)}\nDone.", B, "the last of two"),
    (f"{block(A)}\nExample output:\n{block('3', '')}", A, "a block of output after it"),
    (f"{block(A)}\nOutput:\n{block('3', 'text')}", A, "an output with a tag"),
    (f"{block(A, '')}\nInput:\n{block('3 4', '')}\nOutput:\n{block('[3, -4]', '')}", A, "nothing has a tag"),
    (f"{block(A, '')}\nOutput:\n{block('Hello, world!', '')}", A, "an output that is no Python"),
    (f"{block(A)}\nRun it:\n{block('python main.py', 'bash')}", A, "a command"),
    (f"{block(A)}\nTry it:\n{block('>>> f(2)', 'python')}", A, "an interactive session"),
    (f"{block(B, '')}\n{block('int main() {}', 'cpp')}", B, "another language"),
    (f"{block(A, '')}\n{block(B, 'py')}\n{block('x = 1', '')}", B, "a tag decides before the place"),
    (f"1. First:\n{block(B, indent='   ')}\n2. Done", B, "an indented fence: its indentation goes"),
    (f"- {block(B, indent='  ').lstrip()}", B, "a fence after a list marker"),
    (block(B, indent="\t"), B, "indented by a tab"),
    (block(B, indent="> "), B, "quoted"),
    (block(A, fence="~~~"), A, "tildes"),
    (f"~~~~ Python\n{A}\n~~~~~", A, "a longer closing fence, a blank before the tag"),
    (f"````python\n{FENCED}\n{block(A)}\n````", f"{FENCED}\n{block(A)}", "a longer fence holds shorter ones"),
    (f"~~~python\n{block(A)}\n~~~", block(A), "tildes hold backticks"),
    (f"{block(A)}\nI wrote it in a ```python``` block, not ```text```.", A, "back-ticks in prose"),
    (f"{block(A)}\nUse `a` or ``b``; end with ```.", A, "back-ticks at the end of a line"),
    (f"Here is the code: {block(A)} Good luck!", A, "text beside the fences"),
    (f"```python\n{A}\n```python\n{B}\n```", B, "a block without a closing fence before the last"),
    (block(FENCED), FENCED, "a deeper fence in a docstring"),
    (f"{block(A)}\n```", A, "a stray fence at the end"),
    (f"{block(A)}\n{block('')}", A, "an empty block is none"),
    (f"{block(A)}\nfixed:\n```python\n{B}", "", "a program that was cut off: no earlier draft counts"),
    (f"{block(A, '')}\nfixed:\n```\n{B}", "", "cut off, without a tag"),
    (f"{block(A)}\nOutput:\n```\n3", A, "an output that was cut off"),
    (block("int main() {}", "cpp"), "", "no Python at all"),
    (block("x = (", ""), "x = (", "invalid Python, alone"),
    (A, "", "no fence is no program"),
    ("``` one line ```", "", "both fences on one line"),
    (f"<think>{block(A)}</think>\n{block(B)}", B, "after the thinking"),
    (f"<think>{block(A)}</think>So.", "", "never inside the thinking"),
    (f"<think>{block(A)}", None, "not while it thinks"),
    (f"```python title=main.py\r\n{A}\r\n```\r\n", f"{A}\r", "other line ends"),
    (f"```{{.python}}\n{A}\n```", A, "a tag in braces"),
]


@pytest.mark.parametrize(("response", "program", "rule"), MARKDOWN, ids=[rule for *_, rule in MARKDOWN])
def test_markdown_rule(response: str, program: str | None, rule: str) -> None:
    assert program_of(response) == program


@given(st.text().filter(lambda text: "think>" not in text and text.strip()))
def test_every_program_survives_the_markdown_rule(program: str) -> None:
    assume(not program.lstrip().startswith(">>>"))
    assert program_of(as_response(program)) == program


@given(st.text("`~ >-1.\npy#"))
def test_a_program_has_only_lines_of_its_response(response: str) -> None:
    lines = response.split("\n")
    for line in (program_of(response) or "").split("\n"):
        assert any(whole.endswith(line) for whole in lines)


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
