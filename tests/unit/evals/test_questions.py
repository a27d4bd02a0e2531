"""Rows of benchmark files become questions: the same prompt from every source, the same key under every
protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.errors import ConfigError, DataError
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.pipeline import samples_of
from or1.evals.questions import Questions, load_questions, notes_on_repeats
from or1.evals.settings import EvalRunConfig
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.tasks.kind import DEFAULTS
from or1.tasks.rows import read_rows
from or1.types import Message
from or1_verify.math import MathVerifier

DATA = Path(__file__).parents[3] / "../shared/data"
real_data = pytest.mark.skipif(
    not DATA.exists(), reason="needs ../shared/data, which is not part of the project"
)


def ask(name: str, path: Path, protocol: str = "reference", **more: Any) -> Questions:
    return load_questions(load_benchmark(name), load_protocol(protocol), data=[str(path)], **more)


def rows_in(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


SUFFIX = " Let's think step by step and output the final answer within \\boxed{}."


def test_a_chat_row_and_a_text_row_are_asked_alike(tmp_path: Path) -> None:
    chat = {"prompt": [{"role": "user", "content": f"Why?{SUFFIX}"}], "answer": "7"}
    file = rows_in(
        tmp_path / "a.jsonl", chat, {"problem": "Why?", "answer": "7"}, {"problem": "How?", "answer": "7"}
    )
    first, second, _ = ask("aime24", file).asked
    assert first.problem.prompt == second.problem.prompt == (Message("user", f"Why?{SUFFIX}"),)
    assert first.prompt_hash == second.prompt_hash
    assert second.key == f"{first.key}#2", "one problem among others that comes twice is two problems"


def test_a_key_does_not_depend_on_the_protocol_and_a_hash_says_which_data(tmp_path: Path) -> None:
    file = rows_in(tmp_path / "a.jsonl", {"problem": "Why?", "answer": "7"})
    reference, r1 = (ask("aime24", file, name) for name in ("reference", "r1"))
    assert reference.asked[0].key == r1.asked[0].key
    assert reference.asked[0].prompt_hash != r1.asked[0].prompt_hash
    assert reference.data_hash == r1.data_hash
    other = rows_in(tmp_path / "b.jsonl", {"problem": "Why?", "answer": "8"})
    assert ask("aime24", other).data_hash != reference.data_hash


def test_turns_before_the_question_are_kept(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    file = rows_in(
        tmp_path / "a.jsonl", {"prompt": [system, {"role": "user", "content": "Why?"}], "answer": "7"}
    )
    prompt = ask("gsm8k", file, "r1").asked[0].problem.prompt
    assert prompt[0] == Message("system", "Be brief.")
    assert prompt[1].content.startswith("Why?\nPlease reason step by step")


def test_a_name_in_braces_inside_a_question_is_left_alone(tmp_path: Path) -> None:
    row = {"id": "x-0", "problem": "{solution} and {question}?", "steps": ["{question}"], "label": 0}
    text = ask("processbench", rows_in(tmp_path / "s.jsonl", row)).asked[0].problem.prompt[0].content
    assert "{solution} and {question}?" in text
    assert "<paragraph_0>\n{question}\n</paragraph_0>" in text


def test_processbench_is_asked_as_published(tmp_path: Path) -> None:
    row = {"id": "gsm8k-3", "problem": "P", "steps": ["a", "b"], "label": -1}
    questions = ask("processbench", rows_in(tmp_path / "gsm8k.jsonl", row, {**row, "id": "m", "label": 1}))
    right, wrong = questions.asked
    text = right.problem.prompt[0].content
    assert (
        "[Math Problem]\n\nP\n\n[Solution]\n\n<paragraph_0>\na\n</paragraph_0>\n\n<paragraph_1>\nb\n" in text
    )
    assert text.endswith("Please put your final answer (i.e., the index) in \\boxed{}.")
    assert [(a.key, a.difficulty, a.problem.gold, a.problem.source) for a in (right, wrong)] == [
        ("gsm8k-3", "correct", -1, "gsm8k"),
        ("m", "error", 1, "gsm8k"),
    ]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"label": "1"}, "label"),
        ({"label": True}, "label"),
        ({"label": 1}, "label is 1: it must be the index of a paragraph, up to 0, or -1"),
        ({"label": -2}, "label"),
        ({"steps": "a"}, "steps"),
    ],
)
def test_a_damaged_row_of_processbench_is_named(change: dict[str, Any], part: str, tmp_path: Path) -> None:
    row = {"id": "x", "problem": "P", "steps": ["a"], "label": 0, **change}
    with pytest.raises(DataError, match=rf"line 1: {part}"):
        ask("processbench", rows_in(tmp_path / "s.jsonl", row))


def lcb(number: int, when: str, starter: str = "") -> dict[str, Any]:
    kind = "functional" if starter else "stdin"
    return {
        "question_id": f"q{number}",
        "question_content": f"Question {number}",
        "contest_date": when,
        "difficulty": ("easy", "hard")[number % 2],
        "platform": "atcoder",
        "starter_code": starter,
        "public_test_cases": json.dumps([{"input": "1", "output": "1", "testtype": kind}]),
        "private_test_cases": "[]",
        "metadata": json.dumps({"func_name": "f"} if starter else {}),
    }


def test_livecodebench_by_window(tmp_path: Path) -> None:
    dates = ["2024-07-31T00:00:00", "2024-08-01T00:00:00", "2025-02-01T00:00:00", "2025-02-01T12:00:00"]
    file = rows_in(tmp_path / "test.jsonl", *(lcb(n, when) for n, when in enumerate(dates)))
    assert [a.key for a in ask("livecodebench-v5", file).asked] == ["q1", "q2"]
    assert [a.key for a in ask("livecodebench:release_v5:2024-08-01..", file).asked] == ["q1", "q2", "q3"]
    with pytest.raises(DataError, match="no problem"):
        ask("livecodebench:2030-01-01..", file)


def test_problems_of_one_name_are_asked_under_keys_of_their_own(tmp_path: Path) -> None:
    rows = [{"unique_id": key, "problem": f"{n}?", "answer": "1"} for n, key in enumerate("aab")]
    taken = [{"unique_id": "a#2", "problem": "3?", "answer": "1"}, {**rows[0], "problem": "4?"}]
    file = rows_in(tmp_path / "rows.jsonl", *rows[:2], *taken, rows[2])
    keys = [a.key for a in ask("math500", file).asked]
    assert keys == ["a", "a#2", "a#2#2", "a#3", "b"]


EACH = [{"problem": f"{n}?", "answer": str(n)} for n in range(5)]


@pytest.mark.parametrize("whole", [EACH * 8, [row for row in EACH for _ in range(8)]])
def test_a_file_that_holds_each_problem_8_times_is_8_samples_of_each(
    whole: list[dict[str, Any]], tmp_path: Path
) -> None:
    once = ask("aime24", rows_in(tmp_path / "once.jsonl", *EACH))
    named = [{**row, "id": f"row {n}"} for n, row in enumerate(whole)]
    for rows in (whole, named):
        found = ask("aime24", rows_in(tmp_path / "rows.jsonl", *rows))
        assert [one.question for one in found.asked] == ["0?", "1?", "2?", "3?", "4?"]
        assert found.repeats == 8
        settings, protocol = (
            EvalRunConfig.model_validate({"model": {"path": "m"}}),
            load_protocol("reference"),
        )
        assert samples_of(settings, protocol, [found]) == {"aime24": 8}  # the benchmark's own k is 32
        assert samples_of(settings, protocol, [once]) == {"aime24": 32}
        given = settings.model_copy(update={"samples": 2})
        assert samples_of(given, protocol, [found]) == {"aime24": 2}
        assert "hold each problem 8 times" in notes_on_repeats([once, found])[0]
    assert ask("aime24", rows_in(tmp_path / "rows.jsonl", *whole)).data_hash == once.data_hash


def test_some_of_the_problems_are_those_of_the_beginning_also_where_rows_repeat(tmp_path: Path) -> None:
    file = rows_in(tmp_path / "rows.jsonl", *(row for row in EACH for _ in range(8)))
    some = load_questions(
        load_benchmark("aime24"), load_protocol("reference"), data=[str(file)], num_problems=3
    )
    assert ([one.question for one in some.asked], some.repeats) == (["0?", "1?", "2?"], 8)


def test_rows_that_repeat_a_different_number_of_times_are_problems(tmp_path: Path) -> None:
    found = ask("aime24", rows_in(tmp_path / "rows.jsonl", *EACH, EACH[2]))
    assert (len(found.asked), found.repeats) == (6, 1)
    other_gold = [{**row, "answer": "9"} for row in EACH]
    found = ask("aime24", rows_in(tmp_path / "rows.jsonl", *EACH, *other_gold))
    assert (len(found.asked), found.repeats) == (10, 1)


def test_data_that_cannot_be_had_name_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.jsonl does not exist: check --data"):
        ask("gsm8k", tmp_path / "missing.jsonl")


def test_a_date_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: date '31/01/2025'"):
        ask("livecodebench-v5", rows_in(tmp_path / "test.jsonl", lcb(0, "31/01/2025")))


def test_livecodebench_prompts_of_both_kinds(tmp_path: Path) -> None:
    starter = "class Solution:\n    def f(self, a):"
    file = rows_in(tmp_path / "test.jsonl", lcb(0, "2025-01-01"), lcb(1, "2025-01-01", starter))
    stdin, function = (a.problem.prompt[0].content for a in ask("livecodebench", file).asked)
    assert stdin.startswith("You will be given a question (problem specification)")
    assert "Question: Question 0\n\nRead the inputs from stdin" in stdin
    assert stdin.endswith("```python\n# YOUR CODE HERE\n```")
    assert f"```python\n{starter}\n```" in function
    assert ask("livecodebench", file).asked[1].difficulty == "hard"


def test_the_built_in_benchmark_needs_no_data_and_takes_none(tmp_path: Path) -> None:
    questions = load_questions(load_benchmark("arithmetic"), load_protocol("reference"), num_problems=5)
    assert len({a.key for a in questions.asked}) == 5
    with pytest.raises(ConfigError, match="leave --data out"):
        ask("arithmetic", tmp_path / "x.jsonl")


@real_data
@pytest.mark.parametrize("year", ["24", "25"])
def test_aime_of_the_reference_loads_token_for_token(year: str) -> None:
    file = DATA / f"skywork-or1/aime{year}.parquet"
    asked = ask(f"aime{year}", file).asked
    rows = [row.content for row in read_rows(file)]
    assert len(asked) == len(rows) == 30
    tokenizer = load_tokenizer(model_folder("builtin:tiny"))
    for one, row in zip(asked, rows, strict=True):
        original = tuple(Message(turn["role"], turn["content"]) for turn in row["prompt"])
        assert one.problem.prompt == original
        assert (
            tokenizer.encode_prompt(one.problem.prompt).tolist() == tokenizer.encode_prompt(original).tolist()
        )
    # the trap: one year's prompts carry an instruction, the other's none
    carry = [row["prompt"][-1]["content"].endswith(SUFFIX) for row in rows]
    assert all(carry) if year == "24" else not any(carry)
    assert [a.key for a in ask(f"aime{year}", file, "r1").asked] == [a.key for a in asked]


def notations(gold: str) -> list[str]:
    """A gold as a model may write it: as it stands, with and without leading zeros, as LaTeX, degree,
    decimal."""
    number = int(gold.removesuffix(r"^\circ"))
    return [
        gold,
        str(number),
        f"{number:03d}",
        rf"{number}^\circ",
        f"{number}.0",
        rf"\frac{{{2 * number}}}{{2}}",
    ]


@real_data
def test_aime_golds_are_right_in_six_notations() -> None:
    verifier = MathVerifier()
    judged = [
        verifier.verify(one.problem, f"So it is $\\boxed{{{text}}}$.").reward
        for year in ("24", "25")
        for one in ask(f"aime{year}", DATA / f"skywork-or1/aime{year}.parquet").asked
        for text in notations(str(one.problem.gold))
    ]
    assert judged == [1.0] * 360


@real_data
@pytest.mark.parametrize(
    ("name", "file", "number"),
    [
        ("gsm8k", "gsm8k/test.jsonl", 1319),
        ("math500", "math/math500.json", 500),
        ("humaneval", "code/humaneval/HumanEval.jsonl.gz", 164),
        ("mbpp", "code/mbpp.json", 399),
        ("processbench", "processbench/gsm8k.json", 400),
    ],
)
def test_real_files_load(name: str, file: str, number: int) -> None:
    questions = ask(name, DATA / file, "greedy")
    assert len(questions.asked) == number
    assert len({one.key for one in questions.asked}) == number


def test_a_benchmark_of_your_own_may_have_a_task_of_your_own_beside_it(tmp_path: Path) -> None:
    (tmp_path / "chess.py").write_text("def reward(response, gold, problem):\n    return response in gold\n")
    (tmp_path / "chess.jsonl").write_text('{"question": "Best move?", "gold": ["e4", "d4"]}\n')
    (tmp_path / "chess.toml").write_text('task = "chess.py:reward"\ndata = ["chess.jsonl"]\n')
    found = load_questions(load_benchmark(str(tmp_path / "chess.toml")), load_protocol("reference"))
    (one,) = found.asked
    assert (one.problem.task, one.problem.gold) == ("chess.py:reward", ["e4", "d4"])
    verifier = found.kind.verifier(DEFAULTS)
    assert [verifier.verify(one.problem, move).reward for move in ("d4", "h4")] == [1.0, 0.0]


def test_a_form_of_question_without_a_prompt_is_named(tmp_path: Path) -> None:
    (tmp_path / "chess.py").write_text(
        "from or1.tasks.kind import BenchmarkRow, TaskKind\n"
        "from or1_verify.arithmetic import ArithmeticVerifier\n"
        "kind = TaskKind(name='chess', verifier=lambda settings: ArithmeticVerifier(),\n"
        "    benchmark_row=lambda row, suffix: BenchmarkRow(form='chess', question='?', gold='1'))\n"
    )
    rows_in(tmp_path / "chess.jsonl", {"question": "Best move?"})
    (tmp_path / "chess.toml").write_text('task = "chess.py:kind"\ndata = ["chess.jsonl"]\n')
    with pytest.raises(ConfigError, match=r"no prompt for questions of the form chess: .*There are math"):
        load_questions(load_benchmark(str(tmp_path / "chess.toml")), load_protocol("reference"))
