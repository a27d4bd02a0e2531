"""A model with known pass rates, for the stages that ask one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from or1.testing import ExactVerifier, FlakyVerifier, InlineVerifierPool
from or1.types import Finish, Problem, Sampling, Text

RIGHT, WRONG, BAD = "1", "0", "bad"
"""What it says; the verifier fails on the last."""


class Coin:
    """Generator that is right with each problem's own probability: a function of (seed, problem, index).

    Args:
        rates: problem id -> probability of a right text.
        truncated: problem id -> probability that a text is cut off.
        bad: problem id -> probability that a text cannot be judged.
        lost: problem id -> probability that a text never comes.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        *,
        truncated: Mapping[str, float] | None = None,
        bad: Mapping[str, float] | None = None,
        lost: Mapping[str, float] | None = None,
    ) -> None:
        self._rates = rates
        self._odds = {"truncated": truncated or {}, "bad": bad or {}, "lost": lost or {}}
        self.num_texts = 0
        self.calls: list[tuple[int, Sampling]] = []
        """(problems, sampling) of each call."""

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        self.calls.append((len(problems), sampling))
        keys = [(p.id, i) for p in problems for i in range(sampling.group_size)]
        for problem_id, index in sorted(keys, key=lambda key: _chance(sampling.seed, "order", *key)):
            if self._happens("lost", sampling.seed, problem_id, index):
                continue
            self.num_texts += 1
            yield self._text(sampling.seed, problem_id, index)

    def _text(self, seed: int, problem_id: str, index: int) -> Text:
        is_right = _chance(seed, "right", problem_id, index) < self._rates[problem_id]
        said = BAD if self._happens("bad", seed, problem_id, index) else RIGHT if is_right else WRONG
        is_cut = self._happens("truncated", seed, problem_id, index)
        finish = Finish.LENGTH if is_cut else Finish.STOP
        return Text(problem_id=problem_id, index=index, text=said, finish=finish, num_tokens=7)

    def _happens(self, what: str, seed: int, problem_id: str, index: int) -> bool:
        odds = self._odds[what]
        return problem_id in odds and _chance(seed, what, problem_id, index) < odds[problem_id]


def _chance(seed: int, what: str, problem_id: str, index: int) -> float:
    digest = hashlib.sha256(f"{seed}/{what}/{problem_id}/{index}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def pool() -> InlineVerifierPool:
    """Hands verdicts out in blocks, last first."""
    return InlineVerifierPool({"exact": FlakyVerifier(ExactVerifier(), fails_on={BAD})}, block=3)
