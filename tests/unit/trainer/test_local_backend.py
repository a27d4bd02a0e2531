"""The local backend beside a plain trainer, and its report beside numbers worked out apart.

Shape legend: T packed tokens, N response tokens, M rollouts of a group.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from or1.config import LossConfig, OptimizerConfig
from or1.nn.decoder import Decoder
from or1.testing import make_problem
from or1.types import Float32, Group, Rollout
from tests.small import (
    OPTIMIZER,
    TEMPERATURE,
    SpyForward,
    make_backend,
    make_batch,
    make_decoder,
    make_rollout,
    make_stage,
)


def plain_numbers(decoder: Decoder, rollout: Rollout) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies of one response, by itself and unfused."""
    prompt, response = rollout.prompt_tokens, rollout.response_tokens
    tokens = torch.from_numpy(np.concatenate([prompt, response[:-1]])).long()
    hidden = decoder.packed(tokens, [tokens.numel()])[prompt.size - 1 :]
    log_probs = torch.log_softmax(hidden @ decoder.head_weight.T / TEMPERATURE, -1)
    targets = torch.from_numpy(response).long()
    return log_probs.gather(1, targets[:, None]).squeeze(1), -(log_probs.exp() * log_probs).sum(-1)


def plain_training(
    decoder: Decoder, minibatches: Sequence[tuple[list[Group], list[Float32]]], num_reuses: int, alpha: float
) -> None:
    """The update as a page of a textbook would have it: old log-probs of the start, one AdamW step a
    minibatch."""
    named = dict(decoder.named_parameters())
    adamw = torch.optim.AdamW(named.values(), lr=OPTIMIZER.learning_rate, weight_decay=OPTIMIZER.weight_decay)
    with torch.no_grad():
        old = {
            (r.problem_id, r.index): plain_numbers(decoder, r)[0]
            for groups, _ in minibatches
            for g in groups
            for r in g.rollouts
        }
    for groups, advantages in list(minibatches) * num_reuses:
        terms = []
        for group, advantages_M in zip(groups, advantages, strict=True):
            for rollout, advantage in zip(group.rollouts, advantages_M, strict=True):
                logprobs, entropy = plain_numbers(decoder, rollout)
                ratio = (logprobs - old[rollout.problem_id, rollout.index]).exp()
                surrogate = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
                terms.append(-surrogate - alpha * entropy)
        adamw.zero_grad()
        torch.cat(terms).mean().backward()
        torch.nn.utils.clip_grad_norm_(named.values(), OPTIMIZER.max_grad_norm)
        adamw.step()


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize(("num_minibatches", "num_reuses"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_weights_follow_a_plain_trainer(num_minibatches: int, num_reuses: int, share_prompts: bool) -> None:
    # Old log-probs refreshed before each update, a mean inside each microbatch, or a remainder minibatch all
    # end elsewhere. 5 groups in 2 minibatches are 3 and 2.
    groups, advantages = make_batch(5)
    plain, trained = make_decoder(dtype=torch.float64), make_decoder(dtype=torch.float64)
    cuts = [slice(0, 5)] if num_minibatches == 1 else [slice(0, 3), slice(3, 5)]
    plain_training(plain, [(groups[c], advantages[c]) for c in cuts], num_reuses, alpha=0.1)
    backend = make_backend(trained, share_prompts=share_prompts)
    report = backend.update(groups, advantages, LossConfig(), 0.1, make_stage(num_minibatches, num_reuses))
    assert report.num_updates == num_minibatches * num_reuses
    started = dict(make_decoder(dtype=torch.float64).named_parameters())
    wanted = dict(plain.named_parameters())
    for name, weights in trained.named_parameters():
        moved = (wanted[name] - started[name]).norm()
        assert (weights - wanted[name]).norm() < 1e-6 * moved, name


def num_inputs(groups: Sequence[Group], share_prompts: bool) -> int:
    """Tokens of one pass over the batch: every prompt once or with each of its responses, no last token."""
    return sum(
        (g.rollouts[0].prompt_tokens.size if share_prompts else 0)
        + sum((0 if share_prompts else r.prompt_tokens.size) + r.response_tokens.size - 1 for r in g.rollouts)
        for g in groups
    )


@pytest.mark.parametrize(("share_prompts", "limit", "num_passes"), [(False, 30, 3), (True, 1000, 1)])
def test_on_policy_needs_one_forward_pass_and_its_ratio_is_exactly_one(
    share_prompts: bool, limit: int, num_passes: int
) -> None:
    groups, advantages = make_batch()
    spy = SpyForward()
    backend = make_backend(forward=spy, share_prompts=share_prompts, tokens_per_microbatch=limit)
    report = backend.update(groups, advantages, LossConfig(), 0.0, make_stage())
    assert sum(spy.tokens_seen) == report.num_sequence_tokens == num_inputs(groups, share_prompts)
    assert len(spy.tokens_seen) == num_passes
    assert (report.ratio_mean, report.ratio_max, report.clip_fraction) == (1.0, 1.0, 0.0)
    assert report.num_tokens == sum(r.response_tokens.size for g in groups for r in g.rollouts)


def test_two_updates_need_one_more_pass_and_see_the_policy_move() -> None:
    groups, advantages = make_batch()
    spy = SpyForward()
    stage = make_stage(num_minibatches=1, num_reuses=2)
    backend = make_backend(forward=spy, tokens_per_microbatch=1000)
    report = backend.update(groups, advantages, LossConfig(), 0.0, stage)
    assert sum(spy.tokens_seen) == report.num_sequence_tokens == 3 * num_inputs(groups, share_prompts=True)
    assert report.ratio_max > 1.0


def test_report_weighs_every_token_once() -> None:
    groups, advantages = make_batch()
    decoder = make_decoder(dtype=torch.float64)
    rollouts = [r for g in groups for r in g.rollouts]
    with torch.no_grad():
        numbers = [plain_numbers(decoder, r) for r in rollouts]
    logprobs, entropy = (torch.cat(parts) for parts in zip(*numbers, strict=True))
    behavior = torch.cat([torch.from_numpy(r.behavior_logprobs) for r in rollouts]).double()
    flat = np.concatenate(advantages)
    sizes = [r.response_tokens.size for r in rollouts]
    difference = logprobs - behavior
    report = make_backend(decoder, tokens_per_microbatch=15).update(
        groups, advantages, LossConfig(), 0.25, make_stage()
    )
    assert report.entropy == pytest.approx(entropy.mean().item(), rel=1e-9)
    assert report.policy_loss == pytest.approx(-float(np.repeat(flat, sizes).mean()), rel=1e-6)
    assert report.loss == pytest.approx(report.policy_loss - 0.25 * report.entropy, rel=1e-9)
    assert report.mismatch_kl == pytest.approx((difference.exp() - 1 - difference).mean().item(), rel=1e-9)
    assert report.mismatch_max == pytest.approx(difference.abs().max().item(), rel=1e-9)
    assert report.kl_to_reference is None
    assert report.hashes == {}


def test_report_over_minibatches_is_a_mean_over_tokens_not_over_minibatches() -> None:
    # One group of 3 x 1 tokens with A = 1 and one of 3 x 9 with A = -1, two minibatches, a vanishing rate:
    # (3 * -1 + 27 * 1) / 30 = 0.8. The mean of the two minibatch losses would be 0.
    rng = np.random.default_rng(0)
    groups = []
    for number, length in enumerate((1, 9)):
        made = [make_rollout(rng, str(number), i, np.ones(2, dtype=np.int32)) for i in range(3)]
        sized = [
            replace(
                r,
                response_tokens=np.full(length, 3, dtype=np.int32),
                behavior_logprobs=np.full(length, -3.0, dtype=np.float32),
            )
            for r in made
        ]
        groups.append(Group(problem=make_problem(number), rollouts=tuple(sized)))
    advantages = [np.full(3, 1.0, dtype=np.float32), np.full(3, -1.0, dtype=np.float32)]
    backend = make_backend(optimizer=OptimizerConfig(learning_rate=1e-9))
    report = backend.update(groups, advantages, LossConfig(), 0.0, make_stage(num_minibatches=2))
    assert report.policy_loss == pytest.approx(0.8, abs=1e-4)


def test_fewer_groups_than_minibatches_leave_no_empty_update() -> None:
    groups, advantages = make_batch(2)
    report = make_backend().update(groups, advantages, LossConfig(), 0.0, make_stage(num_minibatches=4))
    assert (report.num_updates, report.num_skipped) == (2, 0)


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        make_backend().update([], [], LossConfig(), 0.0, make_stage())


def test_entropy_bonus_raises_entropy_and_advantage_raises_probability() -> None:
    groups, advantages = make_batch()
    silent = [np.zeros_like(a) for a in advantages]
    bonus = make_backend()
    entropies = [bonus.update(groups, silent, LossConfig(), 1.0, make_stage()).entropy for _ in range(5)]
    assert all(later > earlier for earlier, later in itertools.pairwise(entropies))
    decoder = make_decoder()
    rollout = groups[0].rollouts[0]
    before = plain_numbers(decoder, rollout)[0].sum().item()
    wanted = [np.asarray([1.0, 0.0, 0.0], dtype=np.float32)]
    make_backend(decoder).update(groups[:1], wanted, LossConfig(), 0.0, make_stage())
    assert plain_numbers(decoder, rollout)[0].sum().item() > before


def test_microbatch_size_bounds_memory_but_not_the_result() -> None:
    groups, advantages = make_batch(5)
    reports = [
        make_backend(make_decoder(dtype=torch.float64), tokens_per_microbatch=limit).update(
            groups, advantages, LossConfig(average="sequence"), 0.3, make_stage()
        )
        for limit in (1, 25, 10_000)
    ]
    for field in ("loss", "policy_loss", "entropy", "grad_norm", "mismatch_kl", "num_tokens"):
        values = [float(getattr(r, field)) for r in reports]
        assert values[1:] == pytest.approx(values[:1] * 2, rel=1e-11), field


def test_kl_term_holds_the_policy_near_its_reference() -> None:
    groups, advantages = make_batch()
    loads = []

    def load_reference() -> Decoder:
        loads.append(1)
        return make_decoder()

    loss = LossConfig(kl_coefficient=0.5)
    backend = make_backend(load_reference=load_reference)
    first, second = (backend.update(groups, advantages, loss, 0.0, make_stage()) for _ in range(2))
    assert loads == [1]
    # The policy starts as its reference, and moves away from it.
    assert first.kl_to_reference == 0.0
    assert second.kl_to_reference is not None
    assert second.kl_to_reference > 0.0
    assert second.loss == pytest.approx(second.policy_loss + 0.5 * second.kl_to_reference, rel=1e-5)


def test_an_update_first_asks_the_engine_for_its_memory() -> None:
    """The moments are to come until there are some: two numbers of 4 bytes for each weight."""
    decoder = make_decoder()
    backend = make_backend(decoder)
    assert backend.bytes_to_come() == 8 * sum(p.numel() for p in decoder.parameters())
    before = [p.detach().clone() for p in decoder.parameters()]
    calls = []
    backend.before_update(
        lambda: calls.append(
            all(torch.equal(a, b) for a, b in zip(before, decoder.parameters(), strict=True))
        )
    )
    groups, advantages = make_batch()
    backend.update(groups, advantages, LossConfig(), 0.0, make_stage())
    assert calls == [True]
    assert backend.bytes_to_come() == 0
