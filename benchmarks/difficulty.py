"""Difficulty by few samples against the pass rates of many: the built-in model on the built-in task.

    python -m benchmarks.difficulty

Each problem is measured as a curation does, with looks at 4, 8 and 16 samples, and then sampled 256 times
with other seeds. What is compared: the share of problems whose interval holds the rate of the 256; how many
problems leave the window, and how many should by those rates; the mean pass rate, by the unbiased rate and by
the plain share of right samples; how many samples were drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks._timing import machine, say, say_json
from or1.curate.difficulty import Measured, measure
from or1.curate.sequential import Fit, Plan
from or1.curate.settings import DifficultyConfig
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.generate import EngineGenerator
from or1.rollout.local_engine import LocalEngine
from or1.tasks.arithmetic import ArithmeticTask
from or1.types import Problem
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.pool import ProcessVerifierPool


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    folder = model_folder("builtin:tiny")
    decoder, tokenizer = load_decoder(folder, dtype=torch.float32), load_tokenizer(folder)
    generator = EngineGenerator(LocalEngine(decoder, tokenizer, max_running=256), tokenizer)
    task = ArithmeticTask(num_problems=args.num_problems, seed=args.seed, max_difficulty=args.max_difficulty)
    problems = task.problems()
    config = DifficultyConfig(model="builtin:tiny", max_response_tokens=args.max_response_tokens)
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessVerifierPool({task.name: ArithmeticVerifier()}) as pool,
    ):

        def run(config: DifficultyConfig, seed: int) -> list[Measured]:
            path = Path(scratch) / f"{seed}.jsonl"
            return measure(generator, pool, problems, config, seed=seed, path=path)

        measured = run(config, args.seed)
        say(f"measured: {sum(m.num_counted for m in measured)} responses")
        many = (args.many,)
        reference = run(
            DifficultyConfig(model="builtin:tiny", max_response_tokens=args.max_response_tokens, looks=many),
            args.seed + 1,
        )
    figures = compare(problems, measured, reference, config.plan(task.name))
    settings = {key: value for key, value in vars(args).items() if key != "threads"}
    say_json({"benchmark": "difficulty", "machine": machine(), "settings": settings, **figures})
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="benchmarks.difficulty",
    )
    parser.add_argument("--num-problems", type=int, default=192)
    parser.add_argument("--max-difficulty", type=int, default=6, help="longest chain [operations]")
    parser.add_argument("--max-response-tokens", type=int, default=160)
    parser.add_argument("--many", type=int, default=256, help="samples that stand for the truth")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def compare(
    problems: Sequence[Problem], measured: Sequence[Measured], reference: Sequence[Measured], plan: Plan
) -> dict[str, Any]:
    """Print what was found and return it.

    Shape legend: P problems.
    """
    rates_P = np.array([m.num_right / m.num_counted for m in reference])
    held = sum(bool(m.low <= rate <= m.high) for m, rate in zip(measured, rates_P, strict=True))
    expected_misses = float((1.0 - plan.coverage(rates_P)).sum())
    num = len(problems)
    say(
        f"intervals hold the rate of {reference[0].num_counted} samples: {held} of {num} ({held / num:.3f}, "
        f"stated {plan.confidence:.2f}); misses {num - held}, expected {expected_misses:.1f}"
    )
    window = {}
    for fit in Fit:
        seen = sum(m.fit is fit for m in measured)
        mean, deviation = expected_count(plan, fit, rates_P)
        window[fit.value] = {"measured": seen, "expected": mean, "deviation": deviation}
        say(f"{fit.value}: {seen} problems, expected {mean:.1f} +- {deviation:.1f}")
    unbiased_P = np.array([m.unbiased_rate for m in measured], dtype=float)
    plain_P = np.array([m.num_right / m.num_counted for m in measured])
    means = {"many": rates_P.mean(), "unbiased": unbiased_P.mean(), "plain share": plain_P.mean()}
    error = float(np.sqrt(unbiased_P.var(ddof=1) / num))
    listed = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    say(f"mean pass rate: {listed} (standard error of the unbiased {error:.4f})")
    drawn = sum(m.num_counted + m.num_not_judged for m in measured)
    say(f"responses: {drawn} instead of {num * plan.num_samples} ({drawn / num:.1f} a problem)")
    return {
        "held_fraction": held / num,
        "misses": num - held,
        "expected_misses": expected_misses,
        "confidence": plan.confidence,
        "window": window,
        "mean_pass_rate": {name: float(mean) for name, mean in means.items()},
        "standard_error": error,
        "responses_fraction": drawn / (num * plan.num_samples),
        "stopped_at": dict(sorted(Counter(m.num_counted for m in measured).items())),
    }


def expected_count(plan: Plan, fit: Fit, rates_P: NDArray[np.float64]) -> tuple[float, float]:
    """How many problems of these pass rates the plan would call so, and the standard deviation."""
    chance_P = np.zeros_like(rates_P)
    for outcome in plan.num_orders:
        if plan.fit(*outcome) is fit:
            chance_P += plan.probability(outcome, rates_P)
    return float(chance_P.sum()), float(np.sqrt((chance_P * (1 - chance_P)).sum()))


if __name__ == "__main__":
    sys.exit(main())
