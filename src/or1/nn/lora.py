"""Low-rank adapters by PEFT: which layers, which tensors are trained, and the merged weights.

The forward pass is PEFT's: y = W x + (alpha / rank) B A x, with A and B in float32. Source: arXiv 2106.09685.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from or1.errors import ModelError, install_command
from or1.model_config import LoraConfig
from or1.nn.weights import hub_name

ADAPTER = "default"
"""PEFT's name of the only adapter."""
BASE = ".base_layer"
"""In the names of layers under an adapter."""
SEED = 0
"""Of the random start of A; B starts at zero, so the start model is not changed."""


def add_adapters(causal_lm: PreTrainedModel, config: LoraConfig) -> None:
    """Put adapters on the model's linear layers, in place; afterwards only they are trained.

    Raises:
        ModelError: PEFT is not installed, or no linear layer of the model has one of the names.
    """
    try:
        import peft
    except ImportError as error:
        raise ModelError(f"model.lora needs PEFT: {install_command('lora')}") from error

    names = linear_names(causal_lm)
    targets = config.targets or tuple(sorted(names))
    if missing := [name for name in targets if name not in names]:
        raise ModelError(
            f"model.lora.targets names {missing[0]}, which is no linear layer of the model: "
            f"these are {', '.join(sorted(names))}"
        )
    settings = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=list(targets), task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        peft.inject_adapter_in_model(settings, causal_lm, adapter_name=ADAPTER)
    for parameter in causal_lm.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def linear_names(causal_lm: PreTrainedModel) -> set[str]:
    """Last part of the names of all linear layers below the head, such as q_proj."""
    head = causal_lm.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in causal_lm.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }


@torch.no_grad()
def merged_weights(causal_lm: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Weights with the adapters added, by the names of the model without adapters."""
    adapted = {
        f"{name}{BASE}.weight": module
        for name, module in causal_lm.named_modules()
        if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer")
    }
    for name, parameter in causal_lm.named_parameters():
        if ".lora_" in name:
            continue
        weight = parameter.detach()
        if name in adapted:  # one product at a time: together they are as large as the model in float32
            weight = (weight.float() + adapted[name].get_delta_weight(ADAPTER).float()).to(weight.dtype)
        yield name.replace(BASE, ""), weight


def write_adapter(
    causal_lm: PreTrainedModel, state: Mapping[str, Tensor], base: str, config: LoraConfig, out: Path
) -> None:
    """Write a folder that PEFT and vLLM load as an adapter.

    Args:
        causal_lm: with adapters.
        state: their tensors by the names of `causal_lm.named_parameters()`.
        base: folder or hub name of the start model, which may pin a revision.
        config: rank and alpha.
        out: folder to write; made when missing.
    """
    import peft

    start, revision = hub_name(base) or (base, None)
    out.mkdir(parents=True, exist_ok=True)
    stored = {
        f"base_model.model.{name.replace(f'.{ADAPTER}', '')}": tensor.detach().cpu().contiguous()
        for name, tensor in state.items()
    }
    save_file(stored, out / "adapter_model.safetensors", metadata={"format": "pt"})
    targets = sorted({name.split(".lora_")[0].rpartition(".")[2] for name in state})
    settings = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules=targets,
        task_type="CAUSAL_LM",
        base_model_name_or_path=start,
        revision=revision,
        inference_mode=True,
    )
    described = {k: sorted(v) if isinstance(v, set) else v for k, v in settings.to_dict().items()}
    (out / "adapter_config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
