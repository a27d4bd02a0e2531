"""A packed forward in which responses of one prompt share its tokens: the prompt is computed once for its
group.

Shape legend: T packed tokens, N chosen rows, C hidden size, X = 2 for cosines and sines, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from or1.nn.block_attention import SharedPromptPlan, attend_blocks
from or1.nn.decoder import Decoder
from or1.nn.norm import rms_norm


def packed_with_prompts(
    decoder: Decoder, tokens_T: Tensor, lengths: Sequence[int], parents: Sequence[int], rows_N: Tensor
) -> Tensor:
    """Hidden states of sequences that continue a shared prompt. Differentiable.

    A sequence with a parent sees the parent's tokens before its own, and its positions go on behind them: the
    result is that of `Decoder.packed` on the joined sequences, at the cost of the tokens given.

    Args:
        decoder: not in deterministic mode.
        tokens_T: token ids of all sequences, one after another.
        lengths: tokens of each sequence.
        parents: index of the sequence that is each one's prompt, or -1.
        rows_N: packed positions whose hidden state is wanted, in this order; the same one may come several
        times.

    Returns:
        [N, C] after the final norm.

    Raises:
        ValueError: the lengths do not add up to T, a sequence is empty, or a prompt has a prompt.
    """
    config = decoder.config
    plan = SharedPromptPlan(lengths, parents, config.num_heads, tokens_T.device)
    if plan.num_tokens != tokens_T.shape[0]:
        raise ValueError(f"lengths add up to {plan.num_tokens}, but there are {tokens_T.shape[0]} tokens")

    def attend(layer: int, qk_THD: Tensor, v_TGD: Tensor) -> Tensor:
        return attend_blocks(qk_THD, v_TGD, plan, config.num_heads)

    hidden_TC = functional.embedding(tokens_T[plan.order_T], decoder.model.embed_tokens.weight)
    rotary_TXD = decoder.rotary(plan.num_positions)[plan.positions_T]
    hidden_TC = decoder.through_layers(hidden_TC, rotary_TXD, attend)
    return rms_norm(
        hidden_TC.index_select(0, plan.rank_T[rows_N]), decoder.model.norm.weight, config.norm_eps
    )
