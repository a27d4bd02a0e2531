"""Layouts of tests: every one that is read, and every mistake in one line."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify.code.encoding import decode_tests, pickled_text
from or1_verify.code.leetcode import LEETCODE_SETUP
from or1_verify.code.names import free_names, library_imports
from or1_verify.code.spec import (
    AssertTests,
    CheckTests,
    FunctionTests,
    StdinTests,
    node_classes,
    parse_tests,
)
from or1_verify.errors import DataError


def packed(content: Any, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(content, protocol))).decode()


CASES = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}, {"input": "3", "output": "4"}]
STDIN = StdinTests(inputs=("1\n", "3"), outputs=("2\n", "4"))
STDIN_LAYOUTS: list[Any] = [
    {"mode": "stdin", "inputs": ["1\n", "3"], "outputs": ["2\n", "4"]},
    {"inputs": ["1\r\n", "3"], "outputs": ["2\r\n", "4"]},
    {"inputs": [["1", ""], ["3"]], "outputs": [["2", ""], ["4"]], "fn_name": None},
    CASES,
    json.dumps(CASES),
    json.dumps({"inputs": ["1\n", "3"], "outputs": ["2\n", "4"]}),
    [{"input": {"stdin": "1\n"}, "output": {"stdout": "2\n"}}, {"input": "3", "output": "4"}],
    {"input_output": json.dumps({"inputs": ["1\n", 3], "outputs": ["2\n", 4]})},
    {"public_test_cases": CASES[:1], "private_test_cases": packed(json.dumps(CASES[1:])), "metadata": "{}"},
    {"public_test_cases": json.dumps(CASES), "private_test_cases": "[]"},
    packed({"input_output": json.dumps({"inputs": ["1\n", "3"], "outputs": ["2\n", "4"], "fn_name": None})}),
]


@pytest.mark.parametrize("raw", STDIN_LAYOUTS, ids=range(len(STDIN_LAYOUTS)))
def test_stdin_layouts(raw: Any) -> None:
    assert parse_tests(raw) == STDIN


FUNCTION_LAYOUTS: list[Any] = [
    {"mode": "function", "fn_name": "f", "inputs": [[[1, 2], "x"]], "outputs": [{"a": [1]}]},
    {"fn_name": "f", "inputs": ['[1, 2]\n"x"'], "outputs": ['{"a": [1]}']},
    {
        "public_test_cases": [{"input": '[1, 2]\n"x"', "output": '{"a": [1]}', "testtype": "functional"}],
        "metadata": '{"func_name": "f"}',
    },
    [
        {
            "input": '[1, 2]\n"x"',
            "output": '{"a": [1]}',
            "testtype": "functional",
            "metadata": {"func_name": "f"},
        }
    ],
]


@pytest.mark.parametrize("raw", FUNCTION_LAYOUTS, ids=range(len(FUNCTION_LAYOUTS)))
def test_function_layouts(raw: Any) -> None:
    wanted = FunctionTests(fn_name="f", inputs=(([1, 2], "x"),), outputs=({"a": [1]},))
    assert parse_tests(raw) == wanted


def test_outputs_in_lists_of_one_may_be_the_value_or_the_list() -> None:
    """APPS and TACO wrap each output; a text of LiveCodeBench is never wrapped."""
    wrapped = parse_tests({"fn_name": "f", "inputs": [[1], [2]], "outputs": [[3], [4]]})
    assert isinstance(wrapped, FunctionTests)
    assert wrapped.may_be_wrapped
    for raw in (
        {"fn_name": "f", "inputs": ["1"], "outputs": ["[3]"]},
        {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[3], 4]},
    ):
        tests = parse_tests(raw)
        assert isinstance(tests, FunctionTests)
        assert not tests.may_be_wrapped


def test_check_layouts() -> None:
    test = "def check(candidate):\n    assert candidate(1)"
    wanted = CheckTests(mode="leetcode", setup="import math", test=test, entry_point="Solution().f")
    for raw in (
        {"mode": "leetcode", "prompt": "import math", "test": test, "entry_point": "Solution().f"},
        {"import_prefix": "import math", "test_code": test, "entry_point": "Solution().f"},
    ):
        assert parse_tests(raw) == wanted
    bare = parse_tests({"test": test, "entry_point": "Solution().f"})
    assert isinstance(bare, CheckTests)
    assert bare.setup == LEETCODE_SETUP
    assert node_classes(bare) == {"ListNode", "TreeNode"}
    human = parse_tests({"test": test, "entry_point": "f", "prompt": "def f(x):\n    '''x'''"})
    assert isinstance(human, CheckTests)
    assert human.mode == "humaneval"


def test_assert_layouts() -> None:
    wanted = AssertTests(setup="import math", tests=("assert f(1) == math.pi",), names=("f",))
    for raw in (
        {"mode": "asserts", "setup": "import math", "tests": ["assert f(1) == math.pi"]},
        {"test_list": ["assert f(1) == math.pi"], "setup": ["import math"]},
        {"assert_case": ["assert f(1) == math.pi"], "setup": "import math", "entry_point": "f"},
        {"asserts": "assert f(1) == math.pi", "setup": "import math"},
    ):
        assert parse_tests(raw) == wanted


def test_test_files_need_no_entry_point() -> None:
    """Test functions and test cases run as such, whatever name stands beside them."""
    functions = "from solution import f, g\n\ndef test_f():\n    assert f(1) == g(2)\n"
    cases = (
        "import unittest\nclass Cases(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(1), 2)\n"
    )
    for raw, names in (
        ({"test": functions}, ("f", "g")),
        ({"test": functions, "entry_point": "f"}, ("f", "g")),
        ({"test": cases, "entry_point": "task_func"}, ("f",)),
    ):
        tests = parse_tests(raw)
        assert isinstance(tests, AssertTests)
        assert (tests.names, tests.tests) == (names, (raw["test"],))
    check = parse_tests({"test": f"def check(f):\n    assert f(1)\n{cases}", "entry_point": "f"})
    assert isinstance(check, CheckTests)


def test_lists_of_asserts_about_linked_lists_and_candidates() -> None:
    """LeetCode's helpers are there for those who use them; asserts about a candidate become a check."""
    lists = parse_tests({"tests": ["assert is_same_list(Solution().rev(list_node([1])), list_node([1]))"]})
    assert isinstance(lists, AssertTests)
    assert lists.names == ("Solution",)
    assert lists.setup == LEETCODE_SETUP
    for raw in (
        {
            "entry_point": "Solution().f",
            "mode": "leetcode",
            "tests": ["assert candidate(1) == 1", "assert candidate(2)"],
        },
        {"entry_point": "Solution().f", "test": "assert candidate(1) == 1\nassert candidate(2)"},
    ):
        checked = parse_tests(raw)
        assert isinstance(checked, CheckTests)
        assert checked.test == "def check(candidate):\n    assert candidate(1) == 1\n    assert candidate(2)"


KEYS = (
    "mode inputs outputs fn_name test tests entry_point setup input_output metadata public_test_cases names "
)
KEYS += "private_test_cases checker time_limit_s stdin asserts leetcode"
words = st.sampled_from(KEYS.split())
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | words
    | st.just("assert f(1)"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(anything)
def test_whatever_a_file_holds_is_read_or_refused(raw: Any) -> None:
    with contextlib.suppress(DataError):
        parse_tests(raw)


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 100_000, '{"inputs": ' * 50_000):
        with pytest.raises(DataError):
            parse_tests(text)


@pytest.mark.parametrize("tests", [STDIN, *map(parse_tests, FUNCTION_LAYOUTS)])
def test_typed_tests_can_be_stored_and_read_again(tests: Any) -> None:
    assert parse_tests(tests.model_dump(mode="json", exclude_none=True)) == tests


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (7, "a int, not a JSON object"),
        ({}, "need inputs and outputs"),
        ([], "each element of a list of tests"),
        ([{"input": "1"}], "a JSON object with input and output"),
        ([{"input": "1", "output": "1", "testtype": "functional"}], "one function name"),
        ([{"input": "1", "output": "1", "fn_name": name} for name in "fg"], "one function name"),
        ({"inputs": ["1"]}, "need a list outputs"),
        ({"inputs": [], "outputs": []}, "inputs"),
        ({"inputs": ["1"], "outputs": ["1", "2"]}, "1 inputs and 2 outputs"),
        ({"inputs": ["1"], "outputs": ["1"], "time_limit_s": -1}, "time_limit_s"),
        ({"inputs": ["1"], "outputs": ["1"], "colour": "red"}, "colour"),
        ({"mode": "telepathy", "inputs": ["1"], "outputs": ["1"]}, "telepathy"),
        ({"fn_name": "f", "inputs": ["one"], "outputs": ["1"]}, "not JSON"),
        ({"test": "def check(", "entry_point": "f"}, "not valid Python"),
        ({"test": "def check(c): pass", "entry_point": "f(__import__('os'))"}, "entry_point"),
        ({"test": "def check(c): pass"}, "entry_point"),
        ({"tests": ["assert ("]}, "not valid Python"),
        ({"tests": ["assert len([]) == 0"]}, "set names"),
        ({"tests": []}, "a list of statements"),
        ("{]", "neither JSON nor compressed base64"),
        ("aGVsbG8=", "neither JSON nor compressed base64"),
        (packed("not json"), "not JSON"),
        (packed(["x"]), "more than texts"),
        (packed({"a": 1}), "more than texts"),
        (packed(print), "more than texts"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(raw: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        parse_tests(raw)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("content", ["", "text", "\u00e9\U0001f600", {"a": "b"}, {"a": "b", "c": "d"}])
def test_pickled_texts_are_read_in_every_protocol(content: Any, protocol: int) -> None:
    assert pickled_text(pickle.dumps(content, protocol)) == content


def test_a_bomb_of_zeros_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("or1_verify.code.encoding.MAX_BYTES", 1000)
    with pytest.raises(DataError, match="larger"):
        decode_tests(packed("0" * 2000))


@pytest.mark.parametrize(
    ("setup", "tests", "names"),
    [
        ("", ["assert f(1) == g(2)", "assert h(1)"], ("f", "g", "h")),
        ("", ["assert set(f([1])) == {1}"], ("f",)),
        ("def g(x): return x", ["assert f(1) == g(2)"], ("f",)),
        ("", ["x = [1]\nf(x)\nassert all(y for y in x)"], ("f",)),
        ("import math", ["assert math.isclose(f(1), sqrt(2))"], ("f",)),
        ("", ["assert count([1], 1) == 1"], ("count",)),
        ("", ["assert f(1) == Decimal('1.5')"], ("f",)),
        ("", ["assert_equal(f(1), approx(2))"], ("f",)),
        ("", ["assert Fraction(1, 2) + Fraction(1, 2) == Fraction(1, 1)"], ("Fraction",)),
        ("", ["def t(): assert f(lambda a: a)\nt()"], ("f",)),
        ("", ["s = Stack()\ns.push(1)\nassert s.pop() == 1"], ("Stack",)),
        ("", ["assert f(1) == 1", "a = shuffle([1])\nassert a == [1]"], ("f", "shuffle")),
        ("", ["def test_f(): assert f(1)\ndef test_g():\n g = invert({1: []})\n assert g"], ("f", "invert")),
        ("", ["assert f(1) == 1", "p = list(permutations([1]))\nassert f(2) in p"], ("f",)),
        ("", ["assert f(2) == 1", "x = sqrt(2)\nassert x == 1"], ("f",)),
        ("", ["try:\n f()\nexcept ValueError as e:\n str(e)"], ("f",)),
    ],
)
def test_names_that_the_program_must_define(setup: str, tests: list[str], names: tuple[str, ...]) -> None:
    assert free_names(setup, tests) == names


def test_modules_that_tests_take_for_granted() -> None:
    assert library_imports("", ["assert f() < sys.maxsize and math.pi"], ["f"]) == "import math\nimport sys\n"
    assert library_imports("import sys", ["assert f() < sys.maxsize"], ["f"]) == ""
    assert library_imports("", ["assert Decimal(1) + 1 == Decimal(2)"], ["Decimal"]) == ""
