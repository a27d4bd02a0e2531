"""Is a program correct? Untrusted programs run in the sandbox against tests that they cannot see.

`verify` judges one response; `CodeVerifier` is the same as a verifier class, for pools and for
training. docs/code-verifier.md has the layouts of tests, the modes, and how they differ from LiveCodeBench.
"""

from __future__ import annotations

from typing import Any

from or1_verify.code.spec import parse_tests
from or1_verify.code.verifier import CodeVerifier, ProgramVerifier
from or1_verify.types import Message, Problem, Verdict

__all__ = ["CodeVerifier", "ProgramVerifier", "parse_tests", "verify"]


def verify(tests: Any, response: str, verifier: CodeVerifier | None = None) -> Verdict:
    """Judge the program in a response.

    Args:
        tests: a table such as `{"inputs": ["1 2"], "outputs": ["3"]}`, or any other layout of
            docs/code-verifier.md.
        response: text with the program in a fenced block.
        verifier: limits and kind of reward; None = the defaults.
    """
    problem = Problem.make("code", (Message("user", ""),), tests)
    return (verifier or CodeVerifier()).verify(problem, response)
