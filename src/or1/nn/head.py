"""The head: from hidden states to log-probabilities and entropies, never all logits where they are large.

Engine and trainer both come through `_log_probs`, so in deterministic mode they agree bit for bit: the
product is row-invariant (`linear_rows`) and every reduction stays inside one row.

Shape legend: N rows (positions), D hidden size, V vocabulary, C rows of one chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.linear import linear_rows

KEEP_BYTES = 256 << 20
"""Log-probabilities of one call up to this size stay in memory for the backward [bytes]; larger ones are
recomputed chunk by chunk, which costs one more product."""

CHUNK_ELEMENTS = 1 << 20
"""Logits of one chunk where the vocabulary is small [elements]: 4 MB in float32 stay in cache."""

MIN_CHUNK_ROWS = 512
"""Fewer rows would read a large weight too often for the work done with it [rows]."""

EXACT_HEAD_ELEMENTS = 1 << 22
"""A bfloat16 head of at most this size (V * D) is multiplied in float32: it costs little, and logits rounded
to bfloat16 are off by up to 0.06 at a magnitude of 20."""


def head_distribution(
    hidden_ND: Tensor, weight_VD: Tensor, temperature: float, *, deterministic: bool = False
) -> Tensor:
    """log softmax(hidden @ weight.T / temperature), without gradient.

    Args:
        hidden_ND: hidden states after the final norm.
        weight_VD: output embedding, same dtype.
        temperature: divides the logits; > 0.
        deterministic: bits of a row do not depend on the other rows.

    Returns:
        [N, V] log-probabilities [nats], float32 (float64 for float64 input).
    """
    with torch.no_grad():
        return _log_probs(hidden_ND, weight_VD, temperature, deterministic)


def head_logprobs(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    targets_N: Tensor,
    temperature: float,
    *,
    deterministic: bool = False,
    chunk_tokens: int | None = None,
    keep_bytes: int = KEEP_BYTES,
) -> tuple[Tensor, Tensor]:
    """Log-probability of each target and entropy of each distribution, with exact gradients for both.

    Rows are handled in chunks, so [N, V] never exists beyond `keep_bytes`. With l = log softmax(z / T):
    d logprob / d z_j = (1[j = target] - p_j) / T and d H / d z_j = -p_j (l_j + H) / T.

    Args:
        hidden_ND: hidden states after the final norm.
        weight_VD: output embedding, same dtype.
        targets_N: token ids, int64.
        temperature: divides the logits; > 0.
        deterministic: bits of a row do not depend on the other rows, and equal those of `head_distribution`.
        chunk_tokens: rows of one chunk; None = by vocabulary size.
        keep_bytes: most memory for log-probabilities kept for the backward; beyond it they are recomputed.

    Returns:
        (logprobs [N], entropy [N]) in nats, float32 (float64 for float64 input).
    """
    rows = chunk_tokens or max(MIN_CHUNK_ROWS, CHUNK_ELEMENTS // weight_VD.shape[0])
    result: tuple[Tensor, Tensor] = _HeadLogprobs.apply(
        hidden_ND, weight_VD, targets_N, temperature, deterministic, rows, keep_bytes
    )
    return result


def _number_type(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _operand_type(hidden_ND: Tensor, weight_VD: Tensor) -> torch.dtype:
    """dtype in which the products of the head run."""
    if hidden_ND.dtype == torch.bfloat16 and weight_VD.numel() <= EXACT_HEAD_ELEMENTS:
        return torch.float32
    return hidden_ND.dtype


def _log_probs(hidden_CD: Tensor, weight_VD: Tensor, temperature: float, deterministic: bool) -> Tensor:
    if temperature <= 0:
        raise ValueError(f"temperature {temperature}: a distribution needs one above 0")
    operand = _operand_type(hidden_CD, weight_VD)
    hidden_CD, weight_VD = hidden_CD.to(operand), weight_VD.to(operand)
    if deterministic:
        logits_CV = linear_rows(hidden_CD, weight_VD)
    elif hidden_CD.is_cuda and operand != torch.float32 and operand != torch.float64:
        logits_CV = torch.mm(hidden_CD, weight_VD.t(), out_dtype=torch.float32)
    else:
        logits_CV = functional.linear(hidden_CD, weight_VD)
    logits_CV = logits_CV.to(_number_type(operand))
    if temperature != 1.0:
        logits_CV = logits_CV / temperature
    return functional.log_softmax(logits_CV, dim=-1)


class _HeadLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        targets_N: Tensor,
        temperature: float,
        deterministic: bool,
        chunk_rows: int,
        keep_bytes: int,
    ) -> tuple[Tensor, Tensor]:
        num_rows, number = hidden_ND.shape[0], _number_type(hidden_ND.dtype)
        logprobs_N = hidden_ND.new_empty(num_rows, dtype=number)
        entropy_N = hidden_ND.new_empty(num_rows, dtype=number)
        needs_grad = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        keeps = needs_grad and num_rows * weight_VD.shape[0] * number.itemsize <= keep_bytes
        kept = []
        for start in range(0, num_rows, chunk_rows):
            rows = slice(start, start + chunk_rows)
            log_probs_CV = _log_probs(hidden_ND[rows], weight_VD, temperature, deterministic)
            logprobs_N[rows] = log_probs_CV.gather(1, targets_N[rows, None]).squeeze(1)
            entropy_N[rows] = _entropy(log_probs_CV)
            if keeps:
                kept.append(log_probs_CV)
        if needs_grad:
            ctx.save_for_backward(hidden_ND, weight_VD, targets_N, entropy_N, *kept)
        ctx.settings = temperature, deterministic, chunk_rows
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_ND, weight_VD, targets_N, entropy_N, *kept = ctx.saved_tensors
        temperature, deterministic, chunk_rows = ctx.settings
        operand = _operand_type(hidden_ND, weight_VD)
        operand_VD = weight_VD.to(operand)
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden_ND) if wants_hidden else None
        grad_weight = torch.zeros_like(weight_VD, dtype=_number_type(operand)) if wants_weight else None
        for chunk, start in enumerate(range(0, hidden_ND.shape[0], chunk_rows)):
            rows = slice(start, start + chunk_rows)
            if kept:
                log_probs_CV = kept[chunk]
            else:
                log_probs_CV = _log_probs(hidden_ND[rows], weight_VD, temperature, deterministic)
            grad_logits_CV = _grad_logits(
                log_probs_CV,
                targets_N[rows],
                entropy_N[rows],
                None if grads[0] is None else grads[0][rows] / temperature,
                None if grads[1] is None else grads[1][rows] / temperature,
            ).to(operand)
            if grad_hidden is not None:
                grad_hidden[rows] = grad_logits_CV @ operand_VD
            if grad_weight is not None:
                grad_weight += grad_logits_CV.t() @ hidden_ND[rows].to(operand)
        if grad_weight is not None:
            grad_weight = grad_weight.to(weight_VD.dtype)
        return grad_hidden, grad_weight, None, None, None, None, None


def _entropy(log_probs_CV: Tensor) -> Tensor:
    """-sum p log p of each row [C]."""
    return -(log_probs_CV.exp().mul_(log_probs_CV)).sum(dim=-1)


def _grad_logits(
    log_probs_CV: Tensor,
    targets_C: Tensor,
    entropy_C: Tensor,
    grad_logprobs_C: Tensor | None,
    grad_entropy_C: Tensor | None,
) -> Tensor:
    """Gradient with respect to the scaled logits: -p (g + gH (l + H)) + g at the target.

    Either upstream gradient may be None: the output was not used.
    """
    if grad_entropy_C is not None:
        weights_CV = (log_probs_CV + entropy_C[:, None]).mul_(grad_entropy_C[:, None])
        if grad_logprobs_C is not None:
            weights_CV.add_(grad_logprobs_C[:, None])
        grad_CV = log_probs_CV.exp().mul_(weights_CV).neg_()
    elif grad_logprobs_C is not None:
        grad_CV = log_probs_CV.exp().mul_(-grad_logprobs_C[:, None])
    else:
        return torch.zeros_like(log_probs_CV)
    if grad_logprobs_C is not None:
        grad_CV.scatter_add_(1, targets_C[:, None], grad_logprobs_C[:, None])
    return grad_CV
