"""Arithmetic that an update needs on either side: padding and repeated work are not counted."""

from __future__ import annotations

from pathlib import Path

from benchmarks._workload import Case, Workload
from or1.nn.config import DecoderConfig, read_config


def update_flops(config: DecoderConfig, groups: list[tuple[int, list[int]]]) -> int:
    """Forward and backward of one update [floating point operations].

    A product of a weight with a token is 2 operations forward and 4 backward; attention between two
    positions is 4 per head channel forward (scores and values) and 8 backward, over half of the square,
    for it is causal. A prompt is needed once for its group, the last response token predicts nothing, and
    the head is needed for response tokens only. Norms, activations, softmax and the optimizer are left
    out.

    Args:
        config: of the decoder.
        groups: prompt tokens, and response tokens of each rollout.
    """
    heads_size = config.num_heads * config.head_size
    layer_weights = (
        config.hidden_size * config.qkv_size
        + heads_size * config.hidden_size
        + 3 * config.hidden_size * config.intermediate_size
    )
    num_inputs = num_responses = num_pairs = 0
    for prompt, lengths_M in groups:
        num_inputs += prompt + sum(length - 1 for length in lengths_M)
        num_responses += sum(lengths_M)
        num_pairs += prompt**2 + sum((prompt + length - 1) ** 2 - prompt**2 for length in lengths_M)
    layers = config.num_layers * (layer_weights * num_inputs + heads_size * num_pairs)
    return 6 * (layers + config.vocab_size * config.hidden_size * num_responses)


def workload_flops(workload: Workload, case: Case) -> int:
    """`update_flops` of one update on a whole workload."""
    lengths_NM = workload.lengths_NM(case)
    groups = [
        (len(each.prompt_tokens), lengths_M)
        for each, lengths_M in zip(workload.problems, lengths_NM, strict=True)
    ]
    return update_flops(read_config(Path(workload.model_path)), groups)
