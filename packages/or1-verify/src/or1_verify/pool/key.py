"""What makes two questions to a verifier the same."""

from __future__ import annotations

import hashlib
import json

from or1_verify.types import Problem

Key = bytes
"""Digest of (task, gold, answer)."""


def key_of(problem: Problem, answer: str) -> Key:
    """The same for every problem with this task and gold."""
    content = json.dumps([problem.task, problem.gold, answer], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).digest()
