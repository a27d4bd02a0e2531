"""Chat prompts and response texts, with the built-in tokenizer and variants of its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from or1.errors import ModelError
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.types import Message

PROMPT = (Message("user", "2+2?"),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = Path(model_folder("builtin:tiny"))
    for file in source.glob("*.json"):
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_prompt_ends_where_the_answer_begins(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    tokens = tokenizer.encode_prompt(PROMPT)
    assert tokens.dtype == np.int32
    assert tokenizer.decode(tokens) == "user\n2+2?\nassistant\n"


def test_a_prompt_is_shown_as_the_model_reads_it(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    shown = tokenizer.decode_prompt(tokenizer.encode_prompt(PROMPT))
    assert shown == "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"


def test_special_tokens_go_and_thinking_marks_stay(folder: Path) -> None:
    backend = load_tokenizer(folder)
    marked = (Message("user", "<think>a</think>b<|im_end|>"),)
    assert backend.decode(backend.encode_prompt(marked)) == "user\n<think>a</think>b\nassistant\n"


def test_an_open_thinking_mark_of_the_template_is_seen(folder: Path) -> None:
    assert load_tokenizer(folder).response_prefix(load_tokenizer(folder).encode_prompt(PROMPT)) == ""
    config = folder / "tokenizer_config.json"
    template = json.loads(config.read_text())["chat_template"]
    edit(config, chat_template=template + "{{- '<think>\\n' }}")
    tokenizer = load_tokenizer(folder)
    assert tokenizer.response_prefix(tokenizer.encode_prompt(PROMPT)) == "<think>"
    closed = (Message("user", "<think>"),)
    edit(config, chat_template=template)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.response_prefix(tokenizer.encode_prompt(closed)) == ""


def test_end_tokens_of_tokenizer_and_model_are_joined(folder: Path) -> None:
    own = load_tokenizer(folder).eos_ids
    edit(folder / "generation_config.json", eos_token_id=[5, *own])
    assert sorted(load_tokenizer(folder).eos_ids) == sorted({5, *own})


def test_a_folder_without_a_chat_template_is_refused_with_a_remedy(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", chat_template=None)
    with pytest.raises(ModelError, match=r"no chat template: add chat_template\.jinja"):
        load_tokenizer(folder)


def test_a_folder_without_a_tokenizer_is_refused_in_one_line(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError) as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)
