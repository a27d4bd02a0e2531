"""Chat prompts to tokens and responses to text, by the tokenizer and chat template of a model folder.

Shape legend: Lp prompt tokens, L response tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from or1.errors import ModelError
from or1.nn.config import DecoderConfig, read_config
from or1.nn.weights import resolve_folder
from or1.types import Int32, Message
from or1_verify.types import THINK_CLOSE, THINK_OPEN

THINKING_MARKS = (THINK_OPEN, THINK_CLOSE)
"""Kept in the text even where a tokenizer calls them special: verifiers read them."""
PREFIX_WINDOW = 16
"""Last prompt tokens looked at for an open `<think>` [tokens]."""


class ChatTokenizer:
    """A tokenizer with its chat template. Make it with `load_tokenizer`.

    Args:
        backend: transformers tokenizer that has a chat template.
        eos_ids: tokens that end a response.
    """

    def __init__(self, backend: Any, eos_ids: tuple[int, ...]) -> None:
        self._backend = backend
        self.eos_ids = eos_ids
        added = backend.added_tokens_decoder
        dropped = {
            number for number, token in added.items() if token.special and str(token) not in THINKING_MARKS
        }
        self._dropped = np.asarray(sorted(dropped | set(eos_ids)), dtype=np.int64)

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        """Tokens of a chat prompt [Lp], the opening of the assistant's turn included."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text = self._backend.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return np.asarray(
            self._backend(text, add_special_tokens=False, verbose=False)["input_ids"], dtype=np.int32
        )

    def decode(self, tokens: Int32) -> str:
        """Text of a response [L] without special tokens, with `<think>` and `</think>`."""
        kept = tokens[~np.isin(tokens, self._dropped)]
        return str(self._backend.decode(kept.tolist(), clean_up_tokenization_spaces=False))

    def response_prefix(self, prompt_tokens: Int32) -> str:
        """`<think>` when the prompt ends with an open one, which the response continues; else nothing."""
        end = self._backend.decode(
            prompt_tokens[-PREFIX_WINDOW:].tolist(), clean_up_tokenization_spaces=False
        )
        return THINK_OPEN if end.rstrip().endswith(THINK_OPEN) else ""


def load_tokenizer(path: str | Path, config: DecoderConfig | None = None) -> ChatTokenizer:
    """Read the tokenizer of a model folder or hub name.

    Args:
        path: folder or hub name.
        config: the folder's, if it has been read.

    Raises:
        ModelError: no tokenizer, or one without a chat template.
    """
    from transformers import AutoTokenizer  # a second of import that only this function needs

    folder = resolve_folder(path)
    try:
        backend = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{folder} has no tokenizer that loads: {str(error).strip().splitlines()[0]}"
        ) from error
    if backend.chat_template is None:
        raise ModelError(
            f"{folder} has no chat template: add chat_template.jinja, or the key chat_template "
            "in tokenizer_config.json"
        )
    own = () if backend.eos_token_id is None else (int(backend.eos_token_id),)
    eos_ids = tuple(dict.fromkeys(own + (config or read_config(folder)).eos_ids))
    if not eos_ids:
        raise ModelError(f"{folder} names no end token: set eos_token_id in generation_config.json")
    return ChatTokenizer(backend, eos_ids)
