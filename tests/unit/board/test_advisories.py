"""Each advisory appears on a run in which its cause is planted, and none on ten healthy runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from or1.board.advisories import CHECKS, advise, advise_folder, recent_rollouts
from or1.board.advisory import Advisory
from or1.config import RunConfig
from or1.recipes.override import apply_set
from or1.tracking.run_data import RunData
from tests.histories import (
    NUM_HEALTHY,
    first_steps,
    healthy,
    real,
    with_seconds,
    with_settings,
    with_values,
    write_folder,
)
from tests.runs import play

Plant = Callable[[RunData], RunData]
CAPPED, CLIPPED = {"loss.importance_cap": 2.0}, {"loss.ratio_to": "behavior"}
SPLIT, EXACT = CAPPED | {"stages.1.num_minibatches": 4}, CAPPED | {"model.dtype": "float32"}
WORKERS = "verify.num_workers=4"
RATE = "optimizer.learning_rate=0.0002"


def values(**changes: Any) -> Plant:
    """Constant values in the last 25 steps; `__` stands for `/`."""
    return lambda run: with_values(run, lambda n: {key.replace("__", "/"): v for key, v in changes.items()})


def falling_entropy(run: RunData) -> RunData:
    return with_values(run, lambda n: {"rollout/entropy_nats": 0.19 - 0.01 * n}, last=9)


def too_large_updates(run: RunData) -> RunData:
    return with_values(
        run,
        lambda n: {
            "train/grad_norm": math.nan if n == 20 else 9.0 if n % 5 == 0 else 0.2,
            "train/clip_fraction": 0.3,
        },
    )


def falling_reward(run: RunData) -> RunData:
    return with_values(
        run, lambda n: {"rollout/reward_mean": 0.9 - 0.03 * n, "train/num_skipped": int(n == 1 or n > 20)}
    )


def falling_score(run: RunData) -> RunData:
    lower = {"eval/avg_at_k": 0.8, "eval/avg_at_k_low": 0.75, "eval/avg_at_k_high": 0.84}
    higher = with_values(run, lambda n: {"rollout/reward_mean": 0.99})
    return replace(higher, scores=[*run.scores[:-1], run.scores[-1] | lower])


def shorter(run: RunData) -> RunData:
    return values(rollout__response_tokens_mean_right=9.0)(run)


def failures(run: RunData) -> RunData:
    return replace(
        run, timings=[row | {"verify/retries": 20, "verify/quarantined": 4} for row in run.timings]
    )


def settings(changes: dict[str, Any], plant: Plant) -> Plant:
    return lambda run: with_settings(plant(run), changes)


def vllm(run: RunData) -> RunData:
    return with_settings(with_seconds(run, step=10.0, rollout=9.0, update=1.0), {"rollout.vllm.gpus": [1]})


def evaluations(run: RunData) -> RunData:
    return with_seconds(run, between=30.0, evaluation=28.0)


STARVING = values(rollout__truncated_fraction=0.7, filter__kept_fraction=0.3)
ALL_RIGHT = values(filter__kept_fraction=0.1, filter__all_right_fraction=0.9)
ALL_WRONG = values(
    filter__kept_fraction=0.05, filter__all_right_fraction=0.0, filter__all_wrong_fraction=0.95
)
COLLAPSE = values(rollout__entropy_nats=0.05)
UNJUDGED = {"rollout__not_judged_fraction": 0.08, "rollout__not_judged_by_reason/time_limit": 41}
MEMORY = {"rollout__not_judged_fraction": 0.08, "rollout__not_judged_by_reason/memory_limit": 41}
MISMATCH = values(train__mismatch_kl_nats=0.05)
STALE = values(rollout__staleness_max_updates=5)

PLANTED = [
    ("learning_rate_high", too_large_updates, RATE, "4 gradient norms above"),
    ("learning_rate_high", falling_reward, RATE, "4 updates skipped"),
    ("entropy_collapse", COLLAPSE, "entropy.delta=0.01", "0.050 to 0.050 nats/token in steps 88 to 97"),
    ("entropy_collapse", settings({"entropy.mode": "off"}, COLLAPSE), "entropy.mode=adaptive", "target 0.2"),
    ("entropy_collapse", settings({"entropy.maximum": 0.005}, COLLAPSE), "entropy.maximum=0.01", "target"),
    ("entropy_collapse", falling_entropy, "entropy.delta=0.01", "to 0.110 nats/token"),
    ("heldout_falls", falling_score, "loss.kl_coefficient=0.001", "0.938 at step 80, 0.800 at step 97"),
    ("mismatch_high", MISMATCH, "loss.importance_cap=2.0", "mismatch KL 0.05 nats/token"),
    ("mismatch_high", settings(CAPPED, MISMATCH), "model.dtype=float32", "above 0.01"),
    ("mismatch_high", settings(EXACT, MISMATCH), "system.deterministic=true", "mismatch KL"),
    ("staleness_high", STALE, "loss.importance_cap=2.0", "5.0 updates old, a step has 1.0"),
    ("staleness_high", settings(SPLIT, STALE), "stages.1.num_minibatches=1", "steps 78 to 97"),
    ("staleness_high", settings(CLIPPED, STALE), "optimizer.learning_rate=0.00035", "a step has 1.0"),
    ("staleness_high", settings(CAPPED, STALE), "optimizer.learning_rate=0.00035", "a step has 1.0"),
    ("not_judged", values(**UNJUDGED), "verify.time_limit_s=10", "steps 78 to 97; reasons: time_limit 820"),
    ("not_judged", values(**MEMORY), "verify.worker_memory_bytes=2147483648", "memory_limit 820"),
    ("verifier_fails", failures, "verify.time_limit_s=10", "400 retries, 80 quarantined for 10,240 rollouts"),
    ("short_right", shorter, "verify.second_opinion_fraction=0.1", "to 9 tokens"),
    ("truncation_starves", STARVING, "stages.1.max_response_tokens=320", "70.0 % of responses"),
    ("no_signal", ALL_RIGHT, "rollout.oversample=4", "10.0 % of groups kept, 90.0 % all correct"),
    ("no_signal", ALL_WRONG, "stages.1.group_size=32", "95.0 % all incorrect"),
    ("verifier_slow", lambda r: with_seconds(r, rollout=2.0, verify=3.6), WORKERS, "90.0 % of the"),
    ("mostly_outside", lambda r: with_seconds(r, between=30.0), "checkpoint.every=40", "checkpoints 600 s"),
    ("mostly_outside", lambda r: with_seconds(r, step=40, publish=36), "stages.1.num_problems=64", "publish"),
    ("mostly_outside", lambda r: with_seconds(r, step=40), "tracking.rollouts_every=2", "logs 7"),
    ("mostly_outside", evaluations, "evaluation.every=40", "evaluation 560 s, checkpoints 40 s"),
    ("trainer_waits", vllm, "rollout.num_engines=2", "90.0 % of the step"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plant", "assignment", "words"), PLANTED)
def test_a_planted_cause_gives_its_advisory_and_no_other(
    name: str, plant: Plant, assignment: str, words: str
) -> None:
    run = plant(real(0))
    [found] = advise(run)
    assert (found.name, found.assignment) == (name, assignment)
    assert words in found.evidence, found.evidence
    require_accepted(run, found)


def require_accepted(run: RunData, found: Advisory) -> None:
    """The settings of the run accept the value, and it is another one than the present one."""
    config = deepcopy(run.config)
    apply_set(config, found.assignment)
    assert RunConfig.model_validate(config) != RunConfig.model_validate(run.config)
    assert 1 <= found.first_step <= found.last_step == run.steps[-1]["step"]


@pytest.mark.parametrize("number", range(NUM_HEALTHY))
def test_a_healthy_run_gives_none(number: int) -> None:
    assert [str(found) for found in advise(healthy(number))] == []


@pytest.mark.parametrize("number", range(NUM_HEALTHY))
def test_nor_does_it_after_any_of_its_steps(number: int) -> None:
    run = healthy(number)
    found = {n: [str(a) for a in advise(first_steps(run, n))] for n in range(len(run.steps))}
    assert {n: lines for n, lines in found.items() if lines} == {}


def test_one_sign_alone_is_no_high_learning_rate() -> None:
    assert advise(values(train__clip_fraction=0.3)(real(0))) == []


def test_a_fall_of_the_reward_at_a_stage_is_none() -> None:
    """The online filter removes solved problems: the reward of the next stage starts lower."""
    run = real(1)
    second = [
        row | {"rollout/reward_mean": row["rollout/reward_mean"] - 0.5 * row["stage/index"]}
        for row in run.steps
    ]
    clipped = [row | {"train/clip_fraction": 0.3} for row in second]
    assert advise(replace(run, steps=clipped)) == []


def responses(texts: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"step": 97, "outcome": "right", "response": text, "gold": gold} for text, gold in texts]


def test_one_text_that_is_correct_for_different_answers_is_reported() -> None:
    own = [(f"so it is {n}", str(n)) for n in range(30)]
    hacked = responses([*own, *(("Answer:\n  all of them", str(n)) for n in range(6))])
    [found] = advise(real(0), hacked)
    assert found.name == "repeated_texts"
    assert '6 of 36 correct responses are "Answer: all of them", for 6 different answers' in found.evidence


def test_the_same_text_for_the_same_answer_is_not() -> None:
    assert advise(real(0), responses([("4", "4")] * 30 + [(f"{n}", f"{n}") for n in range(9)])) == []
    wrong = [row | {"outcome": "wrong"} for row in responses([("same", str(n)) for n in range(30)])]
    assert advise(real(0), wrong) == []


def test_every_check_has_a_planted_case() -> None:
    assert {check.__name__ for check in CHECKS} == {case[0] for case in PLANTED} | {"repeated_texts"}


def test_a_run_without_steps_gives_none() -> None:
    assert advise(first_steps(real(0), 0)) == []


def test_of_a_folder(tmp_path: Path) -> None:
    assert advise_folder(write_folder(real(0), tmp_path / "healthy")) == []
    [found] = advise_folder(write_folder(MISMATCH(real(0)), tmp_path / "planted"))
    assert str(found) == (
        "engine and trainer disagree: mismatch KL 0.05 nats/token in steps 78 to 97, above 0.01; "
        "try --set loss.importance_cap=2.0: tokens are then weighted by the ratio of both probabilities"
    )


def test_responses_of_a_folder_are_read_from_its_last_files(tmp_path: Path) -> None:
    play(tmp_path)
    rows = recent_rollouts(tmp_path)
    assert sorted({row["step"] for row in rows}) == [8, 9, 10]
    assert set(rows[0]) == {"step", "response", "outcome", "gold"}
