"""Programming problems from files: the rows of each data set, as problems that their solutions pass."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.tasks.code import CodeTask
from or1.tasks.load import load_problems
from or1.tasks.prompts import CODE_FUNCTION, CODE_STDIN
from or1.tasks.rows import read_rows
from or1.types import Message, Outcome, Problem
from or1_verify.code import CodeVerifier
from or1_verify.code.program import as_response
from or1_verify.code.sandboxes import close_all
from or1_verify.golds import GoldCheck


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    close_all()


LEETCODE = {
    "task_id": "sum-of-two",
    "prompt": "from typing import *\n",
    "completion": "class Solution:\n    def add(self, a: int, b: int) -> int:\n        return a + b",
    "entry_point": "Solution().add",
    "test": "def check(candidate):\n    assert candidate(a = 1, b = 2) == 3",
    "query": "Add.\r\n```python\nclass Solution:\n    def add(self, a, b):\n```",
    "response": "unused",
    "input_output": [{"input": "a = 1, b = 2", "output": "3"}],
    "meta": {"difficulty": "Easy"},
}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": "def add(a, b):\n    '''Sum.'''\n",
    "canonical_solution": "    return a + b\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3",
}
MBPP = {
    "task_id": 2,
    "prompt": "Write a function to add.",
    "code": "import sys\ndef helper(a): return a\ndef add(a, b):\n  return helper(a) + b",
    "test_imports": ["import math"],
    "test_list": ["assert add(1, 2) == 3", "assert add(1, 2) < sys.maxsize + math.pi"],
}
MBPP_FULL = {"text": "Write a function to add.", **{k: MBPP[k] for k in ("code", "test_list")}}
MBPP_FULL |= {"test_setup_code": "import math", "challenge_test_list": []}
LCB_STDIN = {
    "question_content": "Print the sum.\r\n",
    "starter_code": "",
    "public_test_cases": json.dumps([{"input": "1 2", "output": "3", "testtype": "stdin"}]),
    "private_test_cases": base64.b64encode(
        zlib.compress(pickle.dumps(json.dumps([{"input": "3 4", "output": "7", "testtype": "stdin"}])))
    ).decode(),
    "metadata": "{}",
}
LCB_CALL = {
    "question_content": "Add.",
    "starter_code": "class Solution:\n    def add(self, a, b):",
    "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
    "private_test_cases": "[]",
    "metadata": json.dumps({"func_name": "add"}),
}
SKYWORK = {
    "data_source": "train-code-taco",
    "prompt": [{"role": "user", "content": "Print the sum."}],
    "ability": "code",
    "reward_model": {"style": "rule", "ground_truth": json.dumps({"inputs": ["1 2"], "outputs": ["3"]})},
}
SKYWORK_LEETCODE = {
    "prompt": [{"role": "user", "content": "Add."}],
    "reward_model": {
        "ground_truth": json.dumps(
            {"entry_point": "Solution().add", "import_prefix": "", "test_code": LEETCODE["test"]}
        )
    },
}
TACO = {
    "question": "Print the sum.",
    "input_output": json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]}),
    "solutions": "[]",
}
RLLM = {"problem": "Print the sum.", "tests": {"inputs": ["1 2\n"], "outputs": ["3 \n"]}}
FUSION = {
    "content": "Print the sum.",
    "test": json.dumps([{"input": {"stdin": "1 2"}, "output": {"stdout": "3"}}]),
}
OWN = {"question": "Add.", "tests": {"tests": ["assert add(1, 2) == 3"], "time_limit_s": 2}, "source": "mine"}

STDIN_PROGRAM = "print(sum(map(int, input().split())))"
FUNCTION_PROGRAM = "def add(a, b): return a + b"
METHOD_PROGRAM = "class Solution:\n    def add(self, a, b): return a + b"
ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "LeetCodeDataset": (LEETCODE, METHOD_PROGRAM, "Add.\n```python"),
    "HumanEval": (HUMANEVAL, FUNCTION_PROGRAM, "'''Sum.'''"),
    "MBPP": (MBPP, FUNCTION_PROGRAM, "assert add(1, 2) == 3"),
    "MBPP full": (MBPP_FULL, FUNCTION_PROGRAM, CODE_FUNCTION),
    "LiveCodeBench stdin": (LCB_STDIN, STDIN_PROGRAM, CODE_STDIN),
    "LiveCodeBench call": (LCB_CALL, METHOD_PROGRAM, "class Solution:\n    def add(self, a, b):\n```"),
    "Skywork-OR1": (SKYWORK, STDIN_PROGRAM, "Print the sum."),
    "Skywork-OR1 LeetCode": (SKYWORK_LEETCODE, METHOD_PROGRAM, "Add."),
    "TACO": (TACO, STDIN_PROGRAM, CODE_STDIN),
    "rLLM": (RLLM, STDIN_PROGRAM, CODE_STDIN),
    "SandboxFusion": (FUSION, STDIN_PROGRAM, CODE_STDIN),
    "own": (OWN, FUNCTION_PROGRAM, "assert add(1, 2) == 3"),
}


def write(path: Path, *rows: Any) -> str:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return str(path)


def problems(tmp_path: Path, *rows: Any, **settings: Any) -> list[Problem]:
    return list(CodeTask(write(tmp_path / "rows.jsonl", *rows), **settings).problems())


@pytest.mark.parametrize("name", ROWS)
def test_rows_become_problems_that_a_right_program_passes(name: str, tmp_path: Path) -> None:
    row, program, shown = ROWS[name]
    (problem,) = problems(tmp_path, row, instruction="Be brief.")
    assert shown in problem.prompt[-1].content
    assert problem.prompt[-1].content.endswith("\nBe brief.")
    assert "\r" not in problem.prompt[-1].content
    verdict = CodeVerifier().verify(problem, as_response(program))
    assert verdict.outcome is Outcome.RIGHT, verdict.detail
    wrong = program.replace("a + b", "a - b").replace("sum", "max")
    assert CodeVerifier().verify(problem, as_response(wrong)).outcome is Outcome.WRONG


@pytest.mark.parametrize("row", [LEETCODE, HUMANEVAL, MBPP], ids=["leetcode", "humaneval", "mbpp"])
def test_solutions_validate_their_tests(row: dict[str, Any], tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl.gz",
        row,
        {**row, "completion": "x = 1", "canonical_solution": "    pass", "code": "y = 2"},
    )
    sound, unsound = CodeTask(path).problems()
    check = GoldCheck(CodeVerifier())
    assert [check.judge(problem, "").reason for problem in (sound, unsound)] == ["right", "gold_is_wrong"]


def test_hidden_tests_do_not_show_in_the_question(tmp_path: Path) -> None:
    """Only the first assert of MBPP is shown, for the name: a table of all of them would pass."""
    for row in (MBPP, LCB_STDIN):
        (problem,) = problems(tmp_path, row)
        assert "3 4" not in problem.prompt[0].content
        assert "maxsize" not in problem.prompt[0].content
        assert "return" not in problem.prompt[0].content


def test_sources_and_limits(tmp_path: Path) -> None:
    found = problems(tmp_path, OWN, RLLM, SKYWORK)
    assert [p.source for p in found] == ["mine", tmp_path.name, "train-code-taco"]
    assert isinstance(found[0].gold, dict)
    assert found[0].gold["time_limit_s"] == 2
    assert len({p.id for p in found}) == 3
    assert len(problems(tmp_path, OWN, RLLM, SKYWORK, num_problems=2)) == 2


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"question": "Add."}, "line 2: no tests"),
        ({"tests": {"inputs": ["1"], "outputs": ["1"]}}, "line 2: no question"),
        ({**RLLM, "tests": {"inputs": ["1"], "outputs": []}}, "line 2: tests have 1 inputs and 0 outputs"),
        ({**LEETCODE, "test": "def check("}, "line 2: tests: test is not valid Python"),
        ({**MBPP, "test_list": [], "tests": None}, "line 2: no tests"),
        ({**SKYWORK, "reward_model": {"ground_truth": "{"}}, "line 2: tests are not JSON"),
        ({**SKYWORK, "prompt": [{"role": "user"}]}, "line 2: each message"),
        (
            {**LCB_STDIN, "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps([1]))).decode()},
            "pickle",
        ),
    ],
)
def test_a_bad_row_is_named(row: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        problems(tmp_path, RLLM, row)
    assert str(caught.value).startswith(str(tmp_path / "rows.jsonl"))


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be unpacked"):
        list(read_rows(path))


def test_code_and_math_are_mixed_by_weight(tmp_path: Path) -> None:
    code_path = write(tmp_path / "code.jsonl", RLLM, OWN)
    math_path = write(tmp_path / "math.jsonl", {"question": "1 + 1?", "answer": "2"})
    loaded = load_problems(
        (DataConfig(task="code", path=code_path, weight=2.0), DataConfig(task="math", path=math_path)),
        seed=1,
    )
    assert [p.task for p in loaded.problems] == ["code", "code", "math"]
    assert list(loaded.weights.values()) == [2.0, 2.0, 1.0]
    assert [kind.name for kind in loaded.kinds] == ["code", "math"]
    with pytest.raises(ConfigError, match=r"data\.path is missing: task = \"code\""):
        load_problems((DataConfig(task="code"),), seed=1)


def test_chat_prompts_keep_their_turns(tmp_path: Path) -> None:
    row = {**SKYWORK, "prompt": [{"role": "system", "content": "Be kind."}, *SKYWORK["prompt"]]}  # type: ignore[misc]
    (problem,) = problems(tmp_path, row)
    assert problem.prompt == (Message("system", "Be kind."), Message("user", "Print the sum."))
