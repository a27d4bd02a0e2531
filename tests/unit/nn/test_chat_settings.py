"""Chat settings of a model: system prompt, template, its variables, stop tokens."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from or1.config import ChatConfig
from or1.errors import ModelError
from or1.models import model_folder
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.types import Message

TINY = Path(model_folder("builtin:tiny"))
PROMPT = (Message("user", "2+2?"),)
THINKING_SWITCH = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% elif enable_thinking is defined %}<think>
{% endif %}{% endif %}"""
"""Turns and thinking switch in the manner of Qwen3."""
HEADERS = """\
{%- for m in messages %}<|im_start|>{{ m.role }}<|endoftext|>

{{ m.content | trim }}<|eot_id|>{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant<|endoftext|>

{% endif %}"""
"""Turns in the manner of Llama 3: a header before, one token after."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in tokenizer with two further tokens: `<|eot_id|>` is special, `</answer>` is not."""
    path = tmp_path_factory.mktemp("model")
    backend = AutoTokenizer.from_pretrained(TINY)
    backend.add_tokens(["</answer>"])
    backend.add_special_tokens({"extra_special_tokens": ["<|eot_id|>"]})
    backend.save_pretrained(path)
    for name in ("config.json", "generation_config.json"):
        (path / name).write_bytes((TINY / name).read_bytes())
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"vocab_size": len(backend)}))
    return path


def load(folder: Path, **chat: Any) -> ChatTokenizer:
    return load_tokenizer(folder, chat=ChatConfig.model_validate(chat))


def shown(tokenizer: ChatTokenizer, prompt: tuple[Message, ...] = PROMPT) -> str:
    """The prompt with its special tokens."""
    return str(tokenizer._backend.decode(tokenizer.encode_prompt(prompt).tolist()))


def test_defaults_change_no_token(folder: Path) -> None:
    expected = "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    assert shown(load(folder)) == shown(load_tokenizer(folder)) == expected


def test_a_system_prompt_comes_first_and_a_prompt_with_its_own_keeps_it(folder: Path) -> None:
    tokenizer = load(folder, system_prompt="Be brief.")
    assert shown(tokenizer).startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?")
    own = (Message("system", "Be long."), *PROMPT)
    assert "Be brief." not in shown(tokenizer, own)
    assert shown(tokenizer, own) == shown(load(folder), own)


def test_a_template_that_drops_system_messages_is_refused_with_a_system_prompt(folder: Path) -> None:
    template = "{% for m in messages if m.role == 'user' %}{{ m.content }}<|im_end|>{% endfor %}"
    load(folder, template=template)
    with pytest.raises(ModelError, match=r"leaves system messages out: set data\.instruction"):
        load(folder, template=template, system_prompt="Be brief.")


def test_a_template_that_refuses_a_role_is_one_line(folder: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ m.content }}<|im_end|>{% endfor %}"
    )
    with pytest.raises(ModelError, match=r"roles system, user \(no system role\)"):
        load(folder, template=template, system_prompt="Be brief.")
    with pytest.raises(ModelError, match=r"roles system, user \(no system role\)"):
        load(folder, template=template).encode_prompt((Message("system", "Be brief."), *PROMPT))


def test_a_template_that_is_not_jinja_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"correct the prompt or model\.chat\.template") as caught:
        load(folder, template="{% for m in messages %}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kwargs", "end", "prefix"),
    [
        ({}, "assistant\n", ""),
        ({"enable_thinking": False}, "assistant\n<think>\n\n</think>\n\n", ""),
        ({"enable_thinking": True}, "assistant\n<think>\n", "<think>"),
    ],
)
def test_template_variables_reach_the_prompt_and_the_response_prefix(
    folder: Path, kwargs: dict[str, Any], end: str, prefix: str
) -> None:
    tokenizer = load(folder, template=THINKING_SWITCH, template_kwargs=kwargs)
    assert shown(tokenizer).endswith(end)
    assert tokenizer.response_prefix(tokenizer.encode_prompt(PROMPT)) == prefix


def test_a_variable_that_the_template_does_not_read_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"template_kwargs\.enable_thinkin has no effect"):
        load(folder, template=THINKING_SWITCH, template_kwargs={"enable_thinkin": False})


def test_arguments_that_or1_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="add_generation_prompt cannot be set"):
        ChatConfig(template_kwargs={"add_generation_prompt": False})


def warnings_of(caplog: pytest.LogCaptureFixture, folder: Path, **chat: Any) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="or1.nn.tokenizer"):
        load(folder, **chat)
    return caplog.messages


def test_a_turn_end_that_does_not_end_a_response_is_one_warning_with_the_setting(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = warnings_of(caplog, folder, template=HEADERS)
    assert "ends an assistant turn with <|eot_id|> (102)" in warning
    assert "of the model (<|im_end|> (98))" in warning
    assert 'set model.chat.stop_tokens = ["<|eot_id|>"]' in warning
    assert warnings_of(caplog, folder, template=HEADERS, stop_tokens=["<|eot_id|>"]) == []


@pytest.mark.parametrize(
    "template",
    [
        None,
        THINKING_SWITCH,
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}\nNext:{% endfor %}",
        "{% for m in messages %}{{ m.content }}<|endoftext|><|im_end|>{% endfor %}",
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}<|eot_id|>{% endif %}{% endfor %}",
    ],
)
def test_other_turn_ends_give_no_warning(
    folder: Path, caplog: pytest.LogCaptureFixture, template: str | None
) -> None:
    assert warnings_of(caplog, folder, template=template) == []


def test_stop_tokens_join_the_end_tokens_of_the_model(folder: Path) -> None:
    tokenizer = load(folder, stop_tokens=["</answer>", 102, "<|im_end|>"])
    assert tokenizer.stop_ids == (101, 102, 98)
    assert tokenizer.eos_ids == (98, 101, 102)


def test_a_stop_token_stays_in_the_text_unless_it_is_special(folder: Path) -> None:
    tokenizer = load(folder, stop_tokens=["</answer>", "<|eot_id|>"])
    four = tokenizer._backend("4")["input_ids"]
    assert tokenizer.decode(np.asarray([*four, 101], dtype=np.int32)) == "4</answer>"
    assert tokenizer.decode(np.asarray([*four, 102], dtype=np.int32)) == "4"


@pytest.mark.parametrize(
    ("token", "line"),
    [
        (
            "\n\n",
            r"'\\n\\n' is not one token but 2 \('\\n', '\\n'\): a response can end at a single token only",
        ),
        ("", r"'' is not one token but 0"),
        (103, "the tokenizer has no token 103: its ids are 0 to 102"),
        (-1, "the tokenizer has no token -1"),
    ],
)
def test_a_stop_token_that_the_engine_cannot_end_at_is_refused(
    folder: Path, token: str | int, line: str
) -> None:
    with pytest.raises(ModelError, match=rf"model\.chat\.stop_tokens: {line}"):
        load(folder, stop_tokens=[token])
