"""The built-in model's folder: what transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from or1.errors import ModelError
from or1.models import builtin_names, model_folder
from or1.models.shape import CHARACTERS, make_model, make_tokenizer, save

FOLDER = Path(model_folder("builtin:tiny"))
TOKENIZER = AutoTokenizer.from_pretrained(FOLDER)


@pytest.mark.parametrize("name", builtin_names())
def test_the_folder_is_small_and_needs_no_code(name: str) -> None:
    folder = Path(model_folder(f"builtin:{name}"))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3_000_000
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "qwen2"
    assert "auto_map" not in config


def test_weights_are_bfloat16_with_tied_embeddings_and_heads_of_64() -> None:
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
        assert "lm_head.weight" not in names
        assert all(weights.get_tensor(name).dtype is torch.bfloat16 for name in names)
        assert weights.get_tensor("model.layers.0.self_attn.k_proj.weight").shape == (64, 128)
        assert weights.get_tensor("model.layers.0.self_attn.q_proj.weight").shape == (128, 128)
    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    assert 900_000 < sum(p.numel() for p in model.parameters()) < 1_100_000
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@given(text=st.text(alphabet=[c for c in CHARACTERS if c != "<"], max_size=60).map(lambda text: f"<{text}"))
def test_one_character_is_one_token_and_every_text_comes_back(text: str) -> None:
    assume(not text.startswith(("<think>", "<|")))
    ids = TOKENIZER(text)["input_ids"]
    assert len(ids) == len(text)
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == text


def test_thinking_marks_are_single_tokens_that_stay_and_the_end_token_goes() -> None:
    text = "<think>\n1+1=2, </think>\n\\boxed{2}"
    ids = TOKENIZER(f"{text}<|im_end|>")["input_ids"]
    assert len(ids) == len("\n1+1=2, \n\\boxed{2}") + 3
    assert ids[-1] == TOKENIZER.eos_token_id
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == text


def test_the_chat_template_writes_qwen_turns_and_leaves_thinking_to_the_model() -> None:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "Start at 2, then +3. Result?"}]
    written = TOKENIZER.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert written == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nStart at 2, then +3. Result?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_it_stops_at_the_end_of_turn() -> None:
    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    assert model.generation_config.eos_token_id == TOKENIZER.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.pad_token_id == TOKENIZER.convert_tokens_to_ids("<|endoftext|>")
    assert TOKENIZER.pad_token_id != TOKENIZER.eos_token_id


def test_a_saved_model_computes_what_it_computed(tmp_path: Path) -> None:
    """Weights are rounded to bfloat16 once; compared in float32, where nothing else rounds."""
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, seed=3)
    tokens = torch.tensor([tokenizer.encode("<|im_start|>user\nStart at 2").ids])
    save(tmp_path, model, tokenizer)
    assert model.dtype is torch.float32
    for weight in model.parameters():
        weight.data = weight.data.bfloat16().float()
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert torch.equal(loaded(tokens).logits, model(tokens).logits)
    assert AutoTokenizer.from_pretrained(tmp_path)("user\nStart at 2")["input_ids"] == tokens[0, 1:].tolist()


def test_only_builtin_names_are_looked_up() -> None:
    assert builtin_names() == ("tiny",)
    assert model_folder("some/hub-name") == "some/hub-name"
    with pytest.raises(ModelError, match="no built-in model 'huge': there is tiny"):
        model_folder("builtin:huge")
