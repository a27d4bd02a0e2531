"""Small decoders with random weights, a tokenizer of letters, an engine, batches and a backend for the tests.

Shape legend: M rollouts of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from or1.config import OptimizerConfig, StageConfig
from or1.nn.config import DecoderConfig
from or1.nn.decoder import Decoder
from or1.nn.kernels import FAST, Kernels
from or1.rollout.local_engine import LocalEngine
from or1.testing import make_problem, make_verdict
from or1.trainer.local_backend import Forward, LocalBackend, forward
from or1.trainer.packing import Microbatch
from or1.types import Finish, Float32, Group, Int32, Message, Problem, Rollout, Sampling

_SMALL = DecoderConfig(
    architecture="Qwen2ForCausalLM",
    num_layers=1,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_size=8,
    vocab_size=17,
    norm_eps=1e-6,
    rope_theta=100.0,
    rope_scaling=None,
    has_qkv_bias=True,
    has_output_bias=False,
    has_mlp_bias=False,
    has_qk_norm=False,
    is_head_tied=True,
    max_positions=64,
    eos_ids=(0,),
)


def small_config(**changes: object) -> DecoderConfig:
    """A Qwen2 decoder of one layer and 17 tokens, with these fields changed."""
    return replace(_SMALL, **changes)


VOCABULARY = 17
TEMPERATURE = 0.7
OPTIMIZER = OptimizerConfig(learning_rate=3e-3, weight_decay=0.05, max_grad_norm=0.5)
ENGINE_VOCABULARY = 101
EOS = (7, 50, 90)
ENGINE_CONFIG = small_config(
    num_layers=2,
    hidden_size=64,
    intermediate_size=96,
    num_heads=4,
    num_kv_heads=2,
    head_size=16,
    vocab_size=ENGINE_VOCABULARY,
    rope_theta=10_000.0,
    max_positions=1024,
    eos_ids=EOS,
)


def make_decoder(
    config: DecoderConfig | None = None,
    kernels: Kernels = FAST,
    *,
    dtype: torch.dtype = torch.float32,
    scale: float = 0.4,
    seed: int = 0,
) -> Decoder:
    """Matrices around 0, vectors (norms and biases) around 1, by `scale`."""
    decoder = Decoder(config or small_config(), kernels)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in decoder.parameters():
            numbers = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(scale * numbers + (parameter.ndim == 1))
    return decoder.to(dtype)


class LetterTokenizer:
    """One token a letter; the text of tokens is their numbers."""

    eos_ids = EOS

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        return np.asarray([ord(letter) % ENGINE_VOCABULARY for letter in messages[0].content], dtype=np.int32)

    def decode(self, tokens: Int32) -> str:
        return " ".join(str(token) for token in tokens)

    def decode_prompt(self, prompt_tokens: Int32) -> str:
        return self.decode(prompt_tokens)

    def response_prefix(self, prompt_tokens: Int32) -> str:
        return ""


def engine_decoder(kernels: Kernels = FAST, dtype: torch.dtype = torch.float32) -> Decoder:
    """The decoder of `make_engine`."""
    return make_decoder(ENGINE_CONFIG, kernels, dtype=dtype, scale=0.15)


def make_engine(
    max_running: int = 16, kernels: Kernels = FAST, dtype: torch.dtype = torch.float32
) -> LocalEngine:
    decoder = engine_decoder(kernels, dtype)
    return LocalEngine(decoder, LetterTokenizer(), max_running=max_running, max_prompt_tokens=64)


def make_problems(count: int = 6) -> list[Problem]:
    words = "the quick brown fox jumps over a lazy dog while rain falls on both of them"
    return [Problem.make("none", (Message("user", words[i : 2 * i + 1]),), i) for i in range(count)]


def draw_all(engine: LocalEngine, problems: list[Problem], sampling: Sampling) -> list[Rollout]:
    """All rollouts, in order of problem and index."""
    order = {problem.id: place for place, problem in enumerate(problems)}
    return sorted(engine.rollouts(problems, sampling), key=lambda r: (order[r.problem_id], r.index))


def make_batch(num_groups: int = 3, seed: int = 0) -> tuple[list[Group], list[Float32]]:
    rng = np.random.default_rng(seed)
    groups, advantages = [], []
    for number in range(num_groups):
        problem = make_problem(number)
        prompt = rng.integers(VOCABULARY, size=rng.integers(1, 5), dtype=np.int32)
        rollouts = [make_rollout(rng, problem.id, index, prompt) for index in range(3)]
        groups.append(Group(problem=problem, rollouts=tuple(rollouts)))
        advantages.append(rng.normal(size=3).astype(np.float32))
    return groups, advantages


def make_rollout(rng: np.random.Generator, problem_id: str, index: int, prompt: np.ndarray) -> Rollout:
    length = int(rng.integers(2, 8))
    return Rollout(
        problem_id=problem_id,
        index=index,
        prompt_tokens=prompt,
        response_tokens=rng.integers(VOCABULARY, size=length, dtype=np.int32),
        behavior_logprobs=rng.normal(-3.0, 0.2, length).astype(np.float32),
        behavior_entropy=None,
        finish=Finish.STOP,
        policy_version=0,
        verdict=make_verdict(1.0),
    )


def make_stage(num_minibatches: int = 1, num_reuses: int = 1) -> StageConfig:
    return StageConfig(
        max_response_tokens=8, num_steps=1, num_minibatches=num_minibatches, num_reuses=num_reuses
    )


def make_backend(
    model: Decoder | None = None,
    *,
    optimizer: OptimizerConfig = OPTIMIZER,
    tokens_per_microbatch: int = 20,
    fingerprint: bool = False,
    load_reference: Callable[[], Decoder] | None = None,
    share_prompts: bool = True,
    forward: Forward = forward,
) -> LocalBackend:
    return LocalBackend(
        model or make_decoder(),
        optimizer,
        temperature=TEMPERATURE,
        tokens_per_microbatch=tokens_per_microbatch,
        fingerprint=fingerprint,
        load_reference=load_reference,
        share_prompts=share_prompts,
        forward=forward,
    )


class SpyForward:
    """A forward pass that is counted, and whose gradient is spoilt where a given token stands."""

    def __init__(self, spoilt_token: int | None = None) -> None:
        self.spoilt_token = spoilt_token
        self.tokens_seen: list[int] = []

    def __call__(self, decoder: Decoder, microbatch: Microbatch) -> Tensor:
        self.tokens_seen.append(microbatch.tokens_T.numel())
        hidden_NC = forward(decoder, microbatch)
        spoils = self.spoilt_token is not None and self.spoilt_token in microbatch.tokens_T.tolist()
        if hidden_NC.requires_grad and spoils:
            hidden_NC.register_hook(lambda grad: grad * torch.inf)
        return hidden_NC
