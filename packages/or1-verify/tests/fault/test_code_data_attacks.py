"""Attacks through what a program prints and through the data file, numbered as in `test_code_attacks`."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from typing import Any

import pytest

from or1_verify import code
from or1_verify.code.program import as_response
from or1_verify.errors import DataError
from or1_verify.types import Outcome


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print(1)", "wrong_answer"),  # only the first line of two
        ("print(1)\nprint(2)\nprint(3)", "wrong_answer"),  # more lines than two
        ("print(1, 2)", "wrong_answer"),
        ("print('1\\n2\\n' + 'x' * 10)", "wrong_answer"),
        ("print(1)\nprint(2)", "right"),
    ],
)
def test_14_every_line_counts(program: str, reason: str) -> None:
    assert code.verify({"inputs": [""], "outputs": ["1\n2\n"]}, as_response(program)).reason == reason


def test_15_state_does_not_go_from_one_test_to_the_next() -> None:
    """A counter that answers by its value: each test of data starts a program anew."""
    counter = """
import os
calls = 0
def answer(x):
    global calls
    calls += 1
    try: os.mkdir("/tmp/or1-was-here")
    except OSError: pass
    open("count", "a").write("x")
    return [calls, len(open("count").read())]
"""
    tests = {"fn_name": "answer", "inputs": ["1", "1"], "outputs": ["[1, 1]", "[2, 2]"]}
    verdict = code.verify(tests, as_response(counter))
    assert (verdict.reason, verdict.detail.split(":")[0]) == ("wrong_answer", "test 2 of 2")
    tests["outputs"] = ["[1, 1]", "[1, 1]"]
    assert code.verify(tests, as_response(counter)).reason == "right"


def test_17_a_table_of_the_public_samples_fails_the_hidden_tests() -> None:
    table = "print({'1': 1, '2': 4}.get(input(), 0))"
    tests = {"inputs": ["1", "2", "3"], "outputs": ["1", "4", "9"]}
    assert code.verify(tests, as_response(table)).detail.startswith("test 3 of 3")
    verdict = code.verify(tests, as_response(table), code.CodeVerifier(reward="fraction"))
    assert verdict.reward == pytest.approx(2 / 3)


@pytest.mark.parametrize("token", ["nan", "NaN", "sNaN", "inf", "-inf", "1e400", "1_0", "0x7", "7j", "١e400"])
def test_18_strange_numbers_equal_nothing_but_themselves(token: str) -> None:
    tests = {"inputs": [""], "outputs": ["7 1"]}
    assert code.verify(tests, as_response(f"print('{token} 1')")).reason == "wrong_answer"


class _Malicious:
    """Unpickled, it would raise; in the wild, run a command."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemError('a data file ran code')",))


@pytest.mark.parametrize(
    "content", [_Malicious(), [_Malicious()], {"input_output": _Malicious()}, b"bytes", 7]
)
def test_54_a_data_file_cannot_run_code(content: Any) -> None:
    packed = base64.b64encode(zlib.compress(pickle.dumps(content))).decode()
    row = {"public_test_cases": "[]", "private_test_cases": packed, "metadata": "{}"}
    with pytest.raises(DataError, match="pickle"):
        code.parse_tests(row)
    verdict = code.verify(row, as_response("print(1)"))
    assert (verdict.outcome, verdict.reason, verdict.reward) == (Outcome.NOT_JUDGED, "bad_tests", None)


def test_54_the_honest_encoding_is_read() -> None:
    cases = json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}])
    packed = base64.b64encode(zlib.compress(pickle.dumps(cases))).decode()
    row = {"public_test_cases": "[]", "private_test_cases": packed, "metadata": "{}"}
    assert code.verify(row, as_response("print(int(input()) + 1)")).outcome is Outcome.RIGHT
