"""Responses that share a prompt beside the same sequences computed whole, in float64.

Shape legend: N chosen rows, T packed tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from or1.nn import block_attention
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT
from or1.nn.packed_plan import PackedPlan
from tests.small import make_decoder, small_config

VOCABULARY = 13


def deep_decoder(num_heads: int, num_kv_heads: int, dtype: torch.dtype = torch.float64) -> Decoder:
    config = small_config(
        architecture="Qwen3ForCausalLM",
        num_layers=2,
        intermediate_size=20,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        vocab_size=VOCABULARY,
        rope_theta=50.0,
        has_qkv_bias=False,
        has_qk_norm=True,
        max_positions=512,
    )
    return make_decoder(config, dtype=dtype, seed=num_heads)


def shared_and_whole(
    decoder: Decoder, families: Sequence[tuple[int, Sequence[int]]]
) -> tuple[Tensor, Tensor]:
    """Hidden states that predict each response token, with prompts shared and with whole sequences.

    A family is (prompt tokens, inputs of each of its responses).
    """
    generator = torch.Generator().manual_seed(7)
    parts, lengths, parents, rows = [], [], [], []
    wholes, whole_rows = [], []
    num_tokens = num_whole = 0
    for num_prompt, responses in families:
        prompt = torch.randint(VOCABULARY, (num_prompt,), generator=generator)
        parent, prompt_end = len(lengths), num_tokens + num_prompt - 1
        parts.append(prompt)
        lengths.append(num_prompt)
        parents.append(-1)
        num_tokens += num_prompt
        for num_response in responses:
            response = torch.randint(VOCABULARY, (num_response,), generator=generator)
            parts.append(response)
            lengths.append(num_response)
            parents.append(parent)
            rows += [prompt_end, *range(num_tokens, num_tokens + num_response)]
            num_tokens += num_response
            wholes.append(torch.cat([prompt, response]))
            whole_rows += range(num_whole + num_prompt - 1, num_whole + num_prompt + num_response)
            num_whole += num_prompt + num_response
    shared_NC = decoder.packed(torch.cat(parts), lengths, parents, torch.tensor(rows))
    whole_NC = decoder.packed(torch.cat(wholes), [w.numel() for w in wholes], rows_N=torch.tensor(whole_rows))
    return shared_NC, whole_NC


def gradients(decoder: Decoder, hidden_NC: Tensor) -> list[Tensor]:
    weights = torch.linspace(-1, 1, hidden_NC.numel(), dtype=torch.float64).sin().to(hidden_NC.dtype)
    loss = (hidden_NC.flatten() * weights).sum()
    return list(torch.autograd.grad(loss, list(decoder.parameters())))


def worst(got: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    return max(((g - w).norm() / w.norm()).item() for g, w in zip(got, wanted, strict=True))


FAMILIES = st.lists(
    st.tuples(st.integers(1, 9), st.lists(st.integers(1, 140), min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize(("num_heads", "num_kv_heads"), [(2, 1), (4, 2), (2, 2)])
@given(families=FAMILIES)
@settings(max_examples=12, deadline=None)
def test_values_and_gradients_are_those_of_whole_sequences(
    num_heads: int, num_kv_heads: int, families: list[tuple[int, list[int]]]
) -> None:
    decoder = deep_decoder(num_heads, num_kv_heads)
    shared_NC, whole_NC = shared_and_whole(decoder, families)
    assert worst([shared_NC], [whole_NC]) < 1e-12
    assert worst(gradients(decoder, shared_NC), gradients(decoder, whole_NC)) < 1e-11


def test_long_sequences_recompute_their_weights() -> None:
    # 1,100 keys are more than are kept for the backward.
    assert block_attention.KEEP_KEYS < 1100
    decoder = deep_decoder(2, 1)
    shared_NC, whole_NC = shared_and_whole(decoder, [(60, (1040, 3)), (4, (2,))])
    assert worst(gradients(decoder, shared_NC), gradients(decoder, whole_NC)) < 1e-11


def test_large_scores_keep_their_digits_in_bfloat16() -> None:
    # Scores near 100, as Qwen2 has them: rounded to bfloat16 they are off by up to 0.25, and so are the logs
    # of the attention weights. The output may err only by bfloat16's own rounding.
    generator = torch.Generator().manual_seed(3)
    common = 3.5 * torch.ones(40, 1, 64)
    q = (common + 0.3 * torch.randn(40, 1, 64, generator=generator)).bfloat16()
    k = (common + 0.3 * torch.randn(40, 1, 64, generator=generator)).bfloat16()
    v = torch.randn(40, 1, 64, generator=generator).bfloat16()
    plan = PackedPlan([40], [-1], 1, torch.device("cpu"))
    got = block_attention.attend_blocks(torch.cat([q, k], 1), v, plan, 1).double()
    scores = q[:, 0].double() @ k[:, 0].double().T / 8
    assert scores.mean() > 90
    weights = scores.masked_fill(torch.ones(40, 40).triu(1).bool(), -torch.inf).softmax(-1)
    wanted = weights @ v[:, 0].double()
    assert ((got - wanted).norm() / wanted.norm()).item() < 5e-3


@pytest.mark.parametrize(
    ("lengths", "parents", "message"),
    [
        ([3, 0], [-1, 0], "at least one token"),
        ([3, 2, 2], [-1, 0, 1], "cannot have a prompt"),
        ([3, 2], [-1], "1 parents for 2 sequences"),
    ],
)
def test_impossible_families_are_refused(lengths: list[int], parents: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PackedPlan(lengths, parents, 2, torch.device("cpu"))


def test_lengths_that_do_not_add_up_are_refused() -> None:
    decoder = deep_decoder(2, 1)
    with pytest.raises(ValueError, match="add up"):
        decoder.packed(torch.zeros(4, dtype=torch.int64), [3], [-1])


def test_exact_kernels_refuse_shared_prompts() -> None:
    decoder = Decoder(deep_decoder(2, 1).config, EXACT)
    with pytest.raises(ValueError, match="takes whole sequences"):
        decoder.packed(torch.zeros(4, dtype=torch.int64), [3, 1], [-1, 0])
