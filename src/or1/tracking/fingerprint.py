"""Hashes of a step: if two runs differ, they show the first step and quantity that does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from or1.types import Group, Rollout, UpdateReport

DIGEST_BYTES = 16


def hash_parts(parts: Iterable[bytes]) -> str:
    """blake2b over parts and their lengths, so that parts of equal concatenation differ.

    >>> hash_parts([b"ab", b"c"]) == hash_parts([b"a", b"bc"])
    False
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def fingerprint(step: int, groups: Sequence[Group], report: UpdateReport | None) -> dict[str, int | str]:
    """The row of one step for fingerprints.jsonl, in order from cause to effect.

    problem_ids, prompt_tokens, sampled_tokens, behavior_logprobs and rewards are hashed over all rollouts in
    drawn order; gradient and weights are the trainer's own, absent when switched off or without an update.
    """
    rollouts = [r for g in groups for r in g.rollouts]
    row: dict[str, int | str] = {
        "step": step,
        "problem_ids": hash_parts(f"{r.problem_id}/{r.index}".encode() for r in rollouts),
        "prompt_tokens": hash_parts(_bytes(r.prompt_tokens, "<i4") for r in rollouts),
        "sampled_tokens": hash_parts(_bytes(r.response_tokens, "<i4") for r in rollouts),
        "behavior_logprobs": hash_parts(_bytes(r.behavior_logprobs, "<f4") for r in rollouts),
        "rewards": hash_parts(_reward(r) for r in rollouts),
    }
    if report is not None:
        row |= dict(sorted(report.hashes.items()))
    return row


def _bytes(array: NDArray[np.generic], dtype: str) -> bytes:
    return np.ascontiguousarray(array, dtype=dtype).tobytes()


def _reward(rollout: Rollout) -> bytes:
    """The reward in full precision; for a rollout without one a text that is no number."""
    return rollout.reward.hex().encode() if rollout.judged else b"not_judged"
