"""Context parallelism: the rows of packed sequences over several ranks, and attention over their heads.

A rank computes a slice of the rows through everything that treats rows alone. Around attention two exchanges
turn slices of rows with all heads into all rows with a slice of the heads, and back. Key-value heads are
repeated where there are fewer than ranks. Source: DeepSpeed Ulysses, arXiv 2309.14509. Shape letters: see
`or1.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed
from torch.distributed import ProcessGroup
from torch.distributed._functional_collectives import all_to_all_single, wait_tensor
from torch.nn import functional

from or1.nn.config import ModelShape
from or1.nn.decoder import Decoder
from or1.nn.norm import rms_norm
from or1.nn.packed_plan import PackedPlan


def can_share_heads(shape: ModelShape, num_ranks: int) -> bool:
    """Whether every rank gets as many heads, and each with its key-value head."""
    num_kv_heads = shape.num_kv_heads
    fits_kv = num_kv_heads % num_ranks == 0 or num_ranks % num_kv_heads == 0
    return shape.num_heads % num_ranks == 0 and fits_kv


class ContextGroup:
    """The ranks that compute the same sequences together.

    Args:
        group: of these ranks.
        shape: of the model; `can_share_heads`.
    """

    def __init__(self, group: ProcessGroup, shape: ModelShape) -> None:
        self._group = group
        self._rank, self._size = distributed.get_rank(group), distributed.get_world_size(group)
        self._num_heads = shape.num_heads // self._size
        self._num_copies = max(1, self._size // shape.num_kv_heads)

    def own_rows(
        self, lengths: Sequence[int], parents: Sequence[int] | None, positions_N: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Which of the wanted rows this rank computes.

        Args:
            lengths: see `Decoder.packed`.
            parents: see `Decoder.packed`.
            positions_N: packed positions; every one belongs to one rank of the group.

        Returns:
            (indices into `positions_N`, their rows in the slice of this rank).
        """
        plan = self._plan(lengths, parents, positions_N.device)
        rows_N = plan.rank_T[positions_N] - self._rank * self._num_rows(plan)
        own = torch.nonzero((rows_N >= 0) & (rows_N < self._num_rows(plan))).squeeze(1)
        return own, rows_N[own]

    def packed(
        self,
        decoder: Decoder,
        tokens_T: Tensor,
        lengths: Sequence[int],
        parents: Sequence[int] | None,
        rows_N: Tensor,
    ) -> Tensor:
        """Hidden states of rows of this rank's slice [N, C]; a collective call of the group.

        Args:
            decoder: its kernels take the sequences.
            tokens_T: see `Decoder.packed`; the same on all ranks of the group.
            lengths: see `Decoder.packed`.
            parents: see `Decoder.packed`.
            rows_N: rows in the slice, as `own_rows` gives them.
        """
        plan = self._plan(lengths, parents, tokens_T.device)
        num_rows = self._num_rows(plan)
        own = slice(self._rank * num_rows, (self._rank + 1) * num_rows)
        missing = num_rows * self._size - plan.num_tokens

        def attend(layer: int, qk_THD: Tensor, v_TGD: Tensor) -> Tensor:
            return self._attend(decoder, plan, qk_THD, v_TGD)

        tokens_T = functional.pad(tokens_T[plan.order_T], (0, missing))[own]
        positions_T = functional.pad(plan.positions_T, (0, missing))[own]
        hidden_TC = functional.embedding(tokens_T, decoder.model.embed_tokens.weight)
        rotary_TXD = decoder.rotary(plan.num_positions)[positions_T]
        hidden_TC = decoder.through_layers(hidden_TC, rotary_TXD, attend)
        return rms_norm(hidden_TC[rows_N], decoder.model.norm.weight, decoder.config.norm_eps)

    def _plan(
        self, lengths: Sequence[int], parents: Sequence[int] | None, device: torch.device
    ) -> PackedPlan:
        return PackedPlan(lengths, parents, self._num_heads, device)

    def _num_rows(self, plan: PackedPlan) -> int:
        """Rows of a slice; the last ones of the last slice may be padding."""
        return -(-plan.num_tokens // self._size)

    def _attend(self, decoder: Decoder, plan: PackedPlan, qk_THD: Tensor, v_TGD: Tensor) -> Tensor:
        """Attention of this slice's rows to all rows [T, H * D]."""
        num_heads = decoder.config.num_heads
        num_rows = qk_THD.shape[0]
        parts = [qk_THD[:, :num_heads], *(self._repeated(x) for x in (qk_THD[:, num_heads:], v_TGD))]
        # [T, ranks, heads of a rank, D]: queries, keys and values in one exchange
        split = torch.cat([part.unflatten(1, (self._size, -1)) for part in parts], 2)
        joined = self._exchange(split.transpose(0, 1)).flatten(0, 1)[: plan.num_tokens]
        num_kv_heads = (joined.shape[1] - self._num_heads) // 2
        qk, v = joined.split([self._num_heads + num_kv_heads, num_kv_heads], 1)
        mixed = decoder.kernels.attend_packed(qk, v, plan, self._num_heads)
        mixed = functional.pad(mixed, (0, 0, 0, num_rows * self._size - plan.num_tokens))
        return self._exchange(mixed.unflatten(0, (self._size, num_rows))).transpose(0, 1).flatten(1)

    def _repeated(self, x_TGD: Tensor) -> Tensor:
        return x_TGD if self._num_copies == 1 else x_TGD.repeat_interleave(self._num_copies, 1)

    def _exchange(self, x: Tensor) -> Tensor:
        """Part p of rank r becomes part r of rank p. Differentiable."""
        return wait_tensor(all_to_all_single(x.contiguous(), None, None, self._group))
