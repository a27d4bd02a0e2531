"""Chat prompts to tokens and responses to text, by the tokenizer of a model folder and a chat template.

Shape legend: Lp prompt tokens, L response tokens.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from or1.config import ChatConfig
from or1.errors import ModelError, first_line
from or1.nn.chat_template import check_chat, renderer, stop_token_ids, turn_end_without_effect
from or1.nn.config import ModelShape
from or1.nn.load import read_shape
from or1.nn.weights import resolve_folder
from or1.tasks.chat import with_system_prompt
from or1.types import Int32, Message
from or1_verify.types import THINK_CLOSE, THINK_OPEN

logger = logging.getLogger(__name__)

THINKING_MARKS = (THINK_OPEN, THINK_CLOSE)
"""Kept in the text even where a tokenizer calls them special: verifiers read them."""
_PROBE = "12 + 34 = 46"
PREFIX_WINDOW = 16
"""Last prompt tokens looked at for an open `<think>` [tokens]."""


class ChatTokenizer:
    """A tokenizer with its chat template. Make it with `load_tokenizer`.

    Args:
        backend: transformers tokenizer that has a chat template.
        eos_ids: end tokens of the model.
        chat: settings of the prompts; None = the defaults.
        stop_ids: further tokens that end a response. In its text they stay, unless they are special.
    """

    def __init__(
        self,
        backend: Any,
        eos_ids: tuple[int, ...],
        chat: ChatConfig | None = None,
        stop_ids: tuple[int, ...] = (),
    ) -> None:
        self._backend = backend
        self._chat = chat or ChatConfig()
        self._render = renderer(backend, self._chat)
        self.stop_ids = stop_ids
        self.eos_ids = tuple(dict.fromkeys(eos_ids + stop_ids))
        """Every token that ends a response."""
        added = backend.added_tokens_decoder
        dropped = {
            number for number, token in added.items() if token.special and str(token) not in THINKING_MARKS
        }
        self._dropped = np.asarray(sorted(dropped | set(eos_ids)), dtype=np.int64)

    def fingerprint(self) -> str | None:
        """Hash of all that `encode_prompt` depends on; None for a tokenizer that is not a fast one."""
        if not self._backend.is_fast:
            return None
        parts = [
            self._backend.backend_tokenizer.to_str(),
            str(self._backend.get_chat_template()),
            json.dumps(self._backend.special_tokens_map, default=str, sort_keys=True),
            self._chat.model_dump_json(),
        ]
        hasher = hashlib.blake2b(digest_size=16)
        for part in parts:
            hasher.update(hashlib.blake2b(part.encode()).digest())
        return hasher.hexdigest()

    @property
    def num_ids(self) -> int:
        """1 + the largest token id: rows that an embedding needs."""
        return 1 + max(*self._backend.get_vocab().values(), *self.eos_ids)

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        """Tokens of a chat prompt [Lp], with the system prompt and the opening of the assistant's turn.

        Raises:
            ModelError: the chat template refuses the messages.
        """
        text = self.prompt_text(messages)
        return np.asarray(
            self._backend(text, add_special_tokens=False, verbose=False)["input_ids"], dtype=np.int32
        )

    def prompt_text(self, messages: tuple[Message, ...]) -> str:
        """The text that `encode_prompt` turns into tokens, special tokens written out.

        Raises:
            ModelError: the chat template refuses the messages.
        """
        prompt = with_system_prompt(messages, self._chat.system_prompt)
        turns = [{"role": message.role, "content": message.content} for message in prompt]
        return self._render(turns, add_generation_prompt=True)

    def decode(self, tokens: Int32) -> str:
        """Text of a response [L] without special tokens, with `<think>` and `</think>`."""
        kept = tokens[~np.isin(tokens, self._dropped)]
        return str(self._backend.decode(kept.tolist(), clean_up_tokenization_spaces=False))

    def decode_prompt(self, prompt_tokens: Int32) -> str:
        """Text of a prompt [Lp] with all special tokens."""
        return str(self._backend.decode(prompt_tokens.tolist(), clean_up_tokenization_spaces=False))

    def response_prefix(self, prompt_tokens: Int32) -> str:
        """`<think>` when the prompt ends with an open one, which the response continues; else nothing."""
        end = self._backend.decode(
            prompt_tokens[-PREFIX_WINDOW:].tolist(), clean_up_tokenization_spaces=False
        )
        return THINK_OPEN if end.rstrip().endswith(THINK_OPEN) else ""


def load_tokenizer(
    path: str | Path, config: ModelShape | None = None, *, chat: ChatConfig | None = None
) -> ChatTokenizer:
    """Read the tokenizer of a model folder or hub name.

    Logs a warning when the chat template ends an assistant turn with a token that does not end a response.

    Args:
        path: folder or hub name.
        config: the folder's, if it has been read.
        chat: settings of the prompts; None = the defaults.

    Raises:
        ModelError: no tokenizer, one without a chat template, or chat settings that have no effect.
    """
    chat = chat or ChatConfig()
    from transformers import AutoTokenizer  # a second of import that only this function needs

    folder = resolve_folder(path)
    try:
        backend = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} has no tokenizer that loads: {first_line(error)}") from error
    if chat.template is not None:
        backend.chat_template = chat.template
    if backend.chat_template is None:
        raise ModelError(
            f"{folder} has no chat template: add chat_template.jinja, or the key chat_template "
            "in tokenizer_config.json, or set model.chat.template"
        )
    shape = config or read_shape(folder)
    own = () if backend.eos_token_id is None else (int(backend.eos_token_id),)
    eos_ids = tuple(dict.fromkeys(own + shape.eos_ids))
    stop_ids = stop_token_ids(backend, chat.stop_tokens)
    if not eos_ids + stop_ids:
        raise ModelError(f"{folder} names no end token: set eos_token_id in generation_config.json")
    tokenizer = ChatTokenizer(backend, eos_ids, chat, stop_ids)
    _probe(folder, backend, tokenizer, shape.vocab_size)
    _check_template(backend, chat, tokenizer.eos_ids)
    return tokenizer


def _probe(folder: Path, backend: Any, tokenizer: ChatTokenizer, vocab_size: int) -> None:
    """Encode and decode a prompt once: without its files, transformers makes a tokenizer that knows no text.

    Raises:
        ModelError: no tokens, no text, or tokens that the model has no embedding for.
    """
    prompt = tokenizer.encode_prompt((Message("user", _PROBE),))
    ids = backend(_PROBE, add_special_tokens=False)["input_ids"]
    if not ids or not str(backend.decode(ids)).strip():
        raise ModelError(
            f"{folder} has no tokenizer that reads text ({_PROBE!r} becomes {len(ids)} tokens): "
            "add its files, such as tokenizer.json"
        )
    largest = max(len(backend) - 1, *prompt.tolist(), *tokenizer.eos_ids)
    if largest >= vocab_size:
        raise ModelError(
            f"the tokenizer of {folder} has token {largest:,}, and the model's embedding has {vocab_size:,} "
            "rows: use the tokenizer that belongs to the model"
        )


def _check_template(backend: Any, chat: ChatConfig, end_ids: tuple[int, ...]) -> None:
    """Refuse chat settings without effect; warn of a turn whose end does not end a response."""
    render = renderer(backend, chat)
    check_chat(backend, chat, render)
    end = turn_end_without_effect(backend, render, end_ids)
    if end is None:
        return
    token = backend.convert_ids_to_tokens(end)
    known = ", ".join(f"{backend.convert_ids_to_tokens(i)} ({i})" for i in end_ids)
    logger.warning(
        "the chat template ends an assistant turn with %s (%d), which is not an end token of the model (%s): "
        'responses may run on to their budget; set model.chat.stop_tokens = ["%s"]',
        token,
        end,
        known,
        token,
    )
