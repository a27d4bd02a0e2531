"""Difficulty of problems for a model whose pass rates are known."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from or1.curate.difficulty import Measured, fit_of, measure, with_difficulty
from or1.curate.sequential import Fit
from or1.curate.settings import DifficultyConfig
from or1.errors import DataError
from or1.tasks.difficulty import wrong_of
from or1.testing import make_problem
from or1.types import Problem
from tests.unit.curate.worlds import Coin, pool

CONFIG = DifficultyConfig(model="m", max_response_tokens=64)
EASY, HARD, MIXED, LONG, BROKEN = (make_problem(n) for n in range(5))
RATES = {EASY.id: 1.0, HARD.id: 0.0, MIXED.id: 0.5, LONG.id: 0.0, BROKEN.id: 0.6}
PROBLEMS = [EASY, HARD, MIXED, LONG, BROKEN]


def _world() -> Coin:
    """LONG never ends; BROKEN cannot be judged four times in ten, and one text in ten never comes."""
    return Coin(RATES, truncated={LONG.id: 1.0}, bad={BROKEN.id: 0.4}, lost={BROKEN.id: 0.1})


def _measure(
    path: Path,
    coin: Coin | None = None,
    problems: list[Problem] | None = None,
    config: DifficultyConfig = CONFIG,
    seed: int = 1,
) -> dict[str, Measured]:
    asked = PROBLEMS if problems is None else problems
    measured = measure(coin or _world(), pool(), asked, config, seed=seed, path=path)
    assert [m.problem_id for m in measured] == [p.id for p in asked]
    return {m.problem_id: m for m in measured}


def test_what_is_undecided_gets_more_and_the_rest_stops(tmp_path: Path) -> None:
    measured = _measure(tmp_path / "journal.jsonl")
    easy, hard, mixed, long = (measured[p.id] for p in PROBLEMS[:4])
    assert (easy.num_right, easy.num_counted, easy.fit, easy.reason) == (16, 16, Fit.TOO_EASY, "too_easy")
    assert (hard.num_right, hard.num_wrong, hard.fit, hard.reason) == (0, 16, Fit.TOO_HARD, "too_hard")
    assert mixed.num_counted == 4
    assert 0 < mixed.num_right < 4
    assert (mixed.fit, mixed.reason) == (Fit.FITS, "fits")
    assert easy.low == pytest.approx(0.025 ** (1 / 16))
    assert (easy.high, hard.low) == (1.0, 0.0)
    assert easy.response_tokens_mean == 7.0
    # no response ended: too hard for its budget, and said so
    assert (long.num_truncated, long.num_wrong, long.fit) == (16, 0, Fit.TOO_HARD)
    assert long.reason == "always_truncated"


def test_what_could_not_be_judged_is_drawn_again_and_never_counted(tmp_path: Path) -> None:
    patient = DifficultyConfig(model="m", max_response_tokens=64, max_redraws=9)
    broken = _measure(tmp_path / "journal.jsonl", config=patient)[BROKEN.id]
    assert broken.num_not_judged > 0
    assert broken.num_counted == broken.num_right + broken.num_wrong == 4
    rows = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()][1:]
    lost = Counter(row["reason"] for row in rows if row["outcome"] == "not_judged")
    assert sum(lost.values()) == broken.num_not_judged
    assert lost.keys() <= {"verifier_error", "response_lost"}


def test_a_problem_short_of_responses_may_be_decided_but_promises_nothing(tmp_path: Path) -> None:
    broken = _measure(tmp_path / "journal.jsonl")[BROKEN.id]
    assert (broken.num_right, broken.num_counted) == (2, 3)  # a fourth could not be had in two rounds more
    assert broken.fit is Fit.FITS
    assert (broken.low, broken.high, broken.unbiased_rate) == (0.0, 1.0, None)


def test_a_problem_that_can_never_be_judged_is_not_measured(tmp_path: Path) -> None:
    coin = Coin(RATES, bad={HARD.id: 1.0})
    hard = _measure(tmp_path / "journal.jsonl", coin, [HARD])[HARD.id]
    assert (hard.fit, hard.reason, hard.num_counted) == (None, "not_measured", 0)
    assert hard.num_not_judged == 12  # the look and two rounds more
    assert (hard.low, hard.high, hard.unbiased_rate) == (0.0, 1.0, None)
    assert math.isnan(hard.response_tokens_mean)
    assert with_difficulty(HARD, "m", hard) is HARD


def test_truncated_responses_can_be_left_out(tmp_path: Path) -> None:
    coin = Coin({EASY.id: 1.0, LONG.id: 1.0}, truncated={EASY.id: 0.4, LONG.id: 1.0})
    wrong = _measure(tmp_path / "wrong.jsonl", coin, [EASY, LONG])
    assert wrong[EASY.id].fit is Fit.FITS, "a response that was cut off is wrong"
    config = DifficultyConfig(model="m", max_response_tokens=64, truncated="left_out", max_redraws=9)
    apart = _measure(tmp_path / "apart.jsonl", coin, [EASY, LONG], config)
    assert apart[EASY.id].fit is Fit.TOO_EASY, "all that ended are right"
    assert apart[EASY.id].num_counted == apart[EASY.id].num_right == 16
    assert apart[EASY.id].num_truncated > 0
    assert (apart[LONG.id].fit, apart[LONG.id].reason) == (None, "always_truncated")


def test_programs_get_eight(tmp_path: Path) -> None:
    program = make_problem(9, task="code")
    coin = Coin({program.id: 0.0, HARD.id: 0.0}, truncated={program.id: 1.0})
    measured = _measure(tmp_path / "journal.jsonl", coin, [program, HARD])
    assert measured[program.id].num_truncated == 8
    assert measured[HARD.id].num_wrong == 16


def test_problems_are_asked_together_with_a_seed_for_each_look(tmp_path: Path) -> None:
    problems = [make_problem(n) for n in range(40)]
    coin = Coin({p.id: 0.0 for p in problems})
    _measure(tmp_path / "journal.jsonl", coin, problems)
    assert [(num, s.group_size) for num, s in coin.calls] == [(40, 4), (40, 4), (40, 8)]
    assert len({s.seed for _, s in coin.calls}) == 3, "a look would draw the same responses again"
    assert {(s.temperature, s.top_p, s.max_response_tokens) for _, s in coin.calls} == {(1.0, 1.0, 64)}


def _rates(num: int, seed: int) -> dict[str, float]:
    """Many hard, many easy, the rest between."""
    chance = np.random.default_rng(seed)
    rates = np.concatenate([chance.beta(0.6, 3, num // 2), chance.beta(3, 0.6, num // 4), chance.random(num)])
    return {make_problem(n).id: float(rate) for n, rate in enumerate(rates[:num])}


def test_intervals_hold_known_pass_rates(tmp_path: Path) -> None:
    rates = _rates(600, seed=3)
    problems = [make_problem(n) for n in range(600)]
    measured = _measure(tmp_path / "journal.jsonl", Coin(rates), problems)
    held = sum(measured[p.id].low <= rates[p.id] <= measured[p.id].high for p in problems)
    assert held / 600 >= 0.95
    # and say something: half of them are narrower than this
    assert np.median([measured[p.id].high - measured[p.id].low for p in problems]) < 0.75


def test_averages_are_right_with_the_unbiased_rate_alone(tmp_path: Path) -> None:
    problems = [make_problem(n) for n in range(2000)]
    coin = Coin({p.id: 0.155 for p in problems})
    measured = _measure(tmp_path / "journal.jsonl", coin, problems)
    shares = np.array([m.num_right / m.num_counted for m in measured.values()])
    unbiased = np.array([m.unbiased_rate for m in measured.values()])
    error = 3.3 / math.sqrt(2000)  # one in a thousand
    assert abs(unbiased.mean() - 0.155) < error * unbiased.std()
    assert abs(shares.mean() - 0.2144) < error * shares.std()
    assert shares.mean() > 0.2, "the obvious average would do, and this test shows nothing"


@settings(max_examples=25)
@given(data=st.data())
def test_killed_anywhere_and_resumed_it_is_the_same_file(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut at any byte, also twice; what was written is not judged again."""
    folder = tmp_path_factory.mktemp("cut")
    path, whole = folder / "journal.jsonl", folder / "whole.jsonl"
    expected = _measure(whole)
    written = whole.read_bytes().splitlines(keepends=True)
    order = data.draw(st.permutations(range(1, len(written))))
    # rows of later looks are never there without those before them: keep the order of looks
    lines = [written[0], *sorted((written[n] for n in order), key=lambda line: _when(line))]
    content = b"".join(lines)
    for _ in range(2):
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        assert _measure(path) == expected
        assert path.read_bytes() == whole.read_bytes()


def _when(line: bytes) -> tuple[int, int]:
    row = json.loads(line)
    return row["part"], row["redraw"]


def test_a_finished_measurement_asks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _measure(path)
    before, coin = path.read_bytes(), _world()
    _measure(path, coin)
    assert coin.calls == []
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_neither_order_nor_company_of_problems_matters(tmp_path: Path) -> None:
    _measure(tmp_path / "a.jsonl")
    _measure(tmp_path / "b.jsonl", problems=PROBLEMS[::-1])
    _measure(tmp_path / "c.jsonl", problems=PROBLEMS[:2])
    _measure(tmp_path / "c.jsonl", problems=PROBLEMS[1:])
    assert (
        (tmp_path / "a.jsonl").read_bytes()
        == (tmp_path / "b.jsonl").read_bytes()
        == (tmp_path / "c.jsonl").read_bytes()
    )


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _measure(path)
    with pytest.raises(DataError, match=r"seed is 1 there, 2 here"):
        _measure(path, seed=2)
    other = DifficultyConfig(model="m", max_response_tokens=128)
    with pytest.raises(DataError, match=r"max_response_tokens is 64 there, 128 here"):
        _measure(path, config=other)
    path.write_text('{"question": "1+1?"}\n')
    with pytest.raises(DataError, match="not a journal"):
        _measure(path)
    path.write_text("not JSON\n")
    with pytest.raises(DataError, match="damaged"):
        _measure(path)


def test_a_row_that_is_no_response_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _measure(path)
    path.write_bytes(path.read_bytes().replace(b'"outcome": "right"', b'"outcome": "fine"'))
    with pytest.raises(DataError, match="fine"):
        _measure(path)


def test_a_problem_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 problems of which 1"):
        _measure(tmp_path / "journal.jsonl", problems=[EASY, EASY])


@pytest.mark.parametrize(
    "bad", [{"looks": ()}, {"looks": (8, 4)}, {"code_looks": (1,)}, {"confidence": 1.0}, {"min_right": 20}]
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DifficultyConfig.model_validate({"model": "m"} | bad)


def test_what_was_measured_is_written_into_the_problem(tmp_path: Path) -> None:
    measured = _measure(tmp_path / "journal.jsonl")
    before = with_difficulty(EASY, "other", measured[EASY.id])
    after = with_difficulty(before, "m", measured[EASY.id])
    assert after.difficulty == {"other": (16, 16), "m": (16, 16)}
    assert after.id == EASY.id
    with pytest.raises(ValueError, match=HARD.id):
        with_difficulty(HARD, "m", measured[EASY.id])


@pytest.mark.parametrize(
    ("counts", "fit"),
    [
        ((0, 16), Fit.TOO_HARD),
        ((1, 16), Fit.FITS),
        ((15, 16), Fit.FITS),
        ((16, 16), Fit.TOO_EASY),
        ((0, 8), Fit.TOO_HARD),
        ((2, 4), Fit.FITS),
    ],
)
def test_the_window_over_counts(counts: tuple[int, int], fit: Fit) -> None:
    problem = Problem.make("math", EASY.prompt, "1", difficulty={"m": counts})
    assert fit_of(problem, "m") is fit
    with pytest.raises(DataError, match="no pass rate of x; it has those of m"):
        fit_of(problem, "x")


def test_difficulty_as_the_reference_writes_it() -> None:
    """Wrong of 16; a program's 8 are doubled."""
    assert [wrong_of(r, 16) for r in range(17)] == list(range(16, -1, -1))
    assert [wrong_of(r, 8) for r in range(9)] == list(range(16, -1, -2))
    assert wrong_of(255, 256) == 1, "a problem that was wrong once is not one that never was"
    with pytest.raises(ValueError, match="5 right of 4"):
        wrong_of(5, 4)
