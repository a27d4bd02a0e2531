"""Models of transformers from their folders and back: shape, weights, comparison with the model's own forward
pass. Shape letters: see `or1.nn`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from or1.errors import ModelError, first_line
from or1.model_config import LoraConfig
from or1.nn.causal_model import drop_weights
from or1.nn.config import FAMILIES, ModelShape, end_ids, generation_eos, max_positions, read_json, setting
from or1.nn.kernels import FAST, Kernels
from or1.nn.lora import add_adapters, write_adapter
from or1.nn.transformers_decoder import ATTENTION, PREFIX, TransformersDecoder

PROBE_LENGTHS = (11, 5, 8)
"""Sequences on which a loaded model is compared with its own forward pass [tokens]."""
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Largest difference between a logit of transformers' forward pass and ours, by type [largest logit]."""


def read_shape(folder: Path) -> ModelShape:
    """Sizes and limits of a model folder of any architecture.

    Raises:
        ModelError: transformers does not know the architecture, or one of its features is not computed here.
    """
    raw = read_json(folder, "config.json")
    names = setting(raw, "architectures", ["none"])
    try:
        with _silent():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        _refuse(config.to_dict(), names[0])
        return _shape(config, names, generation_eos(folder))
    except (ValueError, KeyError, OSError, AttributeError, TypeError) as error:
        raise ModelError(
            f"{folder / 'config.json'}: {names[0]} is not supported: or1 computes {', '.join(FAMILIES)}, and "
            f"the models of transformers with attention in every layer ({first_line(error)})"
        ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Keep transformers from logging errors of a file that is about to be refused in one line."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _shape(config: PreTrainedConfig, names: list[str], more_end_ids: tuple[int, ...]) -> ModelShape:
    full, heads = config.to_dict(), config.num_attention_heads
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
        eos_ids=tuple(dict.fromkeys(end_ids(setting(full, "eos_token_id", None)) + more_end_ids)),
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
    drop_weights(causal_lm, device)
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
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"transformers cannot load {folder}: {first_line(error)}") from error
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
        raise ModelError(f"{shape.architecture} cannot be computed by or1: {first_line(error)}") from error
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
        cache.make_room(np.full(len(sequences), position + 1))
        hidden_BC = decoder.cached(tokens_B, positions_B, cache, position + 1)
        for row, hidden_C, length in zip(rows, hidden_BC, lengths, strict=True):
            if position < length:
                row.append(hidden_C)
    return torch.stack([hidden_C for row in rows for hidden_C in row])
