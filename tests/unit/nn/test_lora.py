"""Adapters: gradients by the chain rule, merged weights, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from or1.errors import ModelError
from or1.model_config import LoraConfig
from or1.models import model_folder
from or1.nn.lora import write_adapter
from or1.nn.transformers_decoder import TransformersDecoder
from or1.nn.transformers_load import load_transformers, read_shape

FOLDER = Path(model_folder("builtin:tiny"))
LORA = LoraConfig(rank=4, alpha=12.0, targets=("q_proj", "down_proj"))
SCALE = 12.0 / 4


def load(lora: LoraConfig | None) -> TransformersDecoder:
    return load_transformers(FOLDER, read_shape(FOLDER), dtype=torch.float32, lora=lora)


def value(decoder: TransformersDecoder) -> torch.Tensor:
    tokens = torch.arange(20) % 101
    return (decoder.packed(tokens, [12, 8]) @ decoder.head_weight.t()).log_softmax(-1)[:, 5].sum()


def test_the_start_model_is_not_changed_and_only_adapters_are_trained() -> None:
    plain, adapted = load(None), load(LORA)
    assert torch.allclose(value(plain), value(adapted), atol=1e-4)
    trained = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert len(trained) == 4 * 2 * 2  # layers, targets, A and B
    assert all(".lora_A." in name or ".lora_B." in name for name in trained)
    assert adapted.weights().keys() == plain.weights().keys()


def test_the_gradient_is_that_of_the_weight_through_the_product() -> None:
    """With W = W0 + s B A and B = 0: dB = s G A^T and dA = 0, where G is the gradient of W."""
    plain, adapted = load(None), load(LORA)
    value(plain).backward()
    value(adapted).backward()
    full = {name: p.grad for name, p in plain.named_parameters()}
    found = dict(adapted.named_parameters())
    for name, parameter in found.items():
        if ".lora_B." not in name:
            continue
        matrix = found[name.replace("lora_B", "lora_A")]
        gradient = full[name.replace(".lora_B.default", "")]
        assert gradient is not None
        assert parameter.grad is not None
        wanted = SCALE * gradient @ matrix.t()
        assert (parameter.grad - wanted).norm() <= 1e-5 * wanted.norm()
        assert matrix.grad is not None
        assert not matrix.grad.any()


def test_merged_weights_compute_what_the_adapters_compute() -> None:
    adapted, plain = load(LORA), load(None)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
        before = value(plain)
        merged = adapted.weights()
        for name, parameter in plain.named_parameters():
            parameter.copy_(merged[name])
        assert torch.allclose(value(plain), value(adapted), atol=1e-4)
        assert not torch.allclose(value(plain), before, atol=0.1)


def test_without_names_all_linear_layers_but_the_head_have_adapters() -> None:
    names = {
        n.split(".lora_")[0].rpartition(".")[2]
        for n, p in load(LoraConfig(rank=2)).named_parameters()
        if p.requires_grad
    }
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_a_name_that_is_no_linear_layer_is_refused() -> None:
    with pytest.raises(
        ModelError, match="names query, which is no linear layer of the model: these are down_proj"
    ):
        load(LoraConfig(targets=("query",)))


@pytest.mark.parametrize(
    ("base", "written"),
    [
        ("owner/name@abc1", ("owner/name", "abc1")),
        ("owner/name", ("owner/name", None)),
        (str(FOLDER), (str(FOLDER), None)),
    ],
    ids=["pinned", "newest", "folder"],
)
def test_a_pinned_start_model_is_a_name_and_a_revision(
    base: str, written: tuple[str, str | None], tmp_path: Path
) -> None:
    """PEFT and vLLM would look for a model that is named `owner/name@abc1`."""
    adapted = load(LORA)
    state = {name: p for name, p in adapted.causal_lm.named_parameters() if p.requires_grad}
    write_adapter(adapted.causal_lm, state, base, LORA, tmp_path)
    found = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (found["base_model_name_or_path"], found["revision"]) == written
