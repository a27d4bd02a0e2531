"""Prompt lengths between runs: encoded once, and again when anything that they depend on has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.assemble import prompt_lengths as module
from or1.assemble.prompt_lengths import prompt_lengths
from or1.config import ChatConfig
from or1.models import model_folder
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.types import Int32, Message, Problem


def make_problems(count: int) -> list[Problem]:
    return [Problem.make("math", (Message("user", f"{i} + {i * i} = "),), i) for i in range(count)]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Texts that were encoded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "FEW", 3)
    texts: list[str] = []
    encode = ChatTokenizer.encode_prompt

    def spy(tokenizer: ChatTokenizer, messages: tuple[Message, ...]) -> Int32:
        texts.append(messages[0].content)
        return encode(tokenizer, messages)

    monkeypatch.setattr(ChatTokenizer, "encode_prompt", spy)
    return texts


def make_tokenizer(**chat: object) -> ChatTokenizer:
    return load_tokenizer(model_folder("builtin:tiny"), chat=ChatConfig.model_validate(chat))


def exact(tokenizer: ChatTokenizer, problems: list[Problem]) -> list[int]:
    return [len(tokenizer.encode_prompt(problem.prompt)) for problem in problems]


def test_a_prompt_is_encoded_once_whatever_its_place(encoded: list[str]) -> None:
    tokenizer, problems = make_tokenizer(), make_problems(20)
    expected = exact(tokenizer, problems)
    encoded.clear()
    assert prompt_lengths(tokenizer, problems[:12]) == expected[:12]
    assert len(encoded) == 12
    assert prompt_lengths(make_tokenizer(), problems[::-1]) == expected[::-1]
    again = [text for text in encoded if text.endswith("= ")]
    assert len(again) == len(set(again)) == 20


def test_another_template_or_system_prompt_counts_anew(encoded: list[str]) -> None:
    problems = make_problems(5)
    plain = prompt_lengths(make_tokenizer(), problems)
    for chat in (
        {"system_prompt": "Think."},
        {"template": "{{ messages[0]['content'] }}{{ messages[0]['content'] }}"},
    ):
        tokenizer = make_tokenizer(**chat)
        lengths = prompt_lengths(tokenizer, problems)
        assert lengths == exact(tokenizer, problems)
        assert lengths != plain


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_written_again(encoded: list[str], tmp_path: Path, damage: bytes) -> None:
    tokenizer, problems = make_tokenizer(), make_problems(5)
    expected = prompt_lengths(tokenizer, problems)
    (path,) = tmp_path.glob("or1/prompt-lengths/*.npy")
    path.write_bytes(damage)
    encoded.clear()
    assert prompt_lengths(tokenizer, problems) == expected
    assert prompt_lengths(tokenizer, problems) == expected
    assert len(encoded) == 5


def test_a_folder_that_cannot_be_written_costs_time_only(
    encoded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    tokenizer, problems = make_tokenizer(), make_problems(5)
    assert prompt_lengths(tokenizer, problems) == exact(tokenizer, problems)
