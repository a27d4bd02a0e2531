"""Tokens of each prompt, kept between runs: to template and encode 100,000 prompts takes half a minute."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from or1.nn.native import cache_folder
from or1.nn.tokenizer import ChatTokenizer
from or1.storage.atomic import replacing
from or1.types import Int64, Message, Problem

logger = logging.getLogger(__name__)

FEW = 1000
"""Fewer prompts are encoded each time [prompts]."""


def prompt_lengths(tokenizer: ChatTokenizer, problems: Sequence[Problem]) -> list[int]:
    """Tokens of the prompt of each problem.

    Lengths are kept in the cache folder by the content of the prompt, in one file for each tokenizer,
    template and chat settings. Prompts that are not there are encoded and added. Without a writable folder
    all are encoded.
    """
    fingerprint = tokenizer.fingerprint() if len(problems) >= FEW else None
    if fingerprint is None:
        return [len(tokenizer.encode_prompt(problem.prompt)) for problem in problems]
    path = cache_folder() / "prompt-lengths" / f"{fingerprint}.npy"
    known = _read(path)
    hashes = [_hash(problem.prompt) for problem in problems]
    missing = {h: problem.prompt for h, problem in zip(hashes, problems, strict=True) if h not in known}
    if missing:
        known |= {h: len(tokenizer.encode_prompt(prompt)) for h, prompt in missing.items()}
        _write(path, known)
    return [known[h] for h in hashes]


def _hash(prompt: tuple[Message, ...]) -> int:
    text = json.dumps([(message.role, message.content) for message in prompt])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _read(path: Path) -> dict[int, int]:
    """Hash of a prompt -> tokens; empty where there is no readable file."""
    try:
        pairs: Int64 = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return {}
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype != np.int64:
        return {}
    return dict(pairs.tolist())


def _write(path: Path, known: dict[int, int]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=False) as unfinished, unfinished.open("wb") as file:
            np.save(file, np.asarray(list(known.items()), dtype=np.int64))
    except OSError as error:
        logger.info("prompt lengths are not kept: %s", error)
