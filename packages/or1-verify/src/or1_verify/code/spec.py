"""The tests of a code problem: all layouts of the gold of the task `code`.

`parse_tests` reads a JSON object, or its text, and returns tests that are data (inputs and expected outputs,
compared by the parent) or code (asserts or a `check` function, run by a tester process).
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from or1_verify.code.encoding import decode_tests
from or1_verify.code.leetcode import LEETCODE_SETUP
from or1_verify.code.names import (
    attributes_set,
    classes_in,
    free_names,
    functions_in,
    is_expression_of_names,
    library_imports,
    root_name,
    unbound_names,
)
from or1_verify.code.needs import is_test_class
from or1_verify.code.run_plan import with_checks
from or1_verify.code.syntax import parsed
from or1_verify.errors import DataError
from or1_verify.sandbox import Limits

_DEFAULTS = Limits()


class _Tests(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    time_limit_s: float = Field(default=_DEFAULTS.cpu_s, gt=0)
    """Processor time: of each test if tests are data, of all together if they are code [s].
    Source: LiveCodeBench, lcb_runner @28fef95 (6 s)."""
    memory_limit_bytes: int = Field(default=_DEFAULTS.memory_bytes, ge=1 << 26)
    """Memory of the program [bytes]."""
    solution: str | None = None
    """A correct program, used only to validate the tests."""


class StdinTests(_Tests):
    """Tests by standard input and output."""

    mode: Literal["stdin"] = "stdin"
    inputs: tuple[str, ...] = Field(min_length=1)
    """Standard input, one per test."""
    outputs: tuple[str, ...]
    """Expected standard output, one per test."""
    checker: str | None = None
    """Source that defines `check(input, output, reference) -> bool`, for problems with several correct
    outputs."""


class FunctionTests(_Tests):
    """Tests by arguments and return value, as JSON."""

    mode: Literal["function"] = "function"
    fn_name: str
    """A function, or a method of the class `Solution`."""
    inputs: tuple[tuple[Any, ...], ...] = Field(min_length=1)
    """Positional arguments, one tuple per test."""
    outputs: tuple[Any, ...]
    """Expected return values, one per test."""
    may_be_wrapped: bool = False
    """Each output is in a list of its own, as in APPS and TACO: the value alone is accepted too."""


class CheckTests(_Tests):
    """Test code that defines `check(candidate)`, as in HumanEval and LeetCodeDataset."""

    mode: Literal["leetcode", "humaneval"]
    setup: str
    """Runs first on both sides: imports, ListNode and TreeNode, the helpers of a HumanEval prompt."""
    test: str
    entry_point: str
    """The argument of `check`: `has_close_elements` or `Solution().twoSum`."""


class AssertTests(_Tests):
    """Test statements that use the program's functions by name, as in MBPP."""

    mode: Literal["asserts"] = "asserts"
    setup: str = ""
    """Runs first on both sides: imports."""
    tests: tuple[str, ...] = Field(min_length=1)
    names: tuple[str, ...]
    """The names that the program must define."""


Tests = StdinTests | FunctionTests | CheckTests | AssertTests
_MODELS: Mapping[str, type[Tests]] = {
    "stdin": StdinTests, "function": FunctionTests, "leetcode": CheckTests, "humaneval": CheckTests,
    "asserts": AssertTests,
}  # fmt: skip
_COMMON = ("time_limit_s", "memory_limit_bytes", "solution")
_OTHER_NAMES = {
    "time_limit": "time_limit_s", "memory_limit": "memory_limit_bytes", "import_prefix": "setup",
    "prompt": "setup", "test_code": "test", "assert_case": "tests", "test_list": "tests",
    "asserts": "tests", "special_judge": "checker", "func_name": "fn_name",
}  # fmt: skip
"""Key in a data set -> key here."""
_OTHER_MODES = {
    "functional": "function", "call": "function", "call_based": "function", "stdio": "stdin",
    "standard_input": "stdin", "assert": "asserts",
}  # fmt: skip
_LEETCODE_HELPERS = frozenset(
    {"ListNode", "TreeNode", "list_node", "tree_node", "is_same_list", "is_same_tree"}
)


def parse_tests(raw: Any) -> Tests:
    """Typed tests from a JSON object, a list of LiveCodeBench cases, or text that encodes one of them.

    Raises:
        DataError: tests that are missing or not usable, in one line.
    """
    table = _table(decode_tests(raw) if isinstance(raw, str) else raw)
    mode = str(table["mode"] if "mode" in table else _mode_of(table))
    mode = _OTHER_MODES.get(mode, mode)
    if mode not in _MODELS:
        raise DataError(f"tests have unknown mode {mode!r}: use one of {', '.join(_MODELS)}")
    try:
        tests = _MODELS[mode].model_validate(_COMPLETED[mode]({**table, "mode": mode}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"tests of mode {mode}: {where}: {first['msg']}") from None
    if isinstance(tests, StdinTests | FunctionTests) and len(tests.inputs) != len(tests.outputs):
        raise DataError(f"tests have {len(tests.inputs)} inputs and {len(tests.outputs)} outputs")
    return tests


def _table(raw: Any) -> dict[str, Any]:
    """One dictionary with this module's keys, from any layout."""
    if isinstance(raw, list):
        return _from_cases(raw, None)
    if not isinstance(raw, Mapping):
        raise DataError(f"tests are a {type(raw).__name__}, not a JSON object")
    table: dict[str, Any] = {str(_OTHER_NAMES.get(key, key)): value for key, value in raw.items()}
    table = {key: value for key, value in table.items() if value is not None and key not in ("style",)}
    if "input_output" in table:
        inner = table.pop("input_output")
        inner = decode_tests(inner) if isinstance(inner, str) else inner
        if not isinstance(inner, Mapping) or "input_output" in inner:
            raise DataError("input_output is not a JSON object of inputs and outputs")
        return _table({**table, **inner})
    if "public_test_cases" in table or "private_test_cases" in table:
        cases = [*_cases(table, "public_test_cases"), *_cases(table, "private_test_cases")]
        kept = {key: table[key] for key in _COMMON if key in table}
        return {**kept, **_from_cases(cases, _function_name(table))}
    return table


def _function_name(table: Mapping[str, Any]) -> str | None:
    metadata = table.get("metadata")
    metadata = decode_tests(metadata) if isinstance(metadata, str) and metadata.strip() else metadata
    if metadata is not None and not isinstance(metadata, Mapping):
        raise DataError("metadata is not a JSON object")
    name = (metadata or {}).get("func_name") or table.get("fn_name") or table.get("func_name")
    return str(name) if name else None


def _cases(table: Mapping[str, Any], key: str) -> list[Any]:
    cases = table.get(key, [])
    cases = decode_tests(cases) if isinstance(cases, str) else cases
    if not isinstance(cases, list):
        raise DataError(f"{key} is not a list of tests")
    return cases


def _from_cases(cases: list[Any], fn_name: str | None) -> dict[str, Any]:
    """LiveCodeBench's list of {input, output, testtype}, or SandboxFusion's of {input: {stdin}, ...}."""
    if not cases or not all(isinstance(case, Mapping) and {"input", "output"} <= set(case) for case in cases):
        raise DataError("each element of a list of tests must be a JSON object with input and output")
    inputs = [_stream(case["input"], "stdin") for case in cases]
    outputs = [_stream(case["output"], "stdout") for case in cases]
    table: dict[str, Any] = {"inputs": inputs, "outputs": outputs}
    names = {fn_name or _function_name(case) for case in cases} - {None}
    if len(names) > 1 or (not names and any(case.get("testtype") == "functional" for case in cases)):
        raise DataError(
            'tests with testtype "functional" need one function name: {"public_test_cases": [...], '
            '"metadata": {"func_name": NAME}}'
        )
    return {**table, "fn_name": names.pop()} if names else table


def _stream(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) and name in value else value


def _mode_of(table: Mapping[str, Any]) -> str:
    if "inputs" in table:
        return "function" if table.get("fn_name") else "stdin"
    if "test" in table and not _runs_itself(table["test"]):
        return "leetcode" if "Solution" in str(table.get("entry_point", "Solution")) else "humaneval"
    if "tests" in table or "test" in table:
        return "asserts"
    raise DataError(
        "tests need inputs and outputs, or test and entry_point, or a list of asserts "
        f"(the table has {', '.join(table) or 'nothing'})"
    )


def _runs_itself(test: Any) -> bool:
    """Whether test code has test cases of pytest or unittest, and no `check` for one entry point."""
    source = _lines(test)
    _compiles(source, "test")
    functions = functions_in(source)
    classes = [node for node in parsed(source).body if isinstance(node, ast.ClassDef)]
    has_cases = any(name.startswith("test") for name in functions) or any(map(is_test_class, classes))
    return has_cases and "check" not in functions


def _stdin(table: dict[str, Any]) -> dict[str, Any]:
    lists = {key: _list_of(table, key) for key in ("inputs", "outputs")}
    return {**table, **{key: [_text(each) for each in values] for key, values in lists.items()}}


def _text(value: Any) -> str:
    """One stream as text: lists of lines are joined, Windows line ends are converted."""
    return str(_lines(value)).replace("\r\n", "\n")


def _lines(value: Any) -> Any:
    """A list of lines as one text; anything else as it is."""
    return "\n".join(map(str, value)) if isinstance(value, list) else value


def _function(table: dict[str, Any]) -> dict[str, Any]:
    inputs = [_arguments(each) for each in _list_of(table, "inputs")]
    outputs = _list_of(table, "outputs")
    listed = all(isinstance(each, list) and len(each) == 1 for each in outputs)
    wrapped = listed and not any(isinstance(each, str) for each in table["inputs"])
    as_text = all(isinstance(each, str) for each in table["inputs"])
    outputs = [_json(each) if isinstance(each, str) and as_text else each for each in outputs]
    return {"may_be_wrapped": wrapped, **table, "inputs": inputs, "outputs": outputs}


def _list_of(table: Mapping[str, Any], key: str) -> list[Any]:
    if not isinstance(table.get(key), list):
        raise DataError(f"tests need a list {key}")
    return list(table[key])


def _arguments(value: Any) -> list[Any]:
    """Arguments of one call: a list, LiveCodeBench's text with one JSON value per line, or one value."""
    if isinstance(value, str):
        return [_json(line) for line in value.split("\n")]
    return value if isinstance(value, list) else [value]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"tests of mode function hold a value that is not JSON: {text[:60]!r}") from error


def _check(table: dict[str, Any]) -> dict[str, Any]:
    if "setup" not in table and table["mode"] == "leetcode":
        table = {**table, "setup": LEETCODE_SETUP}
    table = {"setup": "", **table}
    if "tests" in table and "test" not in table:
        table["test"] = table.pop("tests")
    table["test"] = _check_function(table.get("test"))
    for key in ("setup", "test"):
        _compiles(table.get(key), key)
    table["setup"] = library_imports(table["setup"], [table["test"]], ()) + table["setup"]
    if not is_expression_of_names(str(table.get("entry_point", ""))):
        raise DataError(f"entry_point {table.get('entry_point')!r} is not a name such as f or Solution().f")
    with_checks(table["setup"], [_with_call(table["test"], table["entry_point"])])
    return table


def _check_function(test: Any) -> Any:
    """Test code that defines `check`; plain asserts about `candidate` are wrapped into it."""
    lines = _lines(test)
    _compiles(lines, "test")
    if "check" in functions_in(lines) or not any(isinstance(node, ast.Assert) for node in parsed(lines).body):
        return lines
    return f"def check(candidate):\n{textwrap.indent(lines, '    ')}"


def _asserts(table: dict[str, Any]) -> dict[str, Any]:
    tests = table.get("tests", table.get("test"))
    tests = [tests] if isinstance(tests, str) else tests
    if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
        raise DataError("tests of mode asserts need tests, a list of statements")
    setup = table.get("setup", "")
    setup = _lines(setup)
    for test in [setup, *tests]:
        _compiles(test, "tests")
    entry_point = table.get("entry_point") if "tests" in table else None
    names = table.get("names") or ([entry_point] if entry_point else None)
    if _LEETCODE_HELPERS & set(unbound_names(setup, tests)) - {*(names or ())}:
        setup = LEETCODE_SETUP + setup
    names = names or free_names(setup, tests)
    if not names:
        raise DataError("the tests use no name that the program could define: set names")
    setup = library_imports(setup, tests, names) + setup
    rest = {key: value for key, value in table.items() if key not in ("entry_point", "test_imports", "test")}
    return {**rest, "setup": setup, "tests": with_checks(setup, tests), "names": names}


def _compiles(source: Any, key: str) -> None:
    try:
        parsed(source)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise DataError(f"tests: {key} is not valid Python ({error})") from error


_COMPLETED = {
    "stdin": _stdin, "function": _function, "leetcode": _check, "humaneval": _check, "asserts": _asserts,
}  # fmt: skip


def node_classes(tests: CheckTests | AssertTests) -> frozenset[str]:
    """Names of the classes that setup and tests define: their instances are sent as their attributes."""
    sources = [tests.setup, *code_of(tests)]
    return frozenset(name for source in sources for name in classes_in(source))


def assigned_attributes(tests: CheckTests | AssertTests) -> frozenset[str]:
    """Names of the attributes that setup and tests assign."""
    return frozenset(name for source in [tests.setup, *code_of(tests)] for name in attributes_set(source))


def code_of(tests: CheckTests | AssertTests) -> tuple[str, ...]:
    """The test code, split into parts that pass or fail on their own."""
    if isinstance(tests, AssertTests):
        return tests.tests
    return (_with_call(tests.test, tests.entry_point),)


def _with_call(test: str, entry_point: str) -> str:
    return f"{test}\ncheck({entry_point})\n"


def names_of(tests: CheckTests | AssertTests) -> tuple[str, ...]:
    """The names that the program must define."""
    return tests.names if isinstance(tests, AssertTests) else (root_name(tests.entry_point),)


def num_tests(tests: Tests) -> int:
    """Number of tests that pass or fail on their own."""
    return len(tests.inputs) if isinstance(tests, StdinTests | FunctionTests) else len(code_of(tests))
