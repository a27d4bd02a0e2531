"""Packing: masks by length, weights of the whole minibatch, near-equal microbatches.

Shape legend: M rollouts of a group.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from or1.config import LossConfig
from or1.trainer.packing import Cost, TrainedRollout, cut, pack, trained_rollouts
from or1.types import Finish, Group, Message, Outcome, Problem, Rollout, Verdict

PROBLEM = Problem.make("arithmetic", (Message("user", "1+1"),), 2)


def make_rollout(
    prompt: Sequence[int], response: Sequence[int], index: int = 0, finish: Finish = Finish.STOP
) -> Rollout:
    return Rollout(
        problem_id="p",
        index=index,
        prompt_tokens=np.asarray(prompt, dtype=np.int32),
        response_tokens=np.asarray(response, dtype=np.int32),
        behavior_logprobs=-0.1 * np.arange(1, len(response) + 1, dtype=np.float32),
        behavior_entropy=None,
        finish=finish,
        policy_version=0,
        verdict=Verdict(outcome=Outcome.WRONG, reward=0.0),
    )


def make_trained(prompt_tokens: int, response_tokens: int, advantage: float = 1.0, index: int = 0) -> Any:
    rollout = make_rollout(range(prompt_tokens), range(100, 100 + response_tokens), index)
    return TrainedRollout(rollout=rollout, advantage=advantage)


def test_worked_microbatch() -> None:
    # Prompt (5, 6), response (7, 0): token 0 is an ordinary response token, though it may be the pad id
    # elsewhere. Inputs 5 6 7: positions 1 and 2 predict 7 and 0. Predicting from positions 2 and 3 would be
    # one late.
    first = TrainedRollout(rollout=make_rollout((5, 6), (7, 0)), advantage=1.5)
    second = TrainedRollout(rollout=make_rollout((8,), (9,), index=1), advantage=-0.5)
    (microbatch,) = pack([second, first], 100, LossConfig())
    assert microbatch.tokens_T.tolist() == [5, 6, 7, 8]
    assert microbatch.lengths == (3, 1)
    assert microbatch.predictors_N.tolist() == [1, 2, 3]
    assert microbatch.targets_N.tolist() == [7, 0, 9]
    assert microbatch.batch.advantages_N.tolist() == [1.5, 1.5, -0.5]
    assert microbatch.batch.behavior_logprobs_N.tolist() == pytest.approx([-0.1, -0.2, -0.1])
    assert microbatch.batch.weights_N.tolist() == pytest.approx([1 / 3] * 3)
    assert microbatch.names == ("p/0", "p/1")


def test_sequence_weights_refer_to_the_minibatch_not_to_the_microbatch() -> None:
    # Two sequences of 3 and 1 tokens in two microbatches: 1/6 and 1/2. A mean inside each microbatch would
    # weigh 1/3 and 1.
    rollouts = [make_trained(2, 3), make_trained(2, 1, index=1)]
    weights = [m.batch.weights_N.tolist() for m in pack(rollouts, 4, LossConfig(average="sequence"))]
    assert weights[0] == pytest.approx([1 / 6] * 3)
    assert weights[1] == pytest.approx([1 / 2])


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 9)), min_size=1, max_size=20), st.integers(1, 30))
def test_packing_keeps_every_token_once(sizes: list[tuple[int, int]], limit: int) -> None:
    rollouts = [make_trained(p, r, advantage=float(i), index=i) for i, (p, r) in enumerate(sizes)]
    microbatches = pack(rollouts, limit, LossConfig())
    by_name = {r.name: r for r in rollouts}
    seen = []
    for microbatch in microbatches:
        assert sum(microbatch.lengths) <= limit or len(microbatch.lengths) == 1
        sequences = torch.split(microbatch.tokens_T, list(microbatch.lengths))
        sizes_here = [by_name[n].rollout.response_tokens.size for n in microbatch.names]
        targets = torch.split(microbatch.targets_N, sizes_here)
        advantages = torch.split(microbatch.batch.advantages_N, sizes_here)
        for name, inputs, wanted, weights in zip(
            microbatch.names, sequences, targets, advantages, strict=True
        ):
            rollout = by_name[name].rollout
            whole = [*rollout.prompt_tokens.tolist(), *rollout.response_tokens.tolist()]
            assert inputs.tolist() == whole[:-1]
            assert wanted.tolist() == rollout.response_tokens.tolist()
            assert set(weights.tolist()) == {by_name[name].advantage}
            seen.append(name)
        # What a predictor has read last is the token before its target.
        before = torch.cat(
            [
                torch.tensor([*by_name[n].rollout.prompt_tokens, *by_name[n].rollout.response_tokens])[
                    by_name[n].rollout.prompt_tokens.size - 1 : -1
                ]
                for n in microbatch.names
            ]
        )
        assert torch.equal(microbatch.tokens_T[microbatch.predictors_N], before.long())
    assert sorted(seen) == sorted(by_name)
    assert sum(float(m.batch.weights_N.double().sum()) for m in microbatches) == pytest.approx(1.0, abs=1e-5)


def load(costs: Sequence[Cost]) -> int:
    """Tokens of one microbatch: own tokens of all, each prompt once."""
    return sum(c.own for c in costs) + sum({c.key: c.shared for c in costs}.values())


def least_largest_load(costs: list[Cost], num_runs: int) -> int:
    """By trying every way to cut."""
    loads = []
    for inner in itertools.combinations(range(1, len(costs)), num_runs - 1):
        bounds = [0, *inner, len(costs)]
        loads.append(max(load(costs[a:b]) for a, b in itertools.pairwise(bounds)))
    return min(loads)


@given(
    st.lists(st.integers(1, 15), min_size=1, max_size=8),
    st.lists(st.integers(1, 5), min_size=8, max_size=8),
    st.integers(20, 60),
)
def test_cut_makes_the_fewest_runs_and_balances_them(owns: list[int], prompts: list[int], limit: int) -> None:
    # Three rollouts to a prompt.
    costs = [Cost(own, prompts[i // 3], bytes([i // 3])) for i, own in enumerate(owns)]
    runs = cut(costs, limit)
    assert [i for run in runs for i in run] == list(range(len(costs)))
    largest = max(load(costs[run.start : run.stop]) for run in runs)
    assert largest == least_largest_load(costs, len(runs)) <= limit
    if len(runs) > 1:
        assert least_largest_load(costs, len(runs) - 1) > limit


def test_a_rollout_over_the_limit_stands_alone() -> None:
    assert cut([Cost(9), Cost(2), Cost(2), Cost(8)], 5) == [range(0, 1), range(1, 3), range(3, 4)]


def test_worked_microbatch_with_a_shared_prompt() -> None:
    # Prompt (5, 6) once, then the inputs of responses (7, 0, 2), (4,) and (3, 8). Every first token is
    # predicted from the prompt's end at 1; a response of one token has no inputs of its own.
    rollouts = [
        TrainedRollout(rollout=make_rollout((5, 6), response, index), advantage=float(index))
        for index, response in enumerate(((7, 0, 2), (4,), (3, 8)))
    ]
    (microbatch,) = pack(rollouts, 100, LossConfig(), share_prompts=True)
    assert microbatch.tokens_T.tolist() == [5, 6, 7, 0, 3]
    assert microbatch.lengths == (2, 2, 1)
    assert microbatch.parents == (-1, 0, 0)
    assert microbatch.predictors_N.tolist() == [1, 2, 3, 1, 1, 4]
    assert microbatch.targets_N.tolist() == [7, 0, 2, 4, 3, 8]
    assert microbatch.batch.advantages_N.tolist() == [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]


def test_siblings_meet_whatever_their_order() -> None:
    prompts = ((1, 2), (3,), (1, 2), (3,))
    rollouts = [
        TrainedRollout(rollout=make_rollout(prompt, (7, 8), index), advantage=1.0)
        for index, prompt in enumerate(prompts)
    ]
    (microbatch,) = pack(rollouts, 100, LossConfig(), share_prompts=True)
    assert microbatch.names == ("p/0", "p/2", "p/1", "p/3")
    assert microbatch.tokens_T.tolist() == [1, 2, 7, 7, 3, 7, 7]
    assert microbatch.parents == (-1, 0, 0, -1, 3, 3)


def test_rollouts_with_advantage_0_stay_in_the_denominator() -> None:
    # both masks of the paper set the advantage of truncated rollouts to 0 and take no token out of the mean
    group = Group(
        problem=PROBLEM,
        rollouts=(make_rollout((1,), (2, 3)), make_rollout((1,), (2, 3, 4), 1, Finish.LENGTH)),
    )
    advantages = [np.asarray([1.0, 0.0], dtype=np.float32)]
    trained = trained_rollouts([group], advantages)
    assert [(r.name, r.advantage) for r in trained] == [("p/0", 1.0), ("p/1", 0.0)]


def test_an_empty_response_weighs_nothing() -> None:
    group = Group(problem=PROBLEM, rollouts=(make_rollout((1,), (2,)), make_rollout((1,), (), 1)))
    advantages = [np.asarray([1.0, -1.0], dtype=np.float32)]
    assert [r.name for r in trained_rollouts([group], advantages)] == ["p/0"]


def test_an_empty_prompt_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="p/0"):
        pack([make_trained(0, 3)], 10, LossConfig())
