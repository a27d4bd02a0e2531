"""Any engine as a generator of texts, for evaluation and curation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from or1.protocols import RolloutEngine, Tokenizer, response_text
from or1.types import Problem, Sampling, Text


def never_interrupt() -> None:
    """The default check: it does nothing."""


class EngineGenerator:
    """Generator that samples with the weights the engine has loaded.

    Args:
        engine: samples rollouts, in any order.
        tokenizer: decodes the responses.
        check: called for each rollout; may raise to end the generation early.
    """

    def __init__(
        self, engine: RolloutEngine, tokenizer: Tokenizer, check: Callable[[], None] = never_interrupt
    ) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._check = check

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for rollout in self._engine.rollouts(problems, sampling):
            self._check()
            yield Text(
                problem_id=rollout.problem_id,
                index=rollout.index,
                text=response_text(self._tokenizer, rollout),
                finish=rollout.finish,
                num_tokens=len(rollout.response_tokens),
            )
