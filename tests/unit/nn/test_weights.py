"""Model folders: read, written, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from or1.errors import ModelError
from or1.nn.config import read_config
from or1.nn.weights import huggingface_state, load_decoder, save_decoder
from tests.unit.nn.families import FAMILIES, save_random


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_decoder_is_the_model_it_came_from(name: str, tmp_path: Path) -> None:
    oracle = save_random(name, tmp_path / "in")
    save_decoder(load_decoder(tmp_path / "in", dtype=torch.float32), tmp_path / "in", tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.config.to_dict()["architectures"] == oracle.config.to_dict()["architectures"]
    expected = oracle.state_dict()
    assert again.state_dict().keys() == expected.keys()
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, expected[key]), key


def test_a_sharded_folder_is_read_whole(tmp_path: Path) -> None:
    save_random("qwen3", tmp_path / "one")
    save_random("qwen3", tmp_path / "many", max_shard_size="30KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 2
    one, many = (load_decoder(tmp_path / name, dtype=torch.float32) for name in ("one", "many"))
    for (key, tensor), other in zip(one.named_parameters(), many.parameters(), strict=True):
        assert torch.equal(tensor, other), key


def test_the_type_is_the_one_asked_for(tmp_path: Path) -> None:
    oracle = save_random("qwen2", tmp_path)
    decoder = load_decoder(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in decoder.parameters()} == {torch.bfloat16}
    save_decoder(decoder, tmp_path, tmp_path / "out", dtype=torch.float32)
    stored = load_file(tmp_path / "out" / "model.safetensors")
    norm = "model.layers.0.input_layernorm.weight"
    assert torch.equal(stored[norm], oracle.state_dict()[norm].bfloat16().float())
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "float32"


def test_huggingface_names_are_views(tmp_path: Path) -> None:
    save_random("qwen2", tmp_path)
    decoder = load_decoder(tmp_path, dtype=torch.float32)
    parts = huggingface_state(decoder.config, {n: p.detach() for n, p in decoder.named_parameters()})
    parts["model.layers.0.self_attn.v_proj.weight"].fill_(3.0)
    weight = decoder.model.layers[0].self_attn.qkv_proj.weight
    assert bool((weight[-24:] == 3.0).all())
    assert not bool((weight[:-24] == 3.0).any())


def edit_config(folder: Path, **changes: object) -> None:
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architectures": ["GPT2LMHeadModel"]},
            "GPT2LMHeadModel is not supported; these are: Qwen2ForCausalLM, Q",
        ),
        ({"hidden_act": "gelu"}, "activation gelu"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}, "longrope rotary scaling"),
        (
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
            "on a part of the head",
        ),
        ({"hidden_size": 52, "head_dim": 12}, "has shape"),
    ],
)
def test_what_the_decoder_does_not_compute_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    save_random("qwen2", tmp_path)
    edit_config(tmp_path, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load_decoder(tmp_path, dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_missing_things_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder at"):
        load_decoder(tmp_path / "nowhere", dtype=torch.float32)
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load_decoder(tmp_path, dtype=torch.float32)
    save_random("qwen2", tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    del stored["model.layers.1.mlp.up_proj.weight"]
    save_file(stored, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"no tensor model\.layers\.1\.mlp\.up_proj\.weight"):
        load_decoder(tmp_path, dtype=torch.float32)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors at all, but long enough")
    with pytest.raises(ModelError, match="damaged"):
        load_decoder(tmp_path, dtype=torch.float32)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_decoder(tmp_path, dtype=torch.float32)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("family", "changes", "positions"),
    [
        ("mistral", {"sliding_window": 100}, 100),
        ("mistral", {"sliding_window": None}, 256),
        ("mistral", {"sliding_window": 4096}, 256),
        ("qwen2", {"sliding_window": 100}, 256),
        ("qwen2", {"sliding_window": 100, "use_sliding_window": True}, 100),
    ],
)
def test_a_sliding_window_limits_the_positions(
    tmp_path: Path, family: str, changes: dict[str, object], positions: int
) -> None:
    save_random(family, tmp_path)
    edit_config(tmp_path, **changes)
    assert read_config(tmp_path).max_positions == positions


def test_both_spellings_of_the_rotary_base_are_read(tmp_path: Path) -> None:
    save_random("llama", tmp_path)
    edit_config(tmp_path, rope_parameters=None, rope_theta=12_345.0)
    assert read_config(tmp_path).rope_theta == 12_345.0
    edit_config(tmp_path, rope_parameters={"rope_type": "default", "rope_theta": 54_321.0})
    assert read_config(tmp_path).rope_theta == 54_321.0


def test_end_tokens_come_from_both_files(tmp_path: Path) -> None:
    save_random("qwen2", tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert read_config(tmp_path).eos_ids == (7, 9)


def test_qwen3_without_head_dim_has_heads_of_128(tmp_path: Path) -> None:
    """As transformers has it; hidden size / heads would be 64 and read the weights wrongly."""
    raw = {
        "architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 1024,
        "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 100,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert read_config(tmp_path).head_size == 128
    (tmp_path / "config.json").write_text(json.dumps(raw | {"architectures": ["LlamaForCausalLM"]}))
    assert read_config(tmp_path).head_size == 64
