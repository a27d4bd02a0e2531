"""How the built-in model is taught: what counts in the loss, and that one command makes one model."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from or1.models import model_folder
from or1.models.build import (
    LESSONS,
    WAYS_LESSONS,
    build,
    digit_weights,
    example_text,
    minibatches,
    next_token_loss,
)
from or1.models.shape import make_model, make_tokenizer
from or1.tasks.arithmetic import Chain, Operation, parse_chain
from or1_verify.arithmetic import ArithmeticVerifier

TOKENIZER = make_tokenizer()
SHORT = replace(LESSONS[0], num_steps=3, tokens_per_step=512)


def test_the_loss_counts_the_response_from_the_thinking_mark_to_the_end_token() -> None:
    tokens_BL, targets_BL = next(minibatches(TOKENIZER, SHORT, seed=1))
    for tokens, targets in zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True):
        counted = [(position, target) for position, target in enumerate(targets) if target >= 0]
        assert all(tokens[position + 1] == target for position, target in counted)
        response = TOKENIZER.decode([target for _, target in counted], skip_special_tokens=False)
        assert response.startswith("<think>")
        assert response.endswith("}<|im_end|>")
        assert response.count("\\boxed{") == 1
        prompt = TOKENIZER.decode(tokens[: counted[0][0] + 1], skip_special_tokens=False)
        assert prompt.endswith("Result?<|im_end|>\n<|im_start|>assistant\n")


def test_the_prompt_is_what_the_chat_template_writes(tmp_path: Path) -> None:
    build(tmp_path, lessons=())
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    chain = Chain(23, (Operation("+", 8), Operation("*", 3)))
    text = example_text(random.Random(1), chain, LESSONS[0].teaching)
    turns = [{"role": "user", "content": chain.problem().prompt[0].content}]
    prompt = loaded.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text.startswith(prompt)
    response = text.removeprefix(prompt).removesuffix("<|im_end|>")
    assert ArithmeticVerifier().verify(chain.problem(), response).reward == 1.0


def test_minibatches_keep_to_their_size_and_leave_nothing_out() -> None:
    """1,024 responses are sorted together; each of them is in exactly one minibatch."""
    num_responses = 0
    for tokens_BL, _ in minibatches(TOKENIZER, replace(SHORT, tokens_per_step=4_096), seed=1):
        assert tokens_BL.numel() <= 4_096
        num_responses += len(tokens_BL)
        if num_responses >= 1_024:
            break
    assert num_responses == 1_024


def test_padding_changes_no_loss() -> None:
    """The mean over the tokens of two responses, together padded or each alone."""
    model = make_model(TOKENIZER, seed=1)
    weights_V = digit_weights(TOKENIZER, 1.0)
    tokens_BL, targets_BL = next(minibatches(TOKENIZER, replace(SHORT, min_difficulty=1), seed=2))
    longer = (
        torch.nn.functional.pad(tokens_BL, (0, 40)),
        torch.nn.functional.pad(targets_BL, (0, 40), value=-100),
    )
    with torch.no_grad():
        alone = next_token_loss(model, tokens_BL, targets_BL, weights_V)
        padded = next_token_loss(model, *longer, weights_V)
    assert padded.item() == pytest.approx(alone.item(), rel=1e-3)


def test_digits_weigh_more_in_the_first_lesson() -> None:
    """Uniform logits cost ln 101 each whatever the weights; only unequal losses can tell them apart."""
    weights_V = digit_weights(TOKENIZER, 5.0)
    assert weights_V.sum().item() == 101 - 10 + 50
    assert {TOKENIZER.id_to_token(i) for i in torch.nonzero(weights_V == 5.0).flatten().tolist()} == set(
        "0123456789"
    )


def test_the_same_seed_makes_the_same_model_and_teaching_changes_it(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    made = {}
    for name, seed, lessons in (("a", 1, (SHORT,)), ("b", 1, (SHORT,)), ("c", 2, (SHORT,)), ("d", 1, ())):
        build(tmp_path / name, seed, lessons)
        made[name] = load_file(tmp_path / name / "model.safetensors")
    weight = "model.layers.3.mlp.down_proj.weight"
    assert all(torch.equal(made["a"][key], made["b"][key]) for key in made["a"])
    assert not torch.equal(made["a"][weight], made["c"][weight])
    assert not torch.equal(made["a"][weight], made["d"][weight])


def test_a_model_may_start_from_a_built_in_one(tmp_path: Path) -> None:
    build(tmp_path, lessons=(), start="builtin:tiny")
    made = load_file(tmp_path / "model.safetensors")
    shipped = load_file(Path(model_folder("builtin:tiny")) / "model.safetensors")
    assert all(torch.equal(made[key], shipped[key]) for key in shipped)


def test_a_lesson_keeps_to_its_difficulties() -> None:
    lesson = replace(WAYS_LESSONS[0], min_difficulty=9, max_difficulty=10)
    tokens_BL, _ = next(minibatches(TOKENIZER, lesson, seed=1))
    texts = [TOKENIZER.decode(tokens, skip_special_tokens=False) for tokens in tokens_BL.tolist()]
    found = {len(parse_chain(text[text.index("Start at") :]).operations) for text in texts}
    assert found == {9, 10}


def test_lessons_read_problems_of_the_train_split_only() -> None:
    for tokens_BL, _ in islice(minibatches(TOKENIZER, SHORT, seed=3), 4):
        for tokens in tokens_BL.tolist():
            text = TOKENIZER.decode(tokens, skip_special_tokens=False)
            assert parse_chain(text[text.index("Start at") :]).split == "train"
