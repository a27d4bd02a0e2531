"""Any causal language model that transformers loads, with the methods of `Decoder`.

The layers are those of transformers, the attention is ours: a function in transformers' attention registry
hands the rotated queries, keys and values of a layer to the attention of the pass at hand, packed for
training and prompts, cached for sampling. So an architecture that is not written here gets packing, shared
prompts, the chunked head and the engine.

An architecture can compute something that this cannot: `or1.nn.transformers_load` compares both passes with
the model's own forward pass, and refuses a model whose logits differ. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from or1.errors import ModelError
from or1.nn.cache import Attend, Cache, PromptKeyValues
from or1.nn.causal_model import CausalModule
from or1.nn.config import ModelShape, setting
from or1.nn.kernels import FAST, Kernels
from or1.nn.lora import merged_weights
from or1.nn.packed_plan import PackedPlan

ATTENTION = "or1"
"""Name of our attention function in the registry of transformers."""
PREFIX = "causal_lm."
"""In front of the parameter names of transformers."""
HEAD_COLUMNS = 8
"""A head with a bias is widened by this many columns, so that rows stay aligned for the products."""


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    or1_attend: Attend | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of one layer of transformers: queries [1, H, T, D], keys and values [1, G, T, D] to
    [1, T, H, D]."""
    name = type(module).__name__
    if or1_attend is None:
        raise ModelError(f"{name} does not pass arguments on to its attention, which or1 needs")
    if softcap is not None or s_aux is not None:
        feature = "capped attention scores" if softcap is not None else "attention sinks"
        raise ModelError(f"{name} has {feature}, which or1 does not compute")
    if not query.shape[-1] == key.shape[-1] == value.shape[-1]:
        raise ModelError(f"{name} has values of another size than its keys, which or1 does not compute")
    size = query.shape[-1]
    if scaling is not None:
        query = query * (scaling * size**0.5)  # our attention divides by the root of the head size
    # heads of a token side by side: the compiled attention of a CPU reads them so
    qk_THD = torch.cat([query[0].transpose(0, 1), key[0].transpose(0, 1)], 1)
    mixed = or1_attend(module.layer_idx, qk_THD, value[0].transpose(0, 1).contiguous())  # type: ignore[arg-type]
    return mixed.view(1, -1, query.shape[1], size), None


AttentionInterface.register(ATTENTION, _attention)


class TransformersDecoder(CausalModule):
    """A causal language model of transformers with the methods of `Decoder`.

    Args:
        causal_lm: loaded with the attention `ATTENTION`.
        shape: of `read_shape`.
        kernels: attention and head; the linear layers are the model's own.
    """

    def __init__(self, causal_lm: PreTrainedModel, shape: ModelShape, kernels: Kernels = FAST) -> None:
        super().__init__()
        self.causal_lm = causal_lm.eval()
        self.config, self.kernels = shape, kernels
        self._head_scale = _head_scale(causal_lm.config.to_dict())

    @property
    def recompute(self) -> bool:
        """Keep only the input of each layer for the backward pass and compute the rest again."""
        return bool(self.causal_lm.is_gradient_checkpointing)

    @recompute.setter
    def recompute(self, value: bool) -> None:
        if value:
            self.causal_lm.gradient_checkpointing_enable({"use_reentrant": False})
            self.causal_lm.train()  # transformers recomputes in training mode only; dropout stays off
            for module in self.causal_lm.modules():
                if isinstance(module, nn.Dropout):
                    module.eval()
        elif self.recompute:
            self.causal_lm.gradient_checkpointing_disable()
            self.causal_lm.eval()

    @property
    def head_weight(self) -> Tensor:
        """Matrix of the head [V, C]; with a bias [V, C + 8], the bias in the first new column."""
        head = self.causal_lm.get_output_embeddings()
        if head.bias is None:
            return head.weight
        return torch.cat([head.weight, functional.pad(head.bias[:, None], (0, HEAD_COLUMNS - 1))], 1)

    @property
    def layers(self) -> Sequence[nn.Module]:
        lists = [m for m in self.causal_lm.base_model.modules() if isinstance(m, nn.ModuleList)]
        return list(next(modules for modules in lists if len(modules) == self.config.num_layers))

    @property
    def dtype(self) -> torch.dtype:
        return self.causal_lm.get_output_embeddings().weight.dtype

    @property
    def device(self) -> torch.device:
        return self.causal_lm.get_output_embeddings().weight.device

    def weights(self) -> dict[str, Tensor]:
        """Weights for engines, by the names of the model without adapters: the tensors themselves, and copies
        where adapters are merged in."""
        return {PREFIX + name: weight for name, weight in merged_weights(self.causal_lm)}

    def packed(
        self,
        tokens_T: Tensor,
        lengths: Sequence[int],
        parents: Sequence[int] | None = None,
        rows_N: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of packed sequences; see `Decoder.packed`."""
        plan = PackedPlan(lengths, parents, self.config.num_heads, tokens_T.device)
        hidden_TC = self._packed(tokens_T, plan, None)
        return self._for_head(hidden_TC[plan.rank_T if rows_N is None else plan.rank_T[rows_N]])

    def prefill(self, tokens_T: Tensor, lengths: Sequence[int]) -> PromptKeyValues:
        """Keys and values of whole prompts; see `Decoder.prefill`."""
        plan = PackedPlan(lengths, None, self.config.num_heads, tokens_T.device)
        kept = PromptKeyValues(plan.rank_T, lengths)
        self._packed(tokens_T, plan, kept)
        return kept

    def _packed(self, tokens_T: Tensor, plan: PackedPlan, kept: PromptKeyValues | None) -> Tensor:
        if plan.num_tokens != tokens_T.shape[0]:
            raise ValueError(f"lengths add up to {plan.num_tokens}, but there are {tokens_T.shape[0]} tokens")
        num_heads, attend_packed = self.config.num_heads, self.kernels.attend_packed

        def attend(layer: int, qk_THD: Tensor, v_TGD: Tensor) -> Tensor:
            if kept is not None:
                kept.add(qk_THD[:, num_heads:], v_TGD)
            return attend_packed(qk_THD, v_TGD, plan, num_heads)

        return self._body(tokens_T[plan.order_T], plan.positions_T, plan.num_positions, attend)

    def cached(self, tokens_B: Tensor, positions_B: Tensor, cache: Cache, live_length: int) -> Tensor:
        """Hidden states of one further token in each of the first B sequences; see `Decoder.cached`."""
        attend = cache.step(positions_B, live_length)
        return self._for_head(self._body(tokens_B, positions_B, live_length, attend))

    def _body(self, tokens_T: Tensor, positions_T: Tensor, num_positions: int, attend: Attend) -> Tensor:
        """Hidden states [T, C] after the final norm."""
        if num_positions > self.config.max_positions:
            raise ModelError(
                f"a sequence of {num_positions:,} tokens is longer than the {self.config.max_positions:,} "
                f"positions of {self.config.architecture}"
            )
        return self.causal_lm.base_model(
            input_ids=tokens_T[None], position_ids=positions_T[None], use_cache=False, or1_attend=attend
        ).last_hidden_state[0]

    def _for_head(self, hidden_NC: Tensor) -> Tensor:
        """Scaled, and with a one in front of the head's bias, so that `head_weight` gives the logits."""
        if self._head_scale != 1.0:
            hidden_NC = hidden_NC * self._head_scale
        if self.causal_lm.get_output_embeddings().bias is None:
            return hidden_NC
        ones_NB = hidden_NC.new_zeros(hidden_NC.shape[0], HEAD_COLUMNS)
        ones_NB[:, 0] = 1.0
        return torch.cat([hidden_NC, ones_NB], 1)

    def checkpoint_names(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of `named_parameters` under the names of the architecture's checkpoints; fused ones are
        split as they are there."""
        plain = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
        return revert_weight_conversion(self.causal_lm, plain)


def _head_scale(config: Mapping[str, Any]) -> float:
    """Factor between head product and logits: Granite divides by `logits_scaling`, Cohere multiplies by
    `logit_scale`. A factor of another name is found by the comparison at load."""
    return float(setting(config, "logit_scale", 1.0)) / float(setting(config, "logits_scaling", 1.0))
