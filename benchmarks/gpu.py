"""Decode and update on one GPU as shares of its limits, for a 1.5B model with random weights.

    benchmarks/gpu.sh                 or: python -m benchmarks.gpu --only decode

Decode: the time that the bandwidth needs to read the weights and the live keys and values once for each
step, over the time taken. Update: the arithmetic of `benchmarks._flops` over the time taken and the peak.
Bandwidth is that of a copy on this GPU and the peak that of a product of large bfloat16 matrices, both
measured here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks._flops import update_flops
from benchmarks._timing import say, say_json
from or1.config import LossConfig, OptimizerConfig, StageConfig
from or1.nn.cache import bytes_per_position
from or1.nn.config import DecoderConfig
from or1.nn.decoder import Decoder
from or1.rollout.local_engine import LocalEngine
from or1.testing import make_verdict
from or1.trainer.local_backend import LocalBackend
from or1.types import Finish, Group, Int32, Message, Problem, Rollout, Sampling

AIMS = {"decode": 0.60, "update": 0.45}
"""Shares of the limits to reach [fraction]."""
SHAPE = DecoderConfig(
    architecture="Qwen2ForCausalLM",
    num_layers=28,
    hidden_size=1536,
    intermediate_size=8960,
    num_heads=12,
    num_kv_heads=2,
    head_size=128,
    vocab_size=151_936,
    norm_eps=1e-6,
    rope_theta=1_000_000.0,
    rope_scaling=None,
    has_qkv_bias=True,
    has_output_bias=False,
    has_mlp_bias=False,
    has_qk_norm=False,
    is_head_tied=True,
    max_positions=131_072,
    eos_ids=(),
)
"""Qwen2.5-1.5B."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Work of the benchmark."""

    rows: int = 256
    """Responses decoded at once."""
    prompt: int = 512
    """[tokens]"""
    response: int = 4096
    """[tokens]"""
    updates: tuple[int, ...] = (16_384, 32_768)
    """Tokens of the sequences of each update."""
    rollouts: int = 4
    """Sequences of an update."""


class FixedPrompt:
    """A tokenizer with one prompt and no end token, so that every response has its whole budget."""

    eos_ids: tuple[int, ...] = ()

    def __init__(self, num_tokens: int, vocab_size: int) -> None:
        self._prompt = np.random.default_rng(0).integers(vocab_size, size=num_tokens, dtype=np.int32)

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        return self._prompt

    def decode(self, tokens: Int32) -> str:
        return ""

    def response_prefix(self, prompt_tokens: Int32) -> str:
        return ""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks.gpu")
    parser.add_argument("--only", choices=list(AIMS), default=None)
    args = parser.parse_args(argv)
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU: run this on a machine that has one")
    device, sizes = torch.device("cuda"), Sizes()
    report: dict[str, Any] = {"benchmark": "gpu", "device": torch.cuda.get_device_name(), "aims": AIMS}
    if args.only != "update":
        report["decode"] = decode(SHAPE, sizes, device)
        say(f"decode: {report['decode']['share']:.1%} of the bandwidth limit, aim {AIMS['decode']:.0%}")
    if args.only != "decode":
        report["update"] = {length: update(SHAPE, sizes, length, device) for length in sizes.updates}
        for length, done in report["update"].items():
            say(f"update at {length:,}: {done['share']:.1%} of the peak, aim {AIMS['update']:.0%}")
    say_json(report)
    return 0


def random_decoder(config: DecoderConfig, device: torch.device) -> Decoder:
    """A bfloat16 decoder whose distributions are nearly flat."""
    torch.manual_seed(0)
    with device:
        decoder = Decoder(config).to(torch.bfloat16)
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.02)
    return decoder


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Time of the second call; the first one warms up."""
    taken = 0.0
    for _ in range(2):
        synchronise(device)
        start = time.perf_counter()
        work()
        synchronise(device)
        taken = time.perf_counter() - start
    return taken


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth(device: torch.device, num_bytes: int = 4 << 30) -> float:
    """Bytes that a copy reads and writes in a second."""
    source = torch.zeros(num_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * num_bytes / min(seconds(lambda: target.copy_(source), device) for _ in range(5))


def matmul_peak(device: torch.device, size: int = 8192) -> float:
    """Floating point operations of a bfloat16 product in a second."""
    a, b = (torch.randn(size, size, device=device).to(torch.bfloat16) for _ in "ab")
    return 2 * size**3 / min(seconds(lambda: a @ b, device) for _ in range(5))


def num_parameters(config: DecoderConfig) -> int:
    """Parameters of a decoder with a tied head."""
    heads_size = config.num_heads * config.head_size
    layer = config.hidden_size * (config.qkv_size + heads_size + 3 * config.intermediate_size + 2)
    layer += config.qkv_size * config.has_qkv_bias
    return config.hidden_size * (config.vocab_size + 1) + config.num_layers * layer


def decode_bytes(config: DecoderConfig, sizes: Sizes) -> int:
    """Bytes that the steps of `sizes.response` tokens read at least, in bfloat16.

    Each step reads every weight once (a tied embedding is the head), and the keys and values of all positions
    up to its own.
    """
    positions = sum(sizes.prompt + step for step in range(sizes.response))
    cache = sizes.rows * positions * bytes_per_position(config, torch.bfloat16)
    return sizes.response * 2 * num_parameters(config) + cache


def decode(config: DecoderConfig, sizes: Sizes, device: torch.device) -> dict[str, float]:
    """All rows from one prompt to the end of the budget, prefill included."""
    decoder = random_decoder(config, device)
    tokenizer = FixedPrompt(sizes.prompt, config.vocab_size)
    engine = LocalEngine(decoder, tokenizer, max_running=sizes.rows, max_prompt_tokens=sizes.prompt)
    problem = Problem.make("none", (Message("user", "a prompt"),), 0)
    sampling = Sampling(group_size=sizes.rows, max_response_tokens=sizes.response, seed=1)
    num_tokens = 0

    def sample() -> None:
        nonlocal num_tokens
        num_tokens = sum(len(rollout.response_tokens) for rollout in engine.rollouts([problem], sampling))

    taken = seconds(sample, device)
    limit = decode_bytes(config, sizes) / bandwidth(device)
    engine.close()
    return {
        "seconds": taken,
        "tokens_per_s": num_tokens / taken,
        "share": limit / taken,
        "captures": engine.num_captures,
        "allocations": engine.num_allocations,
    }


def update(config: DecoderConfig, sizes: Sizes, length: int, device: torch.device) -> dict[str, float]:
    """One optimizer update on whole sequences of this length, with recomputation."""
    decoder = random_decoder(config, device)
    decoder.recompute = True
    backend = LocalBackend(
        decoder, OptimizerConfig(), temperature=1.0, tokens_per_microbatch=length, fingerprint=False
    )
    group, advantages = random_group(config, sizes, length)
    stage = StageConfig(
        num_steps=1,
        max_response_tokens=length,
        num_problems=1,
        group_size=sizes.rollouts,
        num_minibatches=1,
    )
    num_tokens = 0

    def train() -> None:
        nonlocal num_tokens
        report = backend.update([group], [advantages], LossConfig(), 0.0, stage)
        num_tokens = report.num_tokens + sizes.rollouts * sizes.prompt

    taken = seconds(train, device)
    lengths = [len(rollout.response_tokens) for rollout in group.rollouts]
    flops = update_flops(config, [(sizes.prompt, lengths)])
    peak = matmul_peak(device)
    return {"seconds": taken, "tokens_per_s": num_tokens / taken, "share": flops / taken / peak}


def random_group(config: DecoderConfig, sizes: Sizes, length: int) -> tuple[Group, np.ndarray]:
    """Rollouts of random tokens, right and wrong in turn."""
    rng = np.random.default_rng(1)
    problem = Problem.make("none", (Message("user", "a prompt"),), 0)
    prompt = rng.integers(config.vocab_size, size=sizes.prompt, dtype=np.int32)
    rollouts = []
    for index in range(sizes.rollouts):
        tokens = rng.integers(config.vocab_size, size=length - sizes.prompt, dtype=np.int32)
        rollouts.append(
            Rollout(
                problem_id=problem.id,
                index=index,
                prompt_tokens=prompt,
                response_tokens=tokens,
                behavior_logprobs=np.full(tokens.size, -np.log(config.vocab_size), dtype=np.float32),
                behavior_entropy=None,
                finish=Finish.STOP,
                policy_version=0,
                verdict=make_verdict(float(index % 2)),
            )
        )
    advantages = np.asarray([1.0 if i % 2 else -1.0 for i in range(sizes.rollouts)], dtype=np.float32)
    return Group(problem=problem, rollouts=tuple(rollouts)), advantages


if __name__ == "__main__":
    sys.exit(main())
