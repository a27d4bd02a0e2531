"""Arithmetic an update needs, whoever computes it: what is padded or computed twice is not counted."""

from __future__ import annotations

from pathlib import Path

from benchmarks._workload import Case, Workload
from or1.nn.config import DecoderConfig, read_config


def update_flops(config: DecoderConfig, lengths: list[tuple[int, int]]) -> int:
    """Forward and backward of one update [floating point operations].

    A product of a weight with a token is 2 operations forward and 4 backward; attention between two
    positions is 4 per head channel forward (scores and values) and 8 backward, over half of the square,
    for it is causal. The head is needed at response tokens only. Norms, activations, softmax and the
    optimizer are left out.

    Args:
        config: of the decoder.
        lengths: (prompt, response) tokens of each rollout.
    """
    heads_size = config.num_heads * config.head_size
    layer_weights = (
        config.hidden_size * config.qkv_size
        + heads_size * config.hidden_size
        + 3 * config.hidden_size * config.intermediate_size
    )
    num_tokens = sum(prompt + response for prompt, response in lengths)
    num_responses = sum(response for _, response in lengths)
    linear = 6 * (
        config.num_layers * layer_weights * num_tokens
        + config.vocab_size * config.hidden_size * num_responses
    )
    attention = (
        6 * config.num_layers * heads_size * sum((prompt + response) ** 2 for prompt, response in lengths)
    )
    return linear + attention


def workload_flops(workload: Workload, case: Case) -> int:
    """`update_flops` of one update on a whole workload."""
    lengths = [
        (len(asked.prompt_tokens), length)
        for asked, lengths_M in zip(workload.problems, workload.lengths_NM(case), strict=True)
        for length in lengths_M
    ]
    return update_flops(read_config(Path(workload.model_path)), lengths)
