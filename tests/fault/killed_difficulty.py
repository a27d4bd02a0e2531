"""A measurement of difficulty that kills itself after so many texts: `JOURNAL NUM_TEXTS`; 0 = never."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from or1.curate.difficulty import measure
from or1.curate.settings import DifficultyConfig
from or1.testing import make_problem
from or1.types import Problem, Sampling, Text
from tests.unit.curate.worlds import Coin, pool

PROBLEMS = [make_problem(n) for n in range(30)]
RATES = {p.id: n / 29 for n, p in enumerate(PROBLEMS)}


class Dying:
    """Passes on what another generator says, until its hour."""

    def __init__(self, inner: Coin, num_texts: int) -> None:
        self._inner = inner
        self._left = num_texts

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for text in self._inner.generate(problems, sampling):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            yield text


def main(path: str, num_texts: int) -> None:
    coin = Coin(RATES, bad={PROBLEMS[3].id: 0.3}, truncated={PROBLEMS[4].id: 0.5})
    config = DifficultyConfig(model="m", max_response_tokens=64)
    measured = measure(Dying(coin, num_texts), pool(), PROBLEMS, config, seed=1, path=Path(path))
    print(*(f"{m.num_right}/{m.num_counted}" for m in measured))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
