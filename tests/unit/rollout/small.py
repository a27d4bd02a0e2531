"""A random small decoder and a tokenizer of letters, made in a moment."""

from __future__ import annotations

import numpy as np
import torch

from or1.nn.decoder import Decoder
from or1.nn.kernels import FAST, Kernels
from or1.rollout.local_engine import LocalEngine
from or1.types import Int32, Message, Problem, Rollout, Sampling
from tests.small_config import small_config

VOCAB = 101
EOS = (7, 50, 90)
CONFIG = small_config(
    num_layers=2,
    hidden_size=64,
    intermediate_size=96,
    num_heads=4,
    num_kv_heads=2,
    head_size=16,
    vocab_size=VOCAB,
    rope_theta=10_000.0,
    max_positions=1024,
    eos_ids=EOS,
)


class LetterTokenizer:
    """One token a letter; the text of tokens is their numbers."""

    eos_ids = EOS

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        return np.asarray([ord(letter) % VOCAB for letter in messages[0].content], dtype=np.int32)

    def decode(self, tokens: Int32) -> str:
        return " ".join(str(token) for token in tokens)

    def response_prefix(self, prompt_tokens: Int32) -> str:
        return ""


def make_decoder(kernels: Kernels = FAST, dtype: torch.dtype = torch.float32) -> Decoder:
    decoder = Decoder(CONFIG, kernels)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0.0, 0.15, generator=generator)
    return decoder.to(dtype)


def make_engine(max_running: int = 16, **options: object) -> LocalEngine:
    return LocalEngine(
        make_decoder(**options), LetterTokenizer(), max_running=max_running, max_prompt_tokens=64
    )


def make_problems(count: int = 6) -> list[Problem]:
    words = "the quick brown fox jumps over a lazy dog while rain falls on both of them"
    return [Problem.make("none", (Message("user", words[i : 2 * i + 1]),), i) for i in range(count)]


def draw_all(engine: LocalEngine, problems: list[Problem], sampling: Sampling) -> list[Rollout]:
    """All rollouts, in order of problem and index."""
    order = {problem.id: place for place, problem in enumerate(problems)}
    return sorted(engine.rollouts(problems, sampling), key=lambda r: (order[r.problem_id], r.index))
