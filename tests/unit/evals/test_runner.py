"""One evaluation: what is counted, what is left out, and that it can be repeated."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import ValidationError

from or1.config import EvaluationConfig, RunConfig
from or1.errors import Or1Error
from or1.evals import evaluate, evaluation_sampling, judge_samples
from or1.storage.provenance import hash_problems
from or1.testing import (
    ExactVerifier,
    FlakyVerifier,
    InlineVerifierPool,
    Scripted,
    ScriptedEngine,
    by_problem,
    make_problem,
)
from or1.types import Outcome, Problem, Rollout, Sampling, Score, WeightHandle
from or1_verify.base import Verifier

A, B, C = make_problem(0, source="x"), make_problem(1, source="y"), make_problem(2, source="x")
SAMPLING = Sampling(group_size=4, max_response_tokens=8, seed=9)


def _engine(*lines: list[str | Scripted], **settings: object) -> ScriptedEngine:
    script = by_problem({p.id: said for p, said in zip((A, B, C), lines, strict=False)})
    engine = ScriptedEngine(script, **settings)  # type: ignore[arg-type]
    engine.load(WeightHandle(version=0, ref=None))
    return engine


def _evaluate(
    engine: ScriptedEngine, problems: list[Problem], verifier: Verifier | None = None, block: int = 3
) -> Score:
    pool = InlineVerifierPool({"exact": verifier or ExactVerifier()}, block=block)
    ticks = iter([10.0, 12.5])
    return evaluate(engine, pool, problems, SAMPLING, step=20, clock=lambda: next(ticks))


def test_a_score_in_full() -> None:
    engine = _engine(["1", "2", "2", "2"], ["1"], ["", "123456789", "1.......", "1"])
    score = _evaluate(engine, [A, B, C])
    assert (score.step, score.num_problems, score.samples_per_problem, score.seconds) == (20, 3, 4, 2.5)
    assert score.mean == pytest.approx((0.25 + 1.0 + 0.25) / 3)
    assert 0.0 <= score.low < score.mean < score.high <= 1.0
    assert score.truncated_fraction == 2 / 12
    assert score.no_answer_fraction == 1 / 12
    # two tokens each, one for the empty response, the whole budget for truncated ones
    assert score.response_tokens_mean == pytest.approx((9 * 2 + 1 + 2 * 8) / 12)
    assert score.by_source == {"x": 0.25, "y": 1.0}
    assert score.truncated_by_source == {"x": 2 / 8, "y": 0.0}
    assert score.tokens_by_source == {"x": (4 * 2 + 2 * 8 + 1 + 2) / 8, "y": 2.0}
    assert score.data_hash == hash_problems([A, B, C]) != hash_problems([A, B])


def test_a_truncated_sample_is_wrong_even_if_it_began_with_the_answer() -> None:
    assert _evaluate(_engine(["1        more"]), [A]).mean == 0.0


def test_problems_weigh_alike_when_samples_are_missing(caplog: pytest.LogCaptureFixture) -> None:
    engine = _engine(["1", Scripted("1", lost=True), Scripted("1", aborted=True), "1"], ["2"])
    with caplog.at_level(logging.WARNING):
        score = _evaluate(engine, [A, B])
    # (2/2 + 0/4) / 2; counting what was lost as wrong gives 0.25, pooling what was judged 1/3
    assert score.mean == 0.5
    assert "2 of 8 samples were not judged" in caplog.text


def test_a_problem_without_a_judged_sample_leaves_the_score() -> None:
    score = _evaluate(_engine(["1", "2"], ["?"]), [A, B], FlakyVerifier(ExactVerifier(), fails_on={"?"}))
    assert (score.mean, score.num_problems) == (0.5, 1)
    assert score.by_source == {"x": 0.5}


def test_nothing_judged_is_no_score() -> None:
    with pytest.raises(Or1Error, match="none of the samples of 1 problems"):
        _evaluate(_engine(["?"]), [A], FlakyVerifier(ExactVerifier(), fails_on={"?"}, raises=False))


def _last_first(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return reversed(rollouts)


@pytest.mark.parametrize("block", [1, 5])
def test_results_come_in_order_whatever_order_samples_finish_in(block: int) -> None:
    engine = _engine(["1", "2", "", "1"], ["2"], order=_last_first)
    results = judge_samples(
        engine, InlineVerifierPool({"exact": ExactVerifier()}, block=block), [A, B], SAMPLING
    )
    assert [r.problem for r in results] == [A, B]
    assert [s.text for s in results[0].samples] == ["1", "2", "", "1"]
    assert results[0].rewards == (1.0, 0.0, 0.0, 1.0)
    assert results[0].samples[2].outcome is Outcome.NO_ANSWER


def _doubled(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return iter([rollouts[0], *rollouts])


def test_a_sample_that_comes_twice_is_refused() -> None:
    with pytest.raises(RuntimeError, match="came twice"):
        _evaluate(_engine(["1"], order=_doubled), [A])


def test_a_problem_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="2 held-out problems of which 1"):
        _evaluate(_engine(["1"]), [A, A])


def test_every_evaluation_of_a_run_draws_the_same_samples() -> None:
    engine = _engine(["1", "2"])
    first, again = (_evaluate(engine, [A]) for _ in range(2))
    assert engine.calls[0] == engine.calls[1]
    assert first == again


def _run(seed: int, budget: int | None) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "t",
            "seed": seed,
            "model": {"path": "m"},
            "data": [{"task": "arithmetic"}],
            "stages": [{"max_response_tokens": b, "num_steps": 1} for b in (8, 16)],
            "evaluation": {
                "samples_per_problem": 3,
                "temperature": 0.6,
                "more_temperatures": [1.0],
                "max_response_tokens": budget,
            },
        }
    )


def test_sampling_of_a_run() -> None:
    samplings = evaluation_sampling(_run(1, None))
    assert list(samplings) == ["eval", "eval_t1"]
    main, more = samplings.values()
    assert (main.temperature, main.group_size, main.max_response_tokens) == (0.6, 3, 16)
    assert more == replace(main, temperature=1.0)
    longer = evaluation_sampling(_run(1, 99))["eval"]
    assert longer.max_response_tokens == 99
    assert longer.seed == main.seed != evaluation_sampling(_run(2, 99))["eval"].seed


def test_equal_temperatures_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be different"):
        EvaluationConfig(temperature=0.6, more_temperatures=(1.0, 0.6))
