"""One decoder for the Qwen2, Qwen3 and Llama families, with two ways through the same layers.

`packed` computes sequences laid one after another without padding, for training and for prompts. `cached`
computes one token per running sequence against keys and values in static memory, for sampling. Both call the
same `Layer`; only the attention that is passed in differs. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from or1.nn.cache import Attend, Cache, PromptKeyValues
from or1.nn.causal_model import CausalModule
from or1.nn.config import DecoderConfig
from or1.nn.kernels import FAST, Kernels, Linear
from or1.nn.norm import rms_norm
from or1.nn.packed_plan import PackedPlan
from or1.nn.rope import rotary_table, rotate
from or1.nn.swiglu import swiglu


class Projection(nn.Module):
    """Weight [O, K] and bias [O] of a linear layer; `Layer` chooses how it is multiplied."""

    def __init__(self, num_inputs: int, num_outputs: int, has_bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_outputs, num_inputs))
        self.bias = nn.Parameter(torch.zeros(num_outputs)) if has_bias else None


class Scale(nn.Module):
    """Weight of a root-mean-square norm."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))


class Attention(nn.Module):
    """Weights of one attention block; queries, keys and values come from one fused product."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        heads_size = config.num_heads * config.head_size
        self.qkv_proj = Projection(config.hidden_size, config.qkv_size, config.has_qkv_bias)
        self.o_proj = Projection(heads_size, config.hidden_size, config.has_output_bias)
        self.q_norm = Scale(config.head_size) if config.has_qk_norm else None
        self.k_norm = Scale(config.head_size) if config.has_qk_norm else None


class Mlp(nn.Module):
    """Weights of one gated feed-forward block; gate and up come from one fused product."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_up_proj = Projection(config.hidden_size, 2 * config.intermediate_size, config.has_mlp_bias)
        self.down_proj = Projection(config.intermediate_size, config.hidden_size, config.has_mlp_bias)


class Layer(nn.Module):
    """Attention and feed-forward block, each behind a norm and added to its input."""

    def __init__(self, config: DecoderConfig, index: int, linear: Linear) -> None:
        super().__init__()
        self.config, self.index, self.linear = config, index, linear
        self.input_layernorm = Scale(config.hidden_size)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Scale(config.hidden_size)
        self.mlp = Mlp(config)

    def forward(self, hidden_TC: Tensor, rotary_TXD: Tensor, attend: Attend) -> Tensor:
        eps = self.config.norm_eps
        qk_THD, v_TGD = self._project(rms_norm(hidden_TC, self.input_layernorm.weight, eps), rotary_TXD)
        mixed = attend(self.index, qk_THD, v_TGD)
        hidden_TC = hidden_TC + self._multiply(mixed, self.self_attn.o_proj)
        normed = rms_norm(hidden_TC, self.post_attention_layernorm.weight, eps)
        gate_up = self._multiply(normed, self.mlp.gate_up_proj)
        return hidden_TC + self._multiply(swiglu(gate_up), self.mlp.down_proj)

    def _multiply(self, x: Tensor, projection: Projection) -> Tensor:
        return self.linear(x, projection.weight, projection.bias)

    def _project(self, normed_TC: Tensor, rotary_TXD: Tensor) -> tuple[Tensor, Tensor]:
        """Rotated queries and keys [T, H + G, D] and values [T, G, D]."""
        config, block = self.config, self.self_attn
        qkv = self._multiply(normed_TC, block.qkv_proj).view(
            -1, config.qkv_size // config.head_size, config.head_size
        )
        num_heads, num_rotated = config.num_heads, config.num_heads + config.num_kv_heads
        qk_THD = qkv[:, :num_rotated]
        if block.q_norm is not None and block.k_norm is not None:
            q_THD = rms_norm(qkv[:, :num_heads], block.q_norm.weight, config.norm_eps)
            k_TGD = rms_norm(qkv[:, num_heads:num_rotated], block.k_norm.weight, config.norm_eps)
            qk_THD = torch.cat([q_THD, k_TGD], 1)
        return rotate(qk_THD, rotary_TXD), qkv[:, num_rotated:]


class Body(nn.Module):
    """Everything but the head; named `model` as in Hugging Face folders."""

    def __init__(self, config: DecoderConfig, linear: Linear) -> None:
        super().__init__()
        self.embed_tokens = Projection(config.hidden_size, config.vocab_size, has_bias=False)
        self.layers = nn.ModuleList(Layer(config, index, linear) for index in range(config.num_layers))
        self.norm = Scale(config.hidden_size)


class Decoder(CausalModule):
    """Hidden states of a causal language model. The head is applied by the caller, on the rows it needs.

    Parameter names are those of Hugging Face with `qkv_proj` and `gate_up_proj` fused; `or1.nn.weights`
    converts.

    Args:
        config: its shape.
        kernels: the operations of both ways and of the head, see `or1.nn.kernels`.
    """

    config: DecoderConfig

    def __init__(self, config: DecoderConfig, kernels: Kernels = FAST) -> None:
        super().__init__()
        self.config = config
        self.kernels = kernels
        self.recompute = False
        """Keep only the input of each layer for the backward pass and compute the rest again: less memory for
        a third more arithmetic, the same bits."""
        self.model = Body(config, kernels.linear)
        self.lm_head = (
            None if config.is_head_tied else Projection(config.hidden_size, config.vocab_size, False)
        )
        self._rotary = torch.empty(0, 2, config.head_size)

    @property
    def head_weight(self) -> Tensor:
        """Matrix of the head [V, C]: the embedding when tied."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    @property
    def layers(self) -> Sequence[nn.Module]:
        return list(self.model.layers)

    @property
    def dtype(self) -> torch.dtype:
        return self.model.norm.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.model.norm.weight.device

    def weights(self) -> dict[str, Tensor]:
        """Weights for engines, by name: the tensors themselves, not copies."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    def packed(
        self,
        tokens_T: Tensor,
        lengths: Sequence[int],
        parents: Sequence[int] | None = None,
        rows_N: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of packed sequences, each attending causally to itself and its prompt.
        Differentiable.

        A sequence with a parent sees the parent's tokens before its own, and its positions continue behind
        them: the result is that of the joined sequences, at the cost of the tokens given.

        Args:
            tokens_T: token ids of all sequences, one after another, without padding.
            lengths: tokens of each sequence, each at least 1; their sum is T.
            parents: index of the sequence that is each one's prompt, or -1; a prompt has no prompt. None:
                every sequence is whole. Not with exact kernels.
            rows_N: packed positions whose hidden state is wanted, in this order, repeats allowed; None = all.

        Returns:
            [N, C] after the final norm, in the order of `rows_N`, or [T, C].

        Raises:
            ValueError: the lengths do not add up to T, a sequence is empty, or a prompt has a prompt.
        """
        plan = PackedPlan(lengths, parents, self.config.num_heads, tokens_T.device)
        return self._packed(tokens_T, plan, None, plan.rank_T if rows_N is None else plan.rank_T[rows_N])

    def prefill(self, tokens_T: Tensor, lengths: Sequence[int]) -> PromptKeyValues:
        """Keys and values of whole prompts, for `Cache.write_prompt`. Arguments as for `packed`."""
        plan = PackedPlan(lengths, None, self.config.num_heads, tokens_T.device)
        kept = PromptKeyValues(plan.rank_T, lengths)
        self._packed(tokens_T, plan, kept, plan.rank_T[:0])
        return kept

    def _packed(
        self, tokens_T: Tensor, plan: PackedPlan, kept: PromptKeyValues | None, rows_N: Tensor
    ) -> Tensor:
        if plan.num_tokens != tokens_T.shape[0]:
            raise ValueError(f"lengths add up to {plan.num_tokens}, but there are {tokens_T.shape[0]} tokens")
        config, attend_packed = self.config, self.kernels.attend_packed

        def attend(layer: int, qk_THD: Tensor, v_TGD: Tensor) -> Tensor:
            if kept is not None:
                kept.add(qk_THD[:, config.num_heads :], v_TGD)
            return attend_packed(qk_THD, v_TGD, plan, config.num_heads)

        tokens_T, positions_T = self._fill(tokens_T[plan.order_T]), self._fill(plan.positions_T)
        hidden_TC = functional.embedding(tokens_T, self.model.embed_tokens.weight)
        hidden_TC = self.through_layers(hidden_TC, self.rotary(plan.num_positions)[positions_T], attend)
        return rms_norm(hidden_TC.index_select(0, rows_N), self.model.norm.weight, config.norm_eps)

    def through_layers(self, hidden_TC: Tensor, rotary_TXD: Tensor, attend: Attend) -> Tensor:
        """All layers, one after another [T, C]."""
        for layer in self.model.layers:
            if self.recompute and torch.is_grad_enabled():
                hidden_TC = checkpoint(layer, hidden_TC, rotary_TXD, attend, use_reentrant=False)
            else:
                hidden_TC = layer(hidden_TC, rotary_TXD, attend)
        return hidden_TC

    def cached(self, tokens_B: Tensor, positions_B: Tensor, cache: Cache, live_length: int) -> Tensor:
        """Hidden states of one further token in each of the first B sequences of the cache.

        Writes the token's keys and values at its position and attends to all positions up to it.

        Args:
            tokens_B: token ids.
            positions_B: position of each token in its own sequence.
            cache: keys and values; its sequence b is row b of the batch.
            live_length: at least the largest position + 1.

        Returns:
            [B, C] after the final norm.
        """
        attend = cache.step(positions_B, live_length)
        num_rows = tokens_B.shape[0]
        tokens_B, positions_B = self._fill(tokens_B), self._fill(positions_B)
        hidden_BC = functional.embedding(tokens_B, self.model.embed_tokens.weight)
        hidden_BC = self.through_layers(hidden_BC, self.rotary(cache.max_length)[positions_B], attend)
        return rms_norm(hidden_BC, self.model.norm.weight, self.config.norm_eps)[:num_rows]

    def rotary(self, num_positions: int) -> Tensor:
        """Rotary table of at least `num_positions` rows, kept between calls."""
        table = self._rotary
        if table.shape[0] < num_positions or table.dtype != self.dtype or table.device != self.device:
            rows = max(256, 1 << (num_positions - 1).bit_length())
            with torch.inference_mode(False):
                self._rotary = rotary_table(self.config, rows, self.dtype, self.device)
        return self._rotary

    def _fill(self, values_T: Tensor) -> Tensor:
        """`values_T` with zeros behind it up to whole tiles of rows."""
        missing = -values_T.shape[0] % self.kernels.rows_per_tile
        return functional.pad(values_T, (0, missing)) if missing else values_T
