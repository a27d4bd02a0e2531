"""The arithmetic of memory beside the allocations of real updates, and the table of docs/scaling.md."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from or1.config import LossConfig
from or1.memory import (
    GIB,
    PUBLISHED,
    MemorySettings,
    estimate,
    num_adapter_parameters,
    num_block_parameters,
    num_parameters,
)
from or1.nn.cache import bytes_per_position
from or1.testing import make_problem
from or1.types import Float32, Group
from tests.small import make_backend, make_decoder, make_rollout, make_stage, small_config

SIZES = {
    "tiny": {
        "num_layers": 4,
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_heads": 2,
        "num_kv_heads": 1,
        "head_size": 64,
        "vocab_size": 101,
    },
    "small head": {
        "num_layers": 5,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_heads": 6,
        "num_kv_heads": 2,
        "head_size": 32,
        "vocab_size": 4000,
    },
    "large head": {
        "num_layers": 3,
        "hidden_size": 320,
        "intermediate_size": 800,
        "num_heads": 4,
        "num_kv_heads": 2,
        "head_size": 64,
        "vocab_size": 14_000,
        "is_head_tied": False,
    },
}
PROMPT, RESPONSE, GROUP = 32, 224, 4


def batch(num_groups: int, response: int, vocabulary: int) -> tuple[list[Group], list[Float32]]:
    """Groups of equally long responses."""
    rng = np.random.default_rng(0)
    groups = []
    for number in range(num_groups):
        problem = make_problem(number)
        prompt = rng.integers(vocabulary, size=PROMPT, dtype=np.int32)
        rollouts = [
            replace(
                make_rollout(rng, problem.id, index, prompt),
                response_tokens=rng.integers(vocabulary, size=response, dtype=np.int32),
                behavior_logprobs=np.full(response, -3.0, dtype=np.float32),
            )
            for index in range(GROUP)
        ]
        groups.append(Group(problem=problem, rollouts=tuple(rollouts)))
    return groups, [rng.normal(size=GROUP).astype(np.float32) for _ in groups]


def measured_peak(size: str, dtype: torch.dtype, recompute: bool, share: bool) -> tuple[int, int, int]:
    """Peak of torch's allocations in a later update of two microbatches, with what was held before [bytes].

    Returns:
        (peak, estimate, parameters).
    """
    config = small_config(max_positions=512, **SIZES[size])
    decoder = make_decoder(config, scale=0.02).to(dtype)
    decoder.recompute = recompute
    groups, advantages = batch(2, RESPONSE, config.vocab_size)
    microbatch = GROUP * RESPONSE + PROMPT + 8 if share else GROUP * (RESPONSE + PROMPT)
    backend = make_backend(decoder, tokens_per_microbatch=microbatch, share_prompts=share)
    backend.update(*batch(1, 2, config.vocab_size), LossConfig(), 0.01, make_stage())  # makes the moments
    gc.collect()
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        backend.update(groups, advantages, LossConfig(), 0.01, make_stage())
    assert profile.profiler is not None
    results = profile.profiler.kineto_results
    assert results is not None
    changes = sorted((e.start_ns(), e.nbytes()) for e in results.events() if e.name() == "[memory]")
    rise = int(np.cumsum([num_bytes for _, num_bytes in changes]).max())
    num = sum(p.numel() for p in decoder.parameters())
    # weights and moments; in bfloat16 also masters and their gradients, which are made once
    held = num * (dtype.itemsize + 8 + (8 if dtype.itemsize < 4 else 0))
    settings = MemorySettings(
        compute_bytes=dtype.itemsize,
        microbatch_tokens=microbatch,
        recompute=recompute,
        max_prompt_tokens=PROMPT,
        max_response_tokens=RESPONSE,
        keeps_attention=share,
    )
    return rise + held, estimate(config, settings).update, num


@pytest.mark.parametrize(
    ("size", "dtype", "recompute", "share"),
    [
        ("tiny", torch.float32, False, True),
        ("tiny", torch.float32, True, True),
        ("tiny", torch.bfloat16, False, True),
        ("small head", torch.float32, False, True),
        ("small head", torch.float32, False, False),
        ("small head", torch.bfloat16, True, False),
        ("large head", torch.float32, False, True),
        ("large head", torch.float32, True, False),
    ],
)
def test_the_estimate_is_within_a_tenth_of_an_update(
    size: str, dtype: torch.dtype, recompute: bool, share: bool
) -> None:
    peak, estimated, num = measured_peak(size, dtype, recompute, share)
    assert abs(estimated / peak - 1) < 0.1, f"{estimated:,} estimated, {peak:,} measured"
    assert abs(num_parameters(small_config(**SIZES[size])) / num - 1) < 0.002


def test_parameters_of_published_models() -> None:
    """Against the totals that their model cards give."""
    totals = [round(num_parameters(shape) / 1e9, 2) for shape in PUBLISHED.values()]
    assert totals == [0.49, 1.78, 7.62, 32.76]


BFLOAT16 = MemorySettings(compute_bytes=2, microbatch_tokens=1, max_prompt_tokens=1024, slots=8)
SEVEN = PUBLISHED["deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"]


def test_bytes_of_weights_and_optimizer() -> None:
    held = estimate(SEVEN, BFLOAT16)
    num = num_parameters(SEVEN)
    assert (held.weights, held.masters, held.gradients, held.moments) == (
        2 * num,
        4 * num,
        4 * num,
        8 * num,
    )
    assert estimate(SEVEN, replace(BFLOAT16, compute_bytes=4)).masters == 0
    eight = estimate(SEVEN, replace(BFLOAT16, optimizer_bits=8))
    assert eight.moments == pytest.approx(num * 2 * (1 + 4 / 256))
    assert estimate(SEVEN, replace(BFLOAT16, ranks=8)).moments == num
    apart = estimate(SEVEN, replace(BFLOAT16, lora_rank=32, slots=0))
    assert num_adapter_parameters(SEVEN, 32) == 80_740_352
    assert (apart.weights, apart.masters) == (2 * num, 4 * 80_740_352)
    beside = estimate(SEVEN, replace(BFLOAT16, lora_rank=32))
    assert beside.weights == 2 * num + 2 * num_block_parameters(SEVEN), (
        "the engine has merged layers of its own"
    )


def test_the_cache_is_that_of_the_engine() -> None:
    config = small_config(num_layers=3, num_kv_heads=2)
    settings = MemorySettings(
        compute_bytes=2, microbatch_tokens=1, slots=5, max_prompt_tokens=10, max_response_tokens=20
    )
    per_position = bytes_per_position(config, torch.bfloat16)
    assert estimate(config, settings).kv_cache == 5 * (30 * per_position + 20 * 12)


ROWS = (
    ("1.5B", {}, 8192),
    ("1.5B", {}, 16_384),
    ("1.5B", {"recompute": True}, 32_768),
    ("7B", {"recompute": True}, 16_384),
    ("7B", {"recompute": True, "optimizer_bits": 8}, 16_384),
    ("7B", {"lora_rank": 32, "recompute": True}, 16_384),
    ("7B", {"lora_rank": 32, "recompute": True}, 32_768),
    ("7B", {"recompute": True, "ranks": 8}, 32_768),
    ("32B", {"lora_rank": 32, "recompute": True}, 8192),
    ("32B", {"recompute": True, "ranks": 8}, 16_384),
    ("32B", {"recompute": True, "ranks": 16}, 16_384),
)
HEADER = (
    "| model | settings | response budget | weights | masters | gradients | moments | activations "
    "| KV cache of one response | sum | 80 GB |"
)


def row(model: str, changes: dict[str, int], budget: int) -> str:
    """One line of the table, in GiB."""
    shape = PUBLISHED[f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{model}"]
    settings = MemorySettings(
        compute_bytes=2, microbatch_tokens=1024 + budget, slots=1, max_prompt_tokens=1024
    )
    needed = estimate(shape, replace(settings, max_response_tokens=budget, **changes))
    names = {"recompute": "recompute", "optimizer_bits": "8-bit moments", "lora_rank": "LoRA, rank 32"}
    words = [names.get(name, f"{value} ranks") for name, value in changes.items()]
    phases = (
        needed.weights,
        needed.masters,
        needed.gradients,
        needed.moments,
        needed.activations + max(needed.layer, needed.logits),
        needed.kv_cache,
        needed.peak,
    )
    cells = [model, ", ".join(words) or "-", f"{budget:,}", *(f"{size / GIB:.1f}" for size in phases)]
    return f"| {' | '.join(cells)} | {'fits' if needed.peak <= 80e9 else 'no'} |"


def test_the_table_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/scaling.md").read_text(encoding="utf-8")
    table = "\n".join([HEADER, "|" + " --- |" * 11, *(row(*each) for each in ROWS)])
    assert table in text, f"docs/scaling.md must hold:\n{table}"
