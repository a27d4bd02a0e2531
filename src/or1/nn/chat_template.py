"""Checks of a chat template and of further stop tokens, made once when a tokenizer is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import TemplateError

from or1.config import ChatConfig
from or1.errors import ModelError

_ANSWER = "or1-probe-answer"
"""Content of an assistant turn that is rendered to see how the template ends it."""

Render = Callable[..., str]
"""(turns, add_generation_prompt=...) -> text."""


def renderer(backend: Any, chat: ChatConfig) -> Render:
    """The chat template as a function of the turns.

    Raises (the function):
        ModelError: the template refuses the turns, or is not valid Jinja.
    """

    def render(turns: Sequence[dict[str, str]], *, add_generation_prompt: bool) -> str:
        try:
            return str(
                backend.apply_chat_template(
                    list(turns),
                    add_generation_prompt=add_generation_prompt,
                    tokenize=False,
                    **chat.template_kwargs,
                )
            )
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise ModelError(
                f"the chat template cannot render a prompt with roles {roles} ({error}): "
                "correct the prompt or model.chat.template"
            ) from error

    return render


def check_chat(backend: Any, chat: ChatConfig, render: Render) -> None:
    """Refuse settings that the chat template ignores.

    Raises:
        ModelError: a variable that the template does not read, a template that drops system messages while
            `system_prompt` is set, or one that is not valid Jinja.
    """
    template = str(backend.get_chat_template())
    for name in chat.template_kwargs:
        if not re.search(rf"\b{re.escape(name)}\b", template):
            raise ModelError(
                f"model.chat.template_kwargs.{name} has no effect: the chat template reads no variable "
                "of this name: correct the name or remove it"
            )
    system = [{"role": "system", "content": chat.system_prompt}] if chat.system_prompt else []
    text = render([*system, {"role": "user", "content": "1+1?"}], add_generation_prompt=True)
    if chat.system_prompt.strip() not in text:
        raise ModelError(
            "model.chat.system_prompt has no effect: the chat template leaves system messages out: "
            "set data.instruction instead, or another model.chat.template"
        )


def stop_token_ids(backend: Any, stop_tokens: Sequence[int | str]) -> tuple[int, ...]:
    """Ids of `ChatConfig.stop_tokens`, in order.

    Raises:
        ModelError: an id that the tokenizer does not have, or a text that is not one token.
    """
    return tuple(_stop_token_id(backend, token) for token in stop_tokens)


def _stop_token_id(backend: Any, token: int | str) -> int:
    if isinstance(token, int):
        if not 0 <= token < len(backend):
            raise ModelError(
                f"model.chat.stop_tokens: the tokenizer has no token {token}: its ids are 0 to "
                f"{len(backend) - 1:,}"
            )
        return token
    ids = backend(token, add_special_tokens=False, verbose=False)["input_ids"]
    if len(ids) != 1 or backend.decode(ids, clean_up_tokenization_spaces=False) != token:
        parts = ", ".join(repr(backend.decode([each])) for each in ids[:8])
        raise ModelError(
            f"model.chat.stop_tokens: {token!r} is not one token but {len(ids)} ({parts}): a response can "
            "end at a single token only; give such a token or its id"
        )
    return int(ids[0])


def turn_end_without_effect(backend: Any, render: Render, end_ids: Sequence[int]) -> int | None:
    """The token that ends an assistant turn of the template, if it does not end a response.

    None when a token after the turn's content is one of `end_ids`, or when the turn ends with text that is
    not one token.
    """
    turns = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": _ANSWER}]
    try:
        text = render(turns, add_generation_prompt=False)
    except ModelError:
        return None  # a template for prompts alone
    rest = text.rpartition(_ANSWER)[2].strip() if _ANSWER in text else ""
    ids = [int(i) for i in backend(rest, add_special_tokens=False, verbose=False)["input_ids"]]
    if not ids or set(ids) & set(end_ids):
        return None
    added = backend.added_tokens_decoder
    special = [i for i in ids if i in added and added[i].special]
    return next(iter(special or (ids if len(ids) == 1 else [])), None)
