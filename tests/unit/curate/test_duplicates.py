"""One problem, one row: who stays, who leaves, and what is set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.curate.curate import curate
from or1.curate.duplicates import agreement
from or1.curate.text_index import tests_key as key_of_tests
from tests.unit.curate.corpus import Silent, config, ledger, plain, problems, write_lines

FAR = problems(40, seed=9)


def run(tmp_path: Path, *sources: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    """The lines of the ledger after a curation of these sources."""
    listed = []
    for number, rows in enumerate(sources):
        write_lines(tmp_path / f"{number}.jsonl", rows)
        listed.append(plain(f"source{number}", f"{number}.jsonl"))
    curate(config(tmp_path, *listed, **more), tmp_path / "out", Silent())
    return ledger(tmp_path / "out")


def row(problem: str, answer: str) -> dict[str, str]:
    return {"problem": problem, "answer": answer}


ROPES = "A tall sailor buys $12$ ropes and sells $5$ of them at the harbour. How many ropes remain?"
RESTYLED = "A tall sailor buys \\(12\\) ropes and  sells 5 of them at the harbour. how many ropes remain"
REWORDED = "A tall sailor buys $12$ cables and sells $5$ of them at the market. How many cables remain?"
RENUMBERED = "A tall sailor buys $12$ ropes and sells $4$ of them at the harbour. How many ropes remain?"


def test_the_earlier_source_keeps_its_row_and_evidence_names_it(tmp_path: Path) -> None:
    second = [row(RESTYLED, "7"), row(REWORDED, "7.0"), row(RENUMBERED, "8")]
    lines = run(tmp_path, [row(ROPES, "7"), *FAR], second)
    last = lines[-3:]
    assert [line["reason"] for line in last] == ["exact_duplicate", "near_duplicate", ""]
    assert [line["kept"] for line in lines[:-3]] == [True] * 41
    evidence = json.loads(last[1]["evidence"])
    assert evidence["same_as_row"] == 0
    assert evidence["other_source"] == "source0"
    assert evidence["other_text"] == ROPES
    assert evidence["other_gold"] == "7"
    assert evidence["changed_words"] == 2, "ropes -> cables counts once, harbour -> market"


def test_two_answers_to_one_question_are_set_aside_with_all_its_copies(tmp_path: Path) -> None:
    lines = run(tmp_path, [row(ROPES, "7"), row(RESTYLED, "8"), row(REWORDED, "7"), *FAR])
    assert [line["reason"] for line in lines[:3]] == ["conflicting_gold", "conflicting_gold", ""]
    assert json.loads(lines[0]["evidence"])["other_gold"] == "8"
    assert json.loads(lines[1]["evidence"])["other_gold"] == "7"


def test_problems_under_two_drawings_with_two_answers_are_two(tmp_path: Path) -> None:
    asked = "In the diagram below, what is the value of $y$ in degrees? [asy]{}[/asy]"
    rows = [row(asked.format(name), answer) for name, answer in (("A", "50"), ("B", "270"), ("C", "50"))]
    lines = run(tmp_path, [*rows, row(asked.format(" A"), "60"), *FAR])
    assert [line["reason"] for line in lines[:4]] == ["conflicting_gold", "", *["conflicting_gold"] * 2]
    (tmp_path / "two").mkdir()
    lines = run(tmp_path / "two", [*rows[:2], *FAR])
    assert all(line["kept"] for line in lines)


@pytest.mark.parametrize("order", [1, -1])
def test_one_text_for_mathematics_and_for_a_program_is_two_problems(order: int, tmp_path: Path) -> None:
    write_lines(tmp_path / "math.jsonl", [row(ROPES, "7"), *FAR])
    write_lines(tmp_path / "code.jsonl", [{"problem": ROPES, "tests": {"inputs": ["1"], "outputs": ["7"]}}])
    sources = [plain(task, f"{task}.jsonl") | {"task": task} for task in ("math", "code")][::order]
    curate(config(tmp_path, *sources), tmp_path / "out", Silent())
    assert all(line["kept"] for line in ledger(tmp_path / "out"))


def test_another_word_and_another_answer_are_another_problem(tmp_path: Path) -> None:
    boys = "A team has $26$ members, $16$ came: all the boys and half of the girls. How many {} are there?"
    lines = run(tmp_path, [row(boys.format("boys"), "6"), row(boys.format("girls"), "20"), *FAR])
    assert all(line["kept"] for line in lines)


def test_an_instruction_around_a_problem_does_not_hide_it(tmp_path: Path) -> None:
    around = f"Here is a question for you. {ROPES} Explain each step and show all of your work."
    lines = run(tmp_path, [row(ROPES, "7"), row(around, "7"), row(around.replace("5", "6"), "6"), *FAR])
    assert [line["reason"] for line in lines[:3]] == ["", "near_duplicate", ""]


def test_likeness_does_not_travel_along_a_chain(tmp_path: Path) -> None:
    """Each step changes little, the ends differ much: the end is compared with what stays, not with its
    neighbour."""
    words = [f"word{chr(97 + i)}" for i in range(12)]
    chain = [" ".join(["other" + w if i < step * 3 else w for i, w in enumerate(words)]) for step in range(4)]
    lines = run(tmp_path, [row(f"{text} makes 31 and 17?", "5") for text in chain])
    assert [line["kept"] for line in lines] == [True, False, True, False]


def test_golds_agree_by_value_and_tests_by_what_they_ask() -> None:
    assert agreement('"\\\\frac{1}{2}"', '"0.5"') is True
    assert agreement('"7"', '"8"') is False
    assert agreement("", '"8"') is None
    first = key_of_tests(
        {"mode": "asserts", "tests": ["assert f(1) == 2", "assert f(2) == 3"], "names": ["f"]}
    )
    second = key_of_tests({"mode": "asserts", "tests": ["assert f(2)  == 3"], "names": ["f"]})
    third = key_of_tests({"mode": "asserts", "tests": ["assert f(1) == 1"], "names": ["f"]})
    assert agreement(first, second) is True
    assert agreement(first, third) is False


def test_the_batch_does_not_matter(tmp_path: Path) -> None:
    rows = [*FAR, row(ROPES, "7"), *problems(30, seed=3), row(REWORDED, "7"), row(RESTYLED, "7")]
    found = []
    for size in (11, 1000):
        folder = tmp_path / str(size)
        folder.mkdir()
        found.append(
            [(line["row"], line["reason"], line["evidence"]) for line in run(folder, rows, batch_rows=size)]
        )
    assert found[0] == found[1]
