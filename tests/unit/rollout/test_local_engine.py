"""The local engine: what it samples, what it records, and what must not show in either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.errors import DataError, ModelError
from or1.nn.cache import PromptKeyValues
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT
from or1.types import Finish, Message, Problem, Rollout, Sampling, WeightHandle
from tests.small import ENGINE_CONFIG, ENGINE_VOCABULARY, EOS, draw_all, make_engine, make_problems

SAMPLING = Sampling(group_size=5, max_response_tokens=40, temperature=0.9, seed=3)


def log_distributions(decoder: Decoder, rollout: Rollout, temperature: float) -> torch.Tensor:
    """Log-probabilities of every response position, from one uncached pass over the whole sequence [L, V]."""
    tokens = torch.from_numpy(np.concatenate([rollout.prompt_tokens, rollout.response_tokens])).long()
    with torch.no_grad():
        logits = decoder.packed(tokens, [len(tokens)]) @ decoder.head_weight.t()
    start = len(rollout.prompt_tokens) - 1
    return torch.log_softmax(logits[start:-1].float() / temperature, -1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.3])
def test_recorded_numbers_are_those_of_the_distribution_at_the_sampling_temperature(
    temperature: float,
) -> None:
    engine = make_engine()
    sampling = Sampling(group_size=3, max_response_tokens=30, temperature=temperature, seed=1)
    for rollout in engine.rollouts(make_problems(), sampling):
        log_probs_LV = log_distributions(engine.decoder, rollout, temperature)
        chosen = log_probs_LV.gather(1, torch.from_numpy(rollout.response_tokens).long()[:, None])[:, 0]
        assert rollout.behavior_entropy is not None
        np.testing.assert_allclose(rollout.behavior_logprobs, chosen.numpy(), atol=2e-5)
        entropy = -(log_probs_LV.exp() * log_probs_LV).sum(-1)
        np.testing.assert_allclose(rollout.behavior_entropy, entropy.numpy(), atol=2e-5)


def test_every_rollout_comes_once_and_ends_where_it_should() -> None:
    problems = make_problems()
    rollouts = list(make_engine(max_running=7).rollouts(problems, SAMPLING))
    expected = Counter((problem.id, index) for problem in problems for index in range(5))
    assert Counter((r.problem_id, r.index) for r in rollouts) == expected
    assert {r.finish for r in rollouts} == {Finish.STOP, Finish.LENGTH}
    for rollout in rollouts:
        is_end = np.isin(rollout.response_tokens, EOS)
        assert not is_end[:-1].any()
        assert bool(is_end[-1]) == (rollout.finish is Finish.STOP)
        assert len(rollout.response_tokens) == 40 or rollout.finish is Finish.STOP


def test_an_end_token_in_the_last_place_is_a_stop() -> None:
    """A response whose end token is exactly the last of its budget ended by itself."""
    engine, problems = make_engine(), make_problems()
    stopped = [r for r in draw_all(engine, problems, SAMPLING) if r.finish is Finish.STOP]
    length = len(stopped[0].response_tokens)
    budget = Sampling(group_size=5, max_response_tokens=length, temperature=0.9, seed=3)
    again = {(r.problem_id, r.index): r for r in engine.rollouts(problems, budget)}
    same = again[stopped[0].problem_id, stopped[0].index]
    assert same.finish is Finish.STOP
    np.testing.assert_array_equal(same.response_tokens, stopped[0].response_tokens)


@settings(max_examples=12)
@given(
    max_running=st.integers(1, 40),
    order=st.permutations(range(6)),
    count=st.integers(1, 6),
    budget=st.integers(1, 40),
)
def test_a_rollout_depends_on_nothing_but_its_key(
    max_running: int, order: list[int], count: int, budget: int
) -> None:
    """Batch size, company, arrival and budget change nothing of what is drawn; in exact mode not one bit."""
    problems = make_problems()
    engine = make_engine(max_running=max_running, kernels=EXACT)
    full = {(r.problem_id, r.index): r for r in make_engine(64, kernels=EXACT).rollouts(problems, SAMPLING)}
    sampling = Sampling(group_size=5, max_response_tokens=budget, temperature=0.9, seed=3)
    for rollout in engine.rollouts([problems[place] for place in order[:count]], sampling):
        other = full[rollout.problem_id, rollout.index]
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens[:budget])
        np.testing.assert_array_equal(
            rollout.behavior_logprobs.view(np.int32), other.behavior_logprobs[:budget].view(np.int32)
        )


def test_seed_problem_and_index_each_change_the_draw() -> None:
    engine, problem = make_engine(), make_problems()[4]
    twin = Problem.make("none", problem.prompt, "another gold, so another id")
    first = {i: tuple(r.response_tokens) for i, r in enumerate(draw_all(engine, [problem], SAMPLING))}
    assert len(set(first.values())) == 5
    (other, *_) = draw_all(engine, [twin], SAMPLING)
    assert tuple(other.response_tokens) != first[0]
    reseeded = Sampling(group_size=5, max_response_tokens=40, temperature=0.9, seed=4)
    assert tuple(draw_all(engine, [problem], reseeded)[0].response_tokens) != first[0]


def test_first_tokens_follow_the_distribution() -> None:
    """2,000 rollouts of one prompt: chi-square of the first token against its exact distribution."""
    engine, problem = make_engine(max_running=256), make_problems()[3]
    sampling = Sampling(group_size=2000, max_response_tokens=1, seed=9)
    rollouts = list(engine.rollouts([problem], sampling))
    probs = log_distributions(engine.decoder, rollouts[0], 1.0)[0].exp().double().numpy()
    counts = np.bincount([r.response_tokens[0] for r in rollouts], minlength=ENGINE_VOCABULARY)
    often = probs > 5 / 2000
    observed = np.append(counts[often], counts[~often].sum())
    expected = 2000 * np.append(probs[often], probs[~often].sum())
    statistic = float(((observed - expected) ** 2 / expected).sum())
    degrees = observed.size - 1
    assert degrees > 10
    assert abs(statistic - degrees) < 5 * np.sqrt(2 * degrees)


def test_greedy_takes_the_likeliest_token_every_time() -> None:
    engine = make_engine()
    sampling = Sampling(group_size=2, max_response_tokens=12, temperature=0.0)
    for rollout in engine.rollouts(make_problems(), sampling):
        best = log_distributions(engine.decoder, rollout, 1.0).argmax(-1)
        np.testing.assert_array_equal(rollout.response_tokens, best.numpy())


def test_top_k_one_is_greedy_and_keeps_the_log_probability_of_the_whole_distribution() -> None:
    engine = make_engine()
    sampling = Sampling(group_size=1, max_response_tokens=12, top_k=1)
    for rollout in engine.rollouts(make_problems(), sampling):
        log_probs_LV = log_distributions(engine.decoder, rollout, 1.0)
        np.testing.assert_array_equal(rollout.response_tokens, log_probs_LV.argmax(-1).numpy())
        np.testing.assert_allclose(rollout.behavior_logprobs, log_probs_LV.amax(-1).numpy(), atol=2e-5)
        assert (rollout.behavior_logprobs < -1e-3).any()


def test_bfloat16_records_what_it_computes_within_its_rounding() -> None:
    engine = make_engine(dtype=torch.bfloat16)
    differences = []
    for rollout in engine.rollouts(make_problems(), SAMPLING):
        log_probs_LV = log_distributions(engine.decoder, rollout, 0.9)
        chosen = log_probs_LV.gather(1, torch.from_numpy(rollout.response_tokens).long()[:, None])[:, 0]
        differences.append(np.abs(rollout.behavior_logprobs - chosen.numpy()))
    assert float(np.concatenate(differences).mean()) < 0.03


def test_loaded_weights_are_shared_and_their_version_is_stamped() -> None:
    engine = make_engine()
    fresh = {name: p.detach().clone() for name, p in engine.decoder.named_parameters()}
    engine.load(WeightHandle(version=17, ref=fresh))
    for name, parameter in engine.decoder.named_parameters():
        assert parameter.data_ptr() == fresh[name].data_ptr()
    before = draw_all(engine, make_problems(), SAMPLING)
    assert {r.policy_version for r in before} == {17}
    with torch.no_grad():
        fresh["model.embed_tokens.weight"].mul_(-1.0)
    after = draw_all(engine, make_problems(), SAMPLING)
    assert any(
        not np.array_equal(a.response_tokens, b.response_tokens) for a, b in zip(before, after, strict=True)
    )


def test_weights_of_another_type_are_converted_without_touching_what_was_shared() -> None:
    engine = make_engine()
    shared = {name: p.detach().clone() for name, p in engine.decoder.named_parameters()}
    kept = {name: tensor.clone() for name, tensor in shared.items()}
    engine.load(WeightHandle(version=1, ref=shared))
    engine.load(WeightHandle(version=2, ref={name: 2 * tensor.double() for name, tensor in shared.items()}))
    for name, parameter in engine.decoder.named_parameters():
        assert parameter.dtype is torch.float32
        assert torch.equal(shared[name], kept[name])
        assert torch.equal(parameter, 2 * kept[name])


@pytest.mark.parametrize("ref", ["a name", 3, {"model.norm.weight": torch.ones(64)}])
def test_weights_that_do_not_fit_are_refused(ref: object) -> None:
    with pytest.raises(ModelError):
        make_engine().load(WeightHandle(version=1, ref=ref))


def test_rollouts_that_are_not_finite_are_aborted_and_leave_nothing_behind() -> None:
    engine, problems = make_engine(max_running=8), make_problems()
    clean = draw_all(engine, problems, SAMPLING)
    good = {name: p.detach().clone() for name, p in engine.decoder.named_parameters()}
    broken = dict(good)
    broken["model.layers.0.self_attn.qkv_proj.weight"] = torch.full_like(
        good["model.layers.0.self_attn.qkv_proj.weight"], torch.nan
    )
    engine.load(WeightHandle(version=1, ref=broken))
    assert {r.finish for r in engine.rollouts(problems, SAMPLING)} == {Finish.ABORTED}
    engine.load(WeightHandle(version=2, ref=good))
    for rollout, expected in zip(draw_all(engine, problems, SAMPLING), clean, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, expected.response_tokens)


def test_an_engine_left_in_the_middle_starts_clean() -> None:
    engine, problems = make_engine(max_running=4), make_problems()
    expected = draw_all(make_engine(max_running=4), problems, SAMPLING)
    stream = engine.rollouts(problems, SAMPLING)
    next(stream)
    stream.close()
    for rollout, other in zip(draw_all(engine, problems, SAMPLING), expected, strict=True):
        np.testing.assert_array_equal(rollout.response_tokens, other.response_tokens)


def test_prompts_of_one_token_and_none() -> None:
    engine = make_engine()
    (single,) = [p for p in make_problems() if len(p.prompt[0].content) == 1]
    for rollout in engine.rollouts([single], SAMPLING):
        log_probs_LV = log_distributions(engine.decoder, rollout, 0.9)
        chosen = log_probs_LV.gather(1, torch.from_numpy(rollout.response_tokens).long()[:, None])[:, 0]
        np.testing.assert_allclose(rollout.behavior_logprobs, chosen.numpy(), atol=2e-5)
    empty = Problem.make("none", (Message("user", ""),), 0)
    with pytest.raises(DataError, match="prompt of 0 tokens"):
        list(engine.rollouts([empty], SAMPLING))
    long = Problem.make("none", (Message("user", "x" * 65),), 0)
    with pytest.raises(DataError, match="65 tokens; 1 to 64"):
        list(engine.rollouts([long], SAMPLING))
    assert list(engine.rollouts([], SAMPLING)) == []


def test_recording_needs_no_gradient_and_leaves_gradient_mode_alone() -> None:
    engine = make_engine()
    stream = engine.rollouts(make_problems(), SAMPLING)
    next(stream)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    stream.close()


class CountingDecoder(Decoder):
    """Counts the prompt tokens that it computes."""

    num_prefilled = 0

    def prefill(self, tokens_T: torch.Tensor, lengths: Sequence[int]) -> PromptKeyValues:
        self.num_prefilled += len(tokens_T)
        return super().prefill(tokens_T, lengths)


@pytest.mark.parametrize("max_running", [3, 16])
def test_neighbours_with_one_prompt_share_it_and_draw_what_they_would_alone(max_running: int) -> None:
    asked = [replace(p, id=f"{p.id}/{sample}") for p in make_problems() for sample in range(4)]
    engine = make_engine(max_running=max_running, kernels=EXACT)
    decoder = CountingDecoder(ENGINE_CONFIG, EXACT)
    decoder.load_state_dict(engine.decoder.state_dict())
    engine.decoder = decoder
    sampling = replace(SAMPLING, group_size=1)
    together = {rollout.problem_id: rollout for rollout in draw_all(engine, asked, sampling)}
    alone = make_engine(kernels=EXACT)
    for problem in asked:
        (rollout,) = alone.rollouts([problem], sampling)
        assert together[problem.id].response_tokens.tolist() == rollout.response_tokens.tolist()
        assert together[problem.id].prompt_tokens.tolist() == rollout.prompt_tokens.tolist()
    # the last token of each prompt goes through the first step; a single one is done twice
    lengths = [len(problem.prompt[0].content) for problem in make_problems()]
    assert decoder.num_prefilled == sum(max(1, length - 1) for length in lengths)
