"""The head: from hidden states to log-probabilities and entropies, never all logits where they are large.

Engine and trainer both come through `_log_probs`, so with exact kernels they agree bit for bit: the
product is row-invariant (`linear_rows`) and every reduction stays inside one row. Shape letters: see
`or1.nn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from or1.memory import CHUNK_ELEMENTS, EXACT_HEAD_ELEMENTS, KEEP_BYTES, MIN_CHUNK_ROWS, SAMPLING_BYTES

HeadLogits = Callable[[Tensor, Tensor], Tensor]
"""(hidden states [N, C], weight [V, C] of the same type) -> logits [N, V] at temperature 1, or of the first
ids only, where the others are no tokens (`KnownIds`)."""


@dataclass(frozen=True, slots=True)
class KnownIds:
    """`HeadLogits` of the ids that the tokenizer has. The rows behind them, with which embeddings are filled
    up, have no probability, are never sampled and get no gradient.

    The product is that of all rows, for its speed depends on their number.
    """

    product: HeadLogits
    num_ids: int

    def __call__(self, hidden_NC: Tensor, weight_VC: Tensor) -> Tensor:
        return self.product(hidden_NC, weight_VC)[:, : self.num_ids]


def unknown_mass(hidden_NC: Tensor, weight_VC: Tensor, known: KnownIds) -> Tensor:
    """Probability that each distribution would give to the rows behind the known ids [N]."""
    with torch.no_grad():
        log_probs_NV = _log_probs(hidden_NC, weight_VC, 1.0, known.product)
        return log_probs_NV[:, known.num_ids :].exp().sum(-1)


def head_logits(hidden_NC: Tensor, weight_VC: Tensor) -> Tensor:
    """The fast product: logits [N, V], in float32 on a GPU."""
    if hidden_NC.is_cuda and hidden_NC.dtype not in (torch.float32, torch.float64):
        return torch.mm(hidden_NC, weight_VC.t(), out_dtype=torch.float32)
    return functional.linear(hidden_NC, weight_VC)


def head_distributions(
    hidden_NC: Tensor, weight_VC: Tensor, temperature: float, logits_of: HeadLogits = head_logits
) -> Iterator[tuple[slice, Tensor]]:
    """log softmax(hidden @ weight.T / temperature), without gradient, a few rows at a time.

    One product makes the logits of all rows. On a CPU what follows works on `SAMPLING_BYTES` at once, memory
    that the allocator keeps: larger tensors are new pages each time, which cost more than their numbers.

    Args:
        hidden_NC: hidden states after the final norm.
        weight_VC: output embedding, same dtype.
        temperature: divides the logits; > 0.
        logits_of: the product; that of the decoder's kernels.

    Yields:
        Rows, and their log-probabilities [rows, V] in nats, float32 (float64 for float64 input).
    """
    with torch.no_grad():
        logits_NV = _logits(hidden_NC, weight_VC, logits_of)
    num_rows, num_tokens = logits_NV.shape
    row_bytes = num_tokens * _number_type(logits_NV.dtype).itemsize
    step = num_rows if logits_NV.is_cuda else max(1, SAMPLING_BYTES // row_bytes)
    for start in range(0, num_rows, step):
        rows = slice(start, min(start + step, num_rows))
        with torch.no_grad():
            log_probs_JV = _normalised(logits_NV[rows], temperature)
        yield rows, log_probs_JV


def head_logprobs(
    hidden_NC: Tensor,
    weight_VC: Tensor,
    targets_N: Tensor,
    temperature: float,
    logits_of: HeadLogits = head_logits,
    *,
    chunk_tokens: int | None = None,
    keep_bytes: int = KEEP_BYTES,
) -> tuple[Tensor, Tensor]:
    """Log-probability of each target and entropy of each distribution, with exact gradients for both.

    Rows are handled in chunks, so [N, V] never exists beyond `keep_bytes`. With l = log softmax(z / T):
    d logprob / d z_j = (1[j = target] - p_j) / T and d H / d z_j = -p_j (l_j + H) / T.

    Args:
        hidden_NC: hidden states after the final norm.
        weight_VC: output embedding, same dtype.
        targets_N: token ids, int64.
        temperature: divides the logits; > 0.
        logits_of: the product; that of the decoder's kernels.
        chunk_tokens: rows of one chunk; None = by vocabulary size.
        keep_bytes: most memory for log-probabilities kept for the backward; beyond it they are recomputed.

    Returns:
        (logprobs [N], entropy [N]) in nats, float32 (float64 for float64 input).
    """
    rows = chunk_tokens or max(MIN_CHUNK_ROWS, CHUNK_ELEMENTS // weight_VC.shape[0])
    result: tuple[Tensor, Tensor] = _HeadLogprobs.apply(
        hidden_NC, weight_VC, targets_N, temperature, logits_of, rows, keep_bytes
    )
    return result


def _number_type(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _operand_type(hidden_NC: Tensor, weight_VC: Tensor) -> torch.dtype:
    """dtype in which the products of the head run."""
    if hidden_NC.dtype == torch.bfloat16 and weight_VC.numel() <= EXACT_HEAD_ELEMENTS:
        return torch.float32
    return hidden_NC.dtype


def _log_probs(hidden_JC: Tensor, weight_VC: Tensor, temperature: float, logits_of: HeadLogits) -> Tensor:
    return _normalised(_logits(hidden_JC, weight_VC, logits_of), temperature)


def _logits(hidden_JC: Tensor, weight_VC: Tensor, logits_of: HeadLogits) -> Tensor:
    operand = _operand_type(hidden_JC, weight_VC)
    return logits_of(hidden_JC.to(operand), weight_VC.to(operand))


def _normalised(logits_JV: Tensor, temperature: float) -> Tensor:
    if temperature <= 0:
        raise ValueError(f"temperature {temperature}: a distribution needs one above 0")
    logits_JV = logits_JV.to(_number_type(logits_JV.dtype))
    if temperature != 1.0:
        logits_JV = logits_JV / temperature
    return functional.log_softmax(logits_JV, dim=-1)


class _HeadLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_NC: Tensor,
        weight_VC: Tensor,
        targets_N: Tensor,
        temperature: float,
        logits_of: HeadLogits,
        chunk_rows: int,
        keep_bytes: int,
    ) -> tuple[Tensor, Tensor]:
        num_rows, number = hidden_NC.shape[0], _number_type(hidden_NC.dtype)
        logprobs_N = hidden_NC.new_empty(num_rows, dtype=number)
        entropy_N = hidden_NC.new_empty(num_rows, dtype=number)
        needs_grad = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        keeps = needs_grad and num_rows * weight_VC.shape[0] * number.itemsize <= keep_bytes
        kept = []
        for start in range(0, num_rows, chunk_rows):
            rows = slice(start, start + chunk_rows)
            log_probs_JV = _log_probs(hidden_NC[rows], weight_VC, temperature, logits_of)
            logprobs_N[rows] = _chosen(log_probs_JV, targets_N[rows])
            entropy_N[rows] = _entropy(log_probs_JV)
            if keeps:
                kept.append(log_probs_JV)
        if needs_grad:
            ctx.save_for_backward(hidden_NC, weight_VC, targets_N, entropy_N, *kept)
        ctx.settings = temperature, logits_of, chunk_rows
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_NC, weight_VC, targets_N, entropy_N, *kept = ctx.saved_tensors
        temperature, logits_of, chunk_rows = ctx.settings
        operand = _operand_type(hidden_NC, weight_VC)
        operand_VC = weight_VC.to(operand)
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden_NC) if wants_hidden else None
        grad_weight = torch.zeros_like(weight_VC, dtype=_number_type(operand)) if wants_weight else None
        for chunk, start in enumerate(range(0, hidden_NC.shape[0], chunk_rows)):
            rows = slice(start, start + chunk_rows)
            if kept:
                log_probs_JV = kept[chunk]
            else:
                log_probs_JV = _log_probs(hidden_NC[rows], weight_VC, temperature, logits_of)
            grad_logits_JV = _grad_logits(
                log_probs_JV,
                targets_N[rows],
                entropy_N[rows],
                None if grads[0] is None else grads[0][rows] / temperature,
                None if grads[1] is None else grads[1][rows] / temperature,
            ).to(operand)
            if grad_logits_JV.shape[1] < operand_VC.shape[0]:  # rows of the head without a token
                missing = operand_VC.shape[0] - grad_logits_JV.shape[1]
                grad_logits_JV = functional.pad(grad_logits_JV, (0, missing))
            if grad_hidden is not None:
                grad_hidden[rows] = grad_logits_JV @ operand_VC
            if grad_weight is not None:
                grad_weight += grad_logits_JV.t() @ hidden_NC[rows].to(operand)
        if grad_weight is not None:
            grad_weight = grad_weight.to(weight_VC.dtype)
        return grad_hidden, grad_weight, None, None, None, None, None


def _chosen(log_probs_JV: Tensor, targets_J: Tensor) -> Tensor:
    """Log-probability of each target [J]; -inf for an id that has no token, as another engine may sample."""
    last = log_probs_JV.shape[1] - 1
    chosen_J = log_probs_JV.gather(1, targets_J.clamp(max=last)[:, None]).squeeze(1)
    return chosen_J.masked_fill_(targets_J > last, -torch.inf)


def _entropy(log_probs_JV: Tensor) -> Tensor:
    """-sum p log p of each row [J]."""
    return -(log_probs_JV.exp().mul_(log_probs_JV)).sum(dim=-1)


def _grad_logits(
    log_probs_JV: Tensor,
    targets_J: Tensor,
    entropy_J: Tensor,
    grad_logprobs_J: Tensor | None,
    grad_entropy_J: Tensor | None,
) -> Tensor:
    """Gradient with respect to the scaled logits: -p (g + gH (l + H)) + g at the target.

    Either upstream gradient may be None: the output was not used.
    """
    if grad_entropy_J is not None:
        weights_JV = (log_probs_JV + entropy_J[:, None]).mul_(grad_entropy_J[:, None])
        if grad_logprobs_J is not None:
            weights_JV.add_(grad_logprobs_J[:, None])
        grad_JV = log_probs_JV.exp().mul_(weights_JV).neg_()
    elif grad_logprobs_J is not None:
        grad_JV = log_probs_JV.exp().mul_(-grad_logprobs_J[:, None])
    else:
        return torch.zeros_like(log_probs_JV)
    if grad_logprobs_J is not None:
        targets_J = targets_J.clamp(max=grad_JV.shape[1] - 1)
        grad_JV.scatter_add_(1, targets_J[:, None], grad_logprobs_J[:, None])
    return grad_JV
