"""What the sides are made to do: the lengths forced on them, the reward, the arithmetic counted.

Shape legend: N problems, M rollouts of a group, R rows, V vocabulary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks._flops import update_flops
from benchmarks._problems import arithmetic_workload
from benchmarks._reward import RewardFunction, problem_of
from benchmarks._worker import Order, Spec
from benchmarks._workload import Case, Workload
from benchmarks.ours import step
from benchmarks.ours.forced_engine import ForcedEngine
from benchmarks.ours.rollout import evidence, lengths_of
from benchmarks.peers.forced_lengths import ForcedLengths, response_lengths
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.local_engine import LocalEngine
from or1.types import Sampling
from tests.small import small_config


@pytest.fixture(scope="module")
def small() -> Workload:
    return arithmetic_workload("builtin:tiny", num_problems=3, group_size=4, cap=16)


def engine(kind: type[LocalEngine], work: Workload, max_running: int) -> Any:
    decoder = load_decoder(work.model_path, dtype=torch.float32)
    return kind(decoder, load_tokenizer(work.model_path), max_running=max_running)


@pytest.mark.parametrize("case", ["capped", "skewed"])
@pytest.mark.parametrize("max_running", [5, 64])
def test_our_engine_ends_each_response_where_it_is_told(
    small: Workload, case: Case, max_running: int
) -> None:
    forced = engine(ForcedEngine, small, max_running)
    forced.lengths = lengths_of(small, case)
    problems = [problem_of(each) for each in small.problems]
    sampling = Sampling(group_size=4, max_response_tokens=small.cap, seed=7)
    rollouts = list(forced.rollouts(problems, sampling))
    assert evidence(problems, rollouts)["lengths_NM"] == small.lengths_NM(case)
    # nothing else is forced: up to the shorter end the tokens and numbers are those of the plain engine
    plain = {(r.problem_id, r.index): r for r in engine(LocalEngine, small, 64).rollouts(problems, sampling)}
    for rollout in rollouts:
        same = plain[rollout.problem_id, rollout.index]
        shared = min(len(rollout.response_tokens), len(same.response_tokens))
        np.testing.assert_array_equal(rollout.response_tokens[:shared], same.response_tokens[:shared])
        np.testing.assert_allclose(
            rollout.behavior_logprobs[:shared], same.behavior_logprobs[:shared], atol=1e-5
        )


def test_a_row_ends_at_its_length_and_at_no_other_step() -> None:
    cap, eos, vocab = 4, 2, 5
    forced = ForcedLengths([1, 3, 4], cap, eos)
    tokens = []
    for _ in range(cap):
        # the model wants nothing but the end token
        scores_RV = torch.zeros(3, vocab)
        scores_RV[:, eos] = 50.0
        probs_RV = forced(torch.zeros(3, 1), scores_RV).softmax(-1)
        assert set(probs_RV[:, eos].tolist()) <= {0.0, 1.0}
        tokens.append(probs_RV.argmax(-1))
    assert response_lengths(torch.stack(tokens, dim=1), eos) == [1, 3, 4]
    # a row at the cap is cut off, as a truncated response is: it holds no end token
    assert eos not in [int(row[2]) for row in tokens]


def test_a_length_counts_its_first_end_token_only() -> None:
    rows = torch.tensor([[5, 2, 2, 2], [5, 5, 5, 5], [2, 5, 5, 5]])
    assert response_lengths(rows, 2) == [2, 4, 1]


def test_every_group_has_a_signal(small: Workload) -> None:
    ids = [each.id for each in small.problems for _ in range(4)]
    assert RewardFunction(small)(["\\boxed{1}"] * 12, ids) == [1.0, 0.0, 1.0, 0.0] * 3


def test_a_workload_with_another_problem_under_its_id_is_refused(small: Workload) -> None:
    with pytest.raises(ValueError, match="has the content of"):
        problem_of(replace(small.problems[0], gold="another"))


def test_flops_worked() -> None:
    config = small_config(num_layers=2, hidden_size=4, intermediate_size=10, head_size=3, vocab_size=7)
    # a layer: qkv 4 * (2 + 1 + 1) * 3 = 48, output 6 * 4 = 24, feed-forward 3 * 4 * 10 = 120: 192 weights
    # 2 layers * 192 * (5 + 2) inputs + head 7 * 4 * 3 response tokens = 2688 + 84, times 6 = 16632
    # attention 6 * 2 layers * 6 channels * 7^2 = 3528; a full square would make it 7056
    assert update_flops(config, [(5, [3])]) == 16_632 + 3_528
    # a second rollout adds no prompt: 2 * 192 * 9 + 28 * 6 = 3624, and 25 + 2 * (49 - 25) = 73 pairs, not 98
    assert update_flops(config, [(5, [3, 3])]) == 6 * 3_624 + 72 * 73
    # groups do not see each other: one of twice the length would cost more
    assert update_flops(config, [(5, [3])] * 2) == 2 * update_flops(config, [(5, [3])])


def test_our_step_trains_on_every_token(small: Workload, tmp_path: Any) -> None:
    path = tmp_path / "w.json"
    small.write(path)
    options = {"max_running": 8, "entropy_coefficient": 1e-3, "learning_rate": 1e-6, "case": "skewed"}
    settings = Spec(workload=str(path), dtype="float32", threads=torch.get_num_threads(), options=options)
    facts, work = step.prepare(settings)
    first, second = work(Order(case="skewed")), work(Order(case="skewed"))
    assert first["trained_tokens"] == second["trained_tokens"] == small.num_response_tokens("skewed")
    assert first["lengths_NM"] == second["lengths_NM"] == small.skewed_NM
    assert first["seconds"] == pytest.approx(first["rollout_s"] + first["update_s"])
    # the trainer agrees with the engine after the update as before it: the weights were published
    assert second["mismatch_max"] < 1e-3
    assert facts["memory_after_load_bytes"] <= first["peak_memory_bytes"]
