"""or1: reinforcement learning with verifiable rewards for reasoning models.

    run = or1.train("tiny")
    scores = or1.evaluate(run.model_folder, "arithmetic")
    verdict = or1.verify("1/2", r"So it is \\boxed{0.5}.")

See `or1.api`. Importing or1 is cheap: a name is loaded when it is first used.

The threads of a matrix product sleep while they wait for each other, unless `OMP_WAIT_POLICY` says otherwise
or torch was imported before: with threads that spin, a step on CPU takes ten times as long as soon as another
program runs. And large tensors lie in large pages, unless `THP_MEM_ALLOC_ENABLE` says otherwise: taking new
memory for the logits of a real vocabulary costs more than computing them, 4 KiB at a time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from or1_verify import __version__ as __version__

if TYPE_CHECKING:
    from or1.api import Run, Scores, evaluate, train, verify

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
__all__ = ["Run", "Scores", "__version__", "evaluate", "train", "verify"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module or1 has no attribute {name!r}")
    from or1 import api

    return vars(api)[name]


def __dir__() -> list[str]:
    return [*globals(), *__all__]
