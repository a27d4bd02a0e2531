"""Programming problems from files: LeetCodeDataset, MBPP, HumanEval, LiveCodeBench, Skywork-OR1, TACO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from or1.errors import DataError
from or1.tasks.chat import chat_of, first_text, is_text, question_of
from or1.tasks.columns import with_data_columns
from or1.tasks.file_task import FileTask
from or1.tasks.kind import BenchmarkRow, VerifierSettings
from or1.tasks.prompts import CODE_FUNCTION, CODE_STDIN, with_instruction
from or1.tasks.rows import Row
from or1.types import Message, Problem
from or1_verify.code import CodeVerifier, ProgramVerifier, parse_tests
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.code.syntax import syntax_tree

QUESTIONS = ("question_content", "query", "question", "problem", "content", "prompt", "text")
_SOURCES = ("data_source", "source")
_SOLUTIONS = ("completion", "canonical_solution", "code", "solution")
_TESTS = ("tests", "input_output", "test", "gold", "ground_truth")
_OTHER_TESTS = ("reward_model", "public_test_cases", "private_test_cases", "entry_point", "test_list")
_KEYS = {"question": QUESTIONS[0], "answer": _TESTS[0], "source": _SOURCES[0]}
_LISTED_BY_TESTS = ("time_limit_s", "memory_limit_bytes", "checker")


@dataclass(frozen=True)
class CodeTask(FileTask):
    """Problems of one file or data set, judged by running the program in the response.

    The columns tell which data set a row is from; any other row needs a question (`question`, `problem` or
    `prompt`: text, or chat messages) and `tests`, in a layout that `parse_tests` reads. A solution that comes
    with a row is kept with the tests, to validate them. The column `answer` is that of the tests.
    """

    name: str = "code"

    def _problem(self, row: Row) -> Problem:
        row = with_data_columns(row, self.columns, keys=_KEYS, answer_columns=(*_TESTS, *_OTHER_TESTS))
        try:
            tests = parse_tests(tests_of(row.content))
        except DataError as error:
            raise DataError(f"{row.place}: {error}") from error
        named = (row.content[key] for key in _SOURCES if is_text(row.content, key))
        gold = tests.model_dump(mode="json", exclude_none=True)
        return Problem.make(self.name, self._prompt(row, gold), gold, next(named, row.source))

    def _prompt(self, row: Row, gold: Mapping[str, Any]) -> tuple[Message, ...]:
        content = row.content
        key = next((key for key in QUESTIONS if is_text(content, key) or _is_chat(content, key)), None)
        if key is None:
            raise DataError(f"{row.place}: no question: give it as question, problem or prompt")
        if _is_chat(content, key):
            return chat_of(row, content[key], self.instruction)
        question = _question(content, key, gold).replace("\r\n", "\n")
        return (Message("user", with_instruction(question, self.instruction)),)


def tests_of(content: Mapping[str, Any]) -> Any:
    """The tests of a row, with its solution, for `parse_tests`.

    Raises:
        DataError: the row has no tests.
    """
    extra: dict[str, Any] = {key: content[key] for key in _LISTED_BY_TESTS if content.get(key)}
    extra |= {"solution": solution} if (solution := _solution(content)) else {}
    if "reward_model" in content and isinstance(content["reward_model"], dict):
        return _with(content["reward_model"].get("ground_truth"), extra)
    if "public_test_cases" in content or "private_test_cases" in content:
        encoded = ("public_test_cases", "private_test_cases", "metadata")
        return {**{key: content[key] for key in encoded if content.get(key)}, **extra}
    if is_text(content, "entry_point") and is_text(content, "test"):
        mode = "leetcode" if "Solution" in content["entry_point"] else "humaneval"
        checked = {key: content[key] for key in ("entry_point", "test")}
        before = {"setup": content["prompt"]} if is_text(content, "prompt") else {}
        return {"mode": mode, **checked, **before, **extra}
    if _is_texts(content.get("test_list")):
        setup = content.get("test_setup_code") or content.get("test_imports") or ""
        names = _defined(content.get("code"), content["test_list"])
        return {"tests": content["test_list"], "setup": setup, "names": names, **extra}
    for key in _TESTS:
        if content.get(key):
            return _with(content[key], extra)
    raise DataError(f"no tests: give them as tests (the row has {', '.join(content) or 'nothing'})")


def _with(tests: Any, extra: dict[str, Any]) -> Any:
    """Tests as they are, with what stands beside them in the row where their layout has room for it."""
    if isinstance(tests, str) and tests.lstrip().startswith("{"):
        try:
            tests = json.loads(tests)
        except ValueError as error:
            raise DataError(f"tests are not JSON ({error})") from error
    return {**extra, **tests} if isinstance(tests, dict) else tests


def _solution(content: Mapping[str, Any]) -> str | None:
    for key in _SOLUTIONS:
        if is_text(content, key):
            is_body = key == "canonical_solution" and is_text(content, "prompt")
            return content["prompt"] + content[key] if is_body else str(content[key])
    return None


def _defined(code: Any, tests: Sequence[str]) -> list[str] | None:
    """Names that the solution defines and the tests use: exact where the tests alone leave a doubt."""
    import ast

    if not isinstance(code, str):
        return None
    try:
        body = syntax_tree(code).body
        asked = [syntax_tree(test) for test in tests]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # no program, or one nested too deep
        return None
    names = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    used = {node.id for test in asked for node in ast.walk(test) if isinstance(node, ast.Name)}
    return [name for name in names if name in used] or None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_chat(content: Mapping[str, Any], key: str) -> bool:
    return key in content and isinstance(content[key], list) and bool(content[key])


def _question(content: Mapping[str, Any], key: str, gold: Mapping[str, Any]) -> str:
    """The question as text, completed with what a program must be called or how it gets its input."""
    question: str = content[key]
    if gold["mode"] == "humaneval":
        return f"Complete this function.\n\n```python\n{question.rstrip()}\n```\n{CODE_FUNCTION}"
    if gold["mode"] == "asserts":
        return (
            f"{question.rstrip()}\nIt will be tested like this: `{gold['tests'][0].strip()}`\n{CODE_FUNCTION}"
        )
    if gold["mode"] == "leetcode":
        return question
    if is_text(content, "starter_code"):
        return f"{question.rstrip()}\n\n```python\n{content['starter_code'].rstrip()}\n```\n{CODE_FUNCTION}"
    return f"{question.rstrip()}\n{CODE_FUNCTION if gold['mode'] == 'function' else CODE_STDIN}"


def problem_of(row: Row) -> Problem:
    """The problem that one row holds, without an instruction.

    Raises:
        DataError: a row without question or usable tests.
    """
    return CodeTask("")._problem(row)


def benchmark_row(row: Row, suffix: str) -> BenchmarkRow:
    """A programming problem of a benchmark, with its tests as gold.

    Raises:
        DataError: a row without question or usable tests.
    """
    try:
        gold = parse_tests(tests_of(row.content)).model_dump(mode="json", exclude_none=True)
    except DataError as error:
        raise DataError(f"{row.place}: {error}") from error
    form = gold["mode"]
    question, before = question_of(row, QUESTIONS, suffix)
    values = {
        "starter_code": first_text(row, ("starter_code",)) or "",
        "first_test": str(gold["tests"][0]).strip() if form == "asserts" else "",
    }
    source = first_text(row, ("platform", *_SOURCES))
    return BenchmarkRow(
        form=form, question=question.strip(), gold=gold, before=before, values=values, source=source
    )


def program_verifier(settings: VerifierSettings) -> ProgramVerifier:
    """The verifier of programs: or1's own sandbox, or a SandboxFusion service."""
    code = settings.code
    if code.sandbox_fusion_url is not None:
        return SandboxFusionVerifier(
            url=code.sandbox_fusion_url,
            reward=code.reward,
            time_limit_factor=code.time_limit_factor,
            extraction=code.extraction,
        )
    return CodeVerifier(
        reward=code.reward,
        time_limit_factor=code.time_limit_factor,
        total_time_limit_s=code.total_time_limit_s,
        extraction=code.extraction,
        allow_weak_sandbox=code.allow_weak_sandbox,
    )
