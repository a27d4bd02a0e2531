"""Make a built-in model: `python -m or1.models.build FOLDER [--model ways]`.

Three lessons, all next-token training on chains that `or1.models.chains` writes for problems of the train
split: to compute, to say the same in many ways, and the habits of a model before reinforcement (slips and
rambling). Model `ways`, which the package does not hold, starts from that one and has two more lessons:
longer chains in several ways, and its own habits. Matrices are trained with Muon, the rest with AdamW.

Shape legend: B sequences of a minibatch, L tokens of the longest of them, T counted tokens, V vocabulary.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import Qwen2ForCausalLM

from or1.models import model_folder
from or1.models.chains import (
    COMPUTING,
    HABITS,
    LONGER,
    MAX_WAYS_DIFFICULTY,
    WAYS_HABITS,
    WORDING,
    Teaching,
    write_response,
)
from or1.models.shape import make_model, make_tokenizer, save
from or1.tasks.arithmetic import MAX_DIFFICULTY, Chain, chains
from or1_verify.types import THINK_OPEN

log = logging.getLogger("or1.models.build")

_NO_LOSS = -100
_SORTED_TOGETHER = 1_024
"""Responses sorted by length before they are cut into minibatches [responses]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One stretch of supervised training."""

    name: str
    teaching: Teaching
    num_steps: int
    """Optimizer updates."""
    tokens_per_step: int
    """Prompt, response and padding tokens of one minibatch at most [tokens]."""
    min_difficulty: int
    """Shortest chain [operations]."""
    max_difficulty: int = MAX_DIFFICULTY
    """Longest chain [operations]."""
    digit_weight: float
    """Weight of a digit in the loss, others weigh 1 [dimensionless]."""
    matrix_rate: float
    """Peak learning rate of Muon, on matrices [1/update]."""
    vector_rate: float = 3e-3
    """Peak learning rate of AdamW, on embeddings, norms and biases [1/update]."""
    warmup_steps: int = 20


LESSONS = (
    Lesson(
        name="compute",
        teaching=COMPUTING,
        num_steps=1_000,
        tokens_per_step=2_048,
        min_difficulty=2,
        digit_weight=5.0,
        matrix_rate=0.02,
    ),
    Lesson(
        name="wording",
        teaching=WORDING,
        num_steps=800,
        tokens_per_step=3_072,
        min_difficulty=1,
        digit_weight=4.0,
        matrix_rate=0.02,
    ),
    Lesson(
        name="habits",
        teaching=HABITS,
        num_steps=450,
        tokens_per_step=4_096,
        min_difficulty=1,
        digit_weight=2.0,
        matrix_rate=0.01,
        vector_rate=2e-3,
    ),
)


WAYS_LESSONS = (
    Lesson(
        name="longer",
        teaching=LONGER,
        num_steps=500,
        tokens_per_step=4_096,
        min_difficulty=2,
        max_difficulty=MAX_WAYS_DIFFICULTY,
        digit_weight=4.0,
        matrix_rate=0.015,
    ),
    Lesson(
        name="habits of ways",
        teaching=WAYS_HABITS,
        num_steps=300,
        tokens_per_step=4_096,
        min_difficulty=2,
        max_difficulty=MAX_WAYS_DIFFICULTY,
        digit_weight=2.0,
        matrix_rate=0.01,
        vector_rate=2e-3,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a model is made."""

    lessons: tuple[Lesson, ...]
    seed: int
    """Of the initial weights and the chains; not a seed of reported runs."""
    start: str | None = None
    """Built-in model that training starts from; None = random weights."""


MODELS = {
    "tiny": Making(lessons=LESSONS, seed=1),
    "ways": Making(lessons=WAYS_LESSONS, seed=1_001, start="builtin:tiny"),
}
"""Name -> how the model is made."""


def build(
    folder: Path, seed: int = 1, lessons: tuple[Lesson, ...] = LESSONS, start: str | None = None
) -> None:
    """Train the model, from random weights or from a built-in one, and write it as a Hugging Face folder."""
    tokenizer = make_tokenizer()
    if start is None:
        model = make_model(tokenizer, seed)
    else:
        model = Qwen2ForCausalLM.from_pretrained(model_folder(start)).float()
    model.set_attn_implementation("eager")
    for lesson in lessons:
        teach(model, tokenizer, lesson, seed)
    save(folder, model, tokenizer)
    log.info("written to %s", folder)


def teach(model: Qwen2ForCausalLM, tokenizer: Tokenizer, lesson: Lesson, seed: int) -> None:
    """Train the model in place, with linear warm-up and decay to zero."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    vectors = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers: tuple[torch.optim.Optimizer, ...] = (
        torch.optim.Muon(matrices, lr=lesson.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(vectors, lr=lesson.vector_rate, betas=(0.9, 0.98), weight_decay=0.0),
    )
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, _ramp(lesson)) for o in optimizers]
    model.train()
    examples = minibatches(tokenizer, lesson, seed)
    weights_V = digit_weights(tokenizer, lesson.digit_weight)
    mean_loss = 0.0
    for step in range(lesson.num_steps):
        loss = next_token_loss(model, *next(examples), weights_V)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        mean_loss += loss.item() / 50
        if step % 50 == 49:
            log.info("%s %d/%d: loss %.3f nats/token", lesson.name, step + 1, lesson.num_steps, mean_loss)
            mean_loss = 0.0


def digit_weights(tokenizer: Tokenizer, weight: float) -> torch.Tensor:
    """Weight of each token in the loss [V]: digits are few and carry the arithmetic."""
    weights_V = torch.ones(tokenizer.get_vocab_size())
    weights_V[[tokenizer.token_to_id(digit) for digit in "0123456789"]] = weight
    return weights_V


def next_token_loss(
    model: Qwen2ForCausalLM, tokens_BL: torch.Tensor, targets_BL: torch.Tensor, weights_V: torch.Tensor
) -> torch.Tensor:
    """Weighted mean cross-entropy over the response tokens [nats/token], computed in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden_BLD = model.model(input_ids=tokens_BL, use_cache=False).last_hidden_state
        counted_BL = targets_BL != _NO_LOSS
        logits_TV = model.lm_head(hidden_BLD[counted_BL])
    return F.cross_entropy(logits_TV.float(), targets_BL[counted_BL], weight=weights_V)


def minibatches(
    tokenizer: Tokenizer, lesson: Lesson, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield (tokens [B, L], targets [B, L]) ; a target is _NO_LOSS unless a response token is next."""
    rng = random.Random(f"lesson {lesson.name} {seed}")
    stream = chains("train", seed, lesson.min_difficulty, lesson.max_difficulty)
    first_response_token = tokenizer.encode(THINK_OPEN).ids[0]
    while True:
        texts = [example_text(rng, next(stream), lesson.teaching) for _ in range(_SORTED_TOGETHER)]
        examples = sorted((encoding.ids for encoding in tokenizer.encode_batch(texts)), key=len)
        batches = list(_cut(examples, lesson.tokens_per_step))
        rng.shuffle(batches)
        for batch in batches:
            yield _pad(batch, first_response_token)


def example_text(rng: random.Random, chain: Chain, teaching: Teaching) -> str:
    """Prompt and response as the chat template writes them, up to the end token."""
    question = chain.problem().prompt[0].content
    prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    return f"{prompt}{write_response(rng, chain, teaching)}<|im_end|>"


def _cut(examples: list[list[int]], tokens_per_step: int) -> Iterator[list[list[int]]]:
    """Cut examples, sorted by length, into minibatches of at most `tokens_per_step` tokens when padded."""
    batch: list[list[int]] = []
    for example in examples:
        if batch and (len(batch) + 1) * len(example) > tokens_per_step:
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _pad(batch: list[list[int]], first_response_token: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right: with causal attention no token sees the padding, so no mask is needed."""
    longest = max(map(len, batch))
    tokens_BL = torch.zeros(len(batch), longest, dtype=torch.long)
    targets_BL = torch.full_like(tokens_BL, _NO_LOSS)
    for row, example in enumerate(batch):
        start = example.index(first_response_token)
        tokens_BL[row, : len(example)] = torch.tensor(example)
        targets_BL[row, start - 1 : len(example) - 1] = torch.tensor(example[start:])
    return tokens_BL, targets_BL


def _ramp(lesson: Lesson) -> Callable[[int], float]:
    """Learning-rate factor by step: up over the warm-up, then down to zero at the end."""

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / lesson.warmup_steps, 1.0 - step / lesson.num_steps)

    return factor


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a built-in model.")
    parser.add_argument("folder", type=Path, help="where the model is written")
    parser.add_argument("--model", choices=tuple(MODELS), default="tiny")
    parser.add_argument("--seed", type=int, help="default: the seed of the model in the package")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; they change last digits")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    chosen = MODELS[arguments.model]
    seed = chosen.seed if arguments.seed is None else arguments.seed
    build(arguments.folder, seed, chosen.lessons, chosen.start)


if __name__ == "__main__":
    main()
