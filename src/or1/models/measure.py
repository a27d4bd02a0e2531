"""Measure a model on held-out problems of the arithmetic task: `python -m or1.models.measure FOLDER`.

Sampled and greedy scores, how many responses each budget cuts off, and where the entropy lies.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np
import torch

from or1.models import model_folder
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.local_engine import LocalEngine
from or1.tasks.arithmetic import MAX_DIFFICULTY, ArithmeticTask
from or1.types import Finish, Problem, Rollout, Sampling
from or1_verify.arithmetic import ArithmeticVerifier

log = logging.getLogger("or1.models.measure")

FIRST_BUDGET = 128
"""Response budget of the first stage [tokens]."""
LAST_BUDGET = 256
"""Response budget of the last stage [tokens]."""
_TOTAL = re.compile(r"\d ?[A-Z]{1,2}[-+*]\d+(?:=\d+[-+]\d)?(?:=|:| = | is )(\d+)")
"""A step of a chain; the group is the total that it states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Behaviour of a model; shares are fractions of responses unless said otherwise."""

    right: float
    """At the last budget."""
    right_first: float
    """At the first budget."""
    truncated_first: float
    truncated_last: float
    always_right: float
    """Share of problems right in every sample."""
    never_right: float
    """Share of problems right in no sample."""
    response_tokens: float
    """Mean length [tokens]."""
    entropy: float
    """Mean over all response tokens [nats/token]."""
    entropy_of_totals: float
    """Mean over the digits of stated totals, where slips happen [nats/token]."""
    entropy_of_wording: float
    """Mean over all other tokens [nats/token]."""
    totals_share: float
    """Share of the tokens that are digits of stated totals."""
    right_by_source: dict[str, float]


def measure(
    engine: LocalEngine,
    tokenizer: ChatTokenizer,
    problems: Sequence[Problem],
    group_size: int,
    temperature: float,
) -> Behaviour:
    """Sample every problem group_size times at the last budget and look at what comes."""
    verifier = ArithmeticVerifier()
    sampling = Sampling(
        temperature=temperature, group_size=group_size, max_response_tokens=LAST_BUDGET, seed=1
    )
    by_id = {problem.id: problem for problem in problems}
    rollouts = sorted(
        engine.rollouts(problems, sampling), key=lambda rollout: (rollout.problem_id, rollout.index)
    )
    right_N = np.array(
        [
            rollout.finish is Finish.STOP
            and verifier.verify(by_id[rollout.problem_id], tokenizer.decode(rollout.response_tokens)).reward
            == 1.0
            for rollout in rollouts
        ]
    )
    length_N = np.array([len(rollout.response_tokens) for rollout in rollouts])
    totals_T = np.concatenate([total_digits(tokenizer, rollout) for rollout in rollouts])
    entropy_T = np.concatenate([_entropy(rollout) for rollout in rollouts])
    rate_P = right_N.reshape(-1, group_size).mean(1)
    source_P = [by_id[key].source for key, _ in groupby(rollout.problem_id for rollout in rollouts)]
    return Behaviour(
        right=float(right_N.mean()),
        right_first=float((right_N & (length_N <= FIRST_BUDGET)).mean()),
        truncated_first=float((length_N > FIRST_BUDGET).mean()),
        truncated_last=float(np.mean([rollout.truncated for rollout in rollouts])),
        always_right=float((rate_P == 1).mean()),
        never_right=float((rate_P == 0).mean()),
        response_tokens=float(length_N.mean()),
        entropy=float(entropy_T.mean()),
        entropy_of_totals=_mean(entropy_T[totals_T]),
        entropy_of_wording=_mean(entropy_T[~totals_T]),
        totals_share=float(totals_T.mean()),
        right_by_source={
            source: float(np.mean([rate for rate, of in zip(rate_P, source_P, strict=True) if of == source]))
            for source in sorted(set(source_P))
        },
    )


def total_digits(tokenizer: ChatTokenizer, rollout: Rollout) -> np.ndarray:
    """Mark the tokens that are digits of a stated total [L]: one token is one character."""
    pieces = [
        tokenizer.decode(rollout.response_tokens[i : i + 1]) for i in range(len(rollout.response_tokens))
    ]
    text = "".join(piece if len(piece) == 1 else "~" for piece in pieces)
    marked_L = np.zeros(len(pieces), dtype=bool)
    for found in _TOTAL.finditer(text):
        marked_L[found.start(1) : found.end(1)] = True
    return marked_L


def _entropy(rollout: Rollout) -> np.ndarray:
    if rollout.behavior_entropy is None:
        raise ValueError("this engine reports no entropy")
    return rollout.behavior_entropy


def _mean(values_T: np.ndarray) -> float:
    """Mean, or nan when there is nothing to take it of."""
    return float(values_T.mean()) if values_T.size else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a model on held-out arithmetic problems.")
    parser.add_argument("folder", nargs="?", default="builtin:tiny")
    parser.add_argument("--num-problems", type=int, default=64)
    parser.add_argument("--group-size", type=int, default=16)
    parser.add_argument("--min-difficulty", type=int, default=1)
    parser.add_argument("--max-difficulty", type=int, default=MAX_DIFFICULTY)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = model_folder(arguments.folder)
    tokenizer = load_tokenizer(folder)
    decoder = load_decoder(folder, dtype=torch.float32, device=torch.device("cpu"))
    engine = LocalEngine(decoder, tokenizer)
    problems = ArithmeticTask(
        split="heldout",
        num_problems=arguments.num_problems,
        min_difficulty=arguments.min_difficulty,
        max_difficulty=arguments.max_difficulty,
    ).problems()
    with torch.inference_mode():
        sampled = measure(engine, tokenizer, problems, arguments.group_size, 1.0)
        greedy = measure(engine, tokenizer, problems, 1, 0.0)
    engine.close()
    for name, value in asdict(sampled).items():
        log.info("%-20s %s", name, _shown(value))
    log.info("%-20s %.3f", "greedy right", greedy.right)
    log.info("%-20s %s", "greedy by source", _shown(greedy.right_by_source))


def _shown(value: float | dict[str, float]) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key.rpartition('-')[2]}: {share:.2f}" for key, share in value.items())
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
