"""Any causal language model that transformers loads, with the methods of `Decoder`.

The layers are those of transformers, the attention is ours: a function in transformers' attention registry
hands the rotated queries, keys and values of a layer to the attention of the pass at hand, packed for
training and prompts, cached for sampling. So an architecture that is not written here gets packing, shared
prompts, the chunked head and the engine.

An architecture can compute something that this cannot. `load_transformers` therefore compares both passes
with the model's own forward pass, and refuses a model whose logits differ. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion
from transformers.utils import logging

from or1.errors import ModelError
from or1.model_config import LoraConfig
from or1.nn.cache import Attend, KeyValueCache, PromptKeyValues, cache_dtype
from or1.nn.config import ModelShape, end_ids, generation_eos, max_positions, read_json, setting
from or1.nn.kernels import FAST, Kernels
from or1.nn.lora import add_adapters, merged_weights, write_adapter
from or1.nn.packed_plan import PackedPlan

ATTENTION = "or1"
"""Name of our attention function in the registry of transformers."""
PREFIX = "causal_lm."
"""In front of the parameter names of transformers."""
PROBE_LENGTHS = (11, 5, 8)
"""Sequences on which a loaded model is compared with its own forward pass [tokens]."""
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Largest difference between a logit of transformers' forward pass and ours, by type [largest logit]."""
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


def read_shape(folder: Path) -> ModelShape:
    """Sizes and limits of a model folder of any architecture.

    Raises:
        ModelError: transformers does not know the architecture, or one of its features is not computed here.
    """
    raw = read_json(folder, "config.json")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(
            f"transformers cannot read {folder / 'config.json'}: {_first_line(error)}"
        ) from error
    names = setting(raw, "architectures", ["none"])
    _refuse(config.to_dict(), names[0])
    heads = config.num_attention_heads
    full = config.to_dict()
    return ModelShape(
        architecture=names[0],
        num_layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        intermediate_size=setting(full, "intermediate_size", 4 * config.hidden_size),
        num_heads=heads,
        num_kv_heads=setting(full, "num_key_value_heads", heads),
        head_size=setting(full, "head_dim", config.hidden_size // heads),
        vocab_size=config.vocab_size,
        is_head_tied=bool(setting(full, "tie_word_embeddings", False)),
        max_positions=min(max_positions({**full, "architectures": names}), config.max_position_embeddings),
        eos_ids=tuple(dict.fromkeys(end_ids(setting(full, "eos_token_id", None)) + generation_eos(folder))),
    )


def _refuse(config: Mapping[str, Any], name: str) -> None:
    """Features that change the distribution and that the comparison at load could miss."""
    if setting(config, "final_logit_softcapping", None) or setting(config, "attn_logit_softcapping", None):
        raise ModelError(f"{name} has capped logits, which or1 does not compute")
    rope = setting(config, "rope_parameters", {})
    for one in (rope, *(value for value in rope.values() if isinstance(value, Mapping))):
        if setting(one, "rope_type", "default") in ("dynamic", "longrope"):
            raise ModelError(
                f"{name} has {one['rope_type']} rotary positions: they depend on the length of the whole "
                "sequence, so packed and cached passes would differ"
            )
    if setting(config, "quantization_config", None):
        raise ModelError(f"{name} with quantised weights is not supported; save it in bfloat16 or float32")


class TransformersDecoder(nn.Module):
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

    def new_cache(self, num_sequences: int, max_length: int) -> KeyValueCache:
        """Memory for `cached`; see `Decoder.new_cache`."""
        dtype = cache_dtype(self.dtype)
        attention = self.kernels.cached_attention(dtype, self.device)
        return KeyValueCache(self.config, num_sequences, max_length, dtype, self.device, attention)

    def cached(self, tokens_B: Tensor, positions_B: Tensor, cache: KeyValueCache, live_length: int) -> Tensor:
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


def load_transformers(
    folder: Path,
    shape: ModelShape,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    kernels: Kernels = FAST,
    lora: LoraConfig | None = None,
) -> TransformersDecoder:
    """Read a model folder of any architecture.

    Args:
        folder: Hugging Face folder with safetensors; code in it is not run.
        shape: of `read_shape`.
        dtype: type of the parameters, whatever the file holds.
        device: of the parameters.
        kernels: see `TransformersDecoder`.
        lora: add adapters, and train only them.

    Raises:
        ModelError: transformers cannot load it, or it computes something that or1 does not.
    """
    causal_lm = _from_folder(folder, dtype).to(device)
    compare_passes(causal_lm, shape, kernels)
    if lora is not None:
        add_adapters(causal_lm, lora)
    return TransformersDecoder(causal_lm, shape, kernels)


def unloaded_transformers(
    folder: Path, shape: ModelShape, *, dtype: torch.dtype, device: torch.device, kernels: Kernels
) -> TransformersDecoder:
    """A decoder for an engine that gets its weights published: each parameter has the shape, type and device
    of the real one and takes the memory of one number."""
    causal_lm = _from_folder(folder, dtype)
    for parameter in causal_lm.parameters():
        number = torch.zeros(1, dtype=parameter.dtype, device=device)
        parameter.requires_grad_(False)
        parameter.data = number.expand(parameter.shape)
    causal_lm.to(device)
    causal_lm.set_attn_implementation(ATTENTION)
    return TransformersDecoder(causal_lm, shape, kernels)


def checkpoint_names(folder: Path, shape: ModelShape, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `TransformersDecoder.checkpoint_names`, for the model of a folder."""
    cpu = torch.device("cpu")
    decoder = unloaded_transformers(folder, shape, dtype=torch.float32, device=cpu, kernels=FAST)
    return decoder.checkpoint_names(state)


def merged_adapters(
    folder: Path, shape: ModelShape, lora: LoraConfig, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The model of a folder with trained adapters added to its weights, by the names of its checkpoints, in
    float32."""
    decoder = _with_adapters(folder, shape, lora, state)
    return decoder.checkpoint_names(decoder.weights())


def export_adapter(
    folder: Path, shape: ModelShape, lora: LoraConfig, state: Mapping[str, Tensor], *, base: str, out: Path
) -> None:
    """Write trained adapters as a folder of PEFT."""
    decoder = _with_adapters(folder, shape, lora, state)
    plain = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
    write_adapter(decoder.causal_lm, plain, base, lora, out)


@torch.no_grad()
def _with_adapters(
    folder: Path, shape: ModelShape, lora: LoraConfig, state: Mapping[str, Tensor]
) -> TransformersDecoder:
    decoder = load_transformers(folder, shape, dtype=torch.float32, lora=lora)
    trained = {name: p for name, p in decoder.named_parameters() if p.requires_grad}
    if trained.keys() != state.keys():
        raise ModelError(f"the checkpoint holds other adapters than model.lora puts on {folder}")
    for name, parameter in trained.items():
        parameter.copy_(state[name])
    return decoder


def _from_folder(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    shows_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        causal_lm = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation="eager",
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        raise ModelError(f"transformers cannot load {folder}: {_first_line(error)}") from error
    finally:
        if shows_progress:
            logging.enable_progress_bar()
    return causal_lm.eval()


@torch.no_grad()
def compare_passes(causal_lm: PreTrainedModel, shape: ModelShape, kernels: Kernels) -> None:
    """Compare the packed and the cached pass with the model's own on random tokens, and leave it with the
    attention `ATTENTION`.

    Raises:
        ModelError: logits differ by more than `TOLERANCE`.
    """
    generator, device = torch.Generator().manual_seed(0), causal_lm.device
    sequences = [torch.randint(shape.vocab_size, (n,), generator=generator).to(device) for n in PROBE_LENGTHS]
    causal_lm.set_attn_implementation("eager")
    own_TV = torch.cat([causal_lm(sequence[None], use_cache=False).logits[0] for sequence in sequences])
    causal_lm.set_attn_implementation(ATTENTION)
    try:
        decoder = TransformersDecoder(causal_lm, shape, kernels)
        packed_TC = decoder.packed(torch.cat(sequences), PROBE_LENGTHS)
        cached_TC = _cached_rows(decoder, sequences)
        ours_XTV = torch.stack([packed_TC, cached_TC]) @ decoder.head_weight.t()
    except (RuntimeError, TypeError, IndexError, AttributeError) as error:
        raise ModelError(f"{shape.architecture} cannot be computed by or1: {_first_line(error)}") from error
    worst = ((ours_XTV - own_TV).abs().max() / own_TV.abs().max()).item()
    if not worst <= TOLERANCE[own_TV.dtype]:
        raise ModelError(
            f"{shape.architecture} computes logits that differ from or1's by {worst:.2g} of the largest one: "
            "it has a feature that or1 does not compute"
        )


def _cached_rows(decoder: TransformersDecoder, sequences: Sequence[Tensor]) -> Tensor:
    """Hidden states of all tokens, one token of each sequence after another through the cache [T, C]."""
    device, lengths = sequences[0].device, [len(sequence) for sequence in sequences]
    cache = decoder.new_cache(len(sequences), max(lengths))
    rows: list[list[Tensor]] = [[] for _ in sequences]
    for position in range(max(lengths)):
        tokens_B = torch.stack([s[min(position, len(s) - 1)] for s in sequences])
        positions_B = torch.full((len(sequences),), position, device=device)
        hidden_BC = decoder.cached(tokens_B, positions_B, cache, position + 1)
        for row, hidden_C, length in zip(rows, hidden_BC, lengths, strict=True):
            if position < length:
                row.append(hidden_C)
    return torch.stack([hidden_C for row in rows for hidden_C in row])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
