"""The built-in model's architecture and its character tokenizer, as a Hugging Face folder.

Qwen2 layout, so that transformers, vLLM and or1's own decoder load it without further code. One token is one
character of printable ASCII or a newline; any other character is left out of the text.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

from or1_verify.types import THINK_CLOSE, THINK_OPEN

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""Left out when text is decoded without special tokens."""
THINKING_TOKENS = (THINK_OPEN, THINK_CLOSE)
"""Ordinary tokens: they stay in the text, since the verifier reads them."""
CHARACTERS = ("\n", *(chr(code) for code in range(0x20, 0x7F)))
MAX_POSITIONS = 1_024
"""Longest prompt and response together [tokens]."""

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""Qwen's turns, without a system prompt; the model opens `<think>` itself."""


def make_tokenizer() -> Tokenizer:
    """Build the character tokenizer: a byte-level BPE without merges.

    Byte level and not plain characters, because transformers rebuilds the tokenizer of a Qwen2 model that way
    and would lose spaces and newlines otherwise.
    """
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    written = (by_bytes.pre_tokenize_str(character)[0][0] for character in CHARACTERS)
    tokenizer = Tokenizer(models.BPE(vocab={mark: number for number, mark in enumerate(written)}, merges=[]))
    tokenizer.pre_tokenizer = by_bytes
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    )
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in THINKING_TOKENS])
    return tokenizer


def make_config(tokenizer: Tokenizer) -> Qwen2Config:
    """Describe the model: 1.0M parameters, heads of 64 so that every attention kernel takes them."""
    return Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        use_sliding_window=False,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.token_to_id("<|im_end|>"),
        pad_token_id=tokenizer.token_to_id("<|endoftext|>"),
    )


def make_model(tokenizer: Tokenizer, seed: int) -> Qwen2ForCausalLM:
    """Return the model with random weights in float32."""
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(make_config(tokenizer)).float()


def save(folder: Path, model: Qwen2ForCausalLM, tokenizer: Tokenizer) -> None:
    """Write weights (bfloat16 safetensors), configuration and tokenizer into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    GenerationConfig(
        do_sample=True,
        temperature=1.0,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    ).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "model_max_length": MAX_POSITIONS,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(described, indent=2) + "\n")
