"""Scores from rows: worked numbers, the lines that a benchmark has, ProcessBench's four figures, votes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from or1.evals.benchmark import Part, load_benchmark
from or1.evals.judging import votes_of
from or1.evals.results import ProblemRow, ResultRow
from or1.evals.tables import ScoreRow, Solved, budget_curve, score_row, score_rows, tabulate
from or1.tasks.registry import TASKS
from or1.types import Finish, Outcome
from tests.unit.evals.small import benchmark_of, play, pool, questions


def result(reward: float | None, *, sample: int = 0, **fields: Any) -> ResultRow:
    outcome = Outcome.NOT_JUDGED if reward is None else Outcome.RIGHT if reward == 1 else Outcome.WRONG
    base: dict[str, Any] = {
        **{"benchmark": "b", "problem": "p", "sample": sample, "prompt_hash": "", "finish": Finish.STOP},
        **{"num_tokens": 10, "answer": None, "outcome": outcome, "reward": reward, "reason": ""},
        **{"detail": "", "vote": None, "generation_s": 0.0, "verify_s": 0.0},
    }
    return ResultRow(**{**base, **fields})


def solved(rewards: list[float | None], **facets: Any) -> Solved:
    base = {
        "benchmark": "b",
        "problem": "p",
        "prompt_hash": "",
        "source": "s",
        "difficulty": None,
        "date": None,
    }
    rows = [result(r, sample=i) for i, r in enumerate(rewards)]
    judged = tuple(row for row in rows if row.reward is not None)
    problem = ProblemRow(**{**base, **facets})
    return Solved(problem=problem, samples=judged, num_unknown=len(rows) - len(judged))


def test_a_score_in_full() -> None:
    rows = [
        result(1.0, sample=0, num_tokens=10, vote="1"),
        result(0.0, sample=1, num_tokens=30, vote="7"),
        result(0.0, sample=2, num_tokens=60, outcome=Outcome.TRUNCATED),
        result(0.0, sample=3, num_tokens=20, outcome=Outcome.NO_ANSWER),
    ]
    problem = solved([]).problem
    first = Solved(problem=problem, samples=tuple(rows), num_unknown=0)
    second = Solved(problem=problem, samples=(result(1.0, vote="2"),) * 4, num_unknown=0)
    row = score_row("b", "all", [first, second], 4)
    assert row.score == (1 / 4 + 4 / 4) / 2
    # pass@2 of one right in four: 1 - C(3, 2) / C(4, 2); of four right: 1
    assert row.pass_at_k == {1: 0.625, 2: 0.75, 4: 1.0}
    # one right and one wrong answer tie over all four; the two silent ones have no vote
    assert row.maj_at_k[4] == pytest.approx((0.5 + 1.0) / 2)
    assert row.maj_at_k[1] == pytest.approx(row.score)
    assert (row.truncated_fraction, row.no_answer_fraction) == (1 / 8, 1 / 8)
    assert row.score_untruncated == pytest.approx(5 / 7)
    assert row.tokens_mean == pytest.approx((10 + 30 + 60 + 20 + 4 * 10) / 8)
    assert (row.tokens_mean_right, row.tokens_mean_wrong) == (10.0, pytest.approx(110 / 3))
    assert row.run.low < row.score < row.run.high
    assert row.problems.high - row.problems.low > row.run.high - row.run.low


def names(rows: list[ScoreRow]) -> list[tuple[str, int]]:
    return [(row.row, row.num_problems) for row in rows]


def test_windows_and_difficulties_have_lines_of_their_own() -> None:
    when = {"early": "2024-01-01T00:00:00", "late": "2024-09-01T00:00:00"}
    problems = [
        solved([1.0], difficulty="hard", date=when["late"]),
        solved([0.0], difficulty="easy", date=when["late"]),
        solved([1.0], difficulty="easy", date=when["early"]),
    ]
    window = Part.model_validate({"name": "v5 window", "start": "2024-08-01", "split_by": "difficulty"})
    other = Part.model_validate({"name": "v6 window", "start": "2024-08-01", "release": "release_v6"})
    benchmark = benchmark_of(
        task="code", rows=(window, other), release="release_v5", new_problems=(1,) * 6, data=("x",) * 6
    )
    rows = score_rows(benchmark, problems, 1)
    assert names(rows) == [("all", 3), ("v5 window", 2), ("v5 window easy", 1), ("v5 window hard", 1)]
    assert [row.score for row in rows] == [pytest.approx(2 / 3), 0.5, 0.0, 1.0]


@pytest.mark.parametrize(
    ("window", "lines"),
    [
        ("", ["all", "v5 window"]),
        (":2024-08-01..2025-02-01", ["all", "v5 window"]),
        (":2024-07-01..", ["all", "v5 window"]),
        (":2024-10-01..", ["all"]),
        (":..2025-01-31", ["all"]),
        (":2024-10-01..2025-01-01", ["all"]),
    ],
)
def test_a_window_that_another_cuts_does_not_keep_its_name(window: str, lines: list[str]) -> None:
    benchmark = load_benchmark(f"livecodebench:release_v5{window}")
    found = score_rows(benchmark, [solved([1.0], date="2024-12-01T00:00:00", source="s")], 1)
    assert [row.row for row in found] == lines


def test_sources_have_lines_of_their_own() -> None:
    problems = [solved([1.0], source="x"), solved([0.0], source="y"), solved([0.0], source="y")]
    assert names(score_rows(benchmark_of(), problems, 1)) == [("all", 3), ("x", 1), ("y", 2)]


def test_a_part_without_a_verdict_has_no_line() -> None:
    problems = [solved([1.0], source="x"), solved([None], source="y")]
    assert names(score_rows(benchmark_of(), problems, 1)) == [("all", 2), ("x", 1)]


CRITIQUES = [
    # (label, critique, counts as right)
    (-1, "All is well. \\boxed{-1}", True),
    (-1, "Paragraph 0 is wrong: \\boxed{0}", False),
    (-1, "I cannot say.", False),
    (0, "\\boxed{2} no, \\boxed{0}", True),
    (2, "\\boxed{1}", False),
    (1, "\\boxed{paragraph_1}", False),
    (1, "<think>\\boxed{0}</think> \\boxed{ 1 }", True),
    (3, "\\boxed{3", False),
]


def processbench(tmp_path: Path, right: list[bool] | None = None) -> list[ScoreRow]:
    rows = [
        {"id": str(n), "problem": f"P{n}", "steps": ["a"] * 4, "label": label}
        for n, (label, _, _) in enumerate(CRITIQUES)
    ]
    texts = {f"P{n}": text for n, (_, text, _) in enumerate(CRITIQUES)}
    play(tmp_path / "out", questions(tmp_path, rows, "processbench"), lambda q, sample: texts[q], k=1)
    return tabulate(tmp_path / "out")


def test_the_four_figures_of_processbench(tmp_path: Path) -> None:
    rows = {row.row: row for row in processbench(tmp_path)}
    assert list(rows) == ["rows error", "rows correct", "rows accuracy", "rows F1"]
    error, correct = 2 / 5, 1 / 3
    assert rows["rows error"].score == error
    assert rows["rows correct"].score == correct
    assert rows["rows accuracy"].score == 3 / 8
    f1 = rows["rows F1"]
    assert (f1.score, f1.metric) == (pytest.approx(2 * error * correct / (error + correct)), "F1")
    # neither the mean of the two nor the accuracy over all
    assert f1.score not in (pytest.approx((error + correct) / 2), pytest.approx(3 / 8))
    assert f1.run.low < f1.score < f1.run.high
    # no answer, unfinished box
    assert rows["rows accuracy"].no_answer_fraction == 2 / 8


def test_f1_is_nothing_when_one_side_is() -> None:
    benchmark = benchmark_of(task="process")
    problems = [solved([1.0], difficulty="error"), solved([0.0], difficulty="correct")]
    rows = {row.row: row.score for row in score_rows(benchmark, problems, 1)}
    assert rows["s F1"] == 0.0
    nothing = [solved([0.0], difficulty=half) for half in ("error", "correct")]
    assert {row.row: row.score for row in score_rows(benchmark, nothing, 1)}["s F1"] == 0.0


def test_a_subset_of_processbench_without_a_verdict_has_no_line() -> None:
    problems = [solved([1.0], source="a", difficulty="error"), solved([None], source="b", difficulty="error")]
    rows = score_rows(benchmark_of(task="process"), problems, 1)
    assert names(rows) == [("a error", 1), ("a accuracy", 1)]


def test_subsets_of_processbench_weigh_alike() -> None:
    problems = [
        solved([1.0], source=source, difficulty=half)
        for source in ("a", "b")
        for half in ("error", "correct")
    ]
    problems += [solved([0.0], source="b", difficulty=half) for half in ("error", "correct")] * 3
    rows = {row.row: row for row in score_rows(benchmark_of(task="process"), problems, 1)}
    assert (rows["a F1"].score, rows["b F1"].score) == (1.0, 0.25)
    assert rows["mean F1"].score == 0.625
    # its other figures are of all ten problems, not of the first subset
    whole = rows["mean F1"]
    assert (whole.num_problems, whole.k, whole.metric) == (10, 1, "F1")
    assert whole.score_untruncated == 0.4
    half = math.hypot(rows["a F1"].run.mean - rows["a F1"].run.low, 0.25 - rows["b F1"].run.low) / 2
    assert rows["mean F1"].run.low == pytest.approx(max(0.0, 0.625 - half))


def answered(*answers: tuple[str | None, float | None]) -> list[ResultRow]:
    return [result(reward, sample=i, answer=answer) for i, (answer, reward) in enumerate(answers)]


def votes(rows: list[ResultRow], task: str = "math") -> list[str | None]:
    found = votes_of(rows, TASKS[task], pool())
    return [found.get(row.key) for row in rows]


def test_equal_answers_vote_together_right_or_wrong() -> None:
    rows = answered(("1/2", 1.0), ("7", 0.0), ("0.5", 1.0), ("007", 0.0), ("\\frac{14}{2}", 0.0), ("8", 0.0))
    assert votes(rows) == ["1/2", "7", "1/2", "7", "7", "8"]


def test_no_answer_and_no_verdict_have_no_vote() -> None:
    assert votes(answered((None, 0.0), ("3", None), ("4", 0.0))) == [None, None, "4"]


def test_a_wrong_answer_never_joins_the_right_ones() -> None:
    # a verifier that took them for equal would have paid both
    assert votes(answered(("2", 1.0), ("2.0", 0.0))) == ["2", "2.0"]


def test_programs_do_not_vote() -> None:
    assert votes(answered(("print(1)", 1.0), ("print(1)", 1.0)), "code") == [None, None]


def test_problems_vote_apart() -> None:
    rows = [result(0.0, answer="7", problem="p"), result(0.0, answer="07", problem="q")]
    assert votes(rows) == ["7", "07"]


def test_right_within_a_budget() -> None:
    rows = [result(1.0, num_tokens=10), result(1.0, num_tokens=30), result(0.0, num_tokens=5)]
    assert budget_curve(rows, [9, 10, 29, 30]) == pytest.approx([0.0, 1 / 3, 1 / 3, 2 / 3])
