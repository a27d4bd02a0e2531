"""Random numbers are functions of a seed and a purpose, so no generator state needs saving.

`derive_seed` gives the seeds of rollouts, evaluations and curation. These parts hash seed and purpose by
themselves, because another derivation would change their numbers, and so existing runs and data sets:

- `rollout/sampling.rollout_key`: one 64-bit key per rollout, for the counter-based generator of its tokens.
- `tasks/noise.rank`, `tasks/sampler`, `tasks/arithmetic`: which problems are made, and in which order.
- `curate/write`, `curate/inspect`: which rows a data set keeps or shows; xxh3, because there are many.
- `or1_verify/pool/second_opinion`: which answers are verified twice; or1_verify does not import or1.
- `models/build`: the training texts of the shipped models.
"""

from __future__ import annotations

import hashlib
import json


def derive_seed(seed: int, purpose: str, *parts: int | str) -> int:
    """A 63-bit seed from (seed, purpose, parts), the same on every machine and in every order of calls.

    >>> derive_seed(1, "rollout", 0) == derive_seed(1, "rollout", 0) != derive_seed(1, "rollout", 1)
    True
    """
    content = json.dumps([seed, purpose, *parts])
    digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
